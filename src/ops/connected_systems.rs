//! Connected systems: create, change, read. No call opens a connection.

use std::collections::BTreeMap;

use super::{Caller, connector_of, record_update, run};
use crate::app::App;
use crate::connectors::connector::Connector;
use crate::connectors::definitions::{self, Definition};
use crate::connectors::resources::Resources;
use crate::db::{Connection, Db, Tx};
use crate::domain::connected_system::{Fields, Settings, StoredValue};
use crate::domain::setting::{Change, Input, Kind, Setting, SettingErrors};
use crate::error::{Error, FieldErrors, Result};
use crate::security::secret::Keyring;
use crate::store::activities::list::{LastRun, last_run};
use crate::store::activities::{self, Operation, Outcome, Target};
use crate::store::connected_systems::{self as systems, System};
use crate::store::connector_space;
use crate::store::schema::{self, ListedType};

/// A system with its settings.
#[derive(Debug)]
pub struct Detail {
    pub system: System,
    pub settings: Settings,
    /// Settings that an import would refuse before it connects.
    pub errors: SettingErrors,
    /// Objects in its connector space.
    pub objects: i64,
    pub(crate) last_run: Option<LastRun>,
    /// In no particular order.
    pub types: Vec<ListedType>,
}

/// Setting values of a request, by setting id. `Err` is a validation error of its form, reported with the others.
pub type SettingInputs = BTreeMap<String, Result<Input, String>>;

/// Changes of a system.
#[derive(Default)]
pub struct Update {
    /// Valid fields; the others are in `faults`.
    pub fields: Fields,
    /// `None`: the request has none.
    pub settings: Option<SettingInputs>,
    /// Validation errors so far.
    pub faults: FieldErrors,
}

/// A system in a list.
#[derive(Debug)]
pub struct Listed {
    pub system: System,
    /// Number of selected object types.
    pub selected_types: i64,
    /// Objects in its connector space.
    pub objects: i64,
    pub(crate) last_run: Option<LastRun>,
}

/// All systems, in the order of their ids.
pub async fn list(db: &Db) -> Result<Vec<Listed>> {
    db.read(|c| {
        let selected = schema::selected_types(c)?;
        let objects = connector_space::counts_by_system(c)?;
        let listed = |system: System| {
            let selected_types = selected.get(&system.id).copied().unwrap_or(0);
            let objects = objects.get(&system.id).copied().unwrap_or(0);
            Ok(Listed { selected_types, objects, last_run: last_run(c, system.id)?, system })
        };
        systems::list(c)?.into_iter().map(listed).collect()
    })
    .await
}

/// One system with its schema, which can be thousands of rows.
pub async fn get(app: &App, id: i64) -> Result<Detail> {
    let resources = run::resources(app);
    app.db
        .read(move |c| {
            let bare = Detail::bare(c, id, &resources)?;
            Ok(Detail { types: schema::list(c, id)?, ..bare })
        })
        .await
}

/// One system, provided that it has no schema.
pub async fn get_without_schema(app: &App, id: i64) -> Result<Option<Detail>> {
    let resources = run::resources(app);
    app.db
        .read_few(move |c| {
            let bare = Detail::bare(c, id, &resources)?;
            Ok(if bare.system.has_schema { None } else { Some(bare) })
        })
        .await
}

/// The object types of a system, in no particular order; none if it is gone.
pub async fn types(db: &Db, id: i64) -> Result<Vec<ListedType>> {
    db.read(move |c| schema::list(c, id)).await
}

impl Detail {
    /// Without the object types.
    fn bare(c: &Connection, id: i64, resources: &Resources) -> Result<Self> {
        let (system, settings) = (systems::get(c, id)?, systems::settings(c, id)?);
        let errors = Connector::setting_errors(connector_of(&system)?, &settings, resources);
        let objects = connector_space::count_of(c, id)?;
        Ok(Detail { errors, objects, last_run: last_run(c, id)?, system, settings, types: Vec::new() })
    }
}

/// Creates a system with the defaults of its connector.
pub async fn create(
    app: &App,
    name: String,
    description: Option<String>,
    connector_id: i64,
    caller: &Caller,
) -> Result<Detail> {
    let connector =
        definitions::by_id(connector_id).ok_or_else(|| Error::not_found("connector definition", connector_id))?;
    let (by, resources) = (caller.initiator(), run::resources(app));
    app.db
        .write(move |tx| {
            let id = systems::insert(tx, &name, description.as_deref(), connector.id)?;
            for setting in connector.settings {
                if let Some(value) = setting.preset_value() {
                    systems::set_value(tx, id, setting.id, &StoredValue::Open(value))?;
                }
            }
            let done = Outcome::done(format!("Created with {}", connector.name));
            activities::record(tx, Operation::Create, Target::System(None, &name), &by, &done)?;
            Detail::bare(tx, id, &resources)
        })
        .await
}

