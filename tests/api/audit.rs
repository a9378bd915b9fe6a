//! The audit in the log: refused credentials and changes of keys, counted right, one event in one line, and nothing
//! in them that a caller wrote.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::Client;
use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::key_text::{unknown_id, wrong_secret};
use crate::support::program::{Done, Place};

const USERINFO: &str = "/api/v1/userinfo";
const KEYS: &str = "/api/v1/apikeys";
/// What would forge a line, or colour one, if it came into the log as it is.
const HOSTILE: &str = "x\r\n2026-01-01T00:00:00Z  WARN forged: line\n{\"forged\":1}\u{1b}[31m\u{9b}2J\u{2028}";

/// The refusals of a log: lines and counted events by key id, address and reason.
fn refusals(done: &Done) -> BTreeMap<[String; 3], (usize, u64)> {
    let mut seen: BTreeMap<[String; 3], (usize, u64)> = BTreeMap::new();
    for line in done.err.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let fields = &event["fields"];
        if fields["message"] == "audit: API key refused" {
            let who = ["api_key.id", "from", "reason"].map(|f| fields[f].as_str().expect("text").to_owned());
            let told = seen.entry(who).or_default();
            *told = (told.0 + 1, told.1 + fields["count"].as_u64().expect("a count"));
        }
    }
    seen
}

async fn fail(client: &Client, times: u64, headers: &[(&str, &str)]) {
    for _ in 0..times {
        client.send_with("GET", USERINFO, None, headers).await.expect_error(401, "UNAUTHORISED");
    }
}

