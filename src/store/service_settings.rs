//! Settings of the service that differ from their defaults. Values are validated before they are stored.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::db::Tx;
use crate::error::Result;

/// Overrides by key.
pub fn overrides(c: &Connection) -> Result<BTreeMap<String, String>> {
    let mut statement = c.prepare_cached("SELECT key, value FROM service_settings")?;
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Stores an override; `None` removes it.
pub fn store(tx: &Tx<'_>, key: &str, value: Option<&str>) -> Result<()> {
    const SET: &str = "INSERT INTO service_settings (key, value) VALUES (?1, ?2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    match value {
        Some(value) => tx.prepare_cached(SET)?.execute((key, value))?,
        None => tx.prepare_cached("DELETE FROM service_settings WHERE key = ?1")?.execute([key])?,
    };
    Ok(())
}
