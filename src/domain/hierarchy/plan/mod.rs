//! From what is stored and what was seen to what will change.

mod doubts;
mod missing;
mod placing;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::matching::Matching;
use super::report::{Changes, Place, Renamed, Touched};
use super::warnings::{self, Kept};
use super::{EntryId, EntryIds, EntryRef, RowId, Seen, StoredTree, Verdict, Verdicts, View};
use crate::domain::dn::DnKey;

/// Rules for removals: the verdicts of the directory and the word of the administrator.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Verdicts of look-ups; a missing row without one is kept and listed as a candidate.
    pub verdicts: Verdicts,
    /// The administrator vouches for what is missing.
    pub accept_removals: bool,
}

/// The partition that a container belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionRef {
    /// A stored one.
    Row(RowId),
    /// One of [`Plan::partitions_added`].
    New(usize),
}

/// The place that a container hangs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentRef {
    /// The partition itself.
    Root,
    /// A stored container.
    Row(RowId),
    /// One of [`Plan::added`], always at a lower index than the child's own where the child is new.
    New(usize),
}

/// A stored partition whose text, id or flag differs from what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionUpdate {
    /// The stored row.
    pub row: RowId,
    /// What to store; the index is that in [`Seen::partitions`].
    pub seen: usize,
    /// The id to store.
    pub entry_id: Option<EntryId>,
}

/// A container to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    /// What was seen.
    pub entry: EntryRef,
    /// Where it belongs.
    pub partition: PartitionRef,
    /// What it hangs under.
    pub parent: ParentRef,
    /// Technical, by itself or through what it hangs under.
    pub hidden: bool,
}

/// A stored container that differs from what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    /// The stored row.
    pub row: RowId,
    /// What was seen, where it belongs, what it hangs under.
    pub to: Addition,
    /// The id to store.
    pub entry_id: Option<EntryId>,
}

/// A stored container that was not seen and stays, but whose parent has another name now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retarget {
    /// The stored row.
    pub row: RowId,
    /// Where it belongs now.
    pub partition: PartitionRef,
    /// Its DN under the parent's new DN.
    pub external_id: Arc<str>,
}

/// A missing container that the directory has to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The stored row.
    pub row: RowId,
    /// The partition's index in [`Seen::partitions`].
    pub partition: usize,
    /// The DN to ask for: its own RDNs under its parent's DN as just read.
    pub dn: String,
    /// The DN of the LDAP parent.
    pub parent_dn: String,
    /// Whether the LDAP parent is known to be readable: the partition's entry, or a container just read.
    pub parent_read: bool,
    /// Its immutable id.
    pub entry_id: Option<EntryId>,
    /// The ids of the unseen rows below, which go with it.
    pub below: Vec<EntryId>,
}

/// Everything that one import will change, and what it will say about it.
#[derive(Debug, Default)]
pub struct Plan {
    /// Partitions to store, by their index in [`Seen::partitions`].
    pub partitions_added: Vec<usize>,
    /// Partitions to refresh.
    pub partitions_updated: Vec<PartitionUpdate>,
    /// Partitions to delete.
    pub partitions_removed: Vec<RowId>,
    /// Containers to store, parents first.
    pub added: Vec<Addition>,
    /// Containers to refresh.
    pub updated: Vec<Update>,
    /// Unseen containers whose DN follows their parent's.
    pub retargeted: Vec<Retarget>,
    /// Containers to delete, in no particular order.
    pub removed: Vec<RowId>,
    /// What is reported.
    pub changes: Changes,
    /// What an administrator should know.
    pub warnings: Vec<String>,
    /// Why nothing may be applied.
    pub guard: Option<String>,
    /// Containers to look up before the plan is final.
    pub candidates: Vec<Candidate>,
    /// Stored partitions that are no longer listed and need a look-up.
    pub partition_candidates: Vec<(RowId, Arc<str>)>,
    /// Containers that could not be read and whose immutable id an entry elsewhere shows, to look up by their names.
    pub doubts: Vec<Candidate>,
    /// Entries whose immutable id another name shows as well, to look up again.
    pub doubles: Vec<(EntryRef, EntryId)>,
    /// Immutable ids that identify nothing in this import.
    pub unsure: HashSet<EntryId>,
    /// Partitions once the plan is applied.
    pub total_partitions: usize,
    /// Containers once the plan is applied.
    pub total_containers: usize,
}

