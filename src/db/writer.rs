//! The writer: a thread with the only writing connection. It runs jobs in order, checkpoints when it is idle and retries
//! while the storage fails.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::connect::APPLICATION_ID;
use super::connect::connect;
use super::error::{OpenError, not_ready};
use super::health::{Condition, Health};
use super::readers::Readers;
use super::{place, pragmas};
use crate::error::Result;

/// Idle time before the writer checkpoints.
const IDLE: Duration = Duration::from_secs(1);
/// Interval of retries while the storage fails.
const RETRY: Duration = Duration::from_secs(5);
/// Age below which the last commit answers a readiness check.
const MAX_COMMIT_AGE: Duration = Duration::from_secs(1);
/// Busy timeout of a readiness check.
const TEST_TIMEOUT: Duration = Duration::from_millis(500);
/// Page caches of a large transaction and of all others, in SQLite's form: negative KiB.
const LARGE_CACHE: i64 = -8_192;
const CACHE: i64 = -2_000;
/// Free bytes below which a full disk stays full: SQLite may still fit a single page where it has written before.
const MIN_FREE: u64 = 256 * 1024;

pub(super) type Job = Box<dyn FnOnce(&mut Writer) + Send>;

pub(super) struct Writer {
    path: PathBuf,
    // None if the database could not be reopened.
    connection: Option<Connection>,
    readers: Arc<Readers>,
    pub health: Arc<Health>,
    last_commit: Option<Instant>,
}

impl Writer {
    pub fn new(path: PathBuf, connection: Connection, readers: Arc<Readers>, health: Arc<Health>) -> Writer {
        Writer { path, connection: Some(connection), readers, health, last_commit: None }
    }

    pub fn run(mut self, queue: &mpsc::Receiver<Job>) {
        let mut checkpointed = true;
        let mut tried = None;
        loop {
            let wait = match self.health.condition() {
                Condition::Failing { .. } => {
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
                Condition::Failing { reopen, .. } => {
                    // At once after a failed fsync, else after the interval.
                    let due = tried.map_or(reopen, |at| at.elapsed() >= RETRY);
                    if due {
                        self.retry(reopen);
                    }
                    if due || tried.is_none() {
                        tried = Some(Instant::now());
                    }
                }
                Condition::Damaged => self.stop_writing(),
            }
        }
        if self.health.condition() == Condition::Damaged {
            self.stop_writing();
        }
        self.close();
    }

    fn close(&mut self) {
        if let Some(Err((_, e))) = self.connection.take().map(Connection::close) {
            tracing::warn!(error = %e, "the database did not close cleanly");
        }
    }

    fn run_job(&mut self, job: Job) {
        // A panic drops the reply, which is an error to the caller, and rolls the transaction back.
        let run = std::panic::AssertUnwindSafe(|| job(self));
        if std::panic::catch_unwind(run).is_err() {
            tracing::error!("write job panicked; transaction rolled back");
        }
    }

    pub fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().ok_or_else(|| not_ready(None))
    }

    /// Runs a closure in an IMMEDIATE transaction and commits it if the closure succeeds.
    pub fn in_transaction<T>(&mut self, f: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let connection = self.connection.as_mut().ok_or_else(|| not_ready(None))?;
        let guard = self.health.begin_write();
        let before = connection.total_changes();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        guard.lock_acquired();
        let value = f(&transaction)?;
        transaction.commit()?;
        // After the first commit the write-ahead log is known to belong to this database.
        if let Err(e) = pragmas::checkpoint_on_close(connection, true) {
            tracing::warn!(error = %e, "the write-ahead log may be left when the server stops");
        }
        if connection.total_changes() != before {
            self.last_commit = Some(Instant::now());
        }
        Ok(value)
    }

    /// Like [`Writer::in_transaction`] for many pages: without a checkpoint, and with a page cache for the inner pages of
    /// the indexes. Small changes would fill such a cache over many minutes, which looks like a leak.
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
            // The commit stands.
            tracing::warn!(error = %e, "the writer keeps the settings of a large change");
        }
        result
    }

    /// Checkpoints the write-ahead log and shrinks the page cache. Returns whether the log is empty.
    pub fn checkpoint(&self, wait: Duration) -> Result<bool> {
        let connection = self.connection()?;
        let guard = self.health.begin_write();
        guard.lock_acquired();
        connection.busy_timeout(wait)?;
        let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get::<_, i64>(0));
        connection.busy_timeout(pragmas::BUSY)?;
        connection.execute_batch("PRAGMA shrink_memory")?;
        let complete = busy? == 0;
        if complete {
            // Closing then only removes the files.
            pragmas::checkpoint_on_close(connection, true)?;
        }
        Ok(complete)
    }

    /// Opens a transaction and, unless one was just committed, writes a page to the disk.
    pub fn test_write(&mut self) -> Result<()> {
        self.connection()?.busy_timeout(TEST_TIMEOUT)?;
        let recent = self.last_commit.is_some_and(|at| at.elapsed() < MAX_COMMIT_AGE);
        let result = if recent { self.in_transaction(|_| Ok(())) } else { self.rewrite_page() };
        self.connection()?.busy_timeout(pragmas::BUSY)?;
        result
    }

    /// Rewrites the application id, which changes nothing but must reach the disk.
    fn rewrite_page(&mut self) -> Result<()> {
        self.in_transaction(|tx| Ok(tx.pragma_update(None, "application_id", APPLICATION_ID)?))?;
        self.last_commit = Some(Instant::now());
        Ok(())
    }

    /// Checkpoints without waiting for readers, which would delay changes. Returns whether nothing is left to do.
    fn checkpoint_idle(&self) -> bool {
        self.checkpoint(Duration::ZERO).unwrap_or_else(|e| {
            tracing::warn!(error = e.chain(), "the write-ahead log was not checkpointed");
            self.health.record(&e);
            true
        })
    }

    /// Retries a write, after reopening the database if an fsync failed.
    fn retry(&mut self, reopen: bool) {
        if !has_room(&self.path) {
            return;
        }
        if reopen || self.connection.is_none() {
            match self.reopen() {
                Ok(()) => self.health.reopened(),
                Err(OpenError::Damaged(error)) => return self.health.damaged(&error),
                Err(error) => {
                    tracing::warn!(%error, "the database could not be reopened; retrying");
                    return;
                }
            }
        }
        match self.rewrite_page() {
            Ok(()) => self.health.recovered(),
            Err(e) => drop(self.health.record(&e)),
        }
    }

    /// Closes all connections and reads from the disk again.
    fn reopen(&mut self) -> std::result::Result<(), OpenError> {
        let pool = self.readers.clone();
        let mut readers = pool.close();
        self.close();
        let connection = connect(&self.path)?;
        tracing::warn!(quick_check = "ok", "an fsync failed; database reopened");
        readers.connect(&self.path)?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Prevents that closing writes to a damaged file.
    fn stop_writing(&self) {
        if let Some(connection) = &self.connection
            && let Err(e) = pragmas::checkpoint_on_close(connection, false)
        {
            tracing::warn!(error = %e, "the write-ahead log may be checkpointed when the server stops");
        }
    }
}

/// Whether the file system has room for several pages. Unknown counts as yes.
fn has_room(path: &std::path::Path) -> bool {
    let Ok(found) = rustix::fs::statvfs(place::folder_of(path)) else { return true };
    // Some blocks are reserved for root.
    let free = if rustix::process::geteuid().is_root() { found.f_bfree } else { found.f_bavail };
    found.f_blocks == 0 || free.saturating_mul(found.f_frsize) >= MIN_FREE
}
