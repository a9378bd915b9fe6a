//! The merge table, row by row: what is reported and what is stored for each situation.

use std::collections::HashMap;

use super::*;
use crate::domain::dn::Dn;

const BASE: &str = "dc=example,dc=com";

/// A stored tree and what the directory shows, edited until the situation stands.
#[derive(Clone)]
struct World {
    stored: StoredTree,
    seen: Seen,
    verdicts: Verdicts,
    accept: bool,
}

fn id(n: u8) -> EntryIds {
    EntryIds([Some(EntryId { kind: IdKind::EntryUuid, value: [n; 16] }), None])
}

fn entry(dn: &str, ids: EntryIds) -> SeenContainer {
    let parsed = Dn::parse(dn).expect(dn);
    SeenContainer {
        external_id: dn.into(),
        key: parsed.key(),
        ids,
        name: parsed.name().into(),
        description: None,
        hidden: false,
    }
}

impl World {
    /// A partition with `dns` as containers, ids 1, 2, ... in that order, imported once.
    fn imported(dns: &[&str]) -> World {
        let key = Dn::parse(BASE).expect(BASE).key();
        let containers =
            dns.iter().enumerate().map(|(i, rdns)| entry(&format!("{rdns},{BASE}"), id(i as u8 + 1))).collect();
        let partition = SeenPartition {
            external_id: BASE.into(),
            key,
            ids: id(200),
            hidden: false,
            view: View::Complete,
            containers,
        };
        let mut world = World {
            stored: StoredTree::default(),
            seen: Seen { partitions: vec![partition], listed: 1, ..Seen::default() },
            verdicts: Verdicts::default(),
            accept: false,
        };
        world.import();
        world
    }

    fn plan(&self) -> Plan {
        plan(&self.stored, &self.seen, Terms { verdicts: &self.verdicts, accept_removals: self.accept })
    }

    /// Applies a plan as the store does, and checks the invariants of a stored tree.
    fn import(&mut self) -> Plan {
        let plan = self.plan();
        if plan.guard.is_none() {
            apply(&mut self.stored, &self.seen, &plan);
        }
        let again = self.plan();
        assert!(plan.guard.is_some() || !again.changes.any(), "a second import reports changes: {:?}", again.changes);
        plan
    }

    fn containers(&mut self) -> &mut Vec<SeenContainer> {
        &mut self.seen.partitions[0].containers
    }

    /// Replaces what is seen of the entry with this id.
    fn now(&mut self, n: u8, rdns: &str) {
        let new = entry(&format!("{rdns},{BASE}"), id(n));
        let slot = self.containers().iter_mut().find(|c| c.ids == id(n)).expect("seen");
        *slot = new;
    }

    fn unseen(&mut self, n: u8) {
        self.containers().retain(|c| c.ids != id(n));
    }

    fn row(&self, n: u8) -> Option<&StoredContainer> {
        self.stored.containers.iter().find(|c| c.entry_id == id(n).best())
    }

    fn select(&mut self, n: u8) -> RowId {
        let row = self.stored.containers.iter_mut().find(|c| c.entry_id == id(n).best()).expect("stored");
        row.selected = true;
        row.id
    }

    fn everything_is(&mut self, verdict: Verdict) {
        self.verdicts.containers = self.stored.containers.iter().map(|c| (c.id, verdict)).collect();
        self.verdicts.partitions = self.stored.partitions.iter().map(|p| (p.id, verdict)).collect();
    }
}

