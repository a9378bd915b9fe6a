//! A new master key for a database that no server uses: made, taken into the keyring, and every secret sealed with it.
//!
//! The keyring is safe on the disk before the database hears of the new key, and all values change in one transaction;
//! so at every moment each value opens with the keyring as it lies there. Older keys stay, because backups need them.

use std::path::Path;

use super::start::{StartFault, belong_together};
use crate::config::{Config, handed_over};
use crate::db::{Db, FileLock, OpenFault, Tx};
use crate::error::Error;
use crate::security::secret::{Keyring, KeyringFault, sealed_with};
use crate::store::secrets;

/// What a rotation did.
#[derive(Debug)]
pub struct Rotation {
    /// The key that everything is sealed with now.
    pub kid: u32,
    /// How many values were sealed anew, and how many there are.
    pub resealed: (usize, usize),
    /// How many keys the keyring holds.
    pub keys: usize,
    /// An earlier run had made the key already and was cut short.
    pub finished: bool,
}

/// Rotates the key. A rotation that was cut short is finished instead.
///
/// # Errors
/// Nothing was changed, unless it was the disk that failed half way; then everything still opens.
pub async fn run(config: &Config) -> Result<Rotation, StartFault> {
    Db::is_yet_to_be_made(&config.database)?;
    Db::refuse_missing(&config.database)?;
    refuse_handed_over(&config.keyring)?;
    let lock = FileLock::take(&config.database)?;
    let keyring = Keyring::load(&config.keyring).map_err(fault)?;
    let (db, known) =
        Db::open(&config.database, lock, |c| belong_together(&secrets::checks_of(&config.database, c)?, &keyring))?;
    let sealed = db.read(secrets::sealed_settings).await?;
    let closed =
        |(system, setting, value): &&(i64, i64, Vec<u8>)| keyring.open_setting(*system, *setting, value).is_err();
    if let Some((system, setting, _)) = sealed.iter().find(closed) {
        return Err(StartFault::Configuration(format!(
            "setting {setting} of connected system {system} does not open with the keyring {}; nothing was changed. \
             Send the value anew to a running server, or put back the keyring that it was sealed with",
            config.keyring.display()
        )));
    }
    let current = keyring.current_kid();
    let finished = !known.contains(&current) || sealed.iter().any(|(.., value)| sealed_with(value) != Some(current));
    let keyring = if finished { keyring } else { keyring.add_key().map_err(fault)? };
    let (kid, keys) = (keyring.current_kid(), keyring.kids().count());
    let new = !known.contains(&kid);
    let resealed = db.write(move |tx| reseal(tx, &keyring, new)).await?;
    // What the old key opens is to be found nowhere in the database's files, not even in the write-ahead one.
    db.settle().await?;
    Ok(Rotation { kid, resealed: (resealed, sealed.len()), keys, finished })
}

/// Seals with the current key whatever is not; returns how much that was.
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

/// What a service manager hands over is a copy that is gone when the service ends; a key that is only in it would take
/// every secret with it.
fn refuse_handed_over(keyring: &Path) -> Result<(), StartFault> {
    let Some(folder) = handed_over() else { return Ok(()) };
    let own = keyring.parent().and_then(|p| p.canonicalize().ok());
    match own.is_some() && own == folder.canonicalize().ok() {
        false => Ok(()),
        true => Err(StartFault::Configuration(format!(
            "the keyring {} was handed over by the service manager and is a copy; name the original with \
             JIM_KEYS_PATH and run rotate-key on that",
            keyring.display()
        ))),
    }
}

fn fault(fault: KeyringFault) -> StartFault {
    match fault {
        KeyringFault::Wrong(text) => StartFault::Configuration(text),
        KeyringFault::Io(text) => OpenFault::Io(text).into(),
    }
}
