//! Limits of a connection, and the budget that the connections of an import share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::address::Policy;

/// Bytes of one entry of an import of objects.
pub const MAX_OBJECT: usize = 64 * 1024 * 1024;
const MAX_OBJECT_BYTES: u64 = 1 << 40;
const MAX_OBJECTS: u64 = 100_000_000;

/// Limits of every connection. The defaults are promised; an operator may narrow them.
#[derive(Debug, Clone)]
pub struct Limits {
    pub hosts: Arc<Policy>,
    /// Idle timeout while a response is outstanding.
    pub idle: Duration,
    /// Bytes of a message.
    pub message: usize,
    /// Bytes received in an import.
    pub bytes: u64,
    /// Entries received in an import.
    pub entries: u64,
    /// Bytes of names and descriptions kept in an import.
    pub kept: u64,
    /// Pages of a search.
    pub pages: u32,
    /// Entries buffered for the reader before the network is paused.
    pub ahead: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            hosts: Arc::default(),
            idle: Duration::from_secs(60),
            message: 4 * 1024 * 1024,
            bytes: 512 * 1024 * 1024,
            entries: 1_000_000,
            kept: 384 * 1024 * 1024,
            pages: 5_000,
            ahead: 10_000,
        }
    }
}

impl Limits {
    /// Limits of an import of objects: it holds one page, so what it may receive in all is bounded only against a
    /// directory that never ends. A message is an entry, and a group of 500,000 members has about 40 MiB.
    pub fn of_objects(&self) -> Limits {
        let usual = Limits::default();
        // What the operator narrowed stays narrow.
        Limits {
            message: if self.message < usual.message { self.message } else { MAX_OBJECT },
            bytes: if self.bytes < usual.bytes { self.bytes } else { MAX_OBJECT_BYTES },
            entries: if self.entries < usual.entries { self.entries } else { MAX_OBJECTS },
            pages: if self.pages < usual.pages { self.pages } else { u32::MAX },
            ..self.clone()
        }
    }
}

/// Consumption of an import over all its connections.
#[derive(Debug)]
pub struct Budget {
    bytes: AtomicU64,
    entries: AtomicU64,
    kept: AtomicU64,
    limits: Limits,
}

impl Budget {
    pub fn new(limits: &Limits) -> Self {
        Budget { bytes: AtomicU64::new(0), entries: AtomicU64::new(0), kept: AtomicU64::new(0), limits: limits.clone() }
    }

    /// Counts received data; `false` if over a limit.
    pub fn receive(&self, bytes: u64, entries: u64) -> bool {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let entries = self.entries.fetch_add(entries, Ordering::Relaxed) + entries;
        bytes <= self.limits.bytes && entries <= self.limits.entries
    }

    /// Counts kept data; `false` if over the limit.
    pub fn keep(&self, bytes: u64) -> bool {
        self.kept.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limits.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_by_what_all_connections_take_together() {
        let budget = Budget::new(&Limits { bytes: 10, entries: 2, ..Limits::default() });
        assert!(budget.receive(4, 1));
        assert!(budget.receive(6, 1));
        assert!(!budget.receive(0, 1));
        let budget = Budget::new(&Limits { bytes: 10, ..Limits::default() });
        assert!(!budget.receive(11, 0));
        let budget = Budget::new(&Limits { kept: 10, ..Limits::default() });
        assert!(budget.keep(6) && budget.keep(4) && !budget.keep(1));
    }
}
