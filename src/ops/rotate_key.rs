//! Rotation of the master key of a database that no server uses: a new key in the keyring seals every secret.
//!
//! The keyring is synced before the database refers to the new key, and all values change in one transaction; so at every
//! moment each value opens with the keyring on the disk. Older keys stay, because backups need them.

use std::path::Path;

use super::start::{StartError, belong_together};
use crate::config::{Config, credentials_folder};
use crate::db::{Db, FileLock, OpenError, Tx, refuse_missing};
use crate::error::Error;
use crate::security::secret::{Keyring, KeyringError, sealed_with};
use crate::store::secrets;

/// Result of a rotation.
#[derive(Debug)]
pub struct Rotation {
    /// The new current key.
    pub kid: u32,
    /// Number of values that were resealed, and of all.
    pub resealed: (usize, usize),
    /// Number of keys in the keyring.
    pub keys: usize,
    /// Whether it completed an interrupted run that had created the key.
    pub finished: bool,
}

/// Rotates the key, or completes an interrupted rotation.
///
/// # Errors
/// Nothing was changed, unless the disk failed half way; then everything still opens.
pub async fn run(config: &Config) -> Result<Rotation, StartError> {
    Db::exists(&config.database)?;
    refuse_missing(&config.database)?;
    refuse_handed_over(&config.keyring)?;
    let lock = FileLock::take(&config.database)?;
    let keyring = Keyring::load(&config.keyring).map_err(start_error)?;
    let (db, known) =
        Db::open(&config.database, lock, |c| belong_together(&secrets::checks_of(&config.database, c)?, &keyring))?;
    let sealed = db.read(secrets::sealed_settings).await?;
    refuse_closed(&sealed, &keyring)?;
    let current = keyring.current_kid();
    let finished = !known.contains(&current) || sealed.iter().any(|(.., value)| sealed_with(value) != Some(current));
    let keyring = if finished { keyring } else { keyring.add_key().map_err(start_error)? };
    let (kid, keys) = (keyring.current_kid(), keyring.kids().count());
    let new = !known.contains(&kid);
    let resealed = db.write(move |tx| reseal(tx, &keyring, new)).await?;
    // No value under the old key may remain in the database's files, not even in the write-ahead log.
    db.checkpoint().await?;
    Ok(Rotation { kid, resealed: (resealed, sealed.len()), keys, finished })
}

/// Refuses if a sealed value does not open with the keyring: after the rotation it never would.
fn refuse_closed(sealed: &[(i64, i64, Vec<u8>)], keyring: &Keyring) -> Result<(), StartError> {
    let mut closed =
        sealed.iter().filter(|(system, setting, value)| keyring.open_setting(*system, *setting, value).is_err());
    let Some((system, setting, _)) = closed.next() else { return Ok(()) };
    Err(StartError::Configuration(format!(
        "setting {setting} of connected system {system} does not open with the keyring {}; nothing was changed. \
         Send the value anew to a running server, or put back the keyring that it was sealed with",
        keyring.path().display()
    )))
}

/// Reseals values that are not under the current key, and returns their number.
fn reseal(tx: &Tx<'_>, keyring: &Keyring, new: bool) -> Result<usize, Error> {
    let cannot = |e| Error::internal("a sealed value was not sealed anew", e);
    let kid = keyring.current_kid();
    if new {
        secrets::add_check(tx, kid, &keyring.check_value(kid).map_err(cannot)?)?;
    }
    let mut count = 0;
    for (system, setting, value) in secrets::sealed_settings(tx)? {
        if sealed_with(&value) != Some(kid) {
            let secret = keyring.open_setting(system, setting, &value).map_err(cannot)?;
            let anew = keyring.seal_setting(system, setting, secret.expose()).map_err(cannot)?;
            secrets::reseal(tx, system, setting, &anew)?;
            count += 1;
        }
    }
    let left = secrets::sealed_settings(tx)?.iter().filter(|(.., value)| sealed_with(value) != Some(kid)).count();
    match left {
        0 => Ok(count),
        n => Err(Error::internal("a rotation left values behind", format!("{n} are under an older key"))),
    }
}

/// Refuses a credential of a service manager: that copy disappears when the service ends, and a key that is only in it
/// would take every secret with it.
fn refuse_handed_over(keyring: &Path) -> Result<(), StartError> {
    let Some(folder) = credentials_folder() else { return Ok(()) };
    let own = keyring.parent().and_then(|p| p.canonicalize().ok());
    if own.is_some() && own == folder.canonicalize().ok() {
        return Err(StartError::Configuration(format!(
            "the keyring {} was handed over by the service manager and is a copy; name the original with \
             JIM_KEYS_PATH and run rotate-key on that",
            keyring.display()
        )));
    }
    Ok(())
}

fn start_error(error: KeyringError) -> StartError {
    match error {
        KeyringError::Wrong(text) => StartError::Configuration(text),
        KeyringError::Io(text) => OpenError::Io(text).into(),
    }
}
