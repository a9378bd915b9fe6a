//! Partitions and containers: read as flat lists, written by a plan in one transaction.

use std::collections::{HashMap, HashSet};
use std::iter;
use std::num::NonZero;
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::sql::{execute, find, query, text};
use crate::db::Tx;
use crate::domain::dn::DnKey;
use crate::domain::hierarchy::{
    Addition, EntryId, IdKind, ParentRef, PartitionRef, Plan, RowId, Seen, StoredContainer, StoredPartition, StoredTree,
};
use crate::error::{Error, Result};

/// Whole stored hierarchy of a system, containers in the order of their rows.
pub fn load(c: &Connection, system: i64) -> Result<StoredTree> {
    let partitions = partitions(c, system)?;
    // Partition by partition: the index has the order of the table, which avoids sorting and random reads.
    const SQL: &str = "SELECT id, partition_id, parent_id, external_id, id_kind, id_value, name, description, hidden,
            choice, selected
        FROM containers WHERE partition_id = ?1 ORDER BY id";
    let mut statement = c.prepare_cached(SQL)?;
    let mut containers = Vec::new();
    for partition in &partitions {
        for row in statement.query_map([partition.id], container)? {
            containers.push(row?);
        }
    }
    containers.sort_by_key(|c| c.id);
    Ok(StoredTree { partitions, containers })
}

/// Partitions of a system in the order of their rows.
pub fn partitions(c: &Connection, system: i64) -> Result<Vec<StoredPartition>> {
    const SQL: &str = "SELECT id, external_id, id_kind, id_value, hidden, selected
        FROM partitions WHERE system_id = ?1 ORDER BY id";
    query(c, SQL, [system], |r| {
        Ok(StoredPartition {
            id: r.get(0)?,
            external_id: text(r, 1)?.into(),
            key: DnKey::of_stored(text(r, 1)?),
            entry_id: entry_id(r, 2, 3)?,
            hidden: r.get(4)?,
            selected: r.get(5)?,
        })
    })
}

/// Container without the columns that only an import needs.
#[derive(Debug, Clone)]
pub struct Node {
    pub id: RowId,
    pub partition_id: RowId,
    pub parent_id: Option<RowId>,
    pub external_id: Box<str>,
    pub name: Box<str>,
    pub description: Option<Box<str>>,
    pub hidden: bool,
    /// Effective selection.
    pub selected: bool,
    /// Whether it has no choice of its own.
    pub inherits: bool,
}

/// Columns in the order of [`query_nodes`].
macro_rules! node_columns {
    () => {
        "SELECT c.id, c.partition_id, c.parent_id, c.external_id, c.name, c.description, c.hidden, c.selected,
            c.choice IS NULL"
    };
}

/// Containers of one partition, flat.
pub fn nodes(c: &Connection, partition: RowId) -> Result<Vec<Node>> {
    const SQL: &str = concat!(node_columns!(), " FROM containers c WHERE c.partition_id = ?1 ORDER BY c.id");
    query_nodes(c, SQL, partition)
}

/// Container with everything below it, flat.
pub fn nodes_below(c: &Connection, container: RowId) -> Result<Vec<Node>> {
    const SQL: &str = concat!(
        "WITH RECURSIVE below (id) AS (
            VALUES (?1) UNION ALL SELECT c.id FROM containers c JOIN below b ON c.parent_id = b.id) ",
        node_columns!(),
        " FROM below b JOIN containers c ON c.id = b.id"
    );
    query_nodes(c, SQL, container)
}

/// One container.
pub fn node(c: &Connection, id: RowId) -> Result<Node> {
    const SQL: &str = concat!(node_columns!(), " FROM containers c WHERE c.id = ?1");
    query_nodes(c, SQL, id)?.pop().ok_or_else(|| Error::not_found("container", id))
}

/// Containers of a system by the DNs that are asked for.
pub fn by_dn(c: &Connection, system: i64, wanted: &HashSet<&DnKey>) -> Result<HashMap<DnKey, RowId>> {
    const SQL: &str = "SELECT c.id, c.external_id FROM partitions p JOIN containers c ON c.partition_id = p.id
        WHERE p.system_id = ?1";
    let mut found = HashMap::new();
    let mut statement = c.prepare_cached(SQL)?;
    let mut rows = statement.query([system])?;
    while let Some(row) = rows.next()? {
        let key = DnKey::of_stored(text(row, 1)?);
        if wanted.contains(&key) {
            found.insert(key, row.get(0)?);
        }
    }
    Ok(found)
}

fn query_nodes(c: &Connection, sql: &str, parameter: i64) -> Result<Vec<Node>> {
    query(c, sql, [parameter], |r| {
        Ok(Node {
            id: r.get(0)?,
            partition_id: r.get(1)?,
            parent_id: r.get(2)?,
            external_id: text(r, 3)?.into(),
            name: text(r, 4)?.into(),
            description: optional_text(r, 5)?,
            hidden: r.get(6)?,
            selected: r.get(7)?,
            inherits: r.get(8)?,
        })
    })
}

