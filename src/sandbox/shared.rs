//! What the handle and all connections of a sandbox share: the tree, the faults in force and the counters.
//! The locks are held for one look or one edit and never across a wait.

use super::Tls;
use super::faults::Faults;
use super::schema::Schema;
use super::tree::{Tree, now};
use crate::domain::dn::DnKey;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state of a sandbox.
pub struct Shared {
    tree: Mutex<Tree>,
    faults: Mutex<(Arc<Faults>, u64)>,
    healthy: Arc<Faults>,
    schema: Mutex<(Arc<Schema>, String)>,
    /// The account that may read and write.
    pub account: String,
    /// Its name for comparison.
    pub account_key: DnKey,
    /// Its password.
    pub password: String,
    /// TLS, if offered.
    pub tls: Option<Tls>,
    /// The entries a whole search may return.
    pub size_limit: Option<usize>,
    /// Whether `entryUUID` is served.
    pub ids: AtomicBool,
    /// What happened so far.
    pub counters: Counters,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub connections: AtomicU64,
    /// Bind requests.
    pub bind_attempts: AtomicU64,
    /// Bind requests that succeeded.
    pub binds: AtomicU64,
    /// Search requests, every page by itself.
    pub searches: AtomicU64,
    /// Searches that stand at a gate now.
    pub waiting: AtomicU64,
    /// Connections open now.
    pub open: AtomicU64,
}

impl Shared {
    /// The state at the start.
    pub fn new(options: super::Options, account_key: DnKey) -> Shared {
        let mut tree = options.tree;
        tree.live = true;
        Shared {
            tree: Mutex::new(tree),
            faults: Mutex::new((Arc::new(options.faults), 0)),
            healthy: Arc::new(Faults::default()),
            schema: Mutex::new((Arc::new(Schema::sample()), now())),
            account: options.bind_dn,
            account_key,
            password: options.password,
            tls: options.tls,
            size_limit: options.size_limit,
            ids: AtomicBool::new(true),
            counters: Counters::default(),
        }
    }

    /// The tree, locked.
    pub fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The schema, and when it was made or changed.
    pub fn schema(&self) -> (Arc<Schema>, String) {
        self.schema.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another schema in place of it.
    pub fn set_schema(&self, schema: Schema) {
        *self.schema.lock().unwrap_or_else(PoisonError::into_inner) = (Arc::new(schema), now());
    }

    /// Sets the faults; connections are counted anew from here.
    pub fn set_faults(&self, faults: Faults) {
        let since = self.counters.connections.load(Ordering::SeqCst);
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = (Arc::new(faults), since);
    }

    /// The faults that concern the connection of this number.
    pub fn faults_for(&self, number: u64) -> Arc<Faults> {
        let guard = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let (faults, since) = &*guard;
        let concerned = match &faults.connections {
            None => true,
            Some(range) => number.checked_sub(*since).is_some_and(|n| range.contains(&n)),
        };
        Arc::clone(if concerned { faults } else { &self.healthy })
    }
}

/// Counts something for as long as it lives, however its owner ends.
pub struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    /// Counts one more.
    pub fn new(counter: &'a AtomicU64) -> Counted<'a> {
        counter.fetch_add(1, Ordering::SeqCst);
        Counted(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
