//! Figures for monitoring: row counts and the last imports.

use rusqlite::Connection;
use time::OffsetDateTime;

use super::sql::{optional_date, query};
use crate::error::Result;

/// Row counts; those of activities are at the top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub systems: i64,
    pub partitions: i64,
    pub containers: i64,
    pub activities: i64,
}

/// Counts by indexes: some milliseconds for half a million containers.
pub fn counts(c: &Connection) -> Result<Counts> {
    const SQL: &str = "SELECT (SELECT count(*) FROM connected_systems), (SELECT count(*) FROM partitions),
        (SELECT count(*) FROM containers), (SELECT count(*) FROM activities WHERE parent_id IS NULL)";
    let counts = c.prepare_cached(SQL)?.query_row([], |r| {
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

pub fn last_imports(c: &Connection) -> Result<Vec<LastImports>> {
    const SQL: &str = "SELECT id, connector_id, hierarchy_imported, schema_imported FROM connected_systems ORDER BY id";
    query(c, SQL, [], |r| {
        let (hierarchy, schema) = (optional_date(r, 2)?, optional_date(r, 3)?);
        Ok(LastImports { system: r.get(0)?, connector: r.get(1)?, hierarchy, schema })
    })
}
