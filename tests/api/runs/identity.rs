//! The same object or another one: renames, names that are used again, entries that come back, and the references on
//! all of them.

use serde_json::json;

use crate::support::TestApp;
use crate::support::directory::Sandbox;
use crate::support::imports::{Imports, PERSON_CLASSES, people, person, targets, texts};

const GROUP: &str = "cn=g,ou=Groups,dc=x";

/// Three people, the first two of them in a group.
async fn team(app: &TestApp) -> (Sandbox, Imports<'_>) {
    let members = [person("p1"), person("p2")];
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let attributes: [(&str, &[&str]); 2] = [("objectClass", &["top", "groupOfNames"]), ("member", &members)];
    let tree = people(3).ou("ou=Groups,dc=x").entry(GROUP, &attributes);
    let (sandbox, imports) = Imports::of_tree(app, tree, &["ou=People,dc=x", "ou=Groups,dc=x"]).await;
    imports.run().await.is([4, 0, 0]);
    (sandbox, imports)
}

/// Ids of the members that are objects, and the texts of the others.
async fn members(imports: &Imports<'_>) -> (Vec<String>, Vec<String>) {
    let group = imports.object(GROUP).await;
    let open = group["attributeValues"].as_array().expect("values").iter();
    let open = open.filter_map(|v| v["unresolvedReferenceValue"].as_str().map(str::to_owned));
    (targets(&group, "member"), open.collect())
}

