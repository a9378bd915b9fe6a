//! The merge rules once more, written as plainly as they are told and for small trees only: what an import has to
//! report and to store. Names are lists of normalised RDNs here, and every question is a walk over all rows.

mod doubts;
mod outcome;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jim::domain::hierarchy::{
    EntryId, RowId, Seen, SeenContainer, StoredContainer, StoredTree, Verdict, Verdicts, View,
};

use super::directory::Path;

/// What a container is after the import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its row; `None` for a new one.
    pub row: Option<RowId>,
    /// The DN of what it hangs under, normalised; `None` for the partition.
    pub parent: Option<Path>,
    /// Its immutable id, the best that was ever readable.
    pub id: Option<EntryId>,
    /// Its name as spelled.
    pub name: String,
    /// The choice of its own.
    pub choice: Option<bool>,
    /// Whether it takes part, by its own choice or that of what it hangs under.
    pub selected: bool,
    /// Whether it is technical.
    pub hidden: bool,
}

/// What an import has to say and to leave behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the guard stops it.
    pub stopped: bool,
    /// DNs of new containers, as spelled.
    pub added: BTreeSet<String>,
    /// Rows of containers that go.
    pub removed: BTreeSet<RowId>,
    /// Row, old name, new name.
    pub renamed: BTreeSet<(RowId, String, String)>,
    /// Rows with another place.
    pub moved: BTreeSet<RowId>,
    /// DNs of partitions: added, removed, renamed.
    pub partitions: [BTreeSet<String>; 3],
    /// Containers by the DN of their partition and their own, both normalised.
    pub tree: BTreeMap<(Path, Path), Expected>,
}

/// What becomes of a stored container.
#[derive(Clone, PartialEq)]
enum Fate {
    Is(usize),
    Stays(Path),
    Goes,
}

type Way<'f> = dyn Fn(&StoredContainer, &SeenContainer) -> bool + 'f;

struct Merge<'a> {
    stored: &'a StoredTree,
    seen: &'a Seen,
    verdicts: &'a Verdicts,
    accept: bool,
    /// The names of stored containers.
    rows: Vec<Path>,
    /// The names of entries.
    places: Vec<Path>,
    /// Seen containers with the index of their partition, each entry once.
    entries: Vec<(usize, &'a SeenContainer)>,
    /// Row index to entry index.
    pairs: BTreeMap<usize, usize>,
    /// Stored partition index to seen one.
    listed: BTreeMap<usize, usize>,
    /// Entries that find no place.
    misplaced: BTreeSet<usize>,
    /// Seen partitions from which nothing goes, because of such an entry, or of one whose name another one had first.
    incomplete: BTreeSet<usize>,
    /// The latter.
    crowded: Vec<&'a SeenContainer>,
    /// Ids that are shown at two names.
    shared: BTreeSet<EntryId>,
    /// Those, and others that do not tell who an entry is.
    unsure: BTreeSet<EntryId>,
    /// Fates that were asked for before.
    known: RefCell<BTreeMap<usize, Fate>>,
}

/// A key as a list of RDNs.
pub fn path_of(key: &str) -> Path {
    key.split('\u{1e}').map(str::to_owned).collect()
}

/// Merges what was seen into what is stored.
pub fn merge(stored: &StoredTree, seen: &Seen, verdicts: &Verdicts, accept: bool) -> Outcome {
    let mut merge = Merge {
        stored,
        seen,
        verdicts,
        accept,
        rows: stored.containers.iter().map(|c| path_of(c.key().as_str())).collect(),
        places: Vec::new(),
        entries: Vec::new(),
        pairs: BTreeMap::new(),
        listed: BTreeMap::new(),
        misplaced: BTreeSet::new(),
        incomplete: BTreeSet::new(),
        crowded: Vec::new(),
        shared: BTreeSet::new(),
        unsure: BTreeSet::new(),
        known: RefCell::default(),
    };
    merge.entries();
    merge.pair_partitions();
    merge.pair_containers();
    merge.contested();
    merge.misplaced();
    merge.outcome()
}

impl<'a> Merge<'a> {
    fn entries(&mut self) {
        let left = |c: &SeenContainer| self.verdicts.moved_away.iter().any(|at| std::ptr::eq(at.of(self.seen), c));
        let all: Vec<(usize, &SeenContainer)> = self
            .seen
            .partitions
            .iter()
            .enumerate()
            .flat_map(|(p, s)| s.containers.iter().map(move |c| (p, c)))
            .filter(|(_, c)| !left(c))
            .collect();
        // An id at two names is no entry's.
        let roots = self.seen.partitions.iter().map(|p| (p.ids, &p.key));
        let shown: Vec<_> = all.iter().map(|(_, c)| (c.ids, &c.key)).chain(roots).collect();
        for (ids, key) in &shown {
            let twice = |id: &EntryId| shown.iter().any(|(other, at)| at != key && other.iter().any(|o| o == *id));
            self.shared.extend(ids.iter().filter(twice));
        }
        self.unsure = self.shared.clone();
        for (p, c) in &all {
            // Of one name the first counts.
            if self.entries.iter().any(|(_, o)| o.key == c.key) {
                self.crowded.push(c);
            } else {
                self.entries.push((*p, c));
                self.places.push(path_of(c.key.as_str()));
            }
        }
    }

