//! What an import stores: written as the store does it, well formed, and the directory entry by entry.

use std::collections::{BTreeMap, BTreeSet};

use jim::domain::dn::key_and_name;
use jim::domain::hierarchy::{
    Addition, EntryId, ParentRef, PartitionRef, Plan, RowId, Seen, SeenPartition, StoredContainer, StoredPartition,
    StoredTree,
};

use super::super::directory::{Sight, Uid};
use super::super::merge::{Expected, path_of};
use super::{Fault, World, same};

impl World {
    /// As the store does it.
    pub(super) fn apply(&mut self, plan: &Plan, sight: &Sight) -> Result<(), Fault> {
        let seen = &sight.seen;
        self.rows_before = self.last_row;
        let new_partitions: Vec<RowId> = plan.partitions_added.iter().map(|_| self.next_row()).collect();
        for (added, id) in plan.partitions_added.iter().zip(&new_partitions) {
            let p = &seen.partitions[*added];
            self.stored.partitions.push(StoredPartition {
                id: *id,
                external_id: p.external_id.clone(),
                key: p.key.clone(),
                entry_id: plan.id_of(p.ids, None),
                hidden: p.hidden,
                selected: false,
            });
        }
        for update in &plan.partitions_updated {
            let p = &seen.partitions[update.seen];
            let row = self.stored.partitions.iter_mut().find(|p| p.id == update.row).ok_or("no such partition")?;
            (row.external_id, row.key) = (p.external_id.clone(), p.key.clone());
            (row.hidden, row.entry_id) = (p.hidden, update.entry_id);
        }
        let partition = |r: PartitionRef| match r {
            PartitionRef::Row(id) => id,
            PartitionRef::New(i) => new_partitions[i],
        };
        let new_rows: Vec<RowId> = plan.added.iter().map(|_| self.next_row()).collect();
        for update in &plan.updated {
            let was = self.row(update.row)?;
            let selection = (was.choice, was.selected);
            let new = filled(
                update.row,
                &update.to,
                seen,
                update.entry_id,
                partition(update.to.partition),
                &new_rows,
                selection,
            );
            let uid = uid_of(&update.to, sight);
            self.keeps_its_entry(update.row, uid)?;
            self.entry_of.insert(update.row, uid);
            *self.stored.containers.iter_mut().find(|c| c.id == update.row).ok_or("no such row")? = new;
        }
        for retarget in &plan.retargeted {
            let row = self.stored.containers.iter_mut().find(|c| c.id == retarget.row).ok_or("no such row")?;
            row.external_id = retarget.external_id.clone();
            row.partition_id = partition(retarget.partition);
        }
        for (id, selected) in &plan.rescoped {
            self.stored.containers.iter_mut().find(|c| c.id == *id).ok_or("no such row")?.selected = *selected;
        }
        self.stored.containers.retain(|c| !plan.removed.contains(&c.id));
        self.stored.partitions.retain(|p| !plan.partitions_removed.contains(&p.id));
        for (i, added) in plan.added.iter().enumerate() {
            if matches!(added.parent, ParentRef::New(p) if p >= i) {
                return Err("a parent is stored after its child".to_owned());
            }
            let ids = added.entry.of(seen).ids;
            let selection = (None, plan.added_selected.get(i).copied().unwrap_or_default());
            let entry_id = plan.id_of(ids, None);
            let row = filled(new_rows[i], added, seen, entry_id, partition(added.partition), &new_rows, selection);
            self.entry_of.insert(row.id, uid_of(added, sight));
            self.stored.containers.push(row);
        }
        Ok(())
    }

    /// A row follows the immutable id wherever that is readable.
    fn keeps_its_entry(&self, row: RowId, uid: Uid) -> Result<(), Fault> {
        // While an id was out of sight a row may have been taken for another entry with its name.
        if self.directory.ids_of(uid).contradicts(self.row(row)?.entry_id) {
            return Err(format!("row {row} was entry {} and is entry {uid} now", self.entry_of[&row]));
        }
        Ok(())
    }

    fn next_row(&mut self) -> RowId {
        self.last_row += 1;
        self.last_row
    }

    /// What must be so of every stored tree.
    pub(super) fn well_formed(&self) -> Result<(), Fault> {
        let mut keys = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for c in &self.stored.containers {
            let (key, name) = key_and_name(&c.external_id).map_err(|e| e.to_string())?;
            if key != c.key() || *name != *c.name {
                return Err(format!("{} has key {:?} and name {}", c.external_id, c.key(), c.name));
            }
            if !keys.insert((c.partition_id, c.key())) {
                return Err(format!("two rows for {}", c.external_id));
            }
            if c.entry_id.is_some_and(|id| !ids.insert((id.kind, id.value))) {
                return Err(format!("two rows with the id of {}", c.external_id));
            }
            if !self.stored.partitions.iter().any(|p| p.id == c.partition_id) {
                return Err(format!("{} has no partition", c.external_id));
            }
            let mut above = c.parent_id();
            for steps in 0.. {
                let Some(id) = above else { break };
                let parent = self.row(id)?;
                if parent.partition_id != c.partition_id {
                    return Err(format!("{} hangs in another partition", c.external_id));
                }
                if steps > self.stored.containers.len() {
                    return Err(format!("{} is in a ring", c.external_id));
                }
                above = parent.parent_id();
            }
        }
        Ok(())
    }