impl Plan {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.partitions_added.is_empty()
            && self.partitions_updated.is_empty()
            && self.partitions_removed.is_empty()
            && self.added.is_empty()
            && self.updated.is_empty()
            && self.retargeted.is_empty()
            && self.removed.is_empty()
    }

    /// Whether something has to be looked up before the plan is final.
    pub fn asks(&self) -> bool {
        !(self.candidates.is_empty()
            && self.partition_candidates.is_empty()
            && self.doubts.is_empty()
            && self.doubles.is_empty())
    }

    /// The immutable id to store for an entry: the best that it shows, else the one already stored.
    pub fn id_of(&self, shown: EntryIds, stored: Option<EntryId>) -> Option<EntryId> {
        shown.iter().chain(stored).find(|id| !self.unsure.contains(id))
    }
}

/// Plans an import: pure, and the same result for the same arguments.
pub fn plan(stored: &StoredTree, seen: &Seen, policy: &Policy) -> Plan {
    let matching = Matching::new(stored, seen, &policy.verdicts);
    let mut planner = Planner {
        stored,
        seen,
        policy,
        parents: stored.parents(),
        partition_index: stored.partitions.iter().enumerate().map(|(i, p)| (p.id, i)).collect(),
        states: vec![RowState::Unknown; stored.containers.len()],
        excluded: vec![false; matching.entries.len()],
        complete: seen.partitions.iter().map(|p| p.view == View::Complete).collect(),
        kept_by_key: HashMap::new(),
        partition_states: Vec::new(),
        partition_refs: Vec::new(),
        doubted: Vec::new(),
        kept: Kept::default(),
        plan: Plan::default(),
        matching,
    };
    planner.shared_ids();
    planner.partitions();
    planner.doubts();
    planner.place_all();
    planner.ids_below_candidates();
    planner.containers();
    planner.removals();
    planner.view_warnings();
    planner.finish()
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowState {
    Unknown,
    Matched,
    Gone,
    Kept(Box<KeptRow>),
}

/// Where a row that was not seen stands from now on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeptRow {
    pub(super) key: DnKey,
    pub(super) dn: Arc<str>,
    pub(super) moved_with_parent: bool,
}

/// What a row hangs under: its key as stored, its key and DN from now on.
pub(super) struct ParentChange {
    pub(super) was: DnKey,
    pub(super) is: DnKey,
    pub(super) dn: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartitionState {
    Listed(usize),
    Removed,
    Kept,
}

pub(super) struct Planner<'a> {
    pub(super) stored: &'a StoredTree,
    pub(super) seen: &'a Seen,
    pub(super) policy: &'a Policy,
    pub(super) matching: Matching<'a>,
    /// Parent of each row.
    pub(super) parents: Vec<Option<u32>>,
    pub(super) partition_index: HashMap<RowId, usize>,
    pub(super) partition_states: Vec<PartitionState>,
    pub(super) partition_refs: Vec<PartitionRef>,
    pub(super) states: Vec<RowState>,
    /// Entries that cannot be placed.
    pub(super) excluded: Vec<bool>,
    /// Seen partitions whose absent rows may be removed: those read completely, in which every entry has a place.
    pub(super) complete: Vec<bool>,
    /// Unseen rows that stay, by the key they will have.
    pub(super) kept_by_key: HashMap<DnKey, u32>,
    /// Rows that may be the entry that shows their id elsewhere, or not.
    pub(super) doubted: Vec<usize>,
    pub(super) kept: Kept,
    pub(super) plan: Plan,
}

impl<'a> Planner<'a> {
    fn partitions(&mut self) {
        for row in 0..self.stored.partitions.len() {
            let state = match self.matching.seen_partition_of[row] {
                Some(i) => self.state_of_listed(row, i),
                None => self.state_of_unlisted(row),
            };
            self.partition_states.push(state);
        }
        for i in 0..self.seen.partitions.len() {
            let partition = match self.matching.stored_partition_of[i] {
                Some(row) => self.listed_again(i, row),
                None => self.listed_first(i),
            };
            self.partition_refs.push(partition);
        }
        self.plan.changes.added_partitions.sort_by_key(|p| p.name.to_lowercase());
        self.plan.changes.removed_partitions.sort_by_key(|p| p.name.to_lowercase());
        self.plan.changes.renamed_partitions.sort_by_key(|p| p.new_name.to_lowercase());
    }

    /// A partition that is listed under another name was renamed, unless its own name still answers.
    fn state_of_listed(&mut self, row: usize, i: usize) -> PartitionState {
        let partition = &self.stored.partitions[row];
        let name_is_listed = self.seen.partitions.iter().any(|p| p.key == partition.key);
        if !name_is_listed && !self.policy.verdicts.partitions.contains_key(&partition.id) {
            self.plan.partition_candidates.push((partition.id, partition.external_id.clone()));
        }
        PartitionState::Listed(i)
    }

