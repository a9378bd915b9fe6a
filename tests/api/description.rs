//! The description of the API: where it is, that it is whole, that its samples are what it says, and that it says the
//! truth about who may call. What answers look like is held against it in every test of every chapter.

use serde_json::{Value, json};

use crate::support::described::{DESCRIPTION, resolved, valid};
use crate::support::{Client, SYSTEMS, TestApp};

const PATH: &str = "/api/openapi/v1.json";
const ANY_ID: &str = "00000000-0000-4000-8000-000000000000";

/// Path, verb and operation.
fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = DESCRIPTION["paths"].as_object().expect("paths");
    let verbs = paths.iter().flat_map(|(path, item)| {
        item.as_object().expect("an item").iter().map(|(verb, o)| (path.as_str(), verb.as_str(), o))
    });
    verbs.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_no_key_and_has_the_name_of_the_instance() {
    let app = TestApp::start().await;
    let given = app.stranger().get(PATH).await;
    assert!(given.raw.len() < 400 * 1024, "{} bytes", given.raw.len());
    assert_eq!(given.expect_status(200), *DESCRIPTION);
    assert_eq!((&DESCRIPTION["openapi"], &DESCRIPTION["info"]["title"]), (&json!("3.1.0"), &json!("JIM")));
    let name = "Käse \"&\\</script>";
    let setting = "/api/v1/service-settings/Instance.Name";
    app.admin().put(setting, &json!({ "value": name })).await.expect_status(200);
    let mut renamed = app.stranger().get("/API/OpenAPI/v1.json/").await.expect_status(200);
    assert_eq!(renamed["info"]["title"], name);
    renamed["info"]["title"] = json!("JIM");
    assert_eq!(renamed, *DESCRIPTION);
    // Asked for more often than an address may ask for anything that is counted.
    app.admin().put("/api/v1/service-settings/RateLimiting.UnauthenticatedPerMinute", &json!({ "value": "1" })).await;
    for _ in 0..5 {
        app.stranger().get(PATH).await.expect_status(200);
        app.stranger().send("POST", PATH, None).await.expect_error(405, "METHOD_NOT_ALLOWED");
    }
}

