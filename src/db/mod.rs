//! The database engine: one SQLite file, its lock, its connections. It knows no table; those are in `store`.
//!
//! [`Db`] gives out connections: one writer on a thread of its own, whose transactions are IMMEDIATE, and a few
//! readers that cannot write. Closures cannot await, so no transaction ever waits for a network. A 2xx is answered
//! only after COMMIT returned. While the disk is full or fails, changes are refused and reading goes on; once the file
//! is known to be damaged, nothing is written any more.
//!
//! Files from bottom to top: fault, version, pragmas, place and lock, connect, check, backup, upgrade, open, health,
//! readers, writer.

pub mod backup;
pub mod check;
mod connect;
mod fault;
mod health;
mod lock;
mod open;
mod place;
mod pragmas;
mod readers;
pub mod upgrade;
mod version;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Transaction;
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Result};
use fault::not_ready;
use health::Health;
use readers::{READERS, Readers};
use writer::{Job, Writer};

pub use fault::OpenFault;
pub use lock::FileLock;
pub use rusqlite::Connection;
pub use version::{APPLICATION_ID, OLDEST, VERSION};

/// How long a write waits for its turn before it is refused with "busy".
const WRITER_WAIT: Duration = Duration::from_secs(5);
/// How long it takes at most to say whether the storage is ready.
const READY_WAIT: Duration = Duration::from_secs(1);
/// How long a merge that was asked for waits for readers.
const SETTLE_WAIT: Duration = Duration::from_secs(5);

/// A transaction of the writer.
pub type Tx<'a> = Transaction<'a>;

/// The database of one server. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: Arc<Readers>,
    permits: Semaphore,
    health: Arc<Health>,
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    // Dropped last: the lock is held as long as any connection may be open.
    _lock: FileLock,
}

impl Inner {
    fn read<T>(&self, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.noticed(self.readers.read(f))
    }

    /// Learns from a failed read; the writer is woken to see to it.
    fn noticed<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(e) = &result
            && self.health.notice(e)
            && let Some(jobs) = &self.jobs
        {
            let _ = jobs.send(Box::new(|_| {}));
        }
        result
    }
}

impl Drop for Inner {
    /// Waits until the writer has closed the file, so that the lock is not free before.
    fn drop(&mut self) {
        drop(self.readers.close());
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

const QUEUED: u8 = 0;
const STARTED: u8 = 1;
const ABANDONED: u8 = 2;

/// The place of a job in the queue. Dropped, the job is not begun any more.
struct Place(Arc<AtomicU8>);

impl Place {
    /// Takes the job out of the queue, unless it was begun.
    fn leave(&self) -> bool {
        self.0.compare_exchange(QUEUED, ABANDONED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Db {
    /// Opens the file, creating and upgrading it as needed, and keeps its lock for the life of the value. `accept`
    /// reads the content first; what it rejects is neither upgraded nor written in any other way.
    pub fn open<T, E: From<OpenFault>>(
        path: &Path,
        lock: FileLock,
        accept: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<(Db, T), E> {
        let (connection, accepted) = open::open(path, upgrade::STEPS, accept)?;
        Ok((Db::new(path, connection, lock)?, accepted))
    }

    /// Whether there is no file yet. What must not be used, or lies in a place that is not fit for it, is refused.
    /// Writes nothing.
    pub fn is_yet_to_be_made(path: &Path) -> Result<bool, OpenFault> {
        place::inspect_place(path)?;
        place::inspect_file(path)
    }

    /// Refuses a place without a database. Writes nothing.
    pub fn refuse_missing(path: &Path) -> Result<(), OpenFault> {
        place::refuse_missing(path)
    }

    fn new(path: &Path, connection: Connection, lock: FileLock) -> Result<Db, OpenFault> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let readers = Arc::new(Readers::open(path)?);
        let health = Arc::new(Health::new(path));
        let writer = Writer::new(path.to_owned(), connection, readers.clone(), health.clone());
        let thread = std::thread::Builder::new()
            .name("jim-writer".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|e| OpenFault::io("cannot start the writer thread", e))?;
        Ok(Db {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                readers,
                permits: Semaphore::new(READERS as usize),
                health,
                jobs: Some(jobs),
                writer: Some(thread),
                _lock: lock,
            }),
        })
    }

    /// Bytes of the database file and of its write-ahead log, by their directory entries: opening either would drop
    /// SQLite's locks when it is closed.
    pub fn file_sizes(&self) -> (u64, u64) {
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        (length(&self.inner.path), length(&place::sidecar(&self.inner.path, "wal")))
    }

    /// Runs a closure on a reading connection, off the async threads.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let _permit = self.inner.permits.acquire().await.map_err(|e| Error::internal("the store is closed", e))?;
        let inner = self.inner.clone();
        let read = tokio::task::spawn_blocking(move || inner.read(f));
        read.await.map_err(|e| Error::internal("a reading closure failed", e))?
    }

    /// Runs a closure that reads a handful of rows by their keys, at once if a connection is free: handing it to
    /// another thread would take longer than the reading. Never for lists.
    pub async fn read_few<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let Ok(_permit) = self.inner.permits.try_acquire() else { return self.read(f).await };
        match self.inner.readers.try_read(f) {
            Ok(result) => self.inner.noticed(result),
            Err(f) => {
                drop(_permit);
                self.read(f).await
            }
        }
    }

    /// Runs a closure that only reads on the writer's connection, in turn with the changes. It runs while changes are
    /// refused too.
    pub async fn read_in_turn<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.on_writer(|writer| f(writer.connection()?)).await
    }