    /// A stored partition that is no longer listed goes once it was asked about; without a proof the guard stops the
    /// import.
    fn state_of_unlisted(&mut self, row: usize) -> PartitionState {
        let partition = &self.stored.partitions[row];
        let Some(verdict) = self.policy.verdicts.partitions.get(&partition.id).copied() else {
            self.plan.partition_candidates.push((partition.id, partition.external_id.clone()));
            return PartitionState::Kept;
        };
        let name = &partition.external_id;
        if !self.policy.accept_removals {
            if verdict != Verdict::Gone || self.seen.listed == 0 {
                let guard = || warnings::guard_partition(self.stored, row, self.seen.listed);
                self.plan.guard.get_or_insert_with(guard);
            }
        } else if verdict == Verdict::Answers {
            self.plan.warnings.push(format!("{name}: kept: no longer listed, but its entry still answers"));
            return PartitionState::Kept;
        }
        self.plan.partitions_removed.push(partition.id);
        let (external_id, was_selected) = (name.clone(), partition.selected);
        self.plan.changes.removed_partitions.push(Touched { name: external_id.clone(), external_id, was_selected });
        PartitionState::Removed
    }

    fn listed_first(&mut self, i: usize) -> PartitionRef {
        let external_id = self.seen.partitions[i].external_id.clone();
        self.plan.partitions_added.push(i);
        let added = Touched { name: external_id.clone(), external_id, was_selected: false };
        self.plan.changes.added_partitions.push(added);
        PartitionRef::New(self.plan.partitions_added.len() - 1)
    }

    fn listed_again(&mut self, i: usize, row: usize) -> PartitionRef {
        let (seen, partition) = (&self.seen.partitions[i], &self.stored.partitions[row]);
        let entry_id = self.plan.id_of(seen.ids, partition.entry_id);
        if seen.external_id != partition.external_id
            || seen.hidden != partition.hidden
            || entry_id != partition.entry_id
        {
            self.plan.partitions_updated.push(PartitionUpdate { row: partition.id, seen: i, entry_id });
        }
        if seen.key != partition.key {
            self.plan.changes.renamed_partitions.push(Renamed {
                external_id: seen.external_id.clone(),
                old_name: partition.external_id.clone(),
                new_name: seen.external_id.clone(),
                was_selected: partition.selected,
            });
        } else if seen.ids.contradicts(partition.entry_id) {
            self.plan.warnings.push(format!("{}: recreated: its own entry is another one now", seen.external_id));
        }
        PartitionRef::Row(partition.id)
    }

    fn view_warnings(&mut self) {
        let told = &mut self.plan.warnings;
        told.extend(self.seen.warnings.iter().cloned());
        if self.seen.listed == 0 {
            told.push("the directory lists no partition".to_owned());
        }
        for partition in &self.seen.partitions {
            let name = &partition.external_id;
            match &partition.view {
                View::Complete => {}
                View::Incomplete(why) => {
                    told.push(format!("{name}: {why}; nothing was removed from this partition"));
                }
                View::Failed(why) => told.push(format!("{name}: {why}; this partition stays as it was")),
            }
            let read = !matches!(partition.view, View::Failed(_)) && !partition.containers.is_empty();
            if read && partition.containers.iter().all(|c| c.ids.best().is_none()) {
                told.push(warnings::no_ids(name, self.seen.advice.read_ids));
            }
        }
    }

    fn finish(mut self) -> Plan {
        let kept = std::mem::take(&mut self.kept);
        self.plan.warnings.extend(kept.texts(self.seen.advice.see_all));
        self.plan.total_partitions =
            self.stored.partitions.len() + self.plan.partitions_added.len() - self.plan.partitions_removed.len();
        self.plan.total_containers = self.stored.containers.len() + self.plan.added.len() - self.plan.removed.len();
        self.plan.partitions_removed.sort_unstable();
        self.plan
    }

    pub(super) fn parent_row(&self, row: usize) -> Option<usize> {
        self.parents[row].map(|r| r as usize)
    }

    pub(super) fn partition_state(&self, row: usize) -> PartitionState {
        self.partition_states[self.partition_index[&self.stored.containers[row].partition_id]]
    }
}

pub(super) fn sort_by_place<'p, T>(items: &mut [T], place: impl Fn(&T) -> Place<'p>) {
    items.sort_by(|a, b| place(a).compare(&place(b)));
}
