//! Random histories of a directory with imports in between, held against a model: names, values, references, scope.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::TestApp;
use crate::support::directory::{Answer, Ending, Faults, Mischief, Order, Sandbox, SearchFault, Tree};
use crate::support::imports::{Imports, PERSON_CLASSES, targets, texts};
use crate::support::program::Dice;

/// Containers in scope, then those out of it.
const PLACES: [&str; 4] = ["ou=A,dc=x", "ou=B,dc=x", "ou=Sub,ou=B,dc=x", "ou=Out,dc=x"];
const IN_SCOPE: usize = 3;
const GROUP: &str = "cn=g,ou=A,dc=x";
const ROUNDS: usize = 25;

/// A person of the model.
#[derive(Clone, Debug)]
struct Person {
    name: usize,
    place: usize,
    title: Vec<String>,
    manager: Option<String>,
    /// The entryUUID.
    id: String,
}

impl Person {
    fn dn(&self) -> String {
        format!("uid=n{},{}", self.name, PLACES[self.place])
    }
}

struct World {
    sandbox: Sandbox,
    dice: Dice,
    people: Vec<Person>,
    members: BTreeSet<String>,
    /// entryUUIDs of what was out of scope after the last clean run.
    gone: BTreeSet<String>,
}

impl World {
    fn any(&mut self) -> usize {
        self.dice.below(self.people.len() as u64) as usize
    }

    /// A name of few, so that names are used again.
    fn free(&mut self) -> Option<(usize, usize)> {
        let (name, place) = (self.dice.below(40) as usize, self.dice.below(PLACES.len() as u64) as usize);
        let taken = self.people.iter().any(|p| (p.name, p.place) == (name, place));
        (!taken).then_some((name, place))
    }

    fn some_dn(&mut self) -> String {
        let (name, place) = (self.dice.below(40), self.dice.below(PLACES.len() as u64) as usize);
        format!("uid=n{name},{}", PLACES[place])
    }

    fn add(&mut self) {
        let Some((name, place)) = self.free() else { return };
        let mut person = Person { name, place, title: Vec::new(), manager: None, id: String::new() };
        self.sandbox.add(&person.dn(), &[("objectClass", PERSON_CLASSES), ("sn", &["P"])]).expect("added");
        person.id = self.sandbox.id_of(&person.dn()).expect("an id");
        self.people.push(person);
    }

    fn remove(&mut self) {
        let at = self.any();
        let person = self.people.swap_remove(at);
        self.sandbox.remove(&person.dn()).expect("removed");
    }

    fn rename(&mut self) {
        let Some((name, place)) = self.free() else { return };
        let at = self.any();
        let person = &mut self.people[at];
        self.sandbox.rename(&person.dn(), &format!("uid=n{name}"), Some(PLACES[place])).expect("renamed");
        (person.name, person.place) = (name, place);
    }

    fn swap(&mut self) {
        let (a, b) = (self.any(), self.any());
        if a == b {
            return;
        }
        let (one, two) = (self.people[a].clone(), self.people[b].clone());
        self.sandbox.rename(&one.dn(), "uid=between", Some("ou=Out,dc=x")).expect("renamed");
        self.sandbox.rename(&two.dn(), &format!("uid=n{}", one.name), Some(PLACES[one.place])).expect("renamed");
        let to = Some(PLACES[two.place]);
        self.sandbox.rename("uid=between,ou=Out,dc=x", &format!("uid=n{}", two.name), to).expect("renamed");
        (self.people[b].name, self.people[b].place) = (one.name, one.place);
        (self.people[a].name, self.people[a].place) = (two.name, two.place);
    }

    fn change(&mut self) {
        let at = self.any();
        let count = self.dice.below(4);
        let values: BTreeSet<String> = (0..count).map(|_| format!("t{}", self.dice.below(6))).collect();
        let manager = (self.dice.below(2) == 0).then(|| self.some_dn());
        let person = &mut self.people[at];
        let texts: Vec<&str> = values.iter().map(String::as_str).collect();
        self.sandbox.set_attribute(&person.dn(), "title", &texts).expect("set");
        self.sandbox.set_attribute(&person.dn(), "manager", manager.as_deref().as_slice()).expect("set");
        (person.title, person.manager) = (values.into_iter().collect(), manager);
    }

    fn regroup(&mut self) {
        let count = 1 + self.dice.below(8);
        self.members = (0..count).map(|_| self.some_dn()).collect();
        let members: Vec<&str> = self.members.iter().map(String::as_str).collect();
        self.sandbox.set_attribute(GROUP, "member", &members).expect("set");
    }

    fn edit(&mut self) {
        match self.dice.below(8) {
            0 | 1 => self.add(),
            2 if self.people.len() > 8 => self.remove(),
            3 | 4 => self.rename(),
            5 => self.swap(),
            6 => self.regroup(),
            _ => self.change(),
        }
    }

    /// A way in which a run may fail or see less, or just another order.
    fn faults(&mut self) -> Faults {
        let after = self.dice.below(12);
        let search = |what| Faults { searches: vec![SearchFault::new(what).after(after)], ..Faults::default() };
        match self.dice.below(6) {
            0 => search(Mischief::Answer(Answer::new(4, ""))),
            1 => search(Mischief::End(Ending::Reset)),
            2 => search(Mischief::References(vec!["ldap://other/".to_owned()])),
            3 => Faults { order: Order::Reversed, ..Faults::default() },
            4 => Faults { order: Order::Shuffled(after), ..Faults::default() },
            _ => search(Mischief::Answer(Answer::new(51, ""))),
        }
    }

