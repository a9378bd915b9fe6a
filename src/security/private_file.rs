//! Files with secrets, rejected before use if other accounts can read them.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::domain::text::UTF8_BOM;

pub enum ReadError {
    Missing,
    /// The reason and its remedy.
    Wrong(String),
}

/// Reads a text file of at most `limit` bytes that belongs to this account or root and has no mode bits for group or
/// others. Messages call it `what` ("keyring").
pub fn read(path: &Path, what: &str, limit: u64) -> Result<Zeroizing<String>, ReadError> {
    let at = path.display();
    let wrong = |text: String| Err(ReadError::Wrong(text));
    let ours = rustix::process::geteuid().as_raw();
    let cannot = |e: std::io::Error| {
        let owner = std::fs::metadata(path).ok().map(|meta| meta.uid()).filter(|owner| *owner != ours);
        let whose = owner.filter(|_| e.kind() == ErrorKind::PermissionDenied).map_or_else(String::new, |owner| {
            format!("; it belongs to the account {}, and this runs as {}", account(owner), account(ours))
        });
        ReadError::Wrong(format!("cannot read the {what} {at}: {e}{whose}"))
    };
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
    let owner = meta.uid();
    if owner != ours && owner != 0 {
        return wrong(format!("the {what} {at} belongs to the account {}; {}", account(owner), as_owner(owner)));
    }
    if !meta.is_file() || meta.len() > limit {
        return wrong(format!("{at} is no file, or too long for a {what}; name the right file"));
    }
    // Allocated at full size: a string that grows leaves copies of the secret in memory.
    let mut text = Zeroizing::new(String::with_capacity(meta.len().min(limit) as usize + 1024));
    Read::by_ref(&mut file).take(limit).read_to_string(&mut text).map_err(cannot)?;
    if text.as_bytes().starts_with(UTF8_BOM) {
        text.drain(..UTF8_BOM.len());
    }
    Ok(text)
}

/// Name of an account, or its number if that is unknown.
fn account(uid: u32) -> String {
    name(uid).unwrap_or_else(|| uid.to_string())
}

/// Remedy for a file of another account. Not chown: a service whose keyring has another owner does not start again.
fn as_owner(uid: u32) -> String {
    match name(uid) {
        Some(name) => format!("run this as that account: sudo -u {name} jim ..., or runuser -u {name} -- jim ..."),
        None => format!("run this as that account: setpriv --reuid={uid} --clear-groups jim ..."),
    }
}

/// Name of a local account.
fn name(uid: u32) -> Option<String> {
    const MAX_BYTES: u64 = 1024 * 1024;
    #[expect(clippy::disallowed_methods, reason = "the names of accounts")]
    let accounts = File::open("/etc/passwd").ok()?;
    let mut text = String::new();
    accounts.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    fn refusal(path: &Path, limit: u64) -> Option<String> {
        match read(path, "keyring", limit) {
            Ok(_) => None,
            Err(ReadError::Missing) => Some("missing".to_owned()),
            Err(ReadError::Wrong(text)) => Some(text),
        }
    }

    #[test]
    fn only_a_short_file_without_other_readers_is_read() {
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
            for (owner, wanted) in [
                (12_345, "belongs to the account 12345; run this as that account: setpriv --reuid=12345"),
                (1, "belongs to the account daemon; run this as that account: sudo -u daemon jim"),
            ] {
                chown(&path, Some(owner), None).expect("given away");
                let why = refusal(&path, 4).expect("refused");
                assert!(why.contains(wanted) && !why.contains("chown"), "{why}");
            }
        }
    }
}
