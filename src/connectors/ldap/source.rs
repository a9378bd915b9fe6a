//! A configured directory: settings validated, password still sealed, not connected.

use super::connect::{NOT_ALLOWED, NOT_ALLOWED_CODE};
use super::directory::Directory;
use super::probe::{Outcome, Report, probe};
use super::settings::LdapSettings;
use super::{Access, schema};
use crate::connectors::definitions::ldap_setting;
use crate::connectors::invalid_settings;
use crate::connectors::resources::Resources;
use crate::domain::connected_system::Settings;
use crate::domain::schema::SeenSchema;
use crate::error::{Error, Result};
use crate::security::secret::Secret;

const REENTER: &str = "password must be re-entered because the connection target changed";

pub(crate) struct LdapSource {
    system: i64,
    settings: LdapSettings,
    password: Password,
    resources: Resources,
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
        let settings = LdapSettings::read(&stored.values()).map_err(invalid_settings)?;
        if resources.ldap_limits.hosts.refuses(&settings.target.host, settings.target.port) {
            return Err(invalid_settings(format!("Host: {NOT_ALLOWED}")));
        }
        let password = match (sent, sealed) {
            (Some(sent), _) => Password::Sent(sent),
            (None, Some((sealed, _))) => Password::Sealed(sealed.to_vec()),
            (None, None) => return Err(invalid_settings("Password is required".to_owned())),
        };
        Ok(LdapSource { system, settings, password, resources })
    }

    pub async fn hierarchy(self) -> Result<Directory> {
        let system = self.system;
        Ok(Directory::connect(system, self.access()?).await?)
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

    /// Opens the password and starts the time limit of the run.
    fn access(self) -> Result<Access> {
        let LdapSource { system, settings, password, resources } = self;
        let password = match password {
            Password::Sent(password) => password,
            Password::Sealed(sealed) => resources
                .keyring
                .open_setting(system, ldap_setting::PASSWORD, &sealed)
                .map_err(|e| Error::internal("the stored password cannot be opened", e))?,
        };
        Ok(Access::new(settings, password, resources.trust, resources.ldap_limits))
    }
}
