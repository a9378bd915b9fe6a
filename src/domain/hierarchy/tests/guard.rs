//! The guard that stops an import before it removes too much, and partitions that are no longer listed.

use super::*;

#[test]
fn the_guard_stops_at_more_than_half_of_ten() {
    for (stored, gone, stops) in [(9, 9, false), (10, 5, false), (10, 6, true), (20, 11, true)] {
        let dns: Vec<String> = (0..stored).map(|i| format!("ou=n{i}")).collect();
        let mut world = World::imported(&dns.iter().map(String::as_str).collect::<Vec<_>>());
        for n in 1..=gone {
            world.unseen(n);
        }
        world.everything_is(Verdict::Absent);
        let plan = world.import();
        assert_eq!(plan.guard.is_some(), stops, "{gone} of {stored}");
        assert_eq!(plan.changes.removed_containers.len(), gone as usize);
        assert_eq!(world.stored.containers.len(), (stored - if stops { 0 } else { gone }) as usize);
        if let Some(text) = &plan.guard {
            assert!(text.contains(&format!("{gone} of {stored}")) && text.contains("acceptRemovals=true"));
            world.policy.accept_removals = true;
            assert_eq!(world.import().guard, None);
            assert_eq!(world.stored.containers.len(), (stored - gone) as usize);
        }
    }
}

#[test]
fn a_partition_goes_only_when_unlisted_and_proved_gone_beside_another() {
    for (verdict, accept, outcome) in [
        (Verdict::Absent, false, "removed"),
        (Verdict::Present, false, "guard"),
        (Verdict::LookUpFailed, false, "guard"),
        (Verdict::Present, true, "kept"),
        (Verdict::LookUpFailed, true, "removed"),
    ] {
        let mut world = with_second_partition();
        world.containers().push(entry(&format!("ou=b,{BASE}"), id(2)));
        world.import();
        world.stored.partitions[1].selected = true;
        world.seen.partitions.pop();
        world.seen.listed = 1;
        assert_eq!(world.plan().partition_candidates.len(), 1);
        world.everything_is(verdict);
        world.policy.accept_removals = accept;
        let plan = world.import();
        assert_eq!(plan.guard.is_some(), outcome == "guard", "{verdict:?}");
        if let Some(text) = &plan.guard {
            assert!(text.contains("o=partners with 1 stored containers") && text.contains("not proved gone"), "{text}");
        }
        let answers = plan.warnings.iter().any(|w| w.contains("o=partners: kept: no longer listed"));
        assert_eq!(answers, outcome == "kept", "{:?}", plan.warnings);
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
    world.everything_is(Verdict::Absent);
    let plan = world.plan();
    assert!(plan.guard.expect("guard").contains("lists no partition although 2 are stored"));
    assert_eq!(plan.warnings, ["the directory lists no partition"]);
    world.policy.accept_removals = true;
    world.import();
    assert!(world.stored.partitions.is_empty() && world.stored.containers.is_empty());
}