    fn pair_partitions(&mut self) {
        for way in 0..3 {
            for (row, stored) in self.stored.partitions.iter().enumerate() {
                let name_is_listed = self.seen.partitions.iter().any(|p| p.key == stored.key);
                let silent = self.verdicts.partitions.get(&stored.id) != Some(&Verdict::Present);
                let same = |i: &usize| {
                    let seen = &self.seen.partitions[*i];
                    let name = seen.key == stored.key;
                    let sure = stored.entry_id.filter(|id| !self.unsure.contains(id));
                    let id = sure.is_some_and(|sure| seen.ids.iter().any(|id| id == sure));
                    let fits = match way {
                        0 => name && !seen.ids.contradicts(stored.entry_id),
                        1 => id && (name_is_listed || silent),
                        _ => name,
                    };
                    fits && !self.listed.values().any(|l| l == i)
                };
                let found = (0..self.seen.partitions.len()).find(same);
                if let Some(i) = found.filter(|_| !self.listed.contains_key(&row)) {
                    self.listed.insert(row, i);
                }
            }
        }
    }

    fn pair_containers(&mut self) {
        let unsure = self.unsure.clone();
        let sure = |r: &StoredContainer| r.entry_id.filter(|id| !unsure.contains(id));
        let same_id =
            |r: &StoredContainer, e: &SeenContainer| sure(r).is_some_and(|own| e.ids.iter().any(|id| id == own));
        let same_dn = |r: &StoredContainer, e: &SeenContainer| r.key() == e.key;
        let by_id_and_dn = |r: &StoredContainer, e: &SeenContainer| same_id(r, e) && same_dn(r, e);
        let by_dn = |r: &StoredContainer, e: &SeenContainer| same_dn(r, e) && !e.ids.contradicts(r.entry_id);
        let ways: [&Way<'_>; 3] = [&by_id_and_dn, &same_id, &by_dn];
        for (n, way) in ways.into_iter().enumerate() {
            if n == 2 {
                self.separate_doubted();
            }
            for (r, row) in self.stored.containers.iter().enumerate() {
                let free = |e: &usize| !self.pairs.values().any(|taken| taken == e);
                let found = (0..self.entries.len()).filter(free).find(|e| way(row, self.entries[*e].1));
                if let Some(e) = found.filter(|_| !self.pairs.contains_key(&r)) {
                    self.pairs.insert(r, e);
                }
            }
        }
    }

    /// An entry needs a place that no row keeps. The row of one without a place stays, and what was seen at the place
    /// of that row has none either. If that is not all, nothing is placed.
    fn misplaced(&mut self) {
        self.orphans();
        self.follow_parents();
        let mut taken = self.at_kept_rows();
        if taken.is_empty() {
            return;
        }
        while let Some(e) = taken.pop() {
            if !self.misplaced.contains(&e)
                && let Some(row) = self.exclude(e)
            {
                taken.extend((0..self.entries.len()).filter(|o| self.places[*o] == self.rows[row]));
            }
        }
        self.orphans();
        self.follow_parents();
        if !self.at_kept_rows().is_empty() {
            for e in 0..self.entries.len() {
                self.exclude(e);
            }
        }
    }

    /// In a partial view an entry needs a parent that was read or is stored; in any view nothing above it is without a
    /// place.
    fn orphans(&mut self) {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|e| self.places[*e].len());
        for e in order {
            let (p, seen) = self.entries[e];
            let parent = seen.key.parent().unwrap_or_default();
            let known = |key: &str| {
                self.entries.iter().any(|(_, o)| o.key.as_str() == key)
                    || self.stored.containers.iter().any(|r| r.key().as_str() == key)
            };
            let below = |o: &usize| self.places[e][1..].ends_with(&self.places[*o]);
            let cut = matches!(self.seen.partitions[p].view, View::Incomplete(_));
            let has_parent = parent == self.seen.partitions[p].key.as_str() || known(parent);
            if cut && !has_parent || self.misplaced.iter().any(below) {
                self.exclude(e);
            }
        }
    }

    fn at_kept_rows(&self) -> Vec<usize> {
        let fates: Vec<Fate> = (0..self.stored.containers.len()).map(|r| self.fate(r)).collect();
        let taken = |e: &usize| fates.contains(&Fate::Stays(self.places[*e].clone()));
        (0..self.entries.len()).filter(|e| !self.misplaced.contains(e)).filter(taken).collect()
    }

    /// Returns the row of the entry, if it has one.
    fn exclude(&mut self, e: usize) -> Option<usize> {
        self.known.take();
        self.misplaced.insert(e);
        self.incomplete.insert(self.entries[e].0);
        let row = self.pairs.iter().find(|(_, taken)| **taken == e).map(|(r, _)| *r)?;
        self.pairs.remove(&row);
        self.nothing_goes_beside(row);
        Some(row)
    }

