//! Keys under load: what a remembered key costs, what callers with bad keys cost everybody else, whether a refusal's
//! time tells where a key is wrong, and whether the audit counts right.
//!
//! `cargo bench --bench keys -- [--seconds 60] [--pairs 25000] [--keys 200] [--failures 1000000]`
#![allow(clippy::disallowed_methods)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use support::key_text::{unknown_id, with_crc};
use support::lane::Lane;
use support::{Arguments, Samples, Server, compared, header, mib, row};

const KEY: &str = "jim_0123456789abcdef0123456789abcdef01234567";
const USERINFO: &str = "/api/v1/userinfo";
const NO_KEY: &str = "/api/v1/health/version";
const KEYS: &str = "/api/v1/apikeys";
/// How many addresses the garbage comes from, and how much of it in a second.
const ADDRESSES: u8 = 20;
const GARBAGE: u32 = 5_000;
const WRONG_SECRETS: u32 = 1_000;

#[tokio::main]
async fn main() {
    let arguments = Arguments::read(&["--seconds", "--pairs", "--keys", "--failures"]);
    let for_long = Duration::from_secs(arguments.number("--seconds", 60).max(1) as u64);
    let pairs = arguments.number("--pairs", 25_000).max(100);
    let keys = arguments.number("--keys", 200).max(10);
    let failures = arguments.number("--failures", 1_000_000);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let jim = Server::jim_with_key(folder.path(), KEY);
    let known = make(&jim, "known");
    remembered(&jim, &known).await;
    restart(&folder, jim, known, for_long, pairs, keys).await;
    audit(failures).await;
}

/// The second part, after a restart: nothing is remembered.
async fn restart(
    folder: &tempfile::TempDir,
    jim: Server,
    known: String,
    for_long: Duration,
    pairs: usize,
    keys: usize,
) {
    jim.stop();
    let jim = Server::jim_with_key(folder.path(), KEY);
    let begun = Instant::now();
    let together = (0..200).map(|_| {
        let (mut lane, known) = (Lane::new(&jim.address, 1), known.clone());
        tokio::spawn(async move { lane.get(USERINFO, Some(&known)).await.status })
    });
    for asked in together.collect::<Vec<_>>() {
        assert_eq!(asked.await.expect("an answer"), 200);
    }
    println!("After a restart, 200 requests at once with one key: all answered after {:?}.\n", begun.elapsed());

    header(&["beside", "answers", "honest p50 ms", "p99 ms", "of quiet p99", "memory", "audit lines"]);
    let quiet = honest(&jim, &known, for_long.min(Duration::from_secs(10))).await;
    row(&["nothing", "", &at(&quiet, 0.5), &at(&quiet, 0.99), "1.0", &mib(jim.memory("VmRSS")), ""]);
    // What as many requests cost that are not bad at all, from the same addresses on the same cores.
    limit(&jim, false);
    for rate in [WRONG_SECRETS, GARBAGE] {
        let good = known.clone();
        let (seen, times) = beside(&jim, &known, rate, for_long, move |_| good.clone()).await;
        tell(&jim, &format!("{rate} good requests a second"), &seen, &times, &quiet, jim.log().len());
    }
    for limited in [true, false] {
        limit(&jim, limited);
        let before = jim.log().len();
        let (seen, times) = beside(&jim, &known, GARBAGE, for_long, garbage).await;
        let what = format!("{GARBAGE} bad keys a second, limiter {}", if limited { "on" } else { "off" });
        tell(&jim, &what, &seen, &times, &quiet, before);
    }
    let before = jim.log().len();
    let begins = known[..known.len() - 6 - 8].to_owned();
    let (seen, times) =
        beside(&jim, &known, WRONG_SECRETS, for_long, move |n| with_crc(&format!("{begins}{n:08}"))).await;
    tell(&jim, &format!("{WRONG_SECRETS} wrong secrets of its own id a second"), &seen, &times, &quiet, before);
    println!();
    timing(&jim, &known, pairs, keys).await;
}

fn limit(jim: &Server, on: bool) {
    jim.ask("PUT", "/api/v1/service-settings/RateLimiting.Enabled", Some(json!({ "value": on.to_string() })), 200);
}

fn make(jim: &Server, name: &str) -> String {
    let made = jim.ask("POST", KEYS, Some(json!({ "name": name, "roleIds": [2] })), 201);
    made["key"].as_str().expect("a key").to_owned()
}

