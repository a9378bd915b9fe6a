//! Every field of headers and details, parts of activities, and which ids are none.

use jim::store::activities::{Outcome, Target};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{ACTIVITIES, Past, all, page, record};
use crate::support::{SYSTEMS, TestApp, sample};

const TOTALS: [&str; 16] = [
    "totalAdded",
    "totalUpdated",
    "totalDeleted",
    "totalProjected",
    "totalJoined",
    "totalAttributeFlows",
    "totalDisconnected",
    "totalDisconnectedOutOfScope",
    "totalOutOfScopeRetainJoin",
    "totalDriftCorrections",
    "totalProvisioned",
    "totalExported",
    "totalDeprovisioned",
    "totalCreated",
    "totalPendingExports",
    "totalErrors",
];

/// A header with all that most have in common; the rest is merged in.
fn header(rest: Value) -> Value {
    let mut header = json!({
        "status": "Complete", "targetType": "ConnectedSystem", "targetContext": null,
        "objectsToProcess": 0, "objectsProcessed": 0, "connectedSystemRunType": "NotSet", "childActivityCount": 0,
    });
    for total in TOTALS {
        header[total] = json!(0);
    }
    merge(header, rest)
}

/// What a detail adds to its header.
fn detail(header: Value, rest: Value) -> Value {
    let more = json!({
        "parentActivityId": null, "warningMessage": null, "errorMessage": null, "errorStackTrace": null,
        "connectedSystemId": null, "connectedSystemRunProfileId": null, "syncRuleId": null,
        "metaverseObjectId": null, "exampleDataTemplateId": null, "executionStats": null,
    });
    merge(merge(header, more), rest)
}

fn merge(mut to: Value, from: Value) -> Value {
    for (name, value) in from.as_object().expect("an object") {
        to[name] = value.clone();
    }
    to
}

