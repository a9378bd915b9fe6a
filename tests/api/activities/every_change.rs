//! Every change leaves exactly one activity, in the transaction of the change; what is refused and what changes nothing
//! leaves none. The routes are read from the source that makes them: a new one that writes has to say here what it
//! leaves.

use serde_json::{Value, json};

use super::{ACTIVITIES, all};
use crate::support::database::Database;
use crate::support::directory::Certificate;
use crate::support::{SYSTEMS, Setup, TestApp, sample};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a route leaves: target type, operation, target name (`*` is any), whether it names the system.
type Left = (&'static str, &'static str, Option<&'static str>, bool);

/// A route that writes, with a request that is accepted and one that is not.
struct Write {
    method: &'static str,
    template: &'static str,
    path: String,
    body: Option<Value>,
    refused: (String, Option<Value>),
    leaves: Option<Left>,
}

struct World {
    app: TestApp,
    _sandbox: crate::support::directory::Sandbox,
    system: i64,
    other: i64,
    partition: i64,
    container: i64,
    run_profile: i64,
    object_type: i64,
    attribute: i64,
    key: String,
    /// One that is stored, and one that is not.
    certificates: [String; 2],
    _files: tempfile::TempDir,
}

impl World {
    async fn start() -> World {
        let files = tempfile::tempdir().expect("a folder");
        let root = Some(files.path().to_owned());
        let app = TestApp::start_with(Setup { files_root: root, ..Setup::default() }).await;
        let [stored, new, in_file] =
            [(); 3].map(|()| Certificate::for_names(&["localhost"]).expect("a certificate").der().to_vec());
        std::fs::write(files.path().join("ca.cer"), in_file).expect("a file");
        let body = json!({ "name": "Stored", "certificateDataBase64": STANDARD.encode(stored) });
        let stored = app.admin().post("/api/v1/certificates/upload", &body).await.expect_status(201);
        let sandbox = sample().await;
        let system = app.connected_to(&sandbox).await;
        app.import(system, "").await.expect_status(200);
        app.import_schema(system).await.expect_status(200);
        let partitions = app.partitions(system).await;
        let types = app.object_types(system).await;
        let id = |row: &Value| row["id"].as_i64().expect("an id");
        app.with_roles("reader", &[2]).await;
        let keys = app.admin().get("/api/v1/apikeys").await.expect_status(200);
        let key = keys.as_array().expect("keys").iter().find(|k| k["name"] == "reader").expect("the key");
        let profile = json!({ "name": "Full", "runType": 1 });
        let profiles = format!("/api/v1/synchronisation/connected-systems/{system}/run-profiles");
        let profile = app.admin().post(&profiles, &profile).await.expect_status(201);
        World {
            system,
            other: app.create_system("Other").await,
            partition: id(&partitions[0]),
            container: id(&partitions[0]["containers"][0]),
            run_profile: id(&profile),
            object_type: id(&types[0]),
            attribute: id(&types[0]["attributes"][0]),
            key: key["id"].as_str().expect("an id").to_owned(),
            certificates: [stored["id"].as_str().expect("an id").to_owned(), STANDARD.encode(new)],
            _files: files,
            app,
            _sandbox: sandbox,
        }
    }

    /// What a route needs to be accepted, why it would not be, and what it leaves. `None` for routes of runs, which have
    /// tests of their own.
    fn write(&self, method: &'static str, template: &'static str) -> Option<Write> {
        let under = template.strip_prefix("/api/v1/synchronisation/connected-systems").unwrap_or(template);
        let system = |operation, name| Some(("ConnectedSystem", operation, Some(name), true));
        let update = system("Update", "Sandbox");
        let certificate = |operation, name| Some(("TrustedCertificate", operation, Some(name), false));
        let profile = |operation, name| Some(("ConnectedSystemRunProfile", operation, Some(name), true));
        let selected = Some(json!({ "selected": true }));
        let not_selected = Some(json!({ "selected": 1 }));
        let attributes = Some(json!({ "attributes": { self.attribute.to_string(): { "selected": true } } }));
        let containers = Some(json!({ "containers": { self.container.to_string(): { "selected": true } } }));
        let name =
            |name: &str| Some(json!({ "name": name, "connectorDefinitionId": 3, "roleIds": [2], "isEnabled": true }));
        let (body, refused, leaves) = match (method, under) {
            ("POST", "") => (name("New"), name(""), Some(("ConnectedSystem", "Create", Some("New"), false))),
            ("PUT", "/{connectedSystemId}") => (name("Sandbox"), name(""), update),
            ("DELETE", "/{connectedSystemId}") => {
                (None, None, Some(("ConnectedSystem", "Delete", Some("Other"), false)))
            }
            ("POST", "/{connectedSystemId}/clear") => (None, None, system("Clear", "Sandbox")),
            ("POST", "/{connectedSystemId}/import-hierarchy") => (None, None, system("ImportHierarchy", "Sandbox")),
            ("POST", "/{connectedSystemId}/import-schema") => (None, None, system("ImportSchema", "Sandbox")),
            ("POST", "/{connectedSystemId}/test-connection") => (None, Some(json!([])), None),
            ("PUT", "/{connectedSystemId}/object-types/{objectTypeId}") => (selected, not_selected, update),
            ("PUT", "/{connectedSystemId}/object-types/{objectTypeId}/attributes/{attributeId}") => {
                (selected, not_selected, update)
            }
            ("POST", "/{connectedSystemId}/object-types/{objectTypeId}/attributes/bulk-update") => {
                (attributes, selected, update)
            }
            ("PUT", "/{connectedSystemId}/object-types/{objectTypeId}/attributes") => (attributes, selected, update),
            ("PUT", "/{connectedSystemId}/partitions/{partitionId}") => (selected, not_selected, update),
            ("PUT", "/{connectedSystemId}/containers/{containerId}") => (selected, not_selected, update),
            ("POST", "/{connectedSystemId}/containers/bulk-update") => (containers, selected, update),
            ("POST", "/{connectedSystemId}/run-profiles") => {
                let body = |name: &str| Some(json!({ "name": name, "runType": 1 }));
                (body("New"), body(""), profile("Create", "New"))
            }
            ("PUT", "/{connectedSystemId}/run-profiles/{runProfileId}") => {
                (name("Full"), name(""), profile("Update", "Full"))
            }
            ("DELETE", "/{connectedSystemId}/run-profiles/{runProfileId}") => (None, None, profile("Delete", "Full")),
            ("POST", "/{connectedSystemId}/run-profiles/{runProfileId}/execute")
            | ("POST", "/api/v1/activities/{activityId}/cancel" | "/api/v1/activities/{activityId}/approve-removals") =>
            {
                return None;
            }
            ("POST", "/api/v1/apikeys") => (name("fresh"), name(""), None),
            ("PUT", "/api/v1/apikeys/{apiKeyId}") => (name("renamed"), name(""), None),
            ("DELETE", "/api/v1/apikeys/{apiKeyId}") => (None, None, None),
            ("PUT", "/api/v1/service-settings/{key}") => {
                let body = |value: Value| Some(json!({ "value": value }));
                (body(json!("Here")), body(json!(1)), Some(("ServiceSetting", "Update", Some("*"), false)))
            }
            ("DELETE", "/api/v1/service-settings/{key}") => {
                (None, None, Some(("ServiceSetting", "Revert", Some("*"), false)))
            }
            ("POST", "/api/v1/certificates/upload") => {
                let body = |data: &str| Some(json!({ "name": "New", "certificateDataBase64": data }));
                (body(&self.certificates[1]), body("x"), certificate("Create", "New"))
            }
            ("POST", "/api/v1/certificates/file") => {
                let body = |path: &str| Some(json!({ "name": "In a file", "filePath": path }));
                (body("ca.cer"), body("no.cer"), certificate("Create", "In a file"))
            }
            ("PATCH", "/api/v1/certificates/{certificateId}") => {
                (name("Stored"), name(""), certificate("Update", "Stored"))
            }
            ("DELETE", "/api/v1/certificates/{certificateId}") => (None, None, certificate("Delete", "Stored")),
            ("POST", "/api/v1/history/cleanup") => {
                (None, None, Some(("HistoryRetentionCleanup", "Delete", None, false)))
            }
            _ => panic!("{method} {template} writes: say here what it leaves"),
        };
        let system = if (method, under) == ("DELETE", "/{connectedSystemId}") { self.other } else { self.system };
        let with = |system: i64, setting: &str| {
            template
                .replace("connected-systems/{connectedSystemId}", &format!("connected-systems/{system}"))
                .replace("partitions/{partitionId}", &format!("partitions/{}", self.partition))
                .replace("containers/{containerId}", &format!("containers/{}", self.container))
                .replace("object-types/{objectTypeId}", &format!("object-types/{}", self.object_type))
                .replace("attributes/{attributeId}", &format!("attributes/{}", self.attribute))
                .replace("run-profiles/{runProfileId}", &format!("run-profiles/{}", self.run_profile))
                .replace("apikeys/{apiKeyId}", &format!("apikeys/{}", self.key))
                .replace("certificates/{certificateId}", &format!("certificates/{}", self.certificates[0]))
                .replace("{key}", setting)
        };
        // What has no body to be wrong is refused for what it names, or, where it names nothing, for the verb.
        let path = with(system, "Instance.Name");
        let refused = match refused {
            Some(body) => (path.clone(), Some(body)),
            None if template.contains('{') => {
                let none = "00000000-0000-4000-8000-000000000000";
                (with(999, "No.Such").replace(&self.key, none).replace(&self.certificates[0], none), None)
            }
            None => (format!("{path}/x"), None),
        };
        assert!(!path.contains('{'), "{path}");
        Some(Write { method, template, path, body, refused, leaves })
    }

    /// All routes that write, in an order in which each can succeed: what deletes comes last.
    fn writes(&self) -> Vec<Write> {
        let routes = jim::http::all_routes().filter(|[method, ..]| *method != "GET");
        let mut writes: Vec<Write> = routes.filter_map(|[method, template, _]| self.write(method, template)).collect();
        assert!(writes.len() > 15, "the route table was not found");
        writes.sort_by_key(|w| w.method == "DELETE");
        writes
    }

    async fn count(&self) -> usize {
        let page = self.app.admin().get(ACTIVITIES).await.expect_status(200);
        page["totalCount"].as_u64().expect("a count") as usize
    }

    /// Makes the file refuse a kind of statement on these tables, or allows it again.
    fn refuse(&self, tables: &[&str], refuse: bool) {
        Database::writable(&self.app.database()).refuse_changes(tables, refuse);
    }
}

fn text(body: &Option<Value>) -> Option<String> {
    body.as_ref().map(Value::to_string)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_activity_for_each_change_and_none_for_what_is_refused() {
    let world = World::start().await;
    let admin = world.app.admin();
    let nobody = world.app.with_roles("nobody", &[]).await;
    for w in world.writes() {
        let Write { method, template, path, body, refused, leaves } = w;
        let before = all(&admin).await;
        nobody.send(method, &path, text(&body)).await.expect_error(403, "FORBIDDEN");
        let answer = admin.send(method, &refused.0, text(&refused.1)).await;
        assert!((400..500).contains(&answer.status), "{method} {template}: {}", answer.body);
        assert_eq!(all(&admin).await.len(), before.len(), "{method} {template} was refused");

        let answer = admin.send(method, &path, text(&body)).await;
        assert!((200..300).contains(&answer.status), "{method} {template}: {} {}", answer.status, answer.body);
        let after = all(&admin).await;
        let Some((target, operation, name, of_system)) = leaves else {
            assert_eq!(after.len(), before.len(), "{method} {template}");
            continue;
        };
        let fresh: Vec<&Value> = after.iter().filter(|a| !before.contains(a)).collect();
        assert_eq!((fresh.len(), after.len()), (1, before.len() + 1), "{method} {template}");
        let path = format!("{ACTIVITIES}/{}", fresh[0]["id"].as_str().expect("an id"));
        let activity = admin.get(&path).await.expect_status(200);
        let told = (activity["targetType"].as_str(), activity["targetOperationType"].as_str());
        assert_eq!(told, (Some(target), Some(operation)), "{method} {template}");
        match name {
            Some("*") => assert!(activity["targetName"].is_string(), "{activity}"),
            name => assert_eq!(activity["targetName"].as_str(), name, "{activity}"),
        }
        let system = if of_system { json!(world.system) } else { Value::Null };
        assert_eq!(activity["connectedSystemId"], system, "{activity}");
        assert_eq!(activity["initiatedByName"], "Bootstrap Key");
        assert_ne!(activity["status"], "InProgress", "{activity}");
        // An answer that names an activity names this one.
        if let Some(id) = answer.body.get("activityId") {
            assert_eq!(*id, activity["id"], "{method} {template}");
        }
    }
    // What only looks leaves none.
    let before = world.count().await;
    let preview = admin.send("POST", &format!("{SYSTEMS}/{}/import-hierarchy?preview=true", world.system), None).await;
    preview.expect_status(200);
    assert_eq!(world.count().await, before);
    world.app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_without_its_activity() {
    let world = World::start().await;
    let admin = world.app.admin();
    world.refuse(&["activities"], true);
    let (dump, before) = (world.app.dump(), world.count().await);
    for w in world.writes().iter().filter(|w| w.leaves.is_some()) {
        let answer = admin.send(w.method, &w.path, text(&w.body)).await;
        assert_eq!(answer.status, 500, "{} {}: {}", w.method, w.template, answer.body);
        assert_eq!(world.app.dump(), dump, "{} {}", w.method, w.template);
    }
    assert_eq!(world.count().await, before);
    world.refuse(&["activities"], false);
    world.app.is_sound();
    admin.delete(&format!("{SYSTEMS}/{}", world.other)).await.expect_status(200);
    assert_eq!(world.count().await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_activity_without_its_change() {
    let world = World::start().await;
    let admin = world.app.admin();
    let tables = [
        "connected_systems",
        "partitions",
        "containers",
        "object_types",
        "attributes",
        "run_profiles",
        "certificates",
        "service_settings",
    ];
    world.refuse(&tables, true);
    let dump = world.app.dump();
    // Emptying a system and its history changes no row of these yet, nor does putting back what is at its default.
    let changes = |w: &Write| {
        w.leaves.is_some_and(|(_, what, ..)| !matches!(what, "Clear" | "Revert")) && !w.path.ends_with("cleanup")
    };
    for w in world.writes().iter().filter(|w| changes(w)) {
        let before = world.count().await;
        let answer = admin.send(w.method, &w.path, text(&w.body)).await;
        assert_eq!(answer.status, 500, "{} {}: {}", w.method, w.template, answer.body);
        assert_eq!(world.app.dump(), dump, "{} {}", w.method, w.template);
        // An import has begun and tells that it failed.
        let import = w.path.contains("/import-");
        assert_eq!(world.count().await, before + usize::from(import), "{} {}", w.method, w.template);
        if import {
            let last = admin.get(&format!("{ACTIVITIES}?sortDirection=desc&pageSize=1")).await.expect_status(200);
            assert_eq!(last["items"][0]["status"], "FailedWithError");
        }
    }
    world.refuse(&tables, false);
    world.app.is_sound();
}
