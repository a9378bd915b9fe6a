//! What is stored, at hand while a directory is read: entries whose DN is the stored text share it with the stored
//! row, so that a large tree which has not changed is not held twice.

use super::index::Index;
use super::{StoredContainer, StoredTree};
use crate::domain::dn::DnKey;

/// A stored tree that can be asked for the text of a DN.
pub struct Known<'a> {
    tree: &'a StoredTree,
    by_text: Index,
}

impl<'a> Known<'a> {
    /// Prepares a stored tree.
    pub fn new(tree: &'a StoredTree) -> Self {
        let rows = &tree.containers;
        let mut by_text = Index::for_items(rows.len());
        for (i, row) in rows.iter().enumerate() {
            by_text.put(&*row.external_id, i, |r| rows[r].external_id == row.external_id);
        }
        Known { tree, by_text }
    }

    /// Whether there is a partition of this name.
    pub fn has_partition(&self, key: &DnKey) -> bool {
        self.tree.partitions.iter().any(|p| p.key == *key)
    }

    /// The container whose DN is spelled exactly so.
    pub fn container(&self, dn: &str) -> Option<&'a StoredContainer> {
        let rows = &self.tree.containers;
        if rows.is_empty() {
            return None;
        }
        self.by_text.find(dn, |r| &*rows[r].external_id == dn).map(|r| &rows[r])
    }
}
