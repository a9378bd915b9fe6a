//! The place of a database file: whether it is safe to use, and how a whole file comes to it. Nothing here opens the
//! database.
#![expect(clippy::disallowed_methods, reason = "the folder of the database")]

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::fault::OpenFault;

/// The folder must not let others swap the file.
pub(super) fn inspect_place(path: &Path) -> Result<(), OpenFault> {
    let folder = folder_of(path);
    refuse_everybodys(folder)?;
    if let Some(network) = rustix::fs::statfs(folder).ok().and_then(|s| network(s.f_type as u32)) {
        return Err(OpenFault::Unsafe(format!(
            "{} is on a network file system ({network}); use a local one",
            folder.display()
        )));
    }
    Ok(())
}

/// Refuses a place without a database, with its whole path.
pub(super) fn refuse_missing(path: &Path) -> Result<(), OpenFault> {
    if exists(path)? {
        return Ok(());
    }
    Err(OpenFault::Missing(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())))
}

/// Refuses a folder in which everybody may replace what others have put there.
pub(super) fn refuse_everybodys(folder: &Path) -> Result<(), OpenFault> {
    let meta = std::fs::metadata(folder)
        .map_err(|e| OpenFault::io(&format!("the folder {} cannot be used", folder.display()), e))?;
    if !meta.is_dir() {
        return Err(OpenFault::Io(format!("{} is not a folder", folder.display())));
    }
    if meta.mode() & 0o002 != 0 && meta.mode() & 0o1000 == 0 {
        return Err(OpenFault::Unsafe(format!(
            "{} can be written by everybody; take that right away (chmod o-w) or use another folder",
            folder.display()
        )));
    }
    Ok(())
}

/// Whether the file exists. Links and stray write-ahead files are refused.
pub(super) fn exists(path: &Path) -> Result<bool, OpenFault> {
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            // SQLite would apply either to whatever is put in the place of the database. An empty one has nothing to
            // apply: a command that ends while a connection is still being closed can leave it.
            let strays = ["wal", "journal"].map(|suffix| sidecar(path, suffix));
            let holds = |stray: &&PathBuf| std::fs::symlink_metadata(stray).is_ok_and(|meta| meta.len() > 0);
            return match strays.iter().find(holds) {
                Some(stray) => Err(OpenFault::Damaged(format!(
                    "{} is there, but {} is not; put the database back beside it, or move it away to go on without \
                     what it holds",
                    stray.display(),
                    path.display()
                ))),
                None => Ok(false),
            };
        }
        Err(e) => return Err(OpenFault::io(&format!("cannot look at {}", path.display()), e)),
    };
    if !meta.is_file() {
        return Err(OpenFault::Unsafe(format!(
            "{} is a link or no ordinary file; name the file itself",
            path.display()
        )));
    }
    if meta.nlink() > 1 {
        return Err(OpenFault::Unsafe(format!(
            "{} has a second name (hard link); a write through one would not be seen through the other",
            path.display()
        )));
    }
    if meta.len() == 0 {
        return Err(OpenFault::Damaged(format!("{} is empty; remove it to start anew", path.display())));
    }
    Ok(true)
}

/// The name of a file system on other machines: a write-ahead log needs memory shared by all who open the file.
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
pub(super) fn is_unreliable_fs(magic: u32) -> Option<&'static str> {
    match magic {
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9p"),
        _ => None,
    }
}

/// Gives a whole file, safely on the disk, the name of what it is to be. The new name is on the disk too then.
pub(super) fn put(part: &Path, place: &Path) -> std::io::Result<()> {
    std::fs::rename(part, place)?;
    File::open(folder_of(place))?.sync_all()
}

/// What SQLite keeps beside a database.
pub(super) fn sidecar(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-{suffix}"));
    PathBuf::from(name)
}

/// The name under which SQLite opens the file: one that begins with `file:` is otherwise a URI, and `:memory:` no file.
pub(super) fn plain(path: &Path) -> PathBuf {
    Path::new(".").join(path)
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_a_uri_is_the_name_of_a_file() {
        let there = std::env::temp_dir().join("jim.db");
        assert_eq!(plain(&there), there);
        for name in ["file:jim.db?mode=memory", ":memory:", "jim.db"] {
            let plain = plain(Path::new(name));
            assert!(plain.to_str().is_some_and(|p| p.starts_with("./") && p.ends_with(name)), "{}", plain.display());
        }
    }

    #[test]
    fn file_systems_are_told_apart() {
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
            assert_eq!(
                (network(magic).is_some(), is_unreliable_fs(magic).is_some()),
                (refused, unreliable),
                "{magic:x}"
            );
        }
    }
}
