//! What a connected system shows of itself: settings that an import would refuse, and its newest import.

use serde_json::{Value, json};

use crate::support::case::Case;
use crate::support::directory::Tree;
use crate::support::{SYSTEMS, Setup, TestApp};

async fn errors(app: &TestApp, id: i64) -> Value {
    app.admin().get(&format!("{SYSTEMS}/{id}")).await.expect_status(200)["settingValuesErrors"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_an_import_refuses_are_named_before_it() {
    let app = TestApp::start().await;
    let id = app.create_system("Directory").await;
    let missing = json!({ "1": "Host is required", "2": "Username is required", "3": "Password is required" });
    assert_eq!(errors(&app, id).await, missing);
    let message = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
    assert!(message.ends_with(": Host is required; Username is required; Password is required."), "{message}");

    let set = async |values: Value| {
        let answer = app.set(id, &values).await.expect_status(200);
        assert_eq!(answer["settingValuesErrors"], errors(&app, id).await, "the update's answer says the same");
        answer["settingValuesErrors"].clone()
    };
    let good = json!({ "1": { "stringValue": "dir.example.com" }, "2": { "stringValue": "cn=x" }, "3": { "stringValue": "s3cret" } });
    assert_eq!(set(good).await, Value::Null);
    for (values, setting, expected) in [
        (json!({ "1": { "stringValue": "http://x" } }), "1", "Host must be"),
        (
            json!({ "1": { "stringValue": "x:1389" }, "4": { "intValue": 1390 } }),
            "4",
            "Host names port 1389, but Port is 1390",
        ),
        (json!({ "1": { "stringValue": "ldap://x" }, "21": { "checkboxValue": true } }), "21", "Host is ldap://x, but"),
        (json!({ "1": { "stringValue": "x" }, "15": { "checkboxValue": true } }), "15", "are both on"),
        (json!({ "21": { "checkboxValue": false }, "1": { "stringValue": "ldaps://x" } }), "15", "Host is ldaps://x"),
        (json!({ "15": { "checkboxValue": false }, "8": { "stringValue": "NTLM" } }), "8", "NTLM"),
    ] {
        let mut values = values;
        values["3"] = json!({ "stringValue": "s3cret" });
        if setting != "4" {
            values["4"] = json!({ "intValue": 389 });
        }
        let found = set(values).await;
        let found = found.as_object().expect("errors");
        assert!(found.len() == 1 && found[setting].as_str().is_some_and(|t| t.contains(expected)), "{found:?}");
    }
    let both = set(json!({ "1": { "stringValue": "elsewhere" } })).await;
    assert_eq!(
        both.as_object().map(|all| all.keys().collect::<Vec<_>>()),
        Some(vec![&"3".to_owned(), &"8".to_owned()])
    );
    assert_eq!(both["3"], "password must be re-entered because the connection target changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_files_are_judged_too() {
    let app = TestApp::start().await;
    let file = json!({ "name": "Files", "connectorDefinitionId": 1 });
    let made = app.admin().post(SYSTEMS, &file).await.expect_status(201);
    let found = &made["settingValuesErrors"];
    assert_eq!(
        (&found["101"], found.as_object().map(serde_json::Map::len)),
        (&json!("File Path is required"), Some(2))
    );
    assert_eq!(found["104"], "Object Type or Object Type Column is required");
    let id = made["id"].as_i64().expect("an id");
    let values = json!({ "101": { "stringValue": "people.csv" }, "104": { "stringValue": "person" }, "105": { "stringValue": "xx" } });
    let found = app.set(id, &values).await.expect_status(200)["settingValuesErrors"].clone();
    assert!(found["105"].as_str().is_some_and(|t| t.contains("Culture")), "{found}");
    assert!(found["101"].as_str().is_some_and(|t| t.contains("[files] root")), "no folder is configured: {found}");

    let folder = tempfile::tempdir().expect("a folder");
    let app = TestApp::start_with(Setup { files_root: Some(folder.path().to_owned()), ..Setup::default() }).await;
    let id = app.admin().post(SYSTEMS, &file).await.expect_status(201)["id"].as_i64().expect("an id");
    let values = json!({ "101": { "stringValue": "people.csv" }, "104": { "stringValue": "person" } });
    assert_eq!(app.set(id, &values).await.expect_status(200)["settingValuesErrors"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_import_stands_in_list_and_detail() {
    let app = TestApp::start().await;
    let other = app.create_system("Other").await;
    let case = Case::new(&app, Tree::new().suffix("dc=x").ou("ou=a,dc=x")).await;
    let admin = app.admin();
    let last = async |id: i64| {
        let detail = admin.get(&format!("{SYSTEMS}/{id}")).await.expect_status(200)["lastRun"].clone();
        let list = admin.get(SYSTEMS).await.expect_status(200);
        let item = list["items"].as_array().expect("items").iter().find(|i| i["id"] == id).expect("listed").clone();
        assert_eq!(item["lastRun"], detail);
        detail
    };
    let newest = async || {
        let activities = admin.get("/api/v1/activities?sortDirection=desc&pageSize=1").await.expect_status(200);
        activities["items"][0].clone()
    };
    assert_eq!(last(case.id).await, Value::Null);
    app.import(case.id, "?preview=true").await.expect_status(200);
    assert_eq!(last(case.id).await, Value::Null, "a preview is no run");

    app.import(case.id, "").await.expect_status(200);
    let (run, activity) = (last(case.id).await, newest().await);
    assert_eq!((&run["activityId"], &run["operation"]), (&activity["id"], &json!("ImportHierarchy")));
    assert_eq!(run["status"], activity["status"]);
    assert!(run["ended"].as_str().is_some_and(|t| t.ends_with('Z')), "{run}");

    app.select(case.id, "ou=a,dc=x").await;
    assert_eq!(last(case.id).await, run, "an update is no run");
    admin.post(&format!("{SYSTEMS}/{}/import-schema", case.id), &json!({})).await.expect_status(200);
    assert_eq!(last(case.id).await["operation"], "ImportSchema");

    case.set(json!({ "1": { "stringValue": "ldap://127.0.0.1:1" }, "3": { "stringValue": "x" } })).await;
    app.import(case.id, "").await.expect_error(500, "INTERNAL_ERROR");
    let run = last(case.id).await;
    assert_eq!((&run["operation"], &run["status"]), (&json!("ImportHierarchy"), &json!("FailedWithError")));
    assert_eq!(last(other).await, Value::Null);
}
