//! Which attributes and classes are read, and what a change of that selection does.

use serde_json::json;

use crate::support::TestApp;
use crate::support::imports::{Imports, PERSON_CLASSES, people, person, targets, texts};

async fn attribute(imports: &Imports<'_>, name: &str, selected: bool) {
    let found = imports.object_type("inetOrgPerson").await;
    imports.choose_attribute(&found, name, selected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newly_selected_attribute_brings_its_values() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(3), &["ou=People,dc=x"]).await;
    sandbox.set_attribute(&person("p1"), "employeeNumber", &["7"]).expect("set");
    imports.run().await.is([3, 0, 0]);
    assert!(texts(&imports.object(&person("p1")).await, "employeeNumber").is_empty());
    attribute(&imports, "employeeNumber", true).await;
    imports.run().await.is([0, 1, 0]);
    assert_eq!(texts(&imports.object(&person("p1")).await, "employeeNumber"), ["7"]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_a_deselected_attribute_go_without_items() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(30), &["ou=People,dc=x"]).await;
    sandbox.set_attribute(&person("p1"), "manager", &[&person("p2"), &person("missing")]).expect("set");
    assert_eq!(imports.run().await.counts(), [30, 0, 0]);
    attribute(&imports, "mail", false).await;
    attribute(&imports, "manager", false).await;
    let ended = imports.run().await;
    assert_eq!(ended.status(), "Complete", "{}", ended.shown());
    assert!(ended.items.is_empty(), "{:?}", ended.lines());
    for n in 1..=30 {
        let object = imports.object(&person(&format!("p{n}"))).await;
        assert!(texts(&object, "mail").is_empty() && targets(&object, "manager").is_empty(), "{object}");
    }
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 0);
    imports.again_is_nothing().await;
    attribute(&imports, "mail", true).await;
    imports.run().await.is([0, 30, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_placeholder_is_no_member() {
    let app = TestApp::start().await;
    let tree = people(2)
        .ou("ou=Groups,dc=x")
        .entry("cn=g,ou=Groups,dc=x", &[("objectClass", &["top", "groupOfNames"]), ("member", &["cn=placeholder"])]);
    let (sandbox, imports) = Imports::of_tree(&app, tree, &["ou=People,dc=x", "ou=Groups,dc=x"]).await;
    imports.run().await.is([3, 0, 0]);
    assert!(texts(&imports.object("cn=g,ou=Groups,dc=x").await, "member").is_empty());
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 0);
    sandbox.set_attribute("cn=g,ou=Groups,dc=x", "member", &["CN=Placeholder", &person("p1")]).expect("set");
    imports.run().await.is([0, 1, 0]);
    let group = imports.object("cn=g,ou=Groups,dc=x").await;
    assert_eq!(targets(&group, "member"), [imports.object(&person("p1")).await["id"].as_str().expect("a GUID")]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_changes_its_class_is_the_same_object() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(3), &["ou=People,dc=x"]).await;
    imports.choose(("person", &["cn", "sn"])).await;
    imports.run().await.is([3, 0, 0]);
    let before = imports.object(&person("p1")).await;
    sandbox.set_attribute(&person("p1"), "objectClass", &["top", "person"]).expect("set");
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 1, 0], "{}", ended.shown());
    let after = imports.object(&person("p1")).await;
    assert_eq!((&after["id"], &after["typeName"]), (&before["id"], &json!("person")), "the id is the directory's own");
    imports.again_is_nothing().await;
    sandbox.set_attribute(&person("p1"), "objectClass", PERSON_CLASSES).expect("set");
    imports.run().await.is([0, 1, 0]);
    assert_eq!(imports.object(&person("p1")).await["typeName"], "inetOrgPerson");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blanks_and_equal_values_are_one_or_none() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    sandbox.set_attribute(&person("p1"), "description", &["", "a", "a", "b"]).expect("set");
    imports.run().await.is([1, 0, 0]);
    assert_eq!(texts(&imports.object(&person("p1")).await, "description"), ["a", "b"]);
    sandbox.set_attribute(&person("p1"), "description", &["b", "a", "b"]).expect("set");
    imports.run().await.is([0, 0, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_shows_twenty_values_and_their_number() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    imports.run().await.is([1, 0, 0]);
    let many: Vec<String> = (0..50).map(|n| format!("value {n:02}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    sandbox.set_attribute(&person("p1"), "description", &many).expect("set");
    let ended = imports.run().await;
    ended.is([0, 1, 0]);
    let id = ended.items[0]["id"].as_str().expect("a GUID");
    let path = format!("/api/v1/activities/{}/items/{id}", ended.text("id"));
    let change = app.admin().get(&path).await.expect_status(200)["attributeChanges"][0].clone();
    let shown = change["after"].as_array().map(Vec::len);
    assert_eq!((shown, &change["afterCount"], &change["beforeCount"]), (Some(20), &json!(50), &json!(0)));
    let object = imports.object(&person("p1")).await;
    assert_eq!(texts(&object, "description").len(), 10, "a detail shows ten");
    let path = format!("connector-space/{}/attributes/description/values", object["id"].as_str().expect("a GUID"));
    assert_eq!(imports.get(&path).await["totalCount"], 50);
    imports.again_is_nothing().await;
}
