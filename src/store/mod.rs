//! The only room with SQL. One file per table family; functions take a connection and are synchronous.
//!
//! [`Db`] gives out connections: one writer on a thread of its own, whose transactions are IMMEDIATE, and a few
//! readers that cannot write. Closures cannot await, so no transaction ever waits for a network. A 2xx is answered
//! only after COMMIT returned. Decisions belong to `ops` and `domain`; nothing here knows HTTP or LDAP.

pub mod activities;
pub mod api_keys;
pub mod backup;
pub mod certificates;
pub mod check;
pub mod clock;
pub mod connected_systems;
pub mod deletion;
pub mod figures;
pub mod hierarchy;
mod open;
pub mod schema;
pub mod secrets;
pub mod service_settings;
mod timestamp;
mod upgrade;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use r2d2::Pool;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Result};

pub use open::{FileLock, OpenFault};
pub use timestamp::{from_text, to_text};

/// How many connections read at once.
const READERS: u32 = 4;
/// How long a write waits for its turn before it is refused with "busy".
const WRITER_WAIT: Duration = Duration::from_secs(5);

/// How long nothing must have been written before the writer tidies up.
const QUIET: Duration = Duration::from_secs(1);

/// A transaction of the writer.
pub type Tx<'a> = Transaction<'a>;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The database of one server. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: Option<Pool<SqliteConnectionManager>>,
    permits: Semaphore,
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    // Dropped last: the lock is held as long as any connection may be open.
    _lock: FileLock,
}

impl Drop for Inner {
    /// Waits until the writer has closed the file, so that the lock is not free before.
    fn drop(&mut self) {
        drop((self.readers.take(), self.jobs.take()));
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

const QUEUED: u8 = 0;
const STARTED: u8 = 1;
const ABANDONED: u8 = 2;

impl Db {
    /// Opens the file, creating and upgrading it as needed, and keeps its lock for the life of the value.
    pub fn open(path: &Path, lock: FileLock) -> Result<Db, OpenFault> {
        open::open(path, lock)
    }

    /// Whether there is no file yet. What must not be used, or lies in a place that is not fit for it, is refused.
    /// Writes nothing.
    pub fn is_yet_to_be_made(path: &Path) -> Result<bool, OpenFault> {
        open::inspect_place(path)?;
        open::inspect_file(path)
    }

    fn new(path: &Path, writer: Connection, lock: FileLock) -> Result<Db, OpenFault> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new()
            .name("jim-writer".to_owned())
            .spawn(move || write_loop(writer, &queue))
            .map_err(|e| OpenFault::io("cannot start the writer thread", e))?;
        let manager = SqliteConnectionManager::file(path)
            .with_flags(rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .with_init(|c| {
                open::set_pragmas(c)?;
                c.pragma_update(None, "query_only", true)
            });
        let readers = Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .idle_timeout(Some(Duration::from_secs(30)))
            .max_lifetime(None)
            .connection_timeout(WRITER_WAIT)
            .build(manager)
            .map_err(|e| OpenFault::io("cannot open the database for reading", e))?;
        let permits = Semaphore::new(READERS as usize);
        Ok(Db {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                readers: Some(readers),
                permits,
                jobs: Some(jobs),
                writer: Some(thread),
                _lock: lock,
            }),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs a closure on a reading connection, off the async threads.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let _permit = self.inner.permits.acquire().await.map_err(|e| Error::internal("the store is closed", e))?;
        let inner = self.inner.clone();
        let read = move || {
            let readers = inner.readers.as_ref().ok_or_else(closing)?;
            let connection = readers.get().map_err(|e| unavailable(e.into()))?;
            f(&connection)
        };
        tokio::task::spawn_blocking(read).await.map_err(|e| Error::internal("a reading closure failed", e))?
    }

    /// Runs a closure that reads a handful of rows by their keys, at once if a connection is free: handing it to
    /// another thread would take longer than the reading. Never for lists.
    pub async fn read_few<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        if let Ok(_permit) = self.inner.permits.try_acquire()
            && let Some(connection) = self.inner.readers.as_ref().and_then(Pool::try_get)
        {
            return f(&connection);
        }
        self.read(f).await
    }

    /// Runs a closure in one IMMEDIATE transaction of the one writer and commits it if the closure succeeds.
    /// Answers "busy" without running the closure when its turn does not come within 5 s.
    pub async fn write<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.on_writer(move |connection| in_transaction(connection, f)).await
    }

