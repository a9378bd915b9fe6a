//! Verified keys, remembered, so that argon2 runs once per key and not per request.
//!
//! A key is remembered as a digest under a key of this process, never in clear. What it may do is in a record that
//! every change of the key replaces before the change is answered; so a revocation acts with the next request.

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
use super::refusals::{Cause, Reason};
use crate::domain::role;
use crate::error::{Error, Result};

/// Remembered verifications at most, and how long.
const VERIFIED: usize = 1_024;
const UNUSED: Duration = Duration::from_secs(300);
const OLDEST: Duration = Duration::from_secs(15 * 60);
/// Remembered refusals at most, and how long.
const REFUSED: usize = 4_096;
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// Verifications that may wait for a place, and how long.
const WAITING: usize = 32;
const WAIT: Duration = Duration::from_secs(2);

/// What is known of a key while it is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The key's id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its role ids, ascending.
    pub roles: Vec<i64>,
    /// Switched on.
    pub enabled: bool,
    /// When it ends.
    pub expires_at: Option<OffsetDateTime>,
    /// Not held against the rate limit: the operator's own.
    pub exempt: bool,
}

impl Record {
    /// Why the key is not accepted at `now`, if it is not.
    pub fn refusal(&self, now: OffsetDateTime) -> Option<Cause> {
        if !self.enabled {
            return Some(Cause::of(self.id, Reason::Disabled));
        }
        let expired = self.expires_at.is_some_and(|end| end <= now);
        expired.then(|| Cause::of(self.id, Reason::Expired))
    }

    /// May do everything.
    pub fn is_administrator(&self) -> bool {
        self.roles.contains(&role::ADMINISTRATOR)
    }

    /// May read.
    pub fn may_read(&self) -> bool {
        self.is_administrator() || self.roles.contains(&role::READER)
    }
}

/// What a presented key stands for inside this process.
pub type Digest = [u8; 32];

/// What is remembered of a digest.
pub enum Known {
    /// Verified; the record as it is now.
    Verified(Arc<Record>),
    /// Refused a short while ago, for this reason.
    Refused(Cause),
    /// Nothing.
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
    refused: HashMap<Digest, (Instant, Cause)>,
    flights: HashMap<Digest, Arc<OnceCell<Option<Arc<Record>>>>>,
    used: HashMap<Uuid, (OffsetDateTime, IpAddr)>,
}

/// The cache of one process.
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
    /// What a presented key is remembered by.
    pub fn digest(&self, key: &str) -> Digest {
        hmac(&self.process_key, key.as_bytes())
    }

    /// What is known of a presented key.
    pub fn known(&self, digest: &Digest) -> Known {
        let mut guard = self.state();
        let state = &mut *guard;
        let now = Instant::now();
        if let Some(entry) = state.verified.get_mut(digest) {
            if now - entry.last < UNUSED && now - entry.since < OLDEST {
                entry.last = now;
                if let Some(record) = state.records.get(&entry.key) {
                    return Known::Verified(record.clone());
                }
            }
            state.verified.remove(digest);
        }
        match state.refused.get(digest) {
            Some((until, cause)) if *until > now => Known::Refused(*cause),
            _ => Known::Nothing,
        }
    }

    /// Runs one verification per digest at a time; the others wait for its result. `verify` answers the key's record
    /// and has it remembered, or `None` for a key that is not accepted.
    pub async fn single_flight<F, V>(&self, digest: Digest, verify: F) -> Result<Option<Arc<Record>>>
    where
        F: FnOnce() -> V,
        V: Future<Output = Result<Option<Arc<Record>>>>,
    {
        let flight = self.state().flights.entry(digest).or_default().clone();
        let late_or_first = async || match self.known(&digest) {
            // The flight that this one just missed has landed.
            Known::Verified(record) => Ok(Some(record)),
            Known::Refused(_) => Ok(None),
            Known::Nothing => verify().await,
        };
        let result = flight.get_or_try_init(late_or_first).await.cloned();
        let mut state = self.state();
        // The first one that it ended well for takes the flight down, else the last one out: two hold it then, the map
        // and this call. A later flight of the same digest is not this call's.
        let is_listed = state.flights.get(&digest).is_some_and(|listed| Arc::ptr_eq(listed, &flight));
        if is_listed && (result.is_ok() || Arc::strong_count(&flight) <= 2) {
            state.flights.remove(&digest);
        }
        result
    }

    /// Runs argon2 work on a blocking thread, a few at a time. Answers "busy" when too many wait.
    pub async fn with_place<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let busy = || Error::Unavailable { why: "key verification is busy", source: None };
        let waiting = Waiting::enter(&self.waiting).ok_or_else(busy)?;
        let place = tokio::time::timeout(WAIT, self.places.acquire()).await.map_err(|_| busy())?;
        let _place = place.map_err(|e| Error::internal("key verification is closed", e))?;
        drop(waiting);
        self.runs.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::internal("key verification failed", e))?
    }

    /// Whether no argon2 work waits for its turn.
    pub fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// How often argon2 ran since the start.
    pub fn argon2_runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Remembers that a digest belongs to a key.
    pub fn remember(&self, digest: Digest, record: Record) -> Arc<Record> {
        let mut state = self.state();
        let now = Instant::now();
        if state.verified.len() >= VERIFIED {
            let oldest = state.verified.iter().min_by_key(|(_, v)| v.last).map(|(d, _)| *d);
            oldest.and_then(|d| state.verified.remove(&d));
        }
        state.verified.insert(digest, Verified { key: record.id, since: now, last: now });
        let record = Arc::new(record);
        state.records.insert(record.id, record.clone());
        record
    }

    /// Remembers that a digest is of no use, and why.
    pub fn refuse(&self, digest: Digest, cause: Cause) {
        let mut state = self.state();
        let now = Instant::now();
        if state.refused.len() >= REFUSED {
            state.refused.retain(|_, (until, _)| *until > now);
            if state.refused.len() >= REFUSED {
                state.refused.clear();
            }
        }
        state.refused.insert(digest, (now + REFUSED_FOR, cause));
    }

    /// Replaces what is known of a key after a change; `None` after a deletion. Must be called with what was
    /// committed, before the change is answered.
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

    /// Notes an accepted request, to be stored later.
    pub fn note_use(&self, id: Uuid, at: OffsetDateTime, from: IpAddr) {
        self.state().used.insert(id, (at, from));
    }

    /// Takes back uses that could not be stored. Later ones stay.
    pub fn return_uses(&self, uses: HashMap<Uuid, (OffsetDateTime, IpAddr)>) {
        let mut state = self.state();
        for (id, used) in uses {
            state.used.entry(id).or_insert(used);
        }
    }

    /// Hands over the noted uses.
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
        (count.fetch_add(1, Ordering::AcqRel) < WAITING).then_some(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
