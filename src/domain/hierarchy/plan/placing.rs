//! Places of seen containers: which are new, renamed or moved, and which have no place.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::super::View;
use super::super::report::{Moved, Place, Renamed, Touched};
use super::super::warnings::Reason;
use super::{Addition, ParentRef, PartitionRef, PartitionState, Planner, RowState, Update, sort_by_place};
use crate::domain::dn::{self, DnKey};

impl<'a> Planner<'a> {
    /// Decides which rows stay and which entries have no place. Such an entry counts as unseen, its row stays, and the
    /// partitions concerned lose no row.
    pub(super) fn place_all(&mut self) {
        // A rename between two pages can show two entries at one DN; both exist.
        let sharing = std::mem::take(&mut self.matching.shares_dn_with_seen);
        sharing.iter().for_each(|row| self.keep_partitions_of(*row));
        self.exclude_orphans();
        self.states_of_missing();
        let taken = self.entries_at_kept_rows();
        if !taken.is_empty() {
            self.exclude_chain(taken);
            self.exclude_orphans();
            self.states_of_missing();
            // If excluding entries moved rows onto further entries, no entry is placed: the next import may.
            if !self.entries_at_kept_rows().is_empty() {
                for e in 0..self.excluded.len() {
                    self.exclude(e);
                }
                self.states_of_missing();
            }
        }
        for e in (0..self.excluded.len()).filter(|e| self.excluded[*e]) {
            let entry = &self.matching.entries[e];
            let partition = &self.seen.partitions[entry.partition()].external_id;
            self.kept.add(partition, Reason::Misplaced, &entry.seen.external_id);
        }
        let unmatched = std::mem::take(&mut self.unmatched).into_iter();
        let unmatched = unmatched.filter(|row| self.matching.entry_of_row(*row).is_none());
        let unmatched: Vec<_> = unmatched.map(|row| (row, Reason::Elsewhere)).collect();
        for (row, reason) in sharing.into_iter().map(|row| (row, Reason::Misplaced)).chain(unmatched) {
            if let PartitionState::Listed(partition) = self.partition_state(row) {
                let partition = &self.seen.partitions[partition].external_id;
                self.kept.add(partition, reason, &self.stored.containers[row].external_id);
            }
        }
    }

    /// Entries at the DN of an unseen row that stays.
    fn entries_at_kept_rows(&self) -> Vec<usize> {
        let at = |key: &DnKey| self.matching.entry_at(key.as_str());
        self.kept_by_key.keys().filter_map(at).filter(|e| !self.excluded[*e]).collect()
    }

    /// Excludes entries whose place is taken; the row of each stays and may take the place of another entry.
    fn exclude_chain(&mut self, mut taken: Vec<usize>) {
        while let Some(e) = taken.pop() {
            if self.excluded[e] {
                continue;
            }
            if let Some(row) = self.exclude(e) {
                taken.extend(self.matching.entry_at(self.stored.containers[row].key().as_str()));
            }
        }
    }

    /// Excludes entries below an excluded one and, in an incomplete view, those with an unknown parent.
    fn exclude_orphans(&mut self) {
        let cut: Vec<bool> = self.seen.partitions.iter().map(|p| matches!(p.view, View::Incomplete(_))).collect();
        if !cut.contains(&true) && !self.excluded.contains(&true) {
            return;
        }
        let stored_keys = OnceCell::new();
        let stored_keys = || stored_keys.get_or_init(|| self.stored.containers.iter().map(|c| c.key()).collect());
        let is_stored = |key: &str| HashSet::<DnKey>::contains(stored_keys(), key);
        let mut orphans = self.excluded.clone();
        let mut order: Vec<usize> = (0..orphans.len()).collect();
        order.sort_by_key(|e| dn::depth(self.matching.entries[*e].seen.key.as_str()));
        for e in order {
            let entry = &self.matching.entries[e];
            let read = |key: &str| self.matching.entry_at(key);
            let parent = entry.seen.key.parent().unwrap_or_default();
            let known = !cut[entry.partition()]
                || parent == self.seen.partitions[entry.partition()].key.as_str()
                || read(parent).is_some()
                || is_stored(parent);
            // The nearest ancestor is enough: it was checked before, its own ancestors included.
            orphans[e] |= !known || entry.seen.key.ancestors().find_map(read).is_some_and(|p| orphans[p]);
        }
        for e in (0..orphans.len()).filter(|e| orphans[*e]) {
            self.exclude(e);
        }
    }

