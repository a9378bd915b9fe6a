//! Selections that follow from the new tree: containers without a choice follow their parents as they are then.

use std::borrow::Cow;

use super::super::report::Place;
use super::super::scope::{Member, effective};
use super::super::warnings;
use super::{ParentRef, Planner, RowState};

impl Planner<'_> {
    pub(super) fn scope(&mut self) {
        if self.stored.containers.iter().all(|c| c.choice.is_none()) {
            return;
        }
        let mut stored = effective(&self.members());
        let added = stored.split_off(self.stored.containers.len());
        let mut rescoped = Vec::new();
        let (mut into, mut out) = (Vec::new(), Vec::new());
        for (row, (container, selected)) in self.stored.containers.iter().zip(stored).enumerate() {
            if selected != container.selected && self.states[row] != RowState::Removed {
                rescoped.push((container.id, selected));
                if selected { into.push(self.place_after(row)) } else { out.push(self.place_after(row)) }
            }
        }
        let new = self.plan.added.iter().zip(&added).filter(|(_, selected)| **selected);
        into.extend(new.map(|(to, _)| {
            let seen = to.entry.of(self.seen);
            Place { key: Cow::Borrowed(seen.key.as_str()), name: &seen.name, external_id: &seen.external_id }
        }));
        let texts = warnings::scope(into, out);
        // A stopped import changes no selection.
        if self.plan.guard.is_none() {
            self.plan.warnings.extend(texts);
        }
        (self.plan.rescoped, self.plan.added_selected) = (rescoped, added);
    }

    /// Stored containers with their new parents, then the added ones. Removed rows stay in it, without effect.
    fn members(&self) -> Vec<Member> {
        let stored = self.stored.containers.iter().zip(&self.parents);
        let mut members: Vec<Member> =
            stored.map(|(c, parent)| Member { parent: *parent, choice: c.choice, hidden: c.hidden }).collect();
        for update in &self.plan.updated {
            if let Some(row) = self.stored.row_of(update.row) {
                let choice = members[row].choice;
                members[row] = Member { parent: self.member(update.to.parent), choice, hidden: update.to.hidden };
            }
        }
        let added = self.plan.added.iter();
        members.extend(added.map(|to| Member { parent: self.member(to.parent), choice: None, hidden: to.hidden }));
        members
    }

    /// Index of a parent in [`Self::members`].
    fn member(&self, parent: ParentRef) -> Option<u32> {
        match parent {
            ParentRef::Root => None,
            ParentRef::Row(id) => self.stored.row_of(id).map(|row| row as u32),
            ParentRef::New(i) => Some((self.stored.containers.len() + i) as u32),
        }
    }

    /// Name and place of a row once the plan is applied.
    fn place_after(&self, row: usize) -> Place<'_> {
        let container = &self.stored.containers[row];
        match (&self.states[row], self.matching.entry_of_row(row)) {
            (RowState::Kept(place), _) => {
                Place { key: Cow::Borrowed(place.key.as_str()), name: &container.name, external_id: &place.dn }
            }
            (_, Some(e)) => self.place(e),
            _ => Place {
                key: Cow::Owned(container.key().into_string()),
                name: &container.name,
                external_id: &container.external_id,
            },
        }
    }
}
