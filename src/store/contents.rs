//! Contents of a database in short, as the manifest of a backup lists them.

use rusqlite::Connection;

use super::secrets;
use crate::error::Result;

/// Schema version, master keys and row counts of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its `user_version`.
    pub schema: i32,
    /// Ids of the master keys that it needs.
    pub kids: Vec<u32>,
    /// Rows per table, by name.
    pub rows: Vec<(String, i64)>,
}

pub(crate) fn contents(c: &Connection) -> Result<Contents> {
    const TABLES: &str =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        ORDER BY name";
    let mut statement = c.prepare(TABLES)?;
    let tables: Vec<String> = statement.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<_>>()?;
    let count = |table: String| {
        let quoted = table.replace('"', "\"\"");
        let rows = c.query_row(&format!("SELECT count(*) FROM \"{quoted}\""), [], |r| r.get(0))?;
        Ok((table, rows))
    };
    Ok(Contents {
        schema: c.pragma_query_value(None, "user_version", |r| r.get(0))?,
        kids: secrets::checks(c)?.into_iter().map(|(kid, _)| kid).collect(),
        rows: tables.into_iter().map(count).collect::<rusqlite::Result<_>>()?,
    })
}
