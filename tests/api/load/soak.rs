//! A steady load for half an hour. Nothing grows, nothing fails.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::support::database::invariants;
use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::outside::resident;
use crate::support::program::{Dice, Place, Process};
use crate::support::{Client, SYSTEMS, sandbox_settings};
use crate::tier;

/// Budgets: MiB of memory in ten minutes, files and threads more or less than in the middle, MiB of write-ahead file.
const MEMORY: f64 = 1.0;
const HANDLES: i64 = 5;
const WRITE_AHEAD: f64 = 64.0;

/// Requests of a second.
const RATE: u64 = 200;
const KEYS: usize = 4;
const UNITS: usize = 200;
/// Connections that they come on, each with one request at a time.
const LANES: usize = 32;
const BETWEEN_IMPORTS: Duration = Duration::from_secs(20);

/// What the process holds at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    minute: f64,
    memory: f64,
    files: i64,
    threads: i64,
    wal: f64,
}

impl Sample {
    fn take(server: &Process, place: &Place, begun: Instant) -> Sample {
        let count = |what: &str| {
            let folder = format!("/proc/{}/{what}", server.pid());
            std::fs::read_dir(folder).map_or(0, |entries| entries.count() as i64)
        };
        Sample {
            minute: begun.elapsed().as_secs_f64() / 60.0,
            memory: resident(server.pid()).expect("the server runs") as f64 / 1024.0,
            files: count("fd"),
            threads: count("task"),
            wal: std::fs::metadata(place.path("jim.db-wal")).map_or(0.0, |m| m.len() as f64 / f64::from(1 << 20)),
        }
    }
}

/// MiB in ten minutes, by least squares.
fn slope(samples: &[Sample]) -> f64 {
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / samples.len() as f64;
    let (minute, memory) = (mean(|s| s.minute), mean(|s| s.memory));
    let (mut both, mut square) = (0.0, 0.0);
    for sample in samples {
        both += (sample.minute - minute) * (sample.memory - memory);
        square += (sample.minute - minute).powi(2);
    }
    10.0 * both / square
}

/// How far it went from where it mostly was.
fn deviation(samples: &[Sample], of: fn(&Sample) -> i64) -> i64 {
    let mut all: Vec<i64> = samples.iter().map(of).collect();
    all.sort_unstable();
    let middle = all[all.len() / 2];
    all.iter().map(|n| (n - middle).abs()).max().unwrap_or_default()
}

/// Sends one of the requests of the mix; whether it was answered as it should be.
async fn ask(client: &Client, kind: u64, n: u64, rows: &[i64]) -> u16 {
    let row = rows[n as usize % rows.len()];
    let own = 2 + n % KEYS as u64;
    let (expected, answer) = match kind {
        0..=19 => (200, client.get(&format!("{SYSTEMS}/{own}")).await),
        20..=34 => (200, client.get(SYSTEMS).await),
        35..=44 => (200, client.get("/api/v1/activities?pageSize=20").await),
        45..=54 => (200, client.get(&format!("{SYSTEMS}/1/partitions")).await),
        55..=59 => (200, client.get("/api/v1/apikeys").await),
        60..=64 => (200, client.get("/api/v1/userinfo").await),
        65..=69 => (200, client.get("/api/v1/synchronisation/connector-definitions/3").await),
        70..=77 => (404, client.get(&format!("{SYSTEMS}/999999")).await),
        78..=81 => (404, client.get("/api/v1/nothing/here").await),
        82..=84 => (200, client.get("/api/v1/health/ready").await),
        85..=92 => {
            let body = json!({ "description": format!("as of {n}") });
            (200, client.put(&format!("{SYSTEMS}/{own}"), &body).await)
        }
        93..=97 => {
            let body = json!({ "selected": n.is_multiple_of(2) });
            (200, client.put(&format!("{SYSTEMS}/1/containers/{row}"), &body).await)
        }
        98 => (400, client.put(&format!("{SYSTEMS}/{own}"), &json!({ "name": "" })).await),
        _ => {
            let body = json!({ "name": format!("Passing {n}"), "connectorDefinitionId": 3 });
            let made = client.post(SYSTEMS, &body).await;
            let made = made.expect_status(201)["id"].as_i64().expect("an id");
            (200, client.delete(&format!("{SYSTEMS}/{made}")).await)
        }
    };
    assert!(answer.status == expected || answer.status >= 500, "kind {kind}: {}", answer.body);
    answer.status
}

