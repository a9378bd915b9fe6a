//! How many requests there were lately: of an address, of a key, of failed verifications of a key.
//!
//! Windows of one minute that begin with their first request. Memory is bounded; where it would not be, counts are
//! given up, never requests. What is counted and what a limit is, others decide.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

/// How long a window is.
const WINDOW: Duration = Duration::from_secs(60);
/// Parts that are locked apart, so that requests rarely wait for each other.
const SHARDS: usize = 16;
/// Windows per part: 65,536 in all.
const PER_SHARD: usize = 4_096;
/// Failed verifications of one key id that are carried out in a minute.
pub const FAILURES: u32 = 10;

/// Everything that is counted.
#[derive(Default)]
pub struct Limiter {
    addresses: Windows<IpAddr>,
    /// Requests by key.
    pub keys: Windows<Uuid>,
    /// Failed verifications by key.
    pub failures: Windows<Uuid>,
}

impl Limiter {
    /// Counts a failed or anonymous request.
    pub fn count_address(&self, from: IpAddr, most: u32, now: Duration) -> Result<(), Wait> {
        self.addresses.take(home(from), most, now).map(drop)
    }

    /// Whether another failed or anonymous request would be one too many.
    pub fn check_address(&self, from: IpAddr, most: u32, now: Duration) -> Result<(), Wait> {
        self.addresses.check(home(from), most, now)
    }

    /// Forgets windows that are over.
    pub fn sweep(&self, now: Duration) {
        self.addresses.sweep(now);
        self.keys.sweep(now);
        self.failures.sweep(now);
    }
}

/// What addresses are counted by: whoever has one address of IPv6 has all of its /64.
fn home(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Whole seconds until the window is over, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub u64);

/// One that was counted and may be taken back.
#[derive(Debug, Clone, Copy)]
pub struct Ticket(Duration);

#[derive(Clone, Copy)]
struct Window {
    opened: Duration,
    count: u32,
}

impl Window {
    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.opened) >= WINDOW
    }

    fn wait(&self, now: Duration) -> Wait {
        let left = (self.opened + WINDOW).saturating_sub(now);
        Wait(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }
}

/// Counts by key, in windows of a minute.
pub struct Windows<K> {
    shards: [Mutex<HashMap<K, Window>>; SHARDS],
    // Of this process alone: nobody can choose what falls into one part.
    hasher: RandomState,
}

impl<K> Default for Windows<K> {
    fn default() -> Self {
        Windows { shards: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl<K: Hash + Eq + Copy> Windows<K> {
    /// Counts one, unless there were `most` already.
    pub fn take(&self, key: K, most: u32, now: Duration) -> Result<Ticket, Wait> {
        let mut shard = self.shard(&key);
        if shard.len() >= PER_SHARD && !shard.contains_key(&key) {
            shard.retain(|_, window| !window.is_over(now));
            if shard.len() >= PER_SHARD {
                shard.clear();
            }
        }
        let window = shard.entry(key).or_insert(Window { opened: now, count: 0 });
        if window.is_over(now) {
            *window = Window { opened: now, count: 0 };
        }
        if window.count >= most {
            return Err(window.wait(now));
        }
        window.count += 1;
        Ok(Ticket(window.opened))
    }

    /// Whether there were `most` already. Counts nothing.
    pub fn check(&self, key: K, most: u32, now: Duration) -> Result<(), Wait> {
        match self.shard(&key).get(&key) {
            Some(window) if !window.is_over(now) && window.count >= most => Err(window.wait(now)),
            _ => Ok(()),
        }
    }

    /// Takes one back, if its window is still the one it was counted in.
    pub fn give_back(&self, key: K, ticket: Ticket) {
        if let Some(window) = self.shard(&key).get_mut(&key).filter(|w| w.opened == ticket.0) {
            window.count = window.count.saturating_sub(1);
        }
    }

    fn sweep(&self, now: Duration) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, window| !window.is_over(now));
            if shard.len() < shard.capacity() / 4 {
                shard.shrink_to_fit();
            }
        }
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, HashMap<K, Window>> {
        let [first, rest @ ..] = &self.shards;
        let nth = self.hasher.hash_one(key) as usize % SHARDS;
        let shard = nth.checked_sub(1).and_then(|n| rest.get(n)).unwrap_or(first);
        // Every step under the lock leaves the map whole.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|s| s.lock().expect("a part").len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn exactly_so_many_pass_a_window_that_begins_with_the_first() {
        let windows = Windows::default();
        for round in 0..3 {
            let opened = ms(30_500 + round * 60_000);
            for n in 0..600 {
                assert!(windows.take(1, 600, opened + ms(n)).is_ok(), "{n}");
                assert!(windows.take(2, 1_000_000, opened).is_ok());
            }
            assert_eq!(windows.take(1, 600, opened + ms(600)).err(), Some(Wait(60)));
            assert_eq!(windows.check(1, 600, opened + ms(59_000)), Err(Wait(1)));
            assert_eq!(windows.take(1, 600, opened + ms(59_999)).err(), Some(Wait(1)));
            assert_eq!(windows.check(1, 601, opened + ms(59_999)), Ok(()));
            assert_eq!(windows.check(1, 600, opened + ms(60_000)), Ok(()));
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_in_its_window_only() {
        let windows = Windows::default();
        let old = windows.take(1, 1, ms(0)).expect("one");
        assert!(windows.take(1, 1, ms(1)).is_err());
        windows.give_back(1, old);
        windows.give_back(1, windows.take(1, 1, ms(2)).expect("again"));
        let old = windows.take(1, 1, ms(3)).expect("again");
        let new = windows.take(1, 1, ms(60_003)).expect("another window");
        windows.give_back(1, old);
        assert!(windows.take(1, 1, ms(60_004)).is_err());
        windows.give_back(1, new);
        assert!(windows.take(1, 1, ms(60_005)).is_ok());
    }

    #[test]
    fn a_home_of_ipv6_is_one_address() {
        let limiter = Limiter::default();
        let count = |address: &str| limiter.count_address(address.parse().expect("an address"), 1, ms(0)).is_ok();
        assert!(count("2001:db8:1:2::1") && !count("2001:db8:1:2:ffff::9") && count("2001:db8:1:3::1"));
        assert!(count("10.0.0.1") && count("10.0.0.2") && !count("10.0.0.2"));
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let windows = Windows::default();
        for key in 0..100_000u32 {
            assert!(windows.take(key, 1, ms(0)).is_ok(), "a full table refuses nobody");
        }
        assert!(windows.len() <= 65_536 && windows.len() > 16_384, "{}", windows.len());
        windows.sweep(ms(59_999));
        assert!(windows.len() > 16_384);
        windows.sweep(ms(60_000));
        let room: usize = windows.shards.iter().map(|s| s.lock().expect("a part").capacity()).sum();
        assert_eq!((windows.len(), room), (0, 0));
    }
}
