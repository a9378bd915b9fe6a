//! Enabled certificates of the database in memory. Each change publishes its state before it is answered, so that it acts
//! on the next connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use time::OffsetDateTime;
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct StoredCertificate {
    pub id: Uuid,
    pub der: Arc<[u8]>,
    pub valid_from: OffsetDateTime,
    pub valid_to: OffsetDateTime,
    /// Whether it may sign others. Otherwise it is trusted only as the server's own certificate.
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

#[derive(Debug, Default)]
pub struct Stored {
    revisions: AtomicU64,
    now: Mutex<(u64, Arc<Vec<StoredCertificate>>)>,
}

impl Stored {
    /// Revision number for a change. Must be taken within its transaction, because transactions are serial.
    pub fn next_revision(&self) -> u64 {
        self.revisions.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Publishes the state after a change, unless a later one was published.
    pub fn publish(&self, revision: u64, certificates: Vec<StoredCertificate>) {
        let mut now = self.now.lock();
        if now.0 < revision {
            *now = (revision, Arc::new(certificates));
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
    fn the_latest_change_stays_when_an_earlier_one_is_published_after_it() {
        let stored = Stored::default();
        let (first, second) = (stored.next_revision(), stored.next_revision());
        stored.publish(second, vec![]);
        stored.publish(first, vec![certificate(None)]);
        assert_eq!((stored.now().0, stored.now().1.len()), (second, 0));
        stored.publish(stored.next_revision(), vec![certificate(None)]);
        assert_eq!(stored.now().1.len(), 1);
    }

    #[test]
    fn validity_and_its_next_change_are_exact() {
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
