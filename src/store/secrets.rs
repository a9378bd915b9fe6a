//! Which master keys the file was written with, and the sealed values that are under them.

use rusqlite::Connection;

use crate::error::Result;

/// The check value of a master key, if the file knows the key.
pub fn check_value(c: &Connection, kid: u32) -> Result<Option<Vec<u8>>> {
    let mut statement = c.prepare_cached("SELECT value FROM keyring_checks WHERE kid = ?1")?;
    let mut rows = statement.query_map([kid], |r| r.get(0))?;
    Ok(rows.next().transpose()?)
}

/// Every master key that the file needs.
pub fn kids(c: &Connection) -> Result<Vec<u32>> {
    let mut statement = c.prepare("SELECT kid FROM keyring_checks ORDER BY kid")?;
    let kids = statement.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(kids)
}

/// Remembers a master key by its check value.
pub fn add_check(tx: &Connection, kid: u32, value: &[u8]) -> Result<()> {
    tx.execute("INSERT INTO keyring_checks (kid, value) VALUES (?1, ?2)", (kid, value))?;
    Ok(())
}

/// Every sealed setting as (system, setting, sealed value).
pub fn sealed_settings(c: &Connection) -> Result<Vec<(i64, i64, Vec<u8>)>> {
    const SQL: &str = "SELECT system_id, setting_id, sealed FROM setting_values WHERE sealed IS NOT NULL ORDER BY system_id, setting_id";
    let mut statement = c.prepare(SQL)?;
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
