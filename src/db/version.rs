//! Identity of a database file: application id and schema version.

use std::path::Path;

use rusqlite::Connection;

use super::fault::OpenFault;

/// "JIM1": marks the file as ours.
pub(super) const APPLICATION_ID: i32 = 0x4a49_4d31;
/// Schema version that this program writes.
pub(super) const VERSION: i32 = 1;
/// Oldest schema version that can be upgraded.
pub(super) const OLDEST: i32 = 1;

/// Schema version of an open file.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |r| r.get(0))
}

/// Rejects foreign and newer files.
pub(super) fn check_version(path: &Path, connection: &Connection) -> Result<(), OpenFault> {
    let failed = |e: rusqlite::Error| OpenFault::sqlite(path, &e);
    let application: i32 = connection.pragma_query_value(None, "application_id", |r| r.get(0)).map_err(failed)?;
    if application != APPLICATION_ID {
        return Err(OpenFault::Damaged(format!("{} is not a database of jim", path.display())));
    }
    let version = version(connection).map_err(failed)?;
    if version > VERSION {
        return Err(OpenFault::Damaged(format!(
            "{} was written by a newer version of jim (schema {version}, this one knows {VERSION}); use that version",
            path.display()
        )));
    }
    if version < OLDEST {
        return Err(OpenFault::Damaged(format!(
            "{} has the schema version {version}, which no version of jim has written; nothing was changed. Restore it \
             from a backup",
            path.display()
        )));
    }
    Ok(())
}
