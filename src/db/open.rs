//! Opening a database file for a server: made if there is none, checked, upgraded.
//!
//! The database itself is only ever opened through SQLite: closing any other handle on it would drop SQLite's own
//! locks.
#![expect(clippy::disallowed_methods, reason = "a database that is being created, after it was closed")]

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

use super::connect::connect;
use super::fault::OpenFault;
use super::place::{exists, folder_of, is_unreliable_fs, plain, put};
use super::pragmas;
use super::upgrade::{self, Step};

/// Opens the writing connection, once `accept` has accepted the content. The caller holds the lock. What `accept`
/// rejects is neither upgraded nor written in any other way.
pub(super) fn open<T, E: From<OpenFault>>(
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

fn open_checked(path: &Path) -> Result<Connection, OpenFault> {
    pragmas::check_library(rusqlite::version_number())?;
    let magic = rustix::fs::statfs(folder_of(path)).ok().map(|found| found.f_type as u32);
    if let Some(name) = magic.and_then(is_unreliable_fs) {
        tracing::warn!(
            database = %path.display(),
            "{name} may not honour locks or fsync; prefer a local file system"
        );
    }
    if !exists(path)? {
        make(path)?;
    }
    let connection = connect(path)?;
    let options = pragmas::compile_options(&connection).map_err(|e| OpenFault::sqlite(path, &e))?;
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

/// Makes a new database under another name and moves it into place when it is complete: a crash leaves either no
/// database or an empty one that can be used.
fn make(path: &Path) -> Result<(), OpenFault> {
    let part = path.with_added_extension("part");
    let failed = |e: rusqlite::Error| OpenFault::io(&format!("cannot make {}", path.display()), e);
    let io = |e: std::io::Error| OpenFault::io(&format!("cannot make {}", path.display()), e);
    // Left by an interrupted attempt; we hold the lock.
    let _ = std::fs::remove_file(&part);
    let made = Connection::open(plain(&part)).map_err(failed).and_then(|mut new| {
        upgrade::create(&mut new).map_err(failed)?;
        new.close().map_err(|(_, e)| failed(e))
    });
    let moved = made.and_then(|()| {
        File::open(&part).and_then(|f| f.sync_all()).map_err(io)?;
        put(&part, path).map_err(io)
    });
    moved.inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })
}

#[cfg(test)]
mod tests {
    use super::super::version::VERSION;
    use super::*;

    /// A file that the keyring does not belong to is not upgraded either.
    #[test]
    fn what_is_refused_is_not_upgraded() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("jim.db");
        let open = |fits: bool| {
            let step = Step { from: VERSION, sql: "CREATE TABLE more (x TEXT) STRICT" };
            let accept =
                |_: &Connection| if fits { Ok(()) } else { Err(OpenFault::Unsafe("another keyring".to_owned())) };
            super::open(&path, &[step], accept).map(drop)
        };
        make(&path).and_then(|()| connect(&path)).map(drop).expect("made");
        let before = std::fs::read(&path).expect("there");
        assert_eq!(open(false).expect_err("refused").to_string(), "another keyring");
        assert!(std::fs::read(&path).expect("there") == before, "it was written");
        assert!(!path.with_added_extension("version-1").exists());
        open(true).expect("upgraded");
        assert!(path.with_added_extension("version-1").exists());
    }
}
