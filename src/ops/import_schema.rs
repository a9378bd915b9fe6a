//! Importing the schema of a connected system: discover, diff, apply.
//!
//! The directory or file is read with no lock on the database. Then one transaction loads what is stored, plans and
//! applies, so that a choice made meanwhile is never lost.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Caller;
use super::imports::{self, Password, Run, external, unusable};
use crate::app::App;
use crate::connectors::definitions;
use crate::connectors::file::{self, FileSettings};
use crate::connectors::ldap::settings::LdapSettings;
use crate::connectors::ldap::{Access, schema};
use crate::domain::connected_system::Settings;
use crate::domain::schema::{SeenSchema, plan};
use crate::error::{Error, Result};
use crate::metrics::{Ending, Imported};
use crate::store::activities::{self, Operation, Outcome};
use crate::store::connected_systems::{self as systems, System};
use crate::store::schema as rows;

/// How long the head of a file may take to be read: it may lie on another machine.
const FILE_SECONDS: u64 = 60;

/// Where a schema comes from, ready to be opened.
enum Source {
    Ldap { settings: LdapSettings, password: Password },
    File { root: Arc<Path>, settings: FileSettings },
}

/// Imports the schema of a system. Goes on to its end when the caller hangs up.
pub async fn run(app: &App, id: i64, caller: &Caller) -> Result<()> {
    let (system, stored) = app.db.read(move |c| Ok((systems::get(c, id)?, systems::settings(c, id)?))).await?;
    let source = source(app, &system, &stored)?;
    let run = imports::begin(app, &system, Some(Operation::ImportSchema), caller).await?;
    let (activity, work) = (run.activity, import(app.clone(), system, source, run));
    let ended = |warned: &bool| if *warned { Ending::Warning } else { Ending::Complete };
    imports::finish(app, Imported::Schema, activity, work, ended).await.map(drop)
}

fn source(app: &App, system: &System, stored: &Settings) -> Result<Source> {
    match system.connector_id {
        definitions::FILE => {
            let settings = FileSettings::read(&stored.values()).map_err(unusable)?;
            let root = app.files_root.clone().ok_or_else(|| {
                let why = "no connector files folder is configured; set [files] root in jim.toml";
                Error::BadRequest(why.to_owned())
            })?;
            Ok(Source::File { root, settings })
        }
        _ => {
            let (settings, password) = imports::ldap(app, system.id, stored)?;
            Ok(Source::Ldap { settings, password })
        }
    }
}

/// Whether there were warnings.
async fn import(app: App, system: System, source: Source, run: Run) -> Result<bool> {
    let turn = Arc::new(app.imports.turn().await);
    let clock = Instant::now();
    let (id, revision) = (system.id, system.settings_revision);
    let seen = match source {
        Source::Ldap { settings, password } => of_directory(&app, id, settings, password).await?,
        // A file system that hangs keeps its thread, and with it the turn and the run: trying again takes no other.
        Source::File { root, settings } => of_file(root, settings, (turn.clone(), run.lock.clone())).await?,
    };
    let read = clock.elapsed();
    let activity = run.activity;
    let (summary, warnings) = app
        .db
        .write_large(move |tx| {
            let plan = plan(&rows::load(tx, id)?, &seen);
            rows::apply(tx, id, &seen, &plan)?;
            systems::schema_imported(tx, id, revision)?;
            let summary = plan.summary();
            if let Some(activity) = activity {
                let outcome = Outcome {
                    message: Some(summary.clone()),
                    warning: (!plan.warnings.is_empty()).then(|| plan.warnings.join("\n")),
                    error: None,
                    to_process: plan.counts.types,
                    processed: plan.counts.types,
                };
                activities::close(tx, activity, &outcome)?;
            }
            Ok((summary, plan.warnings))
        })
        .await?;
    for warning in &warnings {
        tracing::warn!(connected_system.id = id, "{warning}");
    }
    tracing::info!(
        connected_system.id = id,
        read_ms = read.as_millis() as u64,
        write_ms = (clock.elapsed() - read).as_millis() as u64,
        "schema imported: {summary}"
    );
    Ok(!warnings.is_empty())
}

async fn of_directory(app: &App, id: i64, settings: LdapSettings, password: Password) -> Result<SeenSchema> {
    let access = Access::new(settings, password.unsealed(app)?, app.trust.clone(), app.ldap_limits.clone());
    let (mut session, root) = access.connect().await.map_err(external)?;
    for remark in access.transport_remarks(&session) {
        tracing::warn!(connected_system.id = id, "{remark}");
    }
    let seen = schema::discover(&access, &mut session, &root).await.map_err(external)?;
    session.close().await;
    Ok(seen)
}

async fn of_file(root: Arc<Path>, settings: FileSettings, held: impl Send + 'static) -> Result<SeenSchema> {
    let reading = tokio::task::spawn_blocking(move || {
        let _held = held;
        file::schema(&root, &settings)
    });
    match tokio::time::timeout(Duration::from_secs(FILE_SECONDS), reading).await {
        Ok(Ok(read)) => read.map_err(Error::BadRequest),
        Ok(Err(panic)) => Err(Error::internal("reading a file panicked", panic)),
        Err(_) => {
            let why = "Connection to the external store failed: the file could not be read within";
            Err(Error::External(format!("{why} {FILE_SECONDS} s")))
        }
    }
}
