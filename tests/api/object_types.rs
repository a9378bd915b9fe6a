//! Object types and attributes: what is listed, how a choice is made, one by one and many at once, and the activities
//! these leave.

use serde_json::{Value, json};

use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::{SYSTEMS, TestApp};

/// A system with the object types `person` and `unit`, imported from a directory of its own.
struct Imported {
    id: i64,
    _sandbox: Sandbox,
}

fn definitions(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

async fn imported(app: &TestApp) -> Imported {
    let sandbox = Sandbox::start(Options::with_tree(Tree::new().suffix("dc=x"))).await.expect("the sandbox starts");
    sandbox.set_schema(
        definitions(&[
            "( 1.1 NAME 'top' ABSTRACT MUST objectClass )",
            "( 1.2 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) MAY ( Mail $ uid $ photo ) )",
            "( 1.3 NAME 'unit' SUP top STRUCTURAL MUST ou )",
        ]),
        definitions(&[
            "( 2.1 NAME 'objectClass' SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )",
            "( 2.2 NAME 'sn' DESC 'family name' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )",
            "( 2.3 NAME 'cn' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
            "( 2.4 NAME 'Mail' SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{256} )",
            "( 2.5 NAME 'uid' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
            "( 2.6 NAME 'photo' SYNTAX 1.3.6.1.4.1.1466.115.121.1.28 )",
            "( 2.7 NAME 'ou' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
        ]),
        Vec::new(),
    );
    let id = app.connected_to(&sandbox).await;
    app.import_schema(id).await.expect_status(200);
    Imported { id, _sandbox: sandbox }
}

/// Object type `name` of a system.
async fn object_type(app: &TestApp, id: i64, name: &str) -> Value {
    let types = app.object_types(id).await;
    types.as_array().expect("types").iter().find(|t| t["name"] == name).expect("the type").clone()
}

fn attribute<'a>(object_type: &'a Value, name: &str) -> &'a Value {
    let attributes = object_type["attributes"].as_array().expect("attributes");
    attributes.iter().find(|a| a["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

/// status, message, warning, to process, processed of the updates in the order they happened.
fn updates(app: &TestApp) -> Vec<(String, String, Option<String>, i64, i64)> {
    let all = app.activities().into_iter().filter(|a| {
        let told = a.message.as_ref().is_some_and(|m| !m.starts_with("Changed:"));
        a.operation == "Update" && a.target_type == "ConnectedSystem" && a.system.is_some() && told
    });
    all.map(|a| (a.status, a.message.unwrap_or_default(), a.warning, a.to_process, a.processed)).collect()
}

/// What is sent for which attribute; then who is selected, the external id, the secondary one, and what is told.
type Step = (&'static str, Value, &'static [&'static str], &'static str, &'static str, &'static str);

fn last_message(app: &TestApp) -> String {
    updates(app).pop().expect("an update").1
}

#[tokio::test(flavor = "multi_thread")]
async fn types_and_attributes_are_listed_by_name() {
    let app = TestApp::start().await;
    let system = imported(&app).await;
    let types = app.object_types(system.id).await;
    let names: Vec<&str> = types.as_array().expect("types").iter().filter_map(|t| t["name"].as_str()).collect();
    assert_eq!(names, ["person", "unit"]);
    let person = &types[0];
    let expected = [
        // name, description, class, type, plurality, chosen as, writability
        ("cn", None, Some("person"), "String", "Multi", "", "ReadWrite"),
        ("distinguishedName", None, None, "String", "Single", "secondary", "ReadWrite"),
        ("entryUUID", None, None, "Guid", "Single", "external", "ReadOnly"),
        ("Mail", None, Some("person"), "String", "Multi", "", "ReadWrite"),
        ("objectClass", None, Some("top"), "String", "Multi", "", "ReadWrite"),
        ("photo", None, Some("person"), "Binary", "Multi", "", "ReadWrite"),
        ("sn", Some("family name"), Some("person"), "String", "Single", "", "ReadWrite"),
        ("uid", None, Some("person"), "String", "Multi", "", "ReadWrite"),
    ];
    let attributes = person["attributes"].as_array().expect("attributes");
    assert_eq!(attributes.len(), expected.len(), "{person}");
    for (shown, (name, description, class, data_type, plurality, chosen, writability)) in
        attributes.iter().zip(expected)
    {
        assert_eq!(
            *shown,
            json!({
                "id": shown["id"],
                "name": name,
                "description": description,
                "className": class,
                "created": person["created"],
                "type": data_type,
                "attributePlurality": plurality,
                "selected": !chosen.is_empty(),
                "isExternalId": chosen == "external",
                "isSecondaryExternalId": chosen == "secondary",
                "selectionLocked": !chosen.is_empty(),
                "writability": writability,
            })
        );
        assert!(shown["id"].is_i64());
    }
    let mut head = person.clone();
    head["attributes"] = Value::Null;
    assert_eq!(
        head,
        json!({
            "id": person["id"],
            "name": "person",
            "created": person["created"],
            "selected": false,
            "removeContributedAttributesOnObsoletion": false,
            "attributeCount": 8,
            "attributes": null,
        })
    );
    assert!(person["created"].as_str().is_some_and(|c| c.ends_with('Z')));
    let detail = app.admin().get(&format!("{SYSTEMS}/{}", system.id)).await.expect_status(200);
    assert_eq!(detail["objectTypes"], types, "the detail has them too");
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_is_chosen_with_a_partial_update() {
    let app = TestApp::start().await;
    let system = imported(&app).await;
    let person = object_type(&app, system.id, "person").await;
    let (admin, detail) = (app.admin(), format!("{SYSTEMS}/{}", system.id));
    let path = format!("{detail}/object-types/{}", person["id"]);
    let before = admin.get(&detail).await.expect_status(200);
    let mut expected = person.clone();
    for (body, told) in [
        (json!({}), "nothing changed"),
        (json!({ "selected": null, "removeContributedAttributesOnObsoletion": null }), "nothing changed"),
        (json!({ "Selected": true, "other": 5 }), "selected"),
        (json!({ "removeContributedAttributesOnObsoletion": true }), "contributed attributes go when obsolete"),
        (json!({ "selected": true }), "selected"),
        (
            json!({ "selected": false, "removeContributedAttributesOnObsoletion": false }),
            "not selected, contributed attributes stay when obsolete",
        ),
        (json!({ "selected": true }), "selected"),
    ] {
        for name in ["selected", "removeContributedAttributesOnObsoletion"] {
            let sent = body.as_object().expect("fields").iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            if let Some((_, flag)) = sent.filter(|(_, v)| v.is_boolean()) {
                expected[name] = flag.clone();
            }
        }
        let count = updates(&app).len();
        assert_eq!(admin.put(&path, &body).await.expect_status(200), expected, "{body}");
        assert_eq!(object_type(&app, system.id, "person").await, expected, "{body}");
        assert_eq!((updates(&app).len(), last_message(&app)), (count + 1, format!("Object type person: {told}")));
    }
    let listed = admin.get(SYSTEMS).await.expect_status(200);
    assert_eq!(listed["items"][0]["connectorsCount"], 1, "selected object types");
    let after = admin.get(&detail).await.expect_status(200);
    assert_eq!(after["lastUpdated"], before["lastUpdated"], "choices do not touch it");

    let (dump, count) = (app.dump(), updates(&app).len());
    for (body, field) in [
        (r#"{"selected":"true"}"#, "selected"),
        (r#"{"selected":1}"#, "selected"),
        (r#"{"removeContributedAttributesOnObsoletion":"no"}"#, "removeContributedAttributesOnObsoletion"),
        (r#"{"selected":true,"SELECTED":false}"#, "selected"),
        ("[]", "body"),
        ("", "body"),
    ] {
        admin.send("PUT", &path, Some(body.to_owned())).await.expect_fault(field);
    }
    for (system, of) in [(system.id, "999"), (system.id, "x"), (999, "1"), (system.id, "-1")] {
        let path = format!("{SYSTEMS}/{system}/object-types/{of}");
        admin.put(&path, &json!({ "selected": true })).await.expect_error(404, "NOT_FOUND");
    }
    assert_eq!((app.dump(), updates(&app).len()), (dump, count), "a refused request writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_is_chosen_by_the_rules_of_external_ids() {
    let app = TestApp::start().await;
    let system = imported(&app).await;
    let person = object_type(&app, system.id, "person").await;
    let admin = app.admin();
    let path = |name: &str| {
        format!("{SYSTEMS}/{}/object-types/{}/attributes/{}", system.id, person["id"], attribute(&person, name)["id"])
    };
    let steps: [Step; 14] = [
        ("Mail", json!({}), &[], "entryUUID", "distinguishedName", "nothing changed"),
        ("Mail", json!({ "selected": true }), &["Mail"], "entryUUID", "distinguishedName", "selected"),
        ("Mail", json!({ "selected": false }), &[], "entryUUID", "distinguishedName", "not selected"),
        (
            "Mail",
            json!({ "isExternalId": true }),
            &["entryUUID"],
            "Mail",
            "distinguishedName",
            "external id, external id taken from entryUUID",
        ),
        ("Mail", json!({ "isExternalId": true }), &["entryUUID"], "Mail", "distinguishedName", "external id"),
        (
            "Mail",
            json!({ "isSecondaryExternalId": true, "selected": true }),
            &["entryUUID", "distinguishedName"],
            "Mail",
            "Mail",
            "selected, secondary external id, secondary external id taken from distinguishedName",
        ),
        ("Mail", json!({ "isExternalId": false }), &["entryUUID", "distinguishedName"], "", "Mail", "not external id"),
        (
            "Mail",
            json!({ "isSecondaryExternalId": false }),
            &["Mail", "entryUUID", "distinguishedName"],
            "",
            "",
            "not secondary external id",
        ),
        ("Mail", json!({ "selected": false }), &["entryUUID", "distinguishedName"], "", "", "not selected"),
        ("entryUUID", json!({ "selected": false }), &["distinguishedName"], "", "", "not selected"),
        ("entryUUID", json!({ "isExternalId": true }), &["distinguishedName"], "entryUUID", "", "external id"),
        (
            "distinguishedName",
            json!({ "isSecondaryExternalId": true }),
            &[],
            "entryUUID",
            "distinguishedName",
            "secondary external id",
        ),
        (
            "sn",
            json!({ "isExternalId": null, "selected": true }),
            &["sn"],
            "entryUUID",
            "distinguishedName",
            "selected",
        ),
        ("sn", json!({ "isExternalId": false }), &["sn"], "entryUUID", "distinguishedName", "not external id"),
    ];
    for (name, body, chosen, external, secondary, told) in steps {
        let count = updates(&app).len();
        let answer = admin.put(&path(name), &body).await.expect_status(200);
        assert_eq!((updates(&app).len(), last_message(&app)), (count + 1, format!("Attribute person.{name}: {told}")));
        let now = object_type(&app, system.id, "person").await;
        assert_eq!(answer, *attribute(&now, name), "{name} {body}");
        for a in now["attributes"].as_array().expect("attributes") {
            let of = a["name"].as_str().expect("a name");
            let locked = of == external || of == secondary;
            let shown = ["isExternalId", "isSecondaryExternalId", "selectionLocked", "selected"].map(|f| a[f].clone());
            let expected = [of == external, of == secondary, locked, locked || chosen.contains(&of)].map(Value::Bool);
            assert_eq!(shown, expected, "{of} after {name} {body}");
        }
    }
    app.is_sound();

    let (dump, count) = (app.dump(), updates(&app).len());
    for (name, body) in [
        ("entryUUID", json!({ "selected": false })),
        ("entryUUID", json!({ "selected": false, "isExternalId": false })),
        ("distinguishedName", json!({ "selected": false, "isSecondaryExternalId": false })),
        ("uid", json!({ "selected": false, "isExternalId": true })),
    ] {
        admin.put(&path(name), &body).await.expect_fault("selected");
    }
    for field in ["selected", "isExternalId", "isSecondaryExternalId"] {
        for bad in ["\"true\"", "1", "[]"] {
            let body = format!("{{\"{field}\":{bad}}}");
            admin.send("PUT", &path("uid"), Some(body)).await.expect_fault(field);
        }
    }
    for bad in ["abc", "1.0", "99999999999999999999"] {
        let path = format!("{SYSTEMS}/{}/object-types/{}/attributes/{bad}", system.id, person["id"]);
        admin.put(&path, &json!({ "selected": true })).await.expect_error(404, "NOT_FOUND");
    }
    let unit = object_type(&app, system.id, "unit").await;
    let other = imported(&app).await;
    let uid = &attribute(&person, "uid")["id"];
    for (of, object_type, id) in [
        (system.id, &unit["id"], uid),
        (other.id, &person["id"], uid),
        (system.id, &person["id"], &json!(999_999)),
        (system.id, &json!(999_999), uid),
        (999, &person["id"], uid),
    ] {
        let path = format!("{SYSTEMS}/{of}/object-types/{object_type}/attributes/{id}");
        admin.put(&path, &json!({ "selected": true })).await.expect_error(404, "NOT_FOUND");
    }
    let own = |dump: &str| dump.lines().filter(|l| !l.starts_with("connected_systems")).count();
    assert!(own(&app.dump()) > own(&dump), "the other system's own rows");
    assert_eq!(object_type(&app, system.id, "person").await["attributes"].as_array().map(Vec::len), Some(8));
    assert_eq!(updates(&app).len(), count, "a refused request leaves no activity");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_update_stores_what_it_can_on_both_routes() {
    let app = TestApp::start().await;
    let system = imported(&app).await;
    let person = object_type(&app, system.id, "person").await;
    let unit = object_type(&app, system.id, "unit").await;
    let admin = app.admin();
    let of = format!("{SYSTEMS}/{}/object-types/{}/attributes", system.id, person["id"]);
    let id = |name: &str| attribute(&person, name)["id"].as_i64().expect("an id");
    let foreign = attribute(&unit, "ou")["id"].as_i64().expect("an id");
    let routes = [("POST", format!("{of}/bulk-update")), ("PUT", of.clone())];
    for (method, path) in &routes {
        let body = json!({ "Attributes": {
            id("Mail").to_string(): { "selected": true, "x": 1 },
            id("cn").to_string(): { "SELECTED": true, "isExternalId": null },
            id("uid").to_string(): null,
            foreign.to_string(): { "selected": true },
            "999999": { "selected": true },
            id("entryUUID").to_string(): { "selected": false },
        } });
        let done = admin.send(method, path, Some(body.to_string())).await.expect_status(200);
        let failed: Vec<i64> =
            done["errors"].as_array().expect("errors").iter().filter_map(|e| e["attributeId"].as_i64()).collect();
        let mut expected = [id("entryUUID"), foreign, 999_999];
        expected.sort_unstable();
        assert_eq!(failed, expected);
        for error in done["errors"].as_array().expect("errors") {
            assert_eq!(error.as_object().map(|e| e.len()), Some(2), "{error}");
            assert!(error["errorMessage"].as_str().is_some_and(|m| m.ends_with('.')), "{error}");
        }
        let now = object_type(&app, system.id, "person").await;
        let mut updated = ["Mail", "cn", "uid"].map(|name| attribute(&now, name).clone());
        updated.sort_by_key(|a| a["id"].as_i64());
        assert_eq!((&done["updatedCount"], &done["updatedAttributes"]), (&json!(3), &json!(updated)));
        assert!(done["activityId"].as_str().is_some_and(|i| i.len() == 36));
        assert_eq!(
            [attribute(&now, "Mail"), attribute(&now, "uid")].map(|a| a["selected"].clone()),
            [json!(true), json!(false)]
        );
        let (status, message, warning, to_process, processed) = updates(&app).pop().expect("an activity");
        assert_eq!((status.as_str(), warning.is_some(), to_process, processed), ("CompleteWithWarning", true, 6, 3));
        assert!(message.starts_with("Object type person, 3 attributes updated: "), "{message}");
        for told in ["Mail (selected)", "cn (selected)", "uid"] {
            assert!(message.contains(told), "{message}");
        }
    }

    // The external id goes from one to the other; the second to claim it is told so.
    let (first, second) = (id("Mail").min(id("sn")), id("Mail").max(id("sn")));
    let body = json!({ "attributes": {
        first.to_string(): { "isExternalId": true },
        second.to_string(): { "isExternalId": true, "isSecondaryExternalId": true },
    } });
    let done = admin.post(&routes[0].1, &body).await.expect_status(200);
    assert_eq!((&done["updatedCount"], &done["errors"][0]["attributeId"]), (&json!(1), &json!(second)));
    let now = object_type(&app, system.id, "person").await;
    let with = |flag: &str| {
        let all = now["attributes"].as_array().expect("attributes").iter().filter(|a| a[flag] == true);
        all.filter_map(|a| a["id"].as_i64()).collect::<Vec<_>>()
    };
    assert_eq!((with("isExternalId"), with("isSecondaryExternalId")), (vec![first], vec![id("distinguishedName")]));
    assert!(last_message(&app).contains("external id taken from entryUUID"), "{}", last_message(&app));
    let body = json!({ "attributes": { id("cn").to_string(): { "selected": false } } });
    let done = admin.put(&of, &body).await.expect_status(200);
    assert_eq!((&done["errors"], &updates(&app).pop().expect("an activity").0), (&Value::Null, &"Complete".to_owned()));

    let (dump, count) = (app.dump(), updates(&app).len());
    let wrong_row = format!("attributes.{}", id("cn"));
    for (body, field) in [
        ("{}".to_owned(), "attributes"),
        (r#"{"attributes":null}"#.to_owned(), "attributes"),
        (r#"{"attributes":[]}"#.to_owned(), "attributes"),
        (r#"{"attributes":{"x":{"selected":true}}}"#.to_owned(), "attributes.x"),
        (format!(r#"{{"attributes":{{"{}":true}}}}"#, id("cn")), wrong_row.as_str()),
        (format!(r#"{{"attributes":{{"{}":{{"selected":"true"}}}}}}"#, id("cn")), wrong_row.as_str()),
        (format!(r#"{{"attributes":{{"{0}":{{}},"{0}":{{}}}}}}"#, id("cn")), wrong_row.as_str()),
    ] {
        for (method, path) in &routes {
            admin.send(method, path, Some(body.clone())).await.expect_fault(field);
        }
    }
    for (system, of) in [(system.id, "999"), (999, "1")] {
        let path = format!("{SYSTEMS}/{system}/object-types/{of}/attributes");
        let body = json!({ "attributes": { "1": { "selected": true } } });
        admin.put(&path, &body).await.expect_error(404, "NOT_FOUND");
        admin.post(&format!("{path}/bulk-update"), &body).await.expect_error(404, "NOT_FOUND");
        // What is missing is told before anything is looked up.
        admin.put(&path, &json!({ "attributes": {} })).await.expect_fault("attributes");
    }
    assert_eq!((app.dump(), updates(&app).len()), (dump, count), "a refused request writes nothing");
    app.is_sound();
}
