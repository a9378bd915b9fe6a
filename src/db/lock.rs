//! The lock of a database: a file of its own beside it, locked by the process that uses the database and never removed.
//! It contains the process id of the holder.
#![expect(clippy::disallowed_methods, reason = "the lock file")]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::fault::OpenFault;

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
    pub fn take(path: &Path) -> Result<FileLock, OpenFault> {
        let lock_path = lock_path(path);
        let file = open(&lock_path, true).map_err(|e| cannot("open", &lock_path, &e))?;
        leave_to_owner(&file, path);
        lock(file, &lock_path)?.map_err(|pid| held(path, pid))
    }

    /// Takes the lock if its file exists and it is free.
    pub(super) fn look(path: &Path) -> Result<Look, OpenFault> {
        let lock_path = lock_path(path);
        let file = match open(&lock_path, false) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Look::Absent),
            Err(e) => return Err(cannot("open", &lock_path, &e)),
        };
        Ok(lock(file, &lock_path)?.map_or_else(Look::Held, Look::Taken))
    }

    /// Rejects a database that another process holds. Creates nothing.
    pub fn refuse_held(path: &Path) -> Result<(), OpenFault> {
        match FileLock::look(path)? {
            Look::Held(pid) => Err(held(path, pid)),
            Look::Taken(_) | Look::Absent => Ok(()),
        }
    }
}

/// Result of a look at the lock.
pub(super) enum Look {
    /// There is no lock file: no server was ever here.
    Absent,
    /// It was free and is held now.
    Taken(FileLock),
    /// A process holds it, with its id if that is known.
    Held(Option<u32>),
}

fn lock_path(path: &Path) -> PathBuf {
    path.with_added_extension("lock")
}

fn open(lock_path: &Path, create: bool) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).truncate(false).mode(0o600).custom_flags(flags);
    match options.open(lock_path) {
        // A look needs no more than to read: a check by another account, or on a read-only file system.
        Err(e) if !create && matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            options.write(false).open(lock_path)
        }
        opened => opened,
    }
}

/// Gives the lock file to the account of the database where root made it: the server of that account would not start.
fn leave_to_owner(file: &File, database: &Path) {
    if let Ok(meta) = std::fs::metadata(database)
        && rustix::process::geteuid().is_root()
    {
        // What cannot be given away stays root's; only a later start is the worse for it, and says why.
        let _ = fchown(file, Some(meta.uid()), Some(meta.gid()));
    }
}

/// Locks the file and writes our process id into it; the inner error is the id of the holder.
fn lock(mut file: File, lock_path: &Path) -> Result<Result<FileLock, Option<u32>>, OpenFault> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.take(32).read_to_string(&mut text);
            return Ok(Err(text.lines().next().and_then(|line| line.parse().ok())));
        }
        // A file system without locks, or one that has no more of them.
        Err(TryLockError::Error(e)) => return Err(cannot("lock", lock_path, &e)),
    }
    // Written over what a crash left: a reader never meets an empty file. On a full disk the holder has no name.
    let line = format!("{}\n", std::process::id());
    let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(line.as_bytes()));
    let _ = written.and_then(|()| file.set_len(line.len() as u64));
    Ok(Ok(FileLock { file }))
}

fn cannot(what: &str, lock_path: &Path, e: &std::io::Error) -> OpenFault {
    OpenFault::io(&format!("cannot {what} {}", lock_path.display()), e)
}

fn held(path: &Path, pid: Option<u32>) -> OpenFault {
    let who = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
    OpenFault::Locked(format!("{} is in use by {who}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_present_holder_is_named_and_not_an_earlier_one() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("jim.db");
        assert!(matches!(FileLock::look(&path), Ok(Look::Absent)));
        std::fs::write(path.with_added_extension("lock"), "4294967295\n").expect("a stale id");
        let looking = FileLock::look(&path).expect("looks");
        assert!(matches!(looking, Look::Taken(_)));
        let Err(OpenFault::Locked(text)) = FileLock::take(&path) else { panic!("it is held") };
        assert!(text.ends_with(&format!("in use by process {}", std::process::id())), "{text}");
        assert!(matches!(FileLock::refuse_held(&path), Err(OpenFault::Locked(_))));
        drop(looking);
        FileLock::refuse_held(&path).expect("free");
        FileLock::take(&path).expect("free");
    }
}
