//! Backups beside a server that writes as fast as it can: how long one takes, and how long writes wait meanwhile; and
//! how long a restore takes, until the restored server answers.
//!
//! `cargo bench --bench backup -- [--mib 1,100] [--rounds 50]`
#![allow(clippy::disallowed_methods)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;
use support::lane::Lane;
use support::{Arguments, SYSTEMS, Samples, Server, header, mib, row};

const KEY: &str = "jim_0123456789abcdef0123456789abcdef01234567";
const WRITERS: usize = 4;

#[tokio::main]
async fn main() {
    let arguments = Arguments::read(&["--mib", "--rounds"]);
    let rounds = arguments.number("--rounds", 50).max(1);
    println!("Times in ms; {rounds} backups one after the other; {WRITERS} writers of a connected system each.\n");
    header(&[
        "database MiB",
        "backup",
        "writes",
        "a second",
        "p50",
        "p99",
        "most",
        "p99 without backups",
        "restore",
        "first answer",
    ]);
    for size in arguments.numbers("--mib", &[1, 100]) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        measure(folder.path(), size as i64 * 1024 * 1024, rounds).await;
    }
}

async fn measure(folder: &Path, size: i64, rounds: usize) {
    Server::jim_with_key(folder, KEY).stop();
    let database = folder.join("jim.db");
    fill(&database, size);
    let jim = Server::jim_with_key(folder, KEY);
    let systems: Vec<String> = (0..WRITERS).map(|n| create(&jim, n)).collect();

    let quiet = written_during(&jim, &systems, || std::thread::sleep(Duration::from_secs(5))).await.0;
    let mut backups = Samples::default();
    let (writes, took) = written_during(&jim, &systems, || {
        for round in 0..rounds {
            backups.add_time(jim_in(folder, &["backup", &format!("backup-{round}")]));
            if round > 0 {
                std::fs::remove_dir_all(folder.join(format!("backup-{round}"))).expect("a backup removed");
            }
        }
    })
    .await;
    jim.stop();

    let fresh = tempfile::tempdir().expect("a temporary folder");
    // Its configuration, as an administrator keeps it, and the keyring.
    for file in ["jim.toml", "jim.keys"] {
        std::fs::copy(folder.join(file), fresh.path().join(file)).expect("a copy");
    }
    let path = fresh.path().join("jim.db");
    let config = std::fs::read_to_string(fresh.path().join("jim.toml")).expect("the configuration");
    let config = config.replace(&database.to_string_lossy().into_owned(), &path.to_string_lossy());
    std::fs::write(fresh.path().join("jim.toml"), config).expect("the configuration");
    let backup = folder.join("backup-0");
    let restore = jim_in(fresh.path(), &["restore", &backup.to_string_lossy()]);
    let begun = Instant::now();
    let restored = Server::jim_with_key(fresh.path(), KEY);
    let answer = restored.ask("GET", SYSTEMS, None, 200);
    let ready = begun.elapsed();
    assert_eq!(answer["totalCount"], json!(WRITERS));
    restored.stop();

    let rate = format!("{:.0}", writes.len() as f64 / took.as_secs_f64());
    let ms = |share: f64| format!("{:.1}", writes.at(share));
    row(&[
        &mib(std::fs::metadata(backup.join("jim.db")).expect("the backup's database").len()),
        &backups.show(0),
        &writes.len().to_string(),
        &rate,
        &ms(0.5),
        &ms(0.99),
        &ms(1.0),
        &format!("{:.1}", quiet.at(0.99)),
        &format!("{:.0}", restore.as_secs_f64() * 1e3),
        &format!("{:.0}", ready.as_secs_f64() * 1e3),
    ]);
}

fn create(jim: &Server, n: usize) -> String {
    let created =
        jim.ask("POST", SYSTEMS, Some(json!({ "name": format!("written {n}"), "connectorDefinitionId": 3 })), 201);
    format!("{SYSTEMS}/{}", created["id"])
}

/// The times of all writes that were answered while something else was done, and how long that took.
async fn written_during(jim: &Server, systems: &[String], meanwhile: impl FnOnce()) -> (Samples, Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = systems
        .iter()
        .map(|system| {
            let (mut lane, system, stop) = (Lane::new(&jim.address, 1), system.clone(), stop.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let body = format!("{{\"description\":\"{}\"}}", times.len());
                    let reply = lane.send("PUT", &system, Some(KEY), &body).await;
                    assert_eq!(reply.status, 200);
                    times.push(reply.took.as_secs_f64() * 1e3);
                }
                times
            })
        })
        .collect();
    let begun = Instant::now();
    tokio::task::block_in_place(meanwhile);
    let took = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for writer in writers {
        all.extend(writer.await.expect("a writer ends"));
    }
    (Samples::of(all), took)
}

/// Runs a command of the program beside the configuration in the folder.
fn jim_in(folder: &Path, arguments: &[&str]) -> Duration {
    let mut command = Command::new(support::jim_binary());
    command.arg(arguments[0]).args(["--config", "jim.toml"]).args(&arguments[1..]).current_dir(folder);
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("jim runs");
    let took = begun.elapsed();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

/// Containers that nothing refers to would be a fault, activities are none: the file grows by those.
fn fill(database: &Path, size: i64) {
    use jim::store::activities::{self, Initiator, New, Operation, Outcome, Target};
    let mut connection = Connection::open(database).expect("the database");
    connection.execute_batch("PRAGMA synchronous = OFF").expect("pragmas");
    connection.set_prepared_statement_cache_capacity(64);
    let by = Initiator::Key { id: uuid::Uuid::new_v4(), name: "Nightly".to_owned() };
    let bytes = |c: &Connection| -> i64 {
        c.query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |r| r.get(0))
            .expect("a size")
    };
    let mut n = 0u64;
    while bytes(&connection) < size {
        let tx = connection.transaction().expect("a transaction");
        for _ in 0..1_000 {
            let said = Outcome::done(format!("Changed: description of the {n}th kind {}", "x".repeat(500)));
            let at =
                time::OffsetDateTime::now_utc() - time::Duration::days(30) + time::Duration::milliseconds(n as i64);
            let new = New {
                operation: Operation::Update,
                target: Target::System(Some(7), "Filled"),
                context: None,
                by: &by,
                at,
                parent: None,
                outcome: Some(&said),
            };
            activities::insert(&tx, &new).expect("recorded");
            n += 1;
        }
        tx.commit().expect("committed");
    }
    connection.close().expect("closed");
    // What the system has not written yet would be waited for by the first request that writes.
    std::fs::File::open(database).and_then(|file| file.sync_all()).expect("on disk");
}
