//! Rows keep their place in the file and their selection under another name or in another place.

use super::*;

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
fn an_unseen_row_follows_its_parent_to_another_partition() {
    // In whatever state the old partition is.
    for view in [View::Complete, View::Failed("down".to_owned()), View::Incomplete("cut".to_owned())] {
        let mut world = with_second_partition();
        world.containers().push(entry(&format!("ou=b,ou=a,{BASE}"), id(2)));
        world.import();
        world.containers().clear();
        world.seen.partitions[0].view = view;
        world.seen.partitions[1].containers.push(entry("ou=a,o=partners", id(1)));
        world.everything_is(Verdict::Hidden);
        let a = world.row(1).expect("a").id;
        world.policy.verdicts.containers.insert(a, Verdict::Absent);
        world.import();
        let (a, b) = (world.row(1).expect("a"), world.row(2).expect("b"));
        assert_eq!((b.parent_id(), b.partition_id), (Some(a.id), a.partition_id));
        assert_eq!(&*b.external_id, "ou=b,ou=a,o=partners");
    }
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
    world.everything_is(Verdict::Absent);
    let plan = world.import();
    assert_eq!(names(&plan.changes.removed_containers), ["mid"]);
    assert_eq!(moved(&plan), []);
    assert_eq!(world.row(3).expect("x").parent_id(), world.row(1).map(|r| r.id));
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
    assert_eq!(world.plan().partition_candidates.len(), 1, "its old name is looked up");
    world.everything_is(Verdict::Absent);
    let plan = world.import();
    assert_eq!(plan.changes.renamed_partitions.len(), 1);
    assert_eq!((renamed(&plan), moved(&plan)), (vec![], vec![]));
    assert_eq!(&*world.row(50).expect("p").external_id, "ou=p,o=friends");
}

#[test]
fn what_is_not_reported_is_stored_all_the_same() {
    let edits: [fn(&mut World); 4] = [
        |world| world.containers()[0].description = Some("about".into()),
        |world| world.containers()[0].hidden = true,
        |world| world.containers()[0].external_id = format!("OU=a,{BASE}").as_str().into(),
        |world| world.stored.containers[0].entry_id = None,
    ];
    for (n, edit) in edits.iter().enumerate() {
        let mut world = World::imported(&["ou=a", "ou=b"]);
        assert!(world.plan().is_empty());
        edit(&mut world);
        let plan = world.import();
        assert_eq!((plan.updated.len(), plan.changes.any()), (1, false), "edit {n}");
        assert!(!plan.is_empty() && world.plan().is_empty(), "edit {n}");
        let (stored, seen) = (&world.stored.containers[0], &world.seen.partitions[0].containers[0]);
        assert_eq!((&stored.external_id, &stored.description), (&seen.external_id, &seen.description));
        assert_eq!((stored.hidden, stored.entry_id), (seen.hidden, seen.ids.best()));
    }
}

#[test]
fn a_move_names_the_parents_of_before_and_after() {
    let mut world = World::imported(&["ou=p", "ou=q", "ou=x,ou=p", "ou=unseen,ou=q"]);
    let mut got = |edit: &dyn Fn(&mut World)| {
        edit(&mut world);
        let plan = world.import();
        moved(&plan).into_iter().map(|(_, from, to)| [from, to].map(|dn| dn.map(|dn| dn.replace(BASE, "")))).collect()
    };
    let step = |from: &str, to: &str| vec![[from, to].map(|dn| (!dn.is_empty()).then(|| dn.to_owned()))];
    let got: [Vec<_>; 4] = [
        // Below one that is renamed at the same time ...
        got(&|world| {
            world.now(2, "ou=r");
            world.now(3, "ou=x,ou=r");
            world.now(4, "ou=unseen,ou=r");
        }),
        // ... below a new one ...
        got(&|world| {
            world.containers().push(entry(&format!("ou=new,{BASE}"), id(9)));
            world.now(3, "ou=x,ou=new");
        }),
        // ... below one that was not seen and follows its own parent, and to the top.
        got(&|world| {
            world.unseen(4);
            world.now(2, "ou=s");
            world.now(3, "ou=x,ou=unseen,ou=s");
            world.everything_is(Verdict::Hidden);
        }),
        got(&|world| world.now(3, "ou=x")),
    ];
    let steps = [
        step("ou=p,", "ou=r,"),
        step("ou=r,", "ou=new,"),
        step("ou=new,", "ou=unseen,ou=s,"),
        step("ou=unseen,ou=s,", ""),
    ];
    assert_eq!(got, steps);
}

#[test]
fn a_partition_is_refreshed_without_a_report() {
    let edits: [fn(&mut World); 4] = [
        |world| world.seen.partitions[0].external_id = "DC=Example,DC=com".into(),
        |world| world.seen.partitions[0].hidden = true,
        |world| world.stored.partitions[0].entry_id = None,
        |world| world.seen.partitions[0].ids = id(99),
    ];
    for (n, edit) in edits.iter().enumerate() {
        let mut world = with_second_partition();
        edit(&mut world);
        let plan = world.import();
        assert_eq!((plan.partitions_updated.len(), plan.changes.any()), (1, false), "edit {n}");
        assert!(!plan.is_empty() && world.plan().is_empty(), "edit {n}");
        let (stored, seen) = (&world.stored.partitions[0], &world.seen.partitions[0]);
        assert_eq!((&stored.external_id, stored.hidden), (&seen.external_id, seen.hidden));
        assert_eq!(stored.entry_id, seen.ids.best());
        assert_eq!(plan.warnings.iter().any(|w| w.contains("recreated")), n == 3, "{:?}", plan.warnings);
    }
}
