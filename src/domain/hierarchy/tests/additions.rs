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
    assert_eq!(summary(&plan.changes), "4 added, 0 removed, 0 updated");
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
