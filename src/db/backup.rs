//! Copies of the whole database: written from a snapshot, beside a running server too, and renamed into place. Format and
//! checks of a backup are in `ops`.
#![expect(clippy::disallowed_methods, reason = "copies that no connection is open on")]

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::OpenError;
use super::place;

/// Copies one snapshot into a new file and syncs it.
pub fn copy(source: &Connection, target: &Path) -> Result<(), OpenError> {
    let cannot = |e: &dyn std::fmt::Display| OpenError::cannot("write", target, e);
    let name = place::sqlite_name(target);
    let name = name.to_str().ok_or_else(|| cannot(&"the path is not UTF-8"))?;
    // SQLite would create it readable for others, and accepts an empty file.
    create(target).map_err(|e| cannot(&e))?;
    source.execute("VACUUM INTO ?1", [name]).map_err(|e| match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            OpenError::Damaged(format!("the database is damaged and was not copied: {e}"))
        }
        _ => cannot(&e),
    })?;
    File::open(target).and_then(|f| f.sync_all()).map_err(|e| cannot(&e))
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Copy under a temporary name beside the database. Removed when dropped.
pub struct Incoming<'a> {
    part: PathBuf,
    place: &'a Path,
}

impl<'a> Incoming<'a> {
    /// Writes the content of a reader and syncs it. The caller holds the lock of `place`.
    pub fn receive(place: &'a Path, from: &mut impl Read) -> Result<Incoming<'a>, OpenError> {
        let incoming = Incoming { part: place.with_added_extension("part"), place };
        // Left by an interrupted attempt; we hold the lock.
        let _ = std::fs::remove_file(&incoming.part);
        let written = create(&incoming.part).and_then(|mut file| {
            std::io::copy(from, &mut file)?;
            file.sync_all()
        });
        written.map_err(|e| OpenError::cannot("write", &incoming.part, e))?;
        Ok(incoming)
    }

    pub fn path(&self) -> &Path {
        &self.part
    }

    /// Changes the copy in one transaction.
    pub fn change<T>(&self, f: impl FnOnce(&Transaction<'_>) -> crate::error::Result<T>) -> Result<T, OpenError> {
        let cannot = |e: &dyn std::fmt::Display| OpenError::cannot("write", &self.part, e);
        let mut connection = Connection::open(place::sqlite_name(&self.part)).map_err(|e| cannot(&e))?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|e| cannot(&e))?;
        let value = f(&tx).map_err(|e| cannot(&e.chain()))?;
        tx.commit().map_err(|e| cannot(&e))?;
        connection.close().map_err(|(_, e)| cannot(&e))?;
        Ok(value)
    }

    /// Renames it to the database.
    pub fn put_in_place(self) -> Result<(), OpenError> {
        place::rename_synced(&self.part, self.place).map_err(|e| OpenError::cannot("create", self.place, e))
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        // After the rename nothing has this name.
        let _ = std::fs::remove_file(&self.part);
    }
}
