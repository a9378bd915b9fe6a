//! Partitions and containers: order, whose they are, single and bulk selection, and the activities these leave.

use serde_json::{Value, json};

use crate::support::case::Case;
use crate::support::directory::Tree;
use crate::support::{Client, SYSTEMS, TestApp, containers};

fn tree() -> Tree {
    Tree::new()
        .suffix("dc=zeta,dc=example")
        .suffix("dc=Alpha,dc=example")
        .ou("ou=Users,dc=zeta,dc=example")
        .ou("ou=engineering,ou=Users,dc=zeta,dc=example")
        .ou("ou=Deep,ou=engineering,ou=Users,dc=zeta,dc=example")
        .ou("ou=Accounts,ou=Users,dc=zeta,dc=example")
        .ou("ou=accounts,dc=zeta,dc=example")
        .ou("ou=ZZZ,dc=zeta,dc=example")
        .entry("l=Users,dc=zeta,dc=example", &[("objectClass", &["locality"])])
        .ou("ou=Below,l=Users,dc=zeta,dc=example")
}

/// target operation, name, system, status, message, warning, to process, processed, by whom.
type Row = (String, String, i64, String, String, Option<String>, i64, i64, String);

/// The updates in the order they happened.
fn updates(app: &TestApp) -> Vec<Row> {
    let all = app.activities().into_iter().filter(|a| a.operation == "Update");
    all.map(|a| {
        let target = format!("{}/{}", a.target_type, a.operation);
        let (name, system, message) = (a.target_name.expect("a name"), a.system.expect("a system"), a.message);
        let message = message.expect("a message");
        (target, name, system, a.status, message, a.warning, a.to_process, a.processed, a.by_type)
    })
    .collect()
}

fn row_of(partitions: &Value, dn: &str) -> i64 {
    let all = containers(partitions);
    let row = partitions.as_array().expect("a list").iter().chain(all).find(|r| r["externalId"] == dn);
    row.unwrap_or_else(|| panic!("no {dn}"))["id"].as_i64().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_level_is_ordered_by_name_and_then_by_dn() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[]).await;
    let expected = [
        "dc=Alpha,dc=example",
        "dc=zeta,dc=example",
        " ou=accounts,dc=zeta,dc=example",
        " l=Users,dc=zeta,dc=example",
        "  ou=Below,l=Users,dc=zeta,dc=example",
        " ou=Users,dc=zeta,dc=example",
        "  ou=Accounts,ou=Users,dc=zeta,dc=example",
        "  ou=engineering,ou=Users,dc=zeta,dc=example",
        "   ou=Deep,ou=engineering,ou=Users,dc=zeta,dc=example",
        " ou=ZZZ,dc=zeta,dc=example",
    ];
    let shown: Vec<String> = case.tree().await.into_iter().filter(|l| !l.trim().starts_with("cn=")).collect();
    assert_eq!(shown, expected);
    let partitions = app.partitions(case.id).await;
    assert_eq!(partitions[0]["containers"], json!([]), "a partition without containers stays listed");
    for container in containers(&partitions) {
        assert_eq!(container["connectedSystemId"], case.id);
        assert!(container["partitionId"].is_i64() && container["childContainers"].is_array(), "{container}");
    }
    let file = json!({ "name": "Files", "connectorDefinitionId": 1 });
    let file = app.admin().post(SYSTEMS, &file).await.expect_status(201)["id"].as_i64().expect("an id");
    assert_eq!(app.partitions(file).await, json!([]), "a connector without a hierarchy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_sets_one_choice_and_leaves_an_activity() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[]).await;
    let admin = app.admin();
    let partitions = app.partitions(case.id).await;
    let system = format!("{SYSTEMS}/{}", case.id);
    let rows = [
        ("partitions", "Partition", "dc=Alpha,dc=example"),
        ("containers", "Container", "ou=Users,dc=zeta,dc=example"),
        ("containers", "Container", "ou=Deep,ou=engineering,ou=Users,dc=zeta,dc=example"),
    ];
    let mut before = admin.get(&system).await.expect_status(200);
    let mut expected = updates(&app);
    for (kind, what, dn) in rows {
        let row = row_of(&partitions, dn);
        let path = format!("{system}/{kind}/{row}");
        // Deep follows Users until it has a choice of its own.
        let mut selected = dn.contains("Deep");
        for (body, then, told) in [
            (json!({}), None, "nothing changed"),
            (json!({ "selected": null }), None, "nothing changed"),
            (json!({ "SELECTED": true, "other": 1 }), Some(true), "selected"),
            (json!({ "selected": true }), Some(true), "selected"),
            (json!({ "selected": null }), None, "nothing changed"),
            (json!({ "selected": false }), Some(false), "not selected"),
            (json!({ "selected": true }), Some(true), "selected"),
        ] {
            selected = then.unwrap_or(selected);
            let answer = admin.put(&path, &body).await.expect_status(200);
            assert_eq!((&answer["id"], &answer["selected"]), (&json!(row), &json!(selected)), "{dn} {body}");
            let message = format!("{what} {dn}: {told}");
            let by = "ApiKey".to_owned();
            let (target, name) = ("ConnectedSystem/Update".to_owned(), "Sandbox".to_owned());
            expected.push((target, name, case.id, "Complete".to_owned(), message, None, 0, 0, by));
            assert_eq!(updates(&app).len(), expected.len());
        }
        for bad in ["\"true\"", "1", "0", "\"\"", "[]", "{}"] {
            let body = format!("{{\"selected\":{bad}}}");
            admin.send("PUT", &path, Some(body)).await.expect_fault("selected");
        }
    }
    let last = |rows: &[Row]| rows.iter().map(|r| (r.0.clone(), r.1.clone(), r.2, r.3.clone())).collect::<Vec<_>>();
    let (now, messages) = (updates(&app), |rows: &[Row]| rows.iter().map(|r| r.4.clone()).collect::<Vec<_>>());
    assert_eq!((last(&now), messages(&now)), (last(&expected), messages(&expected)));
    assert!(now.iter().all(|r| r.5.is_none() && r.8 == "ApiKey"));
    before["selectedContainerCount"] = json!(4);
    assert_eq!(admin.get(&system).await.expect_status(200), before, "lastUpdated stays");
    // The rows of zeta were selected although zeta is not, and only they have a choice.
    let stored = app.stored().containers();
    let chosen: Vec<(&str, bool)> = stored.iter().filter_map(|row| Some((row.dn.as_str(), row.choice?))).collect();
    assert_eq!(chosen, [(rows[1].2, true), (rows[2].2, true)]);
}

