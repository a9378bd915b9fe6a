//! Who may call what: every route of the table against every kind of credential. A new route cannot be forgotten,
//! because the table is the one that the server is made of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::directory as sandbox;
use crate::support::key_text::{unknown_id, wrong_secret};
use crate::support::{Client, SYSTEMS, TestApp, sample};

/// One line of the route table.
pub struct Row {
    pub method: &'static str,
    pub path: String,
    access: &'static str,
}

/// The route table as the program has it, with ids that exist.
pub fn table(system: i64, partition: i64, container: i64, key: &str, activity: &str, certificate: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for [method, template, access] in jim::http::all_routes() {
        // What describes the API is open to all and is no JSON.
        if !template.starts_with("/api/v1/") {
            continue;
        }
        let ids = template
            .replace("connected-systems/{connectedSystemId}", &format!("connected-systems/{system}"))
            .replace("partitions/{partitionId}", &format!("partitions/{partition}"))
            .replace("containers/{containerId}", &format!("containers/{container}"))
            .replace("object-types/{objectTypeId}", "object-types/1")
            .replace("attributes/{attributeId}", "attributes/1")
            .replace("run-profiles/{runProfileId}", "run-profiles/1")
            .replace("connector-definitions/{connectorDefinitionId}", "connector-definitions/3")
            .replace("apikeys/{apiKeyId}", &format!("apikeys/{key}"))
            .replace("activities/{activityId}", &format!("activities/{activity}"))
            .replace("/certificates/{certificateId}", &format!("/certificates/{certificate}"))
            .replace("{itemId}", activity)
            .replace("{objectId}", activity)
            .replace("{attributeName}", "cn")
            .replace("{key}", "Instance.Name")
            .replace("{name}", "JIM%20LDAP%20Connector");
        assert!(!ids.contains('{'), "{ids}");
        rows.push(Row { method, path: ids, access });
    }
    assert!(rows.len() > 20);
    rows
}

