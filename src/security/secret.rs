//! Secrets at rest: the keyring file, sealed values, and a type that cannot be printed.
//!
//! The keyring is outside the database, so that a copy of the database alone opens nothing. A sealed value is bound to its
//! row and does not open in another. There is no plaintext fallback.

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rustix::fs::{FlockOperation, flock};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::private_file::{self, ReadError};
use super::random;

/// Secret text. It is zeroed when dropped and has no Display, Serialize or Clone.
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }

    /// The clear text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Errors of a keyring, by remedy. The texts name the file, never a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file, its mode or its place is wrong.
    #[error("{0}")]
    Wrong(String),
    #[error("{0}")]
    Io(String),
}

/// Error of a sealed value that is damaged, moved, or under a key that is not in the keyring.
#[derive(Debug, thiserror::Error)]
#[error("a sealed value cannot be opened with this keyring")]
pub struct CannotOpen;

struct MasterKey {
    kid: u32,
    key: Zeroizing<[u8; 32]>,
}

/// Master keys: the last one seals new values, older ones open earlier values.
pub struct Keyring {
    path: PathBuf,
    keys: Vec<MasterKey>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({}, {} keys)", self.path.display(), self.keys.len())
    }
}

const SEALED_VERSION: u8 = 1;
const NONCE: usize = 24;
/// Size limit of a keyring, which has a few lines.
const MAX_FILE: u64 = 64 * 1024;
const CHECK_TEXT: &[u8] = b"jim keyring check";

impl Keyring {
    /// Creates a keyring with one new key at `path`, which must not exist.
    pub fn create(path: &Path) -> Result<Keyring, KeyringError> {
        let failed = |e: std::io::Error| KeyringError::Io(format!("cannot create the keyring {}: {e}", path.display()));
        let master = MasterKey::random();
        let line = master.line();
        // Written under a temporary name: a partial keyring, left by a crash, would prevent the next start.
        let part = path.with_file_name(format!(".jim-keys-{:08x}.part", u32::from_be_bytes(random())));
        let linked = write_new(&part, line.as_bytes()).and_then(|()| std::fs::hard_link(&part, path));
        let _ = std::fs::remove_file(&part);
        linked.and_then(|()| open_folder(path)?.sync_all()).map_err(failed)?;
        Ok(Keyring { path: path.to_owned(), keys: vec![master] })
    }

    pub fn load(path: &Path) -> Result<Keyring, KeyringError> {
        Ok(Keyring { path: path.to_owned(), keys: read(path)?.1 })
    }

    /// Adds a key, which seals new values from then on. The file is replaced atomically, so that no crash or full disk
    /// loses a key.
    pub fn add_key(&self) -> Result<Keyring, KeyringError> {
        let (path, at) = (self.path.as_path(), self.path.display());
        let refused = |e: std::io::Error| match e.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => KeyringError::Wrong(format!(
                "the keyring {at} cannot be replaced: {e}; name one in a writable folder with [keys] path"
            )),
            _ => KeyringError::Io(format!("cannot replace the keyring {at}: {e}")),
        };
        if std::fs::symlink_metadata(path).map_err(refused)?.is_symlink() {
            let text = format!("the keyring {at} is a link; name the file itself with [keys] path");
            return Err(KeyringError::Wrong(text));
        }
        // The lock of a database is not enough: two databases can share a keyring.
        let folder = open_folder(path).map_err(refused)?;
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(KeyringError::Io(format!("the keyring {at} is being changed by another process; try again")));
        }
        let (text, held) = read(path)?;
        if !self.keys.iter().all(|k| held.iter().any(|h| h.kid == k.kid && h.key == k.key)) {
            return Err(KeyringError::Wrong(format!("the keyring {at} was replaced by another one meanwhile")));
        }
        let text = with_new_key(text, &held);
        if text.len() as u64 >= MAX_FILE {
            return Err(KeyringError::Wrong(format!("the keyring {at} has room for no more keys")));
        }
        replace(path, text.as_bytes()).and_then(|()| folder.sync_all()).map_err(refused)?;
        // Read back, so that only a key in the file seals values.
        Keyring::load(path)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Id of the key that seals new values.
    pub fn current_kid(&self) -> u32 {
        self.keys.last().map(|k| k.kid).unwrap_or_default()
    }

    /// Ids of the keys, newest first.
    pub fn kids(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().rev().map(|k| k.kid)
    }

    pub fn holds(&self, kid: u32) -> bool {
        self.master(kid).is_some()
    }

    /// Key check value, by which the database recognises a key.
    pub fn check_value(&self, kid: u32) -> Result<Vec<u8>, CannotOpen> {
        self.seal_with(self.master(kid).ok_or(CannotOpen)?, CHECK_TEXT, &check_context(kid))
    }

    /// Whether `value` is the [`Keyring::check_value`] of this key.
    pub fn passes_check(&self, kid: u32, value: &[u8]) -> bool {
        self.open_bytes(value, &check_context(kid)).is_ok_and(|t| *t == CHECK_TEXT)
    }

    /// Seals the secret of one setting of one system.
    pub fn seal_setting(&self, system: i64, setting: i64, secret: &str) -> Result<Vec<u8>, CannotOpen> {
        let master = self.keys.last().ok_or(CannotOpen)?;
        self.seal_with(master, secret.as_bytes(), &setting_context(system, setting))
    }

    /// Opens the secret of one setting of one system, unless it was sealed for another.
    pub fn open_setting(&self, system: i64, setting: i64, sealed: &[u8]) -> Result<Secret, CannotOpen> {
        let bytes = self.open_bytes(sealed, &setting_context(system, setting))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| CannotOpen)?;
        Ok(Secret::new(text.to_owned()))
    }

    /// Derives a key for one purpose from a master key.
    pub fn derive(&self, kid: u32, purpose: &str) -> Option<Zeroizing<[u8; 32]>> {
        let mut derived = Zeroizing::new([0u8; 32]);
        let hkdf = Hkdf::<Sha256>::new(None, self.master(kid)?.key.as_slice());
        hkdf.expand(purpose.as_bytes(), derived.as_mut_slice()).ok()?;
        Some(derived)
    }

    fn master(&self, kid: u32) -> Option<&MasterKey> {
        self.keys.iter().find(|k| k.kid == kid)
    }

    fn seal_with(&self, master: &MasterKey, secret: &[u8], context: &str) -> Result<Vec<u8>, CannotOpen> {
        let nonce: [u8; NONCE] = random();
        let payload = Payload { msg: secret, aad: context.as_bytes() };
        let sealed = cipher(master)?.encrypt(&XNonce::from(nonce), payload).map_err(|_| CannotOpen)?;
        Ok([&[SEALED_VERSION][..], &master.kid.to_be_bytes(), &nonce, &sealed].concat())
    }

    fn open_bytes(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let (version, rest) = sealed.split_first().ok_or(CannotOpen)?;
        let (kid, rest) = rest.split_first_chunk::<4>().ok_or(CannotOpen)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or(CannotOpen)?;
        if *version != SEALED_VERSION {
            return Err(CannotOpen);
        }
        let master = self.master(u32::from_be_bytes(*kid)).ok_or(CannotOpen)?;
        let payload = Payload { msg: text, aad: context.as_bytes() };
        let opened = cipher(master)?.decrypt(&XNonce::from(*nonce), payload).map_err(|_| CannotOpen)?;
        Ok(Zeroizing::new(opened))
    }
}

