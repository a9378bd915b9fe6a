//! The list of activities with very many of them in the file: any page, every order, searches that match nothing, few,
//! half and all, and the cleanup; with few names of things and with very many.
//!
//! `cargo bench --bench activities -- [--activities 1000000] [--subjects 200,100000] [--requests 200]`
#![allow(clippy::disallowed_methods)]

mod support;

use std::path::Path;
use std::time::Instant;

use jim::store::activities::{self, Initiator, New, Operation, Outcome, Target};
use rusqlite::Connection;
use support::{Arguments, Samples, Server, header, mib, row};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const KEY: &str = "jim_0123456789abcdef0123456789abcdef01234567";
const ACTIVITIES: &str = "/api/v1/activities";
const CLEANUP: &str = "/api/v1/history/cleanup";
const PAGE: usize = 100;
/// What the cleanup finds: a hundred for each of its calls.
const CLEANUPS: usize = 100;

fn main() {
    let arguments = Arguments::read(&["--activities", "--subjects", "--requests"]);
    let count = arguments.number("--activities", 1_000_000).max(PAGE * CLEANUPS * 2);
    let requests = arguments.number("--requests", 200).max(1);
    println!(
        "Times in ms of {requests} requests each, to the last byte of the answer; work: what one of them took of the \
         server's processor time; pages of {PAGE}.\n"
    );
    for subjects in arguments.numbers("--subjects", &[200, 100_000]) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        measure(folder.path(), count, subjects.max(1), requests);
    }
}

fn measure(folder: &Path, count: usize, subjects: usize, requests: usize) {
    Server::jim_with_key(folder, KEY).stop();
    let begun = Instant::now();
    fill(&folder.join("jim.db"), count, subjects);
    let filled = begun.elapsed();
    let bytes = std::fs::metadata(folder.join("jim.db")).expect("the database").len();
    let jim = Server::jim_with_key(folder, KEY);
    let answer = jim.ask("GET", ACTIVITIES, None, 200);
    assert_eq!(answer["totalCount"].as_u64(), Some(count as u64));
    println!(
        "{count} activities of {subjects} names, {} MiB, recorded in {:.0} s, ready in {} ms; {} MiB of memory before\n",
        mib(bytes),
        filled.as_secs_f64(),
        jim.started_in.as_millis(),
        mib(jim.memory("VmRSS")),
    );
    header(&["request", "matches", "median", "p99", "most", "work", "peak MiB"]);
    // First, because a minute after its start the server does the same by itself.
    clean_up(&jim);
    let count = count - PAGE * CLEANUPS;
    let (middle, last) = (count / PAGE / 2, count / PAGE);
    for (what, query) in [
        ("first page", String::new()),
        ("newest first", "sortDirection=desc".to_owned()),
        ("a page in the middle", format!("page={middle}")),
        ("the same backwards", format!("page={middle}&sortDirection=desc")),
        ("last page", format!("page={last}")),
    ] {
        ask(&jim, what, &query, requests);
    }
    for sort in ["executed", "status", "type", "target"] {
        for page in [1, middle, last] {
            for direction in ["asc", "desc"] {
                let what = format!("by {sort}, {direction}, page {page}");
                ask(&jim, &what, &format!("sortBy={sort}&sortDirection={direction}&page={page}"), requests);
            }
        }
    }
    for (what, search, matches) in [
        ("search of nothing", "no%20such%20text", 0),
        ("search of one letter that matches nothing", "%C3%A9", 0),
        ("search of few", "000007", count / subjects),
        ("search of half", "even", count / 2),
        ("search of all", "e", count),
    ] {
        for sort in ["created", "status", "type", "target"] {
            let page = (matches / PAGE / 2).max(1);
            let what = format!("{what}, by {sort}, page {page}");
            ask(&jim, &what, &format!("search={search}&sortBy={sort}&page={page}"), requests);
        }
    }
    println!();
}

fn clean_up(jim: &Server) {
    jim.reset_peak();
    let (mut samples, begun) = (Samples::default(), jim.worked());
    for _ in 0..CLEANUPS {
        let (took, answer) = jim.timed("POST", CLEANUP);
        assert_eq!(answer["activitiesDeleted"], 100, "{answer}");
        samples.add_time(took);
    }
    tell("cleanup of a hundred", "", &samples, (jim.worked() - begun) / CLEANUPS as u32, jim);
}

fn ask(jim: &Server, what: &str, query: &str, requests: usize) {
    jim.reset_peak();
    let (mut samples, begun) = (Samples::default(), jim.worked());
    let mut total = String::new();
    for _ in 0..requests {
        let (took, answer) = jim.timed("GET", &format!("{ACTIVITIES}?pageSize={PAGE}&{query}"));
        samples.add_time(took);
        total = answer["totalCount"].to_string();
    }
    tell(what, &total, &samples, (jim.worked() - begun) / requests as u32, jim);
}

fn tell(what: &str, matches: &str, samples: &Samples, work: std::time::Duration, jim: &Server) {
    let shown = [0.5, 0.99, 1.0].map(|share| format!("{:.1}", samples.at(share)));
    let work = format!("{:.1}", work.as_secs_f64() * 1e3);
    row(&[what, matches, &shown[0], &shown[1], &shown[2], &work, &mib(jim.memory("VmHWM"))]);
}

/// Records activities as the server does, all in one transaction and without waiting for the disk.
fn fill(database: &Path, count: usize, subjects: usize) {
    let mut connection = Connection::open(database).expect("the database");
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000").expect("pragmas");
    connection.set_prepared_statement_cache_capacity(64);
    let names: Vec<String> =
        (0..subjects).map(|n| format!("{} system {n:06}", if n % 2 == 0 { "Even" } else { "Odd" })).collect();
    let by = Initiator::Key { id: Uuid::new_v4(), name: "Nightly".to_owned() };
    let warned = Outcome { warning: Some("look".to_owned()), ..Outcome::done("Selection of 12 containers") };
    let failed = Outcome { error: Some("Connection to the external store failed".to_owned()), ..Outcome::default() };
    let done = Outcome::done("Changed: Host, Password");
    let (now, old) = (OffsetDateTime::now_utc(), PAGE * CLEANUPS);
    let tx = connection.transaction().expect("a transaction");
    for n in 0..count {
        let name = &names[n % subjects];
        let at = match n < old {
            true => now - Duration::days(100) + Duration::milliseconds(n as i64),
            false => now - Duration::days(80) + Duration::milliseconds((n - old) as i64 * 6_000),
        };
        let new = New {
            operation: Operation::Update,
            // Names go with their type, and the second of each pair of names is odd.
            target: if n % subjects / 2 % 10 == 3 { Target::Certificate(name) } else { Target::System(Some(7), name) },
            context: None,
            by: &by,
            at,
            parent: None,
            outcome: match n % 20 {
                0 => Some(&failed),
                1..5 => Some(&warned),
                5 if n > count - 1000 => None,
                _ => Some(&done),
            },
        };
        activities::insert(&tx, &new).expect("recorded");
    }
    tx.commit().expect("committed");
    connection.close().expect("closed");
    // What the system has not written yet would be waited for by the first request that writes.
    std::fs::File::open(database).and_then(|file| file.sync_all()).expect("on disk");
}
