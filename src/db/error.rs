//! Errors of the database: why a file cannot be opened, and how SQLite's own errors map to [`Error`].

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode::{
    CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, ReadOnly, SystemIoFailure,
};

use crate::error::Error;

/// Reasons why a database cannot be opened, by remedy. Each has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Damaged, of another program or of a newer version. Nothing was changed.
    #[error("{0}")]
    Damaged(String),
    #[error("the database {} does not exist", .0.display())]
    Missing(PathBuf),
    /// The disk or the file system failed.
    #[error("{0}")]
    Io(String),
    #[error("{0}")]
    Locked(String),
    /// The place of the file is not safe to use.
    #[error("{0}")]
    Unsafe(String),
}

impl OpenError {
    pub(super) fn io(what: &str, e: impl std::fmt::Display) -> Self {
        OpenError::Io(format!("{what}: {e}"))
    }

    pub(super) fn cannot(verb: &str, path: &Path, e: impl std::fmt::Display) -> Self {
        OpenError::Io(format!("cannot {verb} {}: {e}", path.display()))
    }

    /// Error of a statement on a file that is being opened.
    pub(super) fn sqlite(path: &Path, e: &rusqlite::Error) -> Self {
        match e.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => OpenError::Damaged(format!(
                "{} is damaged or not a database; nothing was changed. Restore it from a backup",
                path.display()
            )),
            Some(DatabaseBusy | DatabaseLocked) => {
                OpenError::Locked(format!("{} is locked by another program", path.display()))
            }
            _ => OpenError::cannot("open", path, e),
        }
    }

    /// Error of a query on a file that is being opened; a failing disk is not damage.
    pub(crate) fn query(path: &Path, what: &str, e: &Error) -> Self {
        match e {
            Error::Damaged { .. } => OpenError::Damaged(format!(
                "{}: {}; nothing was changed. Restore it from a backup",
                path.display(),
                e.chain()
            )),
            _ => OpenError::cannot(&format!("read {what} of"), path, e.chain()),
        }
    }
}

impl From<rusqlite::Error> for Error {
    /// Locks and disk errors may pass and are "unavailable"; damage is for the operator; everything else is a bug.
    fn from(e: rusqlite::Error) -> Self {
        match e.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure | CannotOpen | ReadOnly) => {
                Error::Unavailable { why: "the database is not available", source: Some(e.into()) }
            }
            Some(DatabaseCorrupt | NotADatabase) => Error::Damaged { source: e.into() },
            _ => Error::internal("the database refused a statement", e),
        }
    }
}

/// Answer to a request while the storage cannot serve it.
pub(super) fn not_ready(source: Option<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Unavailable { why: "the storage is not ready", source }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn keys_that_cannot_be_read_are_refused_with_the_reason() {
        let failed = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into();
        let query = |code| OpenError::query("jim.db".as_ref(), "the master keys", &failed(code));
        assert!(matches!(query(ffi::SQLITE_CORRUPT), OpenError::Damaged(text) if text.contains("jim.db")));
        assert!(matches!(query(ffi::SQLITE_IOERR), OpenError::Io(text) if text.contains("jim.db")));
    }
}
