//! States of stored containers that were not seen: kept, looked up or removed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::super::report::{Place, Touched};
use super::super::warnings::{self, Kept, Reason};
use super::super::{RowId, Verdict};
use super::{
    Candidate, KeptRow, ParentChange, PartitionRef, PartitionState, Planner, Retarget, RowState, sort_by_place,
};
use crate::domain::dn::{self, Dn, DnKey};

impl<'a> Planner<'a> {
    /// Decides the state of every unmatched row, parents first.
    pub(super) fn states_of_missing(&mut self) {
        self.states.fill(RowState::Unknown);
        self.kept_by_key.clear();
        self.kept = Kept::default();
        self.plan.candidates.clear();
        for row in 0..self.stored.containers.len() {
            if self.matching.entry_of_row(row).is_some() {
                self.states[row] = RowState::Matched;
            }
        }
        for row in 0..self.stored.containers.len() {
            let mut path = Vec::new();
            let mut next = Some(row);
            while let Some(r) = next.filter(|r| self.states[*r] == RowState::Unknown) {
                path.push(r);
                next = self.parent_row(r);
            }
            for r in path.into_iter().rev() {
                self.states[r] = self.state_of_missing(r);
                if let RowState::Kept(place) = &self.states[r] {
                    self.kept_by_key.insert(place.key.clone(), r as u32);
                }
            }
        }
    }

    /// Adds to each candidate the ids of the unseen rows below it, which share its verdict; selected rows first, since
    /// a mistake there costs most.
    pub(super) fn ids_below_candidates(&mut self) {
        let candidates: HashMap<RowId, usize> =
            self.plan.candidates.iter().enumerate().map(|(i, c)| (c.row, i)).collect();
        if candidates.is_empty() {
            return;
        }
        for selected in [true, false] {
            for (row, container) in self.stored.containers.iter().enumerate() {
                let Some(id) = container.entry_id.filter(|_| container.selected == selected) else { continue };
                let mut above = self.parent_row(row).filter(|_| self.matching.entry_of_row(row).is_none());
                while let Some(r) = above.filter(|r| self.matching.entry_of_row(*r).is_none()) {
                    if let Some(i) = candidates.get(&self.stored.containers[r].id) {
                        self.plan.candidates[*i].below.push(id);
                        break;
                    }
                    above = self.parent_row(r);
                }
            }
        }
    }

    fn state_of_missing(&mut self, row: usize) -> RowState {
        let container = &self.stored.containers[row];
        let home = self.partition_of_missing(row);
        if home == PartitionState::Removed {
            return RowState::Removed;
        }
        let kept = self.kept_under_parent(row);
        let RowState::Kept(place) = &kept else { return kept };
        let entry = self.matching.entry_at(place.key.as_str()).filter(|e| !self.excluded[*e]);
        if let Some(e) = entry.filter(|e| self.fits(row, *e)) {
            self.matching.pair(e, row);
            self.trust_ids(row, e);
            return RowState::Matched;
        }
        // Where the parent moved to another partition, the view of the row's own partition must be complete too.
        let PartitionState::Listed(partition) = home else { return kept };
        let own_complete = match self.partition_state(row) {
            PartitionState::Listed(own) => self.complete[own],
            own => own == PartitionState::Removed,
        };
        if !own_complete || !self.complete[partition] {
            return kept;
        }
        let name = &self.seen.partitions[partition].external_id;
        if entry.is_some() {
            self.kept.add(name, Reason::Recreated, &container.external_id);
            return RowState::Removed;
        }
        if let Some(parent) = self.parent_row(row).filter(|p| self.states[*p] != RowState::Matched) {
            return if self.states[parent] == RowState::Removed { RowState::Removed } else { kept };
        }
        match self.policy.verdicts.containers.get(&container.id) {
            None => {
                let candidate = self.candidate(row, partition, &place.key, &place.dn);
                self.plan.candidates.push(candidate);
                kept
            }
            Some(Verdict::Absent) => RowState::Removed,
            Some(Verdict::AbsentUnproved) => {
                self.kept.add(name, Reason::RemovedUnproved, &container.external_id);
                RowState::Removed
            }
            Some(verdict) if self.policy.accept_removals && *verdict != Verdict::Present => {
                self.kept.add(name, Reason::RemovedAccepted, &container.external_id);
                RowState::Removed
            }
            Some(verdict) => {
                self.kept.add(name, Reason::of_kept(*verdict), &container.external_id);
                kept
            }
        }
    }

    /// Whether an entry without a row may belong to this one.
    fn fits(&self, row: usize, e: usize) -> bool {
        let own = self.stored.containers[row].entry_id;
        self.matching.row_of_entry(e).is_none() && !self.matching.entries[e].seen.ids.contradicts(own)
    }

    pub(super) fn candidate(&self, row: usize, partition: usize, key: &DnKey, dn: &str) -> Candidate {
        let parent_key = key.parent().unwrap_or_default();
        let parent_dn = Dn::parse(dn).map(|d| d.parent().to_string()).unwrap_or_default();
        Candidate {
            row: self.stored.containers[row].id,
            partition,
            dn: dn.to_owned(),
            parent_dn,
            parent_read: parent_key == self.seen.partitions[partition].key.as_str()
                || self.matching.entry_at(parent_key).is_some(),
            entry_id: self.stored.containers[row].entry_id,
            below: Vec::new(),
        }
    }

