//! Read-only inspection of a database file, beside a running server or alone.

use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, OpenFlags};

use super::connect::verify;
use super::fault::OpenFault;
use super::lock::{FileLock, Look};
use super::place;

/// Open inspection of a database.
pub struct Inspection {
    connection: Connection,
    pub beside: Option<Beside>,
    // Keeps a server from starting in the middle of the check.
    _lock: Option<FileLock>,
}

/// Rule that SQL constraints cannot state: its text and a query for the offenders.
pub type Rule = (&'static str, &'static str);

/// Another process that uses the database, with its id if that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beside(pub Option<u32>);

impl Inspection {
    /// Opens the file for reading. Beside a server no lock is taken; alone the lock is held.
    pub fn open(path: &Path) -> Result<Inspection, OpenFault> {
        place::refuse_missing(path)?;
        Inspection::beside(path)
    }

    /// The same, but alone the lock file is created if it is missing.
    pub fn hold(path: &Path) -> Result<Inspection, OpenFault> {
        place::refuse_missing(path)?;
        match FileLock::take(path) {
            Ok(lock) => Inspection::connect(path, Some(lock), None),
            Err(OpenFault::Locked(_)) => Inspection::beside(path),
            Err(other) => Err(other),
        }
    }

    fn beside(path: &Path) -> Result<Inspection, OpenFault> {
        match FileLock::look(path)? {
            Look::Absent => Inspection::connect(path, None, None),
            Look::Taken(lock) => Inspection::connect(path, Some(lock), None),
            Look::Held(pid) => Inspection::connect(path, None, Some(Beside(pid))),
        }
    }

    fn connect(path: &Path, lock: Option<FileLock>, beside: Option<Beside>) -> Result<Inspection, OpenFault> {
        let wal = place::sidecar(path, "wal");
        let settled = std::fs::metadata(&wal).map_or(true, |m| m.len() == 0);
        let connection = if beside.is_none() && settled {
            // No other process can write: the file is complete, and SQLite needs no files of its own beside it.
            let name = utf8_percent_encode(&place::plain(path).to_string_lossy(), NON_ALPHANUMERIC).to_string();
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(format!("file:{}?immutable=1", name.replace("%2F", "/")), flags)
        } else {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(place::plain(path), flags)
        };
        let connection = connection.map_err(|e| OpenFault::sqlite(path, &e))?;
        // The file may come from a stranger, and nothing of it belongs in a temporary folder.
        connection
            .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY")
            .map_err(|e| OpenFault::sqlite(path, &e))?;
        verify(path, &connection)?;
        Ok(Inspection { connection, beside, _lock: lock })
    }

    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Checks and their offenders: structure, references and the given rules.
    pub fn faults(&self, rules: &[Rule]) -> Result<Vec<(&'static str, Vec<String>)>, OpenFault> {
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

    fn column(&self, sql: &str) -> Result<Vec<String>, OpenFault> {
        let broken = |e: rusqlite::Error| OpenFault::Damaged(format!("a check could not be carried out: {e}"));
        let mut statement = self.connection.prepare(sql).map_err(broken)?;
        let rows = statement.query_map([], |r| r.get(0)).map_err(broken)?;
        rows.collect::<rusqlite::Result<_>>().map_err(broken)
    }
}
