//! Restore of a backup, for a server that is stopped and has no database.
//!
//! The copy is checked against manifest and keyring under a temporary name; under its own name the database is complete
//! and opens with this keyring.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use super::backup::{COPY, MANIFEST, check_copy, measure, refused};
use super::manifest::Manifest;
use super::start::StartError;
use crate::config::Config;
use crate::db::backup::Incoming;
use crate::db::check::Inspection;
use crate::db::{Db, FileLock, OpenError};
use crate::error::Error;
use crate::security::secret::Keyring;
use crate::store::{connector_space, secrets};

/// Size limit of a manifest, which has a line per table and per key.
const MAX_MANIFEST: u64 = 64 * 1024;

/// Result of a restore.
#[derive(Debug)]
pub struct Restored {
    /// Time of the backup.
    pub created: String,
    /// Bytes of the database.
    pub size: u64,
    /// Rows of all tables.
    pub rows: i64,
}

/// Restores a backup to the configured place.
///
/// # Errors
/// Nothing was changed.
pub fn run(config: &Config, backup: &Path) -> Result<Restored, StartError> {
    let place = config.database.as_path();
    let exists = Db::exists(place)?;
    let lock = FileLock::take(place)?;
    if exists || Db::exists(place)? {
        return Err(StartError::Configuration(format!(
            "{} exists; nothing was changed. A restore never replaces a database: move it away first, or name another \
             place with [database] path",
            place.display()
        )));
    }
    let manifest = read_manifest(backup)?;
    let keyring = Keyring::load(&config.keyring).map_err(|fault| StartError::Configuration(fault.to_string()))?;
    let held = |kid: &&u32| !keyring.holds(**kid);
    let lacking: Vec<String> = manifest.contents.kids.iter().filter(held).map(|kid| format!("{kid:08x}")).collect();
    if !lacking.is_empty() {
        return Err(StartError::Configuration(format!(
            "the keyring {} lacks what the backup was sealed with: {}; nothing was written. Put back the keyring of \
             that time or a later one",
            keyring.path().display(),
            lacking.join(", ")
        )));
    }
    let incoming = receive(place, backup, &manifest)?;
    let contents = check_copy(incoming.path(), &cannot_be_used(backup))?;
    if contents != manifest.contents {
        return Err(damaged(backup, "the database holds something else than its manifest says"));
    }
    check_keys(incoming.path(), &keyring)?;
    // Objects made between backup and restore had ids that must not name others.
    incoming.change(connector_space::skip_ids)?;
    incoming.put_in_place()?;
    drop(lock);
    let rows = contents.rows.iter().map(|(_, n)| n).sum();
    Ok(Restored { created: manifest.created, size: manifest.size, rows })
}

fn cannot_be_used(backup: &Path) -> String {
    format!("the backup {} cannot be used", backup.display())
}

fn damaged(backup: &Path, why: &str) -> StartError {
    OpenError::Damaged(format!("{}: {why}", cannot_be_used(backup))).into()
}

fn read_manifest(backup: &Path) -> Result<Manifest, StartError> {
    if !backup.is_dir() {
        return Err(refused(format!("{} is not a folder; name one that jim backup made", backup.display())));
    }
    let mut text = String::new();
    let read = open_piece(backup, MANIFEST)?.take(MAX_MANIFEST).read_to_string(&mut text);
    read.map_err(|e| damaged(backup, &format!("its manifest cannot be read: {e}")))?;
    Manifest::parse(&text).map_err(|why| damaged(backup, &format!("its manifest: {why}")))
}

/// Opens a regular file of a backup; a pipe does not block.
#[expect(clippy::disallowed_methods, reason = "a piece of a backup")]
fn open_piece(backup: &Path, name: &str) -> Result<File, StartError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let path = backup.join(name);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(&path);
    let file = file.map_err(|e| match e.kind() {
        ErrorKind::NotFound => damaged(backup, &format!("it holds no {name}")),
        _ => StartError::Database(OpenError::Io(format!("cannot read {}: {e}", path.display()))),
    })?;
    if !file.metadata().is_ok_and(|m| m.is_file()) {
        return Err(damaged(backup, &format!("its {name} is no ordinary file")));
    }
    Ok(file)
}

/// Copies the database beside its place. The digest is taken of the written copy.
fn receive<'a>(place: &'a Path, backup: &Path, manifest: &Manifest) -> Result<Incoming<'a>, StartError> {
    let from = open_piece(backup, COPY)?;
    let io = |e: std::io::Error| OpenError::Io(format!("cannot read {}: {e}", backup.display()));
    let size = from.metadata().map_err(io)?.len();
    if size != manifest.size {
        return Err(damaged(backup, &format!("{COPY} has {size} bytes, not {} as its manifest says", manifest.size)));
    }
    let incoming = Incoming::receive(place, &mut from.take(size))?;
    let io = |e: std::io::Error| OpenError::Io(format!("cannot read {}: {e}", incoming.path().display()));
    let (_, sha256) = measure(incoming.path()).map_err(io)?;
    if sha256 != manifest.sha256 {
        return Err(damaged(backup, &format!("{COPY} is not what was backed up: its SHA-256 is another one")));
    }
    Ok(incoming)
}

/// Checks that the keyring holds the keys that sealed the copy, not others of the same id.
fn check_keys(copy: &Path, keyring: &Keyring) -> Result<(), StartError> {
    let inspection = Inspection::open(copy)?;
    let broken = |e: Error| OpenError::Damaged(format!("{}: {}", copy.display(), e.chain()));
    for (kid, value) in secrets::checks(inspection.connection()).map_err(broken)? {
        if !keyring.passes_check(kid, &value) {
            return Err(StartError::Configuration(format!(
                "the keyring {} holds another key {kid:08x} than the one the backup was sealed with; nothing was written",
                keyring.path().display()
            )));
        }
    }
    Ok(())
}
