//! A configured directory: settings validated, password still sealed, not connected.

use super::connect::{NOT_ALLOWED, NOT_ALLOWED_CODE};
use super::directory::Directory;
use super::probe::{Outcome, Report, probe};
use super::settings::LdapSettings;
use super::{Access, import, schema};
use crate::connectors::definitions::ldap_setting;
use crate::connectors::import::{Absence, MissingObject, Pages, Reading};
use crate::connectors::invalid_settings;
use crate::connectors::resources::Resources;
use crate::domain::connected_system::Settings;
use crate::domain::connector_space::ImportScope;
use crate::domain::schema::SeenSchema;
use crate::domain::setting::SettingErrors;
use crate::error::{Error, Result};
use crate::security::secret::Secret;

const REENTER: &str = "password must be re-entered because the connection target changed";

/// Seconds of an import of objects, which ends by itself when the directory is idle.
const MAX_OBJECT_SECONDS: u64 = 30 * 24 * 3600;

pub(crate) struct LdapSource {
    system: i64,
    settings: LdapSettings,
    password: Password,
    resources: Resources,
}

/// Validates all settings but the password, and the host against the address policy.
fn check(stored: &Settings, resources: &Resources) -> Result<LdapSettings, SettingErrors> {
    let settings = LdapSettings::read(&stored.values())?;
    if resources.ldap_limits.hosts.refuses(&settings.target.host, settings.target.port) {
        return Err(SettingErrors::of(ldap_setting::HOST, format!("Host: {NOT_ALLOWED}")));
    }
    Ok(settings)
}

fn with_password(errors: Option<SettingErrors>, is_set: bool) -> SettingErrors {
    let mut errors = errors.unwrap_or_default();
    if !is_set {
        errors.add(ldap_setting::PASSWORD, "Password is required");
    }
    errors
}

enum Password {
    Sent(Secret),
    Sealed(Vec<u8>),
}

#[derive(Debug)]
pub struct Tested {
    pub host: String,
    pub port: u16,
    pub report: Report,
}

impl LdapSource {
    pub fn configure(system: i64, stored: &Settings, sent: Option<Secret>, resources: Resources) -> Result<Self> {
        let sealed = stored.sealed(ldap_setting::PASSWORD);
        // Checked first, whatever else is invalid: the stored password was entered for another target.
        if sent.is_none() && matches!(sealed, Some((_, true))) {
            return Err(Error::BadRequest(REENTER.to_owned()));
        }
        let password = match (sent, sealed) {
            (Some(sent), _) => Some(Password::Sent(sent)),
            (None, sealed) => sealed.map(|(sealed, _)| Password::Sealed(sealed.to_vec())),
        };
        match (check(stored, &resources), password) {
            (Ok(settings), Some(password)) => Ok(LdapSource { system, settings, password, resources }),
            (checked, password) => Err(invalid_settings(with_password(checked.err(), password.is_some()))),
        }
    }

    /// Errors that an import would end with before it connects.
    pub fn errors(stored: &Settings, resources: &Resources) -> SettingErrors {
        let errors = check(stored, resources).err();
        match stored.sealed(ldap_setting::PASSWORD) {
            Some((_, true)) => {
                let mut errors = errors.unwrap_or_default();
                errors.add(ldap_setting::PASSWORD, REENTER);
                errors
            }
            sealed => with_password(errors, sealed.is_some()),
        }
    }

    pub async fn hierarchy(self) -> Result<Directory> {
        Ok(Directory::connect(self.system, self.access()?).await?)
    }

    pub async fn schema(self) -> Result<SeenSchema> {
        let system = self.system;
        let access = self.access()?;
        let (mut session, root) = access.connect().await?;
        for remark in access.transport_remarks(&session) {
            tracing::warn!(connected_system.id = system, "{remark}");
        }
        let mut seen = schema::discover(&access, &mut session, &root).await?;
        seen.warnings.extend(access.warnings(&session, &root));
        session.close().await;
        Ok(seen)
    }

    pub async fn test(self) -> Result<Tested> {
        let (host, port) = (self.settings.target.host.clone(), self.settings.target.port);
        let report = probe(&self.access()?).await;
        // The same error as that of an import, for an address as well as for a name that resolves to it.
        if let Some(Outcome::Failed(finding)) = report.stages.first().map(|s| &s.outcome)
            && finding.code == NOT_ALLOWED_CODE
        {
            return Err(invalid_settings(finding.to_string()));
        }
        Ok(Tested { host, port, report })
    }

    /// Reads the objects of a scope and passes them on. Fails if nothing could be read at all.
    pub async fn import(&self, scope: &ImportScope, pages: Pages) -> Result<Reading> {
        if let Some(unidentified) = scope.types.iter().find(|t| t.external_id().is_none()) {
            return Err(Error::BadRequest(format!("object type {} has no external id", unidentified.name)));
        }
        Ok(import::import(&self.object_access()?, scope, pages).await?)
    }

    /// Looks up objects that a complete reading did not show; the answers are in their order.
    pub async fn look_up(&self, scope: &ImportScope, missing: &[MissingObject]) -> Result<Vec<Absence>> {
        Ok(import::look_up(&self.object_access()?, scope, missing).await?)
    }

    /// Whether each DN answers with its immutable id; the answers are in their order.
    pub async fn holders(&self, names: &[(String, [u8; 16])]) -> Result<Vec<bool>> {
        Ok(import::holders(&self.object_access()?, names).await?)
    }

    /// Opens the password and starts the time limit of the run.
    fn access(&self) -> Result<Access> {
        let Resources { trust, ldap_limits, .. } = self.resources.clone();
        Ok(Access::new(self.settings.clone(), self.open_password()?, trust, ldap_limits))
    }

    /// Access for as long as objects arrive: Search Timeout is for runs that cannot be cancelled.
    fn object_access(&self) -> Result<Access> {
        let Resources { trust, ldap_limits, .. } = self.resources.clone();
        let settings = LdapSettings { total_seconds: MAX_OBJECT_SECONDS, ..self.settings.clone() };
        Ok(Access::new(settings, self.open_password()?, trust, ldap_limits.of_objects()))
    }

    fn open_password(&self) -> Result<Secret> {
        match &self.password {
            Password::Sent(password) => Ok(Secret::new(password.expose().to_owned())),
            Password::Sealed(sealed) => self
                .resources
                .keyring
                .open_setting(self.system, ldap_setting::PASSWORD, sealed)
                .map_err(|e| Error::internal("the stored password cannot be opened", e)),
        }
    }
}
