//! Stored DNs by their text, for reading a directory: an entry whose DN is spelled as a stored one shares that text,
//! so that a large tree which has not changed is not held twice.

use std::collections::HashMap;

use super::{StoredContainer, StoredTree};
use crate::domain::dn::DnKey;

/// Index of a stored tree by the text of its DNs.
pub struct Known<'a> {
    tree: &'a StoredTree,
    by_text: HashMap<&'a str, u32>,
}

impl<'a> Known<'a> {
    /// Indexes a stored tree.
    pub fn new(tree: &'a StoredTree) -> Self {
        let by_text = tree.containers.iter().zip(0..).map(|(c, i)| (&*c.external_id, i)).collect();
        Known { tree, by_text }
    }

    /// Whether there is a partition of this name.
    pub fn has_partition(&self, key: &DnKey) -> bool {
        self.tree.partitions.iter().any(|p| p.key == *key)
    }

    /// The container whose DN is spelled exactly so.
    pub fn container(&self, dn: &str) -> Option<&'a StoredContainer> {
        self.by_text.get(dn).map(|i| &self.tree.containers[*i as usize])
    }
}