fn apply(stored: &mut StoredTree, seen: &Seen, plan: &Plan) {
    let first = stored.partitions.iter().map(|p| p.id).max().unwrap_or_default() + 1;
    for (i, added) in plan.partitions_added.iter().enumerate() {
        let p = &seen.partitions[added.seen];
        stored.partitions.push(StoredPartition {
            id: first + i as RowId,
            external_id: p.external_id.clone(),
            key: p.key.clone(),
            entry_id: p.ids.best(),
            hidden: p.hidden,
            selected: false,
        });
    }
    for update in &plan.partitions_updated {
        let row = stored.partitions.iter_mut().find(|p| p.id == update.row).expect("row");
        let p = &seen.partitions[update.seen];
        (row.external_id, row.key, row.hidden, row.entry_id) =
            (p.external_id.clone(), p.key.clone(), p.hidden, update.entry_id);
    }
    let partition = |r: PartitionRef| match r {
        PartitionRef::Row(id) => id,
        PartitionRef::New(i) => first + i as RowId,
    };
    let next = stored.containers.iter().map(|c| c.id).max().unwrap_or_default() + 1;
    let parent = |p: ParentRef| match p {
        ParentRef::Root => None,
        ParentRef::Row(id) => Some(id),
        ParentRef::New(i) => Some(next + i as RowId),
    };
    let row = |id, to: &Addition, entry_id, selected| {
        let c = to.entry.of(seen).clone();
        StoredContainer {
            id,
            partition_id: partition(to.partition),
            above: parent(to.parent).and_then(std::num::NonZero::new),
            external_id: c.external_id,
            entry_id,
            name: c.name,
            description: c.description,
            hidden: to.hidden,
            selected,
        }
    };
    for update in &plan.updated {
        let old = stored.containers.iter_mut().find(|c| c.id == update.row).expect("row");
        *old = row(old.id, &update.to, update.entry_id, old.selected);
    }
    for retarget in &plan.retargeted {
        let old = stored.containers.iter_mut().find(|c| c.id == retarget.row).expect("row");
        old.external_id = retarget.external_id.clone();
        old.partition_id = partition(retarget.partition);
    }
    stored.containers.retain(|c| !plan.removed.contains(&c.id));
    stored.partitions.retain(|p| !plan.partitions_removed.contains(&p.id));
    for (i, added) in plan.added.iter().enumerate() {
        if let ParentRef::New(p) = added.parent {
            assert!(p < i, "a parent comes before its children");
        }
        let ids = added.entry.of(seen).ids;
        stored.containers.push(row(next + i as RowId, added, ids.best(), false));
    }
    let ids: HashMap<RowId, RowId> = stored.containers.iter().map(|c| (c.id, c.partition_id)).collect();
    let mut keys = std::collections::HashSet::new();
    for c in &stored.containers {
        assert!(keys.insert((c.partition_id, c.key())), "two rows for {}", c.external_id);
        assert!(stored.partitions.iter().any(|p| p.id == c.partition_id));
        if let Some(parent) = c.parent_id() {
            assert_eq!(ids.get(&parent), Some(&c.partition_id), "{} hangs in another partition", c.external_id);
        }
    }
    assert_eq!((plan.total_partitions, plan.total_containers), (stored.partitions.len(), stored.containers.len()));
}

fn renamed(plan: &Plan) -> Vec<(&str, &str)> {
    plan.changes.renamed_containers.iter().map(|r| (&*r.old_name, &*r.new_name)).collect()
}

fn moved(plan: &Plan) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let text = |p: &Option<Arc<str>>| p.as_deref().map(|p| p.to_owned().leak() as &str);
    plan.changes.moved_containers.iter().map(|m| (&*m.name, text(&m.old_parent), text(&m.new_parent))).collect()
}

fn names(touched: &[Touched]) -> Vec<&str> {
    touched.iter().map(|t| &*t.name).collect()
}

#[test]
fn a_new_partition_lists_its_containers_parents_first() {
    let mut world = World::imported(&["ou=B", "ou=a,ou=B", "ou=A"]);
    let stored = std::mem::take(&mut world.stored);
    let plan = world.plan();
    assert_eq!(names(&plan.changes.added_containers), ["A", "B", "a"]);
    assert_eq!(names(&plan.changes.added_partitions), [BASE]);
    assert_eq!(stored.containers.len(), 3);
    assert_eq!(summary(&plan.changes), "4 added, 0 removed, 0 updated");
}

#[test]
fn rename_move_and_both_keep_row_and_selection() {
    for (rdns, name_changes, moves) in [
        ("ou=new,ou=p", true, false),
        ("ou=Old,ou=p", true, false),
        ("ou=old", false, true),
        ("ou=new,ou=q", true, true),
    ] {
        let mut world = World::imported(&["ou=p", "ou=q", "ou=old,ou=p", "ou=leaf,ou=old,ou=p"]);
        let row = world.select(3);
        world.now(3, rdns);
        world.now(4, &format!("ou=leaf,{rdns}"));
        let plan = world.import();
        assert_eq!(renamed(&plan).len(), usize::from(name_changes), "{rdns}");
        assert_eq!(moved(&plan).len(), usize::from(moves), "{rdns}");
        assert!(plan.changes.added_containers.is_empty() && plan.changes.removed_containers.is_empty());
        let stored = world.row(3).expect("kept");
        assert_eq!((stored.id, stored.selected), (row, true));
        assert_eq!(&*world.row(4).expect("leaf").external_id, format!("ou=leaf,{rdns},{BASE}"));
    }
}

