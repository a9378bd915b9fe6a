//! What one running server consists of. Built once, cloned cheaply into every route.

pub mod settings;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::security::api_key::Hasher;
use crate::security::clock::Clock;
use crate::security::key_cache::KeyCache;
use crate::security::limiter::Limiter;
use crate::security::refusals::Refusals;
use crate::security::secret::Keyring;
use crate::security::tls::ClientTrust;
use crate::store::Db;

use settings::InForce;

/// The components of a server.
#[derive(Clone)]
pub struct App {
    /// When it was built.
    pub started: SystemTime,
    /// The database.
    pub db: Db,
    /// The master keys.
    pub keyring: Arc<Keyring>,
    /// Hashes API keys.
    pub hasher: Arc<Hasher>,
    /// Remembers verified API keys.
    pub keys: Arc<KeyCache>,
    /// What expiry and windows are held against.
    pub clock: Arc<Clock>,
    /// Counts requests.
    pub limiter: Arc<Limiter>,
    /// What is told of refused credentials.
    pub refusals: Arc<Refusals>,
    /// What is counted for monitoring.
    pub metrics: Metrics,
    /// The settings of the service.
    pub settings: Arc<InForce>,
    /// Which certificates directories may show.
    pub trust: Arc<ClientTrust>,
    /// Which systems an import is running on.
    pub imports: RunLocks,
    /// Places for answers that hold many rows until they are sent.
    pub large: Arc<Semaphore>,
    /// Turns for connection tests.
    pub tests: Arc<Semaphore>,
    /// The folder that file connectors may read below, if there is one.
    pub files_root: Option<Arc<Path>>,
    /// Whether the API describes itself.
    pub docs: bool,
    /// Bounds on what a directory may send and how long it may take to send it.
    pub ldap_limits: crate::connectors::ldap::Limits,
}

/// Imports that read directories at the same time; more wait in line.
const RUNS_AT_ONCE: usize = 8;
/// Connection tests at the same time; they wait for people, not in line behind imports.
pub const TESTS_AT_ONCE: usize = 8;

/// Answers of many rows at the same time: whoever reads them slowly holds their memory.
pub const LARGE_AT_ONCE: usize = 8;
/// How long a request waits for such a place.
const LARGE_WAIT: Duration = Duration::from_secs(5);
/// Rows from which an answer is large.
const LARGE_ROWS: usize = 5_000;

/// A place among the large answers, given back when it is dropped.
#[derive(Debug)]
pub struct Large(Option<OwnedSemaphorePermit>);

impl Large {
    /// How many rows the answer has. A small one needs no place.
    pub fn holds(&mut self, rows: usize) {
        if rows < LARGE_ROWS {
            self.0 = None;
        }
    }
}

impl App {
    /// Waits for a place among the large answers, before their rows are read.
    ///
    /// # Errors
    /// All places are taken by answers that are still being sent.
    pub async fn large_answer(&self) -> Result<Large> {
        match tokio::time::timeout(LARGE_WAIT, self.large.clone().acquire_owned()).await {
            Ok(place) => Ok(Large(place.ok())),
            Err(_) => Err(Error::Unavailable { why: "too many large answers are being sent", source: None }),
        }
    }
}

/// One run per connected system at a time, and a few at a time over all systems.
#[derive(Clone)]
pub struct RunLocks {
    running: Arc<Mutex<HashSet<i64>>>,
    turns: Arc<Semaphore>,
}

/// Holds the run of one system until dropped.
pub struct RunLock {
    locks: RunLocks,
    system: i64,
}

impl Default for RunLocks {
    fn default() -> Self {
        RunLocks { running: Arc::default(), turns: Arc::new(Semaphore::new(RUNS_AT_ONCE)) }
    }
}

impl RunLocks {
    /// Takes the run of a system; `None` while another one runs.
    pub fn take(&self, system: i64) -> Option<RunLock> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(system).then(|| RunLock { locks: self.clone(), system })
    }

    /// Whether the run of a system is taken.
    pub fn is_running(&self, system: i64) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&system)
    }

    /// Waits in line for a turn, which lasts until what is returned is dropped. The line is never closed.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.clone().acquire_owned().await.ok()
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        self.locks.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.system);
    }
}
