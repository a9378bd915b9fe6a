//! Frame of every run: the lock of the system, its turn, the activity, the log, the metrics and the end.
//!
//! A verb reads the outside system, plans, and applies its plan through `Run::apply`; it never touches activities.

mod frame;
mod full_import;
pub mod import_hierarchy;
pub mod import_schema;
mod profile_run;
pub mod queue;
mod validate;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::{Caller, connector_of};
use crate::app::{App, RunLock};
use crate::connectors::connector::{Connector, Verb};
use crate::connectors::resources::Resources;
use crate::db::Tx;
use crate::domain::text::one_line;
use crate::error::{Error, Result};
use crate::metrics::{Ending, Imported};
use crate::store::activities::{self, Operation, Outcome, Target};
use crate::store::connected_systems::{self as systems, System};

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ImportHierarchy,
    /// Changes nothing, leaves no activity and is not counted.
    PreviewHierarchy,
    ImportSchema,
}

/// Run of one connected system. Clones are the same run.
#[derive(Clone)]
pub(super) struct Run {
    app: App,
    pub system: Arc<System>,
    kind: Kind,
    activity: Option<Uuid>,
    lock: Arc<RunLock>,
    turn: Option<Arc<OwnedSemaphorePermit>>,
    /// Start of the work, after the wait for its turn.
    begun: Instant,
    ending: Arc<OnceLock<Ending>>,
    /// Name and id of the system and the id of the request, on each line of the log.
    span: Span,
}

/// Result of a run, as activity, log and metrics record it.
pub(super) struct Summary {
    /// One line.
    pub message: String,
    pub warnings: Vec<String>,
    /// Why nothing was applied.
    pub stopped: Option<String>,
    /// Things that the run was about.
    pub total: usize,
}

/// Takes the lock of a system.
///
/// # Errors
/// A run of the system holds it.
pub(super) fn lock(app: &App, system: i64) -> Result<RunLock> {
    let running = || Error::Conflict("an import is already running on this system".to_owned());
    app.imports.take(system).ok_or_else(running)
}

/// Reads a system and its connector with checked settings.
///
/// # Errors
/// There is no such system, or its settings are not fit for the verb.
async fn configure(app: &App, id: i64, verb: Verb) -> Result<(System, Connector)> {
    let (system, stored) = app.db.read(move |c| Ok((systems::get(c, id)?, systems::settings(c, id)?))).await?;
    let connector = Connector::configure(connector_of(&system)?, verb, id, &stored, None, resources(app))?;
    Ok((system, connector))
}

/// Parts of the server that connectors use.
pub(super) fn resources(app: &App) -> Resources {
    Resources {
        keyring: app.keyring.clone(),
        trust: app.trust.clone(),
        ldap_limits: app.ldap_limits.clone(),
        files_root: app.files_root.clone(),
    }
}

/// Takes the lock of a system and opens the activity of a run.
///
/// # Errors
/// Another run of the system goes on.
async fn start(app: &App, system: System, kind: Kind, caller: &Caller) -> Result<Run> {
    let lock = Arc::new(lock(app, system.id)?);
    let (id, name, by) = (system.id, system.name.clone(), caller.initiator());
    let activity = match kind.recorded() {
        None => None,
        Some((operation, _)) => {
            Some(app.db.write(move |tx| activities::open(tx, operation, Target::System(Some(id), &name), &by)).await?)
        }
    };
    // Of the highest level, or a filter that shows only warnings would show them without it.
    let span = tracing::error_span!(
        "import",
        connected_system.id = system.id,
        connected_system.name = &*one_line(&system.name),
        request.id = &*caller.request
    );
    let (app, system, begun) = (app.clone(), Arc::new(system), Instant::now());
    Ok(Run { app, system, kind, activity, lock, turn: None, begun, ending: Arc::default(), span })
}