/// Changes a system: only what is given, all or nothing. Returns it without object types: reading them would make other
/// writers wait.
pub async fn update(app: &App, id: i64, update: Update, caller: &Caller) -> Result<Detail> {
    let (by, resources) = (caller.initiator(), run::resources(app));
    app.db
        .write(move |tx| {
            if !update.faults.is_empty() && update.settings.is_none() {
                return Err(Error::Invalid(update.faults));
            }
            let before = match systems::get(tx, id) {
                Err(Error::NotFound { .. }) if has_faults_of_form(&update) => {
                    return Err(Error::Invalid(all_faults(update)));
                }
                found => found?,
            };
            let mut changed = changed_fields(&before, &update.fields);
            let resets_validity = update.settings.is_some();
            if let Some(inputs) = update.settings {
                let connector = connector_of(&before)?;
                changed.extend(store_settings(tx, id, connector, inputs, update.faults, &resources.keyring)?);
            }
            systems::update(tx, id, &update.fields, resets_validity)?;
            let detail = Detail::bare(tx, id, &resources)?;
            record_update(tx, &detail.system, &by, &Outcome::changed(&changed))?;
            Ok(detail)
        })
        .await
}

fn has_faults_of_form(update: &Update) -> bool {
    !update.faults.is_empty() || update.settings.iter().flatten().any(|(_, input)| input.is_err())
}

fn all_faults(update: Update) -> FieldErrors {
    let mut faults = update.faults;
    for (id, input) in update.settings.into_iter().flatten() {
        if let Err(fault) = input {
            faults.entry(format!("settingValues.{id}")).or_default().push(fault);
        }
    }
    faults
}

fn changed_fields(before: &System, fields: &Fields) -> Vec<String> {
    let mut changed = Vec::new();
    if fields.name.as_ref().is_some_and(|n| *n != before.name) {
        changed.push("name".to_owned());
    }
    if fields.description.is_some() && fields.description != before.description {
        changed.push("description".to_owned());
    }
    if fields.max_export_parallelism.is_some() && fields.max_export_parallelism != before.max_export_parallelism {
        changed.push("maxExportParallelism".to_owned());
    }
    changed
}

/// Stores setting values and returns the names of those that changed. A stored secret becomes unusable when the
/// target changes without the secret being sent again.
fn store_settings(
    tx: &Tx<'_>,
    system: i64,
    connector: &Definition,
    inputs: SettingInputs,
    faults: FieldErrors,
    keyring: &Keyring,
) -> Result<Vec<String>> {
    let changes = check_all(connector, inputs, faults)?;
    let stored = systems::settings(tx, system)?;
    let mut changed = Vec::new();
    let (mut target_moved, mut secret_sent) = (false, false);
    for (setting, change) in changes {
        let before = stored.0.get(&setting.id);
        match change {
            Change::None => continue,
            Change::Clear => {
                secret_sent |= setting.kind == Kind::Secret;
                if before.is_none() {
                    continue;
                }
                systems::clear_value(tx, system, setting.id)?;
            }
            Change::Set(value) => {
                let value = StoredValue::Open(value);
                if before == Some(&value) {
                    continue;
                }
                systems::set_value(tx, system, setting.id, &value)?;
            }
            Change::Seal(secret) => {
                secret_sent = true;
                let seal = keyring.seal_setting(system, setting.id, &secret);
                let sealed = seal.map_err(|e| Error::internal("a secret cannot be sealed", e))?;
                systems::set_value(tx, system, setting.id, &StoredValue::Sealed { sealed, needs_reentry: false })?;
            }
        }
        target_moved |= setting.target;
        changed.push(setting.name.to_owned());
    }
    if target_moved && !secret_sent {
        systems::require_reentry(tx, system)?;
    }
    Ok(changed)
}

/// Validates every value of a request.
///
/// # Errors
/// All validation errors together.
pub(super) fn check_all(
    connector: &Definition,
    inputs: SettingInputs,
    mut faults: FieldErrors,
) -> Result<Vec<(&'static Setting, Change)>> {
    let mut changes = Vec::with_capacity(inputs.len());
    for (key, input) in inputs {
        match input.and_then(|input| check(connector, &key, &input)) {
            Ok(change) => changes.push(change),
            Err(fault) => faults.entry(format!("settingValues.{key}")).or_default().push(fault),
        }
    }
    if faults.is_empty() { Ok(changes) } else { Err(Error::Invalid(faults)) }
}

fn check(connector: &Definition, key: &str, input: &Input) -> Result<(&'static Setting, Change), String> {
    let unknown = || format!("{} has no setting with the id {key}.", connector.name);
    let setting = key.parse().ok().and_then(|id| connector.setting(id)).ok_or_else(unknown)?;
    Ok((setting, setting.check(input)?))
}
