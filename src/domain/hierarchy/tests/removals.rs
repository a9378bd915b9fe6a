//! What was not seen: when it goes, when it stays.

use super::*;

#[test]
fn a_missing_row_is_a_candidate_and_goes_only_with_a_verdict() {
    let dns = ["ou=a", "ou=b,ou=a", "ou=c,ou=b,ou=a", "ou=d"];
    for (verdict, accept, gone) in [
        (None, false, false),
        (Some(Verdict::Absent), false, true),
        (Some(Verdict::AbsentUnproved), false, true),
        (Some(Verdict::Hidden), false, false),
        (Some(Verdict::Unprovable), false, false),
        (Some(Verdict::LookUpFailed), false, false),
        (Some(Verdict::Hidden), true, true),
        (Some(Verdict::Unprovable), true, true),
        (Some(Verdict::Present), false, false),
        (Some(Verdict::Present), true, false),
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
        world.policy.accept_removals = accept;
        let plan = world.import();
        assert_eq!(names(&plan.changes.removed_containers), if gone { vec!["b", "c"] } else { vec![] }, "{verdict:?}");
        assert_eq!(plan.changes.selected_removed(), gone);
        assert_eq!(world.stored.containers.len(), if gone { 2 } else { 4 });
        let silent = matches!(verdict, None | Some(Verdict::Absent));
        assert_eq!(plan.warnings.is_empty(), silent, "{verdict:?} {accept}: {:?}", plan.warnings);
        let accepted = plan.warnings.iter().any(|w| w.contains("as acceptRemovals=true asks"));
        assert_eq!(accepted, accept && gone, "{verdict:?}: {:?}", plan.warnings);
    }
}

#[test]
fn nothing_is_removed_from_a_view_that_is_not_complete() {
    for view in [View::Incomplete("cut".to_owned()), View::Failed("down".to_owned())] {
        let mut world = World::imported(&["ou=a", "ou=b,ou=a", "ou=c"]);
        world.containers().retain(|c| &*c.name == "a");
        world.seen.partitions[0].view = view.clone();
        world.everything_is(Verdict::Absent);
        world.policy.accept_removals = true;
        if view == View::Failed("down".to_owned()) {
            world.containers().clear();
        }
        let plan = world.import();
        assert!(plan.removed.is_empty() && plan.candidates.is_empty() && !plan.changes.any());
        assert_eq!(plan.warnings.len(), 1);
    }
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
    world.everything_is(Verdict::Absent);
    let plan = world.import();
    assert!(plan.removed.is_empty(), "{:?}", plan.changes);
    assert!(world.row(2).is_some() && world.row(1).is_some());
}

#[test]
fn a_candidate_tells_what_goes_with_it_and_whether_its_parent_was_read() {
    let dns = ["ou=a", "ou=b,ou=a", "ou=c,ou=b,ou=a", "ou=d,ou=b,ou=a", "ou=e,cn=none,ou=a", "ou=f"];
    let mut world = World::imported(&dns);
    world.select(4);
    (2..=6).for_each(|n| world.unseen(n));
    let number = |id: EntryId| id.value[0];
    let plan = world.plan();
    let mut got: Vec<_> = plan
        .candidates
        .iter()
        .map(|c| {
            let below: Vec<u8> = c.below.iter().copied().map(number).collect();
            (c.entry_id.map(number), c.parent_dn.as_str(), c.parent_read, below)
        })
        .collect();
    got.sort();
    let (top, a) = ("dc=example,dc=com", "ou=a,dc=example,dc=com");
    assert_eq!(
        got,
        [
            // Chosen ones first.
            (Some(2), a, true, vec![4, 3]),
            (Some(5), "cn=none,ou=a,dc=example,dc=com", false, vec![]),
            (Some(6), top, true, vec![]),
        ]
    );
}

/// Its parent went to another partition, and the row itself was seen in neither.
#[test]
fn both_partitions_have_to_tell_that_a_row_is_gone() {
    let cut = || View::Incomplete("cut".to_owned());
    for (from, to, gone) in [
        (Some(View::Complete), View::Complete, true),
        (Some(cut()), View::Complete, false),
        (Some(View::Complete), cut(), false),
        (None, View::Complete, false),
    ] {
        let mut world = with_second_partition();
        world.containers().push(entry(&format!("ou=b,ou=a,{BASE}"), id(2)));
        world.import();
        world.everything_is(Verdict::Absent);
        world.policy.verdicts.partitions.clear();
        world.seen.partitions[1].containers.push(entry("ou=a,o=partners", id(1)));
        world.seen.partitions[1].view = to.clone();
        world.containers().clear();
        match from.clone() {
            Some(view) => world.seen.partitions[0].view = view,
            None => drop(world.seen.partitions.remove(0)),
        }
        let plan = world.plan();
        assert_eq!(names(&plan.changes.removed_containers), if gone { vec!["b"] } else { vec![] }, "{from:?} {to:?}");
    }
}
