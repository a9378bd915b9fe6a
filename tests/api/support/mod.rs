//! A server for tests, a client that checks every answer, and directories.

#![allow(dead_code, reason = "each chapter uses its own part")]

pub mod administrator;
pub mod canaries;
pub mod case;
pub mod client;
pub mod daemon;
pub mod database;
pub mod described;
pub mod directory;
pub mod ds389;
pub mod images;
pub mod imports;
pub mod key_text;
pub mod killed;
pub mod outside;
pub mod people;
pub mod program;
pub mod rogue;
pub mod samba;
pub mod server;
pub mod slapd;
pub mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use database::{Activity, Database, invariants};
use directory::{Options, Sandbox};
use jim::app::App;
use jim::config::Config;
use jim::http;
use jim::http::server::{Limits, ListenerOptions};
use jim::ops::start;
use jim::security::clock;
use jim::security::secret::Secret;
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use client::{Answer, Client};

/// Where connected systems live.
pub const SYSTEMS: &str = "/api/v1/synchronisation/connected-systems";

/// A server in this process on a file of its own. Everything is gone when it is dropped.
pub struct TestApp {
    pub app: App,
    pub address: SocketAddr,
    /// The bootstrap key: an Administrator.
    pub key: String,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

/// What a test may want to be different.
#[derive(Default)]
pub struct Setup {
    pub trust_dir: Option<PathBuf>,
    /// The connector files folder.
    pub files_root: Option<PathBuf>,
    pub infrastructure_key: Option<String>,
    pub ldap_limits: Option<jim::connectors::ldap::Limits>,
    pub limits: Option<Limits>,
    /// Clocks that the test moves.
    pub clock: Option<Clocks>,
}

/// Clocks that stand still until they are moved.
#[derive(Clone)]
pub struct Clocks {
    start: OffsetDateTime,
    /// Milliseconds that the system's clock shows, and those that passed, since the start.
    hands: Arc<[AtomicI64; 2]>,
    /// The text of the panic that a look at them ends in.
    broken: Arc<Mutex<Option<String>>>,
}

impl Default for Clocks {
    fn default() -> Self {
        Clocks { start: OffsetDateTime::now_utc(), hands: Arc::default(), broken: Arc::default() }
    }
}

impl Clocks {
    /// Time passes.
    pub fn pass(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).expect("a short time");
        for hand in self.hands.iter() {
            hand.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// What the system's clock shows.
    pub fn wall(&self) -> OffsetDateTime {
        self.start + time::Duration::milliseconds(self.hands[0].load(Ordering::SeqCst))
    }

    /// A look at them panics with this text; `None` mends them.
    pub fn break_with(&self, text: Option<String>) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn source(self) -> clock::Source {
        Box::new(move || {
            let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone();
            assert!(broken.is_none(), "{}", broken.unwrap_or_default());
            let elapsed = Duration::from_millis(self.hands[1].load(Ordering::SeqCst).unsigned_abs());
            clock::Now { at: self.wall(), elapsed }
        })
    }
}

impl TestApp {
    pub async fn start() -> TestApp {
        TestApp::start_with(Setup::default()).await
    }

    pub async fn start_with(setup: Setup) -> TestApp {
        TestApp::start_in(tempfile::tempdir().expect("a folder"), setup).await
    }

    async fn start_in(folder: TempDir, setup: Setup) -> TestApp {
        canaries::listen();
        let mut config = Config::in_folder(folder.path());
        config.trust_dir = setup.trust_dir;
        config.files_root = setup.files_root;
        let secret = setup.infrastructure_key.map(Secret::new);
        let source = setup.clock.map_or_else(clock::system, Clocks::source);
        let mut key = String::new();
        let tell = |first: &Secret| {
            first.expose().clone_into(&mut key);
            Ok(())
        };
        let mut parts = start::start_with(&config, secret, source, tell).await.expect("the server starts");
        if let Some(limits) = setup.ldap_limits {
            parts.ldap_limits = limits;
        }
        let app = App::from(parts);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let route = http::api(&app);
        let limits = setup.limits.unwrap_or_default();
        let runs = tokio::spawn(jim::ops::run::queue::serve(app.clone()));
        let stopping = app.runs.stopping.clone();
        let serving = tokio::spawn(async move {
            let options = ListenerOptions { limits, ..ListenerOptions::default() };
            jim::http::server::run(listener, route, options, async {
                let _ = stopped.await;
            })
            .await;
            stopping.cancel();
            let _ = runs.await;
        });
        canaries::key(&key);
        TestApp { app, address, key, folder, stop: Some(stop), serving: Some(serving) }
    }

    /// A client with the Administrator key.
    pub fn admin(&self) -> Client {
        Client::new(self.address).with_key(&self.key)
    }

    /// A client without a key.
    pub fn stranger(&self) -> Client {
        Client::new(self.address)
    }

    /// Counts no requests from now on, for tests with more refusals than an address may have.
    pub async fn without_limits(self) -> TestApp {
        let path = "/api/v1/service-settings/RateLimiting.Enabled";
        self.admin().put(path, &json!({ "value": "false" })).await.expect_status(200);
        self
    }

    /// A client with a new key that has these roles.
    pub async fn with_roles(&self, name: &str, roles: &[i64]) -> Client {
        let body = json!({ "name": name, "roleIds": roles });
        let made = self.admin().post("/api/v1/apikeys", &body).await.expect_status(201);
        Client::new(self.address).with_key(made["key"].as_str().expect("a key"))
    }

    /// The folder with database and keyring.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("jim.db")
    }

    /// What is stored, read beside the server.
    #[track_caller]
    pub fn stored(&self) -> Database {
        Database::open(&self.database())
    }

