//! Counting what goes with a connected system.

use rusqlite::Connection;

use crate::error::Result;

/// How many rows of a system there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Partitions.
    pub partitions: i64,
    /// Containers of all levels.
    pub containers: i64,
    /// Activities that name the system; they outlive it.
    pub activities: i64,
}

/// Counts what goes with a system.
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
