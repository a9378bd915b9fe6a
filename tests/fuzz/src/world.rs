//! A directory, what is stored of it, and imports: each plan is held against the merge rules and then applied.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jim::domain::dn::key_and_name;
use jim::domain::hierarchy::{
    Policy, RowId, SeenPartition, StoredContainer, StoredTree, Verdict, Verdicts, View, plan,
};

use super::choices::Choices;
use super::directory::{Directory, Kind, Shown, Sight, Uid};
use super::merge::merge;

mod stored;
mod told;

/// Why a step is wrong.
pub type Fault = String;

/// The kinds of runs, by their names.
pub fn kinds() -> Vec<(String, Kind)> {
    let plain = Kind { ids: Shown::Uuid, ids_change: false, two_suffixes: false, rough: false, copies: false };
    let calm = [
        ("ids", plain),
        ("no ids", Kind { ids: Shown::Nothing, ..plain }),
        ("ids that come and go", Kind { ids: Shown::Nothing, ids_change: true, ..plain }),
        ("two naming contexts", Kind { two_suffixes: true, ..plain }),
        ("two naming contexts without ids", Kind { ids: Shown::Nothing, two_suffixes: true, ..plain }),
        ("copies with their ids", Kind { two_suffixes: true, copies: true, ..plain }),
        ("everything at once", Kind { ids: Shown::Both, ids_change: true, two_suffixes: true, ..plain }),
    ];
    let rough = calm.iter().map(|(name, kind)| (format!("{name}, rough"), Kind { rough: true, ..*kind }));
    calm.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).chain(rough).collect()
}

/// What happened in all imports, to tell that the interesting things do happen.
#[derive(Debug, Default)]
pub struct Tally {
    /// Reported changes and other events by name.
    pub counts: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn add(&mut self, what: &'static str, count: usize) {
        *self.counts.entry(what).or_default() += count;
    }
}

/// One directory with what is stored of it.
pub struct World {
    directory: Directory,
    kind: Kind,
    stored: StoredTree,
    /// The entry that each row was last seen as.
    entry_of: HashMap<RowId, Uid>,
    last_row: RowId,
    /// The last row before the import that runs.
    rows_before: RowId,
    /// Rows that the directory was last asked about elsewhere than where they were seen, because their parent moved.
    asked_elsewhere: BTreeSet<RowId>,
    /// Whether nothing more can be said.
    over: bool,
    /// What happened, for people.
    pub story: Vec<String>,
}

impl World {
    /// A small directory and nothing stored.
    pub fn new(kind: Kind, choices: &mut Choices<'_>) -> Self {
        World {
            directory: Directory::new(kind, choices),
            kind,
            stored: StoredTree::default(),
            entry_of: HashMap::new(),
            last_row: 0,
            rows_before: 0,
            asked_elsewhere: BTreeSet::new(),
            over: false,
            story: Vec::new(),
        }
    }

    /// One edit, sometimes several, then an import.
    pub fn step(&mut self, choices: &mut Choices<'_>, tally: &mut Tally) -> Result<(), Fault> {
        if self.over {
            return Ok(());
        }
        for _ in 0..1 + choices.below(3) {
            let told = self.directory.edit(choices);
            self.story.push(told);
        }
        if !self.stored.containers.is_empty() {
            let row = choices.below(self.stored.containers.len().min(256));
            if choices.once_in(2) {
                self.stored.containers[row].choice = [None, Some(true), Some(false)][choices.below(3)];
                self.follow();
            }
        }
        let accept = choices.once_in(12);
        let stopped = self.import(accept, choices, tally)?;
        if stopped && choices.once_in(2) { self.import(true, choices, tally).map(drop) } else { Ok(()) }
    }

    /// Returns whether the guard stopped it.
    fn import(&mut self, accept: bool, choices: &mut Choices<'_>, tally: &mut Tally) -> Result<bool, Fault> {
        let sight = self.directory.look(choices);
        let views: Vec<String> =
            sight.seen.partitions.iter().map(|p| format!("{} {:?}", p.external_id, p.view)).collect();
        self.story.push(format!("import of {}; accepted: {accept}", views.join("; ")));
        let policy = Policy { verdicts: self.ask(&sight, accept, choices)?, accept_removals: accept };
        let verdicts = &policy.verdicts;
        if !verdicts.containers.is_empty() || !verdicts.partitions.is_empty() {
            self.story.push(format!("asked about rows: {:?} {:?}", verdicts.containers, verdicts.partitions));
        }
        let plan = plan(&self.stored, &sight.seen, &policy);
        // Rows of a naming context that is proved gone may turn up elsewhere, and names whose entries left have no
        // entry any more: both are asked about the next time.
        let settled = verdicts.partitions.is_empty() && verdicts.moved_away.is_empty();
        if let Some(left) = plan.candidates.first().filter(|_| settled) {
            return Err(format!("{} is asked about again", left.dn));
        }
        let expected = merge(&self.stored, &sight.seen, verdicts, accept);
        same("stopped", &plan.guard.is_some(), &expected.stopped)?;
        self.reported_as(&plan, &expected)?;
        self.nothing_goes_without_a_reason(&plan, &sight, accept)?;
        self.count(&plan, tally);
        if plan.guard.is_some() {
            self.story.push("the guard stops it".to_owned());
            return Ok(true);
        }
        let before = self.stored.clone();
        self.apply(&plan, &sight)?;
        let all_placed = !plan.warnings.iter().any(|w| w.contains("left as stored") || w.contains("kept:"));
        if !all_placed && self.two_unseen_at_one_place(&sight) {
            self.over = true;
            return Ok(false);
        }
        self.well_formed()?;
        self.choices_survive(&before)?;
        let tree = self.tree();
        for place in tree.keys().chain(expected.tree.keys()) {
            let at = format!("{} of {}", place.1.join(","), place.0.join(","));
            same(&at, &tree.get(place), &expected.tree.get(place))?;
        }
        same("totals", &(plan.total_partitions, plan.total_containers), &(self.stored.partitions.len(), tree.len()))?;
        if !self.kind.rough && !self.kind.ids_change && !self.kind.copies && self.kind.ids != Shown::Nothing {
            self.is_the_directory(&before, &plan)?;
        }
        let again = jim::domain::hierarchy::plan(&self.stored, &sight.seen, &policy);
        // What was left out for want of its parent may have one now.
        let progress = plan.warnings.iter().any(|w| w.contains("left as stored"));
        if !progress && (!again.is_empty() || again.changes.any()) || again.guard.is_some() {
            return Err(format!("a second import is not empty: {again:?}\nSTORED {:?}", self.stored));
        }
        Ok(false)
    }