    /// State of an unseen row whose DN follows its parent's.
    fn kept_under_parent(&self, row: usize) -> RowState {
        let container = &self.stored.containers[row];
        let above = self.place_of_parent(row);
        if above.was == above.is {
            return self.kept_unchanged(row);
        }
        let key = container.key();
        let own = key.as_str().strip_suffix(above.was.as_str()).unwrap_or_default();
        let count = dn::depth(own) - 1;
        match Dn::parse(&container.external_id).map(|d| d.first_rdns_under(count, &above.dn)) {
            Ok(dn) => RowState::Kept(Box::new(KeptRow {
                key: DnKey::from(format!("{own}{}", above.is.as_str())),
                dn: Arc::from(dn),
                moved_with_parent: true,
            })),
            Err(_) => self.kept_unchanged(row),
        }
    }

    /// Old and new DN of the nearest ancestor row that survives.
    pub(super) fn place_of_parent(&self, row: usize) -> ParentChange {
        let mut parent = self.parent_row(row);
        while let Some(p) = parent {
            let (is, dn) = match (&self.states[p], self.matching.entry_of_row(p)) {
                (RowState::Kept(place), _) => (&place.key, &place.dn),
                (RowState::Matched, Some(e)) => {
                    let seen = self.matching.entries[e].seen;
                    (&seen.key, &seen.external_id)
                }
                _ => {
                    parent = self.parent_row(p);
                    continue;
                }
            };
            return ParentChange { was: self.stored.containers[p].key(), is: is.clone(), dn: dn.clone() };
        }
        let index = self.partition_index[&self.stored.containers[row].partition_id];
        let partition = &self.stored.partitions[index];
        let (is, dn) = match self.partition_states[index] {
            PartitionState::Listed(i) => (&self.seen.partitions[i].key, &self.seen.partitions[i].external_id),
            _ => (&partition.key, &partition.external_id),
        };
        ParentChange { was: partition.key.clone(), is: is.clone(), dn: dn.clone() }
    }

    fn kept_unchanged(&self, row: usize) -> RowState {
        let container = &self.stored.containers[row];
        let (key, dn) = (container.key(), container.external_id.clone());
        RowState::Kept(Box::new(KeptRow { key, dn, moved_with_parent: false }))
    }

    pub(super) fn retarget(&mut self, row: usize) {
        let RowState::Kept(place) = &self.states[row] else { return };
        let stored = PartitionRef::Row(self.stored.containers[row].partition_id);
        let partition = match self.partition_of_missing(row) {
            PartitionState::Listed(i) => self.partition_refs[i],
            _ => stored,
        };
        if !place.moved_with_parent && partition == stored {
            return;
        }
        self.plan.retargeted.push(Retarget {
            row: self.stored.containers[row].id,
            partition,
            external_id: place.dn.clone(),
        });
    }

    /// Partition whose view covers an unseen row: that of the nearest matched ancestor, which may have moved.
    pub(super) fn partition_of_missing(&self, row: usize) -> PartitionState {
        let mut current = row;
        while let Some(p) = self.parent_row(current) {
            if let Some(e) = self.matching.entry_of_row(p) {
                return PartitionState::Listed(self.matching.entries[e].partition());
            }
            current = p;
        }
        self.partition_state(row)
    }

    pub(super) fn removals(&mut self) {
        let mut gone: Vec<usize> = (0..self.states.len()).filter(|r| self.states[*r] == RowState::Removed).collect();
        let stored = self.stored;
        sort_by_place(&mut gone, |row| {
            let c = &stored.containers[*row];
            Place { key: Cow::Owned(c.key().into_string()), name: &c.name, external_id: &c.external_id }
        });
        for row in &gone {
            let container = &stored.containers[*row];
            self.plan.removed.push(container.id);
            self.plan.changes.removed_containers.push(Touched {
                external_id: container.external_id.clone(),
                name: container.name.clone(),
                was_selected: container.selected,
            });
        }
        if self.plan.guard.is_none() && !self.policy.accept_removals {
            self.plan.guard = self.share_guard(&gone);
        }
    }

    /// Guards against a mistake: more than half of at least ten containers of a listed partition removed.
    fn share_guard(&self, gone: &[usize]) -> Option<String> {
        let mut counts: HashMap<RowId, (usize, usize)> = HashMap::new();
        for c in &self.stored.containers {
            counts.entry(c.partition_id).or_default().1 += 1;
        }
        for row in gone {
            counts.entry(self.stored.containers[*row].partition_id).or_default().0 += 1;
        }
        self.stored.partitions.iter().enumerate().find_map(|(i, partition)| {
            let listed = matches!(self.partition_states[i], PartitionState::Listed(_));
            let (gone, stored) = counts.get(&partition.id).copied().unwrap_or_default();
            (listed && stored >= 10 && gone * 2 > stored)
                .then(|| warnings::guard_share(&partition.external_id, gone, stored))
        })
    }
}
