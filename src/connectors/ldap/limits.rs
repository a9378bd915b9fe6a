//! Which directories may be asked and how much they may send: the limits of one connection and the budget that the
//! connections of one import share. Nothing here waits or talks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::address::Policy;

/// Limits of every connection. The default is what the product promises; an operator may narrow them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Which directories may be connected to.
    pub hosts: Arc<Policy>,
    /// The longest silence of the directory while an answer is due.
    pub idle: Duration,
    /// The longest message, in bytes.
    pub message: usize,
    /// All bytes of one import.
    pub bytes: u64,
    /// All entries of one import.
    pub entries: u64,
    /// Bytes of names and descriptions that one import keeps.
    pub kept: u64,
    /// Pages of one search.
    pub pages: u32,
    /// Entries that may lie between network and reader before the network is no longer read.
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

/// What one import may still read, over all its connections.
#[derive(Debug)]
pub struct Budget {
    bytes: AtomicU64,
    entries: AtomicU64,
    kept: AtomicU64,
    most_bytes: u64,
    most_entries: u64,
    most_kept: u64,
}

impl Budget {
    /// An untouched budget of [`Limits::bytes`], [`Limits::entries`] and [`Limits::kept`].
    pub fn new(limits: &Limits) -> Self {
        Budget {
            bytes: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            most_bytes: limits.bytes,
            most_entries: limits.entries,
            most_kept: limits.kept,
        }
    }

    /// Counts what came; `false` when that is more than the budget holds.
    pub fn take(&self, bytes: u64, entries: u64) -> bool {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let entries = self.entries.fetch_add(entries, Ordering::Relaxed) + entries;
        bytes <= self.most_bytes && entries <= self.most_entries
    }

    /// Counts what is kept; `false` when that is more than the budget holds.
    pub fn keep(&self, bytes: u64) -> bool {
        self.kept.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.most_kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_by_what_all_connections_take_together() {
        let budget = Budget::new(&Limits { bytes: 10, entries: 2, ..Limits::default() });
        assert!(budget.take(4, 1));
        assert!(budget.take(6, 1));
        assert!(!budget.take(0, 1));
        let budget = Budget::new(&Limits { bytes: 10, ..Limits::default() });
        assert!(!budget.take(11, 0));
        let budget = Budget::new(&Limits { kept: 10, ..Limits::default() });
        assert!(budget.keep(6) && budget.keep(4) && !budget.keep(1));
    }
}
