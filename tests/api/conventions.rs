//! What holds for every endpoint: how paths match, request ids, media types, and which check answers first.

use serde_json::{Value, json};

use crate::support::{Answer, SYSTEMS, TestApp, client};

const BAD_KEY: &str = "jim_not-a-key";
const UNKNOWN_ID: &str = "00000000-0000-4000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn paths_ignore_case_tolerate_one_slash_and_are_decoded_once() {
    let app = TestApp::start().await;
    let id = app.create_system("HR").await;
    let admin = app.admin();
    for path in [
        format!("{SYSTEMS}/"),
        SYSTEMS.to_uppercase(),
        SYSTEMS.replace("synchro", "%73ynchro"),
        format!("{SYSTEMS}?unknown=1&PAGE=1&pAgEsIzE=5"),
        format!("{SYSTEMS}/{id}/"),
        format!("{SYSTEMS}/%{:x}", u32::from(b'0') + u32::try_from(id).expect("a small id")),
        format!("{SYSTEMS}/{id}/Partitions/"),
    ] {
        let answer = admin.get(&path).await;
        assert!(answer.header("location").is_empty());
        answer.expect_status(200);
    }
    let partition_ids = ["x", "1.0", "0x1", "%201", "9223372036854775808", "99999999999999999999", "-1", "0", "%00"];
    let mut missing: Vec<String> = partition_ids.iter().map(|i| format!("{SYSTEMS}/{i}")).collect();
    missing.extend(partition_ids.iter().map(|i| format!("{SYSTEMS}/{i}/partitions")));
    missing.extend(
        ["x", "1", UNKNOWN_ID, "00000000-0000-4000-8000-00000000000g", "%20"].map(|i| format!("/api/v1/apikeys/{i}")),
    );
    for path in &missing {
        admin.get(path).await.expect_error(404, "NOT_FOUND");
    }
    let unknown = [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/health",
        "/api/v1/health//",
        "/api/v1//health",
        "/api/v1/health%2Flive",
        "/api/v1/health%252Flive",
        "/api/v1/healt%68%FF",
        "/api/v1/synchronisation",
        "/api/v1/apikeys//",
        "/api/v1/service-settings//",
        "/api/v1/activities//stats",
    ];
    for path in unknown {
        for client in [&admin, &app.stranger(), &app.stranger().with_key(BAD_KEY)] {
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
                client.send(method, path, None).await.expect_error(404, "NOT_FOUND");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_verb_is_405_with_the_right_ones_and_head_has_no_body() {
    let app = TestApp::start().await;
    let id = app.create_system("HR").await;
    let table = [
        (SYSTEMS.to_owned(), vec!["GET", "POST", "HEAD"]),
        (format!("{SYSTEMS}/{id}/"), vec!["GET", "PUT", "DELETE", "HEAD"]),
        (format!("{SYSTEMS}/999"), vec!["GET", "PUT", "DELETE", "HEAD"]),
        (format!("{SYSTEMS}/{id}/partitions/1"), vec!["PUT"]),
        (format!("{SYSTEMS}/{id}/containers/bulk-update"), vec!["POST"]),
        ("/api/v1/certificates/enabled".to_owned(), vec!["GET", "HEAD"]),
        ("/api/v1/certificates/Upload/".to_owned(), vec!["POST"]),
        (format!("{SYSTEMS}/{id}/import-hierarchy"), vec!["POST"]),
        ("/api/v1/health".to_owned(), vec!["GET", "HEAD"]),
        ("/api/v1/apikeys/x".to_owned(), vec!["GET", "PUT", "DELETE", "HEAD"]),
    ];
    for (path, mut allowed) in table {
        allowed.sort_unstable();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "LINK"] {
            if allowed.contains(&method) {
                continue;
            }
            for client in [app.admin(), app.stranger()] {
                let answer = client.send(method, &path, None).await;
                let mut told: Vec<&str> = answer.header("allow").split(", ").collect();
                told.sort_unstable();
                assert_eq!(told, allowed, "{method} {path}");
                answer.expect_error(405, "METHOD_NOT_ALLOWED");
            }
        }
        let (head, get) = (app.admin().send("HEAD", &path, None).await, app.admin().get(&path).await);
        assert_eq!(head.status, get.status, "{path}");
        // An error tells the time, whose length varies.
        if get.status == 200 && !path.contains("health") {
            assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        }
        assert!(head.raw.is_empty(), "{path}");
    }
    let refused = app.stranger().send("HEAD", SYSTEMS, None).await;
    assert_eq!((refused.status, refused.raw.len()), (401, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_echoed_or_replaced() {
    let app = TestApp::start().await;
    let (long, longest) = ("x".repeat(65), "x".repeat(64));
    let table = [
        ("a", true),
        ("Az09._-", true),
        (longest.as_str(), true),
        (long.as_str(), false),
        ("", false),
        ("a b", false),
        ("a/b", false),
        ("<script>", false),
        ("käse", false),
    ];
    for (given, echoed) in table {
        for path in [SYSTEMS, "/api/v1/health", "/api/v1/nothing", "/api/v1/auth/config"] {
            for client in [app.admin(), app.stranger()] {
                let answer = client.send_with("GET", path, None, &[("X-Request-ID", given)]).await;
                let id = answer.header("x-request-id");
                assert_eq!(id == given, echoed, "{given}: {id}");
                assert!(echoed || uuid::Uuid::try_parse(id).is_ok(), "{id}");
            }
        }
    }
    let ids = [app.admin().get(SYSTEMS).await, app.admin().get(SYSTEMS).await].map(|a| a.header("x-request-id").len());
    assert_eq!(ids, [36, 36]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_json_unless_it_says_otherwise() {
    let app = TestApp::start().await;
    let id = app.create_system("HR").await;
    let path = format!("{SYSTEMS}/{id}");
    let table = [
        (Some("application/json"), 200),
        (Some("Application/JSON; charset=utf-8"), 200),
        (Some("application/json;charset=\"UTF-8\""), 200),
        (Some("application/json; x=y; Charset=utf8"), 200),
        (Some("application/merge-patch+json"), 200),
        (Some("application/json; charset=iso-8859-1"), 415),
        (Some("application/json; charset=utf-16"), 415),
        (Some("application/json; charset="), 415),
        (None, 200),
        (Some("text/plain"), 415),
        (Some("text/json-not"), 415),
        (Some("application/xml"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("multipart/form-data; boundary=x"), 415),
        (Some("application/jsonp"), 415),
    ];
    for (kind, status) in table {
        for (body, expected) in [(r#"{"name":"HR"}"#, status), ("", 400)] {
            let http = client::unchecked();
            let url = format!("http://{}{path}", app.address);
            let mut request = http.put(url).header("X-Api-Key", &app.key).body(body);
            if let Some(kind) = kind {
                request = request.header("Content-Type", kind);
            }
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), expected, "{kind:?} {body:?}");
        }
    }
    for (encoding, status) in
        [("identity", 200), ("", 200), ("gzip", 415), ("br", 415), ("identity, gzip", 415), ("x-gzip", 415)]
    {
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", encoding)];
        let answer = app.admin().send_with("PUT", &path, Some(r#"{"name":"HR"}"#.to_owned()), &headers).await;
        assert_eq!(answer.status, status, "{encoding:?}");
    }
    let json = [("Content-Type", "application/json")];
    let marked = |text: &str| Some(format!("\u{feff}{text}"));
    app.admin().send_with("PUT", &path, marked(r#"{"name":"HR"}"#), &json).await.expect_status(200);
    app.admin().send_with("PUT", &path, marked(""), &json).await.expect_error(400, "VALIDATION_ERROR");
    let form = [("Content-Type", "text/plain")];
    let refused = app.admin().send_with("PUT", &path, Some("x".to_owned()), &form).await;
    refused.expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
    // The import reads no body: none of these is worth an error of its own.
    let import = format!("{path}/import-hierarchy");
    let plain = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
    for (body, kind) in [("", "application/json"), ("{", "application/json"), ("x", "text/plain"), ("[1]", "a/b")] {
        let answer = app.admin().send_with("POST", &import, Some(body.to_owned()), &[("Content-Type", kind)]).await;
        assert_eq!(answer.expect_error(400, "BAD_REQUEST"), plain, "{kind} {body}");
    }
}

/// The check that answers a PUT of one system, a POST of a new one and a PUT of a container: the first that fails.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_failing_check_answers() {
    let app = TestApp::start().await;
    app.create_system("HR").await;
    let (reader, nobody) = (app.with_roles("reader", &[2]).await, app.with_roles("nobody", &[]).await);
    let (stranger, bad, admin) = (app.stranger(), app.stranger().with_key(BAD_KEY), app.admin());
    let dump = app.dump();
    let plain = ("Content-Type", "text/plain");
    let json_type = ("Content-Type", "application/json");
    let huge = "x".repeat(2 * 1024 * 1024 + 1);
    let check = async |client: &crate::support::Client, method: &str, path: &str, body: &str, kind| -> Answer {
        client.send_with(method, path, Some(body.to_owned()), &[kind]).await
    };
    for (method, path) in [
        ("PUT", format!("{SYSTEMS}/999")),
        ("PUT", format!("{SYSTEMS}/x")),
        ("POST", SYSTEMS.to_owned()),
        ("PUT", format!("{SYSTEMS}/999/containers/1")),
        ("PUT", format!("{SYSTEMS}/999/partitions/x")),
        ("POST", format!("{SYSTEMS}/999/containers/bulk-update")),
        ("PUT", format!("{SYSTEMS}/999/object-types/1")),
        ("POST", "/api/v1/apikeys".to_owned()),
        ("PUT", format!("/api/v1/apikeys/{UNKNOWN_ID}")),
    ] {
        // Key and role come before anything about the body.
        for (body, kind) in [("{", json_type), ("x", plain), ("", json_type), ("{}", json_type)] {
            for client in [&stranger, &bad] {
                check(client, method, &path, body, kind).await.expect_error(401, "UNAUTHORISED");
            }
            for client in [&reader, &nobody] {
                check(client, method, &path, body, kind).await.expect_error(403, "FORBIDDEN");
            }
        }
        // Then size and media type, then form, then existence.
        check(&admin, method, &path, "x", plain).await.expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
        check(&admin, method, &path, &huge, plain).await.expect_error(413, "PAYLOAD_TOO_LARGE");
        for body in ["{", "", "null", "[]", "7", "\"x\""] {
            check(&admin, method, &path, body, json_type).await.expect_fault("body");
        }
        if path.contains("999") && !path.contains("bulk") {
            check(&admin, method, &path, "{}", json_type).await.expect_error(404, "NOT_FOUND");
        }
    }
    // A fault of the query comes before the missing system, too.
    for (method, query, field) in [
        ("POST", "/import-hierarchy?preview=maybe", "preview"),
        ("POST", "/import-hierarchy?acceptRemovals=1", "acceptRemovals"),
        ("DELETE", "?deleteChangeHistory=", "deleteChangeHistory"),
        ("POST", "/import-hierarchy?preview=true&x=y", "x"),
    ] {
        let path = format!("{SYSTEMS}/999{query}");
        stranger.send(method, &path, None).await.expect_error(401, "UNAUTHORISED");
        reader.send(method, &path, None).await.expect_error(403, "FORBIDDEN");
        admin.send(method, &path, None).await.expect_fault(field);
    }
    let switched = format!("{SYSTEMS}/999/import-hierarchy?PREVIEW=TrUe");
    admin.send("POST", &switched, None).await.expect_error(404, "NOT_FOUND");
    // A referenced resource is looked for when the form is right.
    admin.post(SYSTEMS, &json!({ "name": "", "connectorDefinitionId": 99 })).await.expect_fault("name");
    admin.post(SYSTEMS, &json!({ "name": "x", "connectorDefinitionId": 99 })).await.expect_error(404, "NOT_FOUND");
    admin.put(&format!("{SYSTEMS}/999"), &json!({ "settingValues": 1 })).await.expect_fault("settingValues");
    assert_eq!(app.dump(), dump, "a refused request writes nothing");
    assert_eq!(admin.get(SYSTEMS).await.expect_status(200)["totalCount"], Value::from(1));
}

/// A misspelt `preview` must not import (contract, 17).
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_query_is_misspelt_is_refused_by_the_name() {
    let app = TestApp::start().await;
    let id = app.create_system("One").await;
    let system = format!("{SYSTEMS}/{id}");
    for (verb, path, name) in [
        ("POST", format!("{system}/import-hierarchy?previw=true"), "previw"),
        ("PUT", format!("{system}?dry=1&x"), "dry"),
        ("DELETE", format!("{system}?Force=true"), "Force"),
    ] {
        let refused = app.admin().send(verb, &path, Some(json!({"name": "Two"}).to_string())).await.expect_status(400);
        assert_eq!(refused["code"], "VALIDATION_ERROR", "{verb} {path}");
        let why = refused["validationErrors"][name][0].as_str().unwrap_or_default();
        assert!(why.starts_with("Is not a parameter of this operation; known: "), "{refused}");
    }
    assert_eq!(app.admin().get(&system).await.expect_status(200)["name"], "One");
    // Names ignore case, and reading ignores what it does not know.
    app.admin().get(&format!("{system}?whatever=1")).await.expect_status(200);
    let known = app.admin().send("POST", &format!("{system}/import-hierarchy?PREVIEW=true"), None).await;
    assert_eq!(known.expect_status(400)["code"], "BAD_REQUEST", "the settings are not complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_no_field_takes_are_named_in_a_header() {
    let app = TestApp::start().await;
    let id = app.create_system("One").await;
    let system = format!("{SYSTEMS}/{id}");
    let body =
        json!({ "nme": "Two", "description": "d", "settingValues": { "1": { "strngValue": "x" } }, "a,b\u{e9}": 0 });
    let answer = app.admin().send("PUT", &system, Some(body.to_string())).await;
    let mut named: Vec<&str> = answer.header("x-jim-ignored").split(", ").collect();
    named.sort_unstable();
    assert_eq!(named, ["a?b?", "nme", "settingValues.1.strngValue"]);
    assert_eq!(answer.expect_status(200)["name"], "One");
    // Beside an error as well, never more than 20, and only where there are some.
    let many: serde_json::Map<_, _> = (0..50).map(|n| (format!("x{n}"), json!(0))).collect();
    let answer = app.admin().send("POST", SYSTEMS, Some(json!(many).to_string())).await;
    let named: Vec<&str> = answer.header("x-jim-ignored").split(", ").collect();
    assert_eq!((named.len(), named[20]), (21, "and perhaps more"));
    answer.expect_status(400);
    let answer = app.admin().send("PUT", &system, Some(json!({ "Description": "e" }).to_string())).await;
    assert_eq!(answer.header("x-jim-ignored"), "");
}

/// People and scripts put names and DNs where ids belong.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_place_of_an_id_is_answered_with_where_the_id_is() {
    let app = TestApp::start().await;
    let id = app.create_system("HR").await;
    for (path, expected) in [
        (
            format!("{SYSTEMS}/HR"),
            "Connected system HR does not exist: a number is asked for, which lists show as `id`.",
        ),
        (
            format!("{SYSTEMS}/{id}/partitions/dc=example,dc=com"),
            "dc=example,dc=com does not exist: a number is asked for, which lists show as `id`.",
        ),
        ("/api/v1/apikeys/admin".to_owned(), "admin does not exist: a GUID is asked for, which lists show as `id`."),
    ] {
        let verb = if path.contains("partitions") { "PUT" } else { "GET" };
        let body = (verb == "PUT").then(|| json!({ "selected": true }).to_string());
        let answer = app.admin().send(verb, &path, body).await.expect_status(404);
        let message = answer["message"].as_str().expect("a message");
        assert!(message.ends_with(expected), "{message}");
    }
    let numbered = app.admin().get(&format!("{SYSTEMS}/999")).await.expect_status(404);
    assert_eq!(numbered["message"], "Connected system 999 does not exist.");
}
