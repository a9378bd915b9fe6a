//! A directory, what is stored of it, and imports: each plan is held against the merge rules and then applied.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jim::domain::dn::key_and_name;
use jim::domain::hierarchy::{
    Addition, EntryId, ParentRef, PartitionRef, Plan, RowId, Seen, SeenPartition, StoredContainer, StoredPartition,
    StoredTree, Terms, Verdicts, View, plan,
};

use super::choices::Choices;
use super::directory::{Directory, Kind, Shown, Sight, Uid};
use super::merge::{Expected, Outcome, merge, path_of};

/// Why a step is wrong.
pub type Fault = String;

/// The kinds of runs, by their names.
pub fn kinds() -> Vec<(String, Kind)> {
    let plain = Kind { ids: Shown::Uuid, ids_change: false, two_suffixes: false, rough: false };
    let calm = [
        ("ids", plain),
        ("no ids", Kind { ids: Shown::Nothing, ..plain }),
        ("ids that come and go", Kind { ids: Shown::Nothing, ids_change: true, ..plain }),
        ("two naming contexts", Kind { two_suffixes: true, ..plain }),
        ("two naming contexts without ids", Kind { ids: Shown::Nothing, two_suffixes: true, ..plain }),
        ("everything at once", Kind { ids: Shown::Both, ids_change: true, two_suffixes: true, rough: false }),
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
            self.stored.containers[row].selected ^= choices.once_in(2);
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
        let verdicts = self.ask(&sight, accept, choices)?;
        if !verdicts.containers.is_empty() || !verdicts.partitions.is_empty() {
            self.story.push(format!("asked about rows: {:?} {:?}", verdicts.containers, verdicts.partitions));
        }
        let terms = Terms { verdicts: &verdicts, accept_removals: accept };
        let plan = plan(&self.stored, &sight.seen, terms);
        // Rows of a naming context that is proved gone may turn up elsewhere, and are asked about the next time.
        if let Some(left) = plan.candidates.first().filter(|_| verdicts.partitions.is_empty()) {
            return Err(format!("{} is asked about again", left.dn));
        }
        let expected = merge(&self.stored, &sight.seen, &verdicts, accept);
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
        if self.two_unseen_at_one_place(&sight) {
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
        if !self.kind.rough && !self.kind.ids_change && self.kind.ids != Shown::Nothing {
            self.is_the_directory(&before, &plan)?;
        }
        let again = jim::domain::hierarchy::plan(&self.stored, &sight.seen, terms);
        // What was left out for want of its parent may have one now.
        let progress = plan.warnings.iter().any(|w| w.contains("left as stored"));
        if !progress && (!again.is_empty() || again.changes.any()) || again.guard.is_some() {
            return Err(format!("a second import is not empty: {again:?}"));
        }
        Ok(false)
    }

    /// Asks the directory about everything that the plan wants to know.
    fn ask(&mut self, sight: &Sight, accept: bool, choices: &mut Choices<'_>) -> Result<Verdicts, Fault> {
        let mut verdicts = Verdicts::default();
        let first = plan(&self.stored, &sight.seen, Terms { verdicts: &verdicts, accept_removals: accept });
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
        Ok(verdicts)
    }

    fn row(&self, id: RowId) -> Result<&StoredContainer, Fault> {
        self.stored.containers.iter().find(|c| c.id == id).ok_or_else(|| format!("row {id} is not stored"))
    }

    fn reported_as(&self, plan: &Plan, expected: &Outcome) -> Result<(), Fault> {
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
    fn nothing_goes_without_a_reason(&self, plan: &Plan, sight: &Sight, accept: bool) -> Result<(), Fault> {
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
            let known = row.entry_id.is_some_and(|id| ids.iter().any(|i| i == id));
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

    fn count(&self, plan: &Plan, tally: &mut Tally) {
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

    /// As the store does it.
    fn apply(&mut self, plan: &Plan, sight: &Sight) -> Result<(), Fault> {
        let seen = &sight.seen;
        self.rows_before = self.last_row;
        let new_partitions: Vec<RowId> = plan.partitions_added.iter().map(|_| self.next_row()).collect();
        for (added, id) in plan.partitions_added.iter().zip(&new_partitions) {
            let p = &seen.partitions[added.seen];
            self.stored.partitions.push(StoredPartition {
                id: *id,
                external_id: p.external_id.clone(),
                key: p.key.clone(),
                entry_id: p.ids.best(),
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
            let selected = self.row(update.row)?.selected;
            let new = filled(
                update.row,
                &update.to,
                seen,
                update.entry_id,
                partition(update.to.partition),
                &new_rows,
                selected,
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
        self.stored.containers.retain(|c| !plan.removed.contains(&c.id));
        self.stored.partitions.retain(|p| !plan.partitions_removed.contains(&p.id));
        for (i, added) in plan.added.iter().enumerate() {
            if matches!(added.parent, ParentRef::New(p) if p >= i) {
                return Err("a parent is stored after its child".to_owned());
            }
            let ids = added.entry.of(seen).ids;
            let row = filled(new_rows[i], added, seen, ids.best(), partition(added.partition), &new_rows, false);
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

    /// Two rows that nobody saw may have come to one place, each with its parent; which of them is still there cannot be
    /// told, so both stay until one is seen or proved gone. The model has no word for that.
    fn two_unseen_at_one_place(&self, sight: &Sight) -> bool {
        let seen = |c: &StoredContainer| {
            sight
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

    /// What must be so of every stored tree.
    fn well_formed(&self) -> Result<(), Fault> {
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

    fn choices_survive(&self, before: &StoredTree) -> Result<(), Fault> {
        for c in &self.stored.containers {
            let was = before.containers.iter().find(|b| b.id == c.id).is_some_and(|b| b.selected);
            if c.selected != was {
                return Err(format!("{} was chosen: {was}, is chosen: {}", c.external_id, c.selected));
            }
        }
        Ok(())
    }

    fn tree(&self) -> BTreeMap<(Vec<String>, Vec<String>), Expected> {
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
                    selected: c.selected,
                    hidden: c.hidden,
                };
                ((partition(c), own(c)), expected)
            })
            .collect()
    }
}

impl World {
    /// Where every entry shows its id and nothing is in the way, what is stored is the directory, entry by entry.
    fn is_the_directory(&self, before: &StoredTree, plan: &Plan) -> Result<(), Fault> {
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
    selected: bool,
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
        selected,
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should_be: &T) -> Result<(), Fault> {
    if is == should_be { Ok(()) } else { Err(format!("{what}: is {is:?}, should be {should_be:?}")) }
}