    pub(super) fn choices_survive(&self, before: &StoredTree) -> Result<(), Fault> {
        for c in &self.stored.containers {
            let was = before.containers.iter().find(|b| b.id == c.id).and_then(|b| b.choice);
            if c.choice != was {
                return Err(format!("the choice of {} was {was:?}, is {:?}", c.external_id, c.choice));
            }
        }
        Ok(())
    }

    /// Makes all stored rows follow the choices.
    pub(super) fn follow(&mut self) {
        let rows: BTreeMap<RowId, StoredContainer> = self.stored.containers.iter().map(|c| (c.id, c.clone())).collect();
        for own in &mut self.stored.containers {
            let mut next = rows.get(&own.id);
            while let Some(above) = next.filter(|above| above.choice.is_none()) {
                next = above.parent_id().and_then(|id| rows.get(&id));
            }
            own.selected = next.is_some_and(|above| above.choice == Some(true) && (above.hidden || !own.hidden));
        }
    }

    pub(super) fn tree(&self) -> BTreeMap<(Vec<String>, Vec<String>), Expected> {
        let own = |c: &StoredContainer| path_of(c.key().as_str());
        let partition = |c: &StoredContainer| {
            self.stored
                .partitions
                .iter()
                .find(|p| p.id == c.partition_id)
                .map(|p| path_of(p.key.as_str()))
                .unwrap_or_default()
        };
        let parent = |c: &StoredContainer| c.parent_id().and_then(|p| self.row(p).ok()).map(own);
        let old = |c: &StoredContainer| Some(c.id).filter(|id| *id <= self.rows_before);
        self.stored
            .containers
            .iter()
            .map(|c| {
                let expected = Expected {
                    row: old(c),
                    parent: parent(c),
                    id: c.entry_id,
                    name: c.name.to_string(),
                    choice: c.choice,
                    selected: c.selected,
                    hidden: c.hidden,
                };
                ((partition(c), own(c)), expected)
            })
            .collect()
    }

    /// Where every entry shows its id and nothing is in the way, what is stored is the directory, entry by entry.
    pub(super) fn is_the_directory(&self, before: &StoredTree, plan: &Plan) -> Result<(), Fault> {
        let directory = &self.directory;
        // What moved out of a naming context that is proved gone is asked about the next time.
        let vanished = !plan.partitions_removed.is_empty();
        if vanished || directory.suffixes.iter().any(|s| s.exists != s.listed) {
            return Ok(());
        }
        let rows: BTreeMap<Uid, &StoredContainer> =
            self.stored.containers.iter().map(|c| (self.entry_of[&c.id], c)).collect();
        same("entries", &rows.keys().copied().collect::<Vec<_>>(), &directory.nodes.keys().copied().collect())?;
        let (mut new, mut moved_at_most, mut moved_at_least) = (0, 0, 0);
        for (uid, row) in &rows {
            let node = &directory.nodes[uid];
            same("place", &path_of(row.key().as_str()), &directory.path(*uid).unwrap_or_default())?;
            same("parent", &row.parent_id().map(|p| self.entry_of[&p]), &node.parent)?;
            let Some(was) = before.containers.iter().find(|b| b.id == row.id) else {
                new += 1;
                continue;
            };
            let parent_was = was.parent_id().map(|p| self.entry_of[&p]);
            let parent_is_left = parent_was.is_none_or(|p| directory.nodes.contains_key(&p));
            let elsewhere = parent_was != node.parent;
            moved_at_most += usize::from(elsewhere || was.partition_id != row.partition_id);
            moved_at_least += usize::from(elsewhere && parent_is_left);
        }
        let gone = before.containers.iter().filter(|b| !directory.nodes.contains_key(&self.entry_of[&b.id])).count();
        same("new entries", &plan.changes.added_containers.len(), &new)?;
        same("entries that went", &plan.changes.removed_containers.len(), &gone)?;
        let moved = plan.changes.moved_containers.len();
        if (moved_at_least..=moved_at_most).contains(&moved) {
            return Ok(());
        }
        Err(format!("{moved} moved, not {moved_at_least} to {moved_at_most}"))
    }
}

fn uid_of(to: &Addition, sight: &Sight) -> Uid {
    let container: *const _ = to.entry.of(&sight.seen);
    let at = |(p, partition): (usize, &SeenPartition)| {
        partition.containers.iter().position(|c| std::ptr::eq(c, container)).map(|c| sight.uid_of[p][c])
    };
    sight.seen.partitions.iter().enumerate().find_map(at).expect("an entry that was seen")
}

fn filled(
    id: RowId,
    to: &Addition,
    seen: &Seen,
    entry_id: Option<EntryId>,
    partition_id: RowId,
    new_rows: &[RowId],
    (choice, selected): (Option<bool>, bool),
) -> StoredContainer {
    let c = to.entry.of(seen).clone();
    StoredContainer {
        id,
        partition_id,
        above: match to.parent {
            ParentRef::Root => None,
            ParentRef::Row(row) => std::num::NonZero::new(row),
            ParentRef::New(i) => std::num::NonZero::new(new_rows[i]),
        },
        external_id: c.external_id,
        entry_id,
        name: c.name,
        description: c.description,
        hidden: to.hidden,
        choice,
        selected,
    }
}