    fn nothing_goes_beside(&mut self, row: usize) {
        let own = self.listed.get(&self.partition_of(row)).copied();
        self.incomplete.extend(own.into_iter().chain(self.judge_of(row).ok()));
    }

    /// What was seen only under the name of another is not gone.
    fn contested(&mut self) {
        for r in 0..self.stored.containers.len() {
            let row = &self.stored.containers[r];
            let seen = self.crowded.iter().any(|c| match row.entry_id {
                Some(own) => c.ids.iter().any(|id| id == own),
                None => c.key == row.key(),
            });
            if seen && !self.pairs.contains_key(&r) {
                self.nothing_goes_beside(r);
            }
        }
    }

    fn row(&self, id: RowId) -> usize {
        self.stored.containers.iter().position(|r| r.id == id).expect("a row")
    }

    fn parent(&self, row: usize) -> Option<usize> {
        self.stored.containers[row].parent_id().map(|p| self.row(p))
    }

    fn partition_of(&self, row: usize) -> usize {
        let id = self.stored.containers[row].partition_id;
        self.stored.partitions.iter().position(|p| p.id == id).expect("a partition")
    }

    fn partition_goes(&self, partition: usize) -> bool {
        let verdict = self.verdicts.partitions.get(&self.stored.partitions[partition].id).copied();
        !self.listed.contains_key(&partition)
            && verdict.is_some()
            && !(self.accept && verdict == Some(Verdict::Present))
    }

    fn fate(&self, row: usize) -> Fate {
        if let Some(fate) = self.known.borrow().get(&row) {
            return fate.clone();
        }
        let fate = self.find_fate(row);
        self.known.borrow_mut().insert(row, fate.clone());
        fate
    }

    fn find_fate(&self, row: usize) -> Fate {
        let stored = &self.stored.containers[row];
        if let Some(e) = self.pairs.get(&row) {
            return Fate::Is(*e);
        }
        let place = self.home(row);
        let complete = |i: usize| self.seen.partitions[i].view == View::Complete && !self.incomplete.contains(&i);
        let own = self.partition_of(row);
        let own_tells = self.listed.get(&own).map_or_else(|| self.partition_goes(own), |i| complete(*i));
        match self.judge_of(row) {
            Err(partition) if self.partition_goes(partition) => return Fate::Goes,
            Ok(i) if complete(i) && own_tells => {}
            _ => return Fate::Stays(place),
        }
        let placed = |e: &usize| !self.misplaced.contains(e) && self.places[*e] == place;
        if (0..self.entries.len()).any(|e| placed(&e)) {
            return Fate::Goes;
        }
        if let Some(parent) = stored.parent_id().map(|p| self.row(p)).filter(|p| !self.pairs.contains_key(p)) {
            return if self.fate(parent) == Fate::Goes { Fate::Goes } else { Fate::Stays(place) };
        }
        match self.verdicts.containers.get(&stored.id) {
            Some(Verdict::Absent | Verdict::AbsentUnproved) => Fate::Goes,
            Some(verdict) if self.accept && *verdict != Verdict::Present => Fate::Goes,
            _ => Fate::Stays(place),
        }
    }

    /// Where a row would be if only what is above it had changed.
    fn home(&self, row: usize) -> Path {
        let own = &self.rows[row];
        let mut above = self.stored.containers[row].parent_id().map(|p| self.row(p));
        let (was, is) = loop {
            let Some(p) = above else {
                let partition = self.partition_of(row);
                let was = self.stored.partitions[partition].key.clone();
                break (
                    was,
                    match self.listed.get(&partition) {
                        Some(listed) => path_of(self.seen.partitions[*listed].key.as_str()),
                        None => path_of(self.stored.partitions[partition].key.as_str()),
                    },
                );
            };
            let was = self.stored.containers[p].key();
            match self.fate(p) {
                Fate::Is(e) => break (was, self.places[e].clone()),
                Fate::Stays(place) => break (was, place),
                Fate::Goes => above = self.stored.containers[p].parent_id().map(|p| self.row(p)),
            }
        };
        let was = path_of(was.as_str());
        match own.strip_suffix(was.as_slice()) {
            Some(between) => [between, &is].concat(),
            None => own.clone(),
        }
    }

    /// The seen partition whose view tells about an unseen row: that of the nearest row above it that was seen. Else its
    /// own, or where that is not listed, the stored one.
    fn judge_of(&self, row: usize) -> Result<usize, usize> {
        match self.stored.containers[row].parent_id().map(|p| self.row(p)) {
            Some(above) => self.pairs.get(&above).map_or_else(|| self.judge_of(above), |e| Ok(self.entries[*e].0)),
            None => {
                let partition = self.partition_of(row);
                self.listed.get(&partition).copied().ok_or(partition)
            }
        }
    }

    fn home_partition(&self, row: usize) -> Path {
        path_of(match self.judge_of(row) {
            Ok(seen) => self.seen.partitions[seen].key.as_str(),
            Err(stored) => self.stored.partitions[stored].key.as_str(),
        })
    }
}
