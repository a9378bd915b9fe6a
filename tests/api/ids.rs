//! Ids that name nothing, nothing any more, or a part of another system: every operation answers 404 and changes
//! nothing.

use serde_json::{Value, json};

use crate::support::described::DESCRIPTION;
use crate::support::{Client, SYSTEMS, TestApp, containers, sample};
use crate::tier;

/// What no integer id is.
const NO_IDS: [&str; 22] = [
    "0",
    "-1",
    "-0",
    "999999",
    "2147483648",
    "4294967297",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551617",
    "99999999999999999999999999999999999999999999999999",
    "1e0",
    "1.0",
    "+1",
    "0x1",
    "%201",
    "1%20",
    "1%00",
    "%D9%A1",
    "1%2F2",
    "1'%20OR%20'1'='1",
];

/// What no GUID of anything is.
const NO_GUIDS: [&str; 6] = [
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "00000000-0000-4000-8000-00000000000",
    "00000000-0000-4000-8000-0000000000000",
    "1",
    "..%2F..",
];

/// Good for every operation that takes a body; each skips what it does not know.
fn body(id: &str) -> String {
    json!({
        "name": "changed", "notes": "changed", "value": "1", "selected": true, "roleIds": [1], "isEnabled": true, "runType": 1,
        "containers": { id: { "selected": true } }, "attributes": { id: { "selected": true } },
    })
    .to_string()
}

/// Every operation of the description with an id in its path: method, template, and the names of the ids.
fn operations() -> Vec<(String, &'static str, Vec<&'static str>)> {
    let mut found = Vec::new();
    for (template, item) in DESCRIPTION["paths"].as_object().expect("paths") {
        let ids: Vec<&str> = template.split('/').filter(|s| s.starts_with('{') && s.ends_with("Id}")).collect();
        if !ids.is_empty() {
            let verbs = item.as_object().expect("operations").keys();
            found.extend(verbs.map(|verb| (verb.to_uppercase(), template.as_str(), ids.clone())));
        }
    }
    assert!(found.len() > 25, "{}", found.len());
    found
}

/// A path in which one id is this one and the others are those that exist.
fn path(template: &str, name: &str, id: &str, existing: &[(&str, String)]) -> String {
    let path = template.replace(name, id);
    existing.iter().fold(path, |path, (name, id)| path.replace(&format!("{{{name}}}"), id))
}

async fn is_nothing(client: &Client, method: &str, path: &str) {
    let sent = (method != "GET").then(|| body("1"));
    client.send(method, path, sent).await.expect_error(404, "NOT_FOUND");
}

/// A system at the sample directory with hierarchy and schema, and what it owns.
struct Owner {
    id: i64,
    partition: i64,
    container: i64,
    run_profile: i64,
    object_type: i64,
    attribute: i64,
    /// An attribute of the type after it.
    of_another_type: i64,
}

impl Owner {
    async fn new(app: &TestApp, sandbox: &crate::support::directory::Sandbox) -> Owner {
        let id = app.connected_to(sandbox).await;
        app.import(id, "").await.expect_status(200);
        app.import_schema(id).await.expect_status(200);
        let (partitions, types) = (app.partitions(id).await, app.object_types(id).await);
        let number = |value: &Value| value.as_i64().expect("an id");
        let profile = json!({ "name": "Full", "runType": 1 });
        let profile = app.admin().post(&format!("{SYSTEMS}/{id}/run-profiles"), &profile).await.expect_status(201);
        Owner {
            id,
            partition: number(&partitions[0]["id"]),
            container: number(&containers(&partitions)[0]["id"]),
            run_profile: number(&profile["id"]),
            object_type: number(&types[0]["id"]),
            attribute: number(&types[0]["attributes"][0]["id"]),
            of_another_type: number(&types[1]["attributes"][0]["id"]),
        }
    }

