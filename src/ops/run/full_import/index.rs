//! What an import knows of the stored objects of its system, without their rows.

use std::collections::HashMap;

use crate::domain::connector_space::RowId;
use crate::store::connector_space::Head;

/// Heads of a system with a mark for each object that the run has met.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Ascending by key.
    heads: Vec<Head>,
    met: Vec<bool>,
    /// Objects of this run, by key.
    new: HashMap<[u8; 16], RowId>,
}

/// Answer about an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    New,
    /// Stored before the run, not met yet.
    Stored(Head),
    /// Met before in this run.
    Again(RowId),
}

impl Index {
    pub(super) fn new(heads: Vec<Head>) -> Index {
        let met = vec![false; heads.len()];
        Index { heads, met, new: HashMap::new() }
    }

    /// Looks up an identity and marks it as met.
    pub(super) fn meet(&mut self, key: &[u8; 16]) -> Known {
        if let Ok(i) = self.heads.binary_search_by_key(key, |h| h.key) {
            let (Some(head), Some(met)) = (self.heads.get(i), self.met.get_mut(i)) else { return Known::New };
            return if std::mem::replace(met, true) { Known::Again(head.object) } else { Known::Stored(*head) };
        }
        self.new.get(key).map_or(Known::New, |object| Known::Again(*object))
    }

    pub(super) fn add(&mut self, key: [u8; 16], object: RowId) {
        self.new.insert(key, object);
    }

    /// Whether nothing was stored before the run.
    pub(super) fn was_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Objects that the run has not met, ascending by id.
    pub(super) fn missing(&self) -> Vec<RowId> {
        let unmet = self.heads.iter().zip(&self.met).filter(|(_, met)| !**met);
        let mut ids: Vec<RowId> = unmet.map(|(head, _)| head.object).collect();
        ids.sort_unstable();
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_met_once() {
        let head = |n: u8| Head { key: [n; 16], object: i64::from(n), hash: 7 };
        let mut index = Index::new(vec![head(1), head(3)]);
        assert_eq!(index.meet(&[3; 16]), Known::Stored(head(3)));
        assert_eq!(index.meet(&[3; 16]), Known::Again(3));
        assert_eq!(index.meet(&[2; 16]), Known::New);
        index.add([2; 16], 9);
        assert_eq!(index.meet(&[2; 16]), Known::Again(9));
        assert_eq!(index.missing(), [1]);
    }
}
