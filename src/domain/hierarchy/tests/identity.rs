//! Which row is which entry: by immutable id, by name, or neither.

use super::*;

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

/// Pages are read one after the other: an entry that was read may lose its name to another that is read later.
#[test]
fn of_two_entries_with_one_name_both_were_seen() {
    for first in [false, true] {
        let mut world = World::imported(&["ou=a", "ou=b", "ou=c,ou=a", "ou=d,ou=b"]);
        world.select(1);
        world.select(2);
        // b is shown under the name of a, before a itself or after it.
        world.now(2, "ou=A");
        if first {
            world.containers().swap(0, 1);
        }
        world.everything_is(Verdict::Absent);
        world.policy.accept_removals = true;
        let before = world.stored.clone();
        let plan = world.import();
        assert!(!plan.changes.any() && plan.removed.is_empty(), "{:?}", plan.changes);
        assert!(plan.warnings.iter().any(|w| w.contains("left as stored")), "{:?}", plan.warnings);
        for n in [1, 2] {
            let was = before.containers.iter().find(|c| c.entry_id == id(n).best()).expect("stored");
            let is = world.row(n).expect("kept");
            assert_eq!((is.id, is.selected, &is.external_id), (was.id, true, &was.external_id), "{n}");
        }
        // Read again, each has its own name.
        world.now(2, "ou=b");
        world.now(1, "ou=z");
        assert_eq!(world.import().changes.renamed_containers.len(), 1);
    }
}

/// The stored entry was not seen and its name belongs to another entry: its row is removed.
#[test]
fn a_name_that_two_strangers_have_is_taken_by_the_first() {
    let mut world = World::imported(&["ou=a"]);
    world.containers()[0].ids = id(8);
    world.containers().push(entry(&format!("ou=a,{BASE}"), id(9)));
    let plan = world.import();
    assert_eq!(
        (names(&plan.changes.removed_containers), names(&plan.changes.added_containers)),
        (vec!["a"], vec!["a"])
    );
    assert!(world.row(8).is_some() && world.row(9).is_none());
}

/// A suffix that was copied with its ids: original and copy are matched by name, here and when the copy goes again.
#[test]
fn an_id_at_two_names_identifies_neither() {
    let mut world = with_second_partition();
    let (row, other) = (world.select(1), world.select(50));
    let copy = entry("ou=a,o=partners", id(1));
    world.seen.partitions[1].containers.push(copy);
    world.seen.partitions[1].ids = id(200);
    assert_eq!(world.plan().shared_id_entries.len(), 2);
    for _ in 0..2 {
        let plan = world.import();
        assert!(!plan.changes.renamed_partitions.iter().any(|_| true) && moved(&plan).is_empty());
        let warned = |text: &str| plan.warnings.iter().any(|w| w.contains(text));
        assert!(warned("entryUUID 01010101-0101-0101-0101-010101010101 is that of 2 entries"), "{:?}", plan.warnings);
        assert!(warned("ou=a,dc=example,dc=com; ou=a,o=partners"), "{:?}", plan.warnings);
        let stored = |dn: &str| world.stored.containers.iter().find(|c| &*c.external_id == dn).expect(dn).clone();
        let (original, copy) = (stored("ou=a,dc=example,dc=com"), stored("ou=a,o=partners"));
        assert_eq!((original.id, original.selected, original.entry_id), (row, true, None));
        assert_eq!((copy.selected, copy.entry_id), (false, None));
        assert!(world.row(50).is_some_and(|r| r.id == other && r.selected));
    }
    // Whichever goes, the other one stays what it is, and has its id again.
    for gone in [0, 1] {
        let mut world = world.clone();
        world.seen.partitions[gone].containers.retain(|c| c.ids != id(1));
        let changes = world.plan().changes;
        assert!(!changes.any(), "{changes:?}");
        world.everything_is(Verdict::Absent);
        let plan = world.import();
        assert_eq!((names(&plan.changes.removed_containers), moved(&plan)), (vec!["a"], vec![]));
        let partition = world.stored.partitions[1 - gone].id;
        assert!(world.row(1).is_some_and(|r| r.partition_id == partition && r.selected == (gone == 1)));
    }
}

#[test]
fn an_entry_renamed_while_it_was_read_is_where_it_answers() {
    for (left, renames) in [(0, 1), (1, 0)] {
        let mut world = World::imported(&["ou=a"]);
        let row = world.select(1);
        world.containers().push(entry(&format!("ou=z,{BASE}"), id(1)));
        let doubles = world.plan().shared_id_entries;
        world.policy.verdicts.moved_away.insert(doubles[left].0);
        let plan = world.import();
        assert_eq!((renamed(&plan).len(), plan.added.len(), plan.removed.len()), (renames, 0, 0));
        assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
        assert!(world.row(1).is_some_and(|r| r.id == row && r.selected));
    }
}

#[test]
fn one_id_for_every_entry_hides_none() {
    let mut world = World::imported(&["ou=a", "ou=b"]);
    for n in 0..9 {
        let dn = format!("ou=n{n},{BASE}");
        world.containers().push(entry(&dn, id(77)));
    }
    let plan = world.import();
    assert_eq!((plan.added.len(), plan.shared_id_entries.len()), (9, 9));
    let expected = format!("is that of 9 entries and identifies none of them; they are matched by name: ou=n0,{BASE}");
    assert!(plan.warnings[0].contains(&expected) && plan.warnings[0].ends_with("; and 4 more"), "{:?}", plan.warnings);
}

