//! The plan of a hierarchy import: stored tree and seen tree in, changes out.

mod ambiguous_ids;
mod missing;
mod placing;
mod scope;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::matching::Matching;
use super::report::{Changes, Place, Renamed, Touched};
use super::warnings::{self, Kept};
use super::{EntryId, EntryIds, EntryRef, RowId, Seen, StoredTree, Verdict, Verdicts, View};
use crate::domain::dn::DnKey;

/// Rules for removals: the directory's verdicts and the administrator's consent.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// A missing row without a verdict is kept and listed as a candidate.
    pub verdicts: Verdicts,
    /// The administrator confirms that missing entries may be removed.
    pub accept_removals: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionRef {
    Row(RowId),
    /// Index in [`Plan::partitions_added`].
    New(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentRef {
    Root,
    Row(RowId),
    /// Index in [`Plan::added`], always lower than that of a new child.
    New(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionUpdate {
    pub row: RowId,
    /// Index in [`Seen::partitions`].
    pub seen: usize,
    pub entry_id: Option<EntryId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    pub entry: EntryRef,
    pub partition: PartitionRef,
    pub parent: ParentRef,
    /// Technical, by itself or by an ancestor.
    pub hidden: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    pub row: RowId,
    pub to: Addition,
    pub entry_id: Option<EntryId>,
}

/// A stored container that was not seen and stays, but whose parent has a new DN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retarget {
    pub row: RowId,
    pub partition: PartitionRef,
    /// DN under the parent's new DN.
    pub external_id: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub row: RowId,
    /// Index in [`Seen::partitions`].
    pub partition: usize,
    /// DN to look up: its own RDNs under its parent's DN as just read.
    pub dn: String,
    pub parent_dn: String,
    /// The LDAP parent is known to be readable: the partition's entry, or a container just read.
    pub parent_read: bool,
    pub entry_id: Option<EntryId>,
    /// Ids of the unseen rows below, which share its verdict.
    pub below: Vec<EntryId>,
}

/// Changes of one import, with its report and the look-ups it still needs.
#[derive(Debug, Default)]
pub struct Plan {
    /// Indexes in [`Seen::partitions`].
    pub partitions_added: Vec<usize>,
    pub partitions_updated: Vec<PartitionUpdate>,
    pub partitions_removed: Vec<RowId>,
    /// Parents first.
    pub added: Vec<Addition>,
    pub updated: Vec<Update>,
    pub retargeted: Vec<Retarget>,
    /// Selection of each added container; empty while nothing stored has a choice.
    pub added_selected: Vec<bool>,
    /// Stored containers that come into scope or leave it by inheritance, with their new selection.
    pub rescoped: Vec<(RowId, bool)>,
    pub removed: Vec<RowId>,
    pub changes: Changes,
    pub warnings: Vec<String>,
    /// Reason why the plan must not be applied.
    pub guard: Option<String>,
    pub candidates: Vec<Candidate>,
    /// Stored partitions that are no longer listed, to look up.
    pub partition_candidates: Vec<(RowId, Arc<str>)>,
    /// Containers that could not be read and whose immutable id an entry elsewhere has, to look up by name.
    pub id_conflicts: Vec<Candidate>,
    /// Entries whose immutable id was seen at another name too, to look up again.
    pub shared_id_entries: Vec<(EntryRef, EntryId)>,
    /// Immutable ids that this import cannot rely on.
    pub ambiguous_ids: HashSet<EntryId>,
    /// Number of partitions once the plan is applied.
    pub total_partitions: usize,
    pub total_containers: usize,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.partitions_added.is_empty()
            && self.partitions_updated.is_empty()
            && self.partitions_removed.is_empty()
            && self.added.is_empty()
            && self.updated.is_empty()
            && self.retargeted.is_empty()
            && self.rescoped.is_empty()
            && self.removed.is_empty()
    }

    /// Whether look-ups are needed before the plan is final.
    pub fn needs_look_ups(&self) -> bool {
        !(self.candidates.is_empty()
            && self.partition_candidates.is_empty()
            && self.id_conflicts.is_empty()
            && self.shared_id_entries.is_empty())
    }

    /// Immutable id to store: the entry's best reliable one, else the one already stored.
    pub fn id_of(&self, shown: EntryIds, stored: Option<EntryId>) -> Option<EntryId> {
        shown.iter().chain(stored).find(|id| !self.ambiguous_ids.contains(id))
    }
}

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
        unmatched: Vec::new(),
        kept: Kept::default(),
        plan: Plan::default(),
        matching,
    };
    planner.shared_ids();
    planner.partitions();
    planner.unmatch_uncertain();
    planner.place_all();
    planner.ids_below_candidates();
    planner.containers();
    planner.removals();
    planner.scope();
    planner.view_warnings();
    planner.finish()
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowState {
    Unknown,
    Matched,
    Removed,
    Kept(Box<KeptRow>),
}

/// New key and DN of an unseen row that stays.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeptRow {
    pub(super) key: DnKey,
    pub(super) dn: Arc<str>,
    pub(super) moved_with_parent: bool,
}

