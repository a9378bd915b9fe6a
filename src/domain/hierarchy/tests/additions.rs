//! What is new, and what of a directory's answer counts at all.

use super::*;

#[test]
fn a_new_partition_lists_its_containers_parents_first() {
    let mut world = World::imported(&["ou=B", "ou=a,ou=B", "ou=A"]);
    let stored = std::mem::take(&mut world.stored);
    let plan = world.plan();
    assert_eq!(names(&plan.changes.added_containers), ["A", "B", "a"]);
    assert_eq!(names(&plan.changes.added_partitions), [BASE]);
    assert_eq!(stored.containers.len(), 3);
    assert_eq!(summary(&plan.changes, &world.seen), "4 added, 0 removed, 0 updated");
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
fn odd_lists_come_down_to_one_row_a_name() {
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
    // Two names with one id are two entries.
    assert_eq!(names(&plan.changes.added_containers), ["child", "child2"]);
    assert_eq!(world.stored.containers.len(), 3);
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
    // An entry of the inner partition, returned only by the search of the outer one, is ignored.
    for (rdns, n) in [("dc=sub", 99), ("ou=y,ou=x,dc=sub", 3)] {
        world.containers().push(entry(&format!("{rdns},{BASE}"), id(n)));
    }
    let plan = world.import();
    assert_eq!((plan.changes.added_partitions.len(), plan.added.len()), (1, 0));
    // The entry did not move: it only belongs to the inner partition from now on.
    assert_eq!(moved(&plan), []);
    assert_ne!(world.row(2).map(|r| r.partition_id), world.row(1).map(|r| r.partition_id));
}

#[test]
fn an_incomplete_view_adds_at_the_top_and_below_what_is_stored_or_read() {
    let mut world = with_second_partition();
    world.unseen(1);
    for (rdns, n) in [("ou=top", 3), ("ou=under,ou=a", 4), ("ou=deep,ou=top", 5), ("ou=lost,ou=unread", 6)] {
        world.containers().push(entry(&format!("{rdns},{BASE}"), id(n)));
    }
    world.seen.partitions[0].view = View::Incomplete("cut".to_owned());
    // The other partition was read to its end: what is between is no container.
    world.seen.partitions[1].containers.push(entry("ou=far,cn=none,o=partners", id(7)));
    let plan = world.import();
    assert_eq!(names(&plan.changes.added_containers), ["far", "top", "deep", "under"]);
    assert_eq!(world.row(4).and_then(StoredContainer::parent_id), world.row(1).map(|a| a.id));
}

#[test]
fn technical_is_what_is_marked_and_all_below_it() {
    let hidden = |world: &World| {
        let mut all: Vec<String> =
            world.stored.containers.iter().filter(|c| c.hidden).map(|c| c.name.to_string()).collect();
        all.sort();
        all.concat()
    };
    let mut world = World::imported(&["cn=s", "ou=a,cn=s", "ou=b,cn=none,ou=a,cn=s", "ou=c"]);
    assert_eq!(hidden(&world), "");
    world.containers()[0].hidden = true;
    assert!(!world.import().changes.any());
    assert_eq!(hidden(&world), "abs");
    // Rows that were not seen hand it on as well.
    for n in [1, 2, 4] {
        world.unseen(n);
    }
    world.everything_is(Verdict::Hidden);
    world.containers().push(entry(&format!("ou=d,ou=a,cn=s,{BASE}"), id(9)));
    world.containers().push(entry(&format!("ou=e,ou=c,{BASE}"), id(10)));
    assert_eq!(names(&world.import().changes.added_containers), ["e", "d"]);
    assert_eq!(hidden(&world), "abds");
    world.seen.partitions[0].hidden = true;
    assert!(!world.import().changes.any());
    assert_eq!((hidden(&world).as_str(), world.stored.partitions[0].hidden), ("abdes", true));
    assert!(world.plan().is_empty());
}

/// Each entry wants the place of a row that stays because the entry behind it has no place itself.
#[test]
fn a_chain_of_places_taken_is_followed_to_its_end() {
    for length in [19, 200] {
        let dns: Vec<String> = (0..length).map(|n| format!("ou=n{n}")).chain(["ou=old".to_owned()]).collect();
        let mut world = World::imported(&dns.iter().map(String::as_str).collect::<Vec<_>>());
        for n in 1..length {
            world.now(n, &format!("ou=n{n}"));
        }
        world.now(length, "ou=last,ou=unread");
        world.now(length + 1, "ou=new");
        world.seen.partitions[0].view = View::Incomplete("cut".to_owned());
        world.everything_is(Verdict::Absent);
        let plan = world.import();
        assert_eq!(renamed(&plan), [("old", "new")], "{length}");
        assert!(plan.added.is_empty() && plan.removed.is_empty() && plan.changes.moved_containers.is_empty());
        assert!(plan.warnings.iter().any(|w| w.contains(&format!("{length} containers left as stored"))));
    }
}

/// A name that changed hands while pages were read: what is really gone is removed by the next import.
#[test]
fn beside_an_entry_without_a_place_nothing_is_removed() {
    let mut world = World::imported(&["ou=a", "ou=b", "ou=gone", "ou=c"]);
    world.everything_is(Verdict::Absent);
    world.unseen(3);
    world.now(2, "ou=A");
    world.now(4, "ou=d");
    let plan = world.import();
    assert!(plan.removed.is_empty() && plan.candidates.is_empty());
    assert_eq!(renamed(&plan), [("c", "d")], "what has a place is placed");
    assert!(plan.warnings.iter().any(|w| w.contains("nothing was removed from this partition")));
    world.now(2, "ou=b");
    assert_eq!(names(&world.import().changes.removed_containers), ["gone"]);
}
