//! Pairs of stored rows and seen entries, matched by immutable id first, by normalised DN second.
//!
//! An id seen at two names identifies neither: entries were copied with their ids, or the directory gives several the
//! same. Both entries are matched by name.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{EntryId, EntryIds, EntryRef, Seen, SeenContainer, StoredContainer, StoredTree, Verdict, Verdicts};
use crate::domain::dn;

pub(super) struct Entry<'a> {
    pub at: EntryRef,
    pub seen: &'a SeenContainer,
}

impl Entry<'_> {
    pub fn partition(&self) -> usize {
        self.at.partition()
    }
}

#[derive(Default)]
pub(super) struct SharedId<'a> {
    pub dns: Vec<&'a str>,
    pub containers: Vec<EntryRef>,
}

impl<'a> SharedId<'a> {
    fn of(entry: &Entry<'a>) -> Self {
        SharedId { dns: vec![&entry.seen.external_id], containers: vec![entry.at] }
    }

    fn add(&mut self, entry: &Entry<'a>) {
        self.dns.push(&entry.seen.external_id);
        self.containers.push(entry.at);
    }
}

pub(super) struct Matching<'a> {
    /// Distinct entries: each DN once, each in its own partition.
    pub entries: Vec<Entry<'a>>,
    by_key: HashMap<&'a str, u32>,
    row_of: Vec<Option<u32>>,
    entry_of: Vec<Option<u32>>,
    pub stored_partition_of: Vec<Option<usize>>,
    pub seen_partition_of: Vec<Option<usize>>,
    /// Rows whose entry was seen only under a DN at which another entry was seen before.
    pub shares_dn_with_seen: Vec<usize>,
    pub shared: BTreeMap<EntryId, SharedId<'a>>,
}

impl<'a> Matching<'a> {
    pub fn new(stored: &StoredTree, seen: &'a Seen, verdicts: &Verdicts) -> Self {
        let Entries { list: entries, by_key, by_id, duplicates, shared } =
            Entries::distinct(seen, &verdicts.moved_away);
        let (stored_partition_of, seen_partition_of) = match_partitions(stored, seen, &shared, verdicts);
        let mut matching = Matching {
            row_of: vec![None; entries.len()],
            entry_of: vec![None; stored.containers.len()],
            entries,
            by_key,
            stored_partition_of,
            seen_partition_of,
            shares_dn_with_seen: Vec::new(),
            shared,
        };
        matching.match_containers(stored, &by_id);
        if !duplicates.is_empty() {
            let ids: HashSet<EntryId> = duplicates.iter().flat_map(|c| c.ids.iter()).collect();
            let keys: HashSet<&str> = duplicates.iter().map(|c| c.key.as_str()).collect();
            let was_seen = |container: &StoredContainer| match container.entry_id {
                Some(id) => ids.contains(&id),
                None => keys.contains(container.key().as_str()),
            };
            let unmatched =
                stored.containers.iter().enumerate().filter(|(row, _)| matching.entry_of_row(*row).is_none());
            let shares = unmatched.filter(|(_, container)| was_seen(container)).map(|(row, _)| row).collect();
            matching.shares_dn_with_seen = shares;
        }
        matching
    }

    pub fn entry_at(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).map(|e| *e as usize)
    }

    pub fn entry_of_row(&self, row: usize) -> Option<usize> {
        self.entry_of[row].map(|e| e as usize)
    }

    pub fn row_of_entry(&self, entry: usize) -> Option<usize> {
        self.row_of[entry].map(|r| r as usize)
    }

    pub fn pair(&mut self, entry: usize, row: usize) {
        self.row_of[entry] = Some(row as u32);
        self.entry_of[row] = Some(entry as u32);
    }

    /// Separates an entry from its row and returns the row.
    pub fn unmatch(&mut self, entry: usize) -> Option<usize> {
        let row = self.row_of[entry].take()? as usize;
        self.entry_of[row] = None;
        Some(row)
    }

    fn match_containers(&mut self, stored: &StoredTree, by_id: &HashMap<EntryId, u32>) {
        // Of two rows with the id, the one with the entry's DN is preferred; then the lowest row.
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

/// Compares texts first: they are nearly always equal, and a stored key has to be computed.
fn same_dn(seen: &SeenContainer, stored: &StoredContainer) -> bool {
    seen.external_id == stored.external_id || seen.key == stored.key()
}

struct Entries<'a> {
    list: Vec<Entry<'a>>,
    by_key: HashMap<&'a str, u32>,
    /// Ids of one name only.
    by_id: HashMap<EntryId, u32>,
    /// Entries whose DN an earlier entry has.
    duplicates: Vec<&'a SeenContainer>,
    shared: BTreeMap<EntryId, SharedId<'a>>,
}