    /// All activities, oldest first.
    pub fn activities(&self) -> Vec<Activity> {
        self.stored().activities()
    }

    /// Every table but activities and API keys as text: equal dumps mean that nothing was changed.
    pub fn dump(&self) -> String {
        self.stored().dump()
    }

    /// What is stored breaks none of the rules that `jim check` knows.
    #[track_caller]
    pub fn is_sound(&self) {
        let keyring = self.folder.path().join("jim.keys");
        let report = jim::ops::check::run(&self.database(), &keyring).expect("the database opens");
        assert!(report.damaged.is_empty() && report.misconfigured.is_empty(), "{report:?}");
        invariants::hold(&self.database(), "at the end");
    }

    /// Creates a system and points it at a sandbox.
    pub async fn connected_to(&self, sandbox: &Sandbox) -> i64 {
        let id = self.create_system("Sandbox").await;
        self.set(id, &sandbox_settings(sandbox)).await.expect_status(200);
        id
    }

    /// Creates a system with the LDAP connector.
    pub async fn create_system(&self, name: &str) -> i64 {
        let body = json!({ "name": name, "connectorDefinitionId": 3 });
        let created = self.admin().post(SYSTEMS, &body).await.expect_status(201);
        created["id"].as_i64().expect("an id")
    }

    /// PUTs setting values.
    pub async fn set(&self, id: i64, values: &Value) -> Answer {
        self.admin().put(&format!("{SYSTEMS}/{id}"), &json!({ "settingValues": values })).await
    }

    /// Imports the hierarchy; `query` is `""` or `?preview=true` and the like.
    pub async fn import(&self, id: i64, query: &str) -> Answer {
        self.admin().send("POST", &format!("{SYSTEMS}/{id}/import-hierarchy{query}"), None).await
    }

    /// Imports the schema.
    pub async fn import_schema(&self, id: i64) -> Answer {
        self.admin().send("POST", &format!("{SYSTEMS}/{id}/import-schema"), None).await
    }

    /// The object types with their attributes.
    pub async fn object_types(&self, id: i64) -> Value {
        self.admin().get(&format!("{SYSTEMS}/{id}/object-types")).await.expect_status(200)
    }

    /// The partitions with their trees.
    pub async fn partitions(&self, id: i64) -> Value {
        self.admin().get(&format!("{SYSTEMS}/{id}/partitions")).await.expect_status(200)
    }

    /// The container with this DN, at any depth.
    pub async fn container(&self, id: i64, dn: &str) -> Option<Value> {
        let partitions = self.partitions(id).await;
        containers(&partitions).into_iter().find(|c| c["externalId"] == dn).cloned()
    }

    /// Selects the container with this DN and returns its id.
    pub async fn select(&self, id: i64, dn: &str) -> i64 {
        let container = self.container(id, dn).await.unwrap_or_else(|| panic!("{dn} is not stored"));
        let row = container["id"].as_i64().expect("an id");
        let path = format!("{SYSTEMS}/{id}/containers/{row}");
        self.admin().put(&path, &json!({ "selected": true })).await.expect_status(200);
        row
    }

    /// Stops the server and starts another one on the same files.
    pub async fn restart(self) -> TestApp {
        self.restart_with(Setup::default()).await
    }

    /// The same with what is different from then on.
    pub async fn restart_with(self, setup: Setup) -> TestApp {
        let (folder, key) = self.stop().await;
        let mut again = TestApp::start_in(folder, setup).await;
        again.key = key;
        again
    }

    /// Stops the server and hands out its folder and key.
    pub async fn stop(mut self) -> (TempDir, String) {
        self.shut().await;
        jim::ops::housekeeping::finish(&self.app).await;
        let key = self.key.clone();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        drop(self);
        // The writer thread closes the file after its last handle is gone.
        for _ in 0..100 {
            match jim::db::FileLock::take(&folder.path().join("jim.db")) {
                Ok(_) => break,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        }
        (folder, key)
    }

    async fn shut(&mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.serving.take() {
            let _ = serving.await;
        }
    }
}

impl Drop for TestApp {
    /// At the end nothing secret is in what was recorded or logged.
    fn drop(&mut self) {
        // A restart has taken the file away.
        let texts = self.database().exists().then(|| self.stored().last_activities());
        let found = texts.iter().flatten().find_map(|row| canaries::in_there(row.as_bytes()));
        if !std::thread::panicking() {
            assert_eq!(found, None, "in the activities");
            canaries::none_heard();
        }
    }
}

/// Settings that lead to a sandbox.
pub fn sandbox_settings(sandbox: &Sandbox) -> Value {
    json!({
        "1": { "stringValue": format!("ldap://{}", sandbox.addr()) },
        "2": { "stringValue": sandbox.bind_dn() },
        "3": { "stringValue": sandbox.password() },
    })
}

/// All containers of a list of partitions, parents before children.
pub fn containers(partitions: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    let mut open: Vec<&Value> = partitions
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|p| p["containers"].as_array().into_iter().flatten())
        .collect();
    while let Some(node) = open.pop() {
        all.push(node);
        open.extend(node["childContainers"].as_array().into_iter().flatten());
    }
    all
}

/// The `externalId`s of an array of an import result.
pub fn dns(result: &Value, array: &str) -> Vec<String> {
    let items = result[array].as_array().unwrap_or_else(|| panic!("{array} in {result}"));
    items.iter().map(|i| i["externalId"].as_str().expect("externalId").to_owned()).collect()
}

/// A sandbox with the sample organisation.
pub async fn sample() -> Sandbox {
    Sandbox::start(Options::sample()).await.expect("the sandbox starts")
}