/// Parent of a row: stored key, new key and new DN.
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
    pub(super) parents: Vec<Option<u32>>,
    pub(super) partition_index: HashMap<RowId, usize>,
    pub(super) partition_states: Vec<PartitionState>,
    pub(super) partition_refs: Vec<PartitionRef>,
    pub(super) states: Vec<RowState>,
    /// Entries without a place.
    pub(super) excluded: Vec<bool>,
    /// Seen partitions whose missing rows may be removed: read completely, with a place for every entry.
    pub(super) complete: Vec<bool>,
    /// Unseen rows that stay, by new key.
    pub(super) kept_by_key: HashMap<DnKey, u32>,
    /// Rows unmatched because their id was seen elsewhere and their own place was not read.
    pub(super) unmatched: Vec<usize>,
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

    /// A partition listed under another name was renamed, unless its old name still answers.
    fn state_of_listed(&mut self, row: usize, i: usize) -> PartitionState {
        let partition = &self.stored.partitions[row];
        let name_is_listed = self.seen.partitions.iter().any(|p| p.key == partition.key);
        if !name_is_listed && !self.policy.verdicts.partitions.contains_key(&partition.id) {
            self.plan.partition_candidates.push((partition.id, partition.external_id.clone()));
        }
        PartitionState::Listed(i)
    }

    /// A partition that is no longer listed is removed after a look-up; without a proof the guard stops the import.
    fn state_of_unlisted(&mut self, row: usize) -> PartitionState {
        let partition = &self.stored.partitions[row];
        let Some(verdict) = self.policy.verdicts.partitions.get(&partition.id).copied() else {
            self.plan.partition_candidates.push((partition.id, partition.external_id.clone()));
            return PartitionState::Kept;
        };
        let name = &partition.external_id;
        if !self.policy.accept_removals {
            if verdict != Verdict::Absent || self.seen.listed == 0 {
                let guard = || warnings::guard_partition(self.stored, row, self.seen.listed);
                self.plan.guard.get_or_insert_with(guard);
            }
        } else if verdict == Verdict::Present {
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
        let warnings = &mut self.plan.warnings;
        warnings.extend(self.seen.warnings.iter().cloned());
        if self.seen.listed == 0 {
            warnings.push("the directory lists no partition".to_owned());
        }
        for partition in &self.seen.partitions {
            let name = &partition.external_id;
            match &partition.view {
                View::Complete => {}
                View::Incomplete(why) => {
                    warnings.push(format!("{name}: {why}; nothing was removed from this partition"));
                }
                View::Failed(why) => warnings.push(format!("{name}: {why}; this partition stays as it was")),
            }
            let read = !matches!(partition.view, View::Failed(_)) && !partition.containers.is_empty();
            if read && partition.containers.iter().all(|c| c.ids.best().is_none()) {
                warnings.push(warnings::no_ids(name, self.seen.remedies.read_ids));
            }
        }
    }

    fn finish(mut self) -> Plan {
        let kept = std::mem::take(&mut self.kept);
        self.plan.warnings.extend(kept.texts(self.seen.remedies.see_all));
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