/// One partition of a system, or "not found".
pub fn partition(c: &Connection, system: i64, id: RowId) -> Result<StoredPartition> {
    let found = partitions(c, system)?.into_iter().find(|p| p.id == id);
    found.ok_or_else(|| Error::not_found("partition", id))
}

/// DN of one container of a system, or "not found".
pub fn container_dn(c: &Connection, system: i64, id: RowId) -> Result<String> {
    const SQL: &str = "SELECT c.external_id FROM containers c JOIN partitions p ON p.id = c.partition_id
        WHERE c.id = ?1 AND p.system_id = ?2";
    find(c, SQL, (id, system), |r| r.get(0))?.ok_or_else(|| Error::not_found("container", id))
}

pub fn select_partition(tx: &Tx<'_>, system: i64, id: RowId, selected: bool) -> Result<()> {
    execute(tx, "UPDATE partitions SET selected = ?2 WHERE id = ?1", (id, selected))?;
    touch(tx, system)
}

/// Counts the selected containers and marks the hierarchy as changed, so that an import with a stale plan plans again.
pub(super) fn touch(tx: &Tx<'_>, system: i64) -> Result<()> {
    const SQL: &str = "UPDATE connected_systems SET hierarchy_revision = hierarchy_revision + 1,
            selected_containers = (SELECT count(*) FROM partitions p
                JOIN containers c INDEXED BY containers_selected ON c.partition_id = p.id AND c.selected = 1
                WHERE p.system_id = ?1)
        WHERE id = ?1";
    execute(tx, SQL, [system])
}

/// Applies a plan to the rows that it was made from.
pub fn apply(tx: &Tx<'_>, system: i64, seen: &Seen, plan: &Plan) -> Result<()> {
    let partitions = insert_partitions(tx, system, seen, plan)?;
    let containers = insert_containers(tx, seen, plan, &partitions)?;
    update_containers(tx, seen, plan, &partitions, &containers)?;
    let mut delete = tx.prepare_cached("DELETE FROM containers WHERE id = ?1")?;
    for row in &plan.removed {
        delete.execute([row])?;
    }
    let mut delete = tx.prepare_cached("DELETE FROM partitions WHERE id = ?1")?;
    for row in &plan.partitions_removed {
        delete.execute([row])?;
    }
    touch(tx, system)
}

/// Placeholder hash, unique per row, which no DN has.
fn parked(row: RowId) -> [u8; 16] {
    i128::from(row).to_be_bytes()
}

fn insert_partitions(tx: &Tx<'_>, system: i64, seen: &Seen, plan: &Plan) -> Result<Vec<RowId>> {
    // Placeholders first: names may have been swapped between partitions.
    let mut park = tx.prepare_cached("UPDATE partitions SET dn_hash = ?2 WHERE id = ?1")?;
    for row in plan.partitions_updated.iter().map(|u| u.row).chain(plan.partitions_removed.iter().copied()) {
        park.execute((row, parked(row)))?;
    }
    const INSERT: &str = "INSERT INTO partitions (system_id, external_id, dn_hash, id_kind, id_value, hidden)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = tx.prepare_cached(INSERT)?;
    let mut rows = Vec::with_capacity(plan.partitions_added.len());
    for added in &plan.partitions_added {
        let Some(p) = seen.partitions.get(*added) else { continue };
        let (kind, value) = id_columns(plan.id_of(p.ids, None));
        insert.execute((system, &*p.external_id, p.key.fingerprint(), kind, value, p.hidden))?;
        rows.push(tx.last_insert_rowid());
    }
    const UPDATE: &str =
        "UPDATE partitions SET external_id = ?2, dn_hash = ?3, id_kind = ?4, id_value = ?5, hidden = ?6
        WHERE id = ?1";
    let mut update = tx.prepare_cached(UPDATE)?;
    for changed in &plan.partitions_updated {
        let Some(p) = seen.partitions.get(changed.seen) else { continue };
        let (kind, value) = id_columns(changed.entry_id);
        update.execute((changed.row, &*p.external_id, p.key.fingerprint(), kind, value, p.hidden))?;
    }
    Ok(rows)
}

