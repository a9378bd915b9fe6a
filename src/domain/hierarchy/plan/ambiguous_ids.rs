//! Ambiguous immutable ids, and the look-ups that they need.
//!
//! An id at two names identifies neither. A row in an incomplete view is not matched by its id to an entry elsewhere
//! while its own entry may still exist: the other may be a copy.

use std::collections::HashMap;

use super::super::{Verdict, View, warnings};
use super::{Candidate, PartitionState, Planner};

/// Entries with a shared id that one import looks up; the rest are assumed to be where they were seen.
const MAX_SHARED_ID_ENTRIES: usize = 2_000;

impl Planner<'_> {
    /// Ignores the ids of more than one name.
    pub(super) fn shared_ids(&mut self) {
        let shared = &self.matching.shared;
        let entries = shared.iter().flat_map(|(id, names)| names.containers.iter().map(|entry| (*entry, *id)));
        self.plan.shared_id_entries.extend(entries.take(MAX_SHARED_ID_ENTRIES));
        self.plan.ambiguous_ids.extend(shared.keys().copied());
        self.plan.warnings.extend(warnings::shared_ids(shared.iter().map(|(id, names)| (*id, names.dns.as_slice()))));
    }

    /// Unmatches rows from entries found only by id while the row's own place was not read completely. The topmost are
    /// looked up by name: below an absent entry there is nothing.
    pub(super) fn unmatch_uncertain(&mut self) {
        let uncertain: Vec<bool> = (0..self.states.len()).map(|row| self.may_still_exist(row)).collect();
        let mut separated = Vec::new();
        for row in (0..uncertain.len()).filter(|row| uncertain[*row]) {
            let Some(top) = self.topmost(row, &uncertain) else { continue };
            let Some(e) = self.matching.entry_of_row(row) else { continue };
            match self.policy.verdicts.containers.get(&self.stored.containers[top].id) {
                Some(Verdict::Absent) => continue,
                Some(verdict) if self.policy.accept_removals && *verdict != Verdict::Present => continue,
                None if top == row => self.plan.id_conflicts.push(self.candidate_by_name(row, e)),
                _ => {}
            }
            separated.push((row, e));
        }
        for (_, e) in &separated {
            self.matching.unmatch(*e);
            self.plan.ambiguous_ids.extend(self.matching.entries[*e].seen.ids.iter());
        }
        self.match_by_name(separated.iter().map(|(_, e)| *e));
        self.unmatched = separated.into_iter().map(|(row, _)| row).collect();
    }

    /// The highest uncertain row at or above this one; `None` if the rows only moved along with a parent.
    fn topmost(&self, row: usize, uncertain: &[bool]) -> Option<usize> {
        let chain = std::iter::successors(Some(row), |r| self.parent_row(*r).filter(|above| uncertain[*above]));
        chain.filter(|r| !self.moved_with_parent(*r)).last()
    }

    /// Whether the entry of a row has the row's RDNs under the entry of the parent row.
    fn moved_with_parent(&self, row: usize) -> bool {
        let entry_of = |row: usize| Some(self.matching.entries[self.matching.entry_of_row(row)?].seen);
        let Some(above) = self.parent_row(row) else { return false };
        let (Some(is), Some(above_is)) = (entry_of(row), entry_of(above)) else { return false };
        let (was, above_was) = (self.stored.containers[row].key(), self.stored.containers[above].key());
        was.as_str().strip_suffix(above_was.as_str()) == is.key.as_str().strip_suffix(above_is.key.as_str())
    }

    /// Trusts the ids of an entry again: its DN under the parent row leads to the same row.
    pub(super) fn trust_ids(&mut self, row: usize, e: usize) {
        let ids = self.matching.entries[e].seen.ids;
        if ids.iter().any(|id| Some(id) == self.stored.containers[row].entry_id) {
            ids.iter().filter(|id| !self.matching.shared.contains_key(id)).for_each(|id| {
                self.plan.ambiguous_ids.remove(&id);
            });
        }
    }

    /// Whether a row was matched to an entry elsewhere while its own place was not read completely.
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

    fn candidate_by_name(&self, row: usize, e: usize) -> Candidate {
        let partition = match self.partition_state(row) {
            PartitionState::Listed(partition) => partition,
            _ => self.matching.entries[e].partition(),
        };
        let container = &self.stored.containers[row];
        self.candidate(row, partition, &container.key(), &container.external_id)
    }

    /// Pairs entries with rows of the same DN.
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
