//! Connection test with stored or given settings. Changes nothing.

use super::connected_systems::{SettingInputs, check_all};
use super::{connector_of, run};
use crate::app::App;
use crate::connectors::connector::{Connector, Verb};
use crate::connectors::definitions::ldap_setting;
use crate::connectors::ldap::probe::Outcome;
use crate::connectors::ldap::source::Tested;
use crate::domain::connected_system::{Settings, StoredValue};
use crate::domain::setting::{Change, Setting};
use crate::error::{Error, Faults, Result};
use crate::security::secret::Secret;
use crate::store::connected_systems::{self as systems, System};

/// Tests the stored settings, overridden by those of the request. A stored password is sent only to the target it was
/// entered for; another target needs it in the request.
pub async fn run(app: &App, id: i64, inputs: Option<SettingInputs>, faults: Faults) -> Result<Tested> {
    let (system, mut settings) = app.db.read(move |c| Ok((systems::get(c, id)?, systems::settings(c, id)?))).await?;
    let definition = connector_of(&system)?;
    let changes = check_all(definition, inputs.unwrap_or_default(), faults)?;
    let sent = apply(&mut settings, changes);
    let connector = Connector::configure(definition, Verb::Test, id, &settings, sent, run::resources(app))?;
    // A person is waiting: tests queue behind each other, not behind imports.
    let _turn = app.tests.clone().acquire_owned().await;
    // A task of its own: a panic of the LDAP library over what a directory sent is one failed test.
    let tested = tokio::spawn(connector.test()).await;
    let tested = tested.unwrap_or_else(|panic| Err(Error::internal("a connection test panicked", panic)))?;
    log(&system, &tested);
    Ok(tested)
}

/// Logs failures and warnings, which an import would meet too.
fn log(system: &System, tested: &Tested) {
    for stage in &tested.report.stages {
        let (finding, text) = match &stage.outcome {
            Outcome::Failed(finding) => (finding, "a connection test failed"),
            Outcome::Warning(finding) => (finding, "warning of a connection test"),
            Outcome::Ok(_) | Outcome::Skipped(_) => continue,
        };
        tracing::warn!(
            connected_system.id = system.id,
            connected_system.name = system.name,
            stage = stage.name,
            finding = finding.message,
            "{text}"
        );
    }
}

/// Overrides stored values and returns the password of the request. Another target invalidates the stored password.
fn apply(settings: &mut Settings, changes: Vec<(&'static Setting, Change)>) -> Option<Secret> {
    let (mut target_moved, mut sent) = (false, None);
    for (setting, change) in changes {
        match change {
            Change::None => continue,
            Change::Seal(secret) => {
                sent = Some(Secret::new(secret));
                continue;
            }
            Change::Clear => target_moved |= settings.0.remove(&setting.id).is_some() && setting.target,
            Change::Set(value) => {
                let value = StoredValue::Open(value);
                target_moved |= setting.target && settings.0.get(&setting.id) != Some(&value);
                settings.0.insert(setting.id, value);
            }
        }
    }
    if let Some(StoredValue::Sealed { needs_reentry, .. }) = settings.0.get_mut(&ldap_setting::PASSWORD) {
        *needs_reentry |= target_moved;
    }
    sent
}
