//! Backup: a folder with a copy of the database and a manifest. The keyring is never in it, so that a stolen backup opens
//! no secret.
//!
//! It is written under a temporary name beside its place and renamed when it is complete, checked and synced. Leftovers of
//! a crash are removed by the next backup of the same name.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::manifest::Manifest;
use super::start::StartError;
use crate::config::Config;
use crate::db::check::Inspection;
use crate::db::{OpenError, backup, refuse_world_writable};
use crate::error::Error;
use crate::security::{random, sha256};
use crate::store::contents::{Contents, contents};
use crate::store::rules::RULES;
use crate::store::to_text;

/// Name of the copy of the database.
pub(super) const COPY: &str = "jim.db";
/// Name of the manifest.
pub(super) const MANIFEST: &str = "manifest";
/// Files that an unfinished backup can hold.
const PIECES: [&str; 5] = [COPY, MANIFEST, "jim.db-journal", "jim.db-wal", "jim.db-shm"];

/// A finished backup.
#[derive(Debug)]
pub struct Backup {
    pub folder: PathBuf,
    /// Bytes of the copy.
    pub size: u64,
    /// Rows of all tables.
    pub rows: i64,
    /// Ids of the master keys that it needs.
    pub kids: Vec<u32>,
}

/// Makes a backup in a folder that does not exist or is empty; a server may be running.
///
/// # Errors
/// No backup then exists, not even a partial one.
pub fn run(config: &Config, named: &Path) -> Result<Backup, StartError> {
    let folder = place(config, named)?;
    let source = Inspection::open_locked(&config.database)?;
    let part = Part::make(&folder)?;
    let copy = part.path.join(COPY);
    backup::copy(source.connection(), &copy)?;
    let contents = check_copy(&copy, "the database cannot be backed up; see jim check")?;
    let io = |e: std::io::Error| OpenError::Io(format!("cannot write the backup {}: {e}", folder.display()));
    let (size, sha256) = measure(&copy).map_err(io)?;
    let manifest = Manifest {
        created: to_text(OffsetDateTime::now_utc()),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        size,
        sha256,
        contents,
    };
    part.write(&manifest).and_then(|()| part.finish(&folder)).map_err(io)?;
    let rows = manifest.contents.rows.iter().map(|(_, n)| n).sum();
    Ok(Backup { folder, size, rows, kids: manifest.contents.kids })
}

/// Size and SHA-256 of a copy of the database.
#[expect(clippy::disallowed_methods, reason = "a copy that no connection is open on")]
pub(super) fn measure(copy: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(copy)?;
    Ok((file.metadata()?.len(), sha256(&mut file)?))
}

/// Checks a copy by every rule and returns its contents. An error begins with `verdict`.
pub(super) fn check_copy(copy: &Path, verdict: &str) -> Result<Contents, StartError> {
    let inspection = Inspection::open(copy)?;
    let mut violations = inspection.violations(RULES)?.into_iter().filter(|(_, found)| !found.is_empty());
    if let Some((what, found)) = violations.next() {
        let found = found.first().map(String::as_str).unwrap_or_default();
        return Err(OpenError::Damaged(format!("{verdict}: {what}: {found}")).into());
    }
    let broken = |e: Error| OpenError::Damaged(format!("{verdict}: {}", e.chain()));
    Ok(contents(inspection.connection()).map_err(broken)?)
}

pub(super) fn refused(why: String) -> StartError {
    Error::BadRequest(why).into()
}

/// Canonical path of the backup, which must not exist or be an empty folder.
fn place(config: &Config, named: &Path) -> Result<PathBuf, StartError> {
    let at = named.display();
    // `.` and `..` name folders too.
    let whole = named.file_name().is_none().then(|| named.canonicalize().ok()).flatten();
    let named = whole.as_deref().unwrap_or(named);
    let name = named.file_name().ok_or_else(|| refused(format!("{at} is no name for a new folder")))?;
    let parent = named.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = parent.canonicalize().ok().filter(|p| p.is_dir());
    let parent = found.ok_or_else(|| refused(format!("{at}: {} is no folder; create it first", parent.display())))?;
    refuse_world_writable(&parent)?;
    let root = config.files_root.as_ref().and_then(|r| r.canonicalize().ok());
    if root.is_some_and(|root| parent.starts_with(root)) {
        return Err(refused(format!("{at} is in the folder of [files] root, which callers of the API can read from")));
    }
    let folder = parent.join(name);
    let cannot = |e: std::io::Error| OpenError::Io(format!("cannot look at {at}: {e}"));
    match std::fs::symlink_metadata(&folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(folder),
        Err(e) => Err(cannot(e).into()),
        Ok(meta) if !meta.is_dir() => Err(refused(format!("{at} exists and is no folder"))),
        Ok(_) => match std::fs::read_dir(&folder).map_err(cannot)?.next() {
            None => Ok(folder),
            Some(_) => Err(refused(format!("{at} is not empty; a backup never replaces anything, name a new folder"))),
        },
    }
}

/// An unfinished backup. It is removed when dropped.
struct Part {
    path: PathBuf,
    /// Locked, which distinguishes it from one that a crash left.
    folder: File,
}

impl Part {
    fn make(backup: &Path) -> Result<Part, OpenError> {
        sweep(backup);
        let path = backup.with_added_extension(format!("part-{:08x}", u32::from_be_bytes(random())));
        let cannot = |e: std::io::Error| OpenError::Io(format!("cannot make {}: {e}", path.display()));
        DirBuilder::new().mode(0o700).create(&path).map_err(cannot)?;
        match lock_folder(&path) {
            Ok(folder) => Ok(Part { path, folder }),
            Err(e) => {
                let _ = std::fs::remove_dir(&path);
                Err(cannot(e))
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a manifest")]
    fn write(&self, manifest: &Manifest) -> std::io::Result<()> {
        let path = self.path.join(MANIFEST);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(manifest.to_string().as_bytes())?;
        file.sync_all()
    }

    /// Moves it to its name. An empty folder of that name is replaced, nothing else is.
    fn finish(self, backup: &Path) -> std::io::Result<()> {
        self.folder.sync_all()?;
        std::fs::rename(&self.path, backup)?;
        open_folder(backup.parent().unwrap_or(Path::new("/")))?.sync_all()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After the rename nothing has this name.
        remove(&self.path);
    }
}

/// A folder, to lock or sync it.
#[expect(clippy::disallowed_methods, reason = "the folder of a backup, or one above it")]
fn open_folder(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

fn lock_folder(path: &Path) -> std::io::Result<File> {
    let folder = open_folder(path)?;
    folder.try_lock()?;
    Ok(folder)
}

/// Removes unfinished backups of this name that crashes left.
fn sweep(backup: &Path) {
    let prefix = backup.file_name().map(|name| format!("{}.part-", name.to_string_lossy())).unwrap_or_default();
    let entries = backup.parent().and_then(|parent| std::fs::read_dir(parent).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|n| n.strip_prefix(&prefix)).unwrap_or_default();
        let ours = random.len() == 8 && random.bytes().all(|b| b.is_ascii_hexdigit());
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        // While the lock is held here, no other process can write to it.
        if ours
            && is_folder
            && let Ok(_locked) = lock_folder(&entry.path())
        {
            remove(&entry.path());
        }
    }
}

/// Removes an unfinished backup, and a folder only if it holds nothing else.
fn remove(part: &Path) {
    for piece in PIECES {
        let _ = std::fs::remove_file(part.join(piece));
    }
    let _ = std::fs::remove_dir(part);
}