/// Every way to name a row through this system is 404.
async fn is_no_ones(client: &Client, system: i64, partition: i64, container: i64) {
    for path in [format!("partitions/{partition}"), format!("containers/{container}")] {
        let path = format!("{SYSTEMS}/{system}/{path}");
        client.put(&path, &json!({ "selected": true })).await.expect_error(404, "NOT_FOUND");
        client.put(&path, &json!({})).await.expect_error(404, "NOT_FOUND");
        client.put(&path, &json!({ "selected": "x" })).await.expect_fault("selected");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_belong_to_their_system() {
    let app = TestApp::start().await;
    let a = Case::imported(&app, tree(), &[]).await;
    let b = Case::imported(&app, Tree::new().suffix("dc=b").ou("ou=Own,dc=b"), &[]).await;
    let (of_a, of_b) = (app.partitions(a.id).await, app.partitions(b.id).await);
    let (dump, count) = (app.dump(), updates(&app).len());
    let admin = app.admin();
    let partition = row_of(&of_a, "dc=zeta,dc=example");
    for dn in ["ou=Users,dc=zeta,dc=example", "ou=Deep,ou=engineering,ou=Users,dc=zeta,dc=example"] {
        is_no_ones(&admin, b.id, partition, row_of(&of_a, dn)).await;
        is_no_ones(&admin, 999, partition, row_of(&of_a, dn)).await;
    }
    is_no_ones(&admin, a.id, row_of(&of_b, "dc=b"), row_of(&of_b, "ou=Own,dc=b")).await;
    is_no_ones(&admin, a.id, 0, 0).await;
    is_no_ones(&admin, a.id, -1, i64::MAX).await;
    admin.get(&format!("{SYSTEMS}/999/partitions")).await.expect_error(404, "NOT_FOUND");
    assert_eq!((app.dump(), updates(&app).len()), (dump, count), "a refused request writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_update_stores_what_it_can_and_reports_the_rest() {
    let app = TestApp::start().await;
    let a = Case::imported(&app, tree(), &[]).await;
    let b = Case::imported(&app, Tree::new().suffix("dc=b").ou("ou=Own,dc=b"), &[]).await;
    let (of_a, foreign) = (app.partitions(a.id).await, row_of(&app.partitions(b.id).await, "ou=Own,dc=b"));
    let deep = row_of(&of_a, "ou=Deep,ou=engineering,ou=Users,dc=zeta,dc=example");
    let [users, zzz] = ["ou=Users,dc=zeta,dc=example", "ou=ZZZ,dc=zeta,dc=example"].map(|dn| row_of(&of_a, dn));
    let (admin, path) = (app.admin(), format!("{SYSTEMS}/{}/containers/bulk-update", a.id));
    let bulk = |body: String| {
        let (admin, path) = (&admin, &path);
        async move { admin.send("POST", path, Some(body)).await }
    };

    let body = format!(
        r#"{{"Containers":{{"999999":{{"selected":true}},"{foreign}":{{}},"{deep}":{{"Selected":true,"x":1}},"{users}":{{"selected":null}},"{zzz}":{{"selected":true}}}}}}"#
    );
    let mut done = bulk(body).await.expect_status(200);
    let errors = done["errors"].take();
    let listed: Vec<i64> =
        errors.as_array().expect("errors").iter().filter_map(|e| e["containerId"].as_i64()).collect();
    assert_eq!(listed, [foreign, 999_999], "in ascending order");
    assert!(errors.as_array().expect("errors").iter().all(|e| e["errorMessage"].is_string()), "{errors}");
    let id = done["activityId"].take();
    assert!(id.as_str().is_some_and(|i| i.len() == 36), "{id}");
    assert_eq!(done, json!({ "activityId": null, "updatedCount": 3, "errors": null }));
    let last = updates(&app).pop().expect("an activity");
    assert_eq!((last.0.as_str(), last.2, last.3.as_str()), ("ConnectedSystem/Update", a.id, "CompleteWithWarning"));
    assert_eq!((last.5.is_some(), last.6, last.7), (true, 5, 3));

    let count = updates(&app).len();
    let done = bulk(format!(r#"{{"containers":{{"{zzz}":{{"selected":false}}}}}}"#)).await.expect_status(200);
    assert_eq!((&done["updatedCount"], &done["errors"]), (&json!(1), &Value::Null));
    let rows = updates(&app);
    assert_eq!((rows.len(), rows[count].3.as_str(), rows[count].6, rows[count].7), (count + 1, "Complete", 1, 1));
    let selected: Vec<String> = a.tree().await.into_iter().filter(|l| l.ends_with(" *")).collect();
    assert_eq!(selected, ["   ou=Deep,ou=engineering,ou=Users,dc=zeta,dc=example *"]);

    let dump = app.dump();
    let wrong_row = format!("containers.{zzz}");
    for (body, field) in [
        ("{}".to_owned(), "containers"),
        (r#"{"containers":null}"#.to_owned(), "containers"),
        (r#"{"containers":{}}"#.to_owned(), "containers"),
        (r#"{"containers":[]}"#.to_owned(), "containers"),
        (r#"{"containers":{"x":{"selected":true}}}"#.to_owned(), "containers.x"),
        (r#"{"containers":{"+1":{"selected":true}}}"#.to_owned(), "containers.+1"),
        (r#"{"containers":{"01":{}}}"#.to_owned(), "containers.01"),
        (r#"{"containers":{"1.0":{}}}"#.to_owned(), "containers.1.0"),
        (r#"{"containers":{"":{}}}"#.to_owned(), "containers."),
        (r#"{"containers":{"9223372036854775808":{}}}"#.to_owned(), "containers.9223372036854775808"),
        (format!(r#"{{"containers":{{"{zzz}":true}}}}"#), &wrong_row),
        (format!(r#"{{"containers":{{"{zzz}":{{"selected":"true"}}}}}}"#), &wrong_row),
        (format!(r#"{{"containers":{{"{zzz}":{{"selected":true,"Selected":true}}}}}}"#), &wrong_row),
        (format!(r#"{{"containers":{{"{zzz}":{{}},"{zzz}":{{}}}}}}"#), &wrong_row),
        (format!(r#"{{"containers":{{"{users}":{{"selected":true}},"{zzz}":{{"selected":1}}}}}}"#), &wrong_row),
    ] {
        bulk(body.clone()).await.expect_fault(field);
        let elsewhere = path.replace(&format!("systems/{}/", a.id), "systems/999/");
        admin.send("POST", &elsewhere, Some(body)).await.expect_fault(field);
    }
    bulk(String::new()).await.expect_fault("body");
    let good = json!({ "containers": { "1": {} } });
    admin.post(&format!("{SYSTEMS}/999/containers/bulk-update"), &good).await.expect_error(404, "NOT_FOUND");
    let body = Some(good.to_string());
    app.with_roles("reader", &[2]).await.send("POST", &path, body.clone()).await.expect_error(403, "FORBIDDEN");
    app.stranger().send("POST", &path, body).await.expect_error(401, "UNAUTHORISED");
    assert_eq!((app.dump(), updates(&app).len()), (dump, count + 1), "a refused request writes nothing");
}
