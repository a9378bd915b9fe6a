//! Copies of the whole database: made beside a running server or alone, and moved into place.
//!
//! The database itself is read by SQLite only. What a copy is wrapped in, and whether it may be used, is decided in
//! `ops`.
#![expect(clippy::disallowed_methods, reason = "copies that no connection is open on")]

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::check::Inspection;
use super::fault::OpenFault;
use super::place;

/// Copies one snapshot into a new file and syncs it.
pub fn copy(source: &Inspection, target: &Path) -> Result<(), OpenFault> {
    copy_of(source.connection(), target)
}

/// The same for a connection.
pub(super) fn copy_of(source: &Connection, target: &Path) -> Result<(), OpenFault> {
    let cannot = |e: &dyn std::fmt::Display| OpenFault::Io(format!("cannot write {}: {e}", target.display()));
    let name = place::plain(target);
    let name = name.to_str().ok_or_else(|| cannot(&"the path is not UTF-8"))?;
    // SQLite would make it readable for others; it takes an empty file for a new one.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target);
    drop(made.map_err(|e| cannot(&e))?);
    source.execute("VACUUM INTO ?1", [name]).map_err(|e| match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            OpenFault::Damaged(format!("the database is damaged and was not copied: {e}"))
        }
        _ => cannot(&e),
    })?;
    // No connection is open on the copy by now.
    File::open(target).and_then(|f| f.sync_all()).map_err(|e| cannot(&e))
}

/// Rejects a folder in which everybody could replace a backup.
pub fn inspect_folder(folder: &Path) -> Result<(), OpenFault> {
    place::refuse_everybodys(folder)
}

/// Copy beside the place of a database, under another name. Removed when dropped.
pub struct Incoming<'a> {
    part: PathBuf,
    place: &'a Path,
}

impl<'a> Incoming<'a> {
    /// Writes the content of a reader beside `place` and syncs it. The caller holds the lock of `place`.
    pub fn receive(place: &'a Path, from: &mut impl Read) -> Result<Incoming<'a>, OpenFault> {
        let incoming = Incoming { part: place.with_added_extension("part"), place };
        let cannot = |e: std::io::Error| OpenFault::io(&format!("cannot write {}", incoming.part.display()), e);
        // Left by an interrupted attempt; we hold the lock.
        let _ = std::fs::remove_file(&incoming.part);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&incoming.part);
        let mut file = made.map_err(cannot)?;
        std::io::copy(from, &mut file).and_then(|_| file.sync_all()).map_err(cannot)?;
        Ok(incoming)
    }

    pub fn path(&self) -> &Path {
        &self.part
    }

    /// Renames it to the database.
    pub fn put_in_place(self) -> Result<(), OpenFault> {
        place::put(&self.part, self.place)
            .map_err(|e| OpenFault::io(&format!("cannot make {}", self.place.display()), e))
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        // After the move there is nothing of this name.
        let _ = std::fs::remove_file(&self.part);
    }
}