    fn in_scope(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|p| p.place < IN_SCOPE)
    }

    /// Targets of these names as ids of objects, and the number of names that no object in scope has.
    fn resolve<'n>(
        &self,
        names: impl Iterator<Item = &'n String>,
        ids: &BTreeMap<String, String>,
    ) -> (Vec<String>, usize) {
        let (mut found, mut open) = (Vec::new(), 0);
        for name in names {
            match self.in_scope().find(|p| p.dn() == *name) {
                Some(person) => found.push(ids[&person.id].clone()),
                None => open += 1,
            }
        }
        found.sort_unstable();
        (found, open)
    }

    /// No run, whatever it saw, makes Obsolete what is in scope.
    async fn none_gone_too_early(&self, imports: &Imports<'_>, round: usize) {
        let in_scope: BTreeSet<&str> = self.in_scope().map(|p| p.id.as_str()).collect();
        for object in imports.objects().await.iter().filter(|o| o["status"] == "Obsolete") {
            let id = object["externalId"].as_str().expect("an id");
            // One that was gone before may have come back since, unseen.
            assert!(!in_scope.contains(id) || self.gone.contains(id), "round {round}: {object}");
        }
    }

    /// The connector space is what the model says.
    async fn holds(&self, imports: &Imports<'_>, at: &str) {
        let objects = imports.objects().await;
        let text = |o: &serde_json::Value, f: &str| o[f].as_str().unwrap_or_default().to_owned();
        let normal = objects.iter().filter(|o| o["status"] == "Normal" && o["typeName"] == "inetOrgPerson");
        let held: BTreeMap<String, String> =
            normal.map(|o| (text(o, "externalId"), text(o, "secondaryExternalId"))).collect();
        let expected: BTreeMap<String, String> = self.in_scope().map(|p| (p.id.clone(), p.dn())).collect();
        assert_eq!(held, expected, "{at}");
        let ids: BTreeMap<String, String> = objects
            .iter()
            .filter(|o| o["status"] == "Normal")
            .map(|o| (text(o, "externalId"), text(o, "id")))
            .collect();
        let mut open = 0;
        for person in self.in_scope() {
            let object = imports.get(&format!("connector-space/{}", ids[&person.id])).await;
            assert_eq!(texts(&object, "title"), person.title, "{at}: {object}");
            let (found, missing) = self.resolve(person.manager.iter(), &ids);
            assert_eq!(targets(&object, "manager"), found, "{at}: {object}");
            open += missing;
        }
        let (found, missing) = self.resolve(self.members.iter(), &ids);
        assert_eq!(targets(&imports.object(GROUP).await, "member"), found, "{at}");
        // An object that is gone keeps what it referred to, and its names are counted.
        for object in objects.iter().filter(|o| o["status"] == "Obsolete") {
            let object = imports.get(&format!("connector-space/{}", text(object, "id"))).await;
            let values = object["attributeValues"].as_array().expect("values").iter();
            open += values.filter(|v| !v["unresolvedReferenceValue"].is_null()).count();
        }
        assert_eq!(imports.get("connector-space/unresolved-references/count").await, open + missing, "{at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_end_in_what_the_directory_holds() {
    let app = TestApp::start().await;
    let tree = PLACES.iter().fold(Tree::new().suffix("dc=x"), |tree, dn| tree.ou(dn));
    let tree = tree.entry(GROUP, &[("objectClass", &["top", "groupOfNames"]), ("member", &["uid=n0,ou=A,dc=x"])]);
    let (sandbox, mut imports) = Imports::of_tree(&app, tree, &PLACES[..IN_SCOPE]).await;
    imports.select("ou=Out,dc=x", false).await;
    imports.profile = imports.add_profile(serde_json::json!({ "name": "Small", "runType": 1, "pageSize": 4 })).await;
    let members = BTreeSet::from(["uid=n0,ou=A,dc=x".to_owned()]);
    let mut world =
        World { sandbox, dice: Dice::new("HISTORY_SEED"), people: Vec::new(), members, gone: BTreeSet::new() };
    while world.people.len() < 20 {
        world.add();
    }
    for round in 0..ROUNDS {
        for _ in 0..=world.dice.below(8) {
            world.edit();
        }
        if world.dice.below(3) == 0 {
            let faults = world.faults();
            world.sandbox.set_faults(faults);
            imports.run().await;
            world.sandbox.set_faults(Faults::default());
            world.none_gone_too_early(&imports, round).await;
            world.edit();
        }
        let ended = imports.run_with(imports.profile, "?acceptRemovals=true").await;
        assert!(matches!(ended.status(), "Complete" | "CompleteWithWarning"), "round {round}: {}", ended.shown());
        world.holds(&imports, &format!("round {round}: {}", ended.shown())).await;
        imports.again_is_nothing().await;
        world.gone = world.people.iter().filter(|p| p.place >= IN_SCOPE).map(|p| p.id.clone()).collect();
    }
}
