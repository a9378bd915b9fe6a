//! Enabled certificates of the database, as connections use them.
//!
//! Each change of the database publishes its state before the change is answered, so that it acts on the next connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use time::OffsetDateTime;
use uuid::Uuid;

/// Enabled certificate of the database.
#[derive(Debug, Clone)]
pub struct StoredCertificate {
    pub id: Uuid,
    pub der: Arc<[u8]>,
    pub valid_from: OffsetDateTime,
    pub valid_to: OffsetDateTime,
    /// Whether it may sign others. One that may not is trusted only if it is presented itself.
    pub is_authority: bool,
    /// File that must still hold it.
    pub file: Option<String>,
}

impl StoredCertificate {
    pub fn is_valid(&self, at: OffsetDateTime) -> bool {
        self.valid_from <= at && at <= self.valid_to
    }

    /// Next time at which its validity changes.
    pub(super) fn changes_after(&self, at: OffsetDateTime) -> Option<OffsetDateTime> {
        [self.valid_from, self.valid_to + time::Duration::NANOSECOND].into_iter().find(|change| *change > at)
    }
}

/// Latest published certificates.
#[derive(Debug, Default)]
pub struct Stored {
    turns: AtomicU64,
    now: Mutex<(u64, Arc<Vec<StoredCertificate>>)>,
}

impl Stored {
    /// Sequence number of a change. Taken within its transaction, because transactions are serial.
    pub fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Publishes the state after a change, unless a later one was published already.
    pub fn publish(&self, turn: u64, certificates: Vec<StoredCertificate>) {
        let mut now = self.now.lock();
        if now.0 < turn {
            *now = (turn, Arc::new(certificates));
        }
    }

    pub(super) fn now(&self) -> (u64, Arc<Vec<StoredCertificate>>) {
        self.now.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn certificate(file: Option<&str>) -> StoredCertificate {
        StoredCertificate {
            id: Uuid::new_v4(),
            der: Arc::from([]),
            valid_from: datetime!(2026-01-01 0:00 UTC),
            valid_to: datetime!(2026-02-01 0:00 UTC),
            is_authority: true,
            file: file.map(str::to_owned),
        }
    }

    #[test]
    fn the_latest_change_stays_whatever_is_said_last() {
        let stored = Stored::default();
        let (first, second) = (stored.turn(), stored.turn());
        stored.publish(second, vec![]);
        stored.publish(first, vec![certificate(None)]);
        assert_eq!((stored.now().0, stored.now().1.len()), (second, 0));
        stored.publish(stored.turn(), vec![certificate(None)]);
        assert_eq!(stored.now().1.len(), 1);
    }

    #[test]
    fn it_is_known_when_a_certificate_begins_and_ends() {
        let c = certificate(None);
        for (at, valid, next) in [
            (datetime!(2025-12-31 23:59:59 UTC), false, Some(c.valid_from)),
            (c.valid_from, true, Some(datetime!(2026-02-01 0:00:00.000000001 UTC))),
            (c.valid_to, true, Some(datetime!(2026-02-01 0:00:00.000000001 UTC))),
            (datetime!(2026-02-01 0:00:01 UTC), false, None),
        ] {
            assert_eq!((c.is_valid(at), c.changes_after(at)), (valid, next), "{at}");
        }
    }
}
