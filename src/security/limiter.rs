//! Fixed-window rate limits: requests of an address and of a key, failed verifications of a key.
//!
//! A window of one minute begins with its first request. Memory is bounded; beyond it counts are dropped, never requests.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

const WINDOW: Duration = Duration::from_secs(60);
const MAX_WINDOWS: usize = 65_536;
/// Failed verifications of one key per window.
pub const FAILURES: u32 = 10;

/// Requests by address and by key, and failed verifications by key.
#[derive(Default)]
pub struct Limiter {
    addresses: Windows<IpAddr>,
    pub keys: Windows<Uuid>,
    pub failures: Windows<Uuid>,
}

impl Limiter {
    /// Counts a failed or anonymous request.
    pub fn count_address(&self, from: IpAddr, limit: u32, now: Duration) -> Result<(), Wait> {
        self.addresses.take(network(from), limit, now).map(drop)
    }

    /// Refuses if another failed or anonymous request would exceed the limit.
    pub fn check_address(&self, from: IpAddr, limit: u32, now: Duration) -> Result<(), Wait> {
        self.addresses.check(network(from), limit, now)
    }

    /// Removes expired windows, to free memory.
    pub fn sweep(&self, now: Duration) {
        self.addresses.sweep(now);
        self.keys.sweep(now);
        self.failures.sweep(now);
    }
}

/// Addresses are counted by network: a client with one IPv6 address has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Whole seconds until the window expires, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub u64);

/// Receipt of one count, to take it back.
#[derive(Debug, Clone, Copy)]
pub struct Receipt(Duration);

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

/// Counts by key. The map's default hasher is keyed per process, so that no client can choose collisions.
pub struct Windows<K> {
    open: Mutex<HashMap<K, Window>>,
}

impl<K> Default for Windows<K> {
    fn default() -> Self {
        Windows { open: Mutex::default() }
    }
}

impl<K: Hash + Eq + Copy> Windows<K> {
    /// Counts one, unless `limit` is reached.
    pub fn take(&self, key: K, limit: u32, now: Duration) -> Result<Receipt, Wait> {
        let mut open = self.open.lock();
        if open.len() >= MAX_WINDOWS && !open.contains_key(&key) {
            open.retain(|_, window| !window.is_over(now));
            // If few were freed, the next requests would scan all windows again: the older half is removed too.
            if open.len() > MAX_WINDOWS / 2 {
                let mut ages: Vec<Duration> = open.values().map(|window| window.opened).collect();
                let middle = ages.len() / 2;
                let middle = *ages.select_nth_unstable(middle).1;
                open.retain(|_, window| window.opened > middle);
            }
        }
        let window = open.entry(key).or_insert(Window { opened: now, count: 0 });
        if window.is_over(now) {
            *window = Window { opened: now, count: 0 };
        }
        if window.count >= limit {
            return Err(window.wait(now));
        }
        window.count += 1;
        Ok(Receipt(window.opened))
    }

    /// Refuses if `limit` is reached. Counts nothing.
    pub fn check(&self, key: K, limit: u32, now: Duration) -> Result<(), Wait> {
        match self.open.lock().get(&key) {
            Some(window) if !window.is_over(now) && window.count >= limit => Err(window.wait(now)),
            _ => Ok(()),
        }
    }

    /// Takes a count back, if its window is still open.
    pub fn take_back(&self, key: K, receipt: Receipt) {
        if let Some(window) = self.open.lock().get_mut(&key).filter(|w| w.opened == receipt.0) {
            window.count = window.count.saturating_sub(1);
        }
    }

    fn sweep(&self, now: Duration) {
        let mut open = self.open.lock();
        open.retain(|_, window| !window.is_over(now));
        if open.len() < open.capacity() / 4 {
            open.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_window_begins_with_its_first_request_and_allows_the_limit() {
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
    fn a_count_can_be_taken_back_in_its_window_only() {
        let windows = Windows::default();
        let old = windows.take(1, 1, ms(0)).expect("one");
        assert!(windows.take(1, 1, ms(1)).is_err());
        windows.take_back(1, old);
        windows.take_back(1, windows.take(1, 1, ms(2)).expect("again"));
        let old = windows.take(1, 1, ms(3)).expect("again");
        let new = windows.take(1, 1, ms(60_003)).expect("another window");
        windows.take_back(1, old);
        assert!(windows.take(1, 1, ms(60_004)).is_err());
        windows.take_back(1, new);
        assert!(windows.take(1, 1, ms(60_005)).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let limiter = Limiter::default();
        let count = |address: &str| limiter.count_address(address.parse().expect("an address"), 1, ms(0)).is_ok();
        assert!(count("2001:db8:1:2::1") && !count("2001:db8:1:2:ffff::9") && count("2001:db8:1:3::1"));
        assert!(count("10.0.0.1") && count("10.0.0.2") && !count("10.0.0.2"));
    }

    #[test]
    fn memory_is_bounded_and_freed() {
        let windows = Windows::default();
        for key in 0..100_000u32 {
            assert!(windows.take(key, 1, ms(0)).is_ok(), "a full table refuses no request");
        }
        let len = || windows.open.lock().len();
        assert!(len() <= 65_536 && len() > 16_384, "{}", len());
        windows.sweep(ms(59_999));
        assert!(len() > 16_384);
        windows.sweep(ms(60_000));
        assert_eq!((len(), windows.open.lock().capacity()), (0, 0));
    }
}
