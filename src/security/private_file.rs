//! Files with secrets: one that others can read is refused before a byte of it is used.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::domain::text::UTF_8_MARK;

pub enum ReadError {
    Missing,
    /// The reason and its remedy.
    Wrong(String),
}

/// Reads the file, which messages call `what` ("keyring").
///
/// # Errors
/// The file is missing, belongs to another user than this process and root, has mode bits for group or others, is longer
/// than `most` bytes, or is not text.
pub fn read(path: &Path, what: &str, most: u64) -> Result<Zeroizing<String>, ReadError> {
    let at = path.display();
    let wrong = |text: String| Err(ReadError::Wrong(text));
    let cannot = |e: std::io::Error| ReadError::Wrong(format!("cannot read the {what} {at}: {e}"));
    // Without NONBLOCK, opening a pipe would block.
    #[expect(clippy::disallowed_methods, reason = "the keyring, or the listener's key")]
    let opened = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(ReadError::Missing),
        Err(e) => return Err(cannot(e)),
    };
    let meta = file.metadata().map_err(cannot)?;
    if meta.mode() & 0o077 != 0 {
        return wrong(format!("the {what} {at} can be read by others; run: chmod 600 {at}"));
    }
    let ours = rustix::process::geteuid().as_raw();
    if meta.uid() != ours && meta.uid() != 0 {
        return wrong(format!("the {what} {at} belongs to another user; run: chown {ours} {at}"));
    }
    if !meta.is_file() || meta.len() > most {
        return wrong(format!("{at} is no file, or too long for a {what}; name the right file"));
    }
    // Allocated at full size: a string that grows leaves copies of the secret in memory.
    let mut text = Zeroizing::new(String::with_capacity(meta.len().min(most) as usize + 1024));
    Read::by_ref(&mut file).take(most).read_to_string(&mut text).map_err(cannot)?;
    if text.as_bytes().starts_with(UTF_8_MARK) {
        text.drain(..UTF_8_MARK.len());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    fn refusal(path: &Path, most: u64) -> Option<String> {
        match read(path, "keyring", most) {
            Ok(_) => None,
            Err(ReadError::Missing) => Some("missing".to_owned()),
            Err(ReadError::Wrong(text)) => Some(text),
        }
    }

    #[test]
    fn only_a_short_file_that_nobody_else_reads_is_read() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("jim.keys");
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        };
        assert_eq!(refusal(&path, 4).as_deref(), Some("missing"));
        std::fs::write(&path, "text").expect("write");
        mode(&path, 0o600);
        assert_eq!(read(&path, "keyring", 4).ok().map(|text| text.to_string()).as_deref(), Some("text"));
        std::fs::write(&path, "\u{feff}text").expect("write");
        assert_eq!(read(&path, "keyring", 8).ok().map(|text| text.to_string()).as_deref(), Some("text"));
        std::fs::write(&path, "text").expect("write");
        mode(&path, 0o400);
        assert_eq!(refusal(&path, 4), None);
        for loose in [0o640, 0o604, 0o620, 0o601] {
            mode(&path, loose);
            assert!(refusal(&path, 4).is_some_and(|why| why.contains("chmod 600")), "{loose:o}");
        }
        mode(&path, 0o600);
        assert!(refusal(&path, 3).is_some_and(|why| why.contains("too long")));
        mode(dir.path(), 0o700);
        assert!(refusal(dir.path(), u64::MAX).is_some_and(|why| why.contains("no file")));
        assert!(refusal(&path.join("below"), 4).is_some_and(|why| why.contains("cannot read")));
        // Only root can give a file away.
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(12_345), None).expect("given away");
            assert!(refusal(&path, 4).is_some_and(|why| why.contains("belongs to another user")));
        }
    }
}
