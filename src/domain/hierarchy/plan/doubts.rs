//! Immutable ids that do not tell which entry is meant, and what has to be looked up because of them.
//!
//! An id at two names identifies neither. A container that lies in a view with gaps is not matched away by its id to an
//! entry elsewhere while it may still exist: that entry may be a copy of it.

use std::collections::HashMap;

use super::super::{Verdict, View, warnings};
use super::{Candidate, PartitionState, Planner};

/// Entries with a shared id that one import looks up; what is beyond counts as being where it was seen.
const MAX_DOUBLES: usize = 2_000;

impl Planner<'_> {
    /// Gives up the ids that more than one name shows.
    pub(super) fn shared_ids(&mut self) {
        let shared = &self.matching.shared;
        let doubles = shared.iter().flat_map(|(id, names)| names.containers.iter().map(|entry| (*entry, *id)));
        self.plan.doubles.extend(doubles.take(MAX_DOUBLES));
        self.plan.unsure.extend(shared.keys().copied());
        self.plan.warnings.extend(warnings::shared_ids(shared.iter().map(|(id, names)| (*id, names.dns.as_slice()))));
    }

    /// Separates rows from entries that only their id led to, where the row's own place was not read as a whole. The
    /// topmost are looked up by their names: below one that is gone there is nothing.
    pub(super) fn doubts(&mut self) {
        let in_doubt: Vec<bool> = (0..self.states.len()).map(|row| self.may_still_exist(row)).collect();
        let mut separated = Vec::new();
        for row in (0..in_doubt.len()).filter(|row| in_doubt[*row]) {
            let Some(top) = self.topmost(row, &in_doubt) else { continue };
            let Some(e) = self.matching.entry_of_row(row) else { continue };
            match self.policy.verdicts.containers.get(&self.stored.containers[top].id) {
                Some(Verdict::Gone) => continue,
                Some(verdict) if self.policy.accept_removals && *verdict != Verdict::Answers => continue,
                None if top == row => self.plan.doubts.push(self.doubt(row, e)),
                _ => {}
            }
            separated.push((row, e));
        }
        for (_, e) in &separated {
            self.matching.unmatch(*e);
            self.plan.unsure.extend(self.matching.entries[*e].seen.ids.iter());
        }
        self.match_by_name(separated.iter().map(|(_, e)| *e));
        self.doubted = separated.into_iter().map(|(row, _)| row).collect();
    }

    /// The highest row in doubt at and above this one. `None` if the rows only went along with a parent that certainly
    /// moved.
    fn topmost(&self, row: usize, in_doubt: &[bool]) -> Option<usize> {
        let chain = std::iter::successors(Some(row), |r| self.parent_row(*r).filter(|above| in_doubt[*above]));
        chain.filter(|r| !self.went_along(*r)).last()
    }

    /// Whether the entry of a row has the row's own name under the entry of the row above.
    fn went_along(&self, row: usize) -> bool {
        let entry_of = |row: usize| Some(self.matching.entries[self.matching.entry_of_row(row)?].seen);
        let Some(above) = self.parent_row(row) else { return false };
        let (Some(is), Some(above_is)) = (entry_of(row), entry_of(above)) else { return false };
        let (was, above_was) = (self.stored.containers[row].key(), self.stored.containers[above].key());
        was.as_str().strip_suffix(above_was.as_str()) == is.key.as_str().strip_suffix(above_is.key.as_str())
    }

    /// Trusts the ids of an entry again: its name under the row above leads to the same row.
    pub(super) fn no_doubt(&mut self, row: usize, e: usize) {
        let ids = self.matching.entries[e].seen.ids;
        if ids.iter().any(|id| Some(id) == self.stored.containers[row].entry_id) {
            ids.iter().filter(|id| !self.matching.shared.contains_key(id)).for_each(|id| {
                self.plan.unsure.remove(&id);
            });
        }
    }

    /// Whether an entry elsewhere has the id of a row whose own name was neither seen nor read in full.
    fn may_still_exist(&self, row: usize) -> bool {
        let unread = match self.partition_state(row) {
            PartitionState::Listed(partition) => self.seen.partitions[partition].view != View::Complete,
            PartitionState::Kept => true,
            PartitionState::Removed => false,
        };
        let Some(e) = self.matching.entry_of_row(row).filter(|_| unread) else { return false };
        let key = self.stored.containers[row].key();
        self.matching.entries[e].seen.key != key && self.matching.entry_at(key.as_str()).is_none()
    }

    /// Question for a row by its name.
    fn doubt(&self, row: usize, e: usize) -> Candidate {
        let partition = match self.partition_state(row) {
            PartitionState::Listed(partition) => partition,
            _ => self.matching.entries[e].partition(),
        };
        let container = &self.stored.containers[row];
        self.candidate(row, partition, &container.key(), &container.external_id)
    }

    /// Pairs entries with rows of their names.
    fn match_by_name(&mut self, entries: impl Iterator<Item = usize>) {
        let wanted: HashMap<&str, usize> = entries.map(|e| (self.matching.entries[e].seen.key.as_str(), e)).collect();
        if wanted.is_empty() {
            return;
        }
        let stored = self.stored.containers.iter().enumerate();
        let found: Vec<(usize, usize)> = stored
            .filter(|(row, _)| self.matching.entry_of_row(*row).is_none())
            .filter_map(|(row, c)| Some((*wanted.get(c.key().as_str())?, row)))
            .filter(|(e, row)| !self.matching.entries[*e].seen.ids.contradicts(self.stored.containers[*row].entry_id))
            .collect();
        for (e, row) in found {
            if self.matching.row_of_entry(e).is_none() {
                self.matching.pair(e, row);
            }
        }
    }
}
