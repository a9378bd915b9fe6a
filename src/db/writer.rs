//! The writer: a thread with the only writing connection. It runs jobs in order, checkpoints when it is idle and
//! retries while the storage is in trouble.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::connect::connect;
use super::fault::{OpenFault, not_ready};
use super::health::{Condition, Health};
use super::readers::Readers;
use super::version::APPLICATION_ID;
use super::{place, pragmas};
use crate::error::Result;

/// Idle time before the writer checkpoints.
const IDLE: Duration = Duration::from_secs(1);
/// Interval of retries while the storage is in trouble.
const RETRY: Duration = Duration::from_secs(5);
/// Time for which a committed change proves that the next one would commit too.
const PROVEN: Duration = Duration::from_secs(1);
/// Busy timeout of a readiness check.
const PROOF_WAIT: Duration = Duration::from_millis(500);
/// The page cache of a large transaction and of all others, as SQLite counts it: KiB, negative.
const LARGE_CACHE: i64 = -8_192;
const CACHE: i64 = -2_000;
/// Free space below which a full disk counts as full still: SQLite may fit a single page where it has written before.
const ROOM: u64 = 256 * 1024;

/// Job of the writer.
pub(super) type Job = Box<dyn FnOnce(&mut Writer) + Send>;

pub(super) struct Writer {
    path: PathBuf,
    // None if the database could not be reopened.
    connection: Option<Connection>,
    readers: Arc<Readers>,
    pub health: Arc<Health>,
    written: Option<Instant>,
}

impl Writer {
    pub fn new(path: PathBuf, connection: Connection, readers: Arc<Readers>, health: Arc<Health>) -> Writer {
        Writer { path, connection: Some(connection), readers, health, written: None }
    }

    pub fn run(mut self, queue: &mpsc::Receiver<Job>) {
        let mut checkpointed = true;
        let mut tried = None;
        loop {
            let wait = match self.health.condition() {
                Condition::Troubled { .. } => {
                    Some(tried.map_or(RETRY, |at: Instant| RETRY.saturating_sub(at.elapsed())))
                }
                Condition::Sound if !checkpointed => Some(IDLE),
                _ => None,
            };
            let next = match wait {
                Some(wait) => queue.recv_timeout(wait),
                None => queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            };
            match next {
                Ok(job) => {
                    checkpointed = false;
                    self.run_job(job);
                }
                Err(mpsc::RecvTimeoutError::Timeout) if self.health.takes_changes().is_ok() => {
                    checkpointed = self.checkpoint_idle();
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            match self.health.condition() {
                Condition::Sound => tried = None,
                Condition::Troubled { reopen, .. } => {
                    // After a failed synchronisation at once, else when the trouble has lasted for a while.
                    let due = match tried {
                        None => reopen,
                        Some(at) => at.elapsed() >= RETRY,
                    };
                    let first = tried.is_none();
                    if due {
                        self.retry(reopen);
                    }
                    if due || first {
                        tried = Some(Instant::now());
                    }
                }
                Condition::Damaged => self.stop_writing(),
            }
        }
        if self.health.condition() == Condition::Damaged {
            self.stop_writing();
        }
        if let Some(Err((_, e))) = self.connection.take().map(Connection::close) {
            tracing::warn!(error = %e, "the database did not close cleanly");
        }
    }

    fn run_job(&mut self, job: Job) {
        // A panicking job drops its reply, which its caller sees; its transaction rolls back as it unwinds.
        let run = std::panic::AssertUnwindSafe(|| job(self));
        if std::panic::catch_unwind(run).is_err() {
            tracing::error!("write job panicked; transaction rolled back");
        }
    }

    /// The connection, for reads in order with the changes.
    pub fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().ok_or_else(|| not_ready(None))
    }

    /// Runs a closure in an IMMEDIATE transaction and commits it if the closure succeeds.
    pub fn in_transaction<T>(&mut self, f: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let connection = self.connection.as_mut().ok_or_else(|| not_ready(None))?;
        let work = self.health.at_work();
        let before = connection.total_changes();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        work.holds();
        let value = f(&transaction)?;
        transaction.commit()?;
        // From the first change on the write-ahead log is known to belong to this database.
        if let Err(e) = pragmas::checkpoint_on_close(connection, true) {
            tracing::warn!(error = %e, "the write-ahead file may be left when the server stops");
        }
        if connection.total_changes() != before {
            self.written = Some(Instant::now());
        }
        Ok(value)
    }

    /// The same for a transaction of many pages: they stay in the write-ahead file for now, and the page cache is
    /// large enough for the inner pages of the indexes. Otherwise it is small, or a steady load of small changes would
    /// fill it for many minutes, which looks like a leak.
    pub fn in_large_transaction<T>(&mut self, f: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let set = |writer: &Self, checkpoint: i64, cache: i64| -> Result<()> {
            let connection = writer.connection()?;
            connection.pragma_update(None, "wal_autocheckpoint", checkpoint)?;
            connection.pragma_update(None, "cache_size", cache)?;
            Ok(())
        };
        set(self, 0, LARGE_CACHE)?;
        let result = self.in_transaction(f);
        // The smaller cache frees the pages beyond it.
        if let Err(e) = set(self, pragmas::CHECKPOINT_PAGES, CACHE) {
            // What was committed is so, whatever becomes of the caches.
            tracing::warn!(error = %e, "the writer goes on with the settings of a large change");
        }
        result
    }

    /// Checkpoints the write-ahead log and shrinks the page cache. Waits for readers for so long; returns whether the
    /// log is empty.
    pub fn checkpoint(&self, wait: Duration) -> Result<bool> {
        let connection = self.connection()?;
        let work = self.health.at_work();
        work.holds();
        connection.busy_timeout(wait)?;
        let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get::<_, i64>(0));
        connection.busy_timeout(pragmas::BUSY)?;
        connection.execute_batch("PRAGMA shrink_memory")?;
        let complete = busy? == 0;
        if complete {
            // The log is empty: closing only removes the files.
            pragmas::checkpoint_on_close(connection, true)?;
        }
        Ok(complete)
    }

