//! Counts of the rows that are deleted with a connected system.

use rusqlite::Connection;

use crate::error::Result;

/// Row counts of a system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub partitions: i64,
    pub containers: i64,
    /// They outlive the system.
    pub activities: i64,
}

pub fn counts(c: &Connection, system: i64) -> Result<Counts> {
    const SQL: &str = "SELECT
            (SELECT count(*) FROM partitions WHERE system_id = ?1),
            (SELECT count(*) FROM partitions p JOIN containers c ON c.partition_id = p.id WHERE p.system_id = ?1),
            (SELECT count(*) FROM activities WHERE connected_system_id = ?1)";
    let counts = c
        .prepare_cached(SQL)?
        .query_row([system], |r| Ok(Counts { partitions: r.get(0)?, containers: r.get(1)?, activities: r.get(2)? }))?;
    Ok(counts)
}
