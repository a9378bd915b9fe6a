//! Execution of a profile: what is accepted, what is refused and why.

use serde_json::{Value, json};

use crate::support::directory::Tree;
use crate::support::imports::{Imports, PERSON, people, person};
use crate::support::{SYSTEMS, TestApp, sample, sandbox_settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_accepted_with_activity_and_task() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, people(3), &["ou=People,dc=x"]).await;
    let accepted = imports.execute(imports.profile, "").await.expect_status(202);
    let members: Vec<&str> = accepted.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["activityId", "taskId", "message", "warnings"]);
    assert_eq!(accepted["warnings"], json!([]));
    assert!(accepted["message"].as_str().is_some_and(|m| !m.is_empty()), "{accepted}");
    assert_ne!(accepted["activityId"], accepted["taskId"]);
    let ended = imports.ended(accepted["activityId"].as_str().expect("a GUID")).await;
    ended.is([3, 0, 0]);
    let activity = &ended.activity;
    for (field, value) in [
        ("targetType", json!("ConnectedSystemRunProfile")),
        ("targetOperationType", json!("Execute")),
        ("targetName", json!("Full")),
        ("targetContext", json!("Directory")),
        ("connectedSystemRunType", json!("FullImport")),
        ("connectedSystemId", json!(imports.id)),
        ("connectedSystemRunProfileId", json!(imports.profile)),
        ("initiatedByType", json!("ApiKey")),
        ("errorMessage", Value::Null),
        ("warningMessage", Value::Null),
    ] {
        assert_eq!(activity[field], value, "{field}");
    }
    assert!(activity["executed"].is_string() && activity["executionTime"].is_string(), "{activity}");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_complete_settings_is_refused() {
    let app = TestApp::start().await;
    let id = app.create_system("Directory").await;
    let imports = Imports { app: &app, id, profile: 0 };
    let profile = imports.add_profile(json!({ "name": "Full", "runType": 1 })).await;
    let count = app.activities().len();
    let without_all = imports.execute(profile, "").await.expect_error(400, "BAD_REQUEST");
    assert!(without_all.contains("Host"), "{without_all}");
    let sandbox = sample().await;
    let mut settings = sandbox_settings(&sandbox);
    settings.as_object_mut().expect("an object").remove("3");
    app.set(id, &settings).await.expect_status(200);
    let without_password = imports.execute(profile, "").await.expect_error(400, "BAD_REQUEST");
    assert!(without_password.contains("Password"), "{without_password}");
    assert_eq!(app.activities().len(), count + 1, "only the update of the settings leaves one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_a_selection_is_refused() {
    let app = TestApp::start().await;
    let sandbox = sample().await;
    let id = app.connected_to(&sandbox).await;
    app.import(id, "").await.expect_status(200);
    app.import_schema(id).await.expect_status(200);
    let imports = Imports { app: &app, id, profile: 0 };
    let profile = imports.add_profile(json!({ "name": "Full", "runType": 1 })).await;
    let partitions = app.partitions(id).await;
    let partition = &partitions[0];
    let dn = partition["externalId"].as_str().expect("a DN").to_owned();
    let container = partition["containers"][0]["externalId"].as_str().expect("a DN").to_owned();
    let refused = async |word: &str| {
        let why = imports.execute(profile, "").await.expect_error(400, "BAD_REQUEST");
        assert!(why.contains(word), "{word} in {why}");
    };
    refused("object type").await;
    imports.choose(PERSON).await;
    refused("partition").await;
    imports.select(&dn, true).await;
    refused("container").await;
    imports.select(&container, true).await;
    assert_eq!(imports.run_with(profile, "").await.status(), "Complete");
    // Of a profile with a partition, only that one counts.
    let other = partitions[1]["externalId"].as_str().map(str::to_owned);
    if let Some(other) = other {
        let body = json!({ "name": "Other", "runType": 1, "partitionId": imports.partition(&other).await });
        let named = imports.add_profile(body).await;
        let why = imports.execute(named, "").await.expect_error(400, "BAD_REQUEST");
        assert!(why.contains(&other), "{why}");
    }
    imports.choose_type("inetOrgPerson", false).await;
    refused("object type").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_selection_is_a_warning_if_so_set() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, people(3), &["ou=People,dc=x"]).await;
    imports.run().await.is([3, 0, 0]);
    imports.select("dc=x", false).await;
    imports.execute(imports.profile, "").await.expect_error(400, "BAD_REQUEST");
    let setting = "/api/v1/service-settings/Sync.PartitionValidationMode";
    app.admin().put(setting, &json!({ "value": "Warning" })).await.expect_status(200);
    let accepted = imports.execute(imports.profile, "").await.expect_status(202);
    let warnings = accepted["warnings"].as_array().expect("warnings");
    assert!(warnings.len() == 1 && warnings[0].as_str().is_some_and(|w| w.contains("partition")), "{accepted}");
    let ended = imports.ended(accepted["activityId"].as_str().expect("a GUID")).await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithError", [0, 0, 0]), "all would go: {}", ended.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_gone_refuses_its_profile() {
    let app = TestApp::start().await;
    let tree = people(2).suffix("dc=y").ou("ou=A,dc=y");
    let (sandbox, imports) = Imports::of_tree(&app, tree, &["ou=People,dc=x", "ou=A,dc=y"]).await;
    let body = json!({ "name": "Part", "runType": 1, "partitionId": imports.partition("dc=y").await });
    let part = imports.add_profile(body).await;
    imports.run_with(part, "").await.is([0, 0, 0]);
    sandbox.remove_suffix("dc=y").expect("removed");
    app.import(imports.id, "?acceptRemovals=true").await.expect_status(200);
    let why = imports.execute(part, "").await.expect_error(400, "BAD_REQUEST");
    assert!(why.contains("dc=y"), "{why}");
    assert!(imports.objects().await.is_empty(), "it never widens to all partitions");
    imports.run().await.is([2, 0, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_types_that_are_not_built_are_refused() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    for name in ["DeltaImport", "FullSynchronisation", "DeltaSynchronisation", "Export"] {
        let profile = imports.add_profile(json!({ "name": name, "runType": name })).await;
        let why = imports.execute(profile, "").await.expect_error(400, "BAD_REQUEST");
        assert!(why.contains(name), "{why}");
    }
    assert!(imports.objects().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_profiles_queries_and_callers_are_refused() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    let other = app.create_system("Other").await;
    let (admin, own) = (app.admin(), imports.profile);
    for path in [
        format!("{SYSTEMS}/999/run-profiles/{own}/execute"),
        format!("{SYSTEMS}/{other}/run-profiles/{own}/execute"),
        imports.path("run-profiles/999/execute"),
        "/api/v1/activities/5d8ad5c1-34a6-4c6b-9c40-7c1b90a3a3a1/cancel".to_owned(),
        "/api/v1/activities/5d8ad5c1-34a6-4c6b-9c40-7c1b90a3a3a1/approve-removals".to_owned(),
    ] {
        admin.send("POST", &path, None).await.expect_error(404, "NOT_FOUND");
    }
    imports.execute(own, "?acceptRemoval=true").await.expect_fault("acceptRemoval");
    imports.execute(own, "?acceptRemovals=perhaps").await.expect_fault("acceptRemovals");
    let path = imports.path(&format!("run-profiles/{own}/execute"));
    app.with_roles("reader", &[2]).await.send("POST", &path, None).await.expect_error(403, "FORBIDDEN");
    app.stranger().send("POST", &path, None).await.expect_error(401, "UNAUTHORISED");
    let all = app.activities();
    assert!(all.iter().all(|a| a.operation != "Execute"), "a refused run leaves no activity");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_without_external_id_refuses_the_run() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    let found = imports.object_type("inetOrgPerson").await;
    let all = found["attributes"].as_array().expect("attributes");
    let id = all.iter().find(|a| a["isExternalId"] == true).expect("an external id")["id"].clone();
    let path = imports.path(&format!("object-types/{}/attributes/{id}", found["id"]));
    app.admin().put(&path, &json!({ "isExternalId": false })).await.expect_status(200);
    let why = imports.execute(imports.profile, "").await.expect_error(400, "BAD_REQUEST");
    assert!(why.contains("inetOrgPerson") && why.contains("external id"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_fails_the_run() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(2), &["ou=People,dc=x"]).await;
    imports.run().await.is([2, 0, 0]);
    let bind = Some(crate::support::directory::Answer::new(49, "wrong"));
    sandbox.set_faults(crate::support::directory::Faults { bind, ..Default::default() });
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("FailedWithError", [0, 0, 0]));
    assert!(ended.text("errorMessage").contains("49"), "{}", ended.shown());
    assert_eq!(imports.held().await, [person("p1"), person("p2")]);
    sandbox.set_faults(Default::default());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_without_objects_is_an_empty_run() {
    let app = TestApp::start().await;
    let tree = Tree::new().suffix("dc=x").ou("ou=People,dc=x");
    let (_sandbox, imports) = Imports::of_tree(&app, tree, &["ou=People,dc=x"]).await;
    imports.run().await.is([0, 0, 0]);
    assert!(imports.objects().await.is_empty());
    imports.again_is_nothing().await;
}
