//! Check values of the master keys, and the values that are sealed with these keys.

use std::path::Path;

use rusqlite::Connection;

use super::sql::{execute, query};
use crate::db::{OpenError, Tx};
use crate::error::Result;

/// Id of a master key and its check value.
pub type MasterKey = (u32, Vec<u8>);

/// Master keys that the database needs.
pub fn checks(c: &Connection) -> Result<Vec<MasterKey>> {
    query(c, "SELECT kid, value FROM keyring_checks ORDER BY kid", [], |r| Ok((r.get(0)?, r.get(1)?)))
}

/// Like [`checks`], while the file at `path` is being opened.
pub(crate) fn checks_of(path: &Path, c: &Connection) -> Result<Vec<MasterKey>, OpenError> {
    checks(c).map_err(|e| OpenError::query(path, "the master keys", &e))
}

pub fn add_check(tx: &Tx<'_>, kid: u32, value: &[u8]) -> Result<()> {
    execute(tx, "INSERT INTO keyring_checks (kid, value) VALUES (?1, ?2)", (kid, value))
}

/// Sealed settings as (system, setting, sealed value).
pub fn sealed_settings(c: &Connection) -> Result<Vec<(i64, i64, Vec<u8>)>> {
    const SQL: &str = "SELECT system_id, setting_id, sealed FROM setting_values WHERE sealed IS NOT NULL
        ORDER BY system_id, setting_id";
    query(c, SQL, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
}

/// Replaces a sealed value by the same secret under another key.
pub fn reseal(tx: &Tx<'_>, system: i64, setting: i64, sealed: &[u8]) -> Result<()> {
    const SQL: &str = "UPDATE setting_values SET sealed = ?3 WHERE system_id = ?1 AND setting_id = ?2";
    execute(tx, SQL, (system, setting, sealed))
}
