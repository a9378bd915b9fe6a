//! API keys: format, lookup values and argon2id hashes.
//!
//! A generated key is `jim_`, 12 base62 characters (the id), `_`, 43 base62 characters (the secret, 256 random bits) and
//! 6 base62 characters (CRC-32 of all before). An operator's key is any text of 32-1024 visible ASCII characters
//! that starts with `jim_`. The CRC catches typing errors before a lookup; it is not a security measure.

#[cfg(test)]
mod tests;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::random;
use super::secret::{Keyring, Secret};
use crate::error::{Error, Result};

const ID: usize = 12;
const SECRET: usize = 43;
const CRC: usize = 6;
const GENERATED: usize = 4 + ID + 1 + SECRET + CRC;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH: usize = 32;
const SALT: usize = 16;

/// Form of a presented key.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape<'a> {
    /// A generated key, with its id.
    Generated(&'a str),
    Operator,
}

/// Form of a presented text; `None` if it cannot be a key.
pub fn shape(key: &str) -> Option<Shape<'_>> {
    let printable = (32..=1024).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if !printable || !key.starts_with("jim_") {
        return None;
    }
    Some(generated_id(key).map_or(Shape::Operator, Shape::Generated))
}

fn generated_id(key: &str) -> Option<&str> {
    let id = key.get(4..4 + ID)?;
    let body = key.get(..GENERATED - CRC)?;
    let base62 = |t: &str| t.bytes().all(|b| b.is_ascii_alphanumeric());
    let well_formed = key.len() == GENERATED
        && key.as_bytes().get(4 + ID) == Some(&b'_')
        && base62(id)
        && base62(key.get(4 + ID + 1..)?)
        && key.get(GENERATED - CRC..)? == crc(body);
    well_formed.then_some(id)
}

/// Base62 digit of a number, modulo 62.
fn digit(n: u32) -> char {
    BASE62.get((n % 62) as usize).map_or('0', |b| char::from(*b))
}

fn crc(text: &str) -> String {
    let crc = crc32fast::hash(text.as_bytes());
    (0..CRC as u32).rev().map(|place| digit(crc / 62u32.pow(place))).collect()
}

pub fn generate() -> Secret {
    let mut text = Zeroizing::new(String::with_capacity(GENERATED));
    text.push_str("jim_");
    push_random(&mut text, ID);
    text.push('_');
    push_number(&mut text, Zeroizing::new(random()));
    let checksum = crc(&text);
    text.push_str(&checksum);
    Secret::new(text.as_str().to_owned())
}