    fn exclude(&mut self, e: usize) -> Option<usize> {
        self.excluded[e] = true;
        self.complete[self.matching.entries[e].partition()] = false;
        let row = self.matching.unmatch(e)?;
        self.keep_partitions_of(row);
        Some(row)
    }

    /// Keeps all rows of the partitions whose views would decide that this row is missing.
    fn keep_partitions_of(&mut self, row: usize) {
        for state in [self.partition_state(row), self.partition_of_missing(row)] {
            if let PartitionState::Listed(partition) = state {
                self.complete[partition] = false;
            }
        }
    }

    pub(super) fn containers(&mut self) {
        // Exact capacity: in a first import these are the longest lists beside the seen containers.
        let is_new = |e: &usize| self.matching.row_of_entry(*e).is_none() && !self.excluded[*e];
        let entries = 0..self.matching.entries.len();
        let mut new: Vec<usize> = Vec::with_capacity(entries.clone().filter(is_new).count());
        new.extend(entries.filter(is_new));
        self.plan.added.reserve_exact(new.len());
        self.plan.changes.added_containers.reserve_exact(new.len());
        sort_by_place(&mut new, |e| self.place(*e));
        let mut index_of_new = vec![None; self.matching.entries.len()];
        for (e, i) in new.iter().zip(0u32..) {
            index_of_new[*e] = Some(i);
        }
        let places = self.places();
        for e in &new {
            let to = self.addition(*e, &places, &index_of_new);
            let seen = self.matching.entries[*e].seen;
            self.plan.added.push(to);
            self.plan.changes.added_containers.push(Touched {
                external_id: seen.external_id.clone(),
                name: seen.name.clone(),
                was_selected: false,
            });
        }
        let mut renamed = Vec::new();
        let mut moved = Vec::new();
        for row in 0..self.stored.containers.len() {
            match self.matching.entry_of_row(row) {
                Some(e) => {
                    let to = self.addition(e, &places, &index_of_new);
                    self.update(row, e, to, &mut renamed, &mut moved);
                }
                None => self.retarget(row),
            }
        }
        // Sorted by the new place: a moved parent may have been below its child.
        sort_by_place(&mut renamed, |(e, _)| self.place(*e));
        sort_by_place(&mut moved, |(e, _)| self.place(*e));
        self.plan.changes.renamed_containers = renamed.into_iter().map(|(_, r)| r).collect();
        self.plan.changes.moved_containers = moved.into_iter().map(|(_, m)| m).collect();
    }

