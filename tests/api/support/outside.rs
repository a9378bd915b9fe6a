//! The program as another process, with its directories in this one: what it holds in memory is then its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::case::tree;
use super::database::{Database, invariants};
use super::directory::Sandbox;
use super::program::{Place, Process};
use super::{Answer, Client, SYSTEMS, containers, sandbox_settings};

pub struct Outside {
    pub place: Place,
    pub server: Process,
    pub client: Client,
}

impl Outside {
    pub fn start() -> Outside {
        let place = Place::new().with("JIM_LOG_FILTER", "info");
        let server = place.serve();
        // In a build that is not optimised the largest import takes minutes.
        let client = Client::waiting(server.address(), Duration::from_secs(600)).with_key(&server.key());
        Outside { place, server, client }
    }

    /// A system at a sandbox, imported, with these containers selected. Nothing is tried twice, and a whole import
    /// has this many seconds.
    pub async fn imported(&self, sandbox: &Sandbox, seconds: u64, selected: &[&str]) -> i64 {
        let body = json!({ "name": "Outside", "connectorDefinitionId": 3 });
        let id = self.client.post(SYSTEMS, &body).await.expect_status(201)["id"].as_i64().expect("an id");
        let mut values = sandbox_settings(sandbox);
        values["9"] = json!({ "intValue": seconds });
        values["11"] = json!({ "intValue": 0 });
        self.set(id, values).await;
        self.import(id, "").await.expect_status(200);
        self.select(id, selected).await;
        id
    }

    pub async fn select(&self, id: i64, selected: &[&str]) {
        let partitions = self.partitions(id).await;
        for dn in selected {
            let found = containers(&partitions).into_iter().find(|c| c["externalId"] == *dn);
            let path = format!("{SYSTEMS}/{id}/containers/{}", found.expect("stored")["id"]);
            self.client.put(&path, &json!({ "selected": true })).await.expect_status(200);
        }
    }

    pub async fn set(&self, id: i64, values: Value) {
        let body = json!({ "settingValues": values });
        self.client.put(&format!("{SYSTEMS}/{id}"), &body).await.expect_status(200);
    }

    pub async fn import(&self, id: i64, query: &str) -> Answer {
        self.client.send("POST", &format!("{SYSTEMS}/{id}/import-hierarchy{query}"), None).await
    }

    pub async fn partitions(&self, id: i64) -> Value {
        self.client.get(&format!("{SYSTEMS}/{id}/partitions")).await.expect_status(200)
    }

    /// The stored tree, as [`tree`] shows it.
    pub async fn tree(&self, id: i64) -> Vec<String> {
        tree(&self.partitions(id).await)
    }

    pub fn dump(&self) -> String {
        Database::open(&self.place.path("jim.db")).dump()
    }

    /// The program still runs, nothing in it panicked, and what it stored is sound.
    #[track_caller]
    pub fn is_unharmed(&self) {
        let log = self.server.err();
        let panicked: Vec<&String> = log.iter().filter(|l| l.contains("panicked")).collect();
        assert!(panicked.is_empty(), "{panicked:?}");
        let told = self.place.run(&["check"]).told();
        assert!(told.contains(&format!("process {}", self.server.pid())), "it is gone: {told}");
        assert!(!told.contains("ERROR"), "{told}");
        invariants::hold(&self.place.path("jim.db"), "at the end");
    }

    /// Watches its memory from now on.
    pub fn watch(&self) -> Memory {
        Memory::of(&self.server)
    }
}

/// The most memory that a process holds while it is watched.
pub struct Memory {
    before: u64,
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Memory {
    pub fn of(server: &Process) -> Memory {
        let before = server.memory();
        let (most, over) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
        let (theirs, ended, pid) = (Arc::clone(&most), Arc::clone(&over), server.pid());
        // Freed memory goes back to the system after seconds only, so that no peak is over between two looks.
        let watcher = std::thread::spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                theirs.fetch_max(resident(pid).unwrap_or_default(), Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Memory { before, most, over, watcher: Some(watcher) }
    }

    /// How much more it held at most than at the beginning, in KiB.
    pub fn growth(mut self) -> u64 {
        self.end();
        self.most.load(Ordering::SeqCst) - self.before
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.end();
    }
}

/// Resident memory of a process in KiB.
pub fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
