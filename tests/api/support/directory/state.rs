//! The state that the handle and all connections of a sandbox share: directory, faults in force and counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jim::sandbox::Directory;
use parking_lot::Mutex;

use super::Tls;
use super::faults::Faults;

pub struct State {
    pub directory: Directory,
    /// The faults, and the number of connections when they were set.
    faults: Mutex<(Arc<Faults>, u64)>,
    healthy: Arc<Faults>,
    pub tls: Option<Tls>,
    /// The maximum number of entries that a whole search returns.
    pub size_limit: Option<i32>,
    /// Whether `entryUUID` is served.
    pub ids: AtomicBool,
    pub counters: Counters,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub connections: AtomicU64,
    pub bind_attempts: AtomicU64,
    /// Binds that succeeded.
    pub binds: AtomicU64,
    /// Search requests, every page by itself.
    pub searches: AtomicU64,
    /// Searches that wait at a gate now.
    pub waiting: AtomicU64,
    /// Connections open now.
    pub open: AtomicU64,
}

impl State {
    pub fn new(directory: Directory, faults: Faults, tls: Option<Tls>, size_limit: Option<i32>) -> State {
        State {
            directory,
            faults: Mutex::new((Arc::new(faults), 0)),
            healthy: Arc::new(Faults::default()),
            tls,
            size_limit,
            ids: AtomicBool::new(true),
            counters: Counters::default(),
        }
    }

    /// Sets the faults; connections are counted anew from here.
    pub fn set_faults(&self, faults: Faults) {
        let since = self.counters.connections.load(Ordering::SeqCst);
        *self.faults.lock() = (Arc::new(faults), since);
    }

    /// The faults that concern the connection of this number.
    pub fn faults_for(&self, number: u64) -> Arc<Faults> {
        let guard = self.faults.lock();
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
