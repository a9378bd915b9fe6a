//! References between objects of a system: resolved ones packed by id, the others as text.

use std::collections::{BTreeMap, HashSet};

use rusqlite::Connection;

use super::range_of;
use crate::db::Tx;
use crate::domain::connector_space::RowId;
use crate::domain::value::{read_varint, write_varint};
use crate::error::Result;
use crate::store::sql::{execute, query};

/// Ids of a row at most: a change of one reference rewrites a row.
const MAX_ROW: usize = 1_000;

/// A reference to a name that no object of the system has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unresolved {
    pub name_hash: i64,
    pub object: RowId,
    pub attribute: RowId,
    /// As received.
    pub name: String,
}

/// Resolved references of an object by attribute, ascending.
pub(crate) fn references(c: &Connection, object: RowId) -> Result<BTreeMap<RowId, Vec<RowId>>> {
    const SQL: &str = "SELECT attribute_id, first, ids FROM connector_references WHERE object_id = ?1
        ORDER BY attribute_id, first";
    let mut all: BTreeMap<RowId, Vec<RowId>> = BTreeMap::new();
    let mut statement = c.prepare_cached(SQL)?;
    let mut rows = statement.query([object])?;
    while let Some(row) = rows.next()? {
        unpack(row.get(1)?, row.get_ref(2)?.as_blob().unwrap_or_default(), all.entry(row.get(0)?).or_default());
    }
    Ok(all)
}

/// Stores the references of one attribute, ascending; only rows that change are written.
pub(crate) fn set_references(tx: &Tx<'_>, object: RowId, attribute: RowId, wanted: &[RowId]) -> Result<()> {
    const SQL: &str = "SELECT first, ids FROM connector_references WHERE object_id = ?1 AND attribute_id = ?2
        ORDER BY first";
    let rows: Vec<(RowId, Vec<u8>)> = query(tx, SQL, (object, attribute), |r| Ok((r.get(0)?, r.get(1)?)))?;
    if rows.is_empty() {
        return insert(tx, object, attribute, wanted);
    }
    let mut left = wanted;
    for (i, (first, packed)) in rows.iter().enumerate() {
        // The range of a row goes up to the first id of the next.
        let end = rows.get(i + 1).map_or(left.len(), |(next, _)| left.partition_point(|id| id < next));
        let (own, rest) = left.split_at(end);
        left = rest;
        let mut stored = Vec::new();
        unpack(*first, packed, &mut stored);
        if stored != own {
            const DELETE: &str = "DELETE FROM connector_references
                WHERE object_id = ?1 AND attribute_id = ?2 AND first = ?3";
            execute(tx, DELETE, (object, attribute, first))?;
            insert(tx, object, attribute, own)?;
        }
    }
    Ok(())
}

fn insert(tx: &Tx<'_>, object: RowId, attribute: RowId, ids: &[RowId]) -> Result<()> {
    const SQL: &str = "INSERT INTO connector_references (object_id, attribute_id, first, ids) VALUES (?1, ?2, ?3, ?4)";
    // Even parts, so that a row that was split has room.
    let rows = ids.len().div_ceil(MAX_ROW).max(1);
    for row in ids.chunks(ids.len().div_ceil(rows).max(1)) {
        let Some(first) = row.first() else { continue };
        execute(tx, SQL, (object, attribute, first, pack(row)))?;
    }
    Ok(())
}

/// Objects of a system with a reference to one of `targets`, by one scan: holder, attribute, target.
pub(crate) fn holders_of(c: &Connection, system: i64, targets: &HashSet<RowId>) -> Result<Vec<[RowId; 3]>> {
    const SQL: &str = "SELECT object_id, attribute_id, first, ids FROM connector_references
        WHERE object_id BETWEEN ?1 AND ?2";
    let mut found = Vec::new();
    let mut statement = c.prepare_cached(SQL)?;
    let mut rows = statement.query(range_of(system))?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.clear();
        unpack(row.get(2)?, row.get_ref(3)?.as_blob().unwrap_or_default(), &mut ids);
        for id in ids.iter().filter(|id| targets.contains(id)) {
            found.push([row.get(0)?, row.get(1)?, *id]);
        }
    }
    Ok(found)
}

