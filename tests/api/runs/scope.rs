//! What a run reads of a tree: branches, exclusions, entries above containers, types, partitions; and what leaves it.

use serde_json::json;

use crate::support::directory::Tree;
use crate::support::imports::{Ended, Imports, PERSON_CLASSES};
use crate::support::{SYSTEMS, TestApp};

fn with(tree: Tree, dn: &str) -> Tree {
    tree.entry(dn, &[("objectClass", PERSON_CLASSES), ("sn", &["Person"])])
}

/// One person at each level, and more in the branches.
fn branches() -> Tree {
    let tree = Tree::new().suffix("dc=x").ou("ou=A,dc=x").ou("ou=A1,ou=A,dc=x").ou("ou=A2,ou=A,dc=x");
    let tree = tree.ou("ou=Deep,ou=A2,ou=A,dc=x").ou("ou=B,dc=x");
    let people = [
        "uid=top,dc=x",
        "uid=a,ou=A,dc=x",
        "uid=a1,ou=A1,ou=A,dc=x",
        "uid=a2,ou=A2,ou=A,dc=x",
        "uid=deep,ou=Deep,ou=A2,ou=A,dc=x",
        "uid=b,ou=B,dc=x",
    ];
    people.into_iter().fold(tree, with)
}

/// Every Deleted item says that the object left the scope.
async fn left_the_scope(imports: &Imports<'_>, ended: &Ended) {
    for item in ended.items.iter().filter(|i| i["objectChangeType"] == "Deleted") {
        let path = format!("/api/v1/activities/{}/items/{}", ended.text("id"), item["id"].as_str().expect("a GUID"));
        let detail = imports.app.admin().get(&path).await.expect_status(200);
        assert_eq!(detail["outcomes"][0]["detail"], "left the scope", "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_branch_inside_a_selected_one_is_not_read() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, branches(), &["ou=A,dc=x", "ou=A1,ou=A,dc=x"]).await;
    imports.select("ou=A2,ou=A,dc=x", false).await;
    imports.run().await.is([2, 0, 0]);
    assert_eq!(imports.held().await, ["uid=a,ou=A,dc=x", "uid=a1,ou=A1,ou=A,dc=x"]);
    imports.again_is_nothing().await;
    // A branch below the excluded one can be selected again.
    imports.select("ou=Deep,ou=A2,ou=A,dc=x", true).await;
    imports.run().await.is([1, 0, 0]);
    imports.again_is_nothing().await;
    imports.select("ou=A1,ou=A,dc=x", false).await;
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 0, 1], "{}", ended.shown());
    left_the_scope(&imports, &ended).await;
    assert_eq!(
        imports.held().await,
        ["!uid=a1,ou=A1,ou=A,dc=x", "uid=a,ou=A,dc=x", "uid=deep,ou=Deep,ou=A2,ou=A,dc=x"]
    );
    imports.again_is_nothing().await;
    imports.select("ou=A1,ou=A,dc=x", true).await;
    imports.run().await.is([0, 1, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selected_container_brings_what_lies_below_it() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, branches(), &["ou=A,dc=x"]).await;
    imports.run().await.is([4, 0, 0]);
    imports.select("ou=A2,ou=A,dc=x", false).await;
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 0, 2], "{}", ended.shown());
    left_the_scope(&imports, &ended).await;
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_above_all_containers_are_not_read() {
    let app = TestApp::start().await;
    let all = ["ou=A,dc=x", "ou=A1,ou=A,dc=x", "ou=A2,ou=A,dc=x", "ou=Deep,ou=A2,ou=A,dc=x", "ou=B,dc=x"];
    let (_sandbox, imports) = Imports::of_tree(&app, branches(), &all).await;
    imports.run().await.is([5, 0, 0]);
    assert!(!imports.held().await.contains(&"uid=top,dc=x".to_owned()));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_without_containers_is_read_whole() {
    let app = TestApp::start().await;
    let tree = with(with(Tree::new().suffix("dc=x"), "uid=a,dc=x"), "uid=b,dc=x");
    let (_sandbox, imports) = Imports::of_tree(&app, tree, &["dc=x"]).await;
    imports.run().await.is([2, 0, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_an_object_of_its_own() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, branches(), &["ou=B,dc=x"]).await;
    imports.choose(("organizationalUnit", &["ou"])).await;
    imports.run().await.is([2, 0, 0]);
    assert_eq!(imports.held().await, ["ou=B,dc=x", "uid=b,ou=B,dc=x"]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deselected_type_leaves_the_scope() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, branches(), &["ou=B,dc=x"]).await;
    imports.choose(("organizationalUnit", &["ou"])).await;
    imports.run().await.is([2, 0, 0]);
    imports.choose_type("organizationalUnit", false).await;
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 0, 1], "{}", ended.shown());
    left_the_scope(&imports, &ended).await;
    assert_eq!(imports.held().await, ["!ou=B,dc=x", "uid=b,ou=B,dc=x"]);
    imports.again_is_nothing().await;
    imports.choose_type("organizationalUnit", true).await;
    imports.run().await.is([0, 1, 0]);
    assert_eq!(imports.held().await, ["ou=B,dc=x", "uid=b,ou=B,dc=x"]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deselected_partition_leaves_the_scope() {
    let app = TestApp::start().await;
    let tree = with(with(branches().suffix("dc=y").ou("ou=Y,dc=y"), "uid=y,ou=Y,dc=y"), "uid=y2,ou=Y,dc=y");
    let (_sandbox, imports) = Imports::of_tree(&app, tree, &["ou=B,dc=x", "ou=Y,dc=y"]).await;
    imports.run().await.is([3, 0, 0]);
    imports.select("dc=y", false).await;
    // All of a region would go.
    let held = imports.run().await;
    assert_eq!((held.status(), held.counts()), ("CompleteWithError", [0, 0, 0]), "{}", held.shown());
    let ended = imports.run_with(imports.profile, "?acceptRemovals=true").await;
    assert_eq!(ended.counts(), [0, 0, 2], "{}", ended.shown());
    left_the_scope(&imports, &ended).await;
    assert_eq!(imports.held().await, ["!uid=y,ou=Y,dc=y", "!uid=y2,ou=Y,dc=y", "uid=b,ou=B,dc=x"]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_move_out_and_in_leave_and_come_back() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, branches(), &["ou=A1,ou=A,dc=x", "ou=B,dc=x"]).await;
    imports.select("ou=A2,ou=A,dc=x", false).await;
    imports.run().await.is([2, 0, 0]);
    let before = imports.object("uid=b,ou=B,dc=x").await;
    sandbox.rename("uid=b,ou=B,dc=x", "uid=b", Some("ou=A2,ou=A,dc=x")).expect("moved");
    let out = imports.run().await;
    out.is([0, 0, 1]);
    left_the_scope(&imports, &out).await;
    imports.again_is_nothing().await;
    sandbox.rename("uid=b,ou=A2,ou=A,dc=x", "uid=b", Some("ou=A1,ou=A,dc=x")).expect("moved");
    imports.run().await.is([0, 1, 0]);
    let after = imports.object("uid=b,ou=A1,ou=A,dc=x").await;
    assert_eq!((&after["id"], &after["status"]), (&before["id"], &json!("Normal")));
    imports.again_is_nothing().await;
    // Between two selected containers it is a change only.
    sandbox.rename("uid=b,ou=A1,ou=A,dc=x", "uid=b", Some("ou=B,dc=x")).expect("moved");
    imports.run().await.is([0, 1, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_container_is_followed_by_its_id() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, branches(), &["ou=B,dc=x"]).await;
    imports.run().await.is([1, 0, 0]);
    sandbox.rename("ou=B,dc=x", "ou=Renamed", None).expect("renamed");
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 1, 0], "{}", ended.shown());
    assert!(ended.text("message").contains("ou=B,dc=x is now ou=Renamed,dc=x"), "{}", ended.shown());
    assert_eq!(imports.held().await, ["uid=b,ou=Renamed,dc=x"]);
    let container = app.container(imports.id, "ou=Renamed,dc=x").await.expect("the stored hierarchy is corrected");
    assert_eq!(container["selected"], true);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_not_found_protects_what_is_below() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, branches(), &["ou=A1,ou=A,dc=x", "ou=B,dc=x"]).await;
    imports.run().await.is([2, 0, 0]);
    sandbox.remove("ou=B,dc=x").expect("removed");
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 0]), "{}", ended.shown());
    assert!(ended.text("warningMessage").contains("ou=B,dc=x"), "{}", ended.shown());
    imports.again_is_nothing().await;
    app.import(imports.id, "?acceptRemovals=true").await.expect_status(200);
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 0, 1], "{}", ended.shown());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_of_a_partition_never_touches_another() {
    let app = TestApp::start().await;
    let tree = with(with(branches().suffix("dc=y").ou("ou=Y,dc=y"), "uid=y,ou=Y,dc=y"), "uid=z,ou=Y,dc=y");
    let (sandbox, imports) = Imports::of_tree(&app, tree, &["ou=B,dc=x", "ou=A1,ou=A,dc=x", "ou=Y,dc=y"]).await;
    let body = json!({ "name": "Part", "runType": 1, "partitionId": imports.partition("dc=x").await });
    let part = imports.add_profile(body).await;
    let searches = imports.run_with(part, "").await;
    searches.is([2, 0, 0]);
    imports.run().await.is([2, 0, 0]);
    sandbox.set_attribute("uid=y,ou=Y,dc=y", "sn", &["New"]).expect("set");
    sandbox.remove("uid=z,ou=Y,dc=y").expect("removed");
    sandbox.add("uid=n,ou=Y,dc=y", &[("objectClass", PERSON_CLASSES), ("sn", &["N"])]).expect("added");
    sandbox.set_attribute("uid=b,ou=B,dc=x", "sn", &["New"]).expect("set");
    imports.run_with(part, "").await.is([0, 1, 0]);
    // Not even what is no longer selected there.
    imports.select("dc=y", false).await;
    imports.run_with(part, "").await.is([0, 0, 0]);
    imports.select("dc=y", true).await;
    imports.run().await.is([1, 1, 1]);
    imports.again_is_nothing().await;
    // Gone from here, it may be there now: an entry that moved between partitions is read by the run of all.
    assert_eq!(app.admin().get(&format!("{SYSTEMS}/{}", imports.id)).await.body["objectCount"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_other_classes_are_counted_and_no_warning() {
    let app = TestApp::start().await;
    let tree = branches()
        .entry("cn=g,ou=B,dc=x", &[("objectClass", &["top", "groupOfNames"]), ("member", &["uid=a,ou=A,dc=x"])]);
    let tree = tree.entry("cn=plain,ou=B,dc=x", &[("objectClass", &["top", "person"]), ("sn", &["P"])]);
    let (_sandbox, imports) = Imports::of_tree(&app, tree, &["ou=B,dc=x"]).await;
    imports.choose_type("inetOrgPerson", false).await;
    imports.choose(("person", &["cn", "sn"])).await;
    let ended = imports.run().await;
    ended.is([2, 0, 0]);
    assert!(ended.text("message").contains("1 entry of inetOrgPerson: not selected"), "{}", ended.shown());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_branch_takes_its_objects_and_frees_their_names() {
    let app = TestApp::start().await;
    let tree = branches().entry(
        "cn=g,ou=A1,ou=A,dc=x",
        &[("objectClass", &["top", "groupOfNames"]), ("member", &["uid=b,ou=B,dc=x", "uid=a,ou=A,dc=x"])],
    );
    let (sandbox, imports) = Imports::of_tree(&app, tree, &["ou=A,dc=x", "ou=B,dc=x"]).await;
    imports.run().await.is([6, 0, 0]);
    let before = imports.object("uid=b,ou=B,dc=x").await["id"].clone();
    sandbox.rename("ou=B,dc=x", "ou=C", None).expect("renamed");
    let ended = imports.run().await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (0, 0), "{}", ended.shown());
    assert_eq!(imports.object("uid=b,ou=C,dc=x").await["id"], before);
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 1);
    imports.again_is_nothing().await;
    // Moved below another selected branch.
    sandbox.rename("ou=C,dc=x", "ou=B", Some("ou=A1,ou=A,dc=x")).expect("moved");
    let ended = imports.run().await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (0, 0), "{}", ended.shown());
    assert_eq!(imports.object("uid=b,ou=B,ou=A1,ou=A,dc=x").await["id"], before);
    imports.again_is_nothing().await;
}
