//! Which stored row is which seen entry: by immutable id first, by normalised DN second.

use std::collections::HashSet;

use super::index::Index;
use super::{EntryId, EntryIds, Seen, SeenContainer, StoredContainer, StoredTree};
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
    by_key: Index,
    /// Stored container index per entry.
    pub row_of: Vec<u32>,
    /// Entry per stored container index.
    pub entry_of: Vec<u32>,
    /// Stored partition index per seen partition.
    pub stored_partition_of: Vec<u32>,
    /// Seen partition per stored partition index.
    pub seen_partition_of: Vec<u32>,
    /// Stored containers whose entry was seen, but only under a DN at which another entry was seen before.
    pub contested: Vec<usize>,
}

impl<'a> Matching<'a> {
    pub fn new(stored: &StoredTree, seen: &'a Seen) -> Self {
        let Entries { list: entries, by_key, by_id, crowded_out } = Entries::distinct(seen);
        let (stored_partition_of, seen_partition_of) = match_partitions(stored, seen);
        let mut matching = Matching {
            row_of: vec![NONE; entries.len()],
            entry_of: vec![NONE; stored.containers.len()],
            entries,
            by_key,
            stored_partition_of,
            seen_partition_of,
            contested: Vec::new(),
        };
        matching.match_containers(stored, &by_id);
        if !crowded_out.is_empty() {
            matching.contested = matching.rows_of(stored, crowded_out);
        }
        matching
    }

    /// The entry with this DN key.
    pub fn entry_at(&self, key: &str) -> Option<usize> {
        self.by_key.find(key, |e| self.entries[e].seen.key.as_str() == key)
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

    /// Takes an entry and its row apart; answers the row.
    pub fn part(&mut self, entry: usize) -> Option<usize> {
        let row = self.row_of_entry(entry)?;
        (self.row_of[entry], self.entry_of[row]) = (NONE, NONE);
        Some(row)
    }

    /// The rows without an entry that have one of these ids.
    fn rows_of(&self, stored: &StoredTree, mut ids: Vec<EntryId>) -> Vec<usize> {
        ids.sort_unstable();
        let has = |row: &usize| stored.containers[*row].entry_id.is_some_and(|id| ids.binary_search(&id).is_ok());
        (0..stored.containers.len()).filter(|row| self.entry_of[*row] == NONE).filter(has).collect()
    }

    fn match_containers(&mut self, stored: &StoredTree, by_id: &Index) {
        // A row with the entry's own DN is the better partner where two rows fit; then the lowest row.
        for exact in [true, false] {
            for (row, container) in stored.containers.iter().enumerate() {
                let Some(id) = container.entry_id.filter(|_| self.entry_of[row] == NONE) else { continue };
                let Some(entry) = by_id.find(&id, |e| self.entries[e].has(id)) else { continue };
                if self.row_of[entry] == NONE && (!exact || same_dn(self.entries[entry].seen, container)) {
                    self.pair(entry, row);
                }
            }
        }
        for (row, container) in stored.containers.iter().enumerate() {
            if self.entry_of[row] != NONE {
                continue;
            }
            let Some(entry) = self.entry_at(container.key().as_str()) else { continue };
            if self.row_of[entry] == NONE && !self.entries[entry].seen.ids.contradicts(container.entry_id) {
                self.pair(entry, row);
            }
        }
    }
}

/// The text is compared first: nearly always it is the same, and a key has to be made of it otherwise.
fn same_dn(seen: &SeenContainer, stored: &StoredContainer) -> bool {
    seen.external_id == stored.external_id || seen.key == stored.key()
}

/// Turns the marker into an option.
pub(super) fn present(index: u32) -> Option<usize> {
    (index != NONE).then_some(index as usize)
}

/// What was seen, less what does not count, and where to find it.
struct Entries<'a> {
    list: Vec<Entry<'a>>,
    by_key: Index,
    by_id: Index,
    /// Ids of what does not count because another entry has the DN.
    crowded_out: Vec<EntryId>,
}

impl<'a> Entries<'a> {
    fn distinct(seen: &'a Seen) -> Self {
        let inner = inner_suffixes(seen);
        // A search may return more than its own: what lies outside, or in a naming context inside, is not its to tell.
        let belongs = |p: usize, container: &SeenContainer| {
            let inner = &inner[p];
            let within = |key: &str| inner.contains(key);
            let elsewhere =
                !inner.is_empty() && (within(container.key.as_str()) || container.key.ancestors().any(within));
            !elsewhere && container.key.is_below(seen.partitions[p].key.as_str())
        };
        let mut list = Vec::with_capacity(seen.partitions.iter().map(|p| p.containers.len()).sum());
        for (partition, p) in seen.partitions.iter().enumerate() {
            let own = p.containers.iter().filter(|c| belongs(partition, c));
            list.extend(own.map(|seen| Entry { partition, seen }));
        }
        let mut crowded_out = Vec::new();
        loop {
            let mut by_id = Index::for_items(list.iter().map(|e| e.seen.ids.iter().count()).sum());
            for (i, entry) in list.iter().enumerate() {
                entry.seen.ids.iter().for_each(|id| by_id.put(&id, i, |e| list[e].has(id)));
            }
            let mut by_key = Index::for_items(list.len());
            let mut counts = vec![true; list.len()];
            for (i, entry) in list.iter().enumerate() {
                let key = entry.seen.key.as_str();
                let is = |e: usize| list[e].seen.key.as_str() == key;
                // An entry renamed while pages were read comes twice: its last place counts. Of one DN the first; the
                // other entry is there all the same.
                let best = entry.seen.ids.best();
                let superseded = best.is_some_and(|id| by_id.find(&id, |e| list[e].has(id)) != Some(i));
                counts[i] = !superseded && by_key.put_first(key, i, is).is_none();
                if !superseded && !counts[i] {
                    crowded_out.extend(entry.seen.ids.iter());
                }
            }
            if counts.iter().all(|c| *c) {
                return Entries { list, by_key, by_id, crowded_out };
            }
            let mut counts = counts.into_iter();
            list.retain(|_| counts.next().unwrap_or_default());
        }
    }
}

impl Entry<'_> {
    fn has(&self, id: EntryId) -> bool {
        self.seen.ids.iter().any(|i| i == id)
    }
}

/// For each partition the suffixes of other listed partitions inside it: their entries are theirs alone.
fn inner_suffixes(seen: &Seen) -> Vec<HashSet<&str>> {
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
