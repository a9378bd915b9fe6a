//! What is told in the log of credentials that were refused: the first time at once, repetitions as a number.
//!
//! A line names the key's id, the address and the reason; never anything that a caller wrote.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

/// How long repetitions are only counted.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Combinations that are told apart; more are counted together by their reason.
const MOST: usize = 4_096;

/// Why a credential was refused. Callers are never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// None was sent.
    Missing,
    /// A bearer token, which nobody can have.
    Bearer,
    /// Not one header, or no key by its form.
    Malformed,
    /// No such key.
    Unknown,
    /// The id of a key without its secret.
    WrongSecret,
    /// Switched off.
    Disabled,
    /// At its end.
    Expired,
    /// Not looked at: the address had too many failed or anonymous requests.
    Address,
    /// Not looked at: too many wrong secrets for this id.
    Failures,
    /// A right key with too many requests.
    Requests,
}

impl Reason {
    fn text(self) -> &'static str {
        match self {
            Reason::Missing => "no key",
            Reason::Bearer => "bearer token",
            Reason::Malformed => "malformed",
            Reason::Unknown => "unknown key",
            Reason::WrongSecret => "wrong secret",
            Reason::Disabled => "disabled",
            Reason::Expired => "expired",
            Reason::Address => "limit of the address",
            Reason::Failures => "limit of wrong secrets",
            Reason::Requests => "limit of the key",
        }
    }
}

/// Why, and of which key if one is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cause {
    /// The key whose id was sent.
    pub key: Option<Uuid>,
    /// Why.
    pub reason: Reason,
}

impl Cause {
    /// Of no known key.
    pub fn unknown(reason: Reason) -> Self {
        Cause { key: None, reason }
    }

    /// Of this key.
    pub fn of(key: Uuid, reason: Reason) -> Self {
        Cause { key: Some(key), reason }
    }
}

/// The address is `None` where many are counted together.
type Who = (Cause, Option<IpAddr>);

struct Tally {
    since: Duration,
    untold: u64,
}

/// What was refused lately.
#[derive(Default)]
pub struct Refusals {
    open: Mutex<HashMap<Who, Tally>>,
}

impl Refusals {
    /// Notes a refusal and tells of it if it is the first of its kind for a while.
    pub fn note(&self, cause: Cause, from: IpAddr, now: Duration) {
        let mut open = self.open.lock();
        let mut who = (cause, Some(from));
        if open.len() >= MOST && !open.contains_key(&who) {
            who = (Cause::unknown(cause.reason), None);
        }
        let count = match open.get_mut(&who) {
            None => {
                open.insert(who, Tally { since: now, untold: 0 });
                Some(1)
            }
            Some(tally) => {
                tally.untold += 1;
                tally.due(now)
            }
        };
        drop(open);
        if let Some(count) = count {
            tell(&who, count);
        }
    }

    /// Tells what was counted in windows that are over. What was quiet for one is forgotten.
    pub fn close(&self, now: Duration) {
        let mut told = Vec::new();
        self.open.lock().retain(|who, tally| {
            let over = tally.is_over(now);
            let count = tally.due(now);
            told.extend(count.map(|count| (*who, count)));
            !over || count.is_some()
        });
        told.iter().for_each(|(who, count)| tell(who, *count));
    }

    /// Tells everything that was counted, because the server stops.
    pub fn close_all(&self) {
        let open = std::mem::take(&mut *self.open.lock());
        open.iter().filter(|(_, tally)| tally.untold > 0).for_each(|(who, tally)| tell(who, tally.untold));
    }
}

impl Tally {
    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) >= WINDOW
    }

    /// Opens the next window if this one is over, and returns what is to be told of this one.
    fn due(&mut self, now: Duration) -> Option<u64> {
        if !self.is_over(now) || self.untold == 0 {
            return None;
        }
        self.since = now;
        Some(std::mem::take(&mut self.untold))
    }
}

/// Called without the lock: the log may be slow.
fn tell((cause, from): &Who, count: u64) {
    let key = cause.key.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
    let from = from.map_or_else(|| "others".to_owned(), |address| address.to_string());
    let reason = cause.reason.text();
    tracing::warn!(api_key.id = key, from, reason, count, "audit: API key refused");
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;

    /// What [`Refusals`] remembers of this cause: its beginning in minutes and what is untold.
    fn seen(refusals: &Refusals, cause: Cause) -> Option<(u64, u64)> {
        let open = refusals.open.lock();
        open.iter().find(|(who, _)| who.0 == cause).map(|(_, t)| (t.since.as_secs() / MINUTE, t.untold))
    }

    #[test]
    fn a_window_follows_a_window_while_there_is_something_to_count() {
        let refusals = Refusals::default();
        let (cause, from) = (Cause::unknown(Reason::Malformed), IpAddr::from([127, 0, 0, 1]));
        let at = |minutes: u64| Duration::from_secs(minutes * MINUTE);
        refusals.note(cause, from, at(0));
        assert_eq!(seen(&refusals, cause), Some((0, 0)), "told at once");
        refusals.note(cause, from, at(14));
        refusals.close(at(14));
        assert_eq!(seen(&refusals, cause), Some((0, 1)));
        refusals.close(at(15));
        assert_eq!(seen(&refusals, cause), Some((15, 0)), "told, and the next one is counted");
        refusals.note(cause, from, at(31));
        assert_eq!(seen(&refusals, cause), Some((31, 0)), "told without anybody closing the window");
        refusals.close(at(46));
        assert_eq!(seen(&refusals, cause), None, "forgotten when quiet");
    }

    #[test]
    fn memory_is_bounded() {
        let refusals = Refusals::default();
        for n in 0..20_000u32 {
            refusals.note(Cause::unknown(Reason::Unknown), IpAddr::from(n.to_be_bytes()), Duration::ZERO);
        }
        assert_eq!(refusals.open.lock().len(), MOST + 1);
        let counted = 20_000 - MOST as u64;
        let others = refusals.open.lock().iter().find(|(who, _)| who.1.is_none()).map(|(_, t)| t.untold + 1);
        assert_eq!(others, Some(counted), "none is lost");
    }
}
