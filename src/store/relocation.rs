//! Containers that an import of objects found under another DN.

use std::collections::HashSet;

use rusqlite::Connection;

use super::hierarchy::{self, Node};
use super::selection;
use super::sql::execute;
use crate::db::Tx;
use crate::domain::dn::{Dn, DnKey, depth};
use crate::domain::hierarchy::RowId;
use crate::error::Result;

/// Stores the DN under which a container was found, with those of everything below it. A container whose new parent is
/// not stored is left to the next import of the hierarchy; then this is `false`.
pub(crate) fn relocate(tx: &Tx<'_>, system: i64, id: RowId, dn: &str) -> Result<bool> {
    const MOVE: &str = "UPDATE containers SET parent_id = ?2, partition_id = ?3 WHERE id = ?1";
    const RENAME: &str = "UPDATE containers SET external_id = ?2, name = ?3, partition_id = ?4 WHERE id = ?1";
    let Ok(now) = Dn::parse(dn) else { return Ok(false) };
    let nodes = hierarchy::nodes_below(tx, id)?;
    let Some(own) = nodes.iter().find(|node| node.id == id) else { return Ok(false) };
    let Some((parent, partition)) = parent_of(tx, system, &now)? else { return Ok(false) };
    // A tree has no place below itself.
    if nodes.iter().any(|node| Some(node.id) == parent) {
        return Ok(false);
    }
    let base = depth(DnKey::of_stored(&own.external_id).as_str());
    for node in &nodes {
        let Some(place) = place_below(node, base, dn) else { return Ok(false) };
        let name = Dn::parse(&place).map(|dn| dn.name()).unwrap_or_default();
        execute(tx, RENAME, (node.id, &place, name, partition))?;
    }
    if own.parent_id != parent || own.partition_id != partition {
        execute(tx, MOVE, (id, parent, partition))?;
    }
    selection::follow(tx, system, id)?;
    Ok(true)
}

/// DN of a container below one that has the DN `dn` now; `base` is the depth that this one had.
fn place_below(node: &Node, base: usize, dn: &str) -> Option<String> {
    let was = Dn::parse(&node.external_id).ok()?;
    let below = was.rdns().len().checked_sub(base)?;
    Some(was.first_rdns_under(below, dn))
}

/// Parent row and partition of a DN, if they are stored; no row directly below a partition.
fn parent_of(c: &Connection, system: i64, dn: &Dn) -> Result<Option<(Option<RowId>, RowId)>> {
    let parent = dn.parent().key();
    if let Some(partition) = hierarchy::partitions(c, system)?.into_iter().find(|p| p.key == parent) {
        return Ok(Some((None, partition.id)));
    }
    let found = hierarchy::by_dn(c, system, &HashSet::from([&parent]))?;
    let Some(id) = found.get(&parent).copied() else { return Ok(None) };
    Ok(Some((Some(id), hierarchy::node(c, id)?.partition_id)))
}
