//! Cache of verified API keys: argon2 runs once per key and not per request.
//!
//! A key is cached as a digest under a key of this process, never in clear. Every change of a key replaces its record
//! before the change is answered, so that a revocation acts on the next request.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::{OnceCell, Semaphore};
use uuid::Uuid;

use super::api_key::hmac;
use super::random;
use super::refusals::{RefusalCause, RefusalReason};
use crate::domain::role;
use crate::error::{Error, Result};

const MAX_VERIFIED: usize = 1_024;
/// Time to live of a verification without use, and in all.
const MAX_IDLE: Duration = Duration::from_secs(300);
const MAX_AGE: Duration = Duration::from_secs(15 * 60);
const MAX_REFUSED: usize = 4_096;
/// Time to live of a refusal.
const REFUSAL_AGE: Duration = Duration::from_secs(60);
/// Verifications that may wait for a permit, and their timeout.
const MAX_WAITING: usize = 32;
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: Uuid,
    pub name: String,
    pub roles: Vec<i64>,
    pub enabled: bool,
    pub expires_at: Option<OffsetDateTime>,
    /// Exempt from the rate limit: the operator's own key.
    pub exempt: bool,
}

impl Record {
    /// Reason to refuse the key at `now`, if there is one.
    pub fn refusal(&self, now: OffsetDateTime) -> Option<RefusalCause> {
        if !self.enabled {
            return Some(RefusalCause::of(self.id, RefusalReason::Disabled));
        }
        let expired = self.expires_at.is_some_and(|end| end <= now);
        expired.then(|| RefusalCause::of(self.id, RefusalReason::Expired))
    }

    pub fn is_administrator(&self) -> bool {
        self.roles.contains(&role::ADMINISTRATOR)
    }

    pub fn may_read(&self) -> bool {
        self.is_administrator() || self.roles.contains(&role::READER)
    }
}

/// Keyed digest of a presented key.
pub type Digest = [u8; 32];

/// Result of a cache look-up.
pub enum Cached {
    Verified(Arc<Record>),
    Refused(RefusalCause),
    Miss,
}

struct Verified {
    key: Uuid,
    since: Instant,
    last: Instant,
}

#[derive(Default)]
struct State {
    verified: HashMap<Digest, Verified>,
    records: HashMap<Uuid, Arc<Record>>,
    refused: HashMap<Digest, (Instant, RefusalCause)>,
    flights: HashMap<Digest, Arc<OnceCell<Option<Arc<Record>>>>>,
    used: HashMap<Uuid, (OffsetDateTime, IpAddr)>,
}

pub struct KeyCache {
    process_key: [u8; 32],
    state: Mutex<State>,
    permits: Semaphore,
    queue: Semaphore,
    runs: AtomicU64,
}

impl Default for KeyCache {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        KeyCache {
            process_key: random(),
            state: Mutex::default(),
            permits: Semaphore::new(cores.saturating_sub(1).max(1)),
            queue: Semaphore::new(MAX_WAITING),
            runs: AtomicU64::new(0),
        }
    }
}

impl KeyCache {
    pub fn digest(&self, key: &str) -> Digest {
        hmac(&self.process_key, key.as_bytes())
    }

    pub fn get(&self, digest: &Digest) -> Cached {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let now = Instant::now();
        if let Some(entry) = state.verified.get_mut(digest) {
            if now - entry.last < MAX_IDLE && now - entry.since < MAX_AGE {
                entry.last = now;
                if let Some(record) = state.records.get(&entry.key) {
                    return Cached::Verified(record.clone());
                }
            }
            state.verified.remove(digest);
        }
        match state.refused.get(digest) {
            Some((until, cause)) if *until > now => Cached::Refused(*cause),
            _ => Cached::Miss,
        }
    }

