//! Importing the hierarchy of a connected system: discover, diff, apply.
//!
//! The directory is read with no lock on the file. Then one transaction brings the stored tree to what was seen,
//! together with the flags and the activity. If selections changed meanwhile, the plan is made again inside that
//! transaction, so that no choice is lost.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::imports::{self, Password, Run, external};
use super::{Caller, connector_of};
use crate::app::App;
use crate::connectors::ldap::hierarchy::discover;
use crate::connectors::ldap::partitions;
use crate::connectors::ldap::removal::verify;
use crate::connectors::ldap::root_dse::RootDse;
use crate::connectors::ldap::session::Session;
use crate::connectors::ldap::settings::LdapSettings;
use crate::connectors::ldap::{Access, Failure, Stage};
use crate::db::{Db, Tx};
use crate::domain::hierarchy::{
    Changes, Known, Plan, Policy, RowId, Seen, StoredTree, Verdict, Verdicts, plan, summary,
};
use crate::error::{Error, Result};
use crate::metrics::{Ending, Imported};
use crate::store::activities::{self, Operation, Outcome};
use crate::store::connected_systems::{self as systems, System};
use crate::store::hierarchy;

/// What the caller asked for.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Do everything, change nothing.
    pub preview: bool,
    /// The administrator vouches for what is missing.
    pub accept_removals: bool,
}

/// What an import did, or would do.
#[derive(Debug)]
pub struct Report {
    /// `Some` when the removal guard stopped it; nothing was changed then.
    pub stopped: Option<String>,
    /// Partitions after the import.
    pub total_partitions: usize,
    /// Containers after the import.
    pub total_containers: usize,
    /// What changed.
    pub changes: Changes,
    /// One line of it.
    pub summary: String,
    /// What an administrator should know.
    pub warnings: Vec<String>,
    /// Whether that is more than remarks about the connection.
    pub warned: bool,
}

/// What was stored when the import began.
struct Before {
    hierarchy_revision: i64,
    tree: StoredTree,
}

/// A system that is ready to be imported: settings checked, run taken, nothing opened yet.
struct Ready {
    settings: LdapSettings,
    password: Password,
    system: System,
    run: Run,
}

/// Imports the hierarchy of a system. Goes on to its end when the caller hangs up.
pub async fn run(app: &App, id: i64, options: Options, caller: &Caller) -> Result<Report> {
    let ready = prepare(app, id, options, caller).await?;
    let activity = ready.run.activity;
    let ended = |report: &Report| match (&report.stopped, report.warned) {
        (Some(_), _) => Ending::Failed,
        (None, true) => Ending::Warning,
        (None, false) => Ending::Complete,
    };
    let work = import(app.clone(), ready, options);
    imports::finish(app, Imported::Hierarchy, activity, work, ended).await
}

async fn prepare(app: &App, id: i64, options: Options, caller: &Caller) -> Result<Ready> {
    let (system, stored) = app.db.read(move |c| Ok((systems::get(c, id)?, systems::settings(c, id)?))).await?;
    let connector = connector_of(&system)?;
    if !connector.capabilities.partitions {
        return Err(Error::BadRequest(format!("the connector {} has no hierarchy", connector.name)));
    }
    let (settings, password) = imports::ldap(app, id, &stored)?;
    let operation = (!options.preview).then_some(Operation::ImportHierarchy);
    let run = imports::begin(app, &system, operation, caller).await?;
    Ok(Ready { settings, password, system, run })
}

async fn import(app: App, ready: Ready, options: Options) -> Result<Report> {
    let _turn = app.imports.turn().await;
    let Ready { settings, password, system, run } = ready;
    // The clock of the import starts with its turn.
    let access = Access::new(settings, password.unsealed(&app)?, app.trust.clone(), app.ldap_limits.clone());
    let (id, revision) = (system.id, system.settings_revision);
    let stored = {
        let db = app.db.clone();
        tokio::spawn(async move { load(&db, id).await })
    };
    let clock = Instant::now();
    let (mut session, root) = access.connect().await.map_err(external)?;
    let remarks = access.transport_remarks(&session);
    for remark in &remarks {
        tracing::warn!(connected_system.id = id, "{remark}");
    }
    let before = stored.await.map_err(|e| Error::internal("the stored hierarchy could not be read", e))??;
    let listed = partitions::list(&access, &mut session, &root).await.map_err(external)?;
    let discovery = discover(&access, session, &root, &listed, &Known::new(&before.tree)).await.map_err(external)?;
    let seen = Arc::new(discovery.seen);
    let read = clock.elapsed();
    let mut policy = Policy { verdicts: Verdicts::default(), accept_removals: options.accept_removals };
    // Planning a large tree takes a while: other requests are served meanwhile.
    let mut draft = tokio::task::block_in_place(|| plan(&before.tree, &seen, &policy));
    if !(draft.candidates.is_empty() && draft.partition_candidates.is_empty()) {
        policy.verdicts = ask(&access, discovery.session, &root, &seen, &draft).await.map_err(external)?;
        draft = tokio::task::block_in_place(|| plan(&before.tree, &seen, &policy));
    }
    let plan = draft;
    // Planning cannot be interrupted; what took too long is not written.
    access.in_time(Stage::Containers).map_err(external)?;
    if options.preview {
        return Ok(report(plan, &before.tree, remarks, "Preview: "));
    }
    let (planned, logged) = (clock.elapsed() - read, remarks.len());
    let work = Finish { before, seen, plan, policy, remarks, revision };
    let activity = run.activity;
    let report = app.db.write_large(move |tx| apply(tx, id, activity, work)).await?;
    for warning in report.warnings.iter().skip(logged) {
        // As a field, which is written escaped: it holds names as the directory has them.
        tracing::warn!(connected_system.id = id, warning = warning.as_str(), "of an import of the hierarchy");
    }
    tracing::info!(
        connected_system.id = id,
        read_ms = read.as_millis() as u64,
        plan_ms = planned.as_millis() as u64,
        write_ms = (clock.elapsed() - read - planned).as_millis() as u64,
        containers = report.total_containers,
        applied = report.stopped.is_none(),
        "hierarchy imported: {}",
        report.summary
    );
    Ok(report)
}

