//! Numbers of objects by region, type and status, kept in the transactions that change them.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use crate::db::Tx;
use crate::domain::connector_space::{RowId, Status};
use crate::error::Result;
use crate::store::sql::{execute, find, query};

/// Changes of the numbers within one transaction.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<(RowId, RowId, i64), i64>);

impl Counts {
    pub(crate) fn add(&mut self, partition: Option<RowId>, object_type: RowId, status: Status, n: i64) {
        *self.0.entry((partition.unwrap_or_default(), object_type, status as i64)).or_default() += n;
    }

    pub(crate) fn apply(&self, tx: &Tx<'_>, system: i64) -> Result<()> {
        const CHANGE: &str = "UPDATE connector_counts SET n = n + ?5
            WHERE system_id = ?1 AND partition_id = ?2 AND type_id = ?3 AND status = ?4";
        const ADD: &str = "INSERT INTO connector_counts (system_id, partition_id, type_id, status, n)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        for ((partition, object_type, status), n) in self.0.iter().filter(|(_, n)| **n != 0) {
            let row = (system, partition, object_type, status, n);
            if tx.prepare_cached(CHANGE)?.execute(row)? == 0 {
                execute(tx, ADD, row)?;
            }
        }
        Ok(())
    }
}

/// Number of objects of a system, whatever their status.
pub(crate) fn count_of(c: &Connection, system: i64) -> Result<i64> {
    const SQL: &str = "SELECT coalesce(sum(n), 0) FROM connector_counts WHERE system_id = ?1";
    Ok(find(c, SQL, [system], |r| r.get(0))?.unwrap_or(0))
}

/// Number of objects of each system that has any.
pub(crate) fn counts_by_system(c: &Connection) -> Result<HashMap<i64, i64>> {
    query(c, "SELECT system_id, sum(n) FROM connector_counts GROUP BY system_id", [], |r| Ok((r.get(0)?, r.get(1)?)))
}

/// Number of objects of one region and type that are there outside, as far as is known.
pub(crate) fn count_of_region(
    c: &Connection,
    system: i64,
    partition: Option<RowId>,
    object_type: RowId,
) -> Result<u64> {
    const SQL: &str = "SELECT n FROM connector_counts
        WHERE system_id = ?1 AND partition_id = ?2 AND type_id = ?3 AND status = ?4";
    let normal = Status::Normal as i64;
    let n: Option<i64> = find(c, SQL, (system, partition.unwrap_or_default(), object_type, normal), |r| r.get(0))?;
    Ok(n.unwrap_or(0).unsigned_abs())
}
