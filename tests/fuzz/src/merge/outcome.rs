//! What the model expects of an import: the tree afterwards, what it says of each change, whether it stops.

use std::collections::BTreeMap;

use jim::domain::hierarchy::{EntryId, SeenContainer, StoredContainer, Verdict};

use super::super::directory::Path;
use super::{Expected, Fate, Merge, Outcome, path_of};

impl Merge<'_> {
    pub(super) fn outcome(&self) -> Outcome {
        let mut outcome = Outcome { stopped: self.stopped(), ..Outcome::default() };
        let [added, removed, renamed] = &mut outcome.partitions;
        for (row, partition) in self.stored.partitions.iter().enumerate() {
            match self.listed.get(&row).map(|l| &self.seen.partitions[*l]) {
                Some(seen) if seen.key != partition.key => renamed.insert(seen.external_id.to_string()),
                None if self.partition_goes(row) => removed.insert(partition.external_id.to_string()),
                _ => false,
            };
        }
        for (i, seen) in self.seen.partitions.iter().enumerate() {
            if !self.listed.values().any(|l| *l == i) {
                added.insert(seen.external_id.to_string());
            }
        }
        let mut tree: BTreeMap<(Path, Path), (Option<usize>, Option<usize>)> = BTreeMap::new();
        let at = |e: usize| (path_of(self.seen.partitions[self.entries[e].0].key.as_str()), self.places[e].clone());
        for e in (0..self.entries.len()).filter(|e| !self.misplaced.contains(e)) {
            tree.insert(at(e), (self.pairs.iter().find(|(_, p)| **p == e).map(|(r, _)| *r), Some(e)));
        }
        for row in 0..self.stored.containers.len() {
            if let Fate::Stays(place) = self.fate(row) {
                tree.insert((self.home_partition(row), place), (Some(row), None));
            } else if self.fate(row) == Fate::Goes {
                outcome.removed.insert(self.stored.containers[row].id);
            }
        }
        for ((partition, path), (row, entry)) in &tree {
            let above = |n: &usize| tree.contains_key(&(partition.clone(), path[*n..].to_vec()));
            let parent = match (row, entry) {
                (Some(row), None) => self.parent_that_stays(*row),
                _ => (1..path.len().saturating_sub(partition.len())).find(above).map(|n| path[n..].to_vec()),
            };
            let parent_row =
                parent.as_ref().map(|p| tree.get(&(partition.clone(), p.clone())).and_then(|(row, _)| *row));
            let technical =
                (1..path.len()).filter_map(|n| tree.get(&(partition.clone(), path[n..].to_vec()))).any(|at| match at {
                    (_, Some(e)) => self.entries[*e].1.hidden,
                    (Some(r), None) => self.stored.containers[*r].hidden,
                    (None, None) => false,
                });
            let stored = row.map(|r| &self.stored.containers[r]);
            let seen = entry.map(|e| self.entries[e].1);
            let all = entry.is_some_and(|e| self.seen.partitions[self.entries[e].0].hidden);
            let expected = Expected {
                row: stored.map(|r| r.id),
                parent,
                id: self.id_of(seen, stored),
                name: seen.map(|s| &s.name).or(stored.map(|r| &r.name)).expect("one of both").to_string(),
                choice: stored.and_then(|r| r.choice),
                selected: false,
                hidden: seen.map_or(stored.is_some_and(|r| r.hidden), |s| all || s.hidden || technical),
            };
            outcome.tree.insert((partition.clone(), path.clone()), expected);
            let Some(seen) = seen else { continue };
            let Some((r, stored)) = row.zip(stored) else {
                outcome.added.insert(seen.external_id.to_string());
                continue;
            };
            if stored.name != seen.name {
                outcome.renamed.insert((stored.id, stored.name.to_string(), seen.name.to_string()));
            }
            let same_partition = self.listed.get(&self.partition_of(r)) == entry.map(|e| self.entries[e].0).as_ref();
            let same_parent = parent_row == stored.parent_id().map(|p| Some(self.row(p)));
            if !(same_partition && same_parent) && self.home(r)[1..] != path[1..] {
                outcome.moved.insert(stored.id);
            }
        }
        let selected: Vec<bool> = outcome.tree.keys().map(|at| takes_part(&outcome.tree, at)).collect();
        outcome.tree.values_mut().zip(selected).for_each(|(expected, selected)| expected.selected = selected);
        outcome
    }

    /// The best id that tells who an entry is; a row that was not seen keeps what it has.
    fn id_of(&self, seen: Option<&SeenContainer>, stored: Option<&StoredContainer>) -> Option<EntryId> {
        let stored = stored.and_then(|r| r.entry_id);
        let Some(seen) = seen else { return stored };
        seen.ids.iter().chain(stored).find(|id| !self.unsure.contains(id))
    }

    /// The place of the nearest row above one that stays.
    fn parent_that_stays(&self, row: usize) -> Option<Path> {
        let above = self.row(self.stored.containers[row].parent_id()?);
        match self.fate(above) {
            Fate::Is(e) => Some(self.places[e].clone()),
            Fate::Stays(place) => Some(place),
            Fate::Goes => self.parent_that_stays(above),
        }
    }

    fn stopped(&self) -> bool {
        let unproved = |p: &usize| {
            let verdict = self.verdicts.partitions.get(&self.stored.partitions[*p].id);
            !(self.listed.contains_key(p) || verdict == Some(&Verdict::Absent) && self.seen.listed > 0)
        };
        let many = |p: &usize| {
            let rows: Vec<usize> = (0..self.stored.containers.len()).filter(|r| self.partition_of(*r) == *p).collect();
            let going = rows.iter().filter(|r| self.fate(**r) == Fate::Goes).count();
            self.listed.contains_key(p) && rows.len() >= 10 && going * 2 > rows.len()
        };
        !self.accept && (0..self.stored.partitions.len()).any(|p| unproved(&p) || many(&p))
    }
}

/// By the nearest choice on the way up. What is hidden follows only what is hidden too.
fn takes_part(tree: &BTreeMap<(Path, Path), Expected>, at: &(Path, Path)) -> bool {
    let own = &tree[at];
    let mut next = Some(own);
    while let Some(above) = next {
        if let Some(choice) = above.choice {
            return choice && (above.hidden || !own.hidden);
        }
        next = above.parent.as_ref().and_then(|parent| tree.get(&(at.0.clone(), parent.clone())));
    }
    false
}
