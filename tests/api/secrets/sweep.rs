//! That the sweeps for canaries can fail.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::canaries::{ECHOED, OPERATORS, PASSWORD};
use crate::support::canaries::{self, Wanted, forms};
use crate::support::{SYSTEMS, TestApp};

/// What is looked for is found in each form, wherever it stands in a text, and nothing else is.
#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_finds_each_form() {
    let secrets = [PASSWORD, OPERATORS].map(|s| s.as_bytes().to_vec());
    let wanted = Wanted::new(&secrets);
    let mut found = BTreeSet::new();
    for secret in &secrets {
        for (form, bytes) in forms(secret) {
            for before in ["", "x", "{\"message\":\"bound by "] {
                let text = [before.as_bytes(), &bytes, b" and so on"].concat();
                assert!(wanted.in_there(&text).is_some(), "{form} after {before:?}");
                assert_eq!(wanted.in_there(&text[..before.len() + bytes.len() - 1]), None, "{form} without its end");
            }
            found.insert(form);
        }
        for before in ["", "a", "ab", "abc"] {
            let text = STANDARD.encode([before.as_bytes(), secret, b"after"].concat());
            assert!(wanted.in_there(text.as_bytes()).is_some(), "in base64 after {before:?}");
        }
        let told = json!({ "message": format!("as {}", String::from_utf8_lossy(secret)) });
        assert!(wanted.in_there(told.to_string().as_bytes()).is_some());
        assert!(wanted.in_there(format!("{secret:?}").as_bytes()).is_some());
    }
    assert!(found.len() > 15 && ECHOED.iter().all(|form| found.contains(form)), "{found:?}");
    assert_eq!(wanted.in_there(json!({ "message": "an answer without any" }).to_string().repeat(50).as_bytes()), None);
}

/// The whole suite is listened to: a password that was entered and a key that was made are known, and what a server of
/// this process logs is heard.
#[tokio::test(flavor = "multi_thread")]
async fn every_test_is_listened_to() {
    let app = TestApp::start().await;
    let id = app.create_system("Heard").await;
    let entered = "a canary that only this test enters \"\u{e9}\" 19ab";
    app.set(id, &json!({ "3": { "stringValue": entered } })).await.expect_status(200);
    let reader = app.with_roles("reader", &[2]).await;
    for (secret, known) in [
        (json!(entered).to_string(), true),
        (app.key.clone(), true),
        (reader.key().to_owned(), true),
        (app.key[..17].to_owned(), false),
    ] {
        assert_eq!(canaries::in_there(secret.as_bytes()).is_some(), known, "{secret}");
    }
    // Other tests log too, and only the last lines are kept.
    let mut heard = false;
    for _ in 0..50 {
        let headers = [("X-Request-Id", "heard-by-the-canaries")];
        app.admin().send_with("GET", &format!("{SYSTEMS}/999999"), None, &headers).await.expect_status(404);
        heard |= canaries::has_heard("heard-by-the-canaries");
    }
    assert!(heard, "the log of the servers in this process is not listened to");
}