    /// Runs one verification per digest at a time; concurrent callers share its result. `verify` caches and returns the
    /// record, or `None` for a refused key.
    pub async fn single_flight<F, V>(&self, digest: Digest, verify: F) -> Result<Option<Arc<Record>>>
    where
        F: FnOnce() -> V,
        V: Future<Output = Result<Option<Arc<Record>>>>,
    {
        let flight = self.state.lock().flights.entry(digest).or_default().clone();
        // Another request may have verified it meanwhile.
        let run = async || match self.get(&digest) {
            Cached::Verified(record) => Ok(Some(record)),
            Cached::Refused(_) => Ok(None),
            Cached::Miss => verify().await,
        };
        let result = flight.get_or_try_init(run).await.cloned();
        let mut state = self.state.lock();
        // The first caller with a result removes the flight; after errors the last one, when only the map and this call
        // hold it. A later flight of the same digest stays.
        let is_listed = state.flights.get(&digest).is_some_and(|listed| Arc::ptr_eq(listed, &flight));
        if is_listed && (result.is_ok() || Arc::strong_count(&flight) <= 2) {
            state.flights.remove(&digest);
        }
        result
    }

    /// Runs argon2 work on a blocking thread, a few at a time. Fails as busy when too many wait.
    pub async fn with_permit<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let busy = || Error::Unavailable { why: "key verification is busy", source: None };
        let queued = self.queue.try_acquire().map_err(|_| busy())?;
        let permit = tokio::time::timeout(WAIT_TIMEOUT, self.permits.acquire()).await.map_err(|_| busy())?;
        let _permit = permit.map_err(|e| Error::internal("key verification is closed", e))?;
        drop(queued);
        self.runs.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::internal("key verification failed", e))?
    }

    /// Whether no argon2 work waits for a permit.
    pub fn is_idle(&self) -> bool {
        self.queue.available_permits() == MAX_WAITING
    }

    pub fn argon2_runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    pub fn insert(&self, digest: Digest, record: Record) -> Arc<Record> {
        let mut state = self.state.lock();
        let now = Instant::now();
        if state.verified.len() >= MAX_VERIFIED {
            let oldest = state.verified.iter().min_by_key(|(_, v)| v.last).map(|(d, _)| *d);
            oldest.and_then(|d| state.verified.remove(&d));
        }
        state.verified.insert(digest, Verified { key: record.id, since: now, last: now });
        let record = Arc::new(record);
        state.records.insert(record.id, record.clone());
        record
    }

    pub fn insert_refusal(&self, digest: Digest, cause: RefusalCause) {
        let mut state = self.state.lock();
        let now = Instant::now();
        if state.refused.len() >= MAX_REFUSED {
            state.refused.retain(|_, (until, _)| *until > now);
            if state.refused.len() >= MAX_REFUSED {
                state.refused.clear();
            }
        }
        state.refused.insert(digest, (now + REFUSAL_AGE, cause));
    }

    /// Replaces the record of a key by its committed state before a change is answered; `None` after a deletion.
    pub fn replace(&self, id: Uuid, record: Option<Record>) {
        let mut state = self.state.lock();
        match record {
            Some(record) => {
                if state.records.contains_key(&id) {
                    state.records.insert(id, Arc::new(record));
                }
            }
            None => {
                state.records.remove(&id);
                state.verified.retain(|_, v| v.key != id);
                state.used.remove(&id);
            }
        }
    }

    /// Notes the use of a key, to be stored later.
    pub fn note_use(&self, id: Uuid, at: OffsetDateTime, from: IpAddr) {
        self.state.lock().used.insert(id, (at, from));
    }

    /// Restores uses that could not be stored, except where there are later ones.
    pub fn return_uses(&self, uses: HashMap<Uuid, (OffsetDateTime, IpAddr)>) {
        let mut state = self.state.lock();
        for (id, used) in uses {
            state.used.entry(id).or_insert(used);
        }
    }

    pub fn take_uses(&self) -> HashMap<Uuid, (OffsetDateTime, IpAddr)> {
        std::mem::take(&mut self.state.lock().used)
    }
}
