//! Opening of a database file for a server: created if it is missing, checked, upgraded.
//!
//! The database is only ever opened through SQLite: closing any other handle on it would drop SQLite's locks.
#![expect(clippy::disallowed_methods, reason = "a database that is being created, after it was closed")]

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

use super::connect::connect;
use super::error::OpenError;
use super::place::{exists, folder_of, rename_synced, sqlite_name, unreliable_fs};
use super::pragmas;
use super::upgrade::{self, Step};

/// Opens the writing connection. A file that `accept` rejects is not written. The caller holds the lock.
pub(super) fn open<T, E: From<OpenError>>(
    path: &Path,
    steps: &[Step],
    accept: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<(Connection, T), E> {
    let mut connection = open_checked(path)?;
    let accepted = accept(&connection)?;
    upgrade::run(path, &mut connection, steps)?;
    pragmas::verify(&connection)?;
    Ok((connection, accepted))
}

fn open_checked(path: &Path) -> Result<Connection, OpenError> {
    pragmas::check_library(rusqlite::version_number())?;
    let magic = rustix::fs::statfs(folder_of(path)).ok().map(|found| found.f_type as u32);
    if let Some(name) = magic.and_then(unreliable_fs) {
        tracing::warn!(database = %path.display(), "{name} may not honour locks or fsync; prefer a local file system");
    }
    if !exists(path)? {
        create(path)?;
    }
    let connection = connect(path)?;
    let options = pragmas::compile_options(&connection).map_err(|e| OpenError::sqlite(path, &e))?;
    if !options.iter().any(|o| o == "THREADSAFE=1" || o == "THREADSAFE=2") {
        return Err(OpenError::Io("this SQLite is built for one thread only".to_owned()));
    }
    tracing::debug!(sqlite = rusqlite::version(), options = options.join(" "), "pragmas and version verified");
    Ok(connection)
}

/// Creates a database under a temporary name and renames it when it is complete, so that a crash leaves no partial one.
fn create(path: &Path) -> Result<(), OpenError> {
    let part = path.with_added_extension("part");
    let failed = |e: rusqlite::Error| OpenError::cannot("create", path, e);
    // Left by an interrupted attempt; we hold the lock.
    let _ = std::fs::remove_file(&part);
    let made = Connection::open(sqlite_name(&part)).map_err(failed).and_then(|mut new| {
        upgrade::create(&mut new).map_err(failed)?;
        new.close().map_err(|(_, e)| failed(e))
    });
    let renamed = made.and_then(|()| {
        let synced = File::open(&part).and_then(|f| f.sync_all());
        synced.and_then(|()| rename_synced(&part, path)).map_err(|e| OpenError::cannot("create", path, e))
    });
    renamed.inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })
}

#[cfg(test)]
mod tests {
    use super::super::connect::VERSION;
    use super::*;

    #[test]
    fn what_is_refused_is_not_upgraded() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("jim.db");
        let open = |fits: bool| {
            let step = Step { from: VERSION, sql: "CREATE TABLE more (x TEXT) STRICT" };
            let accept =
                |_: &Connection| if fits { Ok(()) } else { Err(OpenError::Unsafe("another keyring".to_owned())) };
            super::open(&path, &[step], accept).map(drop)
        };
        create(&path).and_then(|()| connect(&path)).map(drop).expect("made");
        let before = std::fs::read(&path).expect("there");
        assert_eq!(open(false).expect_err("refused").to_string(), "another keyring");
        assert!(std::fs::read(&path).expect("there") == before, "it was written");
        assert!(!path.with_added_extension("version-1").exists());
        open(true).expect("upgraded");
        assert!(path.with_added_extension("version-1").exists());
    }
}
