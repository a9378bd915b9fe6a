//! Settings of the service that differ from their defaults, already validated.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::sql::{execute, query};
use crate::db::Tx;
use crate::error::Result;

/// Overrides by key.
pub fn overrides(c: &Connection) -> Result<BTreeMap<String, String>> {
    query(c, "SELECT key, value FROM service_settings", [], |r| Ok((r.get(0)?, r.get(1)?)))
}

/// Stores an override; `None` removes it.
pub fn store(tx: &Tx<'_>, key: &str, value: Option<&str>) -> Result<()> {
    const SET: &str = "INSERT INTO service_settings (key, value) VALUES (?1, ?2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    match value {
        Some(value) => execute(tx, SET, (key, value)),
        None => execute(tx, "DELETE FROM service_settings WHERE key = ?1", [key]),
    }
}