/// Takes out what differs from run to run, after a look at its form.
fn fixed(mut activity: Value) -> Value {
    let members = activity.as_object_mut().expect("an object");
    let id = members.remove("id").expect("an id");
    assert!(id.as_str().is_some_and(|id| Uuid::try_parse(id).is_ok_and(|u| u.to_string() == id)), "{id}");
    let created = members.remove("created").expect("created");
    assert_eq!(members.remove("executed").as_ref(), Some(&created));
    assert!(created.as_str().is_some_and(|c| c.starts_with("20") && c.ends_with('Z')), "{created}");
    let spans = [members.remove("executionTime"), members.remove("totalActivityTime")].map(Option::unwrap_or_default);
    assert_eq!(spans[0], spans[1]);
    match activity["status"] == "InProgress" {
        true => assert_eq!(spans[0], Value::Null),
        false => assert!(spans[0].as_str().is_some_and(|s| s.starts_with("00:")), "{spans:?}"),
    }
    activity
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_what_was_done_to_a_system() {
    let app = TestApp::start().await;
    let sandbox = sample().await;
    let reader = app.with_roles("reader", &[2]).await;
    let keys = app.admin().get("/api/v1/apikeys").await.expect_status(200);
    let key = keys.as_array().expect("keys").iter().find(|k| k["name"] == "Bootstrap Key").expect("the key").clone();
    let id = app.connected_to(&sandbox).await;
    app.import(id, "").await.expect_status(200);
    app.import_schema(id).await.expect_status(200);
    sandbox.set_faults(crate::support::directory::Faults {
        bind: Some(crate::support::directory::Answer::new(49, "no")),
        ..crate::support::directory::Faults::default()
    });
    let refused = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
    app.import_schema(id).await.expect_error(400, "BAD_REQUEST");
    app.admin().put(&format!("{SYSTEMS}/{id}"), &json!({ "name": "Größe" })).await.expect_status(200);
    app.admin().delete(&format!("{SYSTEMS}/{id}")).await.expect_status(200);

    let by = json!({ "initiatedByType": "ApiKey", "initiatedById": key["id"], "initiatedByName": "Bootstrap Key" });
    let told = |operation: &str, name: &str, message: Value| {
        let own = json!({ "targetOperationType": operation, "targetName": name, "message": message });
        header(merge(own, by.clone()))
    };
    let system = json!({ "connectedSystemId": id });
    let failed =
        json!({ "connectedSystemId": id, "errorMessage": refused.trim_end_matches('.'), "status": "FailedWithError" });
    let listed = all(&reader).await;
    let mut details = Vec::new();
    for item in &listed {
        let path = format!("{ACTIVITIES}/{}", item["id"].as_str().expect("an id"));
        let found = reader.get(&path).await.expect_status(200);
        for (name, value) in item.as_object().expect("an object") {
            assert_eq!(found[name], *value, "{name}");
        }
        assert_eq!(item.as_object().map(|i| i.len()), Some(34), "{item}");
        details.push(fixed(found));
    }
    let expected = [
        detail(told("Create", "Sandbox", json!("Created with JIM LDAP Connector")), json!({})),
        detail(told("Update", "Sandbox", json!("Changed: Host, Username, Password")), system.clone()),
        detail(told("ImportHierarchy", "Sandbox", details[2]["message"].clone()), system.clone()),
        detail(told("ImportSchema", "Sandbox", details[3]["message"].clone()), system.clone()),
        detail(told("ImportHierarchy", "Sandbox", Value::Null), failed.clone()),
        detail(told("ImportSchema", "Sandbox", Value::Null), failed),
        detail(told("Update", "Größe", json!("Changed: name")), system),
        detail(
            told(
                "Delete",
                "Größe",
                json!("Deleted with its settings, object types, partitions, containers and objects"),
            ),
            json!({}),
        ),
    ];
    assert_eq!(details.len(), expected.len());
    for (found, expected) in details.iter().zip(&expected) {
        let counted = found["targetOperationType"].as_str().is_some_and(|o| o.starts_with("Import"));
        let mut expected = expected.clone();
        if counted && found["status"] != "FailedWithError" {
            // How much there is is the directory's affair.
            assert!(found["message"].is_string() && found["objectsProcessed"].as_i64() > Some(0), "{found}");
            assert_eq!(found["objectsToProcess"], found["objectsProcessed"]);
            for name in ["objectsToProcess", "objectsProcessed", "status", "warningMessage"] {
                expected[name] = found[name].clone();
            }
        }
        assert_eq!(*found, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_shown_below_their_whole_and_nowhere_else() {
    let app = TestApp::start().await;
    let reader = app.with_roles("reader", &[2]).await;
    let at = OffsetDateTime::now_utc() - Duration::hours(1);
    let own =
        Past { target: Target::System(Some(7), "Whole"), context: Some("Somewhere"), outcome: None, ..Past::at(at) };
    let whole = record(&app, vec![own]).await[0];
    let part = |name: &'static str, seconds: i64, outcome: Outcome| Past {
        target: Target::ServiceSetting(name),
        parent: Some(whole),
        outcome: Some(outcome),
        ..Past::at(at + Duration::seconds(seconds))
    };
    let warned = Outcome { warning: Some("careful".to_owned()), to_process: 3, processed: 2, ..Outcome::done("done") };
    let broken = Outcome { error: Some("broken".to_owned()), ..Outcome::default() };
    let parts =
        record(&app, vec![part("Second", 2, warned), part("First", 1, broken), part("Third", 3, Outcome::done("x"))])
            .await;

    let found = reader.get(&format!("{ACTIVITIES}/{whole}")).await.expect_status(200);
    let expected = header(json!({
        "status": "InProgress", "targetOperationType": "Update", "targetName": "Whole", "targetContext": "Somewhere",
        "message": null, "initiatedByType": "System", "initiatedById": null, "initiatedByName": null,
        "childActivityCount": 3,
    }));
    assert_eq!(fixed(found), detail(expected, json!({ "connectedSystemId": 7 })));
    let listed = page(&reader, "").await;
    assert_eq!((&listed["totalCount"], listed["items"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    assert_eq!(listed["items"][0]["childActivityCount"], 3);
    assert_eq!(page(&reader, "search=second").await["totalCount"], 0, "parts are not searched");

    let children = reader.get(&format!("{ACTIVITIES}/{whole}/Children/")).await.expect_status(200);
    let children = children.as_array().expect("a bare array");
    let names: Vec<&Value> = children.iter().map(|c| &c["targetName"]).collect();
    assert_eq!(names, ["First", "Second", "Third"]);
    assert!(children[1].get("warningMessage").is_none(), "headers, not details");
    let second = reader.get(&format!("{ACTIVITIES}/{}", parts[0])).await.expect_status(200);
    let mut expected = detail(
        header(json!({
            "status": "CompleteWithWarning", "targetType": "ServiceSetting", "targetOperationType": "Update",
            "targetName": "Second", "message": "done", "initiatedByType": "System", "initiatedById": null,
            "initiatedByName": null, "objectsToProcess": 3, "objectsProcessed": 2,
        })),
        json!({ "parentActivityId": whole.to_string(), "warningMessage": "careful" }),
    );
    assert_eq!(fixed(second), expected);
    let first = reader.get(&format!("{ACTIVITIES}/{}", parts[1])).await.expect_status(200);
    expected = merge(
        expected,
        json!({ "status": "FailedWithError", "targetName": "First", "message": null,
        "objectsToProcess": 0, "objectsProcessed": 0, "warningMessage": null, "errorMessage": "broken" }),
    );
    assert_eq!(fixed(first), expected);
    let none = reader.get(&format!("{ACTIVITIES}/{}/children", parts[0])).await.expect_status(200);
    assert_eq!(none, json!([]));
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_from_creation_to_end() {
    let app = TestApp::start().await;
    let at = OffsetDateTime::now_utc() - Duration::days(3) - Duration::hours(2);
    let id = record(&app, vec![Past { outcome: None, ..Past::at(at) }]).await[0];
    let close = move |tx: &jim::db::Tx<'_>| jim::store::activities::close(tx, id, &Outcome::done("at last"));
    app.app.db.write(close).await.expect("closed");
    let found = app.admin().get(&format!("{ACTIVITIES}/{id}")).await.expect_status(200);
    let span = found["totalActivityTime"].as_str().expect("a span").to_owned();
    assert!(span.starts_with("3.02:00:") && found["executionTime"] == json!(span), "{found}");
    assert_eq!((&found["status"], &found["message"]), (&json!("Complete"), &json!("at last")));
    assert_eq!(page(&app.admin(), "sortBy=status").await["items"][0]["status"], "Complete");
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stop_left_open_has_failed_after_the_next_start() {
    let app = TestApp::start().await;
    let at = OffsetDateTime::now_utc() - Duration::hours(1);
    let open = |target, parent| Past { outcome: None, target, parent, ..Past::at(at) };
    let whole = record(&app, vec![open(Target::System(Some(1), "Open"), None), Past::at(at)]).await[0];
    let part = record(&app, vec![open(Target::Certificate("Part"), Some(whole))]).await[0];
    let app = app.restart().await;
    for id in [whole, part] {
        let found = app.admin().get(&format!("{ACTIVITIES}/{id}")).await.expect_status(200);
        assert_eq!((&found["status"], &found["errorMessage"]), (&json!("FailedWithError"), &json!("server stopped")));
        assert!(found["totalActivityTime"].as_str().is_some_and(|s| s.starts_with("01:0")), "{found}");
    }
    let listed = page(&app.admin(), "sortBy=status&sortDirection=desc").await;
    assert_eq!((&listed["totalCount"], &listed["items"][0]["targetName"]), (&json!(2), &json!("Open")));
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_activity_and_what_is_no_run() {
    let app = TestApp::start().await;
    let reader = app.with_roles("reader", &[2]).await;
    app.create_system("HR").await;
    let id = page(&reader, "").await["items"][0]["id"].as_str().expect("an id").to_owned();
    let mut similar = id.clone();
    let last = if similar.ends_with('0') { "1" } else { "0" };
    similar.replace_range(35.., last);
    let without = id.replace('-', "");
    for path in ["", "/children", "/stats", "/items"] {
        for none in ["x", "1", "-1", "00000000-0000-0000-0000-000000000000", &Uuid::new_v4().to_string(), &similar] {
            reader.get(&format!("{ACTIVITIES}/{none}{path}")).await.expect_error(404, "NOT_FOUND");
        }
    }
    for own in [&id, &id.to_uppercase(), &without] {
        assert_eq!(reader.get(&format!("{ACTIVITIES}/{own}")).await.expect_status(200)["id"], json!(id));
        for path in ["stats", "items", "items?page=2&pageSize=100"] {
            reader.get(&format!("{ACTIVITIES}/{own}/{path}")).await.expect_error(400, "BAD_REQUEST");
        }
    }
    // The form of the query comes before the question whether there is such an activity.
    for id in [id.as_str(), "x"] {
        for (query, field) in [("page=x", "page"), ("pageSize=1.5", "pageSize"), ("sortDirection=up", "sortDirection")]
        {
            reader.get(&format!("{ACTIVITIES}/{id}/items?{query}")).await.expect_fault(field);
        }
    }
}
