//! When and from where a key was last used.

use super::*;

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

/// A key that nobody has verified yet is noted too, although an anonymous endpoint does not wait for that.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_use_may_be_of_an_anonymous_endpoint() {
    let app = TestApp::start().await;
    let made = make(&app, json!({ "name": "used" })).await;
    client(&app, &made).get("/api/v1/health").await.expect_status(200);
    for _ in 0..200 {
        jim::ops::authenticate::store_uses(&app.app).await.expect("stored");
        if app.admin().get(&path(&made)).await.expect_status(200)["lastUsedAt"].is_string() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the use is not noted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_uses_are_stored_at_the_end() {
    let place = crate::support::program::Place::new();
    let server = place.serve();
    let key = server.key();
    server.client(&key).get(USERINFO).await.expect_status(200);
    server.stop();
    let c = rusqlite::Connection::open(place.path("jim.db")).expect("the database opens");
    let sql = "SELECT last_used_at > created_at, last_used_from_ip FROM api_keys";
    let used: (bool, String) = c.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?))).expect("a use");
    assert_eq!(used, (true, "127.0.0.1".to_owned()));
}
