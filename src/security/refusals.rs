//! Audit log of refused credentials: the first of a kind immediately, repetitions as a count. A line has the key's id, the
//! address and the reason, never text of a caller.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

/// Time during which repetitions are only counted.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Groups counted separately; more are merged by their reason.
const MAX_OPEN: usize = 4_096;

/// Reason of a refusal, for the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    Missing,
    /// A bearer token: no key is accepted as one.
    Bearer,
    /// A repeated header, or a text that cannot be a key.
    Malformed,
    Unknown,
    /// The id of a key with another secret.
    WrongSecret,
    Disabled,
    Expired,
    /// Not verified: the address had too many failed or anonymous requests.
    Address,
    /// Not verified: too many wrong secrets for this id.
    Failures,
    /// An accepted key with too many requests.
    Requests,
}

impl RefusalReason {
    fn text(self) -> &'static str {
        match self {
            RefusalReason::Missing => "no key",
            RefusalReason::Bearer => "bearer token",
            RefusalReason::Malformed => "malformed",
            RefusalReason::Unknown => "unknown key",
            RefusalReason::WrongSecret => "wrong secret",
            RefusalReason::Disabled => "disabled",
            RefusalReason::Expired => "expired",
            RefusalReason::Address => "limit of the address",
            RefusalReason::Failures => "limit of wrong secrets",
            RefusalReason::Requests => "limit of the key",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefusalCause {
    pub key: Option<Uuid>,
    pub reason: RefusalReason,
}

impl RefusalCause {
    pub fn unknown(reason: RefusalReason) -> Self {
        RefusalCause { key: None, reason }
    }

    pub fn of(key: Uuid, reason: RefusalReason) -> Self {
        RefusalCause { key: Some(key), reason }
    }
}

/// Refusals counted together; without an address if they were merged.
type Group = (RefusalCause, Option<IpAddr>);

struct Tally {
    since: Duration,
    unlogged: u64,
}

#[derive(Default)]
pub struct Refusals {
    open: Mutex<HashMap<Group, Tally>>,
}

impl Refusals {
    /// Counts a refusal and logs it if it is the first of its group in the window.
    pub fn note(&self, cause: RefusalCause, from: IpAddr, now: Duration) {
        let mut open = self.open.lock();
        let mut group = (cause, Some(from));
        if open.len() >= MAX_OPEN && !open.contains_key(&group) {
            group = (RefusalCause::unknown(cause.reason), None);
        }
        let count = match open.get_mut(&group) {
            None => {
                open.insert(group, Tally { since: now, unlogged: 0 });
                Some(1)
            }
            Some(tally) => {
                tally.unlogged += 1;
                tally.due(now)
            }
        };
        drop(open);
        if let Some(count) = count {
            log(&group, count);
        }
    }

    /// Logs the counts of expired windows. Removes groups without refusals in theirs.
    pub fn close(&self, now: Duration) {
        let mut due = Vec::new();
        self.open.lock().retain(|group, tally| {
            let over = tally.is_over(now);
            let count = tally.due(now);
            due.extend(count.map(|count| (*group, count)));
            !over || count.is_some()
        });
        due.iter().for_each(|(group, count)| log(group, *count));
    }

    /// Logs all counts when the server stops.
    pub fn close_all(&self) {
        let open = std::mem::take(&mut *self.open.lock());
        open.iter().filter(|(_, tally)| tally.unlogged > 0).for_each(|(group, tally)| log(group, tally.unlogged));
    }
}

impl Tally {
    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) >= WINDOW
    }

    /// Opens the next window if this one is over, and returns the count to log.
    fn due(&mut self, now: Duration) -> Option<u64> {
        if !self.is_over(now) || self.unlogged == 0 {
            return None;
        }
        self.since = now;
        Some(std::mem::take(&mut self.unlogged))
    }
}

/// Must be called without the lock: the log may be slow.
fn log((cause, from): &Group, count: u64) {
    let key = cause.key.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
    let from = from.map_or_else(|| "others".to_owned(), |address| address.to_string());
    let reason = cause.reason.text();
    tracing::warn!(api_key.id = key, from, reason, count, "audit: API key refused");
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;

    /// Start of the window of a cause in minutes, and its unlogged count.
    fn seen(refusals: &Refusals, cause: RefusalCause) -> Option<(u64, u64)> {
        let open = refusals.open.lock();
        open.iter().find(|(group, _)| group.0 == cause).map(|(_, t)| (t.since.as_secs() / MINUTE, t.unlogged))
    }

    #[test]
    fn windows_follow_each_other_while_refusals_repeat() {
        let refusals = Refusals::default();
        let (cause, from) = (RefusalCause::unknown(RefusalReason::Malformed), IpAddr::from([127, 0, 0, 1]));
        let at = |minutes: u64| Duration::from_secs(minutes * MINUTE);
        refusals.note(cause, from, at(0));
        assert_eq!(seen(&refusals, cause), Some((0, 0)), "logged at once");
        refusals.note(cause, from, at(14));
        refusals.close(at(14));
        assert_eq!(seen(&refusals, cause), Some((0, 1)));
        refusals.close(at(15));
        assert_eq!(seen(&refusals, cause), Some((15, 0)), "logged, and the next one is counted");
        refusals.note(cause, from, at(31));
        assert_eq!(seen(&refusals, cause), Some((31, 0)), "logged although the window was not closed");
        refusals.close(at(46));
        assert_eq!(seen(&refusals, cause), None, "removed when it is quiet");
    }

    #[test]
    fn memory_is_bounded() {
        let refusals = Refusals::default();
        for n in 0..20_000u32 {
            refusals.note(RefusalCause::unknown(RefusalReason::Unknown), IpAddr::from(n.to_be_bytes()), Duration::ZERO);
        }
        assert_eq!(refusals.open.lock().len(), MAX_OPEN + 1);
        let counted = 20_000 - MAX_OPEN as u64;
        let others = refusals.open.lock().iter().find(|(group, _)| group.1.is_none()).map(|(_, t)| t.unlogged + 1);
        assert_eq!(others, Some(counted), "none is lost");
    }
}
