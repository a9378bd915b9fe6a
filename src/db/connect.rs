//! The writing connection to an existing file, and the identity by which a file is recognised. A damaged file is never
//! renamed, truncated or repaired.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;
use super::place::sqlite_name;
use super::pragmas;

/// "JIM1": marks the file as ours.
pub(super) const APPLICATION_ID: i32 = 0x4a49_4d31;
/// Schema version that this program writes.
pub(super) const VERSION: i32 = 1;
/// Oldest schema version that can be upgraded.
pub(super) const OLDEST: i32 = 1;

const CACHED_STATEMENTS: usize = 64;

/// Opens the writing connection after checking the file. Closed before its first write, it leaves the write-ahead log
/// alone: a log of another database must not be checkpointed into this one.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let failed = |e: rusqlite::Error| OpenError::sqlite(path, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let writer = Connection::open_with_flags(sqlite_name(path), flags).map_err(failed)?;
    pragmas::checkpoint_on_close(&writer, false).map_err(failed)?;
    verify(path, &writer)?;
    pragmas::set(&writer).map_err(failed)?;
    pragmas::verify(&writer)?;
    writer.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(writer)
}

/// Rejects foreign, newer or damaged files, before anything is written.
pub(super) fn verify(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let (failed, at) = (|e: rusqlite::Error| OpenError::sqlite(path, &e), path.display());
    let application: i32 = connection.pragma_query_value(None, "application_id", |r| r.get(0)).map_err(failed)?;
    if application != APPLICATION_ID {
        return Err(OpenError::Damaged(format!("{at} is not a database of jim")));
    }
    let version = version(connection).map_err(failed)?;
    if version > VERSION {
        return Err(OpenError::Damaged(format!(
            "{at} was written by a newer version of jim (schema {version}, this one knows {VERSION}); use that version"
        )));
    }
    if version < OLDEST {
        return Err(OpenError::Damaged(format!(
            "{at} has the schema version {version}, which no version of jim writes; nothing was changed. Restore it from \
             a backup"
        )));
    }
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(failed)?;
    if check != "ok" {
        return Err(OpenError::Damaged(format!("{at} is damaged; nothing was changed. Restore it from a backup")));
    }
    Ok(())
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |r| r.get(0))
}