#[test]
fn an_ancestor_renamed_three_levels_up_reports_only_itself() {
    let mut world = World::imported(&["ou=a", "ou=b,ou=a", "ou=c,ou=b,ou=a"]);
    world.now(1, "ou=z");
    world.now(2, "ou=b,ou=z");
    world.now(3, "ou=c,ou=b,ou=z");
    let plan = world.import();
    assert_eq!(renamed(&plan), [("a", "z")]);
    assert_eq!(moved(&plan), []);
    assert_eq!(&*world.row(3).expect("c").external_id, "ou=c,ou=b,ou=z,dc=example,dc=com");
}

#[test]
fn swaps_follow_the_id() {
    let mut world = World::imported(&["ou=a", "ou=b", "ou=x,ou=a", "ou=y,ou=b"]);
    world.select(1);
    for (n, rdns) in [(1, "ou=b"), (2, "ou=a"), (3, "ou=x,ou=b"), (4, "ou=y,ou=a")] {
        world.now(n, rdns);
    }
    let plan = world.import();
    assert_eq!(renamed(&plan), [("b", "a"), ("a", "b")]);
    assert_eq!(moved(&plan), []);
    assert!(world.row(1).expect("a").selected && !world.row(2).expect("b").selected);
    // And places: the two leaves change parents.
    world.now(3, "ou=x,ou=a");
    world.now(4, "ou=y,ou=b");
    assert_eq!(moved(&world.import()).len(), 2);
}

#[test]
fn a_missing_row_is_a_candidate_and_goes_only_with_a_verdict() {
    let dns = ["ou=a", "ou=b,ou=a", "ou=c,ou=b,ou=a", "ou=d"];
    for (verdict, accept, gone) in [
        (None, false, false),
        (Some(Verdict::Gone), false, true),
        (Some(Verdict::GoneUnproved), false, true),
        (Some(Verdict::Hidden), false, false),
        (Some(Verdict::Unprovable), false, false),
        (Some(Verdict::Unclear), false, false),
        (Some(Verdict::Hidden), true, true),
        (Some(Verdict::Unprovable), true, true),
        (Some(Verdict::Answers), false, false),
        (Some(Verdict::Answers), true, false),
    ] {
        let mut world = World::imported(&dns);
        world.select(3);
        world.unseen(2);
        world.unseen(3);
        let candidates = world.plan().candidates;
        assert_eq!(candidates.iter().map(|c| c.dn.as_str()).collect::<Vec<_>>(), ["ou=b,ou=a,dc=example,dc=com"]);
        assert!(candidates[0].parent_read);
        if let Some(verdict) = verdict {
            world.everything_is(verdict);
        }
        world.accept = accept;
        let plan = world.import();
        assert_eq!(names(&plan.changes.removed_containers), if gone { vec!["b", "c"] } else { vec![] }, "{verdict:?}");
        assert_eq!(plan.changes.selected_removed(), gone);
        assert_eq!(world.stored.containers.len(), if gone { 2 } else { 4 });
        let silent = matches!(verdict, None | Some(Verdict::Gone)) || accept && gone;
        assert_eq!(plan.warnings.is_empty(), silent, "{verdict:?} {accept}: {:?}", plan.warnings);
    }
}

#[test]
fn nothing_is_removed_from_a_view_that_is_not_complete() {
    for view in [View::Incomplete("cut".to_owned()), View::Failed("down".to_owned())] {
        let mut world = World::imported(&["ou=a", "ou=b,ou=a", "ou=c"]);
        world.containers().retain(|c| &*c.name == "a");
        world.seen.partitions[0].view = view.clone();
        world.everything_is(Verdict::Gone);
        world.accept = true;
        if view == View::Failed("down".to_owned()) {
            world.containers().clear();
        }
        let plan = world.import();
        assert!(plan.removed.is_empty() && plan.candidates.is_empty() && !plan.changes.any());
        assert_eq!(plan.warnings.len(), 1);
    }
}

