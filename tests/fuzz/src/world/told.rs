//! What an import tells, held against the model, and against the rule that nothing goes without a reason.

use std::collections::BTreeSet;

use jim::domain::dn::key_and_name;
use jim::domain::hierarchy::{EntryId, Plan, RowId, SeenPartition, StoredContainer, View};

use super::super::directory::Sight;
use super::super::merge::{Expected, Outcome, path_of};
use super::{Fault, Tally, World, same};

impl World {
    pub(super) fn reported_as(&self, plan: &Plan, expected: &Outcome) -> Result<(), Fault> {
        let changes = &plan.changes;
        let texts = |touched: &[jim::domain::hierarchy::Touched]| -> BTreeSet<String> {
            touched.iter().map(|t| t.external_id.to_string()).collect()
        };
        same("added", &texts(&changes.added_containers), &expected.added)?;
        same("removed rows", &plan.removed.iter().copied().collect(), &expected.removed)?;
        let removed = |id: &RowId| self.row(*id).map(|r| (r.external_id.to_string(), r.selected));
        let removed = expected.removed.iter().map(removed).collect::<Result<BTreeSet<_>, _>>()?;
        let told = changes.removed_containers.iter().map(|t| (t.external_id.to_string(), t.was_selected)).collect();
        same("removed", &told, &removed)?;
        // A renamed or moved element names the row by where it is now.
        let dn_of = |row: &RowId| -> Result<String, Fault> {
            let is_it = |((_, path), e): &(&(_, Vec<String>), &Expected)| e.row == Some(*row) && !path.is_empty();
            expected.tree.iter().find(is_it).map(|((_, p), _)| p.join(",")).ok_or(format!("row {row} is nowhere"))
        };
        let normal = |dn: &str| key_and_name(dn).map(|(k, _)| path_of(k.as_str()).join(",")).unwrap_or_default();
        let mut renamed = BTreeSet::new();
        for (row, old, new) in &expected.renamed {
            renamed.insert((dn_of(row)?, old.clone(), new.clone(), self.row(*row)?.selected));
        }
        let told = changes.renamed_containers.iter();
        let told =
            told.map(|r| (normal(&r.external_id), r.old_name.to_string(), r.new_name.to_string(), r.was_selected));
        same("renamed", &told.collect(), &renamed)?;
        let mut moved = BTreeSet::new();
        for row in &expected.moved {
            moved.insert((dn_of(row)?, self.row(*row)?.selected));
        }
        let told = changes.moved_containers.iter().map(|m| (normal(&m.external_id), m.was_selected)).collect();
        same("moved", &told, &moved)?;
        let renamed: BTreeSet<String> = changes.renamed_partitions.iter().map(|r| r.external_id.to_string()).collect();
        let partitions = [texts(&changes.added_partitions), texts(&changes.removed_partitions), renamed];
        same("partitions", &partitions, &expected.partitions)?;
        let depths: Vec<usize> = changes
            .added_containers
            .iter()
            .map(|t| key_and_name(&t.external_id).map_or(0, |(k, _)| path_of(k.as_str()).len()))
            .collect();
        if depths.is_sorted() { Ok(()) } else { Err("a child is told before its parent".to_owned()) }
    }

    /// By what the directory really holds, and not by what the plan believes.
    pub(super) fn nothing_goes_without_a_reason(&self, plan: &Plan, sight: &Sight, accept: bool) -> Result<(), Fault> {
        for id in &plan.removed {
            let row = self.row(*id)?;
            let partition = self.stored.partitions.iter().find(|p| p.id == row.partition_id).ok_or("no partition")?;
            let listed = |p: &&SeenPartition| p.key == partition.key;
            if sight.seen.partitions.iter().find(listed).is_some_and(|p| p.view != View::Complete) {
                return Err(format!("{} goes in a partial view", row.external_id));
            }
            let uid = self.entry_of[id];
            let ids = self.directory.ids_of(uid);
            // Where an id was out of sight for a while, one entry may have come to have two rows.
            let another = |c: &&StoredContainer| {
                let same = self.entry_of[&c.id] == uid || ids.iter().any(|i| Some(i) == c.entry_id);
                c.id != *id && same && !plan.removed.contains(&c.id)
            };
            // What cannot be placed yet loses its row with the naming context that the row is in.
            let homeless = plan.partitions_removed.contains(&row.partition_id);
            if homeless || plan.guard.is_some() || self.stored.containers.iter().any(|c| another(&c)) {
                continue;
            }
            // An id at two names does not say which of them was seen.
            let shown = |id: EntryId| {
                let all = sight.seen.partitions.iter().flat_map(|p| &p.containers);
                let names: BTreeSet<&str> =
                    all.filter(|c| c.ids.iter().any(|i| i == id)).map(|c| c.key.as_str()).collect();
                names.len()
            };
            let known = row.entry_id.is_some_and(|id| ids.iter().any(|i| i == id) && shown(id) < 2);
            let at_home = !ids.contradicts(row.entry_id)
                && self.directory.path(uid).is_some_and(|p| p == path_of(row.key().as_str()));
            let read = sight.uid_of.iter().flatten().any(|u| *u == uid);
            if read && (known || at_home) {
                return Err(format!("{} goes although it was seen", row.external_id));
            }
            // A directory deletes leaves only, so what was below an entry that was made anew went before it. And a row
            // goes with a parent that it only seemed to have, as partial views and names without ids may have it.
            if at_home && !accept && !self.goes_with_another(row, plan, sight)? {
                return Err(format!("{} goes although it is there", row.external_id));
            }
        }
        Ok(())
    }

    fn goes_with_another(&self, row: &StoredContainer, plan: &Plan, sight: &Sight) -> Result<bool, Fault> {
        if self.asked_elsewhere.contains(&row.id) {
            return Ok(true);
        }
        let Some(above) = row.parent_id().filter(|id| plan.removed.contains(id)) else { return Ok(false) };
        let above = self.row(above)?;
        let recreated = sight.seen.partitions.iter().flat_map(|p| &p.containers).any(|c| c.key == above.key());
        Ok(recreated || self.goes_with_another(above, plan, sight)?)
    }

    pub(super) fn count(&self, plan: &Plan, tally: &mut Tally) {
        let c = &plan.changes;
        tally.add("imports", 1);
        tally.add("added", c.added_containers.len());
        tally.add("removed", c.removed_containers.len());
        tally.add("renamed", c.renamed_containers.len());
        tally.add("moved", c.moved_containers.len());
        tally.add("retargeted", plan.retargeted.len());
        tally.add("partitions added", c.added_partitions.len());
        tally.add("partitions removed", c.removed_partitions.len());
        tally.add("partitions renamed", c.renamed_partitions.len());
        tally.add("come into scope or leave it", plan.rescoped.len());
        tally.add("new ones in scope", plan.added_selected.iter().filter(|selected| **selected).count());
        tally.add("stopped", usize::from(plan.guard.is_some()));
        tally.add("chosen ones removed", usize::from(c.selected_removed()));
        for warning in &plan.warnings {
            for word in [
                "recreated",
                "kept: not seen",
                "left as stored",
                "still answers",
                "nothing was removed",
                "stays as it was",
            ] {
                tally.add(word, usize::from(warning.contains(word)));
            }
        }
    }
}
