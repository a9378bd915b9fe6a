//! Components of one running server, shared by all routes.

pub mod settings;

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

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

/// One running server. Clones share the components.
#[derive(Clone)]
pub struct App(Arc<Components>);

/// Components of a server. Those in an `Arc` move into closures on other threads alone: the last `App` must not be dropped
/// on the writer thread of the database.
pub struct Components {
    pub started: SystemTime,
    pub db: Db,
    pub keyring: Arc<Keyring>,
    pub hasher: Arc<Hasher>,
    pub keys: Arc<KeyCache>,
    /// Clock for key expiry and rate limits.
    pub clock: Clock,
    pub limiter: Limiter,
    pub refusals: Refusals,
    pub metrics: Metrics,
    pub settings: InForce,
    pub trust: Arc<ClientTrust>,
    pub imports: RunLocks,
    pub runs: ActiveRuns,
    /// Permits for answers that hold many rows until they are sent.
    pub large_answers: Arc<Semaphore>,
    /// Permits for connection tests.
    pub tests: Arc<Semaphore>,
    /// Folder below which file connectors may read.
    pub files_root: Option<Arc<Path>>,
    /// Whether the API serves its description.
    pub docs: bool,
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

/// Concurrent imports; more wait in a queue.
const MAX_RUNS: usize = 8;
/// Concurrent connection tests. They do not queue behind imports, because a person waits.
pub const MAX_TESTS: usize = 8;

/// Concurrent large answers: a slow client keeps the rows in memory.
pub const MAX_LARGE_ANSWERS: usize = 8;

/// One run per connected system at a time, and a few at a time over all systems.
#[derive(Clone)]
pub struct RunLocks {
    running: Arc<Mutex<HashSet<i64>>>,
    permits: Arc<Semaphore>,
    /// Notified when a lock is released: a run of a profile may wait for it.
    released: Arc<Notify>,
}

/// Lock on the runs of one system, until dropped.
pub struct RunLock {
    locks: RunLocks,
    system: i64,
}

impl Default for RunLocks {
    fn default() -> Self {
        RunLocks { running: Arc::default(), permits: Arc::new(Semaphore::new(MAX_RUNS)), released: Arc::default() }
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

    /// Waits until a lock is released, or [`RunLocks::wake`] is called.
    pub async fn released(&self) {
        self.released.notified().await;
    }

    /// Wakes the queue of runs.
    pub fn wake(&self) {
        self.released.notify_one();
    }

    /// Waits for a permit to run. The semaphore is never closed.
    pub async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().acquire_owned().await.ok()
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        self.locks.running.lock().remove(&self.system);
        self.locks.wake();
    }
}

/// Active runs of run profiles, with their way to be cancelled.
pub struct ActiveRuns {
    active: Mutex<HashMap<Uuid, CancellationToken>>,
    /// Permits for runs of different systems side by side.
    pub parallel: Arc<Semaphore>,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
}

impl ActiveRuns {
    pub fn new(parallel: usize) -> ActiveRuns {
        ActiveRuns {
            active: Mutex::default(),
            parallel: Arc::new(Semaphore::new(parallel)),
            stopping: CancellationToken::new(),
        }
    }

    /// Enters a run, by its activity.
    pub fn enter(&self, activity: Uuid) -> CancellationToken {
        let token = self.stopping.child_token();
        self.active.lock().insert(activity, token.clone());
        token
    }

    pub fn leave(&self, activity: Uuid) {
        self.active.lock().remove(&activity);
    }

    /// Cancels a run; `false` if it is not active.
    pub fn cancel(&self, activity: Uuid) -> bool {
        let token = self.active.lock().get(&activity).cloned();
        token.inspect(CancellationToken::cancel).is_some()
    }

    pub fn is_idle(&self) -> bool {
        self.active.lock().is_empty()
    }
}