    /// Runs a closure in one IMMEDIATE transaction of the one writer and commits it if the closure succeeds.
    /// Answers "busy" without running the closure when its turn does not come within 5 s.
    pub async fn write<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.change(|writer| writer.in_transaction(f)).await
    }

    /// Like [`Db::write`], for a transaction of many pages: they stay in the write-ahead file for now, so that the
    /// answer does not wait until they are moved.
    pub async fn write_large<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.change(|writer| writer.in_large_transaction(f)).await
    }

    /// Merges the write-ahead file into the database and gives the memory of the page cache back. The writer does so
    /// by itself when it has been quiet for a while.
    pub async fn settle(&self) -> Result<()> {
        self.change(|writer| writer.settle(SETTLE_WAIT).map(drop)).await
    }

    /// Whether changes are taken, as far as is known without trying.
    pub fn takes_changes(&self) -> bool {
        self.inner.health.takes_changes().is_ok()
    }

    /// Whether a change would reach the disk right now. Says so within about a second, however long a change that is
    /// being written takes.
    pub async fn is_writable(&self) -> bool {
        let health = &self.inner.health;
        if !self.takes_changes() {
            return false;
        }
        if health.is_writing() {
            return true;
        }
        match tokio::time::timeout(READY_WAIT, self.change(Writer::prove)).await {
            Ok(proof) => proof.is_ok(),
            // The changes before it are under way, unless the first of them waits for another program.
            Err(_) => self.takes_changes() && !health.waits_for_others(),
        }
    }

    /// Has the writer do something that writes, unless the storage takes no changes.
    async fn change<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    {
        self.inner.health.takes_changes()?;
        let guarded = |writer: &mut Writer| {
            writer.health.takes_changes()?;
            f(writer)
        };
        self.on_writer(guarded).await
    }

    async fn on_writer<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    {
        let state = Arc::new(AtomicU8::new(QUEUED));
        let (started, start) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        let place = Place(state.clone());
        let job: Job = Box::new(move |writer| {
            if state.compare_exchange(QUEUED, STARTED, Ordering::AcqRel, Ordering::Acquire).is_err() {
                return;
            }
            let _ = started.send(());
            let result = f(writer).map_err(|e| {
                writer.health.notice(&e);
                match e {
                    Error::Damaged { source } => not_ready(Some(source)),
                    other => other,
                }
            });
            let _ = reply.send(result);
        });
        self.inner.jobs.as_ref().ok_or_else(closing)?.send(job).map_err(|_| writer_gone())?;
        if tokio::time::timeout(WRITER_WAIT, start).await.is_err() && place.leave() {
            return Err(Error::Unavailable { why: "the database is busy", source: None });
        }
        answer.await.map_err(|_| writer_gone())?
    }
}

fn closing() -> Error {
    Error::internal("the store is closed", "it was dropped")
}

fn writer_gone() -> Error {
    Error::internal("the writer thread did not answer", "a writing closure failed or the store is closing")
}

#[cfg(test)]
mod tests;
