//! Keys while many requests use them: revocation acts with the next request, and argon2 runs once per key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::support::{Client, SYSTEMS, TestApp};

async fn key_id(app: &TestApp, name: &str) -> String {
    let keys = app.admin().get("/api/v1/apikeys").await.expect_status(200);
    let found = keys.as_array().expect("keys").iter().find(|k| k["name"] == name).expect("the key");
    found["id"].as_str().expect("an id").to_owned()
}

/// How a key loses its right, and what its next request gets.
const WAYS: [(&str, u16); 4] = [("disable", 401), ("delete", 401), ("demote", 403), ("expire", 401)];

#[tokio::test(flavor = "multi_thread")]
async fn k3_no_request_that_starts_after_a_revocation_is_accepted() {
    let app = TestApp::start().await.without_limits().await;
    let mut accepted_before = 0;
    for round in 0..25 {
        for (way, status) in WAYS {
            let name = format!("{way} {round}");
            let client = app.with_roles(&name, &[1]).await;
            let path = format!("/api/v1/apikeys/{}", key_id(&app, &name).await);
            let (revoked, late, early) =
                (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            let hammers: Vec<_> = (0..4)
                .map(|_| {
                    let (client, revoked) = (client.clone(), revoked.clone());
                    let (late, early) = (late.clone(), early.clone());
                    tokio::spawn(async move {
                        let mut after = 0;
                        while after < 2 {
                            let started_after = revoked.load(Ordering::SeqCst);
                            let got = client.get(SYSTEMS).await.status;
                            after += u32::from(started_after);
                            match (started_after, got) {
                                (true, 200) => late.fetch_add(1, Ordering::SeqCst),
                                (true, other) => {
                                    assert_eq!(other, status);
                                    0
                                }
                                (false, 200) => early.fetch_add(1, Ordering::SeqCst),
                                (false, _) => 0,
                            };
                        }
                    })
                })
                .collect();
            // At least one request was accepted before the key is taken away.
            while early.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            let admin = app.admin();
            let answer = match way {
                "delete" => admin.delete(&path).await,
                "disable" => admin.put(&path, &json!({ "name": name, "roleIds": [1], "isEnabled": false })).await,
                "demote" => admin.put(&path, &json!({ "name": name, "roleIds": null, "isEnabled": true })).await,
                _ => {
                    let past = "2020-01-01T00:00:00Z";
                    let body = json!({ "name": name, "roleIds": [1], "isEnabled": true, "expiresAt": past });
                    admin.put(&path, &body).await
                }
            };
            assert!(matches!(answer.status, 200 | 204), "{way}: {}", answer.body);
            revoked.store(true, Ordering::SeqCst);
            for hammer in hammers {
                hammer.await.expect("a client ends");
            }
            assert_eq!(late.load(Ordering::SeqCst), 0, "{name}: accepted after the revocation was answered");
            accepted_before += early.load(Ordering::SeqCst);
        }
    }
    assert!(accepted_before >= 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn k6_after_a_restart_one_key_costs_one_argon2_run() {
    let app = TestApp::start().await;
    app.admin().get(SYSTEMS).await.expect_status(200);
    let app = app.restart().await;
    assert_eq!(app.app.keys.argon2_runs(), 0);
    let requests: Vec<_> = (0..200)
        .map(|_| {
            let client = Client::new(app.address).with_key(&app.key);
            tokio::spawn(async move { client.get(SYSTEMS).await.status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.expect("an answer"), 200);
    }
    assert_eq!(app.app.keys.argon2_runs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_key_costs_no_argon2_run() {
    let app = TestApp::start().await;
    app.admin().get(SYSTEMS).await.expect_status(200);
    let runs = app.app.keys.argon2_runs();
    for n in 0..50 {
        for key in [format!("jim_{n}"), format!("jim_operator-key-that-nobody-made-{n:08}"), format!("bearer-{n:040}")]
        {
            let answer = app.stranger().with_key(&key).get(SYSTEMS).await;
            answer.expect_error(401, "UNAUTHORISED");
        }
    }
    assert_eq!(app.app.keys.argon2_runs(), runs);
    let wrong = app.stranger().with_key(&format!("jim_{}", "x".repeat(60)));
    let first: Value = wrong.get(SYSTEMS).await.body;
    assert_eq!(first["code"], "UNAUTHORISED");
}
