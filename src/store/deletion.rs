//! Counts of the rows that are deleted with a connected system.

use rusqlite::Connection;

use crate::error::Result;

/// Row counts of a system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub partitions: i64,
    pub containers: i64,
    pub run_profiles: i64,
    /// They outlive the system.
    pub activities: i64,
}

pub fn counts(c: &Connection, system: i64) -> Result<Counts> {
    const SQL: &str = "SELECT
            (SELECT count(*) FROM partitions WHERE system_id = ?1),
            (SELECT count(*) FROM partitions p JOIN containers c ON c.partition_id = p.id WHERE p.system_id = ?1),
            (SELECT count(*) FROM run_profiles WHERE system_id = ?1),
            (SELECT count(*) FROM activities WHERE connected_system_id = ?1)";
    let counts = c.prepare_cached(SQL)?.query_row([system], |r| {
        let (partitions, containers, run_profiles) = (r.get(0)?, r.get(1)?, r.get(2)?);
        Ok(Counts { partitions, containers, run_profiles, activities: r.get(3)? })
    })?;
    Ok(counts)
}
