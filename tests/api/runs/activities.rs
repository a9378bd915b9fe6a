//! What a run leaves: its activity, statistics, items with filters and details, and the levels of recording.

use serde_json::{Value, json};

use crate::support::imports::{Imports, PERSON_CLASSES, people, person};
use crate::support::{SYSTEMS, TestApp};

async fn set_level(app: &TestApp, level: &str) {
    let path = "/api/v1/service-settings/ChangeTracking.SyncOutcomes.Level";
    app.admin().put(path, &json!({ "value": level })).await.expect_status(200);
}

/// A run with one object added, one updated, one removed, one unchanged and one unresolved reference.
async fn changed(
    imports: &Imports<'_>,
    sandbox: &crate::support::directory::Sandbox,
) -> crate::support::imports::Ended {
    sandbox.set_attribute(&person("p1"), "sn", &["New"]).expect("set");
    sandbox.set_attribute(&person("p1"), "title", &["a", "b"]).expect("set");
    sandbox.remove(&person("p2")).expect("removed");
    let attributes: [(&str, &[&str]); 4] = [
        ("objectClass", PERSON_CLASSES),
        ("cn", &["Dora"]),
        ("sn", &["D"]),
        ("manager", &["uid=unknown,ou=People,dc=x"]),
    ];
    sandbox.add(&person("dora"), &attributes).expect("added");
    imports.run().await
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_add_up_to_what_was_read() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(12), &["ou=People,dc=x"]).await;
    let first = imports.run().await;
    first.is([12, 0, 0]);
    assert_eq!((first.items.len(), &first.stats["totalObjectTypes"]), (12, &json!(1)));
    assert!(first.items.iter().all(|i| i["objectChangeType"] == "Added" && i["outcomeSummary"] == "CsoAdded:1"));
    let ended = changed(&imports, &sandbox).await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [1, 1, 1]), "{}", ended.shown());
    let n = |field: &str| ended.stats[field].as_i64().expect("a count");
    assert_eq!((n("totalObjectsProcessed"), n("totalUnchanged"), n("totalObjectErrors")), (12, 10, 1));
    for field in ["totalProjections", "totalJoins", "totalExported", "totalDisconnections", "totalPendingExports"] {
        assert_eq!(n(field), 0, "{field}");
    }
    assert_eq!((&ended.activity["objectsProcessed"], &ended.activity["totalErrors"]), (&json!(12), &json!(1)));
    let refused = "/api/v1/activities/5d8ad5c1-34a6-4c6b-9c40-7c1b90a3a3a1";
    for rest in ["", "/stats", "/items", "/items/5d8ad5c1-34a6-4c6b-9c40-7c1b90a3a3a1"] {
        app.admin().get(&format!("{refused}{rest}")).await.expect_error(404, "NOT_FOUND");
    }
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_runs_have_statistics_and_items() {
    let app = TestApp::start().await;
    let id = app.create_system("Directory").await;
    app.set(id, &json!({})).await.expect_status(200);
    let all = app.admin().get("/api/v1/activities").await.expect_status(200);
    let activity = all["items"][0]["id"].as_str().expect("a GUID").to_owned();
    for rest in ["stats", "items", "items/5d8ad5c1-34a6-4c6b-9c40-7c1b90a3a3a1"] {
        let path = format!("/api/v1/activities/{activity}/{rest}");
        app.admin().get(&path).await.expect_error(400, "BAD_REQUEST");
    }
    assert_eq!(app.admin().get(&format!("/api/v1/activities/{activity}")).await.body["executionStats"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_paged_and_filtered() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(12), &["ou=People,dc=x"]).await;
    let first = imports.run().await;
    let path = |ended: &crate::support::imports::Ended, query: &str| {
        format!("/api/v1/activities/{}/items?{query}", ended.text("id"))
    };
    let count = async |path: String| app.admin().get(&path).await.expect_status(200)["totalCount"].clone();
    let page = app.admin().get(&path(&first, "page=3&pageSize=5")).await.expect_status(200);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&page["totalCount"], &page["totalPages"], &page["hasNextPage"]),
        (&json!(12), &json!(3), &json!(false))
    );
    let ended = changed(&imports, &sandbox).await;
    let (dora, gone) = (sandbox.id_of(&person("dora")).expect("an id"), "P2");
    for (query, expected) in [
        ("changeType=Added".to_owned(), 1),
        ("changeType=noChange&errorType=unresolvedReference".to_owned(), 1),
        ("changeType=1".to_owned(), 1),
        ("changeType=Updated".to_owned(), 1),
        ("changeType=Deleted".to_owned(), 1),
        ("changeType=Deleted&errorType=UnresolvedReference".to_owned(), 0),
        ("errorType=DuplicateObject".to_owned(), 0),
        (format!("search={dora}"), 2),
        (format!("search={gone}"), 1),
        ("search=ORA".to_owned(), 2),
        ("search=%25".to_owned(), 0),
        ("search=_".to_owned(), 0),
        ("search=p1".to_owned(), 1),
    ] {
        assert_eq!(count(path(&ended, &query)).await, expected, "{query}");
    }
    for (query, field) in [("changeType=Gone", "changeType"), ("errorType=Broken", "errorType")] {
        app.admin().get(&path(&ended, query)).await.expect_fault(field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_shows_what_changed() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(3), &["ou=People,dc=x"]).await;
    imports.run().await.is([3, 0, 0]);
    let p2 = imports.object(&person("p2")).await;
    let ended = changed(&imports, &sandbox).await;
    let expected = [
        "Added - CsoAdded:1 Dora",
        "Deleted - DeletionDetected:1 p2",
        "NoChange UnresolvedReference - Dora",
        "Updated - CsoUpdated:1 p1",
    ];
    assert_eq!(ended.lines(), expected);
    let detail = async |name: &str| {
        let item = ended.items.iter().find(|i| i["displayName"] == name).expect("an item");
        let path = format!("/api/v1/activities/{}/items/{}", ended.text("id"), item["id"].as_str().expect("a GUID"));
        let detail = app.admin().get(&path).await.expect_status(200);
        for (field, value) in item.as_object().expect("an object") {
            assert_eq!(detail[field], *value, "{field}");
        }
        detail
    };
    let updated = detail("p1").await;
    let mut changes = updated["attributeChanges"].as_array().expect("changes").clone();
    changes.sort_by_key(|c| c["attributeName"].as_str().map(str::to_owned));
    let change = |name: &str, before: Value, after: Value| {
        let (b, a) = (before.as_array().map(Vec::len), after.as_array().map(Vec::len));
        json!({ "attributeName": name, "before": before, "after": after, "beforeCount": b, "afterCount": a })
    };
    assert_eq!(
        changes,
        [change("sn", json!(["Person"]), json!(["New"])), change("title", json!([]), json!(["a", "b"])),]
    );
    assert_eq!(updated["outcomes"], json!([{ "outcome": "CsoUpdated", "count": 1, "detail": null, "children": [] }]));
    let gone = detail("p2").await;
    assert_eq!((&gone["connectedSystemObjectId"], &gone["externalIdValue"]), (&p2["id"], &p2["externalId"]));
    assert_eq!(gone["outcomes"][0]["outcome"], "DeletionDetected");
    assert_eq!(gone["connectedSystemObjectType"], "inetOrgPerson");
    let open = ended.items_with("UnresolvedReference");
    assert_eq!(open.len(), 1);
    assert!(open[0]["errorMessage"].as_str().is_some_and(|m| m.contains("uid=unknown")), "{}", open[0]);
    let other = imports.run().await;
    let path = format!("/api/v1/activities/{}/items/{}", other.text("id"), updated["id"].as_str().expect("a GUID"));
    app.admin().get(&path).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_decides_what_is_recorded() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(3), &["ou=People,dc=x"]).await;
    set_level(&app, "None").await;
    let first = imports.run().await;
    first.is([3, 0, 0]);
    assert!(first.items.is_empty(), "{:?}", first.items);
    set_level(&app, "Standard").await;
    sandbox.set_attribute(&person("p1"), "sn", &["New"]).expect("set");
    let second = imports.run().await;
    second.is([0, 1, 0]);
    assert_eq!(second.lines(), ["Updated - CsoUpdated:1 p1"]);
    let id = second.items[0]["id"].as_str().expect("a GUID");
    let path = format!("/api/v1/activities/{}/items/{id}", second.text("id"));
    assert_eq!(app.admin().get(&path).await.expect_status(200)["attributeChanges"], json!([]));
    set_level(&app, "Detailed").await;
    sandbox.set_attribute(&person("p1"), "sn", &["Newer"]).expect("set");
    let third = imports.run().await;
    let id = third.items[0]["id"].as_str().expect("a GUID");
    let path = format!("/api/v1/activities/{}/items/{id}", third.text("id"));
    let detail = app.admin().get(&path).await.expect_status(200);
    assert_eq!(detail["attributeChanges"][0]["before"], json!(["New"]));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_run_shows_its_phase_and_progress() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    let slow = imports.add_profile(json!({ "name": "Small pages", "runType": 1, "pageSize": 10 })).await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let wait = crate::support::directory::Mischief::Wait(std::sync::Arc::clone(&gate));
    let fault = crate::support::directory::SearchFault::new(wait).on_page(4);
    sandbox.set_faults(crate::support::directory::Faults { searches: vec![fault], ..Default::default() });
    let accepted = imports.execute(slow, "").await.expect_status(202);
    let id = accepted["activityId"].as_str().expect("a GUID").to_owned();
    let mut now = Value::Null;
    for _ in 0..1_000 {
        now = imports.activity(&id).await;
        if now["objectsProcessed"] == 30 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!((&now["objectsProcessed"], &now["objectsToProcess"]), (&json!(30), &json!(0)), "{now}");
    assert_eq!(now["message"], "Reading ou=People,dc=x");
    assert_eq!(now["executionStats"]["totalObjectsProcessed"], 30, "{now}");
    let detail = app.admin().get(&format!("{SYSTEMS}/{}", imports.id)).await.expect_status(200);
    assert_eq!(detail["lastRun"]["activityId"].as_str(), Some(id.as_str()), "{}", detail["lastRun"]);
    gate.close();
    imports.ended(&id).await.is([60, 0, 0]);
    imports.again_is_nothing().await;
}