#[test]
fn every_operation_is_complete() {
    let tags: Vec<&Value> = DESCRIPTION["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
    let mut ids = Vec::new();
    for (path, verb, operation) in operations() {
        let place = format!("{verb} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{place} has no id"));
        assert!(!ids.contains(&id), "{place}: {id} is taken");
        ids.push(id);
        assert!(tags.contains(&&operation["tags"][0]), "{place}: {}", operation["tags"]);
        assert!(operation["summary"].as_str().is_some_and(|s| s.len() > 5), "{place} has no summary");
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        for parameter in parameters {
            assert!(parameter["description"].is_string() && parameter["schema"].is_object(), "{place}: {parameter}");
        }
        let in_path = parameters.iter().filter(|p| p["in"] == "path").map(|p| p["name"].as_str().expect("a name"));
        let in_template = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(in_path.collect::<Vec<_>>(), in_template.collect::<Vec<_>>(), "{place}");
        let responses = operation["responses"].as_object().expect("responses");
        let is_open = operation["security"] == json!([]);
        for status in ["400", "431", "500", "503"] {
            assert!(responses.contains_key(status), "{place} has no {status}");
        }
        assert_eq!(responses.contains_key("401"), !is_open, "{place}");
        assert!(!path.contains('{') || responses.contains_key("404"), "{place}");
        let success: Vec<&String> = responses.keys().filter(|status| status.starts_with('2')).collect();
        // A deletion may go on in the background.
        let expected = if id == "deleteConnectedSystem" { 2 } else { 1 };
        assert_eq!(success.len(), expected, "{place}");
        let success = &responses[success[0]];
        assert_eq!(responses.contains_key("201"), success["headers"]["Location"].is_object(), "{place}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    fn references(value: &'static Value, found: &mut Vec<&'static str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|v| references(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&DESCRIPTION, &mut found);
    for reference in &found {
        assert!(DESCRIPTION.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for kind in ["schemas", "headers"] {
        for name in DESCRIPTION["components"][kind].as_object().expect("components").keys() {
            assert!(found.contains(&format!("#/components/{kind}/{name}").as_str()), "{kind} {name} is not used");
        }
    }
}

#[test]
fn every_sample_is_what_it_is_a_sample_of() {
    let samples = |content: &'static Value| -> Vec<&'static Value> {
        let named = content["examples"].as_object().into_iter().flat_map(|all| all.values().map(|e| &e["value"]));
        named.chain(content.get("example")).collect()
    };
    for (path, verb, operation) in operations() {
        let place = format!("{verb} {path}");
        if let Some(body) = operation.get("requestBody") {
            let content = &body["content"]["application/json"];
            assert!(!samples(content).is_empty(), "{place} has no sample of a request");
            for sample in samples(content) {
                valid(&place, &format!("{place} request"), &content["schema"], sample);
            }
        }
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let Some(content) = resolved(response).pointer("/content/application~1json") else { continue };
            let is_special =
                content["schema"]["$ref"].as_str().is_some_and(|r| r.ends_with("NotReady") || r.ends_with("NoSignIn"));
            assert!(is_special || !samples(content).is_empty(), "{place} has no sample of a {status}");
            for sample in samples(content) {
                valid(&place, &format!("{place} sample {status}"), &content["schema"], sample);
            }
        }
    }
}

#[test]
fn schemas_refuse_what_is_wrong() {
    let schema = |name: &str| &DESCRIPTION["components"]["schemas"][name];
    let refuses = |name: &str, value: Value| {
        let outcome = std::panic::catch_unwind(|| valid("here", name, schema(name), &value));
        assert!(outcome.is_err(), "{name} takes {value}");
    };
    let takes = |name: &str, value: Value| valid("here", name, schema(name), &value);
    takes("CreateConnectedSystemRequest", json!({ "name": " x ", "connectorDefinitionId": "3", "more": 1 }));
    for body in [
        json!({ "name": "x" }),
        json!({ "name": "x", "connectorDefinitionId": null }),
        json!({ "name": "x", "connectorDefinitionId": 1.5 }),
        json!({ "name": " ", "connectorDefinitionId": 3 }),
        json!({ "name": "x".repeat(201), "connectorDefinitionId": 3 }),
        json!([]),
    ] {
        refuses("CreateConnectedSystemRequest", body);
    }
    takes("UpdateConnectedSystemRequest", json!({ "settingValues": { "1": null, "2": { "intValue": "7" } } }));
    refuses("UpdateConnectedSystemRequest", json!({ "settingValues": { "Host": { "stringValue": "x" } } }));
    refuses("UpdateConnectedSystemRequest", json!({ "maxExportParallelism": 17 }));
    refuses("BulkUpdateAttributesRequest", json!({ "attributes": {} }));
    refuses("CreateApiKeyRequest", json!({ "name": "x", "roleIds": [3] }));
    refuses("SystemStatus", json!("active"));
    refuses(
        "Error",
        json!({ "code": "NOT_FOUND", "message": "x", "details": null, "timestamp": "2026-04-05T10:30:00Z" }),
    );
}

/// Calls every operation without a key, with a key of each role and for something that does not exist.
#[tokio::test(flavor = "multi_thread")]
async fn it_says_who_may_call_and_what_needs_a_body() {
    let app = TestApp::start().await.without_limits().await;
    let (reader, nobody) = (app.with_roles("reader", &[2]).await, app.with_roles("nobody", &[]).await);
    let call =
        async |client: &Client, verb: &str, path: &str| client.send(&verb.to_uppercase(), path, None).await.status;
    for (template, verb, operation) in operations().into_iter().filter(|(path, ..)| path.starts_with("/api/v1/")) {
        let segments = template.split('/').map(|s| match s.trim_matches(['{', '}']) {
            "apiKeyId" | "activityId" | "certificateId" => ANY_ID,
            "connectorDefinitionId" => "3",
            "name" => "JIM%20LDAP%20Connector",
            "key" => "Instance.Name",
            _ if s.starts_with('{') => "999",
            _ => s,
        });
        let path = segments.collect::<Vec<_>>().join("/");
        let place = format!("{verb} {path}");
        let role = operation["security"][0]["apiKey"].as_array().map(|_| operation["x-required-role"].as_str());
        let refused = [
            call(&app.stranger(), verb, &path).await == 401,
            call(&nobody, verb, &path).await == 403,
            call(&reader, verb, &path).await == 403,
        ];
        let wanted = match role {
            None => [false, false, false],
            Some(None) => [true, false, false],
            Some(Some("Reader")) => [true, true, false],
            Some(_) => [true, true, true],
        };
        assert_eq!(refused, wanted, "{place}");
        // A permitted caller learns what is missing: a body where one is required.
        let needs_body = operation["requestBody"]["required"] == true;
        if operation.get("requestBody").is_some() {
            let status = app.admin().send(&verb.to_uppercase(), &path, None).await.status;
            assert_eq!(status == 400, needs_body, "{place}: {status}");
        }
    }
}

/// The samples of requests are the pages' own, and the server takes them.
#[tokio::test(flavor = "multi_thread")]
async fn the_samples_of_requests_work() {
    let app = TestApp::start().await;
    let request =
        |path: &str, verb: &str| &DESCRIPTION["paths"][path][verb]["requestBody"]["content"]["application/json"];
    let create = &request(SYSTEMS, "post")["example"];
    let created = app.admin().post(SYSTEMS, create).await.expect_status(201);
    let id = created["id"].as_i64().expect("an id");
    let update = &request(&format!("{SYSTEMS}/{{connectedSystemId}}"), "put")["examples"];
    let samples = update.as_object().expect("samples");
    assert_eq!(samples.len(), 3);
    for sample in samples.values() {
        app.admin().put(&format!("{SYSTEMS}/{id}"), &sample["value"]).await.expect_status(200);
    }
    let key = &request("/api/v1/apikeys", "post")["example"];
    let made = app.admin().post("/api/v1/apikeys", key).await.expect_status(201);
    let path = format!("/api/v1/apikeys/{}", made["id"].as_str().expect("an id"));
    app.admin().put(&path, &request("/api/v1/apikeys/{apiKeyId}", "put")["example"]).await.expect_status(200);
    let upload = "/api/v1/certificates/upload";
    let added = app.admin().post(upload, &request(upload, "post")["example"]).await.expect_status(201);
    assert_eq!((&added["subject"], &added["issuer"]), (&json!("CN=Corporate CA"), &json!("CN=Corporate CA")));
    let setting = "/api/v1/service-settings/Instance.Name";
    let value = &request("/api/v1/service-settings/{key}", "put")["example"];
    app.admin().put(setting, value).await.expect_status(200);
}
