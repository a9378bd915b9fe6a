//! Report of a plan: counts, order, warnings.

use super::warnings::{Kept, Reason};
use super::*;

#[test]
fn a_plan_is_empty_when_nothing_is_to_be_written() {
    let to = Addition {
        entry: EntryRef { partition: 0, container: 0 },
        partition: PartitionRef::Row(1),
        parent: ParentRef::Root,
        hidden: false,
    };
    let retarget = || Retarget { row: 1, partition: PartitionRef::Row(1), external_id: BASE.into() };
    assert!(Plan::default().is_empty());
    for plan in [
        Plan { partitions_added: vec![0], ..Plan::default() },
        Plan { partitions_updated: vec![PartitionUpdate { row: 1, seen: 0, entry_id: None }], ..Plan::default() },
        Plan { partitions_removed: vec![1], ..Plan::default() },
        Plan { added: vec![to], ..Plan::default() },
        Plan { updated: vec![Update { row: 1, to, entry_id: None }], ..Plan::default() },
        Plan { retargeted: vec![retarget()], ..Plan::default() },
        Plan { removed: vec![1], ..Plan::default() },
    ] {
        assert!(!plan.is_empty(), "{plan:?}");
    }
}

#[test]
fn a_summary_counts_partitions_and_containers() {
    let touched = |count| vec![Touched { external_id: BASE.into(), name: BASE.into(), was_selected: false }; count];
    let renamed = |count| {
        let (old_name, new_name) = ("old".into(), "new".into());
        vec![Renamed { external_id: BASE.into(), old_name, new_name, was_selected: true }; count]
    };
    let mut changes = Changes {
        added_partitions: touched(1),
        added_containers: touched(2),
        removed_partitions: touched(2),
        removed_containers: touched(3),
        renamed_partitions: renamed(1),
        renamed_containers: renamed(3),
        moved_containers: vec![],
    };
    assert_eq!(summary(&changes, &Seen::default()), "3 added, 5 removed, 4 updated");
    let moved =
        Moved { external_id: BASE.into(), name: "a".into(), old_parent: None, new_parent: None, was_selected: true };
    changes.moved_containers = vec![moved.clone(); 2];
    assert_eq!(summary(&changes, &Seen::default()), "3 added, 5 removed, 6 updated");
    assert!(changes.any() && !changes.selected_removed());
    changes.removed_containers[1].was_selected = true;
    assert!(changes.selected_removed());
    assert_eq!(summary(&Changes::default(), &Seen::default()), "No changes detected");
    let one = || vec![moved.clone()];
    for only in [
        Changes { added_partitions: touched(1), ..Changes::default() },
        Changes { removed_containers: touched(1), ..Changes::default() },
        Changes { moved_containers: one(), ..Changes::default() },
    ] {
        assert!(only.any(), "{only:?}");
    }
    assert!(!Changes::default().any());
}

#[test]
fn parents_come_before_children_then_names_whatever_their_case() {
    let mut world = World::imported(&["ou=\u{212a}a", "ou=kz", "ou=B", "ou=\u{e9}", "ou=\u{c9}b", "ou=a,ou=B", "cn=b"]);
    world.stored = StoredTree::default();
    let plan = world.plan();
    assert_eq!(names(&plan.changes.added_containers), ["b", "B", "\u{212a}a", "kz", "\u{e9}", "\u{c9}b", "a"]);
}

#[test]
fn a_warning_names_the_first_five() {
    for (count, what, named) in [
        (1, "1 container", "ou=0"),
        (5, "5 containers", "ou=0; ou=1; ou=2; ou=3; ou=4"),
        (7, "7 containers", "ou=0; ou=1; ou=2; ou=3; ou=4; and 2 more"),
    ] {
        let mut kept = Kept::default();
        (0..count).for_each(|n| kept.add("dc=x", Reason::RemovedUnproved, &format!("ou={n}")));
        let why = "removed although this directory cannot tell hidden from absent";
        assert_eq!(kept.texts("").collect::<Vec<_>>(), [format!("dc=x: {what} {why}: {named}")]);
    }
    let mut kept = Kept::default();
    kept.add("dc=y", Reason::Hidden, "ou=b");
    kept.add("dc=x", Reason::Hidden, "ou=a");
    let texts: Vec<String> = kept.texts("grant it").collect();
    assert!(texts[0].starts_with("dc=x: 1 container kept") && texts[0].contains("grant it"), "{texts:?}");
    assert_eq!(texts.len(), 2);
}

#[test]
fn missing_ids_are_told_of_what_was_read() {
    let got = |edit: &dyn Fn(&mut SeenPartition)| {
        let mut world = World::imported(&["ou=a", "ou=b"]);
        world.seen.remedies.read_ids = "show them";
        world.seen.warnings.push("of the listing".to_owned());
        edit(&mut world.seen.partitions[0]);
        let mut warnings = world.plan().warnings;
        assert_eq!(warnings.remove(0), "of the listing");
        warnings
    };
    let no_ids = |p: &mut SeenPartition| p.containers.iter_mut().for_each(|c| c.ids = EntryIds::default());
    assert!(got(&|_| {}).is_empty());
    let one = got(&|p| p.containers[0].ids = EntryIds::default());
    assert!(one.is_empty(), "{one:?}");
    let text = "dc=example,dc=com: no immutable id readable: renames show as removed and added; show them";
    assert_eq!(got(&no_ids), [text]);
    let failed = got(&|p| {
        no_ids(p);
        p.view = View::Failed("down".to_owned());
    });
    assert_eq!(failed, ["dc=example,dc=com: down; this partition stays as it was"]);
    assert!(got(&|p| p.containers.clear()).is_empty());
}

#[test]
fn what_was_not_read_as_a_whole_is_in_the_summary() {
    let mut world = with_second_partition();
    world.seen.partitions[0].view = View::Incomplete("cut".to_owned());
    assert_eq!(summary(&world.import().changes, &world.seen), "No changes detected; 1 partition was read in part");
    world.seen.partitions[1].view = View::Failed("down".to_owned());
    let all = "No changes detected; 1 partition was read in part; 1 partition was not read";
    assert_eq!(summary(&world.import().changes, &world.seen), all);
    world.seen.partitions[1].view = View::Incomplete("cut".to_owned());
    assert_eq!(summary(&world.import().changes, &world.seen), "No changes detected; 2 partitions were read in part");
}
