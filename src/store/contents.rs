//! Summary of a database for the manifest of a backup.

use rusqlite::Connection;

use super::secrets;
use super::sql::query;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
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
    let tables: Vec<String> = query(c, TABLES, [], |r| r.get(0))?;
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
