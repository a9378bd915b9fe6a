//! Distinguished names: reading them (RFC 4514, tolerant of the RFC 1779 quoted and `;` forms) and bringing
//! them to one normal form for comparison.
//!
//! The key compares; the DN as the server sent it is what is shown and what is sent back. A DN is never split
//! at commas as text: everything goes through [`Dn::parse`]. No Unicode normalisation happens here, because
//! 389 Directory Server tells composed and decomposed accents apart.
#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing))]

mod reader;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use reader::{Pair, Reader};

/// The longest DN that is read, in bytes; a longer one belongs to a broken or hostile directory.
pub const MAX_DN_BYTES: usize = 8 * 1024;
/// The deepest DN that is read, in RDNs.
pub const MAX_RDNS: usize = 256;

const RDN_SEPARATOR: char = '\u{1e}';
const AVA_SEPARATOR: char = '\u{1f}';
const KEY_ESCAPE: char = '\u{1d}';

/// Why a text is not a DN. The text itself is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnFault {
    /// Longer than [`MAX_DN_BYTES`].
    TooLong,
    /// More RDNs than [`MAX_RDNS`].
    TooDeep,
    /// Not of the form of RFC 4514.
    Malformed,
    /// Escaped bytes that are no UTF-8.
    NotUtf8,
}

impl fmt::Display for DnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DnFault::TooLong => "the DN is longer than 8192 bytes",
            DnFault::TooDeep => "the DN has more than 256 parts",
            DnFault::Malformed => "the DN is not of the form of RFC 4514",
            DnFault::NotUtf8 => "the DN holds bytes that are not UTF-8",
        })
    }
}

/// A parsed distinguished name, the entry's own RDN first. Empty for the root DSE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dn {
    rdns: Vec<Rdn>,
}

/// One relative distinguished name: its attribute-value pairs, sorted as the key wants them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdn {
    pairs: Vec<Ava>,
}

/// One attribute type and value of an RDN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ava {
    attribute: String,
    value: String,
}

impl Dn {
    /// Reads a DN. Escapes (`\,` and `\2C`), quoted values, `#hex`, blanks round separators and multi-valued
    /// RDNs are understood.
    pub fn parse(text: &str) -> Result<Dn, DnFault> {
        let mut reader = Reader::new(text)?;
        let mut rdns = Vec::with_capacity(8);
        while reader.next_rdn()? {
            let owned = |pair: &Pair<'_>| Ava { attribute: pair.attribute.to_string(), value: pair.value.to_string() };
            rdns.push(Rdn { pairs: reader.pairs().iter().map(owned).collect() });
        }
        Ok(Dn { rdns })
    }

    /// The normal form: equal for every spelling of the same name.
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

    /// What a person calls the entry: the unescaped value of its own RDN, several joined by `+`. Empty for the
    /// root DSE.
    pub fn name(&self) -> String {
        joined(self.rdns.first().iter().flat_map(|rdn| rdn.pairs.iter().map(|p| p.value.as_str())))
    }

    /// The RDNs, the entry's own first.
    pub fn rdns(&self) -> &[Rdn] {
        &self.rdns
    }

    /// The name of the entry above.
    pub fn parent(&self) -> Dn {
        Dn { rdns: self.rdns.iter().skip(1).cloned().collect() }
    }

    /// The first `count` RDNs put in front of `parent` as it is written there.
    pub fn first_rdns_under(&self, count: usize, parent: &str) -> String {
        let own = self.rdns.iter().take(count).map(Rdn::to_string);
        own.chain((!parent.is_empty()).then(|| parent.to_owned())).collect::<Vec<_>>().join(",")
    }
}

impl Rdn {
    /// The pairs, sorted by type, then value.
    pub fn pairs(&self) -> &[Ava] {
        &self.pairs
    }
}

impl Ava {
    /// The attribute type: lower case, aliases and OIDs brought to the usual short name.
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// The unescaped value as the directory spelled it.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rdn) in self.rdns.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            rdn.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Rdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, pair) in self.pairs.iter().enumerate() {
            if i > 0 {
                f.write_str("+")?;
            }
            write!(f, "{}={}", pair.attribute, escape_value(&pair.value))?;
        }
        Ok(())
    }
}

/// A DN brought to its normal form. A parent's key is the tail of its child's key, so that walking up a tree
/// allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnKey(Box<str>);

impl DnKey {
    /// The normal form of a stored DN. It was read when it was stored, so it can be read again; should it no longer be,
    /// it compares as what it is.
    pub fn of_stored(dn: &str) -> DnKey {
        key_and_name(dn).map_or_else(|_| DnKey::from(dn.to_lowercase()), |(key, _)| key)
    }

    /// The key as text, for comparing and looking up. Not for people.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, taken over.
    pub fn into_string(self) -> String {
        self.0.into_string()
    }

    /// Sixteen bytes that stand for the key where only equality matters (FNV-1a). Two names that share them by
    /// chance are not to be expected in this universe; a directory that contrives such names fails its own import.
    pub fn fingerprint(&self) -> [u8; 16] {
        const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        self.0.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)).to_be_bytes()
    }

    /// The key of the parent entry; `None` for a DN of one RDN.
    pub fn parent(&self) -> Option<&str> {
        parent_of(&self.0)
    }

    /// Whether this name lies below `ancestor`, compared by whole RDNs; a name is not below itself.
    pub fn is_below(&self, ancestor: &str) -> bool {
        is_below(&self.0, ancestor)
    }

    /// The names above this one, the nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(self.parent(), |key| parent_of(key))
    }
}

impl From<String> for DnKey {
    /// Takes a text that is a key already: one that [`DnKey::as_str`] gave out, or was made of such.
    fn from(key: String) -> Self {
        DnKey(key.into_boxed_str())
    }
}

impl std::borrow::Borrow<str> for DnKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The key of the parent of `key`; `None` for a key of one RDN.
pub fn parent_of(key: &str) -> Option<&str> {
    key.split_once(RDN_SEPARATOR).map(|(_, parent)| parent)
}

/// How many RDNs a key has.
pub fn depth(key: &str) -> usize {
    key.bytes().filter(|b| *b == RDN_SEPARATOR as u8).count() + 1
}

/// Whether `key` lies below `ancestor`, compared by whole RDNs.
pub fn is_below(key: &str, ancestor: &str) -> bool {
    match key.strip_suffix(ancestor) {
        Some(head) => !head.is_empty() && (ancestor.is_empty() || head.ends_with(RDN_SEPARATOR)),
        None => false,
    }
}

/// Key and name of a DN: those of [`Dn::parse`], without the parts in between, since imports read every name twice.
///
/// # Errors
/// Those of [`Dn::parse`].
pub fn key_and_name(text: &str) -> Result<(DnKey, String), DnFault> {
    let mut reader = Reader::new(text)?;
    let mut key = String::with_capacity(text.len());
    let mut name = None;
    while reader.next_rdn()? {
        match name {
            Some(_) => key.push(RDN_SEPARATOR),
            None => name = Some(joined(reader.pairs().iter().map(|p| &*p.value))),
        }
        write_key(reader.pairs().iter().map(|p| (&*p.attribute, &*p.value)), &mut key);
    }
    Ok((DnKey::from(key), name.unwrap_or_default()))
}

fn joined<'a>(mut values: impl Iterator<Item = &'a str>) -> String {
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

/// Escapes a value for use in a DN (RFC 4514, section 2.4).
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

/// Case and blanks folded: trimmed, runs of blanks to one, Unicode lower case.
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