    pub(super) fn place(&self, e: usize) -> Place<'a> {
        let seen = self.matching.entries[e].seen;
        Place { key: Cow::Borrowed(seen.key.as_str()), name: &seen.name, external_id: &seen.external_id }
    }

    fn update(
        &mut self,
        row: usize,
        e: usize,
        to: Addition,
        renamed: &mut Vec<(usize, Renamed)>,
        moved: &mut Vec<(usize, Moved)>,
    ) {
        let container = &self.stored.containers[row];
        let seen = self.matching.entries[e].seen;
        let entry_id = self.plan.id_of(seen.ids, container.entry_id);
        let parent = container.parent_id().map_or(ParentRef::Root, ParentRef::Row);
        let elsewhere = to.parent != parent || to.partition != PartitionRef::Row(container.partition_id);
        if seen.name != container.name {
            renamed.push((
                e,
                Renamed {
                    external_id: seen.external_id.clone(),
                    old_name: container.name.clone(),
                    new_name: seen.name.clone(),
                    was_selected: container.selected,
                },
            ));
        }
        if elsewhere && self.moved_by_itself(row, e) {
            moved.push((
                e,
                Moved {
                    external_id: seen.external_id.clone(),
                    name: seen.name.clone(),
                    old_parent: self.parent_row(row).map(|p| self.stored.containers[p].external_id.clone()),
                    new_parent: self.parent_dn(to.parent),
                    was_selected: container.selected,
                },
            ));
        }
        let same = !elsewhere
            && seen.external_id == container.external_id
            && seen.name == container.name
            && seen.description == container.description
            && to.hidden == container.hidden
            && entry_id == container.entry_id;
        if !same {
            self.plan.updated.push(Update { row: container.id, to, entry_id });
        }
    }

    /// Whether the entry itself moved, and not only an ancestor.
    fn moved_by_itself(&self, row: usize, e: usize) -> bool {
        let above = self.place_of_parent(row);
        let own = self.stored.containers[row].key();
        let was = own.parent().unwrap_or_default();
        let between = was.strip_suffix(above.was.as_str()).unwrap_or(was);
        let is = self.matching.entries[e].seen.key.parent().unwrap_or_default();
        is.strip_suffix(above.is.as_str()) != Some(between)
    }

    fn addition(&self, e: usize, places: &Places, index_of_new: &[Option<u32>]) -> Addition {
        let row = |r: usize| ParentRef::Row(self.stored.containers[r].id);
        let parent = match places.above[e] {
            None => ParentRef::Root,
            Some(At::Row(r)) => row(r as usize),
            Some(At::Entry(p)) => match self.matching.row_of_entry(p as usize) {
                Some(r) => row(r),
                None => index_of_new[p as usize].map_or(ParentRef::Root, |i| ParentRef::New(i as usize)),
            },
        };
        let partition = self.partition_refs[self.matching.entries[e].partition()];
        Addition { entry: self.matching.entries[e].at, partition, parent, hidden: places.hidden[e] == Hidden::Yes }
    }

    /// Finds the parent of each entry. Neighbours are often siblings, and comparing names is cheaper than hashing.
    fn places(&self) -> Places {
        let mut above: Vec<Option<At>> = Vec::with_capacity(self.matching.entries.len());
        let mut last: Option<(usize, &str)> = None;
        for (e, entry) in self.matching.entries.iter().enumerate() {
            let parent = entry.seen.key.parent().unwrap_or_default();
            let found = match last {
                Some((sibling, key)) if key == parent => above[sibling],
                _ => {
                    let suffix = self.seen.partitions[entry.partition()].key.as_str();
                    entry.seen.key.ancestors().take_while(|k| *k != suffix).find_map(|k| self.container_at(k))
                }
            };
            last = Some((e, parent));
            above.push(found);
        }
        let hidden = self.hidden(&above);
        Places { above, hidden }
    }

    /// Container with this key once the plan is applied.
    fn container_at(&self, key: &str) -> Option<At> {
        if let Some(e) = self.matching.entry_at(key).filter(|e| !self.excluded[*e]) {
            return Some(At::Entry(e as u32));
        }
        if self.kept_by_key.is_empty() {
            return None;
        }
        self.kept_by_key.get(key).map(|r| At::Row(*r))
    }

    /// Below an unseen row the ancestors are found by DN, since rows keep their stored parents.
    fn hidden_by_name(&self, e: usize) -> Hidden {
        let entry = &self.matching.entries[e];
        let suffix = self.seen.partitions[entry.partition()].key.as_str();
        let technical =
            entry.seen.key.ancestors().take_while(|k| *k != suffix).any(|key| match self.container_at(key) {
                Some(At::Entry(e)) => self.matching.entries[e as usize].seen.hidden,
                Some(At::Row(r)) => self.stored.containers[r as usize].hidden,
                None => false,
            });
        if technical { Hidden::Yes } else { Hidden::No }
    }

    /// Technical containers: those marked so by the directory, and all below them.
    fn hidden(&self, above: &[Option<At>]) -> Vec<Hidden> {
        let mut hidden = vec![Hidden::Unknown; above.len()];
        let mut path = Vec::new();
        for e in 0..above.len() {
            let mut next = e;
            let answer = loop {
                let entry = &self.matching.entries[next];
                path.push(next);
                if hidden[next] != Hidden::Unknown {
                    break hidden[next];
                }
                if entry.seen.hidden || self.seen.partitions[entry.partition()].hidden {
                    break Hidden::Yes;
                }
                next = match above[next] {
                    None => break Hidden::No,
                    Some(At::Entry(p)) => p as usize,
                    Some(At::Row(_)) => break self.hidden_by_name(next),
                };
            };
            path.drain(..).for_each(|e| hidden[e] = answer);
        }
        hidden
    }

    fn parent_dn(&self, parent: ParentRef) -> Option<Arc<str>> {
        match parent {
            ParentRef::Root => None,
            ParentRef::New(i) => Some(self.plan.added[i].entry.of(self.seen).external_id.clone()),
            ParentRef::Row(id) => {
                let row = self.stored.row_of(id)?;
                match (&self.states[row], self.matching.entry_of_row(row)) {
                    (RowState::Kept(place), _) => Some(place.dn.clone()),
                    (_, Some(e)) => Some(self.matching.entries[e].seen.external_id.clone()),
                    _ => Some(self.stored.containers[row].external_id.clone()),
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum At {
    Entry(u32),
    Row(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hidden {
    Unknown,
    Yes,
    No,
}

/// Parent and technical flag of each entry.
struct Places {
    above: Vec<Option<At>>,
    hidden: Vec<Hidden>,
}
