//! Figures for monitoring: row counts, the queue and the last imports.

use rusqlite::Connection;
use time::OffsetDateTime;

use super::sql::{optional_date, query};
use crate::domain::run_profile::RunType;
use crate::error::Result;

/// Row counts; those of activities are at the top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub systems: i64,
    pub partitions: i64,
    pub containers: i64,
    pub activities: i64,
    /// Runs in the queue that have not begun.
    pub waiting: i64,
}

/// Counts by indexes: some milliseconds for half a million containers.
pub fn counts(c: &Connection) -> Result<Counts> {
    const SQL: &str = "SELECT (SELECT count(*) FROM connected_systems), (SELECT count(*) FROM partitions),
        (SELECT count(*) FROM containers), (SELECT count(*) FROM activities WHERE parent_id IS NULL),
        (SELECT count(*) FROM runs WHERE active = 0)";
    let counts = c.prepare_cached(SQL)?.query_row([], |r| {
        let (systems, partitions, containers) = (r.get(0)?, r.get(1)?, r.get(2)?);
        Ok(Counts { systems, partitions, containers, activities: r.get(3)?, waiting: r.get(4)? })
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
    /// Run that read everything.
    pub objects: Option<OffsetDateTime>,
}

pub fn last_imports(c: &Connection) -> Result<Vec<LastImports>> {
    const SQL: &str = "SELECT id, connector_id, hierarchy_imported, schema_imported, objects_imported
        FROM connected_systems ORDER BY id";
    query(c, SQL, [], |r| {
        let (hierarchy, schema) = (optional_date(r, 2)?, optional_date(r, 3)?);
        let objects = optional_date(r, 4)?;
        Ok(LastImports { system: r.get(0)?, connector: r.get(1)?, hierarchy, schema, objects })
    })
}

/// Systems and run types of the run profiles.
pub(crate) fn profiles(c: &Connection) -> Result<Vec<(i64, RunType)>> {
    const SQL: &str = "SELECT DISTINCT system_id, run_type FROM run_profiles ORDER BY system_id, run_type";
    query(c, SQL, [], |r| {
        let run_type = RunType::parse(r.get_ref(1)?.as_str()?).ok_or(rusqlite::Error::InvalidQuery)?;
        Ok((r.get(0)?, run_type))
    })
}
