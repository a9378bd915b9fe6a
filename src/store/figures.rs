//! Figures for monitoring: row counts and the last imports.

use rusqlite::Connection;
use time::OffsetDateTime;

use super::columns::optional_date;
use crate::error::Result;

/// Row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub systems: i64,
    pub partitions: i64,
    pub containers: i64,
    /// At the top level.
    pub activities: i64,
}

/// Counts on indexes: some milliseconds for half a million containers.
pub fn counts(c: &Connection) -> Result<Counts> {
    const SQL: &str = "SELECT (SELECT count(*) FROM connected_systems), (SELECT count(*) FROM partitions),
        (SELECT count(*) FROM containers), (SELECT count(*) FROM activities WHERE parent_id IS NULL)";
    let mut statement = c.prepare_cached(SQL)?;
    let counts = statement.query_row([], |r| {
        Ok(Counts { systems: r.get(0)?, partitions: r.get(1)?, containers: r.get(2)?, activities: r.get(3)? })
    });
    Ok(counts?)
}

/// Times of the last applied imports of a system.
#[derive(Debug, Clone, Copy)]
pub struct LastImports {
    pub system: i64,
    pub connector: i64,
    pub hierarchy: Option<OffsetDateTime>,
    pub schema: Option<OffsetDateTime>,
}

/// Last imports of every system.
pub fn last_imports(c: &Connection) -> Result<Vec<LastImports>> {
    const SQL: &str = "SELECT id, connector_id, hierarchy_imported, schema_imported FROM connected_systems ORDER BY id";
    let mut statement = c.prepare_cached(SQL)?;
    let rows = statement.query_map([], |r| {
        let (hierarchy, schema) = (optional_date(r, 2)?, optional_date(r, 3)?);
        Ok(LastImports { system: r.get(0)?, connector: r.get(1)?, hierarchy, schema })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