    /// Asks the directory about everything that the plan wants to know.
    fn ask(&mut self, sight: &Sight, accept: bool, choices: &mut Choices<'_>) -> Result<Verdicts, Fault> {
        let mut verdicts = Verdicts::default();
        let first = plan(&self.stored, &sight.seen, &Policy { accept_removals: accept, ..Policy::default() });
        // As an import does it: naming contexts first, and what they decide may make more rows worth a question.
        for (row, dn) in &first.partition_candidates {
            let key = key_and_name(dn).map_err(|e| e.to_string())?.0;
            verdicts.partitions.insert(*row, self.directory.partition_verdict(key.as_str(), choices));
        }
        self.asked_elsewhere.clear();
        for candidate in &first.candidates {
            let suffix = sight.suffix_of[candidate.partition];
            let verdict = self.directory.verdict(&candidate.dn, candidate.entry_id, suffix, choices);
            if first.removed.contains(&candidate.row) {
                return Err(format!("{} goes before it was asked about", candidate.dn));
            }
            let view = &sight.seen.partitions[candidate.partition].view;
            if *view != View::Complete {
                return Err(format!("{} is asked about although the view is {view:?}", candidate.dn));
            }
            if key_and_name(&candidate.dn).map_err(|e| e.to_string())?.0 != self.row(candidate.row)?.key() {
                self.asked_elsewhere.insert(candidate.row);
            }
            verdicts.containers.insert(candidate.row, verdict);
        }
        for doubt in &first.id_conflicts {
            let own = self.row(doubt.row)?.partition_id;
            let own = self.stored.partitions.iter().find(|p| p.id == own).ok_or("no partition")?;
            let read = |p: &SeenPartition| p.key == own.key && p.view == View::Complete;
            if sight.seen.partitions.iter().any(read) {
                return Err(format!("{} is doubted without a reason", doubt.dn));
            }
            let mut verdict = self.directory.verdict(&doubt.dn, None, sight.suffix_of[doubt.partition], choices);
            let id = doubt.entry_id.ok_or("a doubt without an id")?;
            if verdict == Verdict::Present && self.directory.has_left(&doubt.dn, id, choices) {
                verdict = Verdict::Absent;
            }
            verdicts.containers.insert(doubt.row, verdict);
        }
        for (entry, id) in &first.shared_id_entries {
            if self.directory.has_left(&entry.of(&sight.seen).external_id, *id, choices) {
                verdicts.moved_away.insert(*entry);
            }
        }
        Ok(verdicts)
    }

    fn row(&self, id: RowId) -> Result<&StoredContainer, Fault> {
        self.stored.containers.iter().find(|c| c.id == id).ok_or_else(|| format!("row {id} is not stored"))
    }

    /// Two rows that were not seen may have come to one place, each with its parent; which of them is still there is
    /// unknown, so both stay until one is seen or proved gone. The model has no word for that.
    fn two_unseen_at_one_place(&self, sight: &Sight) -> bool {
        let seen = |c: &StoredContainer| {
            // The id of a copy does not say which row was seen.
            !self.kind.copies
                && sight
                    .uid_of
                    .iter()
                    .flatten()
                    .any(|uid| *uid == self.entry_of[&c.id] && self.directory.ids_of(*uid).best().is_some())
        };
        let unseen = |c: &StoredContainer| {
            let there = |o: &&StoredContainer| (o.partition_id, o.key()) == (c.partition_id, c.key());
            self.stored.containers.iter().filter(there).filter(|o| !seen(o)).count() > 1
        };
        self.stored.containers.iter().any(unseen)
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should_be: &T) -> Result<(), Fault> {
    if is == should_be { Ok(()) } else { Err(format!("{what}: is {is:?}, should be {should_be:?}")) }
}
