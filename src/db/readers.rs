//! The read-only connections: a pool that can be closed as a whole.

use std::path::Path;
use std::time::Duration;

use parking_lot::{RwLock, RwLockWriteGuard};
use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, not_ready};
use super::place::sqlite_name;
use super::pragmas;
use crate::error::Result;

pub(super) const READERS: u32 = 4;
/// Page cache of each, in SQLite's form: negative KiB. The system caches the file anyway, once for all.
const CACHE: i64 = -1_000;
/// Timeout of a read that waits for a connection.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Pool of one database. A read holds the lock shared, so that closing waits for it.
pub(super) struct Readers {
    pool: RwLock<Option<Pool<SqliteConnectionManager>>>,
}

impl Readers {
    pub fn open(path: &Path) -> std::result::Result<Readers, OpenError> {
        Ok(Readers { pool: RwLock::new(Some(pool(path)?)) })
    }

    /// Runs a closure on one snapshot.
    pub fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pool = self.pool.read();
        let connection = pool.as_ref().ok_or_else(|| not_ready(None))?.get().map_err(|e| not_ready(Some(e.into())))?;
        snapshot(&connection, f)
    }

    /// Like [`Readers::read`] if a connection is free, or returns the closure.
    pub fn try_read<T, F>(&self, f: F) -> std::result::Result<Result<T>, F>
    where
        F: FnOnce(&Connection) -> Result<T>,
    {
        let pool = self.pool.try_read();
        let Some(connection) = pool.as_deref().and_then(Option::as_ref).and_then(Pool::try_get) else { return Err(f) };
        Ok(snapshot(&connection, f))
    }

    /// Closes all connections once no read is running. Reads wait until the result is dropped.
    pub fn close(&self) -> Closed<'_> {
        let mut pool = self.pool.write();
        *pool = None;
        Closed(pool)
    }
}

/// Runs a closure in a transaction. Its statements are cached: parsing BEGIN takes as long as reading a row.
fn snapshot<T>(connection: &Connection, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let _guard = EndGuard(connection);
    f(connection)
}

/// Ends the transaction when it is dropped, also by a panic.
struct EndGuard<'c>(&'c Connection);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        let ended = self.0.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if ended.is_err() {
            // A statement is still running or the disk fails: nothing was written that could be lost.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

/// Guard while no reading connection is open.
pub(super) struct Closed<'a>(RwLockWriteGuard<'a, Option<Pool<SqliteConnectionManager>>>);

impl Closed<'_> {
    pub fn connect(&mut self, path: &Path) -> std::result::Result<(), OpenError> {
        *self.0 = Some(pool(path)?);
        Ok(())
    }
}

fn pool(path: &Path) -> std::result::Result<Pool<SqliteConnectionManager>, OpenError> {
    let manager = SqliteConnectionManager::file(sqlite_name(path))
        .with_flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .with_init(|c| {
            pragmas::set(c)?;
            // Only the writer decides on checkpoints, even if this connection is the last to close.
            pragmas::checkpoint_on_close(c, false)?;
            c.pragma_update(None, "cache_size", CACHE)?;
            c.pragma_update(None, "query_only", true)
        });
    let cannot = |e: r2d2::Error| OpenError::io("cannot open the database for reading", e);
    let pool = Pool::builder()
        .max_size(READERS)
        .min_idle(Some(1))
        .idle_timeout(Some(Duration::from_secs(30)))
        .max_lifetime(None)
        .connection_timeout(WAIT_TIMEOUT)
        // A connection to a file does not go stale, and the test is a query before each read.
        .test_on_check_out(false)
        .build(manager)
        .map_err(cannot)?;
    pragmas::verify(&*pool.get().map_err(cannot)?)?;
    Ok(pool)
}