#[test]
fn an_incomplete_view_adds_only_what_it_can_place() {
    let mut world = World::imported(&["ou=a", "ou=hidden"]);
    world.unseen(2);
    let here = [("ou=new,ou=a", 3), ("ou=deep,ou=new,ou=a", 4), ("ou=under,ou=hidden", 5), ("ou=lost,ou=unread", 6)];
    for (rdns, n) in here {
        let seen = entry(&format!("{rdns},{BASE}"), id(n));
        world.containers().push(seen);
    }
    // Another entry at the place of a row that may not be removed.
    let impostor = entry(&format!("ou=hidden,{BASE}"), id(7));
    world.containers().push(impostor);
    world.seen.partitions[0].view = View::Incomplete("cut".to_owned());
    let plan = world.import();
    assert_eq!(names(&plan.changes.added_containers), ["new", "deep"]);
    assert_eq!(world.stored.containers.len(), 4);
}

#[test]
fn what_cannot_be_placed_counts_as_not_seen() {
    // "b" went below an OU that was not read, and "c" below it is hidden: both rows stay as they are.
    let mut world = World::imported(&["ou=a", "ou=b,ou=a", "ou=c,ou=b,ou=a"]);
    world.now(2, "ou=b,ou=unread");
    world.unseen(3);
    world.seen.partitions[0].view = View::Incomplete("cut".to_owned());
    let before = world.stored.clone();
    let plan = world.import();
    assert!(plan.is_empty() && !plan.changes.any(), "{plan:?}");
    assert!(plan.warnings.iter().any(|w| w.contains("left as stored")), "{:?}", plan.warnings);
    // With the whole view both follow.
    world.containers().push(entry(&format!("ou=unread,{BASE}"), id(4)));
    world.seen.partitions[0].view = View::Complete;
    world.everything_is(Verdict::Hidden);
    world.import();
    assert_eq!(&*world.row(3).expect("kept").external_id, "ou=c,ou=b,ou=unread,dc=example,dc=com");
    assert_eq!(world.stored.containers.len(), before.containers.len() + 1);
}

#[test]
fn nothing_goes_above_a_row_that_stays_because_its_entry_was_seen() {
    // "a" is gone from a complete partition; "b" below it was seen in another one, but cannot be placed there yet.
    let mut world = with_second_partition();
    world.containers().push(entry(&format!("ou=b,ou=a,{BASE}"), id(2)));
    world.import();
    world.containers().clear();
    world.seen.partitions[1].containers.push(entry("ou=b,ou=unread,o=partners", id(2)));
    world.seen.partitions[1].view = View::Incomplete("cut".to_owned());
    world.everything_is(Verdict::Gone);
    let plan = world.import();
    assert!(plan.removed.is_empty(), "{:?}", plan.changes);
    assert!(world.row(2).is_some() && world.row(1).is_some());
}

#[test]
fn an_unseen_row_follows_its_parent_to_another_partition() {
    // Whatever is known of the partition that it came from.
    for view in [View::Complete, View::Failed("down".to_owned()), View::Incomplete("cut".to_owned())] {
        let mut world = with_second_partition();
        world.containers().push(entry(&format!("ou=b,ou=a,{BASE}"), id(2)));
        world.import();
        world.containers().clear();
        world.seen.partitions[0].view = view;
        world.seen.partitions[1].containers.push(entry("ou=a,o=partners", id(1)));
        world.everything_is(Verdict::Hidden);
        world.import();
        let (a, b) = (world.row(1).expect("a"), world.row(2).expect("b"));
        assert_eq!((b.parent_id(), b.partition_id), (Some(a.id), a.partition_id));
        assert_eq!(&*b.external_id, "ou=b,ou=a,o=partners");
    }
}

#[test]
fn a_taken_dn_is_removed_and_added() {
    let mut world = World::imported(&["ou=a", "ou=b,ou=a"]);
    world.select(1);
    world.containers()[0].ids = id(9);
    world.containers()[1].ids = id(10);
    let plan = world.import();
    assert_eq!(names(&plan.changes.removed_containers), ["a", "b"]);
    assert_eq!(names(&plan.changes.added_containers), ["a", "b"]);
    assert!(plan.changes.selected_removed() && plan.candidates.is_empty());
    assert!(plan.warnings[0].contains("recreated"), "{:?}", plan.warnings);
    assert!(!world.row(9).expect("new").selected);
}

