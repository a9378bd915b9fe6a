//! Read-only inspection of a database file, beside a running server or alone.

use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, OpenFlags};

use super::connect::verify;
use super::error::OpenError;
use super::lock::{FileLock, Holder};
use super::place;

/// Read-only connection, with the lock if no other process holds it.
pub struct Inspection {
    connection: Connection,
    pub holder: Option<Holder>,
    // Keeps a server from starting in the middle of the check.
    _lock: Option<FileLock>,
}

/// Rule that SQL constraints cannot state: its text and a query for violations.
pub type Rule = (&'static str, &'static str);

impl Inspection {
    /// Opens the file for reading and takes its lock if that is free. Creates nothing.
    pub fn open(path: &Path) -> Result<Inspection, OpenError> {
        place::refuse_missing(path)?;
        match FileLock::take_existing(path)? {
            Ok(lock) => Inspection::connect(path, lock, None),
            Err(holder) => Inspection::connect(path, None, Some(holder)),
        }
    }

    /// Like [`Inspection::open`], but creates a missing lock file.
    pub fn open_locked(path: &Path) -> Result<Inspection, OpenError> {
        place::refuse_missing(path)?;
        match FileLock::take(path) {
            Ok(lock) => Inspection::connect(path, Some(lock), None),
            Err(OpenError::Locked(_)) => Inspection::open(path),
            Err(other) => Err(other),
        }
    }

    fn connect(path: &Path, lock: Option<FileLock>, holder: Option<Holder>) -> Result<Inspection, OpenError> {
        let wal = place::sidecar(path, "wal");
        let checkpointed = std::fs::metadata(&wal).map_or(true, |m| m.len() == 0);
        let connection = if holder.is_none() && checkpointed {
            // No other process can write and the file is complete: SQLite needs to create no files beside it.
            let name = utf8_percent_encode(&place::sqlite_name(path).to_string_lossy(), NON_ALPHANUMERIC).to_string();
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(format!("file:{}?immutable=1", name.replace("%2F", "/")), flags)
        } else {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(place::sqlite_name(path), flags)
        };
        let connection = connection.map_err(|e| OpenError::sqlite(path, &e))?;
        // The file may be hostile, and its content must not go to a temporary folder.
        connection
            .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY")
            .map_err(|e| OpenError::sqlite(path, &e))?;
        verify(path, &connection)?;
        Ok(Inspection { connection, holder, _lock: lock })
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Names of all checks with their violations: structure, references and the given rules.
    pub fn violations(&self, rules: &[Rule]) -> Result<Vec<(&'static str, Vec<String>)>, OpenError> {
        let mut checked = vec![("application id and schema version", Vec::new())];
        let mut integrity = self.column("PRAGMA integrity_check(20)")?;
        integrity.retain(|line| line != "ok");
        checked.push(("structure of the file", integrity));
        checked.push((
            "references between tables",
            self.column("SELECT \"table\" || ' row ' || coalesce(rowid, '?') FROM pragma_foreign_key_check LIMIT 20")?,
        ));
        for (what, sql) in rules {
            checked.push((what, self.column(&format!("SELECT * FROM ({sql}) LIMIT 20"))?));
        }
        Ok(checked)
    }

    fn column(&self, sql: &str) -> Result<Vec<String>, OpenError> {
        let broken = |e: rusqlite::Error| OpenError::Damaged(format!("a check could not be carried out: {e}"));
        let mut statement = self.connection.prepare(sql).map_err(broken)?;
        let rows = statement.query_map([], |r| r.get(0)).map_err(broken)?;
        rows.collect::<rusqlite::Result<_>>().map_err(broken)
    }
}
