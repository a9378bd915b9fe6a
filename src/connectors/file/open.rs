//! Opening of files below the connector files folder. The system resolves the path and refuses each step out of the
//! folder, so a link changed meanwhile does not escape either. Only regular files are opened, without blocking: a pipe
//! without a writer would otherwise hold the import forever.

use std::io::{self, ErrorKind};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// Texts of all but the last variant continue the file's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OpenError {
    Missing(String),
    File(String),
    Folder(String),
}

/// Opens a path below the root; a leading slash stands for the root.
pub(super) fn open(root: &Path, path: &str) -> Result<File, OpenError> {
    let folder = Dir::open_ambient_dir(root, ambient_authority())
        .map_err(|e| OpenError::Folder(format!("the connector files folder cannot be opened: {}", e.kind())))?;
    let relative = path.trim_start_matches('/');
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    let file = folder.open_with(if relative.is_empty() { "." } else { relative }, &options).map_err(|e| error(&e))?;
    let kind = file.metadata().map_err(|e| error(&e))?.file_type();
    match (kind.is_file(), kind.is_dir()) {
        (true, _) => Ok(file),
        (_, true) => Err(OpenError::File(" is a folder, not a file".to_owned())),
        _ => Err(irregular()),
    }
}

fn irregular() -> OpenError {
    OpenError::File(" is not a regular file".to_owned())
}

fn error(e: &io::Error) -> OpenError {
    match e.raw_os_error().map(Errno::from_raw_os_error) {
        // The library itself, not a system call, refuses a step out of the folder.
        None if e.kind() == ErrorKind::PermissionDenied => OpenError::File(
            " leads out of the connector files folder; links must be relative and stay inside it".to_owned(),
        ),
        Some(Errno::NOENT) => {
            OpenError::Missing(" does not exist below the connector files folder, where a leading / begins".to_owned())
        }
        Some(Errno::LOOP) => OpenError::File(" is a link that leads back to itself".to_owned()),
        // Sockets, and devices without a driver.
        Some(Errno::NXIO | Errno::NODEV) => irregular(),
        _ => OpenError::File(format!(" cannot be read: {}", e.kind())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    /// A folder with things in it, beside a file that must not be read.
    fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
        let outer = tempfile::tempdir().expect("folder");
        let root = outer.path().join("files");
        fs::create_dir_all(root.join("hr/old")).expect("folders");
        fs::write(root.join("hr/people.csv"), "inside").expect("file");
        fs::write(outer.path().join("secret"), "outside").expect("file");
        (outer, root)
    }

    fn text(root: &Path, path: &str) -> Result<String, OpenError> {
        let mut text = String::new();
        open(root, path)?.read_to_string(&mut text).expect("read");
        Ok(text)
    }

    fn refused(root: &Path, path: &str) -> String {
        match text(root, path).expect_err(path) {
            OpenError::File(why) => why,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn paths_and_links_that_stay_inside_are_followed() {
        let (_outer, root) = folder();
        symlink("people.csv", root.join("hr/current.csv")).expect("link");
        symlink("hr", root.join("staff")).expect("link");
        symlink("../../hr/people.csv", root.join("hr/old/up.csv")).expect("link");
        for path in [
            "hr/people.csv",
            "/hr/people.csv",
            "///hr//people.csv",
            "./hr/../hr/people.csv",
            "hr/current.csv",
            "staff/people.csv",
            "/staff/current.csv",
            "hr/old/up.csv",
        ] {
            assert_eq!(text(&root, path).as_deref(), Ok("inside"), "{path}");
        }
    }

    #[test]
    fn nothing_leads_out() {
        let (outer, root) = folder();
        let absolute = outer.path().join("secret");
        symlink("../secret", root.join("out.csv")).expect("link");
        symlink("../../secret", root.join("hr/out.csv")).expect("link");
        symlink(&absolute, root.join("absolute.csv")).expect("link");
        symlink("..", root.join("up")).expect("link");
        symlink("/", root.join("all")).expect("link");
        symlink("../missing", root.join("nowhere.csv")).expect("link");
        let all = format!("all{}", absolute.display());
        for path in [
            "../secret",
            "/../secret",
            "hr/../../secret",
            "hr/../../files/hr/people.csv",
            "out.csv",
            "hr/out.csv",
            "absolute.csv",
            "up/secret",
            "../missing",
            "nowhere.csv",
            "..",
            &all,
        ] {
            assert!(refused(&root, path).contains("leads out of the connector files folder"), "{path}");
        }
        // An absolute path is one below the root, not that file.
        assert!(matches!(text(&root, &absolute.display().to_string()), Err(OpenError::Missing(_))));
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_waits() {
        let (_outer, root) = folder();
        mkfifoat(CWD, root.join("pipe"), Mode::RUSR | Mode::WUSR).expect("pipe");
        symlink("pipe", root.join("pipe.csv")).expect("link");
        symlink("b", root.join("a")).expect("link");
        symlink("a", root.join("b")).expect("link");
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).expect("socket");
        for (path, wanted) in [
            ("hr", " is a folder, not a file"),
            ("/", " is a folder, not a file"),
            ("pipe", " is not a regular file"),
            ("pipe.csv", " is not a regular file"),
            ("socket", " is not a regular file"),
            ("a", " is a link that leads back to itself"),
            ("hr/people.csv/", " cannot be read: not a directory"),
            ("hr/people.csv/x", " cannot be read: not a directory"),
            ("hr/\0", " cannot be read: invalid input parameter"),
            (&"x".repeat(4096), " cannot be read: invalid filename"),
        ] {
            assert_eq!(refused(&root, path), wanted, "{path}");
        }
    }

    #[test]
    fn a_missing_file_is_not_a_missing_folder() {
        let (_outer, root) = folder();
        symlink("2026-11-21.csv", root.join("dangling.csv")).expect("link");
        for path in ["people.csv", "no/people.csv", "dangling.csv"] {
            assert!(matches!(text(&root, path), Err(OpenError::Missing(_))), "{path}");
        }
        let error = open(&root.join("no"), "people.csv").expect_err("no folder");
        assert_eq!(
            error,
            OpenError::Folder("the connector files folder cannot be opened: entity not found".to_owned())
        );
    }

    #[test]
    fn refused_reads_are_named() {
        // The superuser may read everything, so that a file without rights shows nothing.
        let why = |errno: Errno| error(&io::Error::from_raw_os_error(errno.raw_os_error()));
        assert_eq!(why(Errno::ACCESS), OpenError::File(" cannot be read: permission denied".to_owned()));
        assert_eq!(why(Errno::PERM), OpenError::File(" cannot be read: permission denied".to_owned()));
        assert!(matches!(why(Errno::IO), OpenError::File(why) if why.starts_with(" cannot be read: ")));
    }
}
