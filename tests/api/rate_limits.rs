//! Rate limits: how many requests pass a window, of whom, and what is never counted.

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Client, Clocks, SYSTEMS, Setup, TestApp};
use crate::tier;

const USERINFO: &str = "/api/v1/userinfo";
const CONFIG: &str = "/api/v1/auth/config";
const OPERATORS: &str = "jim_operator-chose-this-key-0123456789";

/// A server whose minutes a test lets pass.
async fn start(infrastructure_key: Option<&str>) -> (TestApp, Clocks) {
    let clock = Clocks::default();
    let infrastructure_key = infrastructure_key.map(str::to_owned);
    let app = TestApp::start_with(Setup { clock: Some(clock.clone()), infrastructure_key, ..Setup::default() }).await;
    (app, clock)
}

async fn set(admin: &Client, key: &str, value: &str) {
    let path = format!("/api/v1/service-settings/RateLimiting.{key}");
    admin.put(&path, &json!({ "value": value })).await.expect_status(200);
}

#[track_caller]
fn refused(answer: Answer, wait: &str) {
    assert_eq!(answer.header("retry-after"), wait, "{}", answer.body);
    let told = answer.expect_error(429, "TOO_MANY_REQUESTS");
    assert!(told.contains(&format!("{wait} s")), "{told}");
}