impl MasterKey {
    fn random() -> MasterKey {
        MasterKey { kid: u32::from_be_bytes(random()), key: Zeroizing::new(random()) }
    }

    /// Line of the keyring file.
    fn line(&self) -> Zeroizing<String> {
        let created = time::OffsetDateTime::now_utc().unix_timestamp();
        Zeroizing::new(format!("{:08x}:{created}:{}\n", self.kid, STANDARD.encode(*self.key)))
    }
}

/// Id of the master key in a sealed value.
pub fn sealed_with(sealed: &[u8]) -> Option<u32> {
    sealed.get(1..)?.first_chunk().map(|kid| u32::from_be_bytes(*kid))
}

/// Text and keys of a keyring file.
fn read(path: &Path) -> Result<(Zeroizing<String>, Vec<MasterKey>), KeyringError> {
    let at = path.display();
    let text = private_file::read(path, "keyring", MAX_FILE).map_err(|error| match error {
        ReadError::Missing => KeyringError::Wrong(format!(
            "the keyring {at} is missing; put back the keyring that belongs to the database, or name it with [keys] path"
        )),
        ReadError::Wrong(text) => KeyringError::Wrong(text),
    })?;
    let keys: Option<Vec<MasterKey>> = text.lines().filter(|l| !l.trim().is_empty()).map(parse_line).collect();
    match keys {
        Some(keys) if !keys.is_empty() => Ok((text, keys)),
        _ => Err(KeyringError::Wrong(format!(
            "the keyring {at} is empty or damaged; put back the keyring that belongs to the database"
        ))),
    }
}

fn cipher(master: &MasterKey) -> Result<XChaCha20Poly1305, CannotOpen> {
    XChaCha20Poly1305::new_from_slice(master.key.as_slice()).map_err(|_| CannotOpen)
}

fn setting_context(system: i64, setting: i64) -> String {
    format!("jim|v1|setting|{system}|{setting}")
}

fn check_context(kid: u32) -> String {
    format!("jim|v1|check|{kid}")
}

fn parse_line(line: &str) -> Option<MasterKey> {
    let (kid, rest) = line.trim().split_once(':')?;
    let (_created, key) = rest.split_once(':')?;
    let bytes = Zeroizing::new(STANDARD.decode(key).ok()?);
    let key = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?);
    Some(MasterKey { kid: u32::from_str_radix(kid, 16).ok()?, key })
}

/// Appends a line with a new key of a new id.
fn with_new_key(mut text: Zeroizing<String>, held: &[MasterKey]) -> Zeroizing<String> {
    let mut master = MasterKey::random();
    while held.iter().any(|h| h.kid == master.kid) {
        master = MasterKey::random();
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&master.line());
    text
}

/// Replaces a keyring atomically. The caller holds the lock on its folder.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = path.with_added_extension("part");
    // Left by an interrupted attempt; we hold the lock.
    let _ = std::fs::remove_file(&part);
    let replaced = write_new(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if replaced.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    replaced
}

#[expect(clippy::disallowed_methods, reason = "a keyring")]
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Opens the folder of a file, to lock or sync it.
#[expect(clippy::disallowed_methods, reason = "the folder of the keyring")]
fn open_folder(path: &Path) -> std::io::Result<File> {
    File::open(folder_of(path))
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
