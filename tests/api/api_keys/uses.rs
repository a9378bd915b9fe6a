//! When and from where a key was last used.

use super::*;
use crate::support::database::Database;

#[tokio::test(flavor = "multi_thread")]
async fn uses_are_noted() {
    let app = TestApp::start().await;
    let store = async || jim::ops::authenticate::store_uses(&app.app).await.expect("stored");
    let made = make(&app, json!({ "name": "used" })).await;
    let mut before = made["createdAt"].as_str().expect("a date").to_owned();
    for path in [USERINFO, KEYS, "/api/v1/health/version", USERINFO] {
        client(&app, &made).get(path).await;
        store().await;
        let used = app.admin().get(&self::path(&made)).await.expect_status(200);
        assert_eq!(used["lastUsedFromIp"], "127.0.0.1", "{path}");
        let at = used["lastUsedAt"].as_str().expect("a date");
        assert!(at.ends_with('Z') && at > before.as_str(), "{path}: {at} after {before}");
        before = at.to_owned();
    }
    let off = make(&app, json!({ "name": "off" })).await;
    app.admin().put(&path(&off), &json!({ "name": "off" })).await.expect_status(200);
    client(&app, &off).get(USERINFO).await.expect_error(401, "UNAUTHORISED");
    client(&app, &off).get("/api/v1/health/version").await.expect_status(200);
    store().await;
    assert_eq!(app.admin().get(&path(&off)).await.expect_status(200)["lastUsedAt"], Value::Null);
}

/// An anonymous endpoint notes the use of a cached key and verifies none.
#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_endpoint_verifies_no_key() {
    let app = TestApp::start().await;
    let made = make(&app, json!({ "name": "used" })).await;
    let last_used = async || {
        jim::ops::authenticate::store_uses(&app.app).await.expect("stored");
        app.admin().get(&path(&made)).await.expect_status(200)["lastUsedAt"].clone()
    };
    assert_eq!(last_used().await, Value::Null);
    let runs = app.app.keys.argon2_runs();
    client(&app, &made).get("/api/v1/health").await.expect_status(200);
    assert_eq!((last_used().await, app.app.keys.argon2_runs()), (Value::Null, runs));
    client(&app, &made).get(USERINFO).await.expect_status(200);
    let first = last_used().await;
    client(&app, &made).get("/api/v1/health").await.expect_status(200);
    assert!(first.is_string() && last_used().await.as_str() > first.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_uses_are_stored_at_the_end() {
    let place = crate::support::program::Place::new();
    let server = place.serve();
    let key = server.key();
    server.client(&key).get(USERINFO).await.expect_status(200);
    server.stop();
    let key = Database::writable(&place.path("jim.db")).api_keys().remove(0);
    assert_eq!((key.used_after_creation, key.used_from.as_deref()), (Some(true), Some("127.0.0.1")));
}
