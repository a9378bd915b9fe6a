//! The reading connections: a pool that cannot write and can be closed as a whole.

use std::path::Path;
use std::time::Duration;

use parking_lot::{RwLock, RwLockWriteGuard};
use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};

use super::fault::{OpenFault, not_ready};
use super::place::plain;
use super::pragmas;
use crate::error::Result;

/// How many connections read at once.
pub(super) const READERS: u32 = 4;
/// The page cache of each, as SQLite counts it: KiB, negative. The system caches the file anyway, and once for all.
const CACHE: i64 = -1_000;
/// How long a read waits for a connection.
const WAIT: Duration = Duration::from_secs(5);

/// Pool of one database. A read holds the lock for reading, so that closing waits for it.
pub(super) struct Readers {
    pool: RwLock<Option<Pool<SqliteConnectionManager>>>,
}

impl Readers {
    pub fn open(path: &Path) -> std::result::Result<Readers, OpenFault> {
        Ok(Readers { pool: RwLock::new(Some(pool(path)?)) })
    }

    /// Runs a closure on one snapshot.
    pub fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pool = self.pool.read();
        let connection = pool.as_ref().ok_or_else(|| not_ready(None))?.get().map_err(|e| not_ready(Some(e.into())))?;
        snapshot(&connection, f)
    }

    /// Does the same if a connection is free at once, or gives the closure back.
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

/// Runs a closure in a transaction, by cached statements: parsing BEGIN would cost as much as reading a row.
fn snapshot<T>(connection: &Connection, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let end = End(connection);
    let result = f(connection);
    drop(end);
    result
}

/// Ends the transaction when it is dropped, also by a panic.
struct End<'c>(&'c Connection);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let ended = self.0.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if ended.is_err() {
            // A statement that is still running, or a disk that fails: nothing was written that could be lost.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

/// Guard while no reading connection is open.
pub(super) struct Closed<'a>(RwLockWriteGuard<'a, Option<Pool<SqliteConnectionManager>>>);

impl Closed<'_> {
    pub fn connect(&mut self, path: &Path) -> std::result::Result<(), OpenFault> {
        *self.0 = Some(pool(path)?);
        Ok(())
    }
}

fn pool(path: &Path) -> std::result::Result<Pool<SqliteConnectionManager>, OpenFault> {
    let manager = SqliteConnectionManager::file(plain(path))
        .with_flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .with_init(|c| {
            pragmas::set(c)?;
            // One that is closed last, after the writer, must not do what the writer would not.
            pragmas::checkpoint_on_close(c, false)?;
            c.pragma_update(None, "cache_size", CACHE)?;
            c.pragma_update(None, "query_only", true)
        });
    let cannot = |e: r2d2::Error| OpenFault::io("cannot open the database for reading", e);
    let pool = Pool::builder()
        .max_size(READERS)
        .min_idle(Some(1))
        .idle_timeout(Some(Duration::from_secs(30)))
        .max_lifetime(None)
        .connection_timeout(WAIT)
        // A connection to a file does not go stale; the test would be a query before each read.
        .test_on_check_out(false)
        .build(manager)
        .map_err(cannot)?;
    pragmas::verify(&*pool.get().map_err(cannot)?)?;
    Ok(pool)
}