    fn ids(&self) -> Vec<(&'static str, String)> {
        [
            ("connectedSystemId", self.id),
            ("runProfileId", self.run_profile),
            ("partitionId", self.partition),
            ("containerId", self.container),
            ("objectTypeId", self.object_type),
            ("attributeId", self.attribute),
            ("connectorDefinitionId", 3),
        ]
        .map(|(name, id)| (name, id.to_string()))
        .to_vec()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_name_nothing_are_404_in_every_operation() {
    let (app, sandbox) = (TestApp::start().await, sample().await);
    let owner = Owner::new(&app, &sandbox).await;
    let (admin, dump) = (app.admin(), app.dump());
    let mut asked = 0;
    for (method, template, names) in operations() {
        for name in names {
            let is_guid = ["{apiKeyId}", "{activityId}", "{certificateId}"].contains(&name);
            let wrong: &[&str] = if is_guid { &NO_GUIDS } else { &NO_IDS };
            for id in wrong {
                is_nothing(&admin, &method, &path(template, name, id, &owner.ids())).await;
                asked += 1;
            }
        }
    }
    assert_eq!(app.dump(), dump);
    tier::figure(format!("{asked} requests with ids of nothing: 404 in all, 0 changes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_one_system_is_not_there_through_another() {
    let (app, sandbox) = (TestApp::start().await, sample().await);
    let (a, b) = (Owner::new(&app, &sandbox).await, Owner::new(&app, &sandbox).await);
    let (admin, dump) = (app.admin(), app.dump());
    let mut asked = 0;
    for (own, other) in [(&a, &b), (&b, &a)] {
        for (method, template, names) in operations() {
            // Every id but the first is another system's; then the last one alone is.
            for from in [1, names.len() - 1] {
                if names.len() < 2 || names[0] != "{connectedSystemId}" {
                    continue;
                }
                let mixed = own.ids().into_iter().zip(other.ids()).map(|(own, other)| {
                    let place = names.iter().position(|n| n.trim_matches(['{', '}']) == own.0);
                    if place.is_some_and(|place| place >= from) { other } else { own }
                });
                is_nothing(&admin, &method, &path(template, "-", "-", &mixed.collect::<Vec<_>>())).await;
                asked += 1;
            }
        }
        // An attribute of one type through another of the same system.
        let system = format!("{SYSTEMS}/{}", own.id);
        let types = format!("{system}/object-types/{}", own.object_type);
        is_nothing(&admin, "PUT", &format!("{types}/attributes/{}", own.of_another_type)).await;
        // Many at once are told one by one.
        let many = [
            ("POST", format!("{system}/containers/bulk-update"), other.container),
            ("POST", format!("{types}/attributes/bulk-update"), other.attribute),
            ("PUT", format!("{types}/attributes"), own.of_another_type),
        ];
        for (method, path, id) in many {
            let answer = admin.send(method, &path, Some(body(&id.to_string()))).await.expect_status(200);
            assert_eq!(
                (&answer["updatedCount"], answer["errors"].as_array().map(Vec::len)),
                (&json!(0), Some(1)),
                "{path}"
            );
            asked += 1;
        }
    }
    assert!(asked >= 20);
    assert_eq!(app.dump(), dump);
    tier::figure(format!("{asked} requests through the other system: nothing found, 0 changes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_after_a_delete_or_a_refused_create() {
    let (app, sandbox) = (TestApp::start().await, sample().await);
    let owner = Owner::new(&app, &sandbox).await;
    let admin = app.admin();
    let key = json!({ "name": "short-lived", "roleIds": [1] });
    let key = admin.post("/api/v1/apikeys", &key).await.expect_status(201)["id"].as_str().expect("an id").to_owned();
    admin.delete(&format!("{SYSTEMS}/{}", owner.id)).await.expect_status(200);
    admin.delete(&format!("/api/v1/apikeys/{key}")).await.expect_status(204);

    // What a refused create would have become is not there, whatever it was refused for.
    let before = app.dump();
    for (body, status) in [
        (json!({ "name": "x", "connectorDefinitionId": 99 }), 404),
        (json!({ "name": "x".repeat(201), "connectorDefinitionId": 3 }), 400),
        (json!({ "name": "x", "connectorDefinitionId": 3, "description": 5 }), 400),
        (json!({ "name": "x" }), 400),
    ] {
        assert_eq!(admin.post(SYSTEMS, &body).await.status, status, "{body}");
    }
    let keys = admin.get("/api/v1/apikeys").await.expect_status(200);
    for body in [json!({ "name": "x", "roleIds": [99] }), json!({ "name": "", "roleIds": [1] })] {
        assert!(matches!(admin.post("/api/v1/apikeys", &body).await.status, 400 | 404), "{body}");
    }
    assert_eq!(admin.get("/api/v1/apikeys").await.expect_status(200), keys);
    let no_certificate = json!({ "name": "x", "certificateDataBase64": "eHh4" });
    assert_eq!(admin.post("/api/v1/certificates/upload", &no_certificate).await.status, 400);
    assert_eq!(admin.get("/api/v1/certificates").await.expect_status(200)["totalCount"], 0);
    assert_eq!(app.dump(), before);
    assert_eq!(admin.get(SYSTEMS).await.expect_status(200)["totalCount"], 0);

    // No new one gets what the deleted one had, also after the next one was made.
    let mut asked = 0;
    for next in 0..2 {
        for id in owner.id..owner.id + 3 {
            let made = next == 1 && id != owner.id;
            if made {
                continue;
            }
            let ids = [vec![("connectedSystemId", id.to_string())], owner.ids()[1..].to_vec()].concat();
            for (method, template, names) in operations() {
                if names[0] == "{connectedSystemId}" {
                    is_nothing(&admin, &method, &path(template, "-", "-", &ids)).await;
                    asked += 1;
                }
            }
        }
        for method in ["GET", "PUT", "DELETE"] {
            is_nothing(&admin, method, &format!("/api/v1/apikeys/{key}")).await;
            asked += 1;
        }
        if next == 0 {
            let new = app.create_system("the next one").await;
            assert_ne!(new, owner.id, "an id is given once");
            assert_eq!(app.partitions(new).await, json!([]));
        }
    }
    tier::figure(format!("{asked} requests for what was deleted or never made: 404 in all"));
}