/// The original may be there although it was not read: what shows its id elsewhere may be a copy.
#[test]
fn what_was_not_read_is_not_matched_away_while_it_may_exist() {
    let unread = [View::Failed("down".to_owned()), View::Incomplete("cut".to_owned())];
    for (view, verdict) in
        unread.iter().flat_map(|v| [Verdict::Present, Verdict::Hidden, Verdict::Absent].map(|w| (v, w)))
    {
        let mut world = with_second_partition();
        world.containers().push(entry(&format!("ou=b,ou=a,{BASE}"), id(2)));
        world.import();
        let row = world.select(1);
        world.select(2);
        let before = world.stored.clone();
        world.containers().clear();
        world.seen.partitions[0].view = view.clone();
        world.seen.partitions[0].ids = EntryIds::default();
        let copies = [("ou=a,o=partners", 1), ("ou=b,ou=a,o=partners", 2)];
        world.seen.partitions[1].containers.extend(copies.map(|(dn, n)| entry(dn, id(n))));
        let doubts: Vec<_> = world.plan().id_conflicts.into_iter().map(|c| (c.row, c.dn)).collect();
        assert_eq!(doubts, [(row, format!("ou=a,{BASE}"))], "the topmost, by its name");
        world.policy.verdicts.containers.insert(row, verdict);
        let plan = world.import();
        if verdict == Verdict::Absent {
            assert_eq!(moved(&plan).len(), 1, "{view:?}");
            assert!(world.row(1).is_some_and(|r| r.id == row && &*r.external_id == "ou=a,o=partners"));
            continue;
        }
        assert_eq!((names(&plan.changes.added_containers), moved(&plan)), (vec!["a", "b"], vec![]), "{view:?}");
        assert!(plan.warnings.iter().any(|w| w.contains("2 containers kept: not read")), "{:?}", plan.warnings);
        for old in &before.containers {
            let kept = world.stored.containers.iter().find(|c| c.id == old.id).expect("kept");
            assert_eq!(
                (&kept.external_id, kept.entry_id, kept.selected),
                (&old.external_id, old.entry_id, old.selected)
            );
        }
    }
}

/// A partition is what the server lists under its name.
#[test]
fn a_partition_that_was_not_read_is_not_renamed_to_its_copy() {
    let mut world = with_second_partition();
    world.seen.partitions[0].view = View::Failed("no such object".to_owned());
    world.seen.partitions[0].ids = EntryIds::default();
    world.seen.partitions[0].containers.clear();
    world.seen.partitions[1].ids = id(200);
    let plan = world.import();
    assert!(plan.changes.renamed_partitions.is_empty(), "{:?}", plan.changes.renamed_partitions);
    // Not listed any more, it is renamed only once nothing answers at its name.
    world.seen.partitions.remove(0);
    let mut world = World { stored: with_second_partition().stored, ..world };
    world.stored.partitions.remove(1);
    world.stored.containers.retain(|c| c.partition_id == world.stored.partitions[0].id);
    for (verdict, renamed) in [(Verdict::Present, 0), (Verdict::Absent, 1)] {
        world.everything_is(verdict);
        assert_eq!(world.plan().changes.renamed_partitions.len(), renamed, "{verdict:?}");
    }
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
fn of_two_rows_for_one_entry_its_name_decides_however_it_is_spelled() {
    let mut world = World::imported(&["ou=a", "ou=b"]);
    world.stored.containers[0].entry_id = id(2).best();
    world.stored.containers[1].external_id = format!("OU=B,{BASE}").as_str().into();
    world.unseen(1);
    assert_eq!(world.plan().candidates.iter().map(|c| c.row).collect::<Vec<_>>(), [1]);
}

#[test]
fn stored_texts_are_at_hand_while_a_directory_is_read() {
    let world = World::imported(&["ou=a", "ou=b,ou=a"]);
    let known = DnIndex::new(&world.stored);
    let found = |dn: &str| known.container(dn).map(|c| &*c.name);
    assert_eq!(found("ou=b,ou=a,dc=example,dc=com"), Some("b"));
    assert_eq!(found("ou=a,dc=example,dc=com"), Some("a"));
    assert_eq!((found("OU=a,dc=example,dc=com"), found("")), (None, None), "only what is spelled exactly so");
    let partition = |dn: &str| known.has_partition(&Dn::parse(dn).expect(dn).key());
    assert!(partition("DC=example,dc=com") && !partition("dc=com"));
    let nothing = StoredTree::default();
    assert!(DnIndex::new(&nothing).container("").is_none());
}

#[test]
fn a_row_is_found_by_its_id() {
    let mut world = World::imported(&["ou=a", "ou=b", "ou=c", "ou=d"]);
    world.stored.containers.remove(1);
    let found: Vec<_> = (0..=5).map(|id| world.stored.row_of(id)).collect();
    assert_eq!(found, [None, Some(0), None, Some(1), Some(2), None]);
}
