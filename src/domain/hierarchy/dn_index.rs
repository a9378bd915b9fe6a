//! Index of a stored tree by DN text. A seen entry with the same spelling shares the stored text, so that a large
//! unchanged tree is not held twice.

use std::collections::HashMap;

use super::{StoredContainer, StoredTree};
use crate::domain::dn::DnKey;

pub struct DnIndex<'a> {
    tree: &'a StoredTree,
    by_text: HashMap<&'a str, u32>,
}

impl<'a> DnIndex<'a> {
    pub fn new(tree: &'a StoredTree) -> Self {
        let by_text = tree.containers.iter().zip(0..).map(|(c, i)| (&*c.external_id, i)).collect();
        DnIndex { tree, by_text }
    }

    pub fn has_partition(&self, key: &DnKey) -> bool {
        self.tree.partitions.iter().any(|p| p.key == *key)
    }

    /// Container with exactly this spelling of its DN.
    pub fn container(&self, dn: &str) -> Option<&'a StoredContainer> {
        self.by_text.get(dn).map(|i| &self.tree.containers[*i as usize])
    }
}
