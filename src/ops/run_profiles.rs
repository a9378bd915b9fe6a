//! Run profiles: create, change, delete.

use super::{Caller, connector_of};
use crate::app::App;
use crate::connectors::definitions::{ConnectorKind, file_setting};
use crate::db::{Connection, Tx};
use crate::domain::run_profile::{DEFAULT_PAGE_SIZE, RunType};
use crate::error::{Error, Result};
use crate::store::activities::{self, Initiator, New, Operation, Outcome, Target};
use crate::store::connected_systems::{self as systems, System};
use crate::store::hierarchy;
use crate::store::run_profiles::{self as store, RunProfile};
use crate::store::runs;
use time::OffsetDateTime;

/// Profiles of a system at most: lists of them are not paged.
const MAX_PROFILES: i64 = 1000;

/// Valid input for a profile. In an update `None` keeps a field.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub name: Option<String>,
    pub page_size: Option<i64>,
    /// `Some(None)` clears it.
    pub partition: Option<Option<i64>>,
    /// An empty text clears it.
    pub file_path: Option<String>,
}

/// Profiles of a system in the order of their ids.
pub(crate) async fn list(app: &App, system: i64) -> Result<Vec<RunProfile>> {
    let listed = app.db.read(move |c| {
        systems::require(c, system)?;
        store::list(c, system)
    });
    listed.await
}

pub(crate) async fn get(app: &App, system: i64, id: i64) -> Result<RunProfile> {
    app.db.read_few(move |c| store::get(c, system, id)).await
}

/// Creates a profile.
///
/// # Errors
/// The connector has no such run, or the partition is not one of the system.
pub(crate) async fn create(
    app: &App,
    system: i64,
    run_type: RunType,
    fields: Fields,
    caller: &Caller,
) -> Result<RunProfile> {
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let system = systems::get(tx, system)?;
            check_run_type(tx, &system, run_type)?;
            if store::count(tx, system.id)? >= MAX_PROFILES {
                return Err(Error::field("name", format!("A system has at most {MAX_PROFILES} run profiles.")));
            }
            let mut profile = RunProfile {
                id: 0,
                system: system.id,
                name: String::new(),
                run_type,
                page_size: DEFAULT_PAGE_SIZE,
                partition: None,
                partition_name: None,
                file_path: None,
            };
            change(tx, &mut profile, fields)?;
            profile.id = store::insert(tx, &profile)?;
            let done = Outcome::done(format!("Created as {}", run_type.name()));
            record(tx, Operation::Create, &system, &profile.name, &by, &done)?;
            Ok(profile)
        })
        .await
}

/// Changes a profile: only what is given. The run type stays.
pub(crate) async fn update(app: &App, system: i64, id: i64, fields: Fields, caller: &Caller) -> Result<RunProfile> {
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let system = systems::get(tx, system)?;
            let mut profile = store::get(tx, system.id, id)?;
            let changed = change(tx, &mut profile, fields)?;
            store::update(tx, &profile)?;
            record(tx, Operation::Update, &system, &profile.name, &by, &Outcome::changed(&changed))?;
            Ok(profile)
        })
        .await
}

pub(crate) async fn delete(app: &App, system: i64, id: i64, caller: &Caller) -> Result<()> {
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let system = systems::get(tx, system)?;
            let profile = store::get(tx, system.id, id)?;
            if runs::names_profile(tx, id)? {
                return Err(Error::Conflict(
                    "a run of this profile waits or goes on; cancel it, or let it end".to_owned(),
                ));
            }
            store::delete(tx, id)?;
            record(tx, Operation::Delete, &system, &profile.name, &by, &Outcome::done("Deleted"))
        })
        .await
}

/// Checks that the connector has such a run; that of a file depends on its mode.
fn check_run_type(c: &Connection, system: &System, run_type: RunType) -> Result<()> {
    let definition = connector_of(system)?;
    let has = definition.capabilities;
    let able = match run_type {
        RunType::FullImport => has.full_import,
        RunType::DeltaImport => has.delta_import,
        RunType::Export => has.export,
        RunType::FullSynchronisation | RunType::DeltaSynchronisation => true,
    };
    if !able {
        let why = format!("{} has no {}.", definition.name, run_type.name());
        return Err(Error::field("runType", why));
    }
    if definition.kind == ConnectorKind::File {
        let settings = systems::settings(c, system.id)?.values();
        let mode = settings.text(file_setting::MODE);
        if !run_type.fits_mode(mode) {
            return Err(Error::field("runType", format!("A file of the mode {mode} has no {}.", run_type.name())));
        }
    }
    Ok(())
}

/// Applies fields to a profile and returns the names of those that changed.
fn change(c: &Connection, profile: &mut RunProfile, fields: Fields) -> Result<Vec<&'static str>> {
    let before = profile.clone();
    if let Some(name) = fields.name {
        profile.name = name;
    }
    if let Some(size) = fields.page_size {
        profile.page_size = size;
    }
    if let Some(partition) = fields.partition {
        profile.partition_name = partition.map(|id| partition_name(c, profile.system, id)).transpose()?;
        profile.partition = partition;
    }
    if let Some(path) = fields.file_path {
        profile.file_path = Some(path).filter(|path| !path.is_empty());
    }
    let changes = [
        ("name", before.name != profile.name),
        ("pageSize", before.page_size != profile.page_size),
        ("partitionId", before.partition != profile.partition),
        ("filePath", before.file_path != profile.file_path),
    ];
    Ok(changes.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect())
}

fn partition_name(c: &Connection, system: i64, id: i64) -> Result<String> {
    match hierarchy::partition(c, system, id) {
        Ok(partition) => Ok(partition.external_id.to_string()),
        Err(Error::NotFound { .. }) => {
            Err(Error::field("partitionId", format!("The system has no partition with the id {id}.")))
        }
        Err(e) => Err(e),
    }
}

fn record(
    tx: &Tx<'_>,
    operation: Operation,
    system: &System,
    profile: &str,
    by: &Initiator,
    outcome: &Outcome,
) -> Result<()> {
    let (target, context) = (Target::RunProfile(system.id, profile), Some(system.name.as_str()));
    let at = OffsetDateTime::now_utc();
    activities::insert(tx, &New { operation, target, context, by, at, parent: None, outcome: Some(outcome) })?;
    Ok(())
}