fn stable(mut body: Value) -> Value {
    body["timestamp"] = Value::Null;
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_with_every_credential() {
    let app = TestApp::start().await.without_limits().await;
    let sandbox = sample().await;
    let system = app.connected_to(&sandbox).await;
    app.import(system, "").await.expect_status(200);
    // The first type and its first attribute have the ids 1.
    app.import_schema(system).await.expect_status(200);
    let profile = serde_json::json!({ "name": "Full", "runType": 1 });
    app.admin().post(&format!("{SYSTEMS}/{system}/run-profiles"), &profile).await.expect_status(201);
    let partitions = app.partitions(system).await;
    let (partition, container) = (&partitions[0]["id"], &partitions[0]["containers"][0]["id"]);

    let admin = app.admin();
    let der = sandbox::Certificate::for_names(&["localhost"]).expect("a certificate").der().to_vec();
    let body = json!({ "name": "x", "certificateDataBase64": STANDARD.encode(der) });
    let certificate = admin.post("/api/v1/certificates/upload", &body).await.expect_status(201)["id"].clone();
    let certificate = certificate.as_str().expect("an id").to_owned();
    let disabled = app.with_roles("disabled", &[1]).await;
    let expired = app.with_roles("expired", &[1]).await;
    let nobody = app.with_roles("nobody", &[]).await;
    let reader = app.with_roles("reader", &[2]).await;
    let keys = admin.get("/api/v1/apikeys").await.expect_status(200);
    let id_of = |name: &str| {
        let found = keys.as_array().expect("keys").iter().find(|k| k["name"] == name).expect("the key");
        found["id"].as_str().expect("an id").to_owned()
    };
    let change = json!({ "name": "disabled", "roleIds": [1], "isEnabled": false });
    admin.put(&format!("/api/v1/apikeys/{}", id_of("disabled")), &change).await.expect_status(200);
    let change = json!({ "name": "expired", "roleIds": [1], "isEnabled": true, "expiresAt": "2020-01-01T00:00:00Z" });
    admin.put(&format!("/api/v1/apikeys/{}", id_of("expired")), &change).await.expect_status(200);

    let bad_crc = {
        let mut key = app.key.clone();
        let last = if key.ends_with('0') { '1' } else { '0' };
        key.pop();
        key.push(last);
        key
    };
    let refused: Vec<(&str, Option<String>)> = vec![
        ("garbage", Some("jim_nonsense".to_owned())),
        ("bad check digits", Some(bad_crc)),
        ("unknown id", Some(unknown_id(0))),
        ("wrong secret", Some(wrong_secret(&app.key, 0))),
        ("disabled", Some(disabled.key().to_owned())),
        ("expired", Some(expired.key().to_owned())),
    ];

    let before = app.dump();
    let sandbox_before = sandbox.connections();
    let activities = admin.get("/api/v1/activities").await.expect_status(200);
    let activity = activities["items"][0]["id"].as_str().expect("an activity");
    let (partition, container) = (partition.as_i64().expect("id"), container.as_i64().expect("id"));
    for row in table(system, partition, container, &id_of("reader"), activity, &certificate) {
        let Row { method, path, access } = &row;
        // A body that would be accepted, so that only the credential can be what is refused.
        let body =
            matches!(*method, "POST" | "PUT" | "PATCH").then(|| json!({ "selected": true, "name": "x" }).to_string());
        let send = |client: Client, headers: Vec<(&'static str, String)>| {
            let (method, path, body) = (*method, path.clone(), body.clone());
            async move {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
                client.send_with(method, &path, body, &headers).await
            }
        };
        if *access == "Anonymous" {
            for (what, key) in &refused {
                let client = app.stranger().with_key(key.as_deref().unwrap_or_default());
                let answer = send(client, vec![]).await;
                assert!(matches!(answer.status, 200 | 503), "{method} {path} with {what}: {}", answer.status);
            }
            continue;
        }
        let mut bodies = Vec::new();
        for (what, key) in &refused {
            let answer = send(app.stranger().with_key(key.as_deref().unwrap_or_default()), vec![]).await;
            assert_eq!(answer.status, 401, "{method} {path} with {what}");
            bodies.push(stable(answer.body));
        }
        assert!(bodies.windows(2).all(|two| two[0] == two[1]), "{method} {path}: {bodies:?}");
        let bearer = send(app.stranger(), vec![("Authorization", format!("Bearer {}", app.key))]).await;
        match *access {
            "Scraper" => assert_eq!(bearer.status, 200, "{method} {path}"),
            _ => assert!(bearer.expect_error(401, "UNAUTHORISED").contains("X-Api-Key"), "{method} {path}"),
        }
        for (name, value) in [
            ("Authorization", format!("ApiKey {}", app.key)),
            ("Cookie", format!("X-Api-Key={0}; api_key={0}", app.key)),
            ("Api-Key", app.key.clone()),
            ("X-Api-Keys", app.key.clone()),
            ("X_Api_Key", app.key.clone()),
        ] {
            send(app.stranger(), vec![(name, value)]).await.expect_error(401, "UNAUTHORISED");
        }
        let query = format!("{path}?X-Api-Key={0}&api_key={0}&apiKey={0}&access_token={0}", app.key);
        app.stranger().send_with(method, &query, body.clone(), &[]).await.expect_error(401, "UNAUTHORISED");
        let inside = matches!(*method, "POST" | "PUT").then(|| json!({ "X-Api-Key": app.key }).to_string());
        app.stranger().send_with(method, path, inside, &[]).await.expect_error(401, "UNAUTHORISED");
        let none = send(app.stranger(), vec![]).await;
        let two = send(app.admin(), vec![("X-Api-Key", app.key.clone())]).await;
        assert_eq!((none.status, two.status), (401, 401), "{method} {path}");
        assert_eq!((&stable(none.body), &stable(two.body)), (&bodies[0], &bodies[0]), "{method} {path}");

        let without_role = send(nobody.clone(), vec![]).await;
        match *access {
            "AnyKey" => assert_eq!(without_role.status, 200, "{method} {path}"),
            _ => drop(without_role.expect_error(403, "FORBIDDEN")),
        }
        let as_reader = send(reader.clone(), vec![]).await;
        match *access {
            "Administrator" => drop(as_reader.expect_error(403, "FORBIDDEN")),
            // There is no activity yet that these have something to tell of.
            _ if path.ends_with("/stats") || path.contains("/items") => assert_eq!(as_reader.status, 400, "{path}"),
            // No object is in the connector space yet.
            _ if path.contains("/connector-space/") && !path.ends_with("/count") => {
                assert_eq!(as_reader.status, 404, "{path}");
            }
            _ => assert_eq!(as_reader.status, 200, "{method} {path}"),
        }
    }
    assert_eq!(app.dump(), before, "a refused request changed something");
    assert_eq!(sandbox.connections(), sandbox_before, "a refused request reached the directory");
    let keys_after = admin.get("/api/v1/apikeys").await.expect_status(200);
    assert_eq!(keys_after.as_array().map(Vec::len), keys.as_array().map(Vec::len));
    // With both headers the key decides.
    let both = admin.send_with("GET", SYSTEMS, None, &[("Authorization", "Bearer nonsense")]).await;
    both.expect_status(200);
}

/// Only decimal digits, with a minus before them if need be, are an integer.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_id_that_is_no_integer_names_nothing() {
    let app = TestApp::start().await;
    let id = app.create_system("One").await;
    let get = async |literal: &str| app.admin().get(&format!("{SYSTEMS}/{literal}")).await;
    for literal in [format!("{id}"), format!("0{id}"), format!("%3{id}")] {
        assert_eq!(get(&literal).await.expect_status(200)["id"], id, "{literal}");
    }
    for literal in ["+1", "1.0", "1e0", "0x1", " 1", "%201", "1_0", "-1", "--1", "-", "\u{661}", "9223372036854775808"]
    {
        get(literal).await.expect_error(404, "NOT_FOUND");
    }
}
