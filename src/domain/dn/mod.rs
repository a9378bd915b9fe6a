//! Distinguished names: parsing (RFC 4514, tolerant of the quoted and `;` forms of RFC 1779) and normalisation.
//!
//! Keys are compared; the DN as the server sent it is shown and sent back. A DN is never split at commas as text. No
//! Unicode normalisation, because 389 Directory Server distinguishes composed from decomposed accents.
#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing))]

mod reader;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use reader::{Pair, Reader};

/// Only broken or hostile directories have longer DNs, in bytes.
pub const MAX_DN_BYTES: usize = 8 * 1024;
pub const MAX_RDNS: usize = 256;

const RDN_SEPARATOR: char = '\u{1e}';
const AVA_SEPARATOR: char = '\u{1f}';
const KEY_ESCAPE: char = '\u{1d}';

/// Parse error. The text itself is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnError {
    TooLong,
    TooDeep,
    Malformed,
    NotUtf8,
}

impl fmt::Display for DnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DnError::TooLong => "the DN is longer than 8192 bytes",
            DnError::TooDeep => "the DN has more than 256 parts",
            DnError::Malformed => "the DN is not of the form of RFC 4514",
            DnError::NotUtf8 => "the DN holds bytes that are not UTF-8",
        })
    }
}

/// A parsed distinguished name, the entry's own RDN first. Empty for the root DSE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dn {
    rdns: Vec<Rdn>,
}

/// A relative distinguished name: attribute-value pairs, sorted by type, then value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdn {
    pairs: Vec<Ava>,
}

/// An attribute type and value of an RDN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ava {
    attribute: String,
    value: String,
}

impl Dn {
    /// Parses a DN, with escapes (`\,` and `\2C`), quoted values, blanks round separators and multi-valued RDNs. A
    /// `#hex` value stays text.
    pub fn parse(text: &str) -> Result<Dn, DnError> {
        let mut reader = Reader::new(text)?;
        let mut rdns = Vec::with_capacity(8);
        while reader.next_rdn()? {
            let owned = |pair: &Pair<'_>| Ava { attribute: pair.attribute.to_string(), value: pair.value.to_string() };
            rdns.push(Rdn { pairs: reader.pairs().iter().map(owned).collect() });
        }
        Ok(Dn { rdns })
    }

    /// Normal form, equal for every spelling of the same name.
    pub fn key(&self) -> DnKey {
        let pairs = self.rdns.iter().flat_map(Rdn::pairs);
        let mut key = String::with_capacity(pairs.map(|p| p.attribute.len() + p.value.len() + 2).sum());
        for (i, rdn) in self.rdns.iter().enumerate() {
            if i > 0 {
                key.push(RDN_SEPARATOR);
            }
            write_key(rdn.pairs.iter().map(|p| (p.attribute.as_str(), p.value.as_str())), &mut key);
        }
        DnKey(key.into_boxed_str())
    }

    /// Display name: the unescaped value of the first RDN, several joined by `+`. Empty for the root DSE.
    pub fn name(&self) -> String {
        join_values(self.rdns.first().iter().flat_map(|rdn| rdn.pairs.iter().map(|p| p.value.as_str())))
    }

    /// RDNs, the entry's own first.
    pub fn rdns(&self) -> &[Rdn] {
        &self.rdns
    }

    pub fn parent(&self) -> Dn {
        Dn { rdns: self.rdns.iter().skip(1).cloned().collect() }
    }

    /// The first `count` RDNs prepended to the text of `parent`.
    pub fn first_rdns_under(&self, count: usize, parent: &str) -> String {
        let own = self.rdns.iter().take(count).map(Rdn::to_string);
        own.chain((!parent.is_empty()).then(|| parent.to_owned())).collect::<Vec<_>>().join(",")
    }
}

impl Rdn {
    pub fn pairs(&self) -> &[Ava] {
        &self.pairs
    }
}

impl Ava {
    /// Attribute type: lower case, aliases and OIDs replaced by the usual short name.
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// Unescaped value in the directory's spelling.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rdns.iter().map(Rdn::to_string).collect::<Vec<_>>().join(","))
    }
}

impl fmt::Display for Rdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.pairs.iter().map(|pair| format!("{}={}", pair.attribute, escape_value(&pair.value)));
        f.write_str(&pairs.collect::<Vec<_>>().join("+"))
    }
}

/// Normal form of a DN. A parent's key is the tail of its child's, so that walking up a tree allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnKey(Box<str>);

