//! State of the storage: sound, in trouble that may pass, or damaged for good. Every failed statement is judged here.
//! Nothing here touches the file; the writer acts on the state.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rusqlite::{ErrorCode, ffi};

use super::fault::not_ready;
use crate::error::{Error, Result};

/// State of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Changes are accepted.
    Sound,
    /// The disk is full or fails. Changes are refused until one of the writer's own has reached the disk.
    Troubled {
        since: Instant,
        /// An fsync failed: only what is read from the disk again can be trusted.
        reopen: bool,
    },
    /// The file is not what was written. Nothing is written until the server ends.
    Damaged,
}

/// Activity of the writer.
const IDLE: u8 = 0;
const WAITS: u8 = 1;
const WRITES: u8 = 2;

/// Shared state of one database.
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

    /// Refuses a change while it would not be kept.
    pub fn takes_changes(&self) -> Result<()> {
        match self.condition() {
            Condition::Sound => Ok(()),
            _ => Err(not_ready(None)),
        }
    }

    /// Judges a failure. Returns whether the state changed.
    pub fn notice(&self, error: &Error) -> bool {
        let mut condition = self.condition.lock();
        let next = match (*condition, Fault::of(error)) {
            (Condition::Damaged, _) | (_, None) => return false,
            (_, Some(Fault::Damage)) => {
                drop(condition);
                self.damaged(&error.chain());
                return true;
            }
            (Condition::Troubled { since, reopen }, Some(Fault::Disk { unsure })) => {
                Condition::Troubled { since, reopen: reopen || unsure }
            }
            (Condition::Sound, Some(Fault::Disk { unsure })) => {
                tracing::error!(
                    database = %self.path.display(),
                    error = error.chain(),
                    "the disk is full or fails: changes are refused until it takes them again; see to the disk, no \
                     restart is needed"
                );
                Condition::Troubled { since: Instant::now(), reopen: unsure }
            }
        };
        let changed = *condition != next;
        *condition = next;
        changed
    }

    /// Marks the file as damaged, for good.
    pub fn damaged(&self, how: &str) {
        *self.condition.lock() = Condition::Damaged;
        tracing::error!(
            database = %self.path.display(),
            error = how,
            "the database is damaged: no change is accepted any more. Stop the server, look at it with jim check, \
             move it away and bring back a backup with jim restore"
        );
    }

    /// Notes that the database was reopened and found sound.
    pub fn reopened(&self) {
        if let Condition::Troubled { reopen, .. } = &mut *self.condition.lock() {
            *reopen = false;
        }
    }

    /// Notes that a page reached the disk.
    pub fn healed(&self) {
        let mut condition = self.condition.lock();
        if let Condition::Troubled { since, .. } = *condition {
            *condition = Condition::Sound;
            tracing::warn!(seconds = since.elapsed().as_secs(), "the disk takes changes again");
        }
    }

    /// Guard of a write: waiting for the lock of the database, then holding it.
    pub fn at_work(&self) -> AtWork<'_> {
        self.writer.store(WAITS, Ordering::Release);
        AtWork(&self.writer)
    }

    /// Whether the writer holds the lock of the database.
    pub fn is_writing(&self) -> bool {
        self.writer.load(Ordering::Acquire) == WRITES
    }

    /// Whether the writer waits for a lock of another program.
    pub fn waits_for_others(&self) -> bool {
        self.writer.load(Ordering::Acquire) == WAITS
    }
}

/// Guard of a write, see [`Health::at_work`].
pub(super) struct AtWork<'a>(&'a AtomicU8);

impl AtWork<'_> {
    pub fn holds(&self) {
        self.0.store(WRITES, Ordering::Release);
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.store(IDLE, Ordering::Release);
    }
}

/// Meaning of a failure for the storage.
enum Fault {
    Damage,
    /// `unsure` if an fsync failed.
    Disk {
        unsure: bool,
    },
}

impl Fault {
    fn of(error: &Error) -> Option<Fault> {
        if matches!(error, Error::Damaged { .. }) {
            return Some(Fault::Damage);
        }
        let source = std::error::Error::source(error)?.downcast_ref::<rusqlite::Error>()?;
        match source.sqlite_error_code()? {
            ErrorCode::DiskFull => Some(Fault::Disk { unsure: false }),
            ErrorCode::SystemIoFailure => {
                let exact = source.sqlite_extended_error_code();
                let syncing = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC];
                Some(Fault::Disk { unsure: exact.is_some_and(|code| syncing.contains(&code)) })
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
            health.notice(&failure(*code));
        }
        health.condition()
    }

    #[test]
    fn each_failure_says_what_it_is() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_READ] {
            assert!(matches!(after(&[code]), Condition::Troubled { reopen: false, .. }), "{code}");
        }
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC] {
            assert!(matches!(after(&[code]), Condition::Troubled { reopen: true, .. }), "{code}");
            assert!(matches!(after(&[code, ffi::SQLITE_FULL]), Condition::Troubled { reopen: true, .. }), "{code}");
            assert!(matches!(after(&[ffi::SQLITE_FULL, code]), Condition::Troubled { reopen: true, .. }), "{code}");
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
    fn trouble_passes_and_damage_does_not() {
        let health = Health::new(Path::new("x"));
        assert!(health.notice(&failure(ffi::SQLITE_IOERR_FSYNC)));
        assert!(matches!(health.takes_changes(), Err(Error::Unavailable { .. })));
        health.reopened();
        assert!(matches!(health.condition(), Condition::Troubled { reopen: false, .. }));
        health.healed();
        assert!(health.takes_changes().is_ok());
        health.damaged("for a test");
        health.healed();
        assert!(!health.notice(&failure(ffi::SQLITE_FULL)));
        assert_eq!(health.condition(), Condition::Damaged);
        assert!(matches!(health.takes_changes(), Err(Error::Unavailable { .. })));
    }
}
