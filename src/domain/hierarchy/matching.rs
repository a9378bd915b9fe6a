//! Pairs of stored rows and seen entries: by immutable id first, by normalised DN second.

use std::collections::{HashMap, HashSet};

use super::{EntryId, EntryIds, Seen, SeenContainer, StoredContainer, StoredTree};
use crate::domain::dn;

/// A seen container with the partition it belongs to.
pub(super) struct Entry<'a> {
    pub partition: usize,
    pub seen: &'a SeenContainer,
}

/// Partners of every seen entry and stored row.
pub(super) struct Matching<'a> {
    /// Entries that count: each DN once, each id once, each in its own partition.
    pub entries: Vec<Entry<'a>>,
    by_key: HashMap<&'a str, u32>,
    row_of: Vec<Option<u32>>,
    entry_of: Vec<Option<u32>>,
    /// Stored partition per seen one.
    pub stored_partition_of: Vec<Option<usize>>,
    /// Seen partition per stored one.
    pub seen_partition_of: Vec<Option<usize>>,
    /// Rows whose entry was seen, but only under a DN at which another entry was seen before.
    pub shares_dn_with_seen: Vec<usize>,
}

impl<'a> Matching<'a> {
    pub fn new(stored: &StoredTree, seen: &'a Seen) -> Self {
        let Entries { list: entries, by_key, by_id, duplicate_dn } = Entries::distinct(seen);
        let (stored_partition_of, seen_partition_of) = match_partitions(stored, seen);
        let mut matching = Matching {
            row_of: vec![None; entries.len()],
            entry_of: vec![None; stored.containers.len()],
            entries,
            by_key,
            stored_partition_of,
            seen_partition_of,
            shares_dn_with_seen: Vec::new(),
        };
        matching.match_containers(stored, &by_id);
        if !duplicate_dn.is_empty() {
            let seen = |id: EntryId| duplicate_dn.contains(&id);
            let shares = |row: &usize| {
                matching.entry_of_row(*row).is_none() && stored.containers[*row].entry_id.is_some_and(seen)
            };
            matching.shares_dn_with_seen = (0..stored.containers.len()).filter(shares).collect();
        }
        matching
    }

    /// The entry with this DN key.
    pub fn entry_at(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).map(|e| *e as usize)
    }

    pub fn entry_of_row(&self, row: usize) -> Option<usize> {
        self.entry_of[row].map(|e| e as usize)
    }

    pub fn row_of_entry(&self, entry: usize) -> Option<usize> {
        self.row_of[entry].map(|r| r as usize)
    }

    fn pair(&mut self, entry: usize, row: usize) {
        self.row_of[entry] = Some(row as u32);
        self.entry_of[row] = Some(entry as u32);
    }

    /// Separates an entry from its row, which is returned.
    pub fn unmatch(&mut self, entry: usize) -> Option<usize> {
        let row = self.row_of[entry].take()? as usize;
        self.entry_of[row] = None;
        Some(row)
    }

    fn match_containers(&mut self, stored: &StoredTree, by_id: &HashMap<EntryId, u32>) {
        // A row with the entry's own DN is the better partner where two rows fit; then the lowest row.
        for exact in [true, false] {
            for (row, container) in stored.containers.iter().enumerate() {
                let Some(id) = container.entry_id.filter(|_| self.entry_of[row].is_none()) else { continue };
                let Some(entry) = by_id.get(&id).map(|e| *e as usize) else { continue };
                if self.row_of[entry].is_none() && (!exact || same_dn(self.entries[entry].seen, container)) {
                    self.pair(entry, row);
                }
            }
        }
        for (row, container) in stored.containers.iter().enumerate() {
            if self.entry_of[row].is_some() {
                continue;
            }
            let Some(entry) = self.entry_at(container.key().as_str()) else { continue };
            if self.row_of[entry].is_none() && !self.entries[entry].seen.ids.contradicts(container.entry_id) {
                self.pair(entry, row);
            }
        }
    }
}

/// The text is compared first: nearly always it is the same, and a key has to be made of it otherwise.
fn same_dn(seen: &SeenContainer, stored: &StoredContainer) -> bool {
    seen.external_id == stored.external_id || seen.key == stored.key()
}

/// Entries that count, and indexes to them.
struct Entries<'a> {
    list: Vec<Entry<'a>>,
    by_key: HashMap<&'a str, u32>,
    by_id: HashMap<EntryId, u32>,
    /// Ids of entries that do not count because an earlier one has their DN.
    duplicate_dn: HashSet<EntryId>,
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
        Entries::counted(list, HashSet::new())
    }

    /// An entry renamed while pages were read comes twice: its last place counts. Of one DN the first entry does.
    fn counted(mut list: Vec<Entry<'a>>, mut duplicate_dn: HashSet<EntryId>) -> Self {
        let ids = list.iter().zip(0..).flat_map(|(entry, i)| entry.seen.ids.iter().map(move |id| (id, i)));
        let by_id: HashMap<EntryId, u32> = ids.collect();
        let mut by_key = HashMap::with_capacity(list.len());
        let mut counts = vec![true; list.len()];
        for (entry, i) in list.iter().zip(0..) {
            let superseded = entry.seen.ids.best().is_some_and(|id| by_id.get(&id) != Some(&i));
            if superseded || *by_key.entry(entry.seen.key.as_str()).or_insert(i) != i {
                counts[i as usize] = false;
                duplicate_dn.extend(entry.seen.ids.iter().filter(|_| !superseded));
            }
        }
        if counts.iter().all(|c| *c) {
            return Entries { list, by_key, by_id, duplicate_dn };
        }
        let mut counts = counts.into_iter();
        list.retain(|_| counts.next().unwrap_or_default());
        Entries::counted(list, duplicate_dn)
    }
}

/// For each partition the suffixes of other listed partitions inside it: their entries are theirs alone.
fn inner_suffixes(seen: &Seen) -> Vec<HashSet<&str>> {
    let keys: Vec<&str> = seen.partitions.iter().map(|p| p.key.as_str()).collect();
    let all = || keys.iter().copied().chain(seen.others.iter().map(|k| k.as_str()));
    keys.iter().map(|outer| all().filter(|k| dn::is_below(k, outer)).collect()).collect()
}

fn match_partitions(stored: &StoredTree, seen: &Seen) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
    let mut stored_of = vec![None; seen.partitions.len()];
    let mut seen_of = vec![None; stored.partitions.len()];
    let same_id = |ids: EntryIds, id: Option<EntryId>| id.is_some_and(|id| ids.iter().any(|i| i == id));
    for by_id in [true, false] {
        for (row, partition) in stored.partitions.iter().enumerate() {
            if seen_of[row].is_some() {
                continue;
            }
            let fits = |(i, p): &(usize, &super::SeenPartition)| {
                stored_of[*i].is_none()
                    && if by_id {
                        same_id(p.ids, partition.entry_id)
                    } else {
                        // A naming context is what the server lists: as long as the name is listed, the row stays.
                        p.key == partition.key
                    }
            };
            if let Some((i, _)) = seen.partitions.iter().enumerate().find(fits) {
                stored_of[i] = Some(row);
                seen_of[row] = Some(i);
            }
        }
    }
    (stored_of, seen_of)
}