/// A remembered key beside a route that needs none, in turns over one connection; and as many as go.
async fn remembered(jim: &Server, known: &str) {
    limit(jim, false);
    let mut lane = Lane::new(&jim.address, 1);
    assert_eq!(lane.get(USERINFO, Some(known)).await.status, 200);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..20_000 {
        with.push(lane.get(USERINFO, Some(known)).await.took);
        without.push(lane.get(NO_KEY, None).await.took);
    }
    let (with, without) = (micros(with), micros(without));
    header(&["request", "p50 us", "p99 us"]);
    for (what, times) in [("with a remembered key", &with), ("of a route without key", &without)] {
        row(&[what, &format!("{:.0}", times.at(0.5)), &format!("{:.0}", times.at(0.99))]);
    }
    compared("a request with a remembered key", "us", &with, "a route without key", &without);
    let (mut first, mut bare) = (Samples::default(), Samples::default());
    for n in 0..20 {
        let key = make(jim, &format!("cold {n}"));
        first.add_time(lane.get(USERINFO, Some(&key)).await.took);
        bare.add_time(bare_argon2(&key));
    }
    compared("the first request with a key", "ms", &first, "argon2 alone", &bare);
    println!("\nThe first request with a key: {} ms, argon2 alone {} ms.", first.show(1), bare.show(1));
    let begun = Instant::now();
    let lanes = (0..8).map(|_| {
        let (mut lane, known) = (Lane::new(&jim.address, 1), known.to_owned());
        tokio::spawn(async move {
            for _ in 0..2_500 {
                assert_eq!(lane.get(USERINFO, Some(&known)).await.status, 200);
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.expect("a lane ends");
    }
    println!("\n{:.0} requests with a key a second over 8 connections.", 20_000.0 / begun.elapsed().as_secs_f64());
}

/// What the first verification of a key cannot do without: one run of argon2id with the parameters of stored keys.
fn bare_argon2(key: &str) -> Duration {
    let parameters = argon2::Params::new(19_456, 2, 1, Some(32)).expect("parameters");
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters);
    let begun = Instant::now();
    argon2.hash_password_into(key.as_bytes(), b"sixteen bytes it", &mut [0; 32]).expect("a hash");
    begun.elapsed()
}

/// In turns: of no form, of the right form and an id that nobody has, like an operator's.
fn garbage(n: u64) -> String {
    match n % 3 {
        0 => format!("jim_garbage-{n}"),
        1 => unknown_id(n as usize),
        _ => format!("jim_operator-s-key-{n:030}"),
    }
}

/// An honest caller's times while `rate` bad keys a second come from twenty addresses; and what those were answered.
async fn beside(
    jim: &Server,
    known: &str,
    rate: u32,
    for_long: Duration,
    bad: impl Fn(u64) -> String + Clone + Send + 'static,
) -> (BTreeMap<u16, u64>, Samples) {
    let stop = Arc::new(AtomicBool::new(false));
    let lanes: Vec<_> = (0..u64::from(ADDRESSES))
        .map(|lane| {
            let mut caller = Lane::new(&jim.address, 10 + lane as u8);
            let (stop, bad) = (stop.clone(), bad.clone());
            tokio::spawn(async move {
                let mut seen = BTreeMap::new();
                let mut clock = tokio::time::interval(Duration::from_secs(u64::from(ADDRESSES)) / rate);
                let mut n = lane;
                while !stop.load(Ordering::Relaxed) {
                    clock.tick().await;
                    *seen.entry(caller.get(USERINFO, Some(&bad(n))).await.status).or_insert(0) += 1;
                    n += u64::from(ADDRESSES);
                }
                seen
            })
        })
        .collect();
    let times = honest(jim, known, for_long).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = BTreeMap::new();
    for lane in lanes {
        for (status, count) in lane.await.expect("a lane ends") {
            *all.entry(status).or_insert(0) += count;
        }
    }
    (all, times)
}

/// A request every 10 ms.
async fn honest(jim: &Server, known: &str, for_long: Duration) -> Samples {
    let (mut lane, begun) = (Lane::new(&jim.address, 1), Instant::now());
    let mut clock = tokio::time::interval(Duration::from_millis(10));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut times = Vec::new();
    while begun.elapsed() < for_long {
        clock.tick().await;
        let reply = lane.get(USERINFO, Some(known)).await;
        assert_eq!(reply.status, 200);
        times.push(reply.took);
    }
    Samples::of(times.into_iter().map(|t| t.as_secs_f64() * 1e3).collect())
}

fn tell(jim: &Server, what: &str, seen: &BTreeMap<u16, u64>, times: &Samples, quiet: &Samples, before: usize) {
    let seen: Vec<String> = seen.iter().map(|(status, count)| format!("{count} x {status}")).collect();
    let lines = jim.log()[before..].matches("audit: API key refused").count();
    let ratio = format!("{:.1}", times.at(0.99) / quiet.at(0.99));
    let memory = mib(jim.memory("VmRSS"));
    row(&[what, &seen.join(", "), &at(times, 0.5), &at(times, 0.99), &ratio, &memory, &lines.to_string()]);
}

/// Welch's t of refusals of keys that are wrong in the secret's first and in its last character, in turns.
async fn timing(jim: &Server, known: &str, pairs: usize, keys: usize) {
    limit(jim, false);
    println!("Refusals in pairs, the secret wrong in its first or in its last character, by what refuses them:\n");
    header(&["refused by", "pairs", "first us", "last us", "Welch's t"]);
    let last = known.len() - 7;
    let mut lane = Lane::new(&jim.address, 1);
    let unchecked = |place: usize| replaced(known, place, 'x');
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..pairs {
        for (place, times) in [17, last].into_iter().zip(&mut times) {
            times.push(refused(&mut lane, &unchecked(place)).await);
        }
    }
    show("check digits", times);
    // Refused once by argon2, then for a minute by what is remembered of it.
    let checked = |key: &str, place: usize| with_crc(&replaced(key, place, 'x')[..key.len() - 6]);
    let fresh = make(jim, "refused");
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..pairs {
        for (place, times) in [17, last].into_iter().zip(&mut times) {
            times.push(refused(&mut lane, &checked(&fresh, place)).await);
        }
    }
    show("memory of a refusal", times);
    // Ten runs a minute are allowed for an id, so it takes many.
    let mut times = [Vec::new(), Vec::new()];
    let made: Vec<String> = (0..keys).map(|n| make(jim, &format!("timed {n}"))).collect();
    for round in ['a', 'b', 'c', 'd'] {
        for key in &made {
            for (place, times) in [17, last].into_iter().zip(&mut times) {
                times.push(refused(&mut lane, &with_crc(&replaced(key, place, round)[..key.len() - 6])).await);
            }
        }
    }
    show("argon2", times);
    println!();
}

/// The key with another character at the place.
fn replaced(key: &str, place: usize, by: char) -> String {
    let by = if key[place..].starts_with(by) { '0' } else { by };
    format!("{}{by}{}", &key[..place], &key[place + 1..])
}

async fn refused(lane: &mut Lane, key: &str) -> Duration {
    let reply = lane.get(USERINFO, Some(key)).await;
    assert_eq!(reply.status, 401);
    reply.took
}

fn show(what: &str, times: [Vec<Duration>; 2]) {
    let pairs = times[0].len();
    let [first, last] = times.map(|times| {
        // A stall of the machine says nothing about the key: the slowest hundredth of both is left out.
        let mut times: Vec<f64> = times.iter().map(|t| t.as_secs_f64() * 1e6).collect();
        times.sort_by(f64::total_cmp);
        times.truncate(times.len() * 99 / 100);
        let n = times.len() as f64;
        let mean = times.iter().sum::<f64>() / n;
        (mean, times.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
    });
    let t = (first.0 - last.0) / (first.1 + last.1).sqrt();
    row(&[what, &pairs.to_string(), &format!("{:.1}", first.0), &format!("{:.1}", last.0), &format!("{t:.2}")]);
}

/// Very many refusals, and what the log tells of them when the server has ended.
async fn audit(failures: usize) {
    const LANES: usize = 8;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let jim = Server::jim_with_key(folder.path(), KEY);
    limit(&jim, false);
    let begun = Instant::now();
    let lanes = (0..LANES).map(|lane| {
        let mut caller = Lane::new(&jim.address, 1);
        tokio::spawn(async move {
            for n in (lane..failures).step_by(LANES) {
                let key = unknown_id(n);
                let reply =
                    if n % 2 == 0 { caller.get(USERINFO, None).await } else { caller.get(USERINFO, Some(&key)).await };
                assert_eq!(reply.status, 401);
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.expect("a lane ends");
    }
    let (took, memory) = (begun.elapsed(), jim.memory("VmHWM"));
    jim.stop();
    let log = std::fs::read_to_string(folder.path().join("log")).expect("the log");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("audit: API key refused")).collect();
    let counted: u64 = lines.iter().map(|line| count(line)).sum();
    println!(
        "{failures} refusals of two reasons in {:.0} s: {} audit lines that count {counted}; {} MiB at most.",
        took.as_secs_f64(),
        lines.len(),
        mib(memory),
    );
    assert_eq!(counted, failures as u64);
}

/// The number in `count=7` of a line for people.
fn count(line: &str) -> u64 {
    let digits = line.split_once("count=").map_or("", |found| found.1);
    digits.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn micros(times: Vec<Duration>) -> Samples {
    Samples::of(times.into_iter().map(|t| t.as_secs_f64() * 1e6).collect())
}

fn at(samples: &Samples, share: f64) -> String {
    format!("{:.2}", samples.at(share))
}