    /// Proves that a transaction can be opened and, unless one was written just now, that a page reaches the disk.
    pub fn prove(&mut self) -> Result<()> {
        self.connection()?.busy_timeout(PROOF_WAIT)?;
        let lately = self.written.is_some_and(|at| at.elapsed() < PROVEN);
        let proof = if lately { self.in_transaction(|_| Ok(())) } else { self.write_a_page() };
        self.connection()?.busy_timeout(pragmas::BUSY)?;
        proof
    }

    /// Rewrites the application id: a page that changes nothing and has to reach the disk.
    fn write_a_page(&mut self) -> Result<()> {
        self.in_transaction(|tx| Ok(tx.pragma_update(None, "application_id", APPLICATION_ID)?))?;
        self.written = Some(Instant::now());
        Ok(())
    }

    /// Checkpoints while idle. Returns whether nothing is left to do.
    fn checkpoint_idle(&self) -> bool {
        // Readers are not waited for: changes would wait too.
        match self.checkpoint(Duration::ZERO) {
            Ok(complete) => complete,
            Err(e) => {
                tracing::warn!(error = e.chain(), "the write-ahead log was not checkpointed");
                self.health.notice(&e);
                true
            }
        }
    }

    /// Checks whether the trouble is over.
    fn retry(&mut self, reopen: bool) {
        if !has_room(&self.path) {
            return;
        }
        if reopen || self.connection.is_none() {
            match self.reopen() {
                Ok(()) => self.health.reopened(),
                Err(OpenFault::Damaged(how)) => return self.health.damaged(&how),
                Err(fault) => {
                    tracing::warn!(error = %fault, "the database could not be opened anew; it is tried again");
                    return;
                }
            }
        }
        match self.write_a_page() {
            Ok(()) => self.health.healed(),
            Err(e) => {
                self.health.notice(&e);
            }
        }
    }

    /// Reopens the database, which reads from the disk what has reached it.
    fn reopen(&mut self) -> std::result::Result<(), OpenFault> {
        let mut readers = self.readers.close();
        if let Some(Err((_, e))) = self.connection.take().map(Connection::close) {
            tracing::warn!(error = %e, "the database did not close cleanly");
        }
        let connection = connect(&self.path)?;
        tracing::warn!(quick_check = "ok", "a write did not reach the disk for certain; the database was opened anew");
        readers.connect(&self.path)?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Keeps closing from writing to a damaged file.
    fn stop_writing(&self) {
        if let Some(connection) = &self.connection
            && let Err(e) = pragmas::checkpoint_on_close(connection, false)
        {
            tracing::warn!(error = %e, "the write-ahead file may be merged when the server stops");
        }
    }
}

/// Whether the file system has room for more than a page or two. If it is unknown: yes.
fn has_room(path: &std::path::Path) -> bool {
    let Ok(found) = rustix::fs::statvfs(place::folder_of(path)) else { return true };
    // Some blocks are reserved for root.
    let free = if rustix::process::geteuid().is_root() { found.f_bfree } else { found.f_bavail };
    found.f_blocks == 0 || free.saturating_mul(found.f_frsize) >= ROOM
}