    /// Like [`Db::write`], for a transaction of many pages: they stay in the write-ahead file for now, so that the
    /// answer does not wait until they are moved.
    pub async fn write_large<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.on_writer(move |connection| {
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            let result = in_transaction(connection, f);
            connection.pragma_update(None, "wal_autocheckpoint", open::CHECKPOINT_PAGES)?;
            result
        })
        .await
    }

    /// Merges the write-ahead file into the database and gives the memory of the page cache back. The writer does so
    /// by itself when it has been quiet for a while.
    pub async fn settle(&self) -> Result<()> {
        self.on_writer(|connection| settle(connection)).await
    }

    /// Whether a transaction can be opened right now.
    pub async fn is_writable(&self) -> bool {
        self.write(|_| Ok(())).await.is_ok()
    }

    async fn on_writer<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    {
        let state = Arc::new(AtomicU8::new(QUEUED));
        let (started, start) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        let theirs = state.clone();
        let job: Job = Box::new(move |connection| {
            if theirs.compare_exchange(QUEUED, STARTED, Ordering::AcqRel, Ordering::Acquire).is_err() {
                return;
            }
            let _ = started.send(());
            let _ = reply.send(f(connection));
        });
        self.inner.jobs.as_ref().ok_or_else(closing)?.send(job).map_err(|_| writer_gone())?;
        if tokio::time::timeout(WRITER_WAIT, start).await.is_err()
            && state.compare_exchange(QUEUED, ABANDONED, Ordering::AcqRel, Ordering::Acquire).is_ok()
        {
            return Err(Error::Unavailable { why: "the database is busy", source: None });
        }
        answer.await.map_err(|_| writer_gone())?
    }
}

fn write_loop(mut connection: Connection, queue: &mpsc::Receiver<Job>) {
    let mut settled = true;
    loop {
        // Once it is quiet, the write-ahead file is merged and the memory of the page cache given back.
        let next = match settled {
            true => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            false => queue.recv_timeout(QUIET),
        };
        let run: Job = match next {
            Ok(job) => {
                settled = false;
                job
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                settled = true;
                Box::new(|connection| {
                    if let Err(e) = settle(connection) {
                        tracing::warn!(error = e.chain(), "the write-ahead file was not merged");
                    }
                })
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        };
        // A panicking closure drops its reply, which its caller sees; its transaction rolls back as it unwinds.
        let run = std::panic::AssertUnwindSafe(|| run(&mut connection));
        if std::panic::catch_unwind(run).is_err() {
            tracing::error!("a writing closure panicked; its transaction was rolled back");
        }
    }
    if let Err((_, e)) = connection.close() {
        tracing::warn!(error = %e, "the database did not close cleanly");
    }
}

fn settle(connection: &Connection) -> Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA shrink_memory")?;
    Ok(())
}

fn in_transaction<T>(connection: &mut Connection, f: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = f(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

fn closing() -> Error {
    Error::internal("the store is closed", "it was dropped")
}

fn writer_gone() -> Error {
    Error::internal("the writer thread did not answer", "a writing closure failed or the store is closing")
}

fn unavailable(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Unavailable { why: "the database is not available", source: Some(source) }
}

impl From<rusqlite::Error> for Error {
    /// Lock and disk trouble may pass and is "unavailable"; everything else is a fault of ours.
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure};
        match e.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure | CannotOpen | ReadOnly) => {
                unavailable(e.into())
            }
            _ => Error::internal("the database refused a statement", e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, Db) {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("jim.db");
        let db = Db::open(&path, FileLock::take(&path).expect("free")).expect("opens");
        (dir, db)
    }

    #[tokio::test]
    async fn a_failed_closure_leaves_nothing_and_readers_cannot_write() {
        let (_dir, db) = open();
        let insert = "INSERT INTO keyring_checks (kid, value) VALUES (1, x'00')";
        let failed: Result<()> = db
            .write(move |tx| {
                tx.execute(insert, [])?;
                Err(Error::Conflict("no".to_owned()))
            })
            .await;
        assert!(matches!(failed, Err(Error::Conflict(_))));
        let panicked: Result<()> = db.write(move |_| panic!("on purpose")).await;
        assert!(matches!(panicked, Err(Error::Internal { .. })));
        let count =
            |c: &Connection| Ok(c.query_row("SELECT count(*) FROM keyring_checks", [], |r| r.get::<_, i64>(0))?);
        assert_eq!(db.read(count).await.expect("reads"), 0);
        assert!(db.read(move |c| Ok(c.execute(insert, [])?)).await.is_err());
        db.write(move |tx| Ok(tx.execute(insert, [])?)).await.expect("writes");
        assert_eq!(db.read(count).await.expect("reads"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_whose_turn_does_not_come_is_refused_and_never_runs() {
        let (_dir, db) = open();
        let (release, hold) = std::sync::mpsc::channel::<()>();
        let (begin, began) = std::sync::mpsc::channel::<()>();
        let held = db.clone();
        let first =
            tokio::spawn(async move { held.write(move |_| Ok(begin.send(()).is_ok() && hold.recv().is_ok())).await });
        tokio::task::yield_now().await;
        began.recv().expect("the first write has the writer");
        let second: Result<()> = db.write(|_| panic!("must not run")).await;
        assert!(matches!(second, Err(Error::Unavailable { .. })));
        release.send(()).expect("held");
        assert!(first.await.expect("ends").expect("writes"));
        tokio::time::resume();
        assert!(db.is_writable().await);
    }
}