impl<'a> Entries<'a> {
    fn distinct(seen: &'a Seen, moved_away: &HashSet<EntryRef>) -> Self {
        let inner = inner_suffixes(seen);
        // A search may return entries outside its base, or of an inner naming context; those are ignored.
        let belongs = |p: usize, container: &SeenContainer| {
            let inner = &inner[p];
            let within = |key: &str| inner.contains(key);
            let elsewhere =
                !inner.is_empty() && (within(container.key.as_str()) || container.key.ancestors().any(within));
            !elsewhere && container.key.is_below(seen.partitions[p].key.as_str())
        };
        let mut list = Vec::with_capacity(seen.partitions.iter().map(|p| p.containers.len()).sum());
        for (p, partition) in seen.partitions.iter().enumerate() {
            let at = |c: u32| EntryRef { partition: p as u32, container: c };
            let all = partition.containers.iter().zip(0..).map(|(seen, c)| Entry { at: at(c), seen });
            list.extend(all.filter(|e| belongs(p, e.seen) && (moved_away.is_empty() || !moved_away.contains(&e.at))));
        }
        let (mut by_id, shared) = ids(&list, seen);
        let (mut by_key, counts) = names(&list);
        let mut duplicates = Vec::new();
        if counts.contains(&false) {
            let mut counts = counts.into_iter();
            duplicates.extend(list.extract_if(.., |_| !counts.next().unwrap_or_default()).map(|entry| entry.seen));
            by_id = ids(&list, seen).0;
            by_key = names(&list).0;
        }
        if !shared.is_empty() {
            by_id.retain(|id, _| !shared.contains_key(id));
        }
        Entries { list, by_key, by_id, duplicates, shared }
    }
}

/// Indexes entries by DN key and flags the first of each DN.
fn names<'a>(list: &[Entry<'a>]) -> (HashMap<&'a str, u32>, Vec<bool>) {
    let mut by_key = HashMap::with_capacity(list.len());
    let counts = list.iter().zip(0..).map(|(entry, i)| *by_key.entry(entry.seen.key.as_str()).or_insert(i) == i);
    let counts = counts.collect();
    (by_key, counts)
}

/// Indexes entries by id and collects the ids of more than one name.
fn ids<'a>(list: &[Entry<'a>], seen: &'a Seen) -> (HashMap<EntryId, u32>, BTreeMap<EntryId, SharedId<'a>>) {
    let mut by_id: HashMap<EntryId, u32> = HashMap::with_capacity(list.len());
    let mut shared: BTreeMap<EntryId, SharedId<'a>> = BTreeMap::new();
    for (entry, i) in list.iter().zip(0..) {
        for id in entry.seen.ids.iter() {
            let first = &list[*by_id.entry(id).or_insert(i) as usize];
            if first.seen.key != entry.seen.key {
                shared.entry(id).or_insert_with(|| SharedId::of(first)).add(entry);
            }
        }
    }
    let mut roots: HashMap<EntryId, &'a str> = HashMap::new();
    for partition in &seen.partitions {
        let dn = &*partition.external_id;
        for id in partition.ids.iter() {
            let other = roots.insert(id, dn);
            if let Some(container) = by_id.get(&id) {
                shared.entry(id).or_insert_with(|| SharedId::of(&list[*container as usize])).dns.push(dn);
            } else if let Some(other) = other {
                shared.entry(id).or_insert_with(|| SharedId { dns: vec![other], ..SharedId::default() }).dns.push(dn);
            }
        }
    }
    (by_id, shared)
}

/// For each partition the suffixes of other listed partitions inside it, which own their entries.
fn inner_suffixes(seen: &Seen) -> Vec<HashSet<&str>> {
    let keys: Vec<&str> = seen.partitions.iter().map(|p| p.key.as_str()).collect();
    let all = || keys.iter().copied().chain(seen.others.iter().map(|k| k.as_str()));
    keys.iter().map(|outer| all().filter(|k| dn::is_below(k, outer)).collect()).collect()
}

/// A listed name keeps its row, unless its entry has another id now. A renamed partition is found by its id, provided
/// that no entry answers at the old name.
fn match_partitions(
    stored: &StoredTree,
    seen: &Seen,
    shared: &BTreeMap<EntryId, SharedId<'_>>,
    verdicts: &Verdicts,
) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
    let mut stored_of = vec![None; seen.partitions.len()];
    let mut seen_of = vec![None; stored.partitions.len()];
    let same_id = |ids: EntryIds, id: Option<EntryId>| {
        id.is_some_and(|id| !shared.contains_key(&id) && ids.iter().any(|shown| shown == id))
    };
    for step in [By::Name, By::Id, By::NameAlone] {
        for (row, partition) in stored.partitions.iter().enumerate() {
            let listed = || seen.partitions.iter().any(|p| p.key == partition.key);
            let answers = || verdicts.partitions.get(&partition.id) == Some(&Verdict::Present);
            if seen_of[row].is_some() || (step == By::Id && answers() && !listed()) {
                continue;
            }
            let fits = |(i, p): &(usize, &super::SeenPartition)| {
                stored_of[*i].is_none()
                    && match step {
                        By::Name => p.key == partition.key && !p.ids.contradicts(partition.entry_id),
                        By::Id => same_id(p.ids, partition.entry_id),
                        By::NameAlone => p.key == partition.key,
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

#[derive(Clone, Copy, PartialEq)]
enum By {
    Name,
    Id,
    NameAlone,
}
