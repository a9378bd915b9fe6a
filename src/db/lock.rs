//! The lock of a database: a file beside it, locked by the process that uses the database, never removed, with the
//! process id of the holder in it.
#![expect(clippy::disallowed_methods, reason = "the lock file")]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::error::OpenError;

/// Lock on a database, held until it is dropped or the process ends.
pub struct FileLock {
    file: File,
}

impl Drop for FileLock {
    /// Clears the process id, before the file is closed and with it the lock released.
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

impl FileLock {
    /// Takes the lock of the database at `path`, or names the holder. Creates the lock file beside it.
    pub fn take(path: &Path) -> Result<FileLock, OpenError> {
        let lock_path = lock_path(path);
        let file = open(&lock_path, true).map_err(|e| OpenError::cannot("open", &lock_path, e))?;
        give_to_owner(&file, path);
        lock(file, &lock_path)?.map_err(|holder| holder.refusal(path))
    }

    /// Takes the lock if it is free. `None` if its file does not exist: no server was ever here.
    pub(super) fn take_existing(path: &Path) -> Result<Result<Option<FileLock>, Holder>, OpenError> {
        let lock_path = lock_path(path);
        match open(&lock_path, false) {
            Ok(file) => Ok(lock(file, &lock_path)?.map(Some)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Ok(None)),
            Err(e) => Err(OpenError::cannot("open", &lock_path, e)),
        }
    }

    /// Rejects a database that another process holds. Creates nothing.
    pub fn refuse_held(path: &Path) -> Result<(), OpenError> {
        FileLock::take_existing(path)?.map(drop).map_err(|holder| holder.refusal(path))
    }
}

/// Process that holds a lock, with its id if that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(pub Option<u32>);

impl Holder {
    fn refusal(self, path: &Path) -> OpenError {
        let holder = self.0.map_or("another process".to_owned(), |pid| format!("process {pid}"));
        OpenError::Locked(format!("{} is in use by {holder}", path.display()))
    }
}

fn lock_path(path: &Path) -> PathBuf {
    path.with_added_extension("lock")
}

fn open(lock_path: &Path, create: bool) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).truncate(false).mode(0o600).custom_flags(flags);
    match options.open(lock_path) {
        // Reading is enough for a check by another account, or on a read-only file system.
        Err(e) if !create && matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            options.write(false).open(lock_path)
        }
        opened => opened,
    }
}

/// Gives a lock file made by root to the owner of the database, whose server would not start otherwise.
fn give_to_owner(file: &File, database: &Path) {
    if let Ok(meta) = std::fs::metadata(database)
        && rustix::process::geteuid().is_root()
    {
        // Without that right it stays root's; the next start by the owner fails with the reason.
        let _ = fchown(file, Some(meta.uid()), Some(meta.gid()));
    }
}

/// Locks the file and writes our process id into it, or returns the holder.
fn lock(mut file: File, lock_path: &Path) -> Result<Result<FileLock, Holder>, OpenError> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.take(32).read_to_string(&mut text);
            return Ok(Err(Holder(text.lines().next().and_then(|line| line.parse().ok()))));
        }
        // A file system without locks, or with none left.
        Err(TryLockError::Error(e)) => return Err(OpenError::cannot("lock", lock_path, e)),
    }
    // Overwrites the id that a crash left, so that no reader sees an empty file. On a full disk the id is unknown.
    let line = format!("{}\n", std::process::id());
    let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(line.as_bytes()));
    let _ = written.and_then(|()| file.set_len(line.len() as u64));
    Ok(Ok(FileLock { file }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_holder_is_named_and_not_a_stale_one() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("jim.db");
        assert!(matches!(FileLock::take_existing(&path), Ok(Ok(None))));
        std::fs::write(path.with_added_extension("lock"), "4294967295\n").expect("a stale id");
        let taken = FileLock::take_existing(&path).expect("opens").expect("free");
        assert!(taken.is_some());
        let Err(OpenError::Locked(text)) = FileLock::take(&path) else { panic!("it is held") };
        assert!(text.ends_with(&format!("in use by process {}", std::process::id())), "{text}");
        assert!(matches!(FileLock::refuse_held(&path), Err(OpenError::Locked(_))));
        drop(taken);
        FileLock::refuse_held(&path).expect("free");
        FileLock::take(&path).expect("free");
    }
}
