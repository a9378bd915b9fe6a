//! Taking possession of a database file: its soundness and its pragmas.
//!
//! The database itself is only ever opened through SQLite: closing any other handle on it would drop SQLite's own
//! locks. A damaged file is never renamed, truncated or repaired.
#![expect(clippy::disallowed_methods, reason = "a database that is being created, after it was closed")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::place::{doubtful, folder_of, inspect_file, put};
use super::secrets::{self, MasterKey};
use super::upgrade::{self, Step};
use super::{Db, FileLock};
use crate::error::Error;

/// SQLite below this version can corrupt a write-ahead file that is reset while it is read.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a statement waits for another program to let go of the database.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Pages in the write-ahead file after which a commit moves them into the database.
pub(super) const CHECKPOINT_PAGES: i64 = 1000;

/// Why a database cannot be used, by what to do about it. Each has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// Damaged, of another program or of a newer version. Nothing was changed.
    #[error("{0}")]
    Damaged(String),
    /// There is no database where one is needed.
    #[error("the database {} does not exist", .0.display())]
    Missing(PathBuf),
    /// The disk or the file system refuses.
    #[error("{0}")]
    Io(String),
    /// Another process holds the file.
    #[error("{0}")]
    Locked(String),
    /// The place of the file is not safe to use.
    #[error("{0}")]
    Unsafe(String),
}

impl OpenFault {
    pub(super) fn io(what: &str, e: impl std::fmt::Display) -> Self {
        OpenFault::Io(format!("{what}: {e}"))
    }
}

/// Opens the database at `path` for whoever holds its lock, once `judge` has found from the master keys that it needs
/// that it is the right one.
pub fn open<T, E: From<OpenFault>>(
    path: &Path,
    lock: FileLock,
    steps: &[Step],
    judge: impl FnOnce(&[MasterKey]) -> Result<T, E>,
) -> Result<(Db, T), E> {
    let mut connection = sound(path)?;
    let keys = secrets::checks(&connection).map_err(|e| unread(path, &e))?;
    let judged = judge(&keys)?;
    upgrade::run(path, &mut connection, steps)?;
    read_back(&connection)?;
    Ok((Db::new(path, connection, lock)?, judged))
}

/// Why it cannot be read which master keys a database needs: damage is told from a disk that refuses.
fn unread(path: &Path, e: &Error) -> OpenFault {
    match e {
        Error::Damaged { .. } => OpenFault::Damaged(format!(
            "{}: {}; nothing was changed. Restore it from a backup",
            path.display(),
            e.chain()
        )),
        _ => OpenFault::io(&format!("cannot read which master keys {} needs", path.display()), e.chain()),
    }
}

/// The connection that writes, to a file that is made if there is none.
fn sound(path: &Path) -> Result<Connection, OpenFault> {
    fit(rusqlite::version_number())?;
    if let Some(doubt) = rustix::fs::statfs(folder_of(path)).ok().and_then(|s| doubtful(s.f_type as u32)) {
        tracing::warn!(
            database = %path.display(),
            "the database is on {doubt}, which may not lock files or bring them to the disk as it says; a local file \
             system is safer"
        );
    }
    if inspect_file(path)? {
        make(path)?;
    }
    let connection = connect(path)?;
    let options = compile_options(&connection).map_err(|e| classify(path, &e))?;
    if !options.iter().any(|o| o == "THREADSAFE=1" || o == "THREADSAFE=2") {
        return Err(OpenFault::Io("this SQLite is built for one thread only".to_owned()));
    }
    tracing::debug!(
        sqlite = rusqlite::version(),
        options = options.join(" "),
        "pragmas and version are as they must be"
    );
    Ok(connection)
}

/// Refuses a library that is too old.
fn fit(version: i32) -> Result<(), OpenFault> {
    match version < OLDEST_SQLITE {
        true => Err(OpenFault::Io(format!("SQLite {} is too old", rusqlite::version()))),
        false => Ok(()),
    }
}

fn compile_options(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare("PRAGMA compile_options")?.query_map([], |r| r.get(0))?.collect()
}

/// Opens the connection that writes, once the file has proved to be ours and sound. Closed before it has written, it
/// leaves the write-ahead file as it is: one that does not belong to the database must not become a part of it.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let writer = Connection::open_with_flags(path, flags).map_err(|e| classify(path, &e))?;
    merge_on_close(&writer, false).map_err(|e| classify(path, &e))?;
    prepare(path, &writer)?;
    Ok(writer)
}

