//! State of the storage: sound, failing or damaged, derived from the errors of statements. The writer acts on it; nothing
//! here touches the file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rusqlite::{ErrorCode, ffi};

use super::error::not_ready;
use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Sound,
    /// The disk is full or fails. Changes are refused until a page of the writer's own has reached the disk.
    Failing {
        since: Instant,
        /// An fsync failed: only pages read from the disk again can be trusted.
        reopen: bool,
    },
    /// The content of the file changed by itself. Nothing is written until the server stops.
    Damaged,
}

/// States of the writer.
const IDLE: u8 = 0;
const WAITING: u8 = 1;
const WRITING: u8 = 2;

pub(super) struct Health {
    path: PathBuf,
    condition: Mutex<Condition>,
    writer: AtomicU8,
}

impl Health {
    pub fn new(path: &Path) -> Health {
        Health { path: path.to_owned(), condition: Mutex::new(Condition::Sound), writer: AtomicU8::new(IDLE) }
    }

    pub fn condition(&self) -> Condition {
        *self.condition.lock()
    }

    /// Rejects changes unless the storage is sound.
    pub fn takes_changes(&self) -> Result<()> {
        if self.condition() == Condition::Sound { Ok(()) } else { Err(not_ready(None)) }
    }

    /// Derives the state after an error. Returns whether it changed.
    pub fn record(&self, error: &Error) -> bool {
        let mut condition = self.condition.lock();
        let next = match (*condition, Failure::of(error)) {
            (Condition::Damaged, _) | (_, None) => return false,
            (_, Some(Failure::Damage)) => {
                drop(condition);
                self.damaged(&error.chain());
                return true;
            }
            (Condition::Failing { since, reopen }, Some(Failure::Disk { of_fsync })) => {
                Condition::Failing { since, reopen: reopen || of_fsync }
            }
            (Condition::Sound, Some(Failure::Disk { of_fsync })) => {
                tracing::error!(
                    database = %self.path.display(),
                    error = error.chain(),
                    "the disk is full or fails: changes are refused until a write succeeds again; repair the disk, no \
                     restart is needed"
                );
                Condition::Failing { since: Instant::now(), reopen: of_fsync }
            }
        };
        let changed = *condition != next;
        *condition = next;
        changed
    }

    /// Marks the file as damaged, permanently.
    pub fn damaged(&self, error: &str) {
        *self.condition.lock() = Condition::Damaged;
        tracing::error!(
            database = %self.path.display(),
            error,
            "the database is damaged: changes are refused. Stop the server, run jim check, move the database away and \
             run jim restore"
        );
    }

    /// Records that the database was reopened and checked.
    pub fn reopened(&self) {
        if let Condition::Failing { reopen, .. } = &mut *self.condition.lock() {
            *reopen = false;
        }
    }

    /// Records that a page reached the disk.
    pub fn recovered(&self) {
        let mut condition = self.condition.lock();
        if let Condition::Failing { since, .. } = *condition {
            *condition = Condition::Sound;
            tracing::warn!(seconds = since.elapsed().as_secs(), "the disk takes changes again");
        }
    }

    /// Starts a write, which waits for the lock of the database.
    pub fn begin_write(&self) -> WriteGuard<'_> {
        self.writer.store(WAITING, Ordering::Release);
        WriteGuard(&self.writer)
    }

    /// Whether the writer holds the lock of the database.
    pub fn is_writing(&self) -> bool {
        self.writer.load(Ordering::Acquire) == WRITING
    }

    /// Whether the writer waits for a lock of another program.
    pub fn waits_for_lock(&self) -> bool {
        self.writer.load(Ordering::Acquire) == WAITING
    }
}

/// Guard of a write, see [`Health::begin_write`].
pub(super) struct WriteGuard<'a>(&'a AtomicU8);

impl WriteGuard<'_> {
    pub fn lock_acquired(&self) {
        self.0.store(WRITING, Ordering::Release);
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        self.0.store(IDLE, Ordering::Release);
    }
}

/// Meaning of an error for the storage.
enum Failure {
    Damage,
    Disk { of_fsync: bool },
}

impl Failure {
    fn of(error: &Error) -> Option<Failure> {
        if matches!(error, Error::Damaged { .. }) {
            return Some(Failure::Damage);
        }
        let source = std::error::Error::source(error)?.downcast_ref::<rusqlite::Error>()?;
        match source.sqlite_error_code()? {
            ErrorCode::DiskFull => Some(Failure::Disk { of_fsync: false }),
            ErrorCode::SystemIoFailure => {
                let fsync = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC];
                let of_fsync = source.sqlite_extended_error_code().is_some_and(|code| fsync.contains(&code));
                Some(Failure::Disk { of_fsync })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
    }

    fn after(codes: &[i32]) -> Condition {
        let health = Health::new(Path::new("x"));
        for code in codes {
            health.record(&failure(*code));
        }
        health.condition()
    }

    #[test]
    fn full_failing_and_damaged_are_distinguished() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_READ] {
            assert!(matches!(after(&[code]), Condition::Failing { reopen: false, .. }), "{code}");
        }
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC] {
            assert!(matches!(after(&[code]), Condition::Failing { reopen: true, .. }), "{code}");
            assert!(matches!(after(&[code, ffi::SQLITE_FULL]), Condition::Failing { reopen: true, .. }), "{code}");
            assert!(matches!(after(&[ffi::SQLITE_FULL, code]), Condition::Failing { reopen: true, .. }), "{code}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_CORRUPT_INDEX] {
            assert_eq!(after(&[code]), Condition::Damaged, "{code}");
            assert_eq!(after(&[ffi::SQLITE_FULL, code, ffi::SQLITE_FULL]), Condition::Damaged, "{code}");
        }
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_READONLY, ffi::SQLITE_CONSTRAINT] {
            assert_eq!(after(&[code]), Condition::Sound, "{code}");
        }
    }

    #[test]
    fn a_failing_disk_recovers_and_damage_stays() {
        let health = Health::new(Path::new("x"));
        assert!(health.record(&failure(ffi::SQLITE_IOERR_FSYNC)));
        assert!(matches!(health.takes_changes(), Err(Error::Unavailable { .. })));
        health.reopened();
        assert!(matches!(health.condition(), Condition::Failing { reopen: false, .. }));
        health.recovered();
        assert!(health.takes_changes().is_ok());
        health.damaged("for a test");
        health.recovered();
        assert!(!health.record(&failure(ffi::SQLITE_FULL)));
        assert_eq!(health.condition(), Condition::Damaged);
        assert!(matches!(health.takes_changes(), Err(Error::Unavailable { .. })));
    }
}
