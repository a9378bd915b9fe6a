//! The storage fails while the server runs: a damaged page, a full disk, a synchronisation that fails. Reading goes on,
//! nothing is acknowledged that was not kept, and what can pass does so without a restart.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::database::{Database, invariants};
use crate::support::program::{HANG, Place, Process};
use crate::support::{Client, SYSTEMS};
use crate::tier;

/// Budgets: until the server says that it is not ready, until it is ready again, and of each answer of "live".
const NOT_READY_WITHIN: Duration = Duration::from_secs(2);
const READY_WITHIN: Duration = Duration::from_secs(10);
const LIVE_WITHIN: Duration = Duration::from_millis(50);

const READY: &str = "/api/v1/health/ready";
const LIVE: &str = "/api/v1/health/live";

fn system(name: &str) -> Value {
    json!({ "name": name, "connectorDefinitionId": 3 })
}

/// Asks until the answer has this status.
async fn until(client: &Client, path: &str, status: u16) -> Duration {
    let begun = Instant::now();
    while client.get(path).await.status != status {
        assert!(begun.elapsed() < HANG, "{path} is not {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    begun.elapsed()
}

/// Not ready, with the envelope that says no more than that.
async fn expect_not_ready(client: &Client) {
    let answer = client.get(READY).await;
    assert_eq!(answer.header("retry-after"), "5");
    let body = answer.expect_status(503);
    assert_eq!((&body["status"], &body["reason"]), (&json!("not_ready"), &json!("error")), "{body}");
}

/// A change is refused for now.
async fn expect_refused(client: &Client, name: &str) {
    let answer = client.post(SYSTEMS, &system(name)).await;
    assert_eq!(answer.header("retry-after"), "5");
    answer.expect_error(503, "SERVICE_UNAVAILABLE");
}

/// A page of a table is overwritten under a running server: from the first failed read on nothing is written any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_damaged_while_it_is_served_takes_no_changes() {
    let (place, key) = Place::used();
    let database = place.path("jim.db");
    let roots = Database::writable(&database).root_pages("object_types");
    let server = place.serve();
    let client = server.client(&key);
    client.post(SYSTEMS, &system("Before")).await.expect_status(201);
    client.get(READY).await.expect_status(200);
    let mut file = OpenOptions::new().write(true).open(&database).expect("a file");
    for root in roots {
        file.seek(SeekFrom::Start((root as u64 - 1) * 4096)).expect("a page");
        file.write_all(&[0xa5; 4096]).expect("written");
    }
    drop(file);

    client.get(&format!("{SYSTEMS}/1/object-types")).await.expect_error(500, "INTERNAL_ERROR");
    for _ in 0..2 {
        expect_refused(&client, "After").await;
        expect_not_ready(&client).await;
    }
    client.get(LIVE).await.expect_status(200);
    let read = client.get("/api/v1/activities").await.expect_status(200);
    assert_eq!(read["totalCount"], 1, "what can be read is read: {read}");
    let line = server.log_line("the database is damaged");
    assert!(line.contains("ERROR") && line.contains("jim.db") && line.contains("jim restore"), "{line}");
    // Long enough for the writer to tidy up, which it must not do any more.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let before = place.kept();
    let done = server.stop();
    assert_eq!(done.code, Some(0));
    assert_eq!(place.kept(), before, "a stop writes nothing into it either");
    assert_eq!(done.err.lines().filter(|l| l.contains("damaged: changes are refused")).count(), 1, "{}", done.err);
    place.run(&["serve"]).refused(65);
}

/// A file system in memory, gone when dropped.
struct Small {
    folder: tempfile::TempDir,
}

impl Small {
    fn new() -> Small {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"]).arg(folder.path());
        assert!(mount.status().is_ok_and(|s| s.success()), "a file system of 2 MiB can be mounted");
        Small { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn place(&self) -> Place {
        Place::new().with("JIM_DATABASE_PATH", &self.path("jim.db").to_string_lossy())
    }

    /// Takes all room there is.
    fn fill(&self) {
        let mut filler = fs::File::create(self.path("filler")).expect("a file");
        while filler.write_all(&[1; 4096]).is_ok() {}
        while filler.write_all(&[1; 1]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.path("filler")).expect("removed");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

/// The names of all systems, as the file holds them.
fn names(database: &Path) -> Vec<String> {
    Database::writable(database).systems().into_iter().map(|system| system.name).collect()
}

/// What four writers, four readers and one who asks whether the server is alive met on a full disk, all at once.
struct Load {
    /// The names that were acknowledged.
    kept: Vec<String>,
    refused: usize,
    /// How many reads were answered, each with 200.
    read: usize,
    /// The longest that "live" took.
    slowest: Duration,
}

/// Between two requests of one client: a crowd without it would measure how fast the test checks answers.
const PAUSE: Duration = Duration::from_millis(10);

impl Load {
    async fn on(client: &Client, time: Duration) -> Load {
        let end = Instant::now() + time;
        let writers: Vec<_> = (0..4).map(|w| tokio::spawn(Load::write(client.clone(), w, end))).collect();
        let readers: Vec<_> = (0..4).map(|_| tokio::spawn(Load::read(client.clone(), end))).collect();
        let mut load = Load { kept: Vec::new(), refused: 0, read: 0, slowest: Duration::ZERO };
        while Instant::now() < end {
            let asked = Instant::now();
            client.get(LIVE).await.expect_status(200);
            load.slowest = load.slowest.max(asked.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        for writer in writers {
            let (kept, refused) = writer.await.expect("a writer");
            load.kept.extend(kept);
            load.refused += refused;
        }
        for reader in readers {
            load.read += reader.await.expect("a reader");
        }
        load
    }

    async fn write(client: Client, writer: usize, end: Instant) -> (Vec<String>, usize) {
        let (mut kept, mut refused) = (Vec::new(), 0);
        while Instant::now() < end {
            let name = format!("Full {writer} {}", kept.len() + refused);
            let answer = client.post(SYSTEMS, &system(&name)).await;
            if answer.status == 201 {
                kept.push(name);
            } else {
                answer.expect_error(503, "SERVICE_UNAVAILABLE");
                refused += 1;
            }
            tokio::time::sleep(PAUSE).await;
        }
        (kept, refused)
    }

    async fn read(client: Client, end: Instant) -> usize {
        let mut read = 0;
        while Instant::now() < end {
            for path in [SYSTEMS, &format!("{SYSTEMS}/1"), "/api/v1/activities"] {
                client.get(path).await.expect_status(200);
                read += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
        read
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, to mount a small file system"]
async fn a_full_disk_refuses_changes_and_heals() {
    let small = Small::new();
    let place = small.place();
    let server = place.serve();
    let key = server.key();
    let client = server.client(&key);
    let mut kept = vec!["First".to_owned()];
    client.post(SYSTEMS, &system("First")).await.expect_status(201);
    small.fill();
    let until_refused = until(&client, READY, 503).await;
    expect_not_ready(&client).await;

    // What is acknowledged now and then, in room that SQLite still had, is kept as well.
    let load = Load::on(&client, Duration::from_secs(8)).await;
    let (refused, slowest) = (load.refused, load.slowest);
    assert!(refused > 0 && load.kept.len() < 4, "{refused} refused, {:?}", load.kept);
    small.free();
    let until_ready = until(&client, READY, 200).await;
    kept.extend(load.kept);
    kept.push("After".to_owned());
    client.post(SYSTEMS, &system("After")).await.expect_status(201);
    let told = format!(
        "{refused} refused, {} kept, {} reads answered, live within {slowest:.1?}, not ready after {until_refused:.1?}, \
         ready again after {until_ready:.1?}",
        kept.len(),
        load.read
    );
    let seen_in_time = until_refused <= NOT_READY_WITHIN && until_ready <= READY_WITHIN;
    tier::budget(slowest <= LIVE_WITHIN && seen_in_time, &told);
    server.log_line("the disk takes changes again");
    server.kill();
    assert!(!place.run(&["check"]).told().contains("ERROR"));
    invariants::hold(&small.path("jim.db"), "after a full disk");
    let mut found = names(&small.path("jim.db"));
    found.sort();
    kept.sort();
    assert_eq!(found, kept);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, to mount a small file system"]
async fn on_a_full_disk_a_key_can_still_be_verified() {
    let small = Small::new();
    let place = small.place();
    let server = place.serve();
    let client = server.client(&server.key());
    let made = client.post("/api/v1/apikeys", &json!({ "name": "Cold", "roleIds": [2] })).await.expect_status(201);
    small.fill();
    until(&client, READY, 503).await;
    let cold = server.client(made["key"].as_str().expect("a key"));
    cold.get(SYSTEMS).await.expect_status(200);
    expect_refused(&client, "Refused").await;
}

#[test]
#[ignore = "needs root, to mount a small file system"]
fn a_full_disk_at_the_start_is_74_and_never_damage() {
    let small = Small::new();
    let place = small.place();
    small.fill();
    let told = place.run(&["serve"]).refused(74);
    assert!(!told.contains("damaged") && told.contains("jim."), "{told}");
    small.free();
    assert_eq!(place.serve().stop().code, Some(0));
    let before = fs::read(small.path("jim.db")).expect("a database");
    small.fill();
    let told = place.run(&["serve"]).refused(74);
    assert!(!told.contains("damaged") && told.contains("jim.db"), "{told}");
    assert!(fs::read(small.path("jim.db")).expect("a database") == before);
    small.free();
    assert_eq!(place.serve().stop().code, Some(0));
}

/// The n-th synchronisation of the writer fails, once.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn a_failed_synchronisation_is_no_2xx_and_everything_is_read_anew() {
    let (mut met, mut reopened) = (0, 0);
    for nth in 1..=12 {
        let (place, key) = Place::used();
        // strace counts by thread; -D keeps the server the child of this process.
        let line = format!(
            "exec strace -D -f -qq -o calls -e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=EIO:when={nth} \
             \"$@\""
        );
        let server = Process::start(place.shell(&line, &["serve"]));
        if !server.listens() {
            // It was one of the start's own.
            let told = server.wait().refused(74);
            assert!(!told.contains("damaged"), "{told}");
            continue;
        }
        let client = server.client(&key);
        let mut kept = Vec::new();
        for n in 0..8 {
            let name = format!("System {n}");
            let answer = client.post(SYSTEMS, &system(&name)).await;
            match answer.status {
                201 => kept.push(name),
                _ => {
                    answer.expect_error(503, "SERVICE_UNAVAILABLE");
                    met += 1;
                    let line = server.log_line("database reopened");
                    assert!(line.contains("quick_check") && line.contains("ok"), "{line}");
                    reopened += 1;
                    until(&client, READY, 200).await;
                }
            }
            client.get(SYSTEMS).await.expect_status(200);
        }
        assert!(kept.len() >= 7, "{kept:?}");
        server.kill();
        assert!(!place.run(&["check"]).told().contains("ERROR"));
        invariants::hold(&place.path("jim.db"), &format!("synchronisation {nth}"));
        assert_eq!(names(&place.path("jim.db")), kept, "synchronisation {nth}");
        let calls = String::from_utf8_lossy(&place.read("calls")).into_owned();
        println!("{nth}: {} injected", calls.matches("INJECTED").count());
    }
    tier::figure(format!("{met} changes met with it, {reopened} times opened anew"));
    assert!(met > 3 && met == reopened);
}
