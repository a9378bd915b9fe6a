//! The connections that read. They cannot write, and all of them can be closed at once.

use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};

use super::fault::{OpenFault, not_ready};
use super::pragmas;
use crate::error::Result;

/// How many connections read at once.
pub(super) const READERS: u32 = 4;
/// The page cache of each, as SQLite counts it: KiB, negative. The system caches the file anyway, and once for all.
const CACHE: i64 = -1_000;
/// How long a read waits for a connection.
const WAIT: Duration = Duration::from_secs(5);

/// The connections of one database. Whoever reads holds the lock for reading, so that who closes them waits.
pub(super) struct Readers {
    pool: RwLock<Option<Pool<SqliteConnectionManager>>>,
}

impl Readers {
    pub fn open(path: &Path) -> std::result::Result<Readers, OpenFault> {
        Ok(Readers { pool: RwLock::new(Some(pool(path)?)) })
    }

    /// Runs a closure on a connection.
    pub fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pool = self.pool.read().unwrap_or_else(PoisonError::into_inner);
        let connection = pool.as_ref().ok_or_else(|| not_ready(None))?.get().map_err(|e| not_ready(Some(e.into())))?;
        f(&connection)
    }

    /// Runs a closure if a connection is free, else gives it back.
    pub fn try_read<T, F: FnOnce(&Connection) -> Result<T>>(&self, f: F) -> std::result::Result<Result<T>, F> {
        let pool = match self.pool.try_read() {
            Ok(pool) => pool,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(f),
        };
        match pool.as_ref().and_then(Pool::try_get) {
            Some(connection) => Ok(f(&connection)),
            None => Err(f),
        }
    }

    /// Waits until nobody reads and closes all. Who wants to read waits until what is returned is dropped.
    pub fn close(&self) -> Closed<'_> {
        let mut pool = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        *pool = None;
        Closed(pool)
    }
}

/// No connection is open.
pub(super) struct Closed<'a>(RwLockWriteGuard<'a, Option<Pool<SqliteConnectionManager>>>);

impl Closed<'_> {
    pub fn connect(&mut self, path: &Path) -> std::result::Result<(), OpenFault> {
        *self.0 = Some(pool(path)?);
        Ok(())
    }
}

fn pool(path: &Path) -> std::result::Result<Pool<SqliteConnectionManager>, OpenFault> {
    let manager = SqliteConnectionManager::file(path)
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
        .build(manager)
        .map_err(cannot)?;
    pragmas::verify(&*pool.get().map_err(cannot)?)?;
    Ok(pool)
}
