//! Health, version, the sign-in advice and who a key is.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::database::Database;

const BAD_KEY: &str = "jim_not-a-key";

fn timeless(mut body: Value) -> Value {
    let timestamp = body["timestamp"].take();
    assert!(timestamp.as_str().is_some_and(|t| t.len() >= 20 && t.ends_with('Z')), "{timestamp}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_version_need_no_key() {
    let app = TestApp::start().await;
    let version = env!("CARGO_PKG_VERSION").split('+').next();
    let stranger = app.stranger();
    // A bad key is no worse than none.
    let bad = app.stranger().with_key(BAD_KEY);
    for client in [&stranger, &bad, &app.admin()] {
        for (path, status) in [("", "healthy"), ("/live", "alive"), ("/ready", "ready"), ("/READY/", "ready")] {
            let body = client.get(&format!("/api/v1/health{path}")).await.expect_status(200);
            assert_eq!(timeless(body), json!({ "status": status, "timestamp": null }));
        }
        let body = client.get("/api/v1/health/version").await.expect_status(200);
        assert_eq!(body, json!({ "product": "JIM", "version": version }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_is_not_configured() {
    let app = TestApp::start().await;
    for client in [app.stranger(), app.stranger().with_key(BAD_KEY), app.admin()] {
        let answer = client.get("/api/v1/auth/config").await;
        assert_eq!(answer.header("retry-after"), "5");
        let mut body = timeless(answer.expect_status(503));
        assert!(body["message"].take().as_str().is_some_and(|m| m.contains("API key")));
        let expected = json!({
            "code": "SERVICE_UNAVAILABLE",
            "message": null,
            "details": null,
            "validationErrors": null,
            "timestamp": null,
            "error": "sso_not_configured",
        });
        assert_eq!(body, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_shows_any_accepted_key_who_it_is() {
    let app = TestApp::start().await;
    let cases: [(&str, &[i64], &[&str]); 4] = [
        ("an administrator", &[1], &["Administrator"]),
        ("a reader", &[2], &["Reader"]),
        ("both", &[1, 2], &["Administrator", "Reader"]),
        ("nobody", &[], &[]),
    ];
    for (name, roles, names) in cases {
        let client = app.with_roles(name, roles).await;
        let mut body = client.get("/api/v1/userinfo").await.expect_status(200);
        let message = body.as_object_mut().expect("an object").remove("message");
        assert_eq!(message.is_some_and(|m| m.is_string()), roles.is_empty(), "{name}");
        let expected = json!({
            "authorised": !roles.is_empty(),
            "isAdministrator": roles.contains(&1),
            "name": name,
            "authMethod": "api_key",
            "metaverseObjectId": null,
            "roles": names,
        });
        assert_eq!(body, expected);
    }
    app.stranger().get("/api/v1/userinfo").await.expect_error(401, "UNAUTHORISED");
    app.stranger().with_key(BAD_KEY).get("/api/v1/userinfo").await.expect_error(401, "UNAUTHORISED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_takes_no_changes_is_not_ready() {
    let app = TestApp::start().await;
    let other = Database::writable(&app.database()).lock();
    let mut body = timeless(app.stranger().get("/api/v1/health/ready").await.expect_status(503));
    assert!(body["message"].take().is_string());
    let expected = json!({
        "code": "SERVICE_UNAVAILABLE",
        "message": null,
        "details": null,
        "validationErrors": null,
        "timestamp": null,
        "status": "not_ready",
        "reason": "error",
    });
    assert_eq!(body, expected);
    app.stranger().get("/api/v1/health/live").await.expect_status(200);
    drop(other);
    app.stranger().get("/api/v1/health/ready").await.expect_status(200);
}
