//! Connected systems: fields, the merge of setting values, errors reported together, deletion and what is written down.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::database::Activity;
use crate::support::directory::Faults;
use crate::support::{SYSTEMS, TestApp, sample};

fn text(value: &str) -> Value {
    json!({ "stringValue": value })
}

async fn detail(app: &TestApp, id: i64) -> Value {
    app.admin().get(&format!("{SYSTEMS}/{id}")).await.expect_status(200)
}

async fn put(app: &TestApp, id: i64, body: Value) -> Value {
    app.admin().put(&format!("{SYSTEMS}/{id}"), &body).await.expect_status(200)
}

/// The value shown for a setting, of whichever kind.
fn shown(detail: &Value, setting: &str) -> Value {
    let entry = &detail["settingValues"][setting];
    let members = ["stringValue", "intValue", "checkboxValue"];
    members.iter().map(|m| entry[m].clone()).find(|v| !v.is_null()).unwrap_or(Value::Null)
}

async fn file_system(app: &TestApp) -> i64 {
    let body = json!({ "name": "Files", "connectorDefinitionId": 1 });
    app.admin().post(SYSTEMS, &body).await.expect_status(201)["id"].as_i64().expect("an id")
}

/// Operation, system, target name, status and message of every activity, oldest first.
fn activities(app: &TestApp) -> Vec<(String, Option<i64>, String, String, String)> {
    let text = Option::unwrap_or_default;
    let all = app.activities().into_iter();
    all.map(|a| (a.operation, a.system, a.target_name.expect("a name"), a.status, text(a.message))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_system_has_the_defaults_of_its_connector() {
    let app = TestApp::start().await;
    let ignored = json!({ "name": "  Höhe  ", "description": " d ", "connectorDefinitionId": "3",
        "settingValues": { "1": { "stringValue": "x" } }, "maxExportParallelism": 99, "unknown": [] });
    let made = app.admin().post(SYSTEMS, &ignored).await.expect_status(201);
    assert_eq!((&made["name"], &made["description"]), (&json!("Höhe"), &json!("d")));
    assert_eq!((&made["lastUpdated"], &made["maxExportParallelism"]), (&Value::Null, &Value::Null));
    assert_eq!((&made["status"], &made["settingValuesValid"]), (&json!("Active"), &json!(false)));
    let defaults = json!({ "1": null, "3": null, "4": 389, "5": true, "6": null, "7": 10, "8": "Simple", "9": 300,
        "15": false, "16": null, "17": "userAccountControl", "19": 100, "20": "cn=placeholder", "21": false });
    for (id, value) in defaults.as_object().expect("an object") {
        assert_eq!(shown(&made, id), *value, "setting {id}");
        assert_eq!(made["settingValues"][id]["isSet"], !value.is_null(), "setting {id}");
    }
    assert_eq!(made["settingValues"].as_object().map(serde_json::Map::len), Some(21));
    let password = json!({ "name": "Password", "type": "StringEncrypted", "stringValue": null, "intValue": null,
        "checkboxValue": null, "isSet": false, "needsReentry": false });
    assert_eq!(made["settingValues"]["3"], password);
    assert_eq!(detail(&app, made["id"].as_i64().expect("an id")).await, made);

    let admin = app.admin();
    for (body, field) in [
        (json!({ "connectorDefinitionId": 3 }), "name"),
        (json!({ "name": " \t ", "connectorDefinitionId": 3 }), "name"),
        (json!({ "name": "x".repeat(201), "connectorDefinitionId": 3 }), "name"),
        (json!({ "name": 7, "connectorDefinitionId": 3 }), "name"),
        (json!({ "name": "x", "connectorDefinitionId": null }), "connectorDefinitionId"),
        (json!({ "name": "x", "connectorDefinitionId": 3.5 }), "connectorDefinitionId"),
        (json!({ "name": "x", "connectorDefinitionId": 3, "description": "x".repeat(1001) }), "description"),
    ] {
        admin.post(SYSTEMS, &body).await.expect_fault(field);
    }
    // Length counts code points after trimming, and a name may be used twice.
    let long = format!(" {} ", "é".repeat(200));
    for _ in 0..2 {
        let body = json!({ "name": long, "connectorDefinitionId": 3, "description": "é".repeat(1000) });
        assert_eq!(admin.post(SYSTEMS, &body).await.expect_status(201)["name"], long.trim());
    }
    let empty = json!({ "name": "e", "connectorDefinitionId": 3 });
    assert_eq!(admin.post(SYSTEMS, &empty).await.expect_status(201)["description"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_values_are_merged_by_kind() {
    let app = TestApp::start().await;
    let id = app.create_system("Merge").await;
    // Setting, what is sent, what is shown then.
    let steps = [
        ("1", text("  ldap.example.com \n"), json!("ldap.example.com")),
        ("1", json!(null), json!("ldap.example.com")),
        ("1", json!({}), json!("ldap.example.com")),
        ("1", json!({ "stringValue": null, "intValue": null, "checkboxValue": null }), json!("ldap.example.com")),
        ("1", json!({ "name": 1, "type": [], "isSet": "x", "needsReentry": {} }), json!("ldap.example.com")),
        ("1", json!({ "STRINGVALUE": "other" }), json!("other")),
        ("1", text("   "), json!(null)),
        ("4", json!({ "intValue": "636" }), json!(636)),
        ("4", json!({ "intValue": 65535 }), json!(65535)),
        ("5", json!({ "checkboxValue": false }), json!(false)),
        ("6", text(" full VALIDATION "), json!("Full Validation")),
        ("6", text("sKIP validation (not recommended)"), json!("Skip Validation (Not Recommended)")),
        ("6", text(""), json!(null)),
        ("8", text("ntlm"), json!("NTLM")),
        ("16", text("DISABLE"), json!("Disable")),
        ("12", json!({ "intValue": 0 }), json!(0)),
        ("17", text(&"é".repeat(4096)), json!("é".repeat(4096))),
        ("17", text(""), json!(null)),
    ];
    for (setting, sent, value) in steps {
        let before = detail(&app, id).await;
        let after = app.set(id, &json!({ setting: sent })).await.expect_status(200);
        assert_eq!(shown(&after, setting), value, "setting {setting} after {sent}");
        assert_eq!(after["settingValues"][setting]["isSet"], !value.is_null(), "setting {setting} after {sent}");
        assert_eq!(detail(&app, id).await, after);
        for (other, entry) in after["settingValues"].as_object().expect("settings") {
            assert!(other == setting || *entry == before["settingValues"][other], "{other} keeps its value");
        }
    }
    for (secret, set) in [(" p w ", true), ("", false), ("  ", true)] {
        let after = app.set(id, &json!({ "3": text(secret) })).await.expect_status(200);
        assert_eq!(after["settingValues"]["3"]["isSet"], set, "{secret:?}");
        assert_eq!(shown(&after, "3"), Value::Null);
    }

    let files = file_system(&app).await;
    for (setting, sent, value) in [
        ("107", "\t", json!("\t")),
        ("107", " ; ", json!(" ; ")),
        ("108", " ", json!(" ")),
        ("108", "", json!(null)),
        ("101", " a/b.csv ", json!("a/b.csv")),
        ("102", "bidirectional", json!("Bidirectional")),
    ] {
        let after = app.set(files, &json!({ setting: text(sent) })).await.expect_status(200);
        assert_eq!(shown(&after, setting), value, "setting {setting} after {sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_errors_are_reported_together_and_nothing_is_stored() {
    let app = TestApp::start().await;
    let id = app.create_system("Faults").await;
    app.set(id, &json!({ "1": text("host"), "3": text("old") })).await.expect_status(200);
    let (dump, rows) = (app.dump(), activities(&app).len());
    // Good members among the bad ones: nothing of them may be stored.
    let values = json!({
        "2": text("cn=good"), "3": text("S3cret-that-is-nowhere"), "1": { "intValue": 1 }, "4": { "intValue": 0 },
        "5": { "checkboxValue": "true" }, "6": text("Nonsense-Choice"), "7": { "intValue": 301 }, "8": ["Simple"],
        "9": { "intValue": 1.5 }, "10": { "intValue": "x" }, "11": text("3"), "13": text("true"), "14": { "intValue": 1 },
        "15": true, "17": text(&"x".repeat(4097)), "20": { "stringValue": 5 }, "99": text("x"), "107": text(","),
        "16": { "stringValue": "Delete", "checkboxValue": true }
    });
    let bad = ["1", "4", "5", "6", "7", "8", "9", "10", "11", "13", "14", "15", "16", "17", "20", "99", "107"];
    let body =
        json!({ "name": " ", "description": "x".repeat(1001), "maxExportParallelism": 0, "settingValues": values });
    let answer = app.admin().put(&format!("{SYSTEMS}/{id}"), &body).await;
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("VALIDATION_ERROR")), "{}", answer.body);
    let faults = answer.body["validationErrors"].as_object().expect("faults");
    let mut keys: Vec<String> = bad.iter().map(|b| format!("settingValues.{b}")).collect();
    keys.extend(["name", "description", "maxExportParallelism"].map(str::to_owned));
    keys.sort();
    assert_eq!(faults.keys().cloned().collect::<Vec<_>>(), keys);
    for setting in bad {
        let told = faults[&format!("settingValues.{setting}")][0].as_str().expect("text");
        assert!(told.contains(setting), "setting {setting}: {told}");
    }
    for value in ["S3cret", "Nonsense", "xxxx"] {
        assert!(!answer.body.to_string().contains(value), "{value} is told");
    }
    for (values, key) in [
        (json!([]), "settingValues"),
        (json!("1"), "settingValues"),
        (json!({ "one": {} }), "settingValues.one"),
        (json!({ "1.0": {} }), "settingValues.1.0"),
        (json!({ "1": text("a"), "01": text("b") }), "settingValues.01"),
        (json!({ "99": null }), "settingValues.99"),
        (json!({ "-1": {} }), "settingValues.-1"),
        (json!({ "1": { "stringValue": "a", "StringValue": "b" } }), "settingValues.1"),
    ] {
        app.set(id, &values).await.expect_fault(key);
    }
    for n in [json!(0), json!(17), json!(-1), json!(1.5), json!("x"), json!(true)] {
        let body = json!({ "name": "Other", "maxExportParallelism": n });
        app.admin().put(&format!("{SYSTEMS}/{id}"), &body).await.expect_fault("maxExportParallelism");
    }
    assert_eq!(app.dump(), dump);
    assert_eq!(activities(&app).len(), rows, "a refused request leaves no activity");
    app.admin().put(&format!("{SYSTEMS}/999"), &body).await.expect_fault("name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_back_alters_nothing() {
    let app = TestApp::start().await;
    let sandbox = sample().await;
    let id = app.connected_to(&sandbox).await;
    assert_eq!(app.import(id, "").await.expect_status(200)["success"], true);
    let values = json!({ "16": text("delete"), "4": { "intValue": 389 }, "12": { "intValue": 7 } });
    app.set(id, &values).await.expect_status(200);
    for system in [id, file_system(&app).await] {
        let before = detail(&app, system).await;
        let after = app.set(system, &before["settingValues"]).await.expect_status(200);
        assert_eq!(after["settingValues"], before["settingValues"]);
        assert_eq!(after["settingValuesValid"], false);
        assert_eq!(activities(&app).last().expect("an activity").4, "Nothing changed");
    }
    assert_eq!(detail(&app, id).await["settingValues"]["3"]["needsReentry"], false);
    assert_eq!(app.import(id, "").await.expect_status(200)["success"], true, "the secret still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_target_marks_the_secret_until_it_is_sent_again() {
    let app = TestApp::start().await;
    let id = app.create_system("Target").await;
    app.set(id, &json!({ "1": text("a"), "2": text("u") })).await.expect_status(200);
    for target in [
        json!({ "1": text("b") }),
        json!({ "1": text("") }),
        json!({ "2": text("v") }),
        json!({ "4": { "intValue": 390 } }),
        json!({ "6": text("Full Validation") }),
        json!({ "15": { "checkboxValue": true } }),
        json!({ "21": { "checkboxValue": true } }),
    ] {
        let fresh = app.set(id, &json!({ "3": text("pw") })).await.expect_status(200);
        assert_eq!(fresh["settingValues"]["3"]["needsReentry"], false);
        let moved = app.set(id, &target).await.expect_status(200);
        let secret = &moved["settingValues"]["3"];
        assert_eq!((&secret["isSet"], &secret["needsReentry"]), (&json!(true), &json!(true)), "{target}");
        // Equal values, other settings and a null password neither mark nor clear.
        let rest = app.set(id, &json!({ "9": { "intValue": 5 }, "3": null })).await.expect_status(200);
        assert_eq!(rest["settingValues"]["3"]["needsReentry"], true, "{target}");
    }
    app.set(id, &json!({ "1": text("c"), "3": text("pw") })).await.expect_status(200);
    for harmless in [json!({ "1": text(" c ") }), json!({ "7": { "intValue": 11 } }), json!({ "5": {} })] {
        let after = app.set(id, &harmless).await.expect_status(200);
        assert_eq!(after["settingValues"]["3"]["needsReentry"], false, "{harmless}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn validity_and_last_update() {
    let app = TestApp::start().await;
    let sandbox = sample().await;
    let id = app.connected_to(&sandbox).await;
    let valid = async |app: &TestApp| detail(app, id).await["settingValuesValid"] == true;
    app.import(id, "?preview=true").await.expect_status(200);
    assert!(!valid(&app).await, "a preview proves nothing");
    // The body of a PUT, and whether the settings stay valid with it.
    for (body, stays) in [
        (json!({}), true),
        (json!({ "name": "N" }), true),
        (json!({ "settingValues": null }), true),
        (json!({ "maxExportParallelism": 16, "description": "d" }), true),
        (json!({ "settingValues": {} }), false),
        (json!({ "settingValues": { "1": null } }), false),
    ] {
        let imported = app.import(id, "").await.expect_status(200);
        assert_eq!(imported["success"], true, "{imported}");
        let before = detail(&app, id).await;
        assert_eq!(before["settingValuesValid"], true);
        let after = put(&app, id, body.clone()).await;
        assert_eq!(after["settingValuesValid"], stays, "{body}");
        assert_ne!(after["lastUpdated"], before["lastUpdated"], "every accepted PUT: {body}");
    }
    // Refused, failed and preview imports leave both as they are; so does a refused PUT.
    let before = detail(&app, id).await;
    app.import(id, "?preview=true").await.expect_status(200);
    app.set(id, &json!({ "99": {} })).await.expect_fault("settingValues.99");
    assert_eq!(detail(&app, id).await, before);
    app.import(id, "").await.expect_status(200);
    let before = detail(&app, id).await;
    let partitions = app.partitions(id).await;
    let dn = partitions[0]["containers"][0]["externalId"].as_str().expect("a DN").to_owned();
    app.select(id, &dn).await;
    assert_eq!(detail(&app, id).await["lastUpdated"], before["lastUpdated"], "a selection is no update");
    sandbox.stop().await;
    app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
    let mut after = detail(&app, id).await;
    assert_eq!(after["selectedContainerCount"], 1);
    for moving in ["lastRun", "selectedContainerCount"] {
        after[moving] = before[moving].clone();
    }
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_only_what_is_named() {
    let app = TestApp::start().await;
    let id = app.create_system("First").await;
    for (body, name, description, parallelism) in [
        (json!({ "description": "Text" }), "First", json!("Text"), json!(null)),
        (json!({ "description": null, "name": null }), "First", json!("Text"), json!(null)),
        (json!({ "name": " Second " }), "Second", json!("Text"), json!(null)),
        (json!({ "maxExportParallelism": "16" }), "Second", json!("Text"), json!(16)),
        (json!({ "maxExportParallelism": null, "connectorDefinitionId": 1 }), "Second", json!("Text"), json!(16)),
        (json!({ "description": "" }), "Second", json!(""), json!(16)),
        (
            json!({ "DESCRIPTION": "é".repeat(1000), "maxExportParallelism": 1 }),
            "Second",
            json!("é".repeat(1000)),
            json!(1),
        ),
    ] {
        let after = put(&app, id, body.clone()).await;
        let fields = (&after["name"], &after["description"], &after["maxExportParallelism"]);
        assert_eq!(fields, (&json!(name), &description, &parallelism), "{body}");
        assert_eq!(after["connector"], json!({ "id": 3, "name": "JIM LDAP Connector" }));
    }

    file_system(&app).await;
    let list = app.admin().get(SYSTEMS).await.expect_status(200);
    let mut item = list["items"][1].clone();
    let created = item["created"].take();
    assert!(created.as_str().is_some_and(|c| c.ends_with('Z')));
    let expected = json!({ "id": id, "name": "Second", "description": "é".repeat(1000), "created": null,
        "status": "Active", "objectCount": 0, "pendingExportObjectsCount": 0, "connectorsCount": 0,
        "selectedContainerCount": 0, "connectorName": "JIM LDAP Connector", "connectorId": 3, "lastRun": null });
    assert_eq!(item, expected);
    assert_eq!((&list["totalCount"], &list["items"][0]["name"]), (&json!(2), &json!("Files")), "by name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_system_is_gone_with_all_below_it() {
    let app = TestApp::start().await;
    let sandbox = sample().await;
    let id = app.connected_to(&sandbox).await;
    let path = format!("{SYSTEMS}/{id}");
    app.import(id, "").await.expect_status(200);

    // Deletion waits for no import: it is refused while one runs. A PUT is not.
    let gate = Arc::new(Semaphore::new(0));
    sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    let (admin, import) = (app.admin(), format!("{path}/import-hierarchy"));
    let running = tokio::spawn(async move { admin.send("POST", &import, None).await });
    while sandbox.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (dump, rows) = (app.dump(), activities(&app).len());
    app.admin().delete(&path).await.expect_error(409, "CONFLICT");
    assert_eq!((app.dump(), activities(&app).len()), (dump, rows));
    put(&app, id, json!({ "settingValues": {} })).await;
    gate.close();
    assert_eq!(running.await.expect("an answer").expect_status(200)["success"], true);
    assert_eq!(detail(&app, id).await["settingValuesValid"], false, "the import had read older settings");

    app.admin().delete(&format!("{path}?deleteChangeHistory=perhaps")).await.expect_fault("deleteChangeHistory");
    let mut result = app.admin().delete(&format!("{path}?deleteChangeHistory=TRUE")).await.expect_status(200);
    assert!(result["activityId"].take().as_str().is_some_and(|a| a.len() == 36 && *a == a.to_lowercase()));
    let expected = json!({ "success": true, "outcome": "CompletedImmediately", "errorMessage": null,
        "workerTaskId": null, "activityId": null });
    assert_eq!(result, expected);
    let dump = app.dump();
    assert!(dump.lines().all(|line| line.starts_with("keyring_checks")), "{dump}");
    for (method, path) in [("GET", path.clone()), ("DELETE", path.clone()), ("GET", format!("{path}/partitions"))] {
        app.admin().send(method, &path, None).await.expect_error(404, "NOT_FOUND");
    }
    app.admin().put(&path, &json!({})).await.expect_error(404, "NOT_FOUND");
    assert!(app.create_system("Next").await > id, "no id is used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_name_what_changed_and_never_a_value() {
    let app = TestApp::start().await;
    let id = app.create_system("Told").await;
    let values = json!({ "1": text("host-value"), "3": text("secret-value"), "4": { "intValue": 41234 },
        "5": { "checkboxValue": true } });
    let body = json!({ "name": "Now", "description": "description-value", "maxExportParallelism": 5 });
    put(&app, id, body.clone()).await;
    put(&app, id, json!({ "settingValues": values })).await;
    put(&app, id, body).await;
    app.admin().delete(&format!("{SYSTEMS}/{id}")).await.expect_status(200);
    let rows = activities(&app);
    let kinds: Vec<_> = rows.iter().map(|r| (r.0.as_str(), r.1, r.2.as_str(), r.3.as_str())).collect();
    let update = ("Update", Some(id), "Now", "Complete");
    assert_eq!(
        kinds,
        [("Create", None, "Told", "Complete"), update, update, update, ("Delete", None, "Now", "Complete")]
    );
    let expected =
        ["Changed: name, description, maxExportParallelism", "Changed: Host, Password, Port", "Nothing changed"];
    assert_eq!(rows[1..4].iter().map(|r| r.4.as_str()).collect::<Vec<_>>(), expected);
    let keys = app.stored().api_keys();
    let by_key = |a: &&Activity| {
        let known = keys.iter().any(|k| a.by_id.as_ref() == Some(&k.id) && a.by_name.as_ref() == Some(&k.name));
        known && a.by_type == "ApiKey" && a.target_type == "ConnectedSystem" && a.executed
    };
    assert_eq!(app.activities().iter().filter(by_key).count(), 5);
    // The update's values are nowhere in the files either.
    for file in std::fs::read_dir(app.folder()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).unwrap_or_default();
        assert!(!bytes.windows(12).any(|w| w == b"secret-value"));
    }
}
