//! What the model says of rows that only an id leads to, and of rows whose parent has another name.

use std::collections::BTreeSet;

use jim::domain::hierarchy::{Verdict, View};

use super::Merge;

impl Merge<'_> {
    /// An id does not lead a row away from a name that was neither seen nor read in full, unless the topmost such row
    /// is known to be gone from there.
    pub(super) fn separate_doubted(&mut self) {
        let unread = |row: &usize| {
            let partition = self.partition_of(*row);
            match self.listed.get(&partition) {
                Some(seen) => self.seen.partitions[*seen].view != View::Complete,
                None => !self.partition_goes(partition),
            }
        };
        let elsewhere = |row: &usize| self.pairs.get(row).is_some_and(|e| self.places[*e] != self.rows[*row]);
        let doubted: BTreeSet<usize> = (0..self.rows.len())
            .filter(unread)
            .filter(elsewhere)
            .filter(|row| !self.places.contains(&self.rows[*row]))
            .collect();
        let mut stay = Vec::new();
        for row in &doubted {
            let mut way = vec![*row];
            while let Some(above) = self.parent(way[way.len() - 1]).filter(|above| doubted.contains(above)) {
                way.push(above);
            }
            // What only went along with a parent that moved is no question.
            let stays_below = |r: &usize| {
                let above = self.parent(*r)?;
                let (is, above_is) = (&self.places[self.pairs[r]], &self.places[*self.pairs.get(&above)?]);
                let own = self.rows[*r].strip_suffix(self.rows[above].as_slice());
                (own == is.strip_suffix(above_is.as_slice())).then_some(())
            };
            let Some(top) = way.into_iter().rev().find(|r| stays_below(r).is_none()) else { continue };
            match self.verdicts.containers.get(&self.stored.containers[top].id) {
                Some(Verdict::Absent) => {}
                Some(verdict) if self.accept && *verdict != Verdict::Present => {}
                _ => stay.push(*row),
            }
        }
        for row in stay {
            let e = self.pairs.remove(&row).expect("a pair");
            self.unsure.extend(self.entries[e].1.ids.iter());
        }
    }

    /// A row is the entry that has its name under what the row hangs under now.
    pub(super) fn follow_parents(&mut self) {
        let mut visited = BTreeSet::new();
        for row in 0..self.rows.len() {
            let mut way = Vec::new();
            let mut next = Some(row);
            while let Some(r) = next.filter(|r| !self.pairs.contains_key(r) && visited.insert(*r)) {
                way.push(r);
                next = self.stored.containers[r].parent_id().map(|p| self.row(p));
            }
            for r in way.into_iter().rev() {
                let gone = matches!(self.judge_of(r), Err(partition) if self.partition_goes(partition));
                let (place, own) = (self.home(r), self.stored.containers[r].entry_id);
                let fits = |e: &usize| {
                    self.places[*e] == place
                        && !self.misplaced.contains(e)
                        && !self.pairs.values().any(|taken| taken == e)
                        && !self.entries[*e].1.ids.contradicts(own)
                };
                if let Some(e) = (0..self.entries.len()).find(fits).filter(|_| !gone) {
                    self.pairs.insert(r, e);
                    self.known.take();
                    // Name and id agree again.
                    let ids = self.entries[e].1.ids;
                    if ids.iter().any(|id| Some(id) == own) {
                        self.unsure.retain(|id| self.shared.contains(id) || !ids.iter().any(|i| i == *id));
                    }
                }
            }
        }
    }
}
