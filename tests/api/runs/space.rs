//! The connector space: lists, filters, details, pages of values, counts, and how it is emptied.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::directory::{Sandbox, Tree};
use crate::support::imports::{Ended, Imports, PERSON_CLASSES, people, person, targets, texts};
use crate::support::{SYSTEMS, TestApp};

const UNKNOWN: &str = "5d8ad5c1-34a6-4c6b-9c40-7c1b90a3a3a1";

/// Twelve people and a group of the first ones, the group also with a member that does not exist.
fn company() -> Tree {
    let members: Vec<String> = (1..=11).map(|n| person(&format!("p{n}"))).chain([person("missing")]).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    people(12).ou("ou=Groups,dc=x").entry(
        "cn=all,ou=Groups,dc=x",
        &[("objectClass", &["top", "groupOfNames"]), ("cn", &["all"]), ("member", &members)],
    )
}

async fn count(imports: &Imports<'_>, query: &str) -> Value {
    imports.get(&format!("connector-space?{query}")).await["totalCount"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_listed_searched_and_filtered() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, company(), &["ou=People,dc=x", "ou=Groups,dc=x"]).await;
    assert_eq!(imports.get("connector-space").await["items"], json!([]));
    assert_eq!(imports.run().await.counts(), [13, 0, 0]);
    sandbox.remove(&person("p12")).expect("removed");
    assert_eq!(imports.run().await.counts(), [0, 0, 1]);
    let id = sandbox.id_of(&person("p3")).expect("an id");
    let types = [imports.object_type("inetOrgPerson").await, imports.object_type("groupOfNames").await];
    for (query, expected) in [
        (String::new(), 13),
        ("search=P3".to_owned(), 1),
        ("search=OU=people".to_owned(), 12),
        (format!("search={}", id.to_uppercase()), 1),
        ("search=%25".to_owned(), 0),
        ("search=_".to_owned(), 0),
        ("search=*".to_owned(), 0),
        ("status=Obsolete".to_owned(), 1),
        ("status=obsolete&search=p12".to_owned(), 1),
        ("status=Normal".to_owned(), 12),
        ("status=PendingProvisioning".to_owned(), 0),
        (format!("objectTypeId={}", types[0]["id"]), 12),
        (format!("objectTypeId={}&status=Normal", types[1]["id"]), 1),
        ("objectTypeId=999999".to_owned(), 0),
        ("joined=true".to_owned(), 0),
        ("joined=false".to_owned(), 13),
    ] {
        assert_eq!(count(&imports, &query).await, expected, "{query}");
    }
    let page = imports.get("connector-space?page=2&pageSize=10").await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(3));
    app.admin().get(&imports.path("connector-space?status=Gone")).await.expect_fault("status");
    app.admin().get(&imports.path("connector-space?joined=perhaps")).await.expect_fault("joined");
    let reader = app.with_roles("reader", &[2]).await;
    assert_eq!(reader.get(&imports.path("connector-space")).await.expect_status(200)["totalCount"], 13);
    app.stranger().get(&imports.path("connector-space")).await.expect_error(401, "UNAUTHORISED");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detail_has_the_values_and_their_numbers() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, company(), &["ou=People,dc=x", "ou=Groups,dc=x"]).await;
    imports.run().await;
    let p3 = imports.object(&person("p3")).await;
    let kind = imports.object_type("inetOrgPerson").await;
    for (field, value) in [
        ("status", json!("Normal")),
        ("joinType", json!("NotJoined")),
        ("dateJoined", Value::Null),
        ("displayName", json!("p3")),
        ("externalId", json!(sandbox.id_of(&person("p3")).expect("an id"))),
        ("secondaryExternalId", json!(person("p3"))),
        ("connectedSystemId", json!(imports.id)),
        ("connectedSystemName", json!("Directory")),
        ("typeId", kind["id"].clone()),
        ("typeName", json!("inetOrgPerson")),
        ("metaverseObjectId", Value::Null),
        ("metaverseObjectDisplayName", Value::Null),
    ] {
        assert_eq!(p3[field], value, "{field}");
    }
    assert!(p3["created"].is_string(), "{p3}");
    assert_eq!(texts(&p3, "mail"), ["p3@example.com"]);
    assert_eq!(p3["attributeValueSummaries"], json!([]));
    let listed = imports.objects().await.into_iter().find(|o| o["id"] == p3["id"]).expect("listed");
    for (field, value) in listed.as_object().expect("an object") {
        assert_eq!(p3[field], *value, "{field}");
    }
    assert!(listed.get("attributeValues").is_none());
    // One attribute has more values than a detail shows.
    let all = imports.object("cn=all,ou=Groups,dc=x").await;
    let summaries = all["attributeValueSummaries"].as_array().expect("summaries");
    let expected = json!({ "attributeName": "member", "totalCount": 12, "returnedCount": 10, "hasMore": true });
    assert_eq!(summaries.as_slice(), [expected]);
    let shown = all["attributeValues"].as_array().expect("values").iter().filter(|v| v["attributeName"] == "member");
    assert_eq!(shown.count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_an_attribute_are_paged() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, company(), &["ou=People,dc=x", "ou=Groups,dc=x"]).await;
    imports.run().await;
    let all = imports.object("cn=all,ou=Groups,dc=x").await;
    let path = format!("connector-space/{}/attributes/member/values", all["id"].as_str().expect("a GUID"));
    let whole = imports.get(&path).await;
    assert_eq!((&whole["totalCount"], &whole["pageSize"]), (&json!(12), &json!(50)));
    let paged = imports.pages(&imports.path(&format!("{path}?pageSize=5"))).await;
    assert_eq!(json!(paged), whole["items"], "pages follow one fixed order");
    let mut ids: Vec<&str> = paged.iter().filter_map(|v| v["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 12, "an id names one value");
    let p3 = imports.object(&person("p3")).await;
    let to_p3 = paged.iter().filter(|v| v["referenceValueId"] == p3["id"]).count();
    let open: Vec<&Value> = paged.iter().filter(|v| v["referenceValueId"].is_null()).collect();
    assert_eq!((to_p3, open.len()), (1, 1));
    assert_eq!(open[0]["unresolvedReferenceValue"], person("missing"));
    for (query, expected) in [("UID=P1,", 1), ("missing", 1), ("p1", 3), ("%25", 0)] {
        assert_eq!(imports.get(&format!("{path}?search={query}")).await["totalCount"], expected, "{query}");
    }
    let name = path.replace("member", "MEMBER");
    assert_eq!(imports.get(&name).await["totalCount"], 12, "names of attributes ignore case");
    let unknown = path.replace("member", "nothing");
    app.admin().get(&imports.path(&unknown)).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_belong_to_their_system() {
    let app = TestApp::start().await;
    let (_one, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    let (_two, other) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    imports.run().await.is([1, 0, 0]);
    other.run().await.is([1, 0, 0]);
    let (own, foreign) = (imports.object(&person("p1")).await, other.object(&person("p1")).await);
    assert_ne!(own["id"], foreign["id"]);
    let foreign = foreign["id"].as_str().expect("a GUID");
    for path in [
        imports.path(&format!("connector-space/{foreign}")),
        imports.path(&format!("connector-space/{foreign}/attributes/cn/values")),
        imports.path(&format!("connector-space/{UNKNOWN}")),
        imports.path(&format!("connector-space/{UNKNOWN}/attributes/cn/values")),
        imports.path("connector-space/1"),
        format!("{SYSTEMS}/999/connector-space"),
        format!("{SYSTEMS}/999/connector-space/{foreign}"),
        format!("{SYSTEMS}/999/connector-space/unresolved-references/count"),
        format!("{SYSTEMS}/999/held-removals"),
    ] {
        app.admin().get(&path).await.expect_error(404, "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unresolved_references_are_counted_until_their_target_comes() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, company(), &["ou=People,dc=x", "ou=Groups,dc=x"]).await;
    let path = "connector-space/unresolved-references/count";
    assert_eq!(imports.get(path).await, 0);
    let first = imports.run().await;
    assert_eq!(first.items_with("UnresolvedReference").len(), 1, "{:?}", first.lines());
    assert_eq!((first.status(), imports.get(path).await), ("CompleteWithWarning", json!(1)));
    sandbox.set_attribute(&person("p1"), "manager", &[&person("missing"), "cn=outside,dc=other"]).expect("set");
    let second = imports.run().await;
    assert_eq!((second.counts(), imports.get(path).await), ([0, 1, 0], json!(3)), "values are counted");
    let attributes: [(&str, &[&str]); 3] = [("objectClass", PERSON_CLASSES), ("cn", &["Missing"]), ("sn", &["M"])];
    sandbox.add(&person("missing"), &attributes).expect("added");
    let third = imports.run().await;
    assert_eq!(third.counts()[0], 1, "{}", third.shown());
    assert_eq!(imports.get(path).await, 1, "the one to the outside stays");
    let found = imports.object(&person("missing")).await;
    let p1 = imports.object(&person("p1")).await;
    assert_eq!(targets(&p1, "manager"), [found["id"].as_str().expect("a GUID")]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_of_list_and_detail_are_those_of_the_space() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, company(), &["ou=People,dc=x", "ou=Groups,dc=x"]).await;
    imports.run().await;
    sandbox.remove(&person("p12")).expect("removed");
    imports.run().await;
    let detail = app.admin().get(&format!("{SYSTEMS}/{}", imports.id)).await.expect_status(200);
    let list = app.admin().get(SYSTEMS).await.expect_status(200);
    let preview = imports.get("deletion-preview").await;
    let space = count(&imports, "").await;
    assert_eq!(space, 13);
    for shown in [&detail["objectCount"], &list["items"][0]["objectCount"], &preview["connectedSystemObjectCount"]] {
        assert_eq!(*shown, space);
    }
    let last = &detail["lastRun"];
    assert_eq!((&last["operation"], &last["status"]), (&json!("Execute"), &json!("CompleteWithWarning")), "{last}");
    assert!(last["ended"].is_string(), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_system_imports_the_same_again() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, company(), &["ou=People,dc=x", "ou=Groups,dc=x"]).await;
    let first: Ended = imports.run().await;
    let before = imports.held().await;
    let old = imports.object(&person("p1")).await;
    app.admin().send("POST", &imports.path("clear"), None).await.expect_status(200);
    assert!(imports.objects().await.is_empty());
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 0);
    let detail = app.admin().get(&format!("{SYSTEMS}/{}", imports.id)).await.expect_status(200);
    assert_eq!(detail["objectCount"], 0);
    app.is_sound();
    let again = imports.run().await;
    assert_eq!((again.counts(), imports.held().await), (first.counts(), before));
    let new = imports.object(&person("p1")).await;
    assert_ne!(new["id"], old["id"], "no id is used twice");
    imports.again_is_nothing().await;
    app.admin().delete(&format!("{SYSTEMS}/{}", imports.id)).await.expect_status(200);
    assert!(app.stored().space().is_empty(), "no row is left");
    app.is_sound();
}

/// A system with 10,001 objects.
async fn large(app: &TestApp) -> (Sandbox, Imports<'_>) {
    let tree = (1..=10_001).fold(Tree::new().suffix("dc=x").ou("ou=People,dc=x"), |tree, n| {
        tree.entry(&person(&format!("p{n}")), &[("objectClass", PERSON_CLASSES), ("sn", &["Person"])])
    });
    let (sandbox, mut imports) = Imports::of_tree(app, tree, &["ou=People,dc=x"]).await;
    imports.profile = imports.add_profile(json!({ "name": "Big", "runType": 1, "pageSize": 1000 })).await;
    let id = imports.queue().await;
    while imports.activity(&id).await["status"] == "InProgress" {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(imports.activity(&id).await["totalAdded"], 10_001);
    (sandbox, imports)
}

async fn until_gone(app: &TestApp, system: &str) {
    for _ in 0..3_000 {
        if app.admin().get(system).await.status == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.admin().get(system).await.expect_error(404, "NOT_FOUND");
    assert!(app.stored().space().is_empty(), "no row is left");
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_ten_thousand_objects_go_in_the_background() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = large(&app).await;
    let system = format!("{SYSTEMS}/{}", imports.id);
    assert_eq!(imports.get("deletion-preview").await["willRunAsBackgroundJob"], true);
    let answer = app.admin().delete(&system).await.expect_status(202);
    assert_eq!(answer["outcome"], "QueuedAsBackgroundJob", "{answer}");
    assert!(answer["workerTaskId"].is_string(), "{answer}");
    let path = imports.path(&format!("run-profiles/{}/execute", imports.profile));
    let refused = app.admin().send("POST", &path, None).await;
    assert!(matches!(refused.status, 404 | 409), "{}", refused.body);
    until_gone(&app, &system).await;
    let activity = format!("/api/v1/activities/{}", answer["activityId"].as_str().expect("a GUID"));
    assert_eq!(app.admin().get(&activity).await.expect_status(200)["status"], "Complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_the_background_goes_on_after_a_restart() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = large(&app).await;
    let system = format!("{SYSTEMS}/{}", imports.id);
    app.admin().delete(&system).await.expect_status(202);
    let app = app.restart().await;
    until_gone(&app, &system).await;
}