/// Sends this many at once, a few connections wide, and returns how many got each of two statuses.
async fn flood(client: &Client, path: &'static str, count: usize, passed: u16) -> (usize, usize) {
    const WIDE: usize = 16;
    let lanes: Vec<_> = (0..WIDE)
        .map(|lane| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut seen = (0, 0);
                for _ in (lane..count).step_by(WIDE) {
                    match client.get(path).await.status {
                        status if status == passed => seen.0 += 1,
                        429 => seen.1 += 1,
                        other => panic!("{other}"),
                    }
                }
                seen
            })
        })
        .collect();
    let mut all = (0, 0);
    for lane in lanes {
        let (passed, refused) = lane.await.expect("a lane ends");
        all = (all.0 + passed, all.1 + refused);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_600_failed_or_anonymous_requests_of_an_address_pass_a_window() {
    let (app, clock) = start(None).await;
    let (admin, stranger) = (app.admin(), app.stranger());
    admin.get(USERINFO).await.expect_status(200);
    let argon2 = app.app.keys.argon2_runs();
    assert_eq!(flood(&stranger, USERINFO, 590, 401).await, (590, 0));
    // Every kind of failure is one, an anonymous request too.
    let bearer = [("Authorization", "Bearer x")];
    for _ in 0..2 {
        stranger.clone().with_key("jim_nonsense").get(USERINFO).await.expect_error(401, "UNAUTHORISED");
        stranger.clone().with_key(OPERATORS).get(USERINFO).await.expect_error(401, "UNAUTHORISED");
        stranger.send_with("GET", USERINFO, None, &bearer).await.expect_error(401, "UNAUTHORISED");
        stranger.get(CONFIG).await.expect_error(503, "SERVICE_UNAVAILABLE");
    }
    clock.pass(Duration::from_millis(20_500));
    assert_eq!(flood(&stranger, CONFIG, 32, 503).await, (2, 30));
    assert_eq!(flood(&stranger, USERINFO, 32, 401).await, (0, 32));
    refused(stranger.get(USERINFO).await, "40");
    refused(stranger.clone().with_key("jim_nonsense").get(USERINFO).await, "40");
    refused(stranger.send_with("GET", USERINFO, None, &bearer).await, "40");
    refused(stranger.post(SYSTEMS, &json!({})).await, "40");

    // Path and verb come first; what is not of the API and probes are not counted.
    stranger.get("/api/v1/nothing").await.expect_error(404, "NOT_FOUND");
    stranger.delete(USERINFO).await.expect_error(405, "METHOD_NOT_ALLOWED");
    for health in ["health", "health/live", "health/ready", "health/version"] {
        assert_eq!(stranger.get(&format!("/api/v1/{health}")).await.status, 200);
    }
    // A key that is remembered passes; one that would have to be verified does not, and costs nothing.
    let cold = app.with_roles("cold", &[]).await;
    let argon2_of_making = app.app.keys.argon2_runs();
    refused(cold.get(USERINFO).await, "40");
    refused(cold.get(CONFIG).await, "40");
    assert_eq!(app.app.keys.argon2_runs(), argon2_of_making);
    assert_eq!(argon2_of_making, argon2 + 1, "the one that made the key");
    // No header makes another address of it.
    for (name, value) in [
        ("X-Forwarded-For", "203.0.113.9"),
        ("Forwarded", "for=203.0.113.9"),
        ("X-Real-IP", "203.0.113.9"),
        ("True-Client-IP", "203.0.113.9"),
        ("X-Client-IP", "203.0.113.9"),
        ("CF-Connecting-IP", "203.0.113.9"),
    ] {
        refused(stranger.send_with("GET", USERINFO, None, &[(name, value)]).await, "40");
    }

    clock.pass(Duration::from_millis(39_499));
    refused(stranger.get(USERINFO).await, "1");
    clock.pass(Duration::from_millis(1));
    assert_eq!(flood(&stranger, USERINFO, 620, 401).await, (600, 20));
    clock.pass(Duration::from_secs(60));
    assert_eq!(cold.get(USERINFO).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_one_whatever_others_do() {
    let (app, _clock) = start(None).await;
    set(&app.admin(), "UnauthenticatedPerMinute", "3").await;
    let port = app.address.port();
    let ask = async |from: [u8; 4]| {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind((from, 0).into()).expect("an address of this machine");
        let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.expect("a connection");
        let request = format!("GET {USERINFO} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer.get(9..12).expect("a status").to_owned()
    };
    for from in [[127, 0, 0, 2], [127, 0, 0, 3]] {
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(ask(from).await);
        }
        assert_eq!(seen, ["401", "401", "401", "429"]);
    }
    assert_eq!(ask([127, 0, 0, 1]).await, "401");
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_as_many_requests_of_a_key_pass_a_window_as_are_set() {
    let (app, clock) = start(Some(OPERATORS)).await;
    let operator = app.stranger().with_key(OPERATORS);
    let made = operator.post("/api/v1/apikeys", &json!({ "name": "counted", "roleIds": 2 })).await.expect_status(201);
    let counted = app.stranger().with_key(made["key"].as_str().expect("a key"));
    set(&operator, "AuthenticatedPerMinute", "100").await;
    // The first is the one that verifies the key. Answers of any kind count, also on anonymous endpoints.
    counted.get(USERINFO).await.expect_status(200);
    counted.get(&format!("{SYSTEMS}/7")).await.expect_error(404, "NOT_FOUND");
    counted.post(SYSTEMS, &json!({})).await.expect_error(403, "FORBIDDEN");
    counted.get(CONFIG).await.expect_error(503, "SERVICE_UNAVAILABLE");
    for _ in 0..200 {
        counted.get("/api/v1/health/version").await.expect_status(200);
    }
    clock.pass(Duration::from_millis(30_001));
    assert_eq!(flood(&counted, USERINFO, 128, 200).await, (96, 32));
    refused(counted.get(CONFIG).await, "30");
    refused(counted.post(SYSTEMS, &json!({})).await, "30");
    // No other caller is held back by it, and the operator's key never.
    assert_eq!(app.stranger().get(CONFIG).await.status, 503);
    assert_eq!(flood(&operator, USERINFO, 208, 200).await, (208, 0));
    assert_eq!(flood(&operator, CONFIG, 16, 503).await, (16, 0));

    // A setting acts at once, both ways.
    set(&operator, "AuthenticatedPerMinute", "110").await;
    assert_eq!(flood(&counted, USERINFO, 16, 200).await, (10, 6));
    set(&operator, "Enabled", "false").await;
    assert_eq!(flood(&counted, USERINFO, 160, 200).await, (160, 0));
    assert_eq!(flood(&app.stranger(), USERINFO, 640, 401).await, (640, 0));
    set(&operator, "Enabled", "true").await;
    refused(counted.get(USERINFO).await, "30");
    clock.pass(Duration::from_secs(30));
    assert_eq!(flood(&counted, USERINFO, 128, 200).await, (110, 18));
    // An edit gives no new window.
    let path = format!("/api/v1/apikeys/{}", made["id"].as_str().expect("an id"));
    operator.put(&path, &json!({ "name": "renamed", "roleIds": 2, "isEnabled": true })).await.expect_status(200);
    refused(counted.get(USERINFO).await, "60");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_is_60000_for_a_key() {
    let (app, _clock) = start(None).await;
    let admin = app.admin();
    let key = admin.get("/api/v1/apikeys").await.expect_status(200)[0]["id"].clone();
    let id = key.as_str().and_then(|id| uuid::Uuid::parse_str(id).ok()).expect("an id");
    // The list of keys was the first.
    const BEFORE: usize = 60_000 - 1 - 16;
    if tier::in_full() {
        assert_eq!(flood(&admin, USERINFO, BEFORE, 200).await, (BEFORE, 0));
    } else {
        // That many take too long here: those that no test reads are counted without being sent.
        let now = app.app.clock.now().elapsed;
        for _ in 0..BEFORE {
            assert!(app.app.limiter.keys.take(id, u32::MAX, now).is_ok());
        }
    }
    assert_eq!(flood(&admin, USERINFO, 32, 200).await, (16, 16));
    tier::figure("exactly 60,000 of a key and 600 of an address in a window");
}
