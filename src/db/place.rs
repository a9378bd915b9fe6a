//! The place of a database file: checks of folder and file system, and an atomic rename. Nothing here opens the database.
#![expect(clippy::disallowed_methods, reason = "the folder of the database")]

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::OpenError;

/// Rejects a folder in which others can replace the file, and network file systems.
pub(super) fn refuse_unsafe(path: &Path) -> Result<(), OpenError> {
    let folder = folder_of(path);
    refuse_world_writable(folder)?;
    if let Some(network) = rustix::fs::statfs(folder).ok().and_then(|s| network(s.f_type as u32)) {
        let at = folder.display();
        return Err(OpenError::Unsafe(format!("{at} is on a network file system ({network}); use a local one")));
    }
    Ok(())
}

/// Rejects a path without a database. The error has the absolute path.
pub fn refuse_missing(path: &Path) -> Result<(), OpenError> {
    if exists(path)? {
        return Ok(());
    }
    Err(OpenError::Missing(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())))
}

/// Rejects a folder in which every account may replace files of others.
pub fn refuse_world_writable(folder: &Path) -> Result<(), OpenError> {
    let at = folder.display();
    let meta = std::fs::metadata(folder).map_err(|e| OpenError::cannot("use the folder", folder, e))?;
    if !meta.is_dir() {
        return Err(OpenError::Io(format!("{at} is not a folder")));
    }
    if meta.mode() & 0o002 != 0 && meta.mode() & 0o1000 == 0 {
        return Err(OpenError::Unsafe(format!(
            "{at} is writable by every account; remove that right (chmod o-w) or use another folder"
        )));
    }
    Ok(())
}

/// Whether the file exists. Links and write-ahead files without a database are rejected.
pub(super) fn exists(path: &Path) -> Result<bool, OpenError> {
    let at = path.display();
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            // SQLite would apply either to the next database at this path. An empty one, which a command can leave when
            // it ends while a connection closes, is harmless.
            let strays = ["wal", "journal"].map(|suffix| sidecar(path, suffix));
            let holds = |stray: &&PathBuf| std::fs::symlink_metadata(stray).is_ok_and(|meta| meta.len() > 0);
            return match strays.iter().find(holds) {
                Some(stray) => Err(OpenError::Damaged(format!(
                    "{} exists, but {at} does not; put the database back beside it, or move it away to go on without \
                     its changes",
                    stray.display()
                ))),
                None => Ok(false),
            };
        }
        Err(e) => return Err(OpenError::cannot("look at", path, e)),
    };
    if !meta.is_file() {
        return Err(OpenError::Unsafe(format!("{at} is a link or no ordinary file; name the file itself")));
    }
    if meta.nlink() > 1 {
        return Err(OpenError::Unsafe(format!(
            "{at} has a second name (hard link); a write through one would not be seen through the other"
        )));
    }
    if meta.len() == 0 {
        return Err(OpenError::Damaged(format!("{at} is empty; remove it to create a new database")));
    }
    Ok(true)
}

/// Name of a network file system: a write-ahead log needs memory shared by all processes that open the file.
fn network(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB2"),
        _ => None,
    }
}

/// Name of a file system whose locks and fsync depend on a user program.
pub(super) fn unreliable_fs(magic: u32) -> Option<&'static str> {
    match magic {
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9p"),
        _ => None,
    }
}

/// Renames a complete, synced file to `place` and syncs the folder.
pub(super) fn rename_synced(part: &Path, place: &Path) -> std::io::Result<()> {
    std::fs::rename(part, place)?;
    File::open(folder_of(place))?.sync_all()
}

/// File that SQLite keeps beside a database.
pub(super) fn sidecar(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-{suffix}"));
    PathBuf::from(name)
}

/// Path for SQLite, which would take `file:...` for a URI and `:memory:` for no file.
pub(super) fn sqlite_name(path: &Path) -> PathBuf {
    Path::new(".").join(path)
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_a_uri_is_the_name_of_a_file() {
        let there = std::env::temp_dir().join("jim.db");
        assert_eq!(sqlite_name(&there), there);
        for name in ["file:jim.db?mode=memory", ":memory:", "jim.db"] {
            let path = sqlite_name(Path::new(name));
            assert!(path.to_str().is_some_and(|p| p.starts_with("./") && p.ends_with(name)), "{}", path.display());
        }
    }

    #[test]
    fn network_and_unreliable_file_systems_are_recognised() {
        for (magic, refused, unreliable) in [
            (0x6969, true, false),
            (0x517b, true, false),
            (0xff53_4d42, true, false),
            (0xfe53_4d42, true, false),
            (0x6573_5546, false, true),
            (0x0102_1997, false, true),
            (0xef53, false, false),
            (0x0102_1994, false, false),
        ] {
            assert_eq!((network(magic).is_some(), unreliable_fs(magic).is_some()), (refused, unreliable), "{magic:x}");
        }
    }
}
