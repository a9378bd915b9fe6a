//! The database engine: one SQLite file, its lock, its connections. The tables are in `store`.
//!
//! [`Db`] gives out connections: one writer on a thread of its own, whose transactions are IMMEDIATE, and a few read-only
//! ones. Closures cannot await, so no transaction waits for a network. A 2xx is answered only after COMMIT returned. While
//! the disk is full or fails, changes are refused and reads go on; a damaged file is never written again.
//!
//! Files from bottom to top: error, pragmas, place and lock, connect, check, backup, upgrade, open, health, readers, writer.

pub(crate) mod backup;
pub(crate) mod check;
mod connect;
mod error;
mod health;
mod lock;
mod open;
mod place;
mod pragmas;
mod readers;
pub mod upgrade;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Result};
use error::not_ready;
use health::Health;
use readers::{READERS, Readers};
use writer::{Job, Writer};

pub use error::OpenError;
pub use lock::{FileLock, Holder};
pub use place::{refuse_missing, refuse_world_writable};
pub use rusqlite::Connection;
pub use rusqlite::Transaction as Tx;

/// Timeout of a write in the queue, after which it is refused with "busy".
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
const READY_TIMEOUT: Duration = Duration::from_secs(1);
/// Time that a requested checkpoint waits for readers.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(5);

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
    /// Records a failed read and wakes the writer if the state changed.
    fn recorded<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(e) = &result
            && self.health.record(e)
            && let Some(jobs) = &self.jobs
        {
            let _ = jobs.send(Box::new(|_| {}));
        }
        result
    }
}

impl Drop for Inner {
    /// Waits until the writer has closed the file, before the lock is released.
    fn drop(&mut self) {
        drop(self.readers.close());
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Db {
    /// Opens the file, creating and upgrading it as needed, and holds its lock until it is dropped. A file that `accept`
    /// rejects is not written.
    pub fn open<T, E: From<OpenError>>(
        path: &Path,
        lock: FileLock,
        accept: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<(Db, T), E> {
        let (connection, accepted) = open::open(path, upgrade::STEPS, accept)?;
        Ok((Db::new(path, connection, lock)?, accepted))
    }

    /// Whether the file exists. Rejects links and unsafe places. Writes nothing.
    pub fn exists(path: &Path) -> Result<bool, OpenError> {
        place::refuse_unsafe(path)?;
        place::exists(path)
    }

    fn new(path: &Path, connection: Connection, lock: FileLock) -> Result<Db, OpenError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let readers = Arc::new(Readers::open(path)?);
        let health = Arc::new(Health::new(path));
        let writer = Writer::new(path.to_owned(), connection, readers.clone(), health.clone());
        let thread = std::thread::Builder::new()
            .name("jim-writer".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|e| OpenError::io("cannot start the writer thread", e))?;
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

    /// Bytes of the database file and its write-ahead log, from their metadata: closing a handle would drop SQLite's
    /// locks.
    pub fn file_sizes(&self) -> (u64, u64) {
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        (length(&self.inner.path), length(&place::sidecar(&self.inner.path, "wal")))
    }

    /// Runs a closure on one snapshot, on a read-only connection and a blocking thread.
    pub async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let _permit = self.inner.permits.acquire().await.map_err(|e| Error::internal("the store is closed", e))?;
        let inner = self.inner.clone();
        let read = tokio::task::spawn_blocking(move || inner.recorded(inner.readers.read(f)));
        read.await.map_err(|e| Error::internal("a read failed", e))?
    }

    /// Like [`Db::read`] for a few rows by key, on the async thread if a connection is free: changing the thread takes
    /// longer than the read. Never for lists.
    pub async fn read_few<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let Ok(permit) = self.inner.permits.try_acquire() else { return self.read(f).await };
        match self.inner.readers.try_read(f) {
            Ok(result) => self.inner.recorded(result),
            Err(f) => {
                drop(permit);
                self.read(f).await
            }
        }
    }

    /// Runs a read on the writer's connection, in order with the changes, and also while changes are refused.
    pub async fn read_on_writer<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.on_writer(|writer| f(writer.connection()?)).await
    }

    /// Runs a closure in one IMMEDIATE transaction and commits it if the closure succeeds. After 5 s in the queue it is
    /// not run, and the answer is "busy".
    pub async fn write<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.change(|writer| writer.in_transaction(f)).await
    }

    /// Like [`Db::write`] for many pages, which are not checkpointed before the answer.
    pub async fn write_large<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.change(|writer| writer.in_large_transaction(f)).await
    }

    /// Checkpoints the write-ahead log and shrinks the page cache, as the idle writer does by itself.
    pub async fn checkpoint(&self) -> Result<()> {
        self.change(|writer| writer.checkpoint(CHECKPOINT_WAIT).map(drop)).await
    }

    /// Whether a change would reach the disk now. Answers within about a second, even during a long write.
    pub async fn is_writable(&self) -> bool {
        let health = &self.inner.health;
        if health.takes_changes().is_err() {
            return false;
        }
        if health.is_writing() {
            return true;
        }
        match tokio::time::timeout(READY_TIMEOUT, self.change(Writer::test_write)).await {
            Ok(written) => written.is_ok(),
            // Earlier changes are being written, unless the first of them waits for another program.
            Err(_) => health.takes_changes().is_ok() && !health.waits_for_lock(),
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
        let (started, mut start) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |writer| {
            // Fails after the caller timed out or was dropped: the job is cancelled.
            if started.send(()).is_err() {
                return;
            }
            let result = f(writer).map_err(|e| {
                writer.health.record(&e);
                match e {
                    Error::Damaged { source } => not_ready(Some(source)),
                    other => other,
                }
            });
            let _ = reply.send(result);
        });
        let no_answer =
            || Error::internal("the writer thread did not answer", "a write failed or the store is closing");
        self.inner.jobs.as_ref().ok_or_else(no_answer)?.send(job).map_err(|_| no_answer())?;
        if tokio::time::timeout(QUEUE_TIMEOUT, &mut start).await.is_err() {
            start.close();
            // A job that started just before the channel was closed is waited for.
            if start.try_recv().is_err() {
                return Err(Error::Unavailable { why: "the database is busy", source: None });
            }
        }
        answer.await.map_err(|_| no_answer())?
    }
}

#[cfg(test)]
mod tests;
