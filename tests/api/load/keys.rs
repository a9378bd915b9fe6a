//! Keys while many requests use them: revocation acts with the next request, and argon2 runs once per key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::key_text::{unknown_id, with_crc, wrong_secret};
use crate::support::program::HANG;
use crate::support::{Client, Clocks, SYSTEMS, Setup, TestApp};
use crate::tier;

const USERINFO: &str = "/api/v1/userinfo";

async fn key_id(app: &TestApp, name: &str) -> String {
    let keys = app.admin().get("/api/v1/apikeys").await.expect_status(200);
    let found = keys.as_array().expect("keys").iter().find(|k| k["name"] == name).expect("the key");
    found["id"].as_str().expect("an id").to_owned()
}

/// How a key loses its right, and what its next request gets.
const WAYS: [(&str, u16); 4] = [("disable", 401), ("delete", 401), ("demote", 403), ("expire", 401)];

#[tokio::test(flavor = "multi_thread")]
async fn no_request_that_starts_after_a_revocation_is_accepted() {
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
async fn after_a_restart_one_key_costs_one_argon2_run() {
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

/// The figures at these shares of a run, in microseconds.
fn shares(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0, Duration::as_micros);
    format!("p50 {} us, p99 {} us", at(50), at(99))
}

async fn timed(client: &Client, path: &str, count: usize, status: u16) -> Vec<Duration> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        assert_eq!(client.get(path).await.status, status);
        times.push(begun.elapsed());
    }
    times
}

/// A short form that prints its figures; unoptimised they mean little.
#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_key_costs_little() {
    let app = TestApp::start().await;
    let admin = app.admin();
    admin.get(USERINFO).await.expect_status(200);
    let runs = app.app.keys.argon2_runs();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    for _ in 0..10 {
        with.extend(timed(&admin, USERINFO, 100, 200).await);
        without.extend(timed(&app.stranger(), "/api/v1/health/version", 100, 200).await);
    }
    tier::figure(format!("with a key {}, without {}, in {:?}", shares(with), shares(without), begun.elapsed()));
    assert_eq!(app.app.keys.argon2_runs(), runs);
}

/// A short form: a thousand keys of each kind in place of five thousand a second.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_costs_no_argon2_run_and_no_memory() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let quiet = timed(&admin, USERINFO, 200, 200).await;
    let runs = app.app.keys.argon2_runs();
    for (enabled, statuses) in [("false", &[401][..]), ("true", &[401, 429])] {
        let path = "/api/v1/service-settings/RateLimiting.Enabled";
        admin.put(path, &json!({ "value": enabled })).await.expect_status(200);
        let lanes: Vec<_> = (0..8)
            .map(|lane| {
                let stranger = app.stranger();
                tokio::spawn(async move {
                    for n in (lane..1_000).step_by(8) {
                        for key in [format!("jim_garbage-{n}"), unknown_id(n), format!("jim_operator-s-key-{n:030}")] {
                            let status = stranger.clone().with_key(&key).get(SYSTEMS).await.status;
                            assert!(statuses.contains(&status), "{status}");
                        }
                    }
                })
            })
            .collect();
        let honest = timed(&admin, USERINFO, 200, 200).await;
        for lane in lanes {
            lane.await.expect("a lane ends");
        }
        tier::figure(format!("limiter {enabled}: quiet {}, under garbage {}", shares(quiet.clone()), shares(honest)));
    }
    assert_eq!(app.app.keys.argon2_runs(), runs);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secrets_of_a_known_id_are_verified_ten_times_a_minute() {
    let clock = Clocks::default();
    let app =
        TestApp::start_with(Setup { clock: Some(clock.clone()), ..Setup::default() }).await.without_limits().await;
    let known = app.with_roles("known", &[2]).await;
    known.get(USERINFO).await.expect_status(200);
    let other = app.with_roles("another", &[]).await;
    let wrong = |n: usize| app.stranger().with_key(&wrong_secret(known.key(), n));
    let runs = app.app.keys.argon2_runs();
    // At once: more than may be verified do not get past the count together.
    let asked: Vec<_> =
        (0..200).map(wrong).map(|c| tokio::spawn(async move { c.get(USERINFO).await.status })).collect();
    let honest = timed(&known, USERINFO, 50, 200).await;
    // A machine that is too busy for ten in two seconds answers some with 503, which count for nothing.
    let begun = Instant::now();
    loop {
        match other.get(USERINFO).await.status {
            200 => break,
            status => assert!(status == 503 && begun.elapsed() < HANG, "{status}"),
        }
    }
    let cold = vec![begun.elapsed()];
    let (mut verified, mut refused, mut busy) = (0, 0, 0);
    for answer in asked {
        match answer.await.expect("an answer") {
            401 => verified += 1,
            429 => refused += 1,
            503 => busy += 1,
            status => panic!("{status}"),
        }
    }
    tier::figure(format!("remembered {}, another's first {}", shares(honest), shares(cold)));
    // None is refused before ten have had their turn: where none was busy, ten are verified and 190 refused.
    assert!(verified <= 10 && verified + busy >= 10 && refused > 0, "{verified}, {refused}, {busy}");
    for n in 200 + verified..210 {
        wrong(n).get(USERINFO).await.expect_error(401, "UNAUTHORISED");
    }
    // One more run: the other key was verified.
    assert_eq!(app.app.keys.argon2_runs() - runs, 11);
    clock.pass(Duration::from_secs(59));
    assert_eq!(wrong(300).get(USERINFO).await.header("retry-after"), "1");
    known.get(USERINFO).await.expect_status(200);
    clock.pass(Duration::from_secs(1));
    wrong(300).get(USERINFO).await.expect_error(401, "UNAUTHORISED");
    assert_eq!(app.app.keys.argon2_runs() - runs, 12);
}

/// A short form that prints how far apart the two are: Welch's t of the times.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_tell_where_a_key_is_wrong() {
    let clock = Clocks::default();
    let app =
        TestApp::start_with(Setup { clock: Some(clock.clone()), ..Setup::default() }).await.without_limits().await;
    let known = app.with_roles("known", &[2]).await;
    let bent = |place: usize, n: usize| {
        let mut key = known.key()[..60].to_owned();
        let alphabet: Vec<char> = ('0'..='9').chain('a'..='z').collect();
        let other = alphabet.iter().filter(|c| !key[place..].starts_with(**c)).nth(n % 30).expect("a character");
        key.replace_range(place..=place, &other.to_string());
        // Another character that is wrong keeps the keys apart.
        key.replace_range(40..42, &format!("{:02}", n / 30));
        app.stranger().with_key(&with_crc(&key))
    };
    let mut times = [Vec::new(), Vec::new()];
    for n in 0..40 {
        if n % 5 == 0 {
            clock.pass(Duration::from_secs(60));
        }
        for (place, times) in [17, 59].into_iter().zip(&mut times) {
            times.extend(timed(&bent(place, n), USERINFO, 1, 401).await);
        }
    }
    let [first, last] = times.map(|times| {
        let times: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
        let n = times.len() as f64;
        let mean = times.iter().sum::<f64>() / n;
        (mean, times.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
    });
    tier::figure(format!("t = {:.2} over {} pairs", (first.0 - last.0) / (first.1 + last.1).sqrt(), 40));
}
