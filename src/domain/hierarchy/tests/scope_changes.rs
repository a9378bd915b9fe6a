//! Selections that an import changes by inheritance, and how it says so.

use super::*;

/// DNs of the containers that are selected, without the partition's.
fn selected(world: &World) -> Vec<String> {
    let all = world.stored.containers.iter().filter(|c| c.selected);
    let mut dns: Vec<String> = all.map(|c| c.external_id.replace(&format!(",{BASE}"), "")).collect();
    dns.sort();
    dns
}

fn scope_warnings(plan: &Plan) -> Vec<String> {
    let short = |w: &String| w.replace(&format!(",{BASE}"), "");
    plan.warnings.iter().filter(|w| w.contains("by inheritance")).map(short).collect()
}

impl World {
    fn choose(&mut self, n: u8, choice: Option<bool>) {
        let row = self.stored.containers.iter_mut().find(|c| c.entry_id == id(n).best()).expect("stored");
        row.choice = choice;
        let rows = self.stored.containers.clone();
        let member = |c: &StoredContainer| {
            let parent = c.parent_id().and_then(|id| rows.iter().position(|p| p.id == id)).map(|p| p as u32);
            scope::Member { parent, choice: c.choice, hidden: c.hidden }
        };
        let effective = scope::effective(&rows.iter().map(member).collect::<Vec<_>>());
        self.stored.containers.iter_mut().zip(effective).for_each(|(c, selected)| c.selected = selected);
    }
}

#[test]
fn new_containers_follow_their_parents_and_are_named() {
    let mut world = World::imported(&["ou=a", "ou=b", "ou=out,ou=a"]);
    world.choose(1, Some(true));
    world.choose(3, Some(false));
    for (n, dn) in [(10, "ou=y,ou=x,ou=a"), (11, "ou=x,ou=a"), (12, "ou=x,ou=out,ou=a"), (13, "ou=x,ou=b")] {
        world.containers().push(entry(&format!("{dn},{BASE}"), id(n)));
    }
    let mut technical = entry(&format!("ou=t,ou=a,{BASE}"), id(14));
    technical.hidden = true;
    world.containers().push(technical);
    world.containers().push(entry(&format!("ou=u,ou=t,ou=a,{BASE}"), id(15)));
    let plan = world.import();
    assert_eq!(selected(&world), ["ou=a", "ou=x,ou=a", "ou=y,ou=x,ou=a"]);
    assert_eq!(scope_warnings(&plan), ["2 containers came into scope by inheritance: ou=x,ou=a; ou=y,ou=x,ou=a"]);
    assert!(plan.changes.added_containers.iter().all(|t| !t.was_selected));
    assert!(world.plan().is_empty() && scope_warnings(&world.plan()).is_empty(), "a second import says nothing");
}

#[test]
fn a_branch_that_moves_follows_its_new_parent_unless_it_has_a_choice() {
    let mut world = World::imported(&["ou=in", "ou=plain", "ou=m,ou=in", "ou=leaf,ou=m,ou=in", "ou=own,ou=m,ou=in"]);
    world.choose(1, Some(true));
    world.choose(5, Some(true));
    let to = |world: &mut World, parent: &str| {
        world.now(3, &format!("ou=m,{parent}"));
        world.now(4, &format!("ou=leaf,ou=m,{parent}"));
        world.now(5, &format!("ou=own,ou=m,{parent}"));
        world.import()
    };
    let plan = to(&mut world, "ou=plain");
    assert_eq!(selected(&world), ["ou=in", "ou=own,ou=m,ou=plain"]);
    let left = ["2 containers left the scope by inheritance: ou=m,ou=plain; ou=leaf,ou=m,ou=plain"];
    assert_eq!(scope_warnings(&plan), left);
    assert!(plan.changes.moved_containers[0].was_selected, "as it was before");
    let plan = to(&mut world, "ou=in");
    assert_eq!(selected(&world).len(), 4);
    let came = ["2 containers came into scope by inheritance: ou=m,ou=in; ou=leaf,ou=m,ou=in"];
    assert_eq!(scope_warnings(&plan), came);
    assert!(!plan.changes.moved_containers[0].was_selected);
    // Renamed only, it stays in scope.
    world.now(3, "ou=n,ou=in");
    world.now(4, "ou=leaf,ou=n,ou=in");
    world.now(5, "ou=own,ou=n,ou=in");
    let plan = world.import();
    assert!(scope_warnings(&plan).is_empty() && plan.changes.renamed_containers[0].was_selected);
}

#[test]
fn what_was_below_a_removed_choice_follows_its_new_parent() {
    let mut world = World::imported(&["ou=gone", "ou=c,ou=gone", "ou=b"]);
    world.choose(1, Some(true));
    world.unseen(1);
    world.now(2, "ou=c,ou=b");
    world.everything_is(Verdict::Absent);
    let plan = world.import();
    assert!(plan.changes.selected_removed() && plan.changes.removed_containers[0].was_selected);
    assert_eq!(scope_warnings(&plan), ["1 container left the scope by inheritance: ou=c,ou=b"]);
    assert!(selected(&world).is_empty());
}

#[test]
fn a_container_that_becomes_technical_leaves_the_scope() {
    let mut world = World::imported(&["ou=a", "ou=b,ou=a", "ou=c,ou=b,ou=a"]);
    world.choose(1, Some(true));
    world.containers()[1].hidden = true;
    let plan = world.import();
    assert_eq!(selected(&world), ["ou=a"]);
    assert_eq!(scope_warnings(&plan).len(), 1, "{:?}", plan.warnings);
    // A choice of its own counts, and what is hidden below follows it.
    world.choose(2, Some(true));
    assert_eq!(selected(&world).len(), 3);
    assert!(world.import().is_empty());
}

#[test]
fn a_removal_by_itself_is_no_change_of_scope() {
    let mut world = World::imported(&["ou=a", "ou=b,ou=a"]);
    world.choose(1, Some(true));
    world.unseen(2);
    world.everything_is(Verdict::Absent);
    let plan = world.import();
    assert!(scope_warnings(&plan).is_empty() && plan.changes.removed_containers[0].was_selected);
}

#[test]
fn a_stopped_import_changes_no_scope_and_says_nothing_of_it() {
    let names: Vec<String> = (0..12).map(|n| format!("ou=n{n},ou=a")).collect();
    let mut world = World::imported(&[&["ou=a"][..], &names.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    world.choose(1, Some(true));
    (2..12).for_each(|n| world.unseen(n));
    world.containers().push(entry(&format!("ou=new,ou=a,{BASE}"), id(60)));
    world.everything_is(Verdict::Absent);
    let plan = world.import();
    assert!(plan.guard.is_some() && scope_warnings(&plan).is_empty(), "{:?}", plan.warnings);
}

#[test]
fn the_first_twenty_are_named() {
    let mut world = World::imported(&["ou=a"]);
    world.choose(1, Some(true));
    for n in (10..33).rev() {
        world.containers().push(entry(&format!("ou=n{n},ou=a,{BASE}"), id(n)));
    }
    let warnings = scope_warnings(&world.import());
    let named: Vec<String> = (10..30).map(|n| format!("ou=n{n},ou=a")).collect();
    let expected = format!("23 containers came into scope by inheritance: {}; and 3 more", named.join("; "));
    assert_eq!(warnings, [expected]);
}
