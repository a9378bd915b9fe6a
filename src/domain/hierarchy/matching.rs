//! Which stored row is which seen entry: by immutable id first, by normalised DN second.

use std::collections::HashMap;

use super::{EntryId, EntryIds, Seen, SeenContainer, StoredTree};
use crate::domain::dn;

/// Marks "no partner".
pub(super) const NONE: u32 = u32::MAX;

/// A seen container with the partition it belongs to.
pub(super) struct Entry<'a> {
    pub partition: usize,
    pub seen: &'a SeenContainer,
}

/// The partners of every seen entry and stored row.
pub(super) struct Matching<'a> {
    /// Entries that count: each DN once, each id once, each in its own partition.
    pub entries: Vec<Entry<'a>>,
    /// Entry by DN key.
    pub by_key: HashMap<&'a str, u32>,
    /// Stored container index per entry.
    pub row_of: Vec<u32>,
    /// Entry per stored container index.
    pub entry_of: Vec<u32>,
    /// Stored partition index per seen partition.
    pub stored_partition_of: Vec<u32>,
    /// Seen partition per stored partition index.
    pub seen_partition_of: Vec<u32>,
}

impl<'a> Matching<'a> {
    pub fn new(stored: &StoredTree, seen: &'a Seen) -> Self {
        let (entries, by_key) = distinct_entries(seen);
        let (stored_partition_of, seen_partition_of) = match_partitions(stored, seen);
        let mut matching = Matching {
            row_of: vec![NONE; entries.len()],
            entry_of: vec![NONE; stored.containers.len()],
            entries,
            by_key,
            stored_partition_of,
            seen_partition_of,
        };
        matching.match_containers(stored);
        matching
    }

    pub fn entry_of_row(&self, row: usize) -> Option<usize> {
        present(self.entry_of[row])
    }

    pub fn row_of_entry(&self, entry: usize) -> Option<usize> {
        present(self.row_of[entry])
    }

    fn pair(&mut self, entry: usize, row: usize) {
        self.row_of[entry] = row as u32;
        self.entry_of[row] = entry as u32;
    }

    fn match_containers(&mut self, stored: &StoredTree) {
        let mut by_id: HashMap<EntryId, u32> = HashMap::with_capacity(self.entries.len());
        for (i, entry) in self.entries.iter().enumerate() {
            by_id.extend(entry.seen.ids.iter().map(|id| (id, i as u32)));
        }
        // A row with the entry's own DN is the better partner where two rows fit; then the lowest row.
        let entry_by_id = |row: usize| stored.containers[row].entry_id.and_then(|id| by_id.get(&id).copied());
        for exact in [true, false] {
            for row in 0..stored.containers.len() {
                let Some(entry) = entry_by_id(row).map(|e| e as usize) else { continue };
                let same_dn = self.entries[entry].seen.key == stored.containers[row].key;
                if self.row_of[entry] == NONE && self.entry_of[row] == NONE && (same_dn || !exact) {
                    self.pair(entry, row);
                }
            }
        }
        for (row, container) in stored.containers.iter().enumerate() {
            if self.entry_of[row] != NONE {
                continue;
            }
            let Some(entry) = self.by_key.get(container.key.as_str()).map(|e| *e as usize) else { continue };
            if self.row_of[entry] == NONE && !self.entries[entry].seen.ids.contradicts(container.entry_id) {
                self.pair(entry, row);
            }
        }
    }
}

/// Turns the marker into an option.
pub(super) fn present(index: u32) -> Option<usize> {
    (index != NONE).then_some(index as usize)
}

fn distinct_entries(seen: &Seen) -> (Vec<Entry<'_>>, HashMap<&str, u32>) {
    let total = seen.partitions.iter().map(|p| p.containers.len()).sum();
    // An entry renamed while pages were read comes twice: its last place counts.
    let mut last_by_id: HashMap<EntryId, (usize, usize)> = HashMap::with_capacity(total);
    let inner = inner_suffixes(seen);
    // A search may return more than its own: what lies outside, or in a naming context inside, is not its to tell.
    let belongs = |p: usize, container: &SeenContainer| {
        let key = container.key.as_str();
        let elsewhere = inner[p].iter().any(|suffix| key == *suffix || dn::is_below(key, suffix));
        !elsewhere && container.key.is_below(seen.partitions[p].key.as_str())
    };
    for (p, partition) in seen.partitions.iter().enumerate() {
        for (c, container) in partition.containers.iter().enumerate() {
            if let Some(id) = container.ids.best().filter(|_| belongs(p, container)) {
                last_by_id.insert(id, (p, c));
            }
        }
    }
    let mut entries = Vec::with_capacity(total);
    let mut by_key = HashMap::with_capacity(total);
    for (p, partition) in seen.partitions.iter().enumerate() {
        for (c, container) in partition.containers.iter().enumerate() {
            let key = container.key.as_str();
            let superseded = container.ids.best().is_some_and(|id| last_by_id.get(&id) != Some(&(p, c)));
            if superseded || !belongs(p, container) || by_key.contains_key(key) {
                continue;
            }
            by_key.insert(key, entries.len() as u32);
            entries.push(Entry { partition: p, seen: container });
        }
    }
    (entries, by_key)
}

/// For each partition the suffixes of other listed partitions inside it: their entries are theirs alone.
fn inner_suffixes(seen: &Seen) -> Vec<Vec<&str>> {
    let keys: Vec<&str> = seen.partitions.iter().map(|p| p.key.as_str()).collect();
    let all = || keys.iter().copied().chain(seen.others.iter().map(|k| k.as_str()));
    keys.iter().map(|outer| all().filter(|k| dn::is_below(k, outer)).collect()).collect()
}

fn match_partitions(stored: &StoredTree, seen: &Seen) -> (Vec<u32>, Vec<u32>) {
    let mut stored_of = vec![NONE; seen.partitions.len()];
    let mut seen_of = vec![NONE; stored.partitions.len()];
    let same_id = |ids: EntryIds, id: Option<EntryId>| id.is_some_and(|id| ids.iter().any(|i| i == id));
    for by_id in [true, false] {
        for (row, partition) in stored.partitions.iter().enumerate() {
            if seen_of[row] != NONE {
                continue;
            }
            let fits = |(i, p): &(usize, &super::SeenPartition)| {
                stored_of[*i] == NONE
                    && if by_id {
                        same_id(p.ids, partition.entry_id)
                    } else {
                        // A naming context is what the server lists: as long as the name is listed, the row stays.
                        p.key == partition.key
                    }
            };
            if let Some((i, _)) = seen.partitions.iter().enumerate().find(fits) {
                stored_of[i] = row as u32;
                seen_of[row] = i as u32;
            }
        }
    }
    (stored_of, seen_of)
}