impl DnKey {
    /// Normal form of a stored DN. It parsed when it was stored; should it no longer, its lower-case text is the key.
    pub fn of_stored(dn: &str) -> DnKey {
        key_and_name(dn).map_or_else(|_| DnKey::from(dn.to_lowercase()), |(key, _)| key)
    }

    /// Key as text, for comparison and look-up, not for display.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0.into_string()
    }

    /// 128-bit FNV-1a hash, for equality. Accidental collisions are not to be expected; a directory that contrives one
    /// fails its own import.
    pub fn fingerprint(&self) -> [u8; 16] {
        const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        self.0.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)).to_be_bytes()
    }

    /// Key of the parent entry; `None` for a DN of one RDN.
    pub fn parent(&self) -> Option<&str> {
        parent_of(&self.0)
    }

    /// Compares whole RDNs; a name is not below itself.
    pub fn is_below(&self, ancestor: &str) -> bool {
        is_below(&self.0, ancestor)
    }

    /// Keys of the ancestors, nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(self.parent(), |key| parent_of(key))
    }
}

impl From<String> for DnKey {
    /// Wraps a text that is a key already: from [`DnKey::as_str`], or composed of such texts.
    fn from(key: String) -> Self {
        DnKey(key.into_boxed_str())
    }
}

impl std::borrow::Borrow<str> for DnKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

pub fn parent_of(key: &str) -> Option<&str> {
    key.split_once(RDN_SEPARATOR).map(|(_, parent)| parent)
}

pub fn depth(key: &str) -> usize {
    key.bytes().filter(|b| *b == RDN_SEPARATOR as u8).count() + 1
}

pub fn is_below(key: &str, ancestor: &str) -> bool {
    match key.strip_suffix(ancestor) {
        Some(head) => !head.is_empty() && (ancestor.is_empty() || head.ends_with(RDN_SEPARATOR)),
        None => false,
    }
}

/// Key and name as from [`Dn::parse`], without building the [`Dn`]: imports parse every name twice.
pub fn key_and_name(text: &str) -> Result<(DnKey, String), DnError> {
    let mut reader = Reader::new(text)?;
    let mut key = String::with_capacity(text.len());
    let mut name = None;
    while reader.next_rdn()? {
        match name {
            Some(_) => key.push(RDN_SEPARATOR),
            None => name = Some(join_values(reader.pairs().iter().map(|p| &*p.value))),
        }
        write_key(reader.pairs().iter().map(|p| (&*p.attribute, &*p.value)), &mut key);
    }
    Ok((DnKey::from(key), name.unwrap_or_default()))
}

fn join_values<'a>(mut values: impl Iterator<Item = &'a str>) -> String {
    let mut name = values.next().unwrap_or_default().to_owned();
    for value in values {
        name.push('+');
        name.push_str(value);
    }
    name
}

fn write_key<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>, key: &mut String) {
    for (i, (attribute, value)) in pairs.enumerate() {
        if i > 0 {
            key.push(AVA_SEPARATOR);
        }
        key.push_str(attribute);
        key.push('=');
        fold_into(value, key);
    }
}

/// Escapes a value for a DN (RFC 4514, section 2.4).
pub fn escape_value(value: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') || c.is_control();
    let edges = value.starts_with([' ', '#']) || value.ends_with(' ');
    if !edges && !value.contains(special) {
        return Cow::Borrowed(value);
    }
    let last = value.len().saturating_sub(1);
    let mut out = String::with_capacity(value.len() + 8);
    for (i, c) in value.char_indices() {
        match c {
            ' ' if i == 0 || i == last => out.push_str("\\ "),
            '#' if i == 0 => out.push_str("\\#"),
            c if c.is_control() => {
                let mut bytes = [0u8; 4];
                for b in c.encode_utf8(&mut bytes).bytes() {
                    out.push_str(&format!("\\{b:02X}"));
                }
            }
            c => {
                if special(c) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    Cow::Owned(out)
}

/// Appends a value folded: trimmed, runs of blanks reduced to one, Unicode lower case.
fn fold_into(value: &str, key: &mut String) {
    let mut blank = false;
    let start = key.len();
    for c in value.chars() {
        if c == ' ' {
            blank = true;
            continue;
        }
        if std::mem::take(&mut blank) && key.len() > start {
            key.push(' ');
        }
        match c {
            KEY_ESCAPE | RDN_SEPARATOR | AVA_SEPARATOR => {
                key.push(KEY_ESCAPE);
                key.push(char::from(b'a' + (c as u8 - KEY_ESCAPE as u8)));
            }
            c if c.is_ascii() => key.push(c.to_ascii_lowercase()),
            c => key.extend(c.to_lowercase()),
        }
    }
}
