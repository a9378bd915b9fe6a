//! Pairs of stored rows and seen entries: by immutable id first, by normalised DN second.
//!
//! An id that was seen at two names identifies neither: entries were copied with their ids, or the directory gives
//! several the same. Both entries are matched by their names.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{EntryId, EntryIds, EntryRef, Seen, SeenContainer, StoredContainer, StoredTree, Verdict, Verdicts};
use crate::domain::dn;

/// A seen container with its place in [`Seen`].
pub(super) struct Entry<'a> {
    pub at: EntryRef,
    pub seen: &'a SeenContainer,
}

impl Entry<'_> {
    pub fn partition(&self) -> usize {
        self.at.partition()
    }
}

/// Names at which one immutable id was seen.
#[derive(Default)]
pub(super) struct Shared<'a> {
    pub dns: Vec<&'a str>,
    /// Those of them that are containers.
    pub containers: Vec<EntryRef>,
}

impl<'a> Shared<'a> {
    fn of(entry: &Entry<'a>) -> Self {
        Shared { dns: vec![&entry.seen.external_id], containers: vec![entry.at] }
    }

    fn add(&mut self, entry: &Entry<'a>) {
        self.dns.push(&entry.seen.external_id);
        self.containers.push(entry.at);
    }
}

/// Partners of every seen entry and stored row.
pub(super) struct Matching<'a> {
    /// Entries that count: each DN once, each in its own partition.
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
    /// Ids that more than one name shows.
    pub shared: BTreeMap<EntryId, Shared<'a>>,
}

impl<'a> Matching<'a> {
    pub fn new(stored: &StoredTree, seen: &'a Seen, verdicts: &Verdicts) -> Self {
        let Entries { list: entries, by_key, by_id, passed_over, shared } = Entries::distinct(seen, &verdicts.left);
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
        if !passed_over.is_empty() {
            let ids: HashSet<EntryId> = passed_over.iter().flat_map(|c| c.ids.iter()).collect();
            let keys: HashSet<&str> = passed_over.iter().map(|c| c.key.as_str()).collect();
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

    pub fn pair(&mut self, entry: usize, row: usize) {
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
    /// Only ids that one name shows.
    by_id: HashMap<EntryId, u32>,
    /// Entries that do not count because an earlier one has their DN.
    passed_over: Vec<&'a SeenContainer>,
    shared: BTreeMap<EntryId, Shared<'a>>,
}

impl<'a> Entries<'a> {
    fn distinct(seen: &'a Seen, left: &HashSet<EntryRef>) -> Self {
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
        for (p, partition) in seen.partitions.iter().enumerate() {
            let at = |c: u32| EntryRef { partition: p as u32, container: c };
            let all = partition.containers.iter().zip(0..).map(|(seen, c)| Entry { at: at(c), seen });
            list.extend(all.filter(|e| belongs(p, e.seen) && (left.is_empty() || !left.contains(&e.at))));
        }
        let (mut by_id, shared) = ids(&list, seen);
        let (mut by_key, counts) = names(&list);
        let mut passed_over = Vec::new();
        if counts.contains(&false) {
            let mut counts = counts.into_iter();
            passed_over.extend(list.extract_if(.., |_| !counts.next().unwrap_or_default()).map(|entry| entry.seen));
            by_id = ids(&list, seen).0;
            by_key = names(&list).0;
        }
        if !shared.is_empty() {
            by_id.retain(|id, _| !shared.contains_key(id));
        }
        Entries { list, by_key, by_id, passed_over, shared }
    }
}

/// Indexes entries by their names, and says which of them count: of one DN the first.
fn names<'a>(list: &[Entry<'a>]) -> (HashMap<&'a str, u32>, Vec<bool>) {
    let mut by_key = HashMap::with_capacity(list.len());
    let counts = list.iter().zip(0..).map(|(entry, i)| *by_key.entry(entry.seen.key.as_str()).or_insert(i) == i);
    let counts = counts.collect();
    (by_key, counts)
}

/// Indexes entries by their ids, and finds the ids that more than one name shows.
fn ids<'a>(list: &[Entry<'a>], seen: &'a Seen) -> (HashMap<EntryId, u32>, BTreeMap<EntryId, Shared<'a>>) {
    let mut by_id: HashMap<EntryId, u32> = HashMap::with_capacity(list.len());
    let mut shared: BTreeMap<EntryId, Shared<'a>> = BTreeMap::new();
    for (entry, i) in list.iter().zip(0..) {
        for id in entry.seen.ids.iter() {
            let first = &list[*by_id.entry(id).or_insert(i) as usize];
            if first.seen.key != entry.seen.key {
                shared.entry(id).or_insert_with(|| Shared::of(first)).add(entry);
            }
        }
    }
    let mut roots: HashMap<EntryId, &'a str> = HashMap::new();
    for partition in &seen.partitions {
        let dn = &*partition.external_id;
        for id in partition.ids.iter() {
            let other = roots.insert(id, dn);
            if let Some(container) = by_id.get(&id) {
                shared.entry(id).or_insert_with(|| Shared::of(&list[*container as usize])).dns.push(dn);
            } else if let Some(other) = other {
                shared.entry(id).or_insert_with(|| Shared { dns: vec![other], ..Shared::default() }).dns.push(dn);
            }
        }
    }
    (by_id, shared)
}

/// For each partition the suffixes of other listed partitions inside it: their entries are theirs alone.
fn inner_suffixes(seen: &Seen) -> Vec<HashSet<&str>> {
    let keys: Vec<&str> = seen.partitions.iter().map(|p| p.key.as_str()).collect();
    let all = || keys.iter().copied().chain(seen.others.iter().map(|k| k.as_str()));
    keys.iter().map(|outer| all().filter(|k| dn::is_below(k, outer)).collect()).collect()
}

/// A naming context is what the server lists: as long as the name is listed, the row stays, unless its entry has another
/// id now. Under another name it is found by its id, provided that nothing answers at its own one.
fn match_partitions(
    stored: &StoredTree,
    seen: &Seen,
    shared: &BTreeMap<EntryId, Shared<'_>>,
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
            let answers = || verdicts.partitions.get(&partition.id) == Some(&Verdict::Answers);
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

/// A way to find a stored partition among the listed ones.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Name,
    Id,
    NameAlone,
}