impl Run {
    /// Waits for the turn of the run, does its work and ends it, also when the caller hangs up.
    async fn carry_out<T, F>(self, work: impl FnOnce(Run) -> F + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        let (mut run, span) = (self.clone(), self.span.clone());
        // A task of its own: a panic of the LDAP library over what a directory sent is one failed run.
        let task = async move {
            run.turn = run.app.imports.permit().await.map(Arc::new);
            run.begun = Instant::now();
            tracing::info!("{} started", run.kind.name());
            work(run).await
        };
        let task = tokio::spawn(task.instrument(span.clone()));
        let result = task.await.unwrap_or_else(|panic| Err(Error::internal("an import panicked", panic)));
        self.finish(result).instrument(span).await
    }

    /// Lock and turn of the run, for work that may outlast it.
    fn hold(&self) -> impl Send + 'static {
        (self.lock.clone(), self.turn.clone())
    }

    /// Applies a plan and closes the activity in one transaction, then logs the result.
    async fn apply<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Tx<'_>) -> Result<(T, Summary)> + Send + 'static,
    ) -> Result<T> {
        let (activity, read) = (self.activity, self.begun.elapsed());
        let change = move |tx: &Tx<'_>| {
            let (value, summary) = change(tx)?;
            if let Some(activity) = activity {
                activities::close(tx, activity, &summary.outcome())?;
            }
            Ok((value, summary))
        };
        let (value, summary) = self.app.db.write_large(change).await?;
        for warning in &summary.warnings {
            // It holds names as the outside system has them.
            tracing::warn!(warning = &*one_line(warning), "warning of an import");
        }
        tracing::info!(
            read_ms = read.as_millis() as u64,
            write_ms = (self.begun.elapsed() - read).as_millis() as u64,
            items = summary.total,
            applied = summary.stopped.is_none(),
            "{} ended: {}",
            self.kind.name(),
            summary.message
        );
        // Set once: a run applies one plan.
        let _ = self.ending.set(summary.ending());
        Ok(value)
    }

    /// Logs and counts the run, and closes its activity if it failed.
    async fn finish<T>(self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            tracing::warn!(error = &*one_line(&shown(error)), "{} failed", self.kind.name());
        }
        let Some((activity, (_, counted))) = self.activity.zip(self.kind.recorded()) else { return result };
        let ending = if result.is_ok() { self.ending.get().copied() } else { None };
        self.app.metrics.imported(self.system.id, counted, ending.unwrap_or(Ending::Failed), self.begun.elapsed());
        if let Err(error) = &result {
            self.fail(activity, shown(error)).await;
        }
        result
    }

    async fn fail(&self, activity: Uuid, error: String) {
        let outcome = Outcome { error: Some(error), ..Outcome::default() };
        let closed = self.app.db.write(move |tx| activities::close(tx, activity, &outcome)).await;
        if let Err(e) = closed {
            // It stays in progress and is closed at the next start.
            tracing::error!(activity.id = %activity, error = e.chain(), "a failed import could not be recorded");
        }
    }
}

impl Kind {
    /// Operation of the activity, and what the metrics count.
    fn recorded(self) -> Option<(Operation, Imported)> {
        match self {
            Kind::ImportHierarchy => Some((Operation::ImportHierarchy, Imported::Hierarchy)),
            Kind::PreviewHierarchy => None,
            Kind::ImportSchema => Some((Operation::ImportSchema, Imported::Schema)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::ImportHierarchy => "hierarchy import",
            Kind::PreviewHierarchy => "hierarchy preview",
            Kind::ImportSchema => "schema import",
        }
    }
}

/// Text of an error in activities; the log has the cause where the request is answered.
fn shown(error: &Error) -> String {
    match error {
        Error::Internal { .. } | Error::Damaged { .. } => {
            "an unexpected error occurred; the server log names the cause".to_owned()
        }
        shown => shown.to_string(),
    }
}

impl Summary {
    fn outcome(&self) -> Outcome {
        Outcome {
            message: Some(self.message.clone()),
            warning: (!self.warnings.is_empty()).then(|| self.warnings.join("\n")),
            error: self.stopped.clone(),
            to_process: self.total,
            processed: if self.stopped.is_some() { 0 } else { self.total },
        }
    }

    fn ending(&self) -> Ending {
        match (&self.stopped, self.warnings.is_empty()) {
            (Some(_), _) => Ending::Failed,
            (None, false) => Ending::Warning,
            (None, true) => Ending::Complete,
        }
    }
}