#[test]
fn an_id_that_becomes_readable_is_adopted_and_never_erased() {
    let mut world = World::imported(&["ou=a"]);
    world.select(1);
    world.stored.containers[0].entry_id = None;
    assert!(!world.import().changes.any());
    assert!(world.row(1).expect("adopted").selected);
    world.containers()[0].ids = EntryIds::default();
    let plan = world.import();
    assert!(!plan.changes.any() && world.row(1).is_some());
    assert!(plan.warnings[0].contains("no immutable id"));
}

#[test]
fn without_ids_a_rename_is_an_add_and_a_candidate() {
    let mut world = World::imported(&["ou=a", "ou=b"]);
    world.stored.containers[0].entry_id = None;
    world.containers()[0] = entry(&format!("ou=z,{BASE}"), EntryIds::default());
    let plan = world.plan();
    assert_eq!((names(&plan.changes.added_containers), plan.candidates.len()), (vec!["z"], 1));
}

#[test]
fn two_rows_for_one_entry_keep_the_one_with_its_dn() {
    let mut world = World::imported(&["ou=a", "ou=b"]);
    world.stored.containers[0].entry_id = id(2).best();
    world.unseen(1);
    let plan = world.plan();
    assert_eq!(plan.candidates.iter().map(|c| c.row).collect::<Vec<_>>(), [1]);
    assert!(!plan.changes.any());
}

#[test]
fn a_kept_row_follows_its_renamed_parent() {
    let mut world = World::imported(&["ou=a", "ou=Hid\\2Cden,ou=a", "ou=x,ou=Hid\\2Cden,ou=a"]);
    world.unseen(2);
    world.now(1, "ou=z");
    world.now(3, "ou=x,ou=Hid\\2Cden,ou=z");
    let plan = world.plan();
    assert_eq!(plan.candidates[0].dn, "ou=Hid\\,den,ou=z,dc=example,dc=com");
    world.everything_is(Verdict::Hidden);
    let plan = world.import();
    assert_eq!(renamed(&plan), [("a", "z")]);
    assert_eq!(moved(&plan), []);
    assert_eq!(&*world.row(2).expect("kept").external_id, "ou=Hid\\,den,ou=z,dc=example,dc=com");
    assert_eq!(world.row(3).expect("x").parent_id(), world.row(2).map(|r| r.id));
}

#[test]
fn children_of_a_parent_that_goes_are_placed_anew_without_a_report() {
    let mut world = World::imported(&["ou=a", "cn=mid,ou=a", "ou=x,cn=mid,ou=a"]);
    world.unseen(2);
    world.everything_is(Verdict::Gone);
    let plan = world.import();
    assert_eq!(names(&plan.changes.removed_containers), ["mid"]);
    assert_eq!(moved(&plan), []);
    assert_eq!(world.row(3).expect("x").parent_id(), world.row(1).map(|r| r.id));
}

#[test]
fn the_guard_stops_at_more_than_half_of_ten() {
    for (stored, gone, stops) in [(9, 9, false), (10, 5, false), (10, 6, true), (20, 11, true)] {
        let dns: Vec<String> = (0..stored).map(|i| format!("ou=n{i}")).collect();
        let mut world = World::imported(&dns.iter().map(String::as_str).collect::<Vec<_>>());
        for n in 1..=gone {
            world.unseen(n);
        }
        world.everything_is(Verdict::Gone);
        let plan = world.import();
        assert_eq!(plan.guard.is_some(), stops, "{gone} of {stored}");
        assert_eq!(plan.changes.removed_containers.len(), gone as usize);
        assert_eq!(world.stored.containers.len(), (stored - if stops { 0 } else { gone }) as usize);
        if let Some(text) = &plan.guard {
            assert!(text.contains(&format!("{gone} of {stored}")) && text.contains("acceptRemovals=true"));
            world.accept = true;
            assert_eq!(world.import().guard, None);
            assert_eq!(world.stored.containers.len(), (stored - gone) as usize);
        }
    }
}

fn with_second_partition() -> World {
    let mut world = World::imported(&["ou=a"]);
    let key = Dn::parse("o=partners").expect("dn").key();
    let containers = vec![entry("ou=p,o=partners", id(50))];
    let second = SeenPartition {
        external_id: "o=partners".into(),
        key,
        ids: id(201),
        hidden: false,
        view: View::Complete,
        containers,
    };
    world.seen.partitions.push(second);
    world.seen.listed = 2;
    world.import();
    world
}