/// Renames, moves, adds and removes some units before each import; those that stay are the lower half.
async fn import(client: &Client, sandbox: &Sandbox, round: usize) -> u16 {
    let side = |n: usize| ["ou=L,dc=x", "ou=R,dc=x"][n % 2];
    for n in 0..20 {
        let (from, to) = (format!("ou=m{n}-{round},{}", side(n + round)), format!("ou=m{n}-{}", round + 1));
        sandbox.rename(&from, &to, Some(side(n + round + 1))).expect("a move");
        sandbox.add_ou(&format!("ou=new{n}-{round},dc=x")).expect("added");
        if round > 0 {
            sandbox.remove(&format!("ou=new{n}-{},dc=x", round - 1)).expect("removed");
        }
    }
    let answer = client.send("POST", &format!("{SYSTEMS}/1/import-hierarchy"), None).await;
    let status = answer.status;
    if status < 500 {
        let result = answer.expect_status(200);
        assert_eq!(result["movedContainers"].as_array().map(Vec::len), Some(20), "{result}");
    }
    status
}

/// A server with a system at a sandbox, imported, one more system for each key, and the keys.
async fn start(place: &Place, sandbox: &Sandbox) -> (Process, Vec<Client>, Vec<i64>) {
    let server = place.serve();
    let admin = server.client(&server.key());
    for n in 0..=KEYS {
        let body = json!({ "name": format!("System {n}"), "connectorDefinitionId": 3 });
        admin.post(SYSTEMS, &body).await.expect_status(201);
    }
    let settings = json!({ "settingValues": sandbox_settings(sandbox) });
    admin.put(&format!("{SYSTEMS}/1"), &settings).await.expect_status(200);
    admin.send("POST", &format!("{SYSTEMS}/1/import-hierarchy"), None).await.expect_status(200);
    let partitions = admin.get(&format!("{SYSTEMS}/1/partitions")).await.expect_status(200);
    let all = crate::support::containers(&partitions);
    let stays = |c: &&&Value| c["name"].as_str().is_some_and(|name| name.starts_with('s'));
    let rows = all.iter().filter(stays).map(|c| c["id"].as_i64().expect("an id")).collect();
    let mut clients = Vec::new();
    for n in 0..KEYS {
        let body = json!({ "name": format!("Key {n}"), "roleIds": [1] });
        let made = admin.post("/api/v1/apikeys", &body).await.expect_status(201);
        clients.push(server.client(made["key"].as_str().expect("a key")));
    }
    (server, clients, rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "half an hour, or SOAK_MINUTES"]
async fn nothing_grows_under_a_steady_load_in_full() {
    let minutes: u64 = std::env::var("SOAK_MINUTES").ok().and_then(|m| m.parse().ok()).unwrap_or(30);
    let all = Duration::from_secs(60 * minutes);
    let warm_up = if minutes >= 20 { 5.0 } else { minutes as f64 / 3.0 };
    let tree = Tree::new().suffix("dc=x").ou("ou=L,dc=x").ou("ou=R,dc=x");
    let tree = (0..20).fold(tree, |t, n| t.ou(&format!("ou=m{n}-0,{}", ["ou=L,dc=x", "ou=R,dc=x"][n % 2])));
    let tree = (0..UNITS).fold(tree, |t, n| t.ou(&format!("ou=s{n:03},dc=x")));
    let sandbox = Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts");
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let (server, clients, rows) = start(&place, &sandbox).await;

    let begun = Instant::now();
    let statuses: [AtomicUsize; 6] = Default::default();
    let samples = Mutex::new(Vec::new());
    let mut dice = Dice::new("SOAK_SEED");
    let lane = |lane: usize| {
        // A client of its own is a connection of its own: their number stays the same.
        let client = server.client(clients[lane % KEYS].key());
        let (rows, mut dice) = (&rows, Dice::seeded(dice.below(u64::MAX)));
        let (counted, every) = (&statuses, Duration::from_micros(LANES as u64 * 1_000_000 / RATE));
        async move {
            tokio::time::sleep(every * lane as u32 / LANES as u32).await;
            let mut tick = tokio::time::interval(every);
            // What a stall held up is made good.
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut n = lane as u64;
            while begun.elapsed() < all {
                tick.tick().await;
                let status = ask(&client, dice.below(100), n, rows).await;
                counted[usize::from(status) / 100].fetch_add(1, Ordering::Relaxed);
                n += LANES as u64;
            }
        }
    };
    let load = join_all((0..LANES).map(lane));
    let imports = async {
        let mut tick = tokio::time::interval(BETWEEN_IMPORTS);
        let mut round = 0;
        while begun.elapsed() < all {
            tick.tick().await;
            let status = import(&clients[0], &sandbox, round).await;
            statuses[usize::from(status) / 100].fetch_add(1, Ordering::Relaxed);
            round += 1;
        }
        round
    };
    let looks = async {
        let mut tick = tokio::time::interval(Duration::from_secs(2));
        while begun.elapsed() < all {
            tick.tick().await;
            // The connections are closed as the load ends.
            if begun.elapsed() < all {
                samples.lock().expect("samples").push(Sample::take(&server, &place, begun));
            }
        }
    };
    let (_, rounds, ()) = tokio::join!(load, imports, looks);
    let took = begun.elapsed();
    let counts: Vec<usize> = statuses.iter().map(|s| s.load(Ordering::Relaxed)).collect();
    let answers: usize = counts.iter().sum();
    let rate = answers as f64 / took.as_secs_f64();
    let samples = samples.into_inner().expect("samples");
    let warm: Vec<Sample> = samples.iter().copied().filter(|s| s.minute >= warm_up).collect();
    for minute in 0..minutes {
        let of = |s: &&Sample| s.minute as u64 == minute;
        let (mut count, mut memory, mut files) = (0.0, 0.0, 0);
        samples.iter().filter(of).for_each(|s| {
            (count, memory, files) = (count + 1.0, memory + s.memory, files.max(s.files));
        });
        println!("minute {minute}: {:.1} MiB, {files} files", memory / count);
    }
    let (first, last) = (warm[0], warm[warm.len() - 1]);
    let (slope, wal) = (slope(&warm), samples.iter().map(|s| s.wal).fold(0.0, f64::max));
    let (files, threads) = (deviation(&warm, |s| s.files), deviation(&warm, |s| s.threads));
    let told = format!("{minutes} min, {answers} answers ({rate:.0}/s), {rounds} imports, {} answers 5xx", counts[5]);
    tier::budget(rate >= 0.95 * RATE as f64, told);
    // What caches hold is given back once nothing is asked for; what leaked is not. The connections that read are
    // closed after half a minute, and looked at every half minute.
    tokio::time::sleep(Duration::from_secs(65)).await;
    let quiet = Sample::take(&server, &place, begun).memory;
    let told = format!(
        "memory {:.1} to {:.1} MiB, {slope:+.2} MiB per 10 min, {quiet:.1} MiB when it is quiet again",
        first.memory, last.memory
    );
    tier::budget(slope <= MEMORY, told);
    let told =
        format!("files {} ±{files}, threads {} ±{threads}, write-ahead file {wal:.1} MiB", last.files, last.threads);
    tier::budget(files <= HANDLES && threads <= HANDLES && wal <= WRITE_AHEAD, told);
    assert_eq!(counts[5], 0, "answers 5xx");
    assert!(counts[2] > 0 && counts[4] > 0 && rounds > 1, "the load was no load: {counts:?}");
    assert_eq!(server.stop().code, Some(0));
    assert!(!place.run(&["check"]).told().contains("ERROR"));
    invariants::hold(&place.path("jim.db"), "at the end");
}

#[test]
fn growth_is_seen() {
    let at =
        |minute: usize, memory: f64, files: i64| Sample { minute: minute as f64, memory, files, threads: 9, wal: 0.0 };
    let leak: Vec<Sample> = (5..30).map(|m| at(m, 30.0 + 0.2 * m as f64, 20 + m as i64)).collect();
    assert!((slope(&leak) - 2.0).abs() < 1e-9 && deviation(&leak, |s| s.files) == 12);
    let steady: Vec<Sample> = (5..30).map(|m| at(m, 30.0 + (m % 2) as f64, 20 + (m % 2) as i64)).collect();
    assert!(
        slope(&steady).abs() < 0.1 && deviation(&steady, |s| s.files) <= 1 && deviation(&steady, |s| s.threads) == 0
    );
}
