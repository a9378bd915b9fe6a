//! Connector space: objects by id, with what an import compares beside them.
//!
//! Rows are appended. Heads and names of new objects are written late, sorted and in bulk: a random insert per object
//! into two trees costs more than everything else once these no longer fit into the cache.

mod counts;
mod heads;
mod list;
mod names;
mod references;

use rusqlite::{Connection, Row, named_params};
use uuid::Uuid;

use super::guid::{Guids, Tag};
use super::sql::{execute, find, query};
use crate::db::Tx;
use crate::domain::connector_space::{RowId, Status, Values};
use crate::error::{Error, Result};

pub(crate) use counts::{Counts, count_of, count_of_region, counts_by_system};
pub(crate) use heads::{Hasher, Head, NewHead, add_heads, clear_hashes, heads, own_id, set_hash, unindexed};
pub(crate) use list::{Search, list};
pub(crate) use names::{Names, add_name, forget_freed, freed, names, note_freed, remove_name};
pub(crate) use references::{
    Unresolved, add_unresolved, holders_of, references, remove_unresolved, set_references, unresolved_count,
    unresolved_of_object, unresolved_of_system,
};

/// Bits of the sequence within the id of an object.
const SEQUENCE_BITS: u32 = 40;

/// An object as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredObject {
    pub id: RowId,
    pub object_type: RowId,
    /// `None` if the system has no partitions.
    pub partition: Option<RowId>,
    pub status: Status,
    /// Microseconds since 1970 UTC, as is `updated`.
    pub created: i64,
    pub updated: Option<i64>,
    pub external_id: String,
    /// DN as received.
    pub secondary_id: Option<String>,
    pub display_name: String,
    pub values: Values,
}

macro_rules! columns {
    () => {
        "SELECT id, type_id, partition_id, status, created, updated, external_id, secondary_id, display_name, attributes
        FROM connector_objects"
    };
}

/// System of an object.
pub(crate) fn system_of(object: RowId) -> i64 {
    object >> SEQUENCE_BITS
}

/// First and last id that an object of a system can have.
pub(crate) fn range_of(system: i64) -> (RowId, RowId) {
    (system << SEQUENCE_BITS, ((system + 1) << SEQUENCE_BITS) - 1)
}

pub(crate) fn guid_of(guids: Guids, object: RowId) -> Uuid {
    guids.of(Tag::ConnectorObject, object)
}

/// Object by its GUID, or "not found" if it is not one of the system.
pub(crate) fn by_guid(c: &Connection, system: i64, guid: Uuid) -> Result<StoredObject> {
    let missing = || Error::NotFound { what: "connector space object", id: guid.to_string() };
    let id =
        Guids::load(c)?.id(Tag::ConnectorObject, guid).filter(|id| system_of(*id) == system).ok_or_else(missing)?;
    get(c, id)?.ok_or_else(missing)
}

pub(crate) fn get(c: &Connection, id: RowId) -> Result<Option<StoredObject>> {
    find(c, concat!(columns!(), " WHERE id = ?1"), [id], object)
}

fn object(r: &Row<'_>) -> rusqlite::Result<StoredObject> {
    let status: u8 = r.get(3)?;
    Ok(StoredObject {
        id: r.get(0)?,
        object_type: r.get(1)?,
        partition: r.get(2)?,
        status: Status::ALL.get(usize::from(status)).copied().ok_or(rusqlite::Error::InvalidQuery)?,
        created: r.get(4)?,
        updated: r.get(5)?,
        external_id: r.get(6)?,
        secondary_id: r.get(7)?,
        display_name: r.get(8)?,
        values: Values::of_stored(r.get(9)?).ok_or(rusqlite::Error::InvalidQuery)?,
    })
}

/// Inserts an object, or replaces all of it but its id and creation.
pub(crate) fn put(tx: &Tx<'_>, object: &StoredObject) -> Result<()> {
    const SQL: &str = "INSERT INTO connector_objects (id, type_id, partition_id, status, created, updated, external_id,
            secondary_id, display_name, attributes)
        VALUES (:id, :type, :partition, :status, :created, :updated, :external, :secondary, :display, :attributes)
        ON CONFLICT (id) DO UPDATE SET type_id = :type, partition_id = :partition, status = :status,
            updated = :updated, external_id = :external, secondary_id = :secondary, display_name = :display,
            attributes = :attributes";
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":id": object.id,
        ":type": object.object_type,
        ":partition": object.partition,
        ":status": object.status as i64,
        ":created": object.created,
        ":updated": object.updated,
        ":external": object.external_id,
        ":secondary": object.secondary_id,
        ":display": object.display_name,
        ":attributes": object.values.as_bytes(),
    })?;
    execute(tx, "INSERT OR IGNORE INTO connector_waiting (object_id) VALUES (?1)", [object.id])
}

