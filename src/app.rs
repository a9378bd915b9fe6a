//! What one running server consists of. Built once, cloned cheaply into every route.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::security::api_key::Hasher;
use crate::security::key_cache::KeyCache;
use crate::security::secret::Keyring;
use crate::security::tls::ClientTrust;
use crate::store::Db;

/// The components of a server.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The master keys.
    pub keyring: Arc<Keyring>,
    /// Hashes API keys.
    pub hasher: Arc<Hasher>,
    /// Remembers verified API keys.
    pub keys: Arc<KeyCache>,
    /// Which certificates directories may show.
    pub trust: Arc<ClientTrust>,
    /// Which systems an import is running on.
    pub imports: RunLocks,
    /// Bounds on what a directory may send and how long it may take to send it.
    pub ldap_limits: crate::connectors::ldap::Limits,
}

/// One run per connected system at a time.
#[derive(Clone, Default)]
pub struct RunLocks(Arc<Mutex<HashSet<i64>>>);

/// Holds the run of one system until dropped.
pub struct RunLock {
    locks: RunLocks,
    system: i64,
}

impl RunLocks {
    /// Takes the run of a system; `None` while another one runs.
    pub fn take(&self, system: i64) -> Option<RunLock> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(system).then(|| RunLock { locks: self.clone(), system })
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        self.locks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.system);
    }
}
