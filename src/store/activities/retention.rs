//! Deletion of old activities in batches, oldest first.

use time::OffsetDateTime;

use crate::db::Tx;
use crate::error::Result;
use crate::store::sql::{date, query, to_text};

/// Number of deleted activities, children included, and the creation of the oldest and newest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    pub count: usize,
    pub oldest: Option<OffsetDateTime>,
    pub newest: Option<OffsetDateTime>,
}

impl Deleted {
    pub fn add(&mut self, next: &Deleted) {
        self.count += next.count;
        self.oldest = self.oldest.into_iter().chain(next.oldest).min();
        self.newest = self.newest.into_iter().chain(next.newest).max();
    }
}

/// Deletes at most `limit` activities created before a time, with their children, unless one of these is in progress.
pub fn delete(tx: &Tx<'_>, before: OffsetDateTime, limit: usize) -> Result<Deleted> {
    const OLD: &str = "SELECT id FROM activities a
        WHERE created < ?1 AND parent_id IS NULL AND status <> 'InProgress'
            AND NOT EXISTS (SELECT 1 FROM activities c WHERE c.parent_id = a.id AND c.status = 'InProgress')
        ORDER BY created, seq LIMIT ?2";
    const DELETE: &str = "DELETE FROM activities WHERE id = ?1 OR parent_id = ?1 RETURNING created, seq";
    const ITEMS: &str = "DELETE FROM activity_items WHERE activity_seq = ?1";
    let old: Vec<String> = query(tx, OLD, (to_text(before), limit as i64), |r| r.get(0))?;
    let mut delete = tx.prepare_cached(DELETE)?;
    let mut deleted = Deleted::default();
    for id in old {
        for row in delete.query_map([id], |r| Ok((date(r, 0)?, r.get(1)?)))? {
            let (created, seq): (OffsetDateTime, i64) = row?;
            tx.prepare_cached(ITEMS)?.execute([seq])?;
            let created = Some(created);
            deleted.add(&Deleted { count: 1, oldest: created, newest: created });
        }
    }
    Ok(deleted)
}