/// Asks the directory about what is missing, over a new connection if the others were lost. If there is none to be had,
/// nothing is known and everything stays.
async fn ask(
    access: &Access,
    session: Option<Session>,
    root: &RootDse,
    seen: &Seen,
    plan: &Plan,
) -> std::result::Result<Verdicts, Failure> {
    let mut session = match session {
        Some(session) => session,
        None => match access.connect().await {
            Ok((session, _)) => session,
            Err(failure) if failure.late => return Err(failure),
            Err(failure) => {
                tracing::warn!(%failure, "what is missing cannot be looked up");
                let unclear = |row: RowId| (row, Verdict::Unclear);
                return Ok(Verdicts {
                    containers: plan.candidates.iter().map(|c| unclear(c.row)).collect(),
                    partitions: plan.partition_candidates.iter().map(|(row, _)| unclear(*row)).collect(),
                });
            }
        },
    };
    let verdicts = verify(access, &mut session, root, seen, &plan.candidates, &plan.partition_candidates).await?;
    session.close().await;
    Ok(verdicts)
}

/// Everything that the last transaction needs.
struct Finish {
    before: Before,
    seen: Arc<Seen>,
    plan: Plan,
    policy: Policy,
    remarks: Vec<String>,
    revision: i64,
}

fn apply(tx: &Tx<'_>, id: i64, activity: Option<Uuid>, work: Finish) -> Result<Report> {
    let Finish { before, seen, plan: planned, policy, remarks, revision } = work;
    let now = systems::get(tx, id)?;
    let unchanged = now.hierarchy_revision == before.hierarchy_revision;
    let (plan, tree) = if unchanged {
        (planned, before.tree)
    } else {
        // Selections were changed while the directory was read: plan again on the rows as they are now. A row that
        // is missing only now has no verdict and is kept.
        let tree = hierarchy::load(tx, id)?;
        (plan(&tree, &seen, &policy), tree)
    };
    let stopped = plan.guard.is_some();
    if !stopped {
        if !plan.is_empty() {
            hierarchy::apply(tx, id, &seen, &plan)?;
        }
        systems::hierarchy_imported(tx, id, revision)?;
    }
    let told = plan.warnings.clone();
    let report = report(plan, &tree, remarks, "");
    if let Some(activity) = activity {
        let outcome = Outcome {
            message: Some(report.summary.clone()),
            warning: (!told.is_empty()).then(|| told.join("\n")),
            error: report.stopped.clone(),
            to_process: report.total_containers,
            processed: if stopped { 0 } else { report.total_containers },
        };
        activities::close(tx, activity, &outcome)?;
    }
    Ok(report)
}

fn report(plan: Plan, stored: &StoredTree, remarks: Vec<String>, prefix: &str) -> Report {
    let stopped = plan.guard;
    let prefix = if stopped.is_some() { "Not applied: " } else { prefix };
    let (total_partitions, total_containers) = match stopped {
        Some(_) => (stored.partitions.len(), stored.containers.len()),
        None => (plan.total_partitions, plan.total_containers),
    };
    let (mut warnings, warned) = (remarks, !plan.warnings.is_empty());
    warnings.extend(plan.warnings);
    Report {
        stopped,
        total_partitions,
        total_containers,
        summary: format!("{prefix}{}", summary(&plan.changes)),
        changes: plan.changes,
        warnings,
        warned,
    }
}

async fn load(db: &Db, id: i64) -> Result<Before> {
    db.read(move |c| {
        // One snapshot: the revision belongs to exactly these rows.
        let tx = c.unchecked_transaction()?;
        let hierarchy_revision = systems::get(&tx, id)?.hierarchy_revision;
        Ok(Before { hierarchy_revision, tree: hierarchy::load(&tx, id)? })
    })
    .await
}
