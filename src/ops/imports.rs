//! What all imports share: the checks before anything is opened, the one run of a system, the activity that is open
//! from then on and closed whatever happens.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::Caller;
use crate::app::{App, RunLock};
use crate::connectors::definitions::ldap_setting;
use crate::connectors::ldap::connect::NOT_ALLOWED;
use crate::connectors::ldap::settings::LdapSettings;
use crate::connectors::ldap::{Failure, FailureKind};
use crate::domain::connected_system::Settings;
use crate::error::{Error, Result};
use crate::metrics::{Ending, Imported};
use crate::security::secret::Secret;
use crate::store::activities::{self, Operation, Outcome, Target};
use crate::store::connected_systems::System;

/// A stored password whose target changed is not used until it is sent again.
pub(super) const REENTER: &str = "password must be re-entered because the connection target changed";

/// The run of a system, held until dropped.
pub(super) struct Run {
    /// The open activity; none for a preview.
    pub activity: Option<Uuid>,
    /// Held for as long as anything of the import goes on.
    pub lock: Arc<RunLock>,
}

/// Takes the one run of a system.
///
/// # Errors
/// An import of the system is running.
pub(super) fn take(app: &App, system: i64) -> Result<RunLock> {
    let running = || Error::Conflict("an import is already running on this system".to_owned());
    app.imports.take(system).ok_or_else(running)
}

/// Takes the one run of a system and opens its activity, if it leaves one.
///
/// # Errors
/// Another import of the system is running.
pub(super) async fn begin(app: &App, system: &System, operation: Option<Operation>, caller: &Caller) -> Result<Run> {
    let lock = take(app, system.id)?;
    let (id, name, by) = (system.id, system.name.clone(), caller.initiator());
    let activity = match operation {
        None => None,
        Some(operation) => {
            Some(app.db.write(move |tx| activities::open(tx, operation, Target::System(Some(id), &name), &by)).await?)
        }
    };
    Ok(Run { activity, lock: Arc::new(lock) })
}

/// Does the work of an import to its end, also when the caller hangs up, closes the activity if it fails, and counts
/// it by how it `ended`. A preview, which has no activity, is not counted.
pub(super) async fn finish<T, W>(
    app: &App,
    what: Imported,
    activity: Option<Uuid>,
    work: W,
    ended: impl FnOnce(&T) -> Ending,
) -> Result<T>
where
    T: Send + 'static,
    W: Future<Output = Result<T>> + Send + 'static,
{
    let begun = Instant::now();
    // A task of its own: should the LDAP library panic over what a directory sent, it is one failed import.
    let result = tokio::spawn(work).await;
    let result = result.unwrap_or_else(|panic| Err(Error::internal("an import panicked", panic)));
    let Some(activity) = activity else { return result };
    app.metrics.imported(what, result.as_ref().map_or(Ending::Failed, ended), begun.elapsed());
    if let Err(error) = &result {
        let text = match error {
            Error::Internal { .. } | Error::Damaged { .. } => {
                "an unexpected error occurred; the server log names the cause".to_owned()
            }
            told => told.to_string(),
        };
        fail(app, activity, text).await;
    }
    result
}

async fn fail(app: &App, activity: Uuid, error: String) {
    let outcome = Outcome { error: Some(error), ..Outcome::default() };
    let closed = app.db.write(move |tx| activities::close(tx, activity, &outcome)).await;
    if let Err(e) = closed {
        // It stays in progress and is closed at the next start.
        tracing::error!(activity.id = %activity, error = e.chain(), "a failed import could not be recorded");
    }
}

/// A password on its way to a directory.
pub(super) enum Password {
    /// Sent along by the caller.
    Sent(Secret),
    /// As it is stored for this system.
    Sealed(i64, Vec<u8>),
}

impl Password {
    /// The password itself. An import opens it when its activity is open, so that one that does not open is recorded.
    ///
    /// # Errors
    /// The sealed value was moved or changed, or its key is not in the keyring.
    pub fn unsealed(self, app: &App) -> Result<Secret> {
        match self {
            Password::Sent(secret) => Ok(secret),
            Password::Sealed(id, sealed) => app
                .keyring
                .open_setting(id, ldap_setting::PASSWORD, &sealed)
                .map_err(|e| Error::internal("the stored password does not open", e)),
        }
    }
}

/// Checks the stored settings of an LDAP system.
///
/// # Errors
/// The settings are not fit for an import.
pub(super) fn ldap(app: &App, id: i64, stored: &Settings) -> Result<(LdapSettings, Password)> {
    // First of all: whatever else is wrong with the new target, the password was not entered for it.
    if matches!(stored.sealed(ldap_setting::PASSWORD), Some((_, true))) {
        return Err(Error::BadRequest(REENTER.to_owned()));
    }
    let settings = LdapSettings::read(&stored.values()).map_err(unusable)?;
    let password = ready_to_connect(app, id, &settings, stored, None)?;
    Ok((settings, password))
}

/// The last checks before anything is opened: the host may be connected to, and there is a password for it.
pub(super) fn ready_to_connect(
    app: &App,
    id: i64,
    ldap: &LdapSettings,
    stored: &Settings,
    sent: Option<Secret>,
) -> Result<Password> {
    if app.ldap_limits.hosts.refuses(&ldap.target.host, ldap.target.port) {
        return Err(unusable(format!("Host: {NOT_ALLOWED}")));
    }
    match (sent, stored.sealed(ldap_setting::PASSWORD)) {
        (Some(sent), _) => Ok(Password::Sent(sent)),
        (None, None) => Err(unusable("Password is required".to_owned())),
        (None, Some((_, true))) => Err(Error::BadRequest(REENTER.to_owned())),
        (None, Some((sealed, false))) => Ok(Password::Sealed(id, sealed.to_vec())),
    }
}

/// Settings that no import can start with.
pub(super) fn unusable(why: String) -> Error {
    Error::BadRequest(format!("Connector settings are invalid: {why}"))
}

/// What a directory did not do, as it is answered.
pub(super) fn external(failure: Failure) -> Error {
    match failure.kind {
        FailureKind::Settings => unusable(failure.to_string()),
        FailureKind::Directory => Error::External(format!("Connection to the external store failed: {failure}")),
    }
}
