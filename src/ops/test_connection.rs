//! Trying out the settings of a connected system, stored or not, without changing anything.

use super::connector_of;
use crate::app::App;
use crate::connectors::definitions::{self, ldap_setting};
use crate::connectors::ldap::Access;
use crate::connectors::ldap::connect::NOT_ALLOWED_CODE;
use crate::connectors::ldap::probe::{Outcome, Report, probe};
use crate::connectors::ldap::settings::LdapSettings;
use crate::domain::connected_system::{Settings, StoredValue};
use crate::domain::setting::Change;
use crate::error::{Error, Faults, Result};
use crate::ops::connected_systems::{SettingInputs, check_all};
use crate::ops::imports::{REENTER, ready_to_connect, unusable};
use crate::security::secret::Secret;
use crate::store::connected_systems as systems;

/// What came of a test, and where it went.
#[derive(Debug)]
pub struct Tested {
    /// The host of the settings.
    pub host: String,
    /// The port that they come down to.
    pub port: u16,
    /// Stage by stage.
    pub report: Report,
}

/// Tries out the stored settings with those of the caller over them. A stored password goes only where it was
/// entered for: with another target it has to be sent along.
pub async fn run(app: &App, id: i64, inputs: Option<SettingInputs>, faults: Faults) -> Result<Tested> {
    let (system, mut settings) = app.db.read(move |c| Ok((systems::get(c, id)?, systems::settings(c, id)?))).await?;
    let connector = connector_of(&system)?;
    let changes = check_all(connector, inputs.unwrap_or_default(), faults)?;
    if connector.id != definitions::LDAP {
        return Err(Error::BadRequest(format!("the connector {} has no connection to test", connector.name)));
    }
    let sent = apply(&mut settings, changes)?;
    let ldap = LdapSettings::read(&settings.values()).map_err(unusable)?;
    let password = ready_to_connect(app, id, &ldap, &settings, sent)?.unsealed(app)?;
    // A person is waiting: a test does not stand in line behind imports, but with other tests.
    let _turn = app.tests.clone().acquire_owned().await;
    let (host, port) = (ldap.target.host.clone(), ldap.target.port);
    let access = Access::new(ldap, password, app.trust.clone(), app.ldap_limits.clone());
    // A task of its own: should the LDAP library panic over what a directory sent, it is one failed test.
    let report = tokio::spawn(async move { probe(&access).await }).await;
    let report = report.map_err(|panic| Error::internal("a connection test panicked", panic))?;
    // Refused before connecting, as an import refuses it, whether the host was an address or a name that led to one.
    if let Some(Outcome::Failed { code, message, .. }) = report.stages.first().map(|s| &s.outcome)
        && code == NOT_ALLOWED_CODE
    {
        return Err(unusable(message.clone()));
    }
    Ok(Tested { host, port, report })
}

/// Lays the caller's values over the stored ones and returns the password among them.
fn apply(
    settings: &mut Settings,
    changes: Vec<(&'static crate::domain::setting::Setting, Change)>,
) -> Result<Option<Secret>> {
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
    let stored = settings.sealed(ldap_setting::PASSWORD).is_some();
    match target_moved && sent.is_none() && stored {
        true => Err(Error::BadRequest(REENTER.to_owned())),
        false => Ok(sent),
    }
}