/// Ids that the next objects of a system get, and the last that has a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub next: RowId,
    pub indexed_to: RowId,
}

pub(crate) fn ids(c: &Connection, system: i64) -> Result<Ids> {
    const SQL: &str = "SELECT next, indexed_to FROM connector_ids WHERE system_id = ?1";
    let first = range_of(system).0 + 1;
    let stored = find(c, SQL, [system], |r| Ok(Ids { next: r.get(0)?, indexed_to: r.get(1)? }))?;
    Ok(stored.unwrap_or(Ids { next: first, indexed_to: first - 1 }))
}

pub(crate) fn set_ids(tx: &Tx<'_>, system: i64, ids: Ids) -> Result<()> {
    const SQL: &str = "INSERT INTO connector_ids (system_id, next, indexed_to) VALUES (?1, ?2, ?3)
        ON CONFLICT (system_id) DO UPDATE SET next = ?2, indexed_to = ?3";
    execute(tx, SQL, (system, ids.next, ids.indexed_to))
}

/// Removes some objects of a system with all that belongs to them. Returns their number; less than `limit` means that
/// none is left. Ids are not used again.
pub(crate) fn remove_some(tx: &Tx<'_>, system: i64, limit: i64) -> Result<i64> {
    let (first, last) = range_of(system);
    const SQL: &str = "SELECT id FROM connector_objects WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3";
    let ids: Vec<RowId> = query(tx, SQL, (first, last, limit), |r| r.get(0))?;
    let Some(last_removed) = ids.last().copied() else {
        for table in [
            "connector_heads",
            "connector_names",
            "connector_unresolved",
            "connector_counts",
            "connector_freed",
            "held_removals",
            "applied_removals",
        ] {
            tx.execute(&format!("DELETE FROM {table} WHERE system_id = ?1"), [system])?;
        }
        return Ok(0);
    };
    for (table, column) in
        [("connector_objects", "id"), ("connector_references", "object_id"), ("connector_waiting", "object_id")]
    {
        tx.execute(&format!("DELETE FROM {table} WHERE {column} BETWEEN ?1 AND ?2"), [first, last_removed])?;
    }
    Ok(ids.len() as i64)
}

/// Forgets the ids of a system that is deleted.
pub(crate) fn forget(tx: &Tx<'_>, system: i64) -> Result<()> {
    execute(tx, "DELETE FROM connector_ids WHERE system_id = ?1", [system])
}

/// Ids that a restore leaves out, in each system: no more objects are made between a backup and its restore.
const SKIPPED: i64 = 1 << 24;

/// Leaves out the ids that objects and systems may have got after this copy was made: a GUID never names another object.
pub(crate) fn skip_ids(tx: &Tx<'_>) -> Result<()> {
    const OBJECTS: &str = "INSERT INTO connector_ids (system_id, next, indexed_to)
        SELECT id, (id << 40) + 1 + ?1, id << 40 FROM connected_systems WHERE true
        ON CONFLICT (system_id) DO UPDATE SET next = next + ?1";
    execute(tx, OBJECTS, [SKIPPED])?;
    // Systems of later ids had objects too.
    execute(tx, "UPDATE sqlite_sequence SET seq = seq + 1000 WHERE name = 'connected_systems'", [])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_copy_gives_no_id_again() {
        let mut c = Connection::open_in_memory().expect("database");
        c.execute_batch(include_str!("../../../schema.sql")).expect("schema");
        let tx = c.transaction().expect("transaction");
        let add = || crate::store::connected_systems::insert(&tx, "x", None, 3).expect("a system");
        let (used, fresh) = (add(), add());
        let before = Ids { next: range_of(used).0 + 8, indexed_to: range_of(used).0 + 7 };
        set_ids(&tx, used, before).expect("ids");
        let first = ids(&tx, fresh).expect("ids");
        skip_ids(&tx).expect("skipped");
        assert_eq!(ids(&tx, used).expect("ids"), Ids { next: before.next + SKIPPED, ..before });
        assert_eq!(ids(&tx, fresh).expect("ids"), Ids { next: first.next + SKIPPED, ..first });
        assert_eq!(add(), fresh + 1_001);
    }
}