#[test]
fn a_partition_goes_only_when_unlisted_and_proved_gone_beside_another() {
    for (verdict, accept, outcome) in [
        (Verdict::Gone, false, "removed"),
        (Verdict::Answers, false, "guard"),
        (Verdict::Unclear, false, "guard"),
        (Verdict::Answers, true, "kept"),
        (Verdict::Unclear, true, "removed"),
    ] {
        let mut world = with_second_partition();
        world.stored.partitions[1].selected = true;
        world.seen.partitions.pop();
        world.seen.listed = 1;
        assert_eq!(world.plan().partition_candidates.len(), 1);
        world.everything_is(verdict);
        world.accept = accept;
        let plan = world.import();
        assert_eq!(plan.guard.is_some(), outcome == "guard", "{verdict:?}");
        let gone = outcome == "removed";
        assert_eq!(world.stored.partitions.len(), if gone { 1 } else { 2 }, "{verdict:?} {accept}");
        if gone {
            assert_eq!(names(&plan.changes.removed_containers), ["p"]);
            assert!(plan.changes.selected_removed());
        }
    }
}

#[test]
fn no_listed_partition_stops_at_the_guard() {
    let mut world = with_second_partition();
    world.seen = Seen::default();
    world.everything_is(Verdict::Gone);
    assert!(world.plan().guard.expect("guard").contains("lists no partition"));
    world.accept = true;
    world.import();
    assert!(world.stored.partitions.is_empty() && world.stored.containers.is_empty());
}

#[test]
fn a_container_that_changes_partition_is_moved() {
    let mut world = with_second_partition();
    world.select(1);
    world.unseen(1);
    world.seen.partitions[1].containers.push(entry("ou=a,o=partners", id(1)));
    let plan = world.import();
    assert_eq!(moved(&plan), [("a", None, None)]);
    assert!(world.row(1).expect("kept").selected);
}

#[test]
fn a_partition_renamed_lists_no_container() {
    let mut world = with_second_partition();
    let partition = &mut world.seen.partitions[1];
    (partition.external_id, partition.key) = ("o=friends".into(), Dn::parse("o=friends").expect("dn").key());
    partition.containers = vec![entry("ou=p,o=friends", id(50))];
    let plan = world.import();
    assert_eq!(plan.changes.renamed_partitions.len(), 1);
    assert_eq!((renamed(&plan), moved(&plan)), (vec![], vec![]));
    assert_eq!(&*world.row(50).expect("p").external_id, "ou=p,o=friends");
}

#[test]
fn odd_lists_come_down_to_one_row_an_entry() {
    let mut world = World::imported(&["ou=a"]);
    let extra = [
        entry("OU=A,dc=example,dc=com", id(1)),
        entry("ou=child,ou=a,dc=example,dc=com", id(2)),
        entry("ou=child2,ou=a,dc=example,dc=com", id(2)),
        entry("dc=example,dc=com", id(200)),
        entry("ou=stranger,dc=elsewhere", id(3)),
    ];
    world.containers().extend(extra);
    let plan = world.import();
    assert_eq!(names(&plan.changes.added_containers), ["child2"]);
    assert_eq!(world.stored.containers.len(), 2);
}

#[test]
fn an_inner_naming_context_keeps_its_entries_to_itself() {
    let mut world = World::imported(&["ou=a", "ou=x,dc=sub"]);
    let key = Dn::parse(&format!("dc=sub,{BASE}")).expect("dn").key();
    let inner = SeenPartition {
        external_id: format!("dc=sub,{BASE}").as_str().into(),
        key,
        ids: id(99),
        hidden: false,
        view: View::Complete,
        containers: vec![entry(&format!("ou=x,dc=sub,{BASE}"), id(2))],
    };
    world.seen.partitions.push(inner);
    world.seen.listed = 2;
    let plan = world.import();
    assert_eq!(plan.changes.added_partitions.len(), 1);
    // The entry did not move: it only belongs to the inner partition from now on.
    assert_eq!(moved(&plan), []);
    assert_ne!(world.row(2).map(|r| r.partition_id), world.row(1).map(|r| r.partition_id));
}
