//! The writing connection to a file that is there. A damaged file is never renamed, truncated or repaired.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::fault::OpenFault;
use super::place::plain;
use super::{pragmas, version};

/// Prepared statements kept by the writing connection.
const STATEMENTS: usize = 64;

/// Opens the writing connection, once the file has proved to be ours and sound. Closed before it has written, it
/// leaves the write-ahead log as it is: one that does not belong to the database must not become a part of it.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenFault> {
    let failed = |e: rusqlite::Error| OpenFault::sqlite(path, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let writer = Connection::open_with_flags(plain(path), flags).map_err(failed)?;
    pragmas::checkpoint_on_close(&writer, false).map_err(failed)?;
    verify(path, &writer)?;
    pragmas::set(&writer).map_err(failed)?;
    pragmas::verify(&writer)?;
    writer.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(writer)
}

/// Rejects foreign, newer or damaged files, before anything is written.
pub(super) fn verify(path: &Path, connection: &Connection) -> Result<(), OpenFault> {
    version::check_version(path, connection)?;
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(|e| OpenFault::sqlite(path, &e))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(OpenFault::Damaged(format!("{} is damaged; nothing was changed. Restore it from a backup", path.display())))
    }
}
