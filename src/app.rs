//! Components of one running server, shared by every route.

pub mod settings;

use std::collections::HashSet;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connectors::ldap::Limits;
use crate::db::Db;
use crate::metrics::Metrics;
use crate::security::api_key::Hasher;
use crate::security::clock::Clock;
use crate::security::key_cache::KeyCache;
use crate::security::limiter::Limiter;
use crate::security::refusals::Refusals;
use crate::security::secret::Keyring;
use crate::security::tls::ClientTrust;

use settings::InForce;

/// One running server. A clone refers to the same components.
#[derive(Clone)]
pub struct App(Arc<Components>);

/// Components of a server. An `Arc` marks what moves into closures on other threads without the rest: the last `App`
/// must not be dropped on the database's own writer thread.
pub struct Components {
    pub started: SystemTime,
    pub db: Db,
    pub keyring: Arc<Keyring>,
    pub hasher: Arc<Hasher>,
    /// Verified API keys.
    pub keys: Arc<KeyCache>,
    /// Clock used for key expiry and rate limits.
    pub clock: Clock,
    pub limiter: Limiter,
    /// Audit log of refused credentials.
    pub refusals: Refusals,
    pub metrics: Metrics,
    pub settings: InForce,
    /// Certificates that directories may present.
    pub trust: Arc<ClientTrust>,
    /// Systems whose import is running.
    pub imports: RunLocks,
    /// Permits for answers that hold many rows until they are sent.
    pub large_answers: Arc<Semaphore>,
    /// Permits for connection tests.
    pub tests: Arc<Semaphore>,
    /// Folder that file connectors may read below, if there is one.
    pub files_root: Option<Arc<Path>>,
    /// Whether the API serves its description.
    pub docs: bool,
    /// Size and time limits of directories' answers.
    pub ldap_limits: Limits,
}

impl From<Components> for App {
    fn from(components: Components) -> Self {
        App(Arc::new(components))
    }
}

impl Deref for App {
    type Target = Components;

    fn deref(&self) -> &Components {
        &self.0
    }
}

/// Imports that read directories at the same time; more wait in a queue.
const MAX_RUNS: usize = 8;
/// Connection tests at the same time; a person waits, so they do not queue behind imports.
pub const MAX_TESTS: usize = 8;

/// Large answers at the same time: a slow client keeps the rows in memory.
pub const MAX_LARGE_ANSWERS: usize = 8;

/// One run per connected system at a time, and a few at a time over all systems.
#[derive(Clone)]
pub struct RunLocks {
    running: Arc<Mutex<HashSet<i64>>>,
    turns: Arc<Semaphore>,
}

/// Lock on the runs of one system, until dropped.
pub struct RunLock {
    locks: RunLocks,
    system: i64,
}

impl Default for RunLocks {
    fn default() -> Self {
        RunLocks { running: Arc::default(), turns: Arc::new(Semaphore::new(MAX_RUNS)) }
    }
}

impl RunLocks {
    /// Takes the lock of a system; `None` while another run holds it.
    pub fn take(&self, system: i64) -> Option<RunLock> {
        self.running.lock().insert(system).then(|| RunLock { locks: self.clone(), system })
    }

    pub fn is_running(&self, system: i64) -> bool {
        self.running.lock().contains(&system)
    }

    /// Waits for one of the few permits to run. The semaphore is never closed.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.clone().acquire_owned().await.ok()
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        self.locks.running.lock().remove(&self.system);
    }
}