/// Whether closing the connection merges the write-ahead file into the database.
pub(super) fn merge_on_close(connection: &Connection, merge: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !merge).map(drop)
}

/// Makes a new database under another name and moves it into place when it is whole: a crash leaves either no
/// database or an empty one that can be used, and never something in between that the next start has to refuse.
fn make(path: &Path) -> Result<(), OpenFault> {
    let part = path.with_added_extension("part");
    let fault = |e: rusqlite::Error| OpenFault::io(&format!("cannot make {}", path.display()), e);
    let io = |e: std::io::Error| OpenFault::io(&format!("cannot make {}", path.display()), e);
    // What an earlier attempt left, which the lock says is over.
    let _ = std::fs::remove_file(&part);
    let made = Connection::open(&part).map_err(fault).and_then(|mut new| {
        upgrade::create(&mut new).map_err(fault)?;
        new.close().map_err(|(_, e)| fault(e))
    });
    let moved = made.and_then(|()| {
        File::open(&part).and_then(|f| f.sync_all()).map_err(io)?;
        put(&part, path).map_err(io)
    });
    moved.inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })
}

fn prepare(path: &Path, writer: &Connection) -> Result<(), OpenFault> {
    let fault = |e: rusqlite::Error| classify(path, &e);
    verify(path, writer)?;
    set_pragmas(writer).map_err(fault)?;
    read_back(writer)?;
    writer.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Refuses what is not ours, newer than us, or damaged, before anything is written.
pub(super) fn verify(path: &Path, connection: &Connection) -> Result<(), OpenFault> {
    let fault = |e: rusqlite::Error| classify(path, &e);
    let pragma = |name| connection.pragma_query_value(None, name, |r| r.get::<_, i32>(0));
    if pragma("application_id").map_err(fault)? != upgrade::APPLICATION_ID {
        return Err(OpenFault::Damaged(format!("{} is not a database of jim", path.display())));
    }
    let version = pragma("user_version").map_err(fault)?;
    if version > upgrade::VERSION {
        return Err(OpenFault::Damaged(format!(
            "{} was written by a newer version of jim (schema {version}, this one knows {}); use that version",
            path.display(),
            upgrade::VERSION
        )));
    }
    if version < upgrade::OLDEST {
        return Err(OpenFault::Damaged(format!(
            "{} has the schema version {version}, which no version of jim has written; nothing was changed. Restore it \
             from a backup",
            path.display()
        )));
    }
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(fault)?;
    if found == "ok" {
        Ok(())
    } else {
        Err(OpenFault::Damaged(format!("{} is damaged; nothing was changed. Restore it from a backup", path.display())))
    }
}

/// The settings of every connection, each with how it is set and what it reads back as.
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

/// Sets them.
pub(super) fn set_pragmas(connection: &Connection) -> rusqlite::Result<()> {
    let all: String = PRAGMAS.iter().map(|(name, value, _)| format!("PRAGMA {name} = {value};")).collect();
    connection.execute_batch(&all)
}

/// A pragma that SQLite does not know is silently ignored, and a file system may be unfit for a write-ahead log: what
/// protects data is read back.
pub(super) fn read_back(connection: &Connection) -> Result<(), OpenFault> {
    for (name, _, wanted) in PRAGMAS {
        let value: Value = connection
            .pragma_query_value(None, name, |r| r.get(0))
            .map_err(|e| OpenFault::io(&format!("cannot read back {name}"), e))?;
        let found = match value {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => text,
            other => format!("{other:?}"),
        };
        if found != wanted {
            return Err(OpenFault::Io(match name {
                "journal_mode" => format!("the file system does not support a write-ahead log (got {found})"),
                _ => format!("SQLite does not accept {name} = {wanted} (got {found})"),
            }));
        }
    }
    Ok(())
}

pub(super) fn classify(path: &Path, e: &rusqlite::Error) -> OpenFault {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
    match e.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => OpenFault::Damaged(format!(
            "{} is damaged or not a database; nothing was changed. Restore it from a backup",
            path.display()
        )),
        Some(DatabaseBusy | DatabaseLocked) => {
            OpenFault::Locked(format!("{} is locked by another program", path.display()))
        }
        _ => OpenFault::io(&format!("cannot open {}", path.display()), e),
    }
}

#[cfg(test)]
mod tests;
