//! Behind a proxy: whose word about a caller's address is taken, and what follows from it.

use serde_json::{Value, json};

use crate::support::Client;
use crate::support::program::{Place, Process};

const USERINFO: &str = "/api/v1/userinfo";
const KEYS: &str = "/api/v1/apikeys";

async fn asked(client: &Client, told: &[&str]) -> u16 {
    let headers: Vec<(&str, &str)> = told.iter().map(|told| ("X-Forwarded-For", *told)).collect();
    client.send_with("GET", USERINFO, None, &headers).await.status
}

/// The address that the server has noted for the only key.
async fn last_used_from(server: &Process, key: &str, told: &[&str]) -> Value {
    let client = server.client(key);
    assert_eq!(asked(&client, told).await, 200);
    client.get(KEYS).await.expect_status(200)[0]["lastUsedFromIp"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_word_of_a_trusted_proxy_says_who_calls() {
    let place = Place::new().with("JIM_SERVER_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8");
    let server = place.serve();
    let key = server.key();
    let from = last_used_from(&server, &key, &["198.51.100.1, 203.0.113.5", "10.1.2.3"]).await;
    assert!(from == "203.0.113.5" || from.is_null(), "{from}");
    // What the limit counts and the audit tells is the caller behind the proxy, not the proxy.
    let stranger = Client::new(server.address());
    let limit = json!({ "value": "3" });
    let path = "/api/v1/service-settings/RateLimiting.UnauthenticatedPerMinute";
    server.client(&key).put(path, &limit).await.expect_status(200);
    for caller in ["203.0.113.7", "2001:db8::7"] {
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(asked(&stranger, &[caller]).await);
        }
        assert_eq!(seen, [401, 401, 401, 429, 429], "{caller}");
    }
    let done = server.stop();
    assert!(done.err.contains("203.0.113.7"), "{}", done.err);
    assert!(!done.err.contains("from=\"127.0.0.1\""), "{}", done.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_caller_can_choose_an_address() {
    let server = Place::new().serve();
    let key = server.key();
    let path = "/api/v1/service-settings/RateLimiting.UnauthenticatedPerMinute";
    server.client(&key).put(path, &json!({ "value": "3" })).await.expect_status(200);
    let stranger = Client::new(server.address());
    let mut seen = Vec::new();
    for n in 0..5 {
        seen.push(asked(&stranger, &[&format!("203.0.113.{n}")]).await);
    }
    assert_eq!(seen, [401, 401, 401, 429, 429]);
    let done = server.stop();
    assert!(!done.err.contains("203.0.113."), "{}", done.err);
}