/// 10,000 instead of a million, because this runs unoptimised.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_and_logged_twice_at_most() {
    let place = Place::new().with("JIM_LOG_FORMAT", "json");
    let server = place.serve();
    let (key, stranger) = (server.key(), Client::new(server.address()));
    let admin = server.client(&key);
    let off = json!({ "value": "false" });
    admin.put("/api/v1/service-settings/RateLimiting.Enabled", &off).await.expect_status(200);
    let mut ids = Vec::new();
    for (name, expires) in [("off", Value::Null), ("ended", json!("2020-01-01T00:00:00.0000000Z"))] {
        let body = json!({ "name": name, "roleIds": 1, "expiresAt": expires });
        let made = admin.post(KEYS, &body).await.expect_status(201);
        let (id, key) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
        if name == "off" {
            admin.put(&format!("{KEYS}/{id}"), &json!({ "name": name, "roleIds": 1 })).await.expect_status(200);
        }
        ids.push((id.to_owned(), key.to_owned()));
    }
    let own = admin.get(KEYS).await.expect_status(200)[0]["id"].as_str().expect("an id").to_owned();
    let unknown = |n: usize| stranger.clone().with_key(&unknown_id(n));

    let mut expected = BTreeMap::new();
    let mut expect = |id: &str, reason: &str, count: u64| {
        expected
            .insert([id.to_owned(), "127.0.0.1".to_owned(), reason.to_owned()], (if count > 1 { 2 } else { 1 }, count));
    };
    let lanes = (0..8).map(|lane| {
        let (stranger, unknown) = (stranger.clone(), unknown(lane));
        tokio::spawn(async move {
            fail(&stranger, 300, &[]).await;
            fail(&stranger, 200, &[("Authorization", "Bearer x\u{a0}y")]).await;
            fail(&stranger.clone().with_key("jim_\u{e9}nonsense \u{a0}"), 250, &[]).await;
            fail(&stranger, 100, &[("X-Api-Key", "a"), ("X-Api-Key", "b")]).await;
            fail(&unknown, 300, &[]).await;
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.expect("a lane ends");
    }
    expect("unknown", "no key", 8 * 300);
    expect("unknown", "bearer token", 8 * 200);
    expect("unknown", "malformed", 8 * 350);
    expect("unknown", "unknown key", 8 * 300);
    for ((id, key), (reason, count)) in ids.iter().zip([("disabled", 300), ("expired", 300)]) {
        fail(&stranger.clone().with_key(key), count, &[]).await;
        expect(id, reason, count);
    }
    fail(&stranger.clone().with_key(&wrong_secret(&key, 0)), 200, &[]).await;
    expect(&own, "wrong secret", 200);
    let done = server.stop();
    assert_eq!(refusals(&done), expected);
    assert!(expected.values().map(|e| e.1).sum::<u64>() >= 10_000);
    for secret in [&key, &ids[0].1, &ids[1].1] {
        assert!(!done.err.contains(&secret[17..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_one_line_whatever_callers_write() {
    for format in ["json", "text"] {
        let place = Place::new().with("JIM_LOG_FORMAT", format).with("JIM_LOG_FILTER", "trace");
        let server = place.serve();
        let admin = server.client(&server.key());
        let name = format!("a{HOSTILE}");
        let made = admin.post(KEYS, &json!({ "name": name, "description": HOSTILE, "roleIds": 1 })).await;
        let path = format!("{KEYS}/{}", made.expect_status(201)["id"].as_str().expect("an id"));
        let headers = [("X-Request-Id", "an id that is none: \u{e9}"), ("User-Agent", "a\u{9b}\u{a0}")];
        admin.send_with("GET", &path, None, &headers).await.expect_status(200);
        admin.put(&path, &json!({ "name": name, "roleIds": 2 })).await.expect_status(200);
        admin.delete(&path).await.expect_status(204);
        let system = json!({ "name": name, "description": HOSTILE, "connectorDefinitionId": 3 });
        let systems = "/api/v1/synchronisation/connected-systems";
        let id = admin.post(systems, &system).await.expect_status(201)["id"].clone();
        let settings = json!({ "settingValues": { "1": { "stringValue": "ldap://127.0.0.1:1" },
            "2": { "stringValue": format!("cn={HOSTILE}") }, "3": { "stringValue": HOSTILE } } });
        admin.put(&format!("{systems}/{id}"), &settings).await.expect_status(200);
        admin.send("POST", &format!("{systems}/{id}/import-hierarchy"), None).await.expect_error(500, "INTERNAL_ERROR");
        // A directory that puts lines into names, and has them warned of.
        let forged = "ou=a\n2026-01-01T00:00:00Z  WARN forged,dc=x";
        let sandbox =
            Sandbox::start(Options::with_tree(Tree::new().suffix("dc=x").ou(forged))).await.expect("a directory");
        let body = json!({ "name": "forged", "connectorDefinitionId": 3 });
        let id = admin.post(systems, &body).await.expect_status(201)["id"].clone();
        let settings = json!({ "settingValues": crate::support::sandbox_settings(&sandbox) });
        admin.put(&format!("{systems}/{id}"), &settings).await.expect_status(200);
        let import = format!("{systems}/{id}/import-hierarchy");
        admin.send("POST", &import, None).await.expect_status(200);
        sandbox.hide(forged).expect("hidden");
        let warned = admin.send("POST", &import, None).await.expect_status(200);
        assert!(warned["warnings"].to_string().contains("forged"), "{warned}");
        admin.get("/api/v1/service-settings/%0D%0Aforged%1B%5B31m").await.expect_error(404, "NOT_FOUND");
        admin.get("/api/v1/%0D%0Aforged").await.expect_error(404, "NOT_FOUND");
        let done = server.stop();
        for line in done.err.lines() {
            assert!(!line.contains(['\r', '\u{1b}', '\u{9b}']), "{line:?}");
            match format {
                "json" => assert!(serde_json::from_str::<Value>(line).is_ok_and(|e| e["fields"].is_object()), "{line}"),
                _ => assert!(line.starts_with("20") && line.get(10..11) == Some("T"), "{line}"),
            }
            assert!(!line.starts_with("2026-01-01T00:00:00Z  WARN forged"), "{line}");
        }
        for what in ["created", "changed", "deleted"] {
            let told = done.err.lines().filter(|l| l.contains(&format!("audit: API key {what}"))).count();
            assert_eq!(told, 1, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_key_is_in_the_log_when_it_is_answered() {
    let place = Place::new().with("JIM_LOG_FORMAT", "json");
    let server = place.serve();
    let admin = server.client(&server.key());
    let told = |what: &str, request: &str| {
        let line = server.log_line(&format!("audit: API key {what}"));
        let event: Value = serde_json::from_str(&line).expect("JSON");
        let fields = event["fields"].clone();
        assert_eq!((&fields["request.id"], &fields["from"]), (&json!(request), &json!("127.0.0.1")), "{line}");
        (fields["api_key.id"].clone(), fields["by"].clone())
    };
    let send = async |method: &str, path: &str, body: Value, id: &str| {
        admin.send_with(method, path, Some(body.to_string()), &[("X-Request-Id", id)]).await
    };
    let made = send("POST", KEYS, json!({ "name": "a" }), "making").await.expect_status(201);
    let own = admin.get(KEYS).await.expect_status(200)[1]["id"].clone();
    assert_eq!(told("created\"", "making"), (made["id"].clone(), own.clone()));
    let path = format!("{KEYS}/{}", made["id"].as_str().expect("an id"));
    send("PUT", &path, json!({ "name": "b" }), "changing").await.expect_status(200);
    assert_eq!(told("changed", "changing"), (made["id"].clone(), own.clone()));
    // What is refused is no change.
    send("PUT", &path, json!({ "name": "" }), "refused").await.expect_fault("name");
    send("DELETE", &format!("{KEYS}/{}", own.as_str().expect("an id")), json!({}), "refused").await.expect_status(409);
    send("DELETE", &path, json!({}), "deleting").await.expect_status(204);
    assert_eq!(told("deleted", "deleting"), (made["id"].clone(), own));
    let done = server.stop();
    assert_eq!(done.err.lines().filter(|l| l.contains("audit: API key")).count(), 3, "{}", done.err);
}
