//! Chapter 17: the selection of a container is its own choice, or that of the nearest container above with one.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::case::{Case, follows, told, warnings};
use crate::support::database::Database;
use crate::support::directory::Tree;
use crate::support::{SYSTEMS, TestApp};
use crate::tier;

const A: &str = "ou=A,dc=x";
const A1: &str = "ou=A1,ou=A,dc=x";
const DEEP: &str = "ou=deep,ou=A1,ou=A,dc=x";
const A2: &str = "ou=A2,ou=A,dc=x";
const B: &str = "ou=B,dc=x";

fn tree() -> Tree {
    [A, A1, DEEP, A2, B].into_iter().fold(Tree::new().suffix("dc=x"), Tree::ou)
}

impl Case<'_> {
    async fn row(&self, dn: &str) -> Value {
        self.app.container(self.id, dn).await.unwrap_or_else(|| panic!("{dn} is not stored"))
    }

    async fn path(&self, dn: &str) -> String {
        format!("{SYSTEMS}/{}/containers/{}", self.id, self.row(dn).await["id"])
    }

    /// Changes one container. The answer, and everything that is stored, follows the choices.
    async fn put(&self, dn: &str, body: Value) -> Value {
        let answer = self.app.admin().put(&self.path(dn).await, &body).await.expect_status(200);
        assert_eq!(answer, self.row(dn).await, "the answer is what a later one shows");
        answer
    }

    async fn bulk(&self, containers: Value) -> Value {
        let path = format!("{SYSTEMS}/{}/containers/bulk-update", self.id);
        self.app.admin().post(&path, &json!({ "containers": containers })).await.expect_status(200)
    }

    /// DNs of what is selected, as the tree, the pages of containers and the numbers of the system say.
    async fn selected(&self) -> Vec<String> {
        let (admin, system) = (self.app.admin(), format!("{SYSTEMS}/{}", self.id));
        follows(&self.app.partitions(self.id).await);
        let marked = |l: String| l.strip_suffix(" *").or(l.strip_suffix(" *h")).map(|dn| dn.trim().to_owned());
        let mut shown: Vec<String> = self.tree().await.into_iter().filter_map(marked).collect();
        shown.sort();
        let page = admin.get(&format!("{system}/containers?selected=true&pageSize=100")).await.expect_status(200);
        let items = page["items"].as_array().expect("items");
        let mut found: Vec<String> = items.iter().filter_map(|i| i["externalId"].as_str().map(str::to_owned)).collect();
        found.sort();
        assert_eq!(found, shown);
        let detail = admin.get(&system).await.expect_status(200);
        let list = admin.get(&format!("{SYSTEMS}?sortBy=id")).await.expect_status(200);
        let item = list["items"].as_array().and_then(|all| all.iter().find(|i| i["id"] == self.id)).expect("listed");
        assert_eq!([&detail["selectedContainerCount"], &item["selectedContainerCount"]], [&json!(shown.len()); 2]);
        self.app.is_sound();
        shown
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_follows_a_choice_until_the_next_one() {
    let app = TestApp::start().await;
    let (case, other) = (Case::imported(&app, tree(), &[]).await, Case::imported(&app, tree(), &[B]).await);
    assert_eq!(case.selected().await, [""; 0]);
    assert_eq!(case.row(A).await["selectionInherited"], true, "no choice after an import");

    let answer = case.put(A, json!({ "selected": true })).await;
    assert_eq!((&answer["selected"], &answer["selectionInherited"]), (&json!(true), &json!(false)));
    let child = &answer["childContainers"][0];
    assert_eq!((&child["selected"], &child["selectionInherited"]), (&json!(true), &json!(true)));
    assert_eq!(case.selected().await, [A, A1, A2, DEEP]);

    // Taken out: it and what follows it. The rest of the branch stays.
    case.put(A1, json!({ "selected": false })).await;
    assert_eq!(case.selected().await, [A, A2]);
    case.put(DEEP, json!({ "selected": true })).await;
    assert_eq!(case.selected().await, [A, A2, DEEP]);
    // What has a choice does not follow; a choice equal to what is inherited is one.
    case.put(A2, json!({ "selected": true })).await;
    case.put(A, json!({ "selected": false })).await;
    assert_eq!(case.selected().await, [A2, DEEP]);

    for (dn, then) in [(A1, &[A2, DEEP][..]), (DEEP, &[A2]), (A2, &[]), (A, &[])] {
        let answer = case.put(dn, json!({ "SelectionInherited": true, "selected": null })).await;
        assert_eq!(answer["selectionInherited"], true);
        assert_eq!(case.selected().await, then, "{dn}");
    }
    assert_eq!(other.selected().await, [B], "another system");
    let messages: Vec<String> = app.activities().into_iter().filter_map(|a| a.message).collect();
    assert!(messages.contains(&format!("Container {A}: selection inherited")), "{messages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_not_followed() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[A1]).await;
    let partition = format!("{SYSTEMS}/{}/partitions/{}", case.id, app.partitions(case.id).await[0]["id"]);
    for selected in [true, false] {
        app.admin().put(&partition, &json!({ "selected": selected })).await.expect_status(200);
        let expected: &[&str] = if selected { &[A1, "dc=x", DEEP] } else { &[A1, DEEP] };
        let marked = case.tree().await.into_iter().filter(|l| l.ends_with(" *")).count();
        assert_eq!(marked, expected.len());
    }
    assert_eq!(case.selected().await, [A1, DEEP]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_and_its_removal_exclude_each_other() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[A]).await;
    let (admin, path, dump) = (app.admin(), case.path(A).await, app.dump());
    let (bulk, id) = (format!("{SYSTEMS}/{}/containers/bulk-update", case.id), case.row(A).await["id"].to_string());
    for selected in [true, false] {
        let body = json!({ "selected": selected, "selectionInherited": true });
        admin.put(&path, &body).await.expect_fault("selectionInherited");
        let many = json!({ "containers": { &id: &body, A1: { "selected": true }, A2: &body } });
        let refused = admin.post(&bulk, &many).await;
        for place in [id.as_str(), A2] {
            let listed = &refused.body["validationErrors"][format!("containers.{place}")][0];
            assert_eq!(listed, "selectionInherited must not be true together with selected.", "{}", refused.body);
        }
        refused.expect_fault(&format!("containers.{id}"));
    }
    admin.put(&path, &json!({ "selectionInherited": 1 })).await.expect_fault("selectionInherited");
    for nothing in [json!({ "selectionInherited": false }), json!({ "selectionInherited": null }), json!({})] {
        case.put(A, nothing).await;
    }
    assert_eq!(app.dump(), dump, "nothing was changed");
    case.put(A, json!({ "selected": false, "selectionInherited": false })).await;
    assert_eq!(case.row(A).await["selectionInherited"], false);
    assert_eq!(case.selected().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_update_gives_the_same_in_any_order() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[]).await;
    let choose = |selected: bool| json!({ "selected": selected });
    let inherit = json!({ "selectionInherited": true });
    // The names of members are in this order; by id the order is that of the import.
    let steps = [
        (json!({ A: choose(true), A1: choose(false), DEEP: choose(true) }), &[A, A2, DEEP][..]),
        (json!({ DEEP: &inherit, A1: &inherit, A: choose(true) }), &[A, A1, A2, DEEP]),
        (json!({ A1: choose(false), A: &inherit, A2: {} }), &[]),
        (json!({ DEEP: choose(true), A1: &inherit, B: choose(true) }), &[B, DEEP]),
        (json!({ A: choose(true), DEEP: &inherit, B: choose(false) }), &[A, A1, A2, DEEP]),
        (json!({ DEEP: &inherit, A1: &inherit, A2: &inherit, A: &inherit, B: &inherit }), &[]),
    ];
    for (body, expected) in steps {
        let done = case.bulk(body.clone()).await;
        assert_eq!((&done["updatedCount"], &done["errors"]), (&json!(body.as_object().map(|b| b.len())), &Value::Null));
        assert_eq!(case.selected().await, expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_containers_follow_hidden_ones_only() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[A1]).await;
    Database::writable(&app.database()).mark_hidden(case.row(A1).await["id"].as_i64().expect("an id"));
    assert_eq!(case.selected().await, [A1, DEEP], "a choice of its own, and hidden below hidden");
    case.put(A, json!({ "selected": true })).await;
    assert_eq!(case.selected().await, [A, A1, A2, DEEP]);
    case.put(A1, json!({ "selectionInherited": true })).await;
    assert_eq!(case.selected().await, [A, A2], "hidden below visible");
    case.bulk(json!({ DEEP: { "selected": true }, A: { "selected": true } })).await;
    assert_eq!(case.selected().await, [A, A2, DEEP]);

    // A technical partition: all its containers are hidden, and follow each other, also those of a later import.
    let tree = Tree::new().suffix("cn=config").ou("ou=C,cn=config").ou("ou=D,ou=C,cn=config");
    let technical = Case::new(&app, tree).await;
    technical.set(json!({ "5": { "checkboxValue": false } })).await;
    technical.import("").await;
    technical.put("ou=C,cn=config", json!({ "selected": true })).await;
    technical.sandbox.add_ou("ou=E,ou=C,cn=config").expect("added");
    technical.import("").await;
    let expected = ["ou=C,cn=config", "ou=D,ou=C,cn=config", "ou=E,ou=C,cn=config"];
    assert_eq!(technical.selected().await, expected);
}

/// Warnings of an import about the scope.
fn scope(result: &Value) -> Vec<String> {
    warnings(result).lines().filter(|w| w.contains("by inheritance")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_says_what_comes_into_scope_and_leaves_it() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[A]).await;
    case.put(A2, json!({ "selected": false })).await;
    case.sandbox.add_ou("ou=new,ou=A1,ou=A,dc=x").expect("added");
    case.sandbox.add_ou("ou=new,ou=A2,ou=A,dc=x").expect("added");
    case.sandbox.add_ou("ou=new,dc=x").expect("added");
    // Case::import holds the preview, the activity and its status against the answer.
    let result = case.import("").await;
    assert_eq!(scope(&result), ["1 container came into scope by inheritance: ou=new,ou=A1,ou=A,dc=x"]);
    assert_eq!(case.selected().await, [A, A1, DEEP, "ou=new,ou=A1,ou=A,dc=x"]);
    assert_eq!(scope(&case.import("").await), [""; 0], "a second import says nothing");

    // Out of the branch, and with its own choice into it.
    case.sandbox.rename(A1, "ou=A1", Some(B)).expect("moved");
    case.sandbox.rename(A2, "ou=Z", Some("ou=new,dc=x")).expect("moved");
    let result = case.import("").await;
    let moved = ["ou=A1,ou=B,dc=x", "ou=deep,ou=A1,ou=B,dc=x", "ou=new,ou=A1,ou=B,dc=x"];
    assert_eq!(scope(&result), [format!("3 containers left the scope by inheritance: {}", moved.join("; "))]);
    let lines = told(&result);
    assert!(lines.contains(&format!("> {}: {A} to {B} *", moved[0])), "wasSelected is as before: {lines:?}");
    assert_eq!(case.selected().await, [A]);

    case.put(B, json!({ "selected": true })).await;
    case.sandbox.rename(moved[0], "ou=A1", Some(A)).expect("moved");
    assert_eq!(scope(&case.import("").await), [""; 0], "from one selected branch to another");
    case.sandbox.rename("ou=Z,ou=new,dc=x", "ou=Z", Some(B)).expect("moved");
    assert_eq!(scope(&case.import("").await), [""; 0], "what has a choice keeps it");
    assert_eq!(case.selected().await, [A, A1, B, DEEP, "ou=new,ou=A1,ou=A,dc=x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_was_selected_if_its_branch_was() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[A]).await;
    case.put(A2, json!({ "selected": false })).await;
    case.sandbox.remove(DEEP).expect("removed");
    case.sandbox.remove(A2).expect("removed");
    let result = case.import("").await;
    assert_eq!(told(&result), [format!("- {A2}"), format!("- {DEEP} *")]);
    assert_eq!((&result["hasSelectedItemsRemoved"], scope(&result).len()), (&json!(true), 0));
    case.sandbox.rename(A1, "ou=renamed", None).expect("renamed");
    assert_eq!(case.changes("").await, ["~ ou=renamed,ou=A,dc=x: A1 to renamed *"]);
    // The choice goes with its container, and what moved away before follows its new parent.
    case.sandbox.rename("ou=renamed,ou=A,dc=x", "ou=renamed", Some(B)).expect("moved");
    case.sandbox.remove(A).expect("removed");
    let result = case.import("").await;
    assert_eq!(scope(&result), ["1 container left the scope by inheritance: ou=renamed,ou=B,dc=x"]);
    assert_eq!(case.selected().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_update_selects_a_very_large_branch() {
    const WIDE: usize = 12_000;
    let app = TestApp::start().await;
    let names = (0..WIDE).map(|n| match n % 100 {
        0 => format!("ou=n{n},ou=A,dc=x"),
        _ => format!("ou=n{n},ou=n{},ou=A,dc=x", n - n % 100),
    });
    let case = Case::new(&app, names.fold(Tree::new().suffix("dc=x").ou(A).ou(B), |tree, dn| tree.ou(&dn))).await;
    app.import(case.id, "").await.expect_status(200);
    let path = case.path(A).await;
    let mut longest = std::time::Duration::ZERO;
    for (body, expected) in [
        (json!({ "selected": true }), WIDE + 1),
        (json!({ "selected": false }), 0),
        (json!({ "selected": true }), WIDE + 1),
        (json!({ "selectionInherited": true }), 0),
    ] {
        let begun = Instant::now();
        app.admin().put(&path, &body).await.expect_status(200);
        longest = longest.max(begun.elapsed());
        let system = app.admin().get(&format!("{SYSTEMS}/{}", case.id)).await.expect_status(200);
        assert_eq!(system["selectedContainerCount"], expected);
        assert_eq!(app.stored().containers().iter().filter(|row| row.selected).count(), expected);
    }
    tier::figure(format!("a choice for {WIDE} containers: {longest:?} at most"));
    app.is_sound();
}
