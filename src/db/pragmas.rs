//! Settings of a connection: set, then read back, since SQLite ignores unknown pragmas.

use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;

use super::error::OpenError;

/// Oldest SQLite that does not corrupt a write-ahead log reset during a read.
const OLDEST_SQLITE: i32 = 3_051_003;

pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Pages in the write-ahead log after which a commit checkpoints it.
pub(super) const CHECKPOINT_PAGES: i64 = 1000;

/// Pragmas of every connection: name, value to set, value read back.
const PRAGMAS: [(&str, &str, &str); 11] = [
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", "2"),
    ("foreign_keys", "ON", "1"),
    ("busy_timeout", "5000", "5000"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
    ("secure_delete", "ON", "1"),
    ("mmap_size", "0", "0"),
    ("temp_store", "MEMORY", "2"),
    ("wal_autocheckpoint", "1000", "1000"),
    ("journal_size_limit", "67108864", "67108864"),
];

pub(super) fn set(connection: &Connection) -> rusqlite::Result<()> {
    let all: String = PRAGMAS.iter().map(|(name, value, _)| format!("PRAGMA {name} = {value};")).collect();
    connection.execute_batch(&all)
}

/// Reads the pragmas back: a file system may not support a write-ahead log.
pub(super) fn verify(connection: &Connection) -> Result<(), OpenError> {
    for (name, _, wanted) in PRAGMAS {
        let value: Value = connection
            .pragma_query_value(None, name, |r| r.get(0))
            .map_err(|e| OpenError::io(&format!("cannot read back {name}"), e))?;
        let found = match value {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => text,
            other => format!("{other:?}"),
        };
        if found != wanted {
            return Err(OpenError::Io(match name {
                "journal_mode" => format!("the file system does not support a write-ahead log (got {found})"),
                _ => format!("SQLite does not accept {name} = {wanted} (got {found})"),
            }));
        }
    }
    Ok(())
}

/// Sets whether closing the connection checkpoints the write-ahead log.
pub(super) fn checkpoint_on_close(connection: &Connection, checkpoint: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !checkpoint).map(drop)
}

pub(super) fn check_library(version: i32) -> Result<(), OpenError> {
    if version < OLDEST_SQLITE {
        return Err(OpenError::Io(format!("SQLite {} is too old", rusqlite::version())));
    }
    Ok(())
}

pub(super) fn compile_options(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare("PRAGMA compile_options")?.query_map([], |r| r.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_libraries_are_refused() {
        assert!(check_library(OLDEST_SQLITE - 1).is_err() && check_library(OLDEST_SQLITE).is_ok());
    }

    #[test]
    fn each_pragma_that_is_otherwise_is_refused() {
        let dir = tempfile::tempdir().expect("folder");
        for (name, other) in [
            ("journal_mode", "DELETE"),
            ("synchronous", "NORMAL"),
            ("foreign_keys", "OFF"),
            ("busy_timeout", "1"),
            ("trusted_schema", "ON"),
            ("cell_size_check", "OFF"),
            ("secure_delete", "OFF"),
            ("mmap_size", "65536"),
            ("temp_store", "FILE"),
            ("wal_autocheckpoint", "0"),
            ("journal_size_limit", "-1"),
        ] {
            let connection = Connection::open(dir.path().join(name)).expect("opens");
            set(&connection).expect("set");
            verify(&connection).unwrap_or_else(|e| panic!("{name}: {e}"));
            connection.execute_batch(&format!("PRAGMA {name} = {other}")).expect("set");
            let text = verify(&connection).expect_err(name).to_string();
            assert!(text.contains(name) || text.contains("write-ahead log"), "{text}");
        }
    }
}
