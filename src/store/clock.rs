//! The last moment that a server on this file saw, so that a clock set back revives no key.

use rusqlite::{Connection, OptionalExtension};
use time::OffsetDateTime;

use super::columns::date;
use super::timestamp::to_text;
use crate::db::Tx;
use crate::error::Result;

/// The last moment seen; `None` before the first was stored.
pub fn last_seen(c: &Connection) -> Result<Option<OffsetDateTime>> {
    let mut statement = c.prepare_cached("SELECT last_seen FROM clock")?;
    Ok(statement.query_row([], |r| date(r, 0)).optional()?)
}

/// Stores a moment unless a later one is stored.
pub fn store(tx: &Tx<'_>, at: OffsetDateTime) -> Result<()> {
    const SQL: &str = "INSERT INTO clock (id, last_seen) VALUES (1, ?1)
        ON CONFLICT (id) DO UPDATE SET last_seen = max(last_seen, excluded.last_seen)";
    tx.prepare_cached(SQL)?.execute([to_text(at)])?;
    Ok(())
}

/// Whether a key has expired since the moment that is stored.
pub fn is_worth_storing(c: &Connection, now: OffsetDateTime) -> Result<bool> {
    const SQL: &str = "SELECT 1 FROM api_keys
        WHERE expires_at <= ?1 AND expires_at > coalesce((SELECT last_seen FROM clock), '')";
    Ok(c.prepare_cached(SQL)?.exists([to_text(now)])?)
}
