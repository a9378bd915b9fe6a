//! A table of the tests' own, to see what SQLite keeps at a power loss without the program.

use std::path::Path;

use rusqlite::params;

use super::Database;

/// Makes the file.
pub fn make(file: &Path) {
    let Database(c) = Database::writable(file);
    c.execute_batch(
        "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT); CREATE INDEX i ON t (text)",
    )
    .expect("made");
    c.close().expect("closes");
}

/// Commits so many rows, each followed by a call.
pub fn commit(file: &Path, synchronous: &str, count: i64, mut committed: impl FnMut(i64)) {
    let Database(c) = Database::writable(file);
    c.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 60; PRAGMA foreign_keys = ON"
    ))
    .expect("set");
    for n in 1..=count {
        c.execute("INSERT INTO t (n, text) VALUES (?1, ?2)", params![n, format!("{n} ").repeat(300)]).expect("written");
        committed(n);
    }
}

/// How many rows a file has, unless it is corrupt.
pub fn rows(file: &Path) -> Option<i64> {
    let c = rusqlite::Connection::open(file).ok()?;
    let sound: String = c.query_row("PRAGMA integrity_check", [], |r| r.get(0)).ok()?;
    let count = c.query_row("SELECT count(*) FROM t", [], |r| r.get(0)).ok()?;
    (sound == "ok").then_some(count)
}
