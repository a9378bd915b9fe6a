//! Cache of verified API keys: argon2 runs once per key and not per request.
//!
//! A key is cached as a digest under a key of this process, never in clear. Its rights are in a record that every change
//! of the key replaces before the change is answered; so a revocation acts on the next request.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
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

/// Cached properties of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: Uuid,
    pub name: String,
    /// Role ids, ascending.
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

/// Cache entry of a digest.
pub enum Cached {
    /// With the current record of the key.
    Verified(Arc<Record>),
    /// Refused within the last minute.
    Refused(RefusalCause),
    Nothing,
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

/// Key cache of one process.
pub struct KeyCache {
    process_key: [u8; 32],
    state: Mutex<State>,
    places: Semaphore,
    waiting: AtomicUsize,
    runs: AtomicU64,
}

impl Default for KeyCache {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        KeyCache {
            process_key: random(),
            state: Mutex::default(),
            places: Semaphore::new(cores.saturating_sub(1).max(1)),
            waiting: AtomicUsize::new(0),
            runs: AtomicU64::new(0),
        }
    }
}

impl KeyCache {
    pub fn digest(&self, key: &str) -> Digest {
        hmac(&self.process_key, key.as_bytes())
    }

    pub fn known(&self, digest: &Digest) -> Cached {
        let mut guard = self.state();
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
            _ => Cached::Nothing,
        }
    }

    /// Runs one verification per digest at a time; concurrent callers share its result. `verify` caches and returns the
    /// key's record, or `None` for a key that is not accepted.
    pub async fn single_flight<F, V>(&self, digest: Digest, verify: F) -> Result<Option<Arc<Record>>>
    where
        F: FnOnce() -> V,
        V: Future<Output = Result<Option<Arc<Record>>>>,
    {
        let flight = self.state().flights.entry(digest).or_default().clone();
        let late_or_first = async || match self.known(&digest) {
            // Another request verified it meanwhile.
            Cached::Verified(record) => Ok(Some(record)),
            Cached::Refused(_) => Ok(None),
            Cached::Nothing => verify().await,
        };
        let result = flight.get_or_try_init(late_or_first).await.cloned();
        let mut state = self.state();
        // The first caller with a result removes the flight; after errors the last one does, when only the map and this
        // call hold it. A later flight of the same digest is left alone.
        let is_listed = state.flights.get(&digest).is_some_and(|listed| Arc::ptr_eq(listed, &flight));
        if is_listed && (result.is_ok() || Arc::strong_count(&flight) <= 2) {
            state.flights.remove(&digest);
        }
        result
    }

    /// Runs argon2 work on a blocking thread, a few at a time. Fails as busy when too many wait.
    pub async fn with_place<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let busy = || Error::Unavailable { why: "key verification is busy", source: None };
        let waiting = Waiting::enter(&self.waiting).ok_or_else(busy)?;
        let place = tokio::time::timeout(WAIT_TIMEOUT, self.places.acquire()).await.map_err(|_| busy())?;
        let _place = place.map_err(|e| Error::internal("key verification is closed", e))?;
        drop(waiting);
        self.runs.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::internal("key verification failed", e))?
    }

    /// Whether no argon2 work waits for a permit.
    pub fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// Number of argon2 runs since the start.
    pub fn argon2_runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Caches a verification.
    pub fn remember(&self, digest: Digest, record: Record) -> Arc<Record> {
        let mut state = self.state();
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

    /// Caches a refusal.
    pub fn refuse(&self, digest: Digest, cause: RefusalCause) {
        let mut state = self.state();
        let now = Instant::now();
        if state.refused.len() >= MAX_REFUSED {
            state.refused.retain(|_, (until, _)| *until > now);
            if state.refused.len() >= MAX_REFUSED {
                state.refused.clear();
            }
        }
        state.refused.insert(digest, (now + REFUSAL_AGE, cause));
    }

    /// Replaces the record of a key after a change; `None` after a deletion. Must be called with the committed state,
    /// before the change is answered.
    pub fn replace(&self, id: Uuid, record: Option<Record>) {
        let mut state = self.state();
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
        self.state().used.insert(id, (at, from));
    }

    /// Takes back uses that could not be stored. Later ones have precedence.
    pub fn return_uses(&self, uses: HashMap<Uuid, (OffsetDateTime, IpAddr)>) {
        let mut state = self.state();
        for (id, used) in uses {
            state.used.entry(id).or_insert(used);
        }
    }

    /// Removes and returns the noted uses.
    pub fn take_uses(&self) -> HashMap<Uuid, (OffsetDateTime, IpAddr)> {
        std::mem::take(&mut self.state().used)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Option<Self> {
        let entered = Waiting(count);
        (count.fetch_add(1, Ordering::AcqRel) < MAX_WAITING).then_some(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