fn insert_containers(tx: &Tx<'_>, seen: &Seen, plan: &Plan, partitions: &[RowId]) -> Result<Vec<RowId>> {
    // Positions, not names: looking up names takes a fifth of the time of a large import.
    const SQL: &str = "INSERT INTO containers (id, partition_id, parent_id, external_id, id_kind, id_value, name,
            description, hidden, selected)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let first: RowId = tx.query_row("SELECT next FROM container_ids", [], |r| r.get(0))?;
    let mut insert = tx.prepare_cached(SQL)?;
    let mut rows = Vec::with_capacity(plan.added.len());
    let selected = plan.added_selected.iter().copied().chain(iter::repeat(false));
    for ((added, id), selected) in plan.added.iter().zip(first..).zip(selected) {
        let (partition, parent) = place(added, partitions, &rows)?;
        let container = added.entry.of(seen);
        let (kind, value) = id_columns(plan.id_of(container.ids, None));
        let (dn, name, description) = (&*container.external_id, &*container.name, container.description.as_deref());
        insert.execute((id, partition, parent, dn, kind, value, name, description, added.hidden, selected))?;
        rows.push(id);
    }
    tx.execute("UPDATE container_ids SET next = next + ?1", [rows.len() as i64])?;
    Ok(rows)
}

fn update_containers(tx: &Tx<'_>, seen: &Seen, plan: &Plan, partitions: &[RowId], containers: &[RowId]) -> Result<()> {
    const UPDATE: &str = "UPDATE containers SET partition_id = ?2, parent_id = ?3, external_id = ?4, id_kind = ?5,
            id_value = ?6, name = ?7, description = ?8, hidden = ?9
        WHERE id = ?1";
    let mut update = tx.prepare_cached(UPDATE)?;
    for changed in &plan.updated {
        let (partition, parent) = place(&changed.to, partitions, containers)?;
        let container = changed.to.entry.of(seen);
        let (kind, value) = id_columns(changed.entry_id);
        let (dn, name, description) = (&*container.external_id, &*container.name, container.description.as_deref());
        update.execute((changed.row, partition, parent, dn, kind, value, name, description, changed.to.hidden))?;
    }
    const RETARGET: &str = "UPDATE containers SET partition_id = ?2, external_id = ?3 WHERE id = ?1";
    let mut retarget = tx.prepare_cached(RETARGET)?;
    for kept in &plan.retargeted {
        let partition = partition_row(kept.partition, partitions)?;
        retarget.execute((kept.row, partition, &*kept.external_id))?;
    }
    let mut rescope = tx.prepare_cached("UPDATE containers SET selected = ?2 WHERE id = ?1")?;
    for (row, selected) in &plan.rescoped {
        rescope.execute((row, selected))?;
    }
    Ok(())
}

fn place(to: &Addition, partitions: &[RowId], containers: &[RowId]) -> Result<(RowId, Option<RowId>)> {
    let parent = match to.parent {
        ParentRef::Root => None,
        ParentRef::Row(row) => Some(row),
        ParentRef::New(i) => Some(*containers.get(i).ok_or_else(|| broken_plan("a child comes before its parent"))?),
    };
    Ok((partition_row(to.partition, partitions)?, parent))
}

fn partition_row(partition: PartitionRef, added: &[RowId]) -> Result<RowId> {
    match partition {
        PartitionRef::Row(row) => Ok(row),
        PartitionRef::New(i) => added.get(i).copied().ok_or_else(|| broken_plan("a partition is missing")),
    }
}

fn broken_plan(why: &'static str) -> Error {
    Error::internal("the plan of an import is inconsistent", why)
}

fn container(r: &Row<'_>) -> rusqlite::Result<StoredContainer> {
    Ok(StoredContainer {
        id: r.get(0)?,
        partition_id: r.get(1)?,
        above: r.get::<_, Option<RowId>>(2)?.and_then(NonZero::new),
        external_id: Arc::from(text(r, 3)?),
        entry_id: entry_id(r, 4, 5)?,
        name: Arc::from(text(r, 6)?),
        description: optional_text(r, 7)?,
        hidden: r.get(8)?,
        choice: r.get(9)?,
        selected: r.get(10)?,
    })
}

fn optional_text(r: &Row<'_>, index: usize) -> rusqlite::Result<Option<Box<str>>> {
    Ok(r.get_ref(index)?.as_str_or_null()?.map(Box::from))
}

fn entry_id(r: &Row<'_>, kind: usize, value: usize) -> rusqlite::Result<Option<EntryId>> {
    let kind = match r.get(kind)? {
        None => return Ok(None),
        Some(1) => IdKind::ObjectGuid,
        Some(2) => IdKind::EntryUuid,
        Some(_) => IdKind::NsUniqueId,
    };
    Ok(Some(EntryId { kind, value: r.get(value)? }))
}

fn id_columns(id: Option<EntryId>) -> (Option<i64>, Option<[u8; 16]>) {
    let kind = id.map(|id| match id.kind {
        IdKind::ObjectGuid => 1,
        IdKind::EntryUuid => 2,
        IdKind::NsUniqueId => 3,
    });
    (kind, id.map(|id| id.value))
}