async fn id(imports: &Imports<'_>, name: &str) -> String {
    imports.object(&person(name)).await["id"].as_str().expect("a GUID").to_owned()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_entry_stays_the_same_object() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    let before = imports.object(&person("p3")).await;
    sandbox.rename(&person("p3"), "uid=renamed", None).expect("renamed");
    let ended = imports.run().await;
    ended.is([0, 1, 0]);
    assert_eq!(ended.lines(), ["Updated - CsoUpdated:1 p3"]);
    let after = imports.object(&person("renamed")).await;
    assert_eq!((&after["id"], &after["created"]), (&before["id"], &before["created"]));
    imports.again_is_nothing().await;
    // Only its case.
    sandbox.rename(&person("renamed"), "uid=Renamed", None).expect("renamed");
    imports.run().await.is([0, 1, 0]);
    let found = imports.object(&person("Renamed")).await;
    assert_eq!((&found["id"], &found["secondaryExternalId"]), (&before["id"], &json!(person("Renamed"))));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_as_text_follow_the_name_and_not_the_object() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    let (p1, p2) = (id(&imports, "p1").await, id(&imports, "p2").await);
    assert_eq!(members(&imports).await, (sorted(vec![p1.clone(), p2.clone()]), vec![]));
    // The sandbox leaves references as they are, as OpenLDAP does without referential integrity.
    sandbox.rename(&person("p1"), "uid=q1", None).expect("renamed");
    let ended = imports.run().await;
    assert_eq!(ended.items_with("UnresolvedReference").len(), 1, "{:?}", ended.lines());
    assert_eq!(members(&imports).await, (vec![p2.clone()], vec![person("p1")]));
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 1);
    imports.again_is_nothing().await;
    // Another entry takes the name.
    sandbox.rename(&person("p3"), "uid=p1", None).expect("renamed");
    imports.run().await;
    let now = id(&imports, "p1").await;
    assert_eq!(members(&imports).await, (sorted(vec![now, p2.clone()]), vec![]));
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 0);
    imports.again_is_nothing().await;
    // The directory corrects the group.
    sandbox.set_attribute(GROUP, "member", &[&person("q1"), &person("p2")]).expect("set");
    imports.run().await.is([0, 1, 0]);
    assert_eq!(members(&imports).await, (sorted(vec![p1, p2]), vec![]));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_differs_in_spelling_only_is_the_same() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    let before = members(&imports).await;
    sandbox.set_attribute(GROUP, "member", &["UID=P2, ou=people , DC=X", "uid=p1,OU=People,dc=x"]).expect("set");
    let ended = imports.run().await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (0, 0));
    assert_eq!(members(&imports).await, before);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_made_anew_is_another_object() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    let old = id(&imports, "p1").await;
    sandbox.remove(&person("p1")).expect("removed");
    sandbox.add(&person("p1"), &[("objectClass", PERSON_CLASSES), ("sn", &["Another"])]).expect("added");
    let ended = imports.run().await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (1, 1), "{}", ended.shown());
    let new = id(&imports, "p1").await;
    assert_ne!(new, old);
    assert_eq!(imports.get(&format!("connector-space/{old}")).await["status"], "Obsolete");
    let p2 = id(&imports, "p2").await;
    assert_eq!(members(&imports).await, (sorted(vec![new, p2]), vec![]), "the name has another holder");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_comes_back_is_the_same_object() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    let old = id(&imports, "p1").await;
    // Moved to where no run reads, and back: the directory's own id stays.
    sandbox.rename(&person("p1"), "uid=p1", Some("dc=x")).expect("moved");
    let out = imports.run().await;
    assert_eq!(out.counts()[2], 1, "{}", out.shown());
    assert_eq!(members(&imports).await.1, [person("p1")]);
    imports.again_is_nothing().await;
    sandbox.rename("uid=p1,dc=x", "uid=p1", Some("ou=People,dc=x")).expect("moved");
    let back = imports.run().await;
    assert_eq!((back.counts()[0], back.counts()[2]), (0, 0), "{}", back.shown());
    assert_eq!(id(&imports, "p1").await, old);
    let p2 = id(&imports, "p2").await;
    assert_eq!(members(&imports).await, (sorted(vec![old, p2]), vec![]));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_of_names_swaps_what_is_referred_to() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    let (p1, p2, p3) = (id(&imports, "p1").await, id(&imports, "p2").await, id(&imports, "p3").await);
    sandbox.rename(&person("p1"), "uid=t", None).expect("renamed");
    sandbox.rename(&person("p3"), "uid=p1", None).expect("renamed");
    sandbox.rename(&person("t"), "uid=p3", None).expect("renamed");
    let ended = imports.run().await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (0, 0), "{}", ended.shown());
    assert_eq!((id(&imports, "p1").await, id(&imports, "p3").await), (p3.clone(), p1));
    assert_eq!(members(&imports).await, (sorted(vec![p3, p2]), vec![]), "the text is as before, its holder another");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_go_become_text_and_are_found_again() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    let p1 = id(&imports, "p1").await;
    sandbox.remove(&person("p2")).expect("removed");
    let ended = imports.run().await;
    assert_eq!(ended.counts()[2], 1, "{}", ended.shown());
    assert_eq!(members(&imports).await, (vec![p1.clone()], vec![person("p2")]));
    imports.again_is_nothing().await;
    sandbox.set_attribute(GROUP, "member", &[&person("p1")]).expect("set");
    imports.run().await.is([0, 1, 0]);
    assert_eq!(members(&imports).await, (vec![p1], vec![]));
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 0);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_gone_has_no_more_errors() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    sandbox.set_attribute(&person("p3"), "manager", &[&person("missing")]).expect("set");
    assert_eq!(imports.run().await.items_with("UnresolvedReference").len(), 1);
    sandbox.remove(&person("p3")).expect("removed");
    assert_eq!(imports.run().await.counts(), [0, 0, 1]);
    let again = imports.run().await;
    assert_eq!((again.status(), again.lines()), ("Complete", vec![]), "{}", again.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_goes_while_its_group_changes_is_text() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    sandbox.set_attribute(GROUP, "member", &[&person("p1"), &person("p2"), &person("p3")]).expect("set");
    sandbox.remove(&person("p2")).expect("removed");
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 1, 1], "{}", ended.shown());
    let left = sorted(vec![id(&imports, "p1").await, id(&imports, "p3").await]);
    assert_eq!(members(&imports).await, (left, vec![person("p2")]));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_renamed_after_its_changed_group_was_read_is_text() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    // The group comes first.
    let order = crate::support::directory::Order::Reversed;
    for (name, renamed) in [("p1", "q1"), ("p2", "q2")] {
        sandbox.set_faults(crate::support::directory::Faults { order, ..Default::default() });
        sandbox.set_attribute(GROUP, "description", &[renamed]).expect("set");
        sandbox.set_attribute(GROUP, "member", &[&person(name), &person("p3")]).expect("set");
        sandbox.rename(&person(name), &format!("uid={renamed}"), None).expect("renamed");
        imports.run().await;
        assert_eq!(members(&imports).await, (vec![id(&imports, "p3").await], vec![person(name)]));
        sandbox.set_faults(Default::default());
        imports.again_is_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn circular_references_and_one_on_itself_are_resolved() {
    let app = TestApp::start().await;
    let tree = people(3);
    let (sandbox, imports) = Imports::of_tree(&app, tree, &["ou=People,dc=x"]).await;
    sandbox.set_attribute(&person("p1"), "manager", &[&person("p2")]).expect("set");
    sandbox.set_attribute(&person("p2"), "manager", &[&person("p1")]).expect("set");
    sandbox.set_attribute(&person("p3"), "manager", &[&person("p3")]).expect("set");
    imports.run().await.is([3, 0, 0]);
    for (holder, target) in [("p1", "p2"), ("p2", "p1"), ("p3", "p3")] {
        let found = imports.object(&person(holder)).await;
        assert_eq!(targets(&found, "manager"), [id(&imports, target).await]);
    }
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_change_as_sets() {
    let app = TestApp::start().await;
    let (sandbox, imports) = team(&app).await;
    let dn = person("p1");
    let set = |name: &str, values: &[&str]| sandbox.set_attribute(&dn, name, values).expect("set");
    set("description", &["one", "two", "three"]);
    imports.run().await.is([0, 1, 0]);
    set("description", &["three", "one", "two"]);
    imports.run().await.is([0, 0, 0]);
    set("description", &["three", "Two"]);
    imports.run().await.is([0, 1, 0]);
    assert_eq!(texts(&imports.object(&dn).await, "description"), ["Two", "three"]);
    imports.again_is_nothing().await;
    set("description", &[]);
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 1, 0], "{}", ended.shown());
    assert!(texts(&imports.object(&dn).await, "description").is_empty(), "one removal is below the limit of 20");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_at_two_names_is_a_duplicate() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(3), &["ou=People,dc=x"]).await;
    imports.run().await.is([3, 0, 0]);
    let faults = crate::support::directory::Faults { duplicates: true, ..Default::default() };
    sandbox.set_faults(faults);
    // The same entry at the same name twice is one entry.
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 0, 0], "{}", ended.shown());
    sandbox.set_faults(Default::default());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_as_external_id_names_duplicates_and_missing_ones() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(4), &["ou=People,dc=x"]).await;
    let found = imports.object_type("inetOrgPerson").await;
    let mail = found["attributes"].as_array().expect("attributes").iter().find(|a| a["name"] == "mail").expect("mail");
    let path = imports.path(&format!("object-types/{}/attributes/{}", found["id"], mail["id"]));
    app.admin().put(&path, &json!({ "isExternalId": true })).await.expect_status(200);
    imports.run().await.is([4, 0, 0]);
    assert_eq!(imports.object(&person("p1")).await["externalId"], "p1@example.com");
    imports.again_is_nothing().await;
    sandbox.set_attribute(&person("p1"), "mail", &["P2@EXAMPLE.com"]).expect("set");
    sandbox.set_attribute(&person("p3"), "mail", &[]).expect("set");
    sandbox.set_attribute(&person("p4"), "mail", &["a@example.com", "b@example.com"]).expect("set");
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 0, 0], "{}: {:?}", ended.shown(), ended.lines());
    // Every object failed.
    assert_eq!(ended.status(), "FailedWithError");
    let count = |error: &str| ended.items_with(error).len();
    assert_eq!(
        (
            count("DuplicateObject"),
            count("MissingExternalIdAttributeValue"),
            count("UnsupportedExternalIdAttributeType")
        ),
        (2, 1, 1),
        "{:?}",
        ended.lines()
    );
    let missing = ended.items_with("MissingExternalIdAttributeValue")[0]["errorMessage"].clone();
    assert!(missing.as_str().is_some_and(|m| m.contains(&person("p3"))), "{missing}");
    let dns = [person("p1"), person("p2"), person("p3"), person("p4")];
    assert_eq!(imports.held().await, dns, "the stored objects stay, and none is missing");
    assert_eq!(ended.items.iter().filter(|i| i["objectChangeType"] == "Deleted").count(), 0);
    imports.again_is_nothing().await;
    assert_eq!(imports.object(&person("p2")).await["attributeValues"].as_array().map(|v| !v.is_empty()), Some(true));
}