/// Appends 256 bits as a number of 43 base62 digits, the lowest first.
fn push_number(text: &mut String, mut number: Zeroizing<[u8; 32]>) {
    for _ in 0..SECRET {
        let mut remainder = 0u32;
        for byte in number.iter_mut() {
            let value = remainder * 256 + u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        text.push(digit(remainder));
    }
}

fn push_random(text: &mut String, count: usize) {
    // Bytes from 248 up would bias the distribution of characters.
    let unbiased = std::iter::repeat_with(random::<1>).filter(|[byte]| *byte < 248);
    text.extend(unbiased.take(count).map(|[byte]| digit(byte.into())));
}

/// Public part of a key.
pub fn prefix(key: &str) -> String {
    match shape(key) {
        Some(Shape::Generated(id)) => format!("jim_{id}"),
        _ => key.chars().take(12).collect(),
    }
}

/// Hashes and verifies keys, with peppers derived from the keyring. New hashes use the newest master key, older hashes are
/// verified with theirs.
pub struct Hasher {
    newest: Derived,
    older: Vec<Derived>,
    /// 19 MiB, reused until [`Hasher::release_memory`].
    arena: Mutex<Option<Vec<Block>>>,
}

struct Derived {
    kid: u32,
    pepper: Zeroizing<[u8; 32]>,
    lookup_key: Zeroizing<[u8; 32]>,
}

impl Derived {
    fn new(keyring: &Keyring, kid: u32) -> Option<Derived> {
        Some(Derived {
            kid,
            pepper: keyring.derive(kid, "jim|v1|api-key pepper")?,
            lookup_key: keyring.derive(kid, "jim|v1|api-key lookup")?,
        })
    }

    fn lookup(&self, key: &str) -> Vec<u8> {
        hmac(self.lookup_key.as_slice(), key.as_bytes()).into_iter().take(16).collect()
    }
}

impl Hasher {
    /// `None` if the keyring holds no usable key.
    pub fn new(keyring: &Keyring) -> Option<Hasher> {
        let mut derived = keyring.kids().map(|kid| Derived::new(keyring, kid));
        let newest = derived.next()??;
        Some(Hasher { newest, older: derived.collect::<Option<_>>()?, arena: Mutex::new(None) })
    }

    /// Id of the master key of new hashes.
    pub fn kid(&self) -> u32 {
        self.newest.kid
    }

    /// Lookup value of a new key: the id of a generated key (12 bytes), a keyed digest of an operator's (16 bytes).
    pub fn lookup(&self, key: &str) -> Vec<u8> {
        match shape(key) {
            Some(Shape::Generated(id)) => id.as_bytes().to_vec(),
            _ => self.newest.lookup(key),
        }
    }

    /// All lookup values of a key, newest first: one per master key for an operator's key.
    pub fn lookups(&self, key: &str) -> Vec<Vec<u8>> {
        let mut all = vec![self.lookup(key)];
        if !matches!(shape(key), Some(Shape::Generated(_))) {
            all.extend(self.older.iter().map(|derived| derived.lookup(key)));
        }
        all
    }

    /// PHC string of a key. Takes 25 ms and 19 MiB: call it on a blocking thread.
    pub fn hash(&self, key: &str) -> Result<String> {
        let salt: [u8; SALT] = random();
        let hash = self.run(&self.newest, key, &salt, (MEMORY_KIB, PASSES, LANES))?;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}"))
    }

    /// Verifies a key against a hash under that master key. Costs as much as [`Hasher::hash`].
    pub fn verify(&self, key: &str, phc: &str, kid: u32) -> Result<bool> {
        let parsed = Phc::parse(phc).ok_or_else(|| Error::internal("a stored key hash is not readable", "not PHC"))?;
        let derived = std::iter::once(&self.newest).chain(&self.older).find(|derived| derived.kid == kid);
        let derived =
            derived.ok_or_else(|| Error::internal("a stored key hash needs another keyring", "its pepper"))?;
        let hash = self.run(derived, key, &parsed.salt, parsed.costs)?;
        Ok(hash.as_slice().ct_eq(&parsed.hash).into())
    }

    /// Whether a hash has the current parameters and master key.
    pub fn is_current(&self, phc: &str, kid: u32) -> bool {
        kid == self.newest.kid && Phc::parse(phc).is_some_and(|p| p.costs == (MEMORY_KIB, PASSES, LANES))
    }

    pub fn release_memory(&self) {
        *self.arena.lock() = None;
    }

    fn run(&self, with: &Derived, key: &str, salt: &[u8], costs: Costs) -> Result<[u8; HASH]> {
        let (memory, passes, lanes) = costs;
        let fail = |e: argon2::Error| Error::internal("argon2 refused", e.to_string());
        let params = Params::new(memory, passes, lanes, Some(HASH)).map_err(fail)?;
        let blocks = params.block_count();
        let argon = Argon2::new_with_secret(with.pepper.as_slice(), Algorithm::Argon2id, Version::V0x13, params)
            .map_err(fail)?;
        let taken = self.arena.lock().take();
        let mut arena = taken.filter(|a| a.len() == blocks).unwrap_or_else(|| vec![Block::default(); blocks]);
        let mut hash = [0u8; HASH];
        let done = argon.hash_password_into_with_memory(key.as_bytes(), salt, &mut hash, arena.as_mut_slice());
        *self.arena.lock() = Some(arena);
        done.map(|()| hash).map_err(fail)
    }
}

#[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
pub(super) fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Memory in KiB, passes, lanes.
type Costs = (u32, u32, u32);

struct Phc {
    costs: Costs,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Phc {
    fn parse(text: &str) -> Option<Phc> {
        let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
        let mut numbers = parts.next()?.split(',');
        let mut number = |name: &str| numbers.next()?.strip_prefix(name)?.parse().ok();
        Some(Phc {
            costs: (number("m=")?, number("t=")?, number("p=")?),
            salt: STANDARD_NO_PAD.decode(parts.next()?).ok()?,
            hash: STANDARD_NO_PAD.decode(parts.next()?).ok()?,
        })
    }
}
