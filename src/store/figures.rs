//! What monitoring wants to know of the database: how much there is, and when imports were last applied.

use rusqlite::Connection;
use time::OffsetDateTime;

use super::columns::optional_date;
use crate::error::Result;

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Connected systems.
    pub systems: i64,
    /// Partitions of all of them.
    pub partitions: i64,
    /// Containers of all levels.
    pub containers: i64,
    /// Activities that are no part of another.
    pub activities: i64,
}

/// Counts everything. Containers are counted on an index: some milliseconds for half a million.
pub fn counts(c: &Connection) -> Result<Counts> {
    const SQL: &str = "SELECT (SELECT count(*) FROM connected_systems), (SELECT count(*) FROM partitions),
        (SELECT count(*) FROM containers), (SELECT count(*) FROM activities WHERE parent_id IS NULL)";
    let mut statement = c.prepare_cached(SQL)?;
    let counts = statement.query_row([], |r| {
        Ok(Counts { systems: r.get(0)?, partitions: r.get(1)?, containers: r.get(2)?, activities: r.get(3)? })
    });
    Ok(counts?)
}

/// When imports of a system were last applied.
#[derive(Debug, Clone, Copy)]
pub struct LastImports {
    /// The connected system.
    pub system: i64,
    /// Of its hierarchy.
    pub hierarchy: Option<OffsetDateTime>,
    /// Of its schema.
    pub schema: Option<OffsetDateTime>,
}

/// Of every system when imports were last applied.
pub fn last_imports(c: &Connection) -> Result<Vec<LastImports>> {
    const SQL: &str = "SELECT id, hierarchy_imported, schema_imported FROM connected_systems ORDER BY id";
    let mut statement = c.prepare_cached(SQL)?;
    let rows = statement.query_map([], |r| {
        let (hierarchy, schema) = (optional_date(r, 1)?, optional_date(r, 2)?);
        Ok(LastImports { system: r.get(0)?, hierarchy, schema })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
