//! The list of activities at 200,000 rows: pages in every order, searches that match nothing, few and all, and the
//! cleanup.
//!
//! `cargo bench --bench activities -- [--activities 200000] [--requests 50]`
#![allow(clippy::disallowed_methods)]

mod support;

use std::path::Path;

use jim::store::activities::{self, Initiator, New, Operation, Outcome, Target};
use rusqlite::Connection;
use support::{Arguments, Samples, Server, header, mib, row};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const KEY: &str = "jim_0123456789abcdef0123456789abcdef01234567";
const ACTIVITIES: &str = "/api/v1/activities";
const CLEANUP: &str = "/api/v1/history/cleanup";
const PAGE: usize = 100;
/// Calls of the cleanup, each of which finds a hundred.
const CLEANUPS: usize = 20;
/// Names of things; the bench of a page depends little on their number.
const NAMES: usize = 1_000;

fn main() {
    let arguments = Arguments::read(&["--activities", "--requests"]);
    let count = arguments.number("--activities", 200_000).max(PAGE * CLEANUPS * 2);
    let requests = arguments.number("--requests", 50).max(1);
    println!(
        "Times in ms of {requests} requests each, to the last byte of the answer; work: what one of them took of the \
         server's processor time; pages of {PAGE}.\n"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    Server::jim_with_key(folder.path(), KEY).stop();
    fill(&folder.path().join("jim.db"), count);
    let bytes = std::fs::metadata(folder.path().join("jim.db")).expect("the database").len();
    let jim = Server::jim_with_key(folder.path(), KEY);
    println!("{count} activities of {NAMES} names, {} MiB, ready in {} ms\n", mib(bytes), jim.started_in.as_millis());
    header(&["request", "matches", "median", "p99", "most", "work", "peak MiB"]);
    // First, because a minute after its start the server does the same by itself.
    clean_up(&jim);
    let last = count / PAGE - CLEANUPS;
    for sort in ["created", "status", "type", "target"] {
        for page in [1, last / 2, last] {
            let what = format!("by {sort}, page {page}");
            ask(&jim, &what, &format!("sortBy={sort}&page={page}"), requests);
        }
        for search in ["nothing like it", "000007", "e"] {
            let what = format!("search of {search:?}, by {sort}");
            ask(&jim, &what, &format!("search={}&sortBy={sort}", search.replace(' ', "%20")), requests);
        }
    }
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
fn fill(database: &Path, count: usize) {
    let mut connection = Connection::open(database).expect("the database");
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000").expect("pragmas");
    connection.set_prepared_statement_cache_capacity(64);
    let names: Vec<String> = (0..NAMES).map(|n| format!("System {n:06}")).collect();
    let by = Initiator::Key { id: Uuid::new_v4(), name: "Nightly".to_owned() };
    let warned = Outcome { warning: Some("look".to_owned()), ..Outcome::done("Selection of 12 containers") };
    let failed = Outcome { error: Some("Connection to the external store failed".to_owned()), ..Outcome::default() };
    let done = Outcome::done("Changed: Host, Password");
    let (now, old) = (OffsetDateTime::now_utc(), PAGE * CLEANUPS);
    let tx = connection.transaction().expect("a transaction");
    for n in 0..count {
        let name = &names[n % NAMES];
        let at = if n < old {
            now - Duration::days(100) + Duration::milliseconds(n as i64)
        } else {
            now - Duration::days(80) + Duration::seconds((n - old) as i64 * 30)
        };
        let new = New {
            operation: Operation::Update,
            target: if n % 10 == 3 { Target::Certificate(name) } else { Target::System(Some(7), name) },
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
