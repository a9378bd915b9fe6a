//! The database engine: one SQLite file, its lock, its connections. It knows no table; those are in `store`.
//!
//! [`Db`] gives out connections: one writer on a thread of its own, whose transactions are IMMEDIATE, and a few
//! readers that cannot write. Closures cannot await, so no transaction ever waits for a network. A 2xx is answered
//! only after COMMIT returned. While the disk is full or fails, changes are refused and reading goes on; once the file
//! is known to be damaged, nothing is written any more.
//!
//! Files from bottom to top: fault, version, pragmas, place and lock, connect, check, backup, upgrade, open, health,
//! readers, writer.

pub(crate) mod backup;
pub(crate) mod check;
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

/// Timeout of a write in the queue, after which it is refused with "busy".
const WRITER_WAIT: Duration = Duration::from_secs(5);
/// Timeout of the readiness check.
const READY_WAIT: Duration = Duration::from_secs(1);
/// How long a requested checkpoint waits for readers.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(5);

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

    /// Judges a failed read and wakes the writer if the state changed.
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
    /// Waits until the writer has closed the file; the lock is released after that.
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

/// Cancels a queued job when it is dropped, unless it was started.
struct Ticket(Arc<AtomicU8>);

impl Ticket {
    /// Cancels the job, unless it was started.
    fn cancel(&self) -> bool {
        self.0.compare_exchange(QUEUED, ABANDONED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel();
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

    /// Whether there is a file. Rejects one that must not be used, and an unsafe place. Writes nothing.
    pub fn exists(path: &Path) -> Result<bool, OpenFault> {
        place::inspect_place(path)?;
        place::exists(path)
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

    /// Runs a closure on one snapshot, on a reading connection and off the async threads.
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

    /// Does the same for a handful of rows by their keys, on the async thread if a connection is free: handing it to
    /// another thread takes longer than the reading. Never for lists.
    pub async fn read_few<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let Ok(permit) = self.inner.permits.try_acquire() else { return self.read(f).await };
        match self.inner.readers.try_read(f) {
            Ok(result) => self.inner.noticed(result),
            Err(f) => {
                drop(permit);
                self.read(f).await
            }
        }
    }

    /// Runs a closure that only reads on the writer's connection, in order with the changes. It runs while changes are
    /// refused too.
    pub async fn read_on_writer<T, F>(&self, f: F) -> Result<T>
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

    /// Like [`Db::write`], for a transaction of many pages: they are not checkpointed before the answer.
    pub async fn write_large<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.change(|writer| writer.in_large_transaction(f)).await
    }

    /// Checkpoints the write-ahead log and shrinks the page cache. The writer does so by itself when it is idle.
    pub async fn checkpoint(&self) -> Result<()> {
        self.change(|writer| writer.checkpoint(CHECKPOINT_WAIT).map(drop)).await
    }

    /// Whether a change would reach the disk right now. Answers within about a second, even during a long write.
    pub async fn is_writable(&self) -> bool {
        let health = &self.inner.health;
        if health.takes_changes().is_err() {
            return false;
        }
        if health.is_writing() {
            return true;
        }
        match tokio::time::timeout(READY_WAIT, self.change(Writer::prove)).await {
            Ok(proof) => proof.is_ok(),
            // The changes before it are under way, unless the first of them waits for another program.
            Err(_) => health.takes_changes().is_ok() && !health.waits_for_others(),
        }
    }

    /// Runs a writing job, unless the storage accepts no changes.
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
        let ticket = Ticket(state.clone());
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
        if tokio::time::timeout(WRITER_WAIT, start).await.is_err() && ticket.cancel() {
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
