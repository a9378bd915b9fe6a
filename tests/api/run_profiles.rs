//! Run profiles: fields and their limits, whose they are, and the activities that record their changes.

use serde_json::{Value, json};

use crate::support::case::Case;
use crate::support::directory::Tree;
use crate::support::{SYSTEMS, TestApp};

fn path(system: i64) -> String {
    format!("{SYSTEMS}/{system}/run-profiles")
}

async fn create(app: &TestApp, system: i64, body: Value) -> Value {
    let answer = app.admin().post(&path(system), &body).await;
    let location = answer.header("location").to_owned();
    let made = answer.expect_status(201);
    assert_eq!(location, format!("{}/{}", path(system), made["id"]));
    assert_eq!(app.admin().get(&location).await.expect_status(200), made);
    made
}

async fn file(app: &TestApp, mode: &str) -> i64 {
    let made = json!({ "name": mode, "connectorDefinitionId": 1 });
    let id = app.admin().post(SYSTEMS, &made).await.expect_status(201)["id"].as_i64().expect("an id");
    app.set(id, &json!({ "102": { "stringValue": mode } })).await.expect_status(200);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_created_changed_and_deleted() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, Tree::new().suffix("dc=a").suffix("dc=b"), &[]).await;
    let (admin, reader) = (app.admin(), app.with_roles("reader", &[2]).await);
    let partition = app.partitions(case.id).await[1]["id"].clone();
    assert_eq!(reader.get(&path(case.id)).await.expect_status(200), json!([]));

    let full = create(&app, case.id, json!({ "name": " Full ", "runType": "fullIMPORT" })).await;
    let expected = json!({ "id": full["id"], "connectedSystemId": case.id, "name": "Full", "runType": "FullImport",
        "pageSize": 500, "partitionId": null, "partitionName": null, "filePath": null });
    assert_eq!(full, expected);
    let body = json!({ "name": "Part", "runType": 2, "pageSize": "1", "partitionId": partition, "filePath": "x.csv" });
    let part = create(&app, case.id, body).await;
    assert_eq!(
        (&part["runType"], &part["pageSize"], &part["filePath"]),
        (&json!("DeltaImport"), &json!(1), &json!("x.csv"))
    );
    assert_eq!((&part["partitionId"], &part["partitionName"]), (&partition, &json!("dc=b")));
    let types = [(3, "FullSynchronisation"), (4, "DeltaSynchronisation"), (5, "Export")];
    for (number, name) in types {
        let made = create(&app, case.id, json!({ "name": "Full", "runType": number, "pageSize": 10_000 })).await;
        assert_eq!((&made["runType"], &made["pageSize"]), (&json!(name), &json!(10_000)), "names need not differ");
    }
    let listed = reader.get(&path(case.id)).await.expect_status(200);
    let ids: Vec<i64> = listed.as_array().expect("an array").iter().filter_map(|p| p["id"].as_i64()).collect();
    assert!(ids.len() == 5 && ids.is_sorted(), "{ids:?}");

    let one = format!("{}/{}", path(case.id), part["id"]);
    for (body, field, value) in [
        (json!({}), "name", json!("Part")),
        (json!({ "name": null, "pageSize": null, "filePath": null, "runType": 1 }), "filePath", json!("x.csv")),
        (json!({ "runType": "Export" }), "runType", json!("DeltaImport")),
        (json!({ "name": "Other", "pageSize": 7 }), "pageSize", json!(7)),
        (json!({ "filePath": "" }), "filePath", Value::Null),
        (json!({ "name": "Other" }), "partitionId", partition.clone()),
        (json!({ "partitionId": null }), "partitionId", Value::Null),
        (json!({ "partitionId": partition }), "partitionName", json!("dc=b")),
    ] {
        let changed = admin.put(&one, &body).await.expect_status(200);
        assert_eq!(changed[field], value, "{body}");
        assert_eq!(admin.get(&one).await.expect_status(200), changed);
    }
    admin.delete(&one).await.expect_status(204);
    admin.delete(&one).await.expect_error(404, "NOT_FOUND");
    let next = create(&app, case.id, json!({ "name": "Next", "runType": 1 })).await;
    assert!(next["id"].as_i64() > part["id"].as_i64(), "an id is never used twice");
    let preview = admin.get(&format!("{SYSTEMS}/{}/deletion-preview", case.id)).await.expect_status(200);
    assert_eq!(preview["runProfileCount"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_leaves_an_activity_with_profile_and_system() {
    let app = TestApp::start().await;
    let id = app.create_system("Directory").await;
    let made = create(&app, id, json!({ "name": "Full", "runType": 1 })).await;
    let one = format!("{}/{}", path(id), made["id"]);
    app.admin().put(&one, &json!({ "name": "Renamed", "pageSize": 9 })).await.expect_status(200);
    app.admin().put(&one, &json!({ "name": "Renamed" })).await.expect_status(200);
    app.admin().delete(&one).await.expect_status(204);
    let all = app.admin().get("/api/v1/activities?search=ConnectedSystemRunProfile").await.expect_status(200);
    let rows = all["items"].as_array().expect("items").iter().map(|a| {
        assert_eq!((&a["targetType"], &a["targetContext"]), (&json!("ConnectedSystemRunProfile"), &json!("Directory")));
        ["targetOperationType", "targetName", "message", "status"].map(|f| a[f].as_str().expect("text").to_owned())
    });
    let expected = [
        ["Create", "Full", "Created as FullImport", "Complete"],
        ["Update", "Renamed", "Changed: name, pageSize", "Complete"],
        ["Update", "Renamed", "Nothing changed", "Complete"],
        ["Delete", "Renamed", "Deleted", "Complete"],
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_profiles_are_refused_by_field() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, Tree::new().suffix("dc=a"), &[]).await;
    let other = Case::imported(&app, Tree::new().suffix("dc=b"), &[]).await;
    let foreign = app.partitions(other.id).await[0]["id"].clone();
    let one = create(&app, case.id, json!({ "name": "Full", "runType": 1 })).await;
    let (admin, one) = (app.admin(), format!("{}/{}", path(case.id), one["id"]));
    let before = app.dump();
    let long = "x".repeat(201);
    for (body, field) in [
        (json!({ "runType": 1 }), "name"),
        (json!({ "name": " ", "runType": 1 }), "name"),
        (json!({ "name": long, "runType": 1 }), "name"),
        (json!({ "name": "x" }), "runType"),
        (json!({ "name": "x", "runType": 0 }), "runType"),
        (json!({ "name": "x", "runType": "NotSet" }), "runType"),
        (json!({ "name": "x", "runType": 6 }), "runType"),
        (json!({ "name": "x", "runType": -1 }), "runType"),
        (json!({ "name": "x", "runType": "Full" }), "runType"),
        (json!({ "name": "x", "runType": [1] }), "runType"),
        (json!({ "name": "x", "runType": 1, "pageSize": 0 }), "pageSize"),
        (json!({ "name": "x", "runType": 1, "pageSize": 10_001 }), "pageSize"),
        (json!({ "name": "x", "runType": 1, "partitionId": 999_999 }), "partitionId"),
        (json!({ "name": "x", "runType": 1, "partitionId": foreign }), "partitionId"),
        (json!({ "name": "x", "runType": 1, "filePath": "x".repeat(501) }), "filePath"),
    ] {
        admin.post(&path(case.id), &body).await.expect_fault(field);
        if field != "runType" && body["name"] != Value::Null {
            admin.put(&one, &body).await.expect_fault(field);
        }
    }
    let body = json!({ "name": "x", "runType": 1 });
    admin.post(&path(999), &body).await.expect_error(404, "NOT_FOUND");
    for (method, path) in [("GET", path(999)), ("GET", format!("{}/999", path(case.id)))] {
        admin.send(method, &path, None).await.expect_error(404, "NOT_FOUND");
    }
    let through_other = one.replace(&format!("systems/{}/", case.id), &format!("systems/{}/", other.id));
    admin.get(&through_other).await.expect_error(404, "NOT_FOUND");
    admin.put(&through_other, &json!({})).await.expect_error(404, "NOT_FOUND");
    admin.delete(&through_other).await.expect_error(404, "NOT_FOUND");
    assert_eq!(app.dump(), before, "a refused request writes nothing");
    let reader = app.with_roles("reader", &[2]).await;
    reader.post(&path(case.id), &body).await.expect_error(403, "FORBIDDEN");
    reader.delete(&one).await.expect_error(403, "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_has_the_runs_of_its_mode() {
    let app = TestApp::start().await;
    for (mode, without) in [("Import Only", Some(5)), ("Export Only", Some(1)), ("Bidirectional", None)] {
        let id = file(&app, mode).await;
        for run_type in 1..=5 {
            let answer = app.admin().post(&path(id), &json!({ "name": "x", "runType": run_type })).await;
            if run_type == 2 || without == Some(run_type) {
                answer.expect_fault("runType");
            } else {
                answer.expect_status(201);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_outlives_its_partition_and_goes_with_its_system() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, Tree::new().suffix("dc=a").suffix("dc=b").ou("ou=x,dc=b"), &[]).await;
    let partition = app.partitions(case.id).await[1]["id"].clone();
    let made = create(&app, case.id, json!({ "name": "Part", "runType": 1, "partitionId": partition })).await;
    case.sandbox.remove_suffix("dc=b").expect("removed");
    case.import("?acceptRemovals=true").await;
    assert_eq!(app.partitions(case.id).await.as_array().map(Vec::len), Some(1));
    let kept = app.admin().get(&format!("{}/{}", path(case.id), made["id"])).await.expect_status(200);
    assert_eq!(kept, made, "with the name of the partition");
    app.admin().delete(&format!("{SYSTEMS}/{}", case.id)).await.expect_status(200);
    app.admin().get(&path(case.id)).await.expect_error(404, "NOT_FOUND");
    assert!(!app.dump().contains("Part|"), "no row is left");
}
