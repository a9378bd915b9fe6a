//! What is too old goes: whole activities with their parts, oldest first, a bounded number at a time.

use time::OffsetDateTime;

use super::{blocks, id, subjects};
use crate::db::Tx;
use crate::error::Result;

/// What was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// How many activities, parts of others included.
    pub count: usize,
    /// When the oldest of them was created.
    pub oldest: Option<OffsetDateTime>,
    /// When the newest of them was created.
    pub newest: Option<OffsetDateTime>,
}

impl Deleted {
    /// Adds what was deleted next.
    pub fn add(&mut self, next: &Deleted) {
        self.count += next.count;
        self.oldest = self.oldest.into_iter().chain(next.oldest).min();
        self.newest = self.newest.into_iter().chain(next.newest).max();
    }
}

/// Deletes activities that were created before a time, oldest first, at most `most` that are no part of another, with
/// their parts. What has not ended, or has a part that has not, stays.
pub fn delete(tx: &Tx<'_>, before: OffsetDateTime, most: usize) -> Result<Deleted> {
    const OLD: &str = "SELECT tick, subject FROM activity_log l
        WHERE tick < ?1 AND parent IS NULL AND status <> 'InProgress'
            AND NOT EXISTS (SELECT 1 FROM activity_log c WHERE c.parent = l.tick AND c.status = 'InProgress')
        ORDER BY tick LIMIT ?2";
    const PARTS: &str = "DELETE FROM activity_log WHERE parent = ?1 RETURNING tick, subject";
    let pair = |r: &rusqlite::Row<'_>| Ok((r.get(0)?, r.get(1)?));
    let mut statement = tx.prepare_cached(OLD)?;
    let old = statement.query_map((id::tick(before), most as i64), pair)?;
    let old: Vec<(i64, u32)> = old.collect::<rusqlite::Result<_>>()?;
    let mut gone = Vec::with_capacity(old.len());
    for (tick, subject) in &old {
        let mut statement = tx.prepare_cached(PARTS)?;
        let parts = statement.query_map([tick], pair)?.collect::<rusqlite::Result<Vec<(i64, u32)>>>()?;
        for (part, subject) in parts {
            subjects::count_down(tx, subject, false)?;
            gone.push(part);
        }
        tx.prepare_cached("DELETE FROM activity_log WHERE tick = ?1")?.execute([tick])?;
        subjects::count_down(tx, *subject, true)?;
        gone.push(*tick);
    }
    let listed: Vec<i64> = old.into_iter().map(|(tick, _)| tick).collect();
    blocks::remove(tx, &listed)?;
    Ok(Deleted {
        count: gone.len(),
        oldest: gone.iter().min().map(|tick| id::created(*tick)),
        newest: gone.iter().max().map(|tick| id::created(*tick)),
    })
}
