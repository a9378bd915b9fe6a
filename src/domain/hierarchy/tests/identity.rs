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