pub(crate) fn add_unresolved(tx: &Tx<'_>, system: i64, reference: &Unresolved) -> Result<()> {
    const SQL: &str = "INSERT OR IGNORE INTO connector_unresolved
            (system_id, name_hash, object_id, attribute_id, name) VALUES (?1, ?2, ?3, ?4, ?5)";
    let Unresolved { name_hash, object, attribute, name } = reference;
    execute(tx, SQL, (system, name_hash, object, attribute, name))
}

pub(crate) fn remove_unresolved(tx: &Tx<'_>, system: i64, reference: &Unresolved) -> Result<()> {
    const SQL: &str = "DELETE FROM connector_unresolved
        WHERE system_id = ?1 AND name_hash = ?2 AND object_id = ?3 AND attribute_id = ?4";
    execute(tx, SQL, (system, reference.name_hash, reference.object, reference.attribute))
}

/// Unresolved references of a system by name, from the one after `after`.
pub(crate) fn unresolved_of_system(
    c: &Connection,
    system: i64,
    after: Option<&Unresolved>,
    limit: i64,
) -> Result<Vec<Unresolved>> {
    const SQL: &str = "SELECT name_hash, object_id, attribute_id, name FROM connector_unresolved
        WHERE system_id = ?1 AND (name_hash, object_id, attribute_id) > (?2, ?3, ?4)
        ORDER BY name_hash, object_id, attribute_id LIMIT ?5";
    let (name, object, attribute) = after.map_or((i64::MIN, -1, -1), |u| (u.name_hash, u.object, u.attribute));
    query(c, SQL, (system, name, object, attribute, limit), unresolved)
}

pub(crate) fn unresolved_of_object(c: &Connection, object: RowId) -> Result<Vec<Unresolved>> {
    const SQL: &str = "SELECT name_hash, object_id, attribute_id, name FROM connector_unresolved
        WHERE object_id = ?1 ORDER BY attribute_id, name";
    query(c, SQL, [object], unresolved)
}

/// Number of unresolved references of a system.
pub(crate) fn unresolved_count(c: &Connection, system: i64) -> Result<i64> {
    let mut statement = c.prepare_cached("SELECT count(*) FROM connector_unresolved WHERE system_id = ?1")?;
    Ok(statement.query_row([system], |r| r.get(0))?)
}

fn unresolved(r: &rusqlite::Row<'_>) -> rusqlite::Result<Unresolved> {
    Ok(Unresolved { name_hash: r.get(0)?, object: r.get(1)?, attribute: r.get(2)?, name: r.get(3)? })
}

fn pack(ids: &[RowId]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ids.len() * 2);
    for pair in ids.windows(2) {
        if let [before, id] = pair {
            write_varint(id.abs_diff(*before), &mut bytes);
        }
    }
    bytes
}

/// Appends the ids of a row; ends early at a damaged place.
fn unpack(first: RowId, mut packed: &[u8], into: &mut Vec<RowId>) {
    let mut id = first;
    into.push(id);
    while let Some(next) = read_varint(&mut packed).and_then(|n| id.checked_add_unsigned(n)) {
        id = next;
        into.push(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_packing() {
        for ids in [vec![5], vec![1, 2, 3], vec![7 << 40 | 1, 7 << 40 | 900, 7 << 40 | 1 << 30]] {
            let mut back = Vec::new();
            unpack(ids[0], &pack(&ids), &mut back);
            assert_eq!(back, ids);
        }
    }

    #[test]
    fn only_rows_that_change_are_written() {
        let mut c = Connection::open_in_memory().expect("database");
        c.execute_batch(include_str!("../../../schema.sql")).expect("schema");
        let tx = c.transaction().expect("transaction");
        let mut ids: Vec<RowId> = (0..10_000).map(|n| n * 3).collect();
        set_references(&tx, 1, 2, &ids).expect("insert");
        let rows: i64 = tx.query_row("SELECT count(*) FROM connector_references", [], |r| r.get(0)).expect("count");
        assert_eq!(rows, 10);
        let before = tx.total_changes();
        set_references(&tx, 1, 2, &ids).expect("the same");
        assert_eq!(tx.total_changes(), before);
        ids.remove(5_000);
        ids.push(40_000);
        ids.insert(1, 1);
        set_references(&tx, 1, 2, &ids).expect("change");
        assert!(tx.total_changes() - before <= 8, "{}", tx.total_changes() - before);
        assert_eq!(references(&tx, 1).expect("read")[&2], ids);
        set_references(&tx, 1, 2, &[]).expect("remove");
        assert!(references(&tx, 1).expect("read").is_empty());
    }
}
