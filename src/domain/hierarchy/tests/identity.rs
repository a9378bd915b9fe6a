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
        world.everything_is(Verdict::Gone);
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

/// Nothing is known of it but that somebody has its name: the row of an entry that was not seen at all goes.
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
    let known = Known::new(&world.stored);
    let found = |dn: &str| known.container(dn).map(|c| &*c.name);
    assert_eq!(found("ou=b,ou=a,dc=example,dc=com"), Some("b"));
    assert_eq!(found("ou=a,dc=example,dc=com"), Some("a"));
    assert_eq!((found("OU=a,dc=example,dc=com"), found("")), (None, None), "only what is spelled exactly so");
    let partition = |dn: &str| known.has_partition(&Dn::parse(dn).expect(dn).key());
    assert!(partition("DC=example,dc=com") && !partition("dc=com"));
    let nothing = StoredTree::default();
    assert!(Known::new(&nothing).container("").is_none());
}

#[test]
fn a_row_is_found_by_its_id() {
    let mut world = World::imported(&["ou=a", "ou=b", "ou=c", "ou=d"]);
    world.stored.containers.remove(1);
    let found: Vec<_> = (0..=5).map(|id| world.stored.row_of(id)).collect();
    assert_eq!(found, [None, Some(0), None, Some(1), Some(2), None]);
}
