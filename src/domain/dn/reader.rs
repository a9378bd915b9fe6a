//! Parser of the text form of a DN (RFC 4514, section 3, and the older quoted and `;` forms).

use std::borrow::Cow;

use super::{DnError, MAX_DN_BYTES, MAX_RDNS, fold_into};

/// Attribute type and unescaped value, borrowed from the text where possible.
pub(super) struct Pair<'a> {
    pub attribute: Cow<'a, str>,
    pub value: Cow<'a, str>,
}

pub(super) struct Reader<'a> {
    rest: &'a str,
    /// An RDN must follow.
    more: bool,
    rdns: usize,
    pairs: Vec<Pair<'a>>,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Result<Self, DnError> {
        if text.len() > MAX_DN_BYTES {
            return Err(DnError::TooLong);
        }
        // A blank at the end may belong to the last value, if it was escaped.
        let rest = text.trim_start_matches(' ');
        Ok(Reader { rest, more: !rest.is_empty(), rdns: 0, pairs: Vec::with_capacity(1) })
    }

    /// Pairs of the last RDN, sorted by type, then value.
    pub fn pairs(&self) -> &[Pair<'a>] {
        &self.pairs
    }

    /// Parses the next RDN; `false` at the end.
    pub fn next_rdn(&mut self) -> Result<bool, DnError> {
        if !self.more {
            return Ok(false);
        }
        self.pairs.clear();
        loop {
            let attribute = self.attribute()?;
            let value = self.value()?;
            self.pairs.push(Pair { attribute, value });
            let mut chars = self.rest.chars();
            match chars.next() {
                Some('+') => {}
                Some(',' | ';') => {
                    self.rest = chars.as_str();
                    break;
                }
                None => {
                    self.more = false;
                    break;
                }
                Some(_) => return Err(DnError::Malformed),
            }
            self.rest = chars.as_str();
        }
        if self.pairs.len() > 1 {
            self.pairs.sort_by_cached_key(|p| {
                let mut folded = String::new();
                fold_into(&p.value, &mut folded);
                (p.attribute.clone(), folded, p.value.clone())
            });
        }
        self.rdns += 1;
        if self.rdns > MAX_RDNS { Err(DnError::TooDeep) } else { Ok(true) }
    }

    fn attribute(&mut self) -> Result<Cow<'a, str>, DnError> {
        let (name, rest) = self.rest.split_once('=').ok_or(DnError::Malformed)?;
        let name = name.trim_matches(' ');
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(DnError::Malformed);
        }
        self.rest = rest.trim_start_matches(' ');
        Ok(canonical_attribute(name))
    }

    fn value(&mut self) -> Result<Cow<'a, str>, DnError> {
        if let Some(rest) = self.rest.strip_prefix('"') {
            return self.quoted(rest).map(Cow::Owned);
        }
        let special = |b: &u8| matches!(b, b',' | b'+' | b';' | b'\\' | b'"');
        let end = self.rest.bytes().position(|b| special(&b)).unwrap_or(self.rest.len());
        let (plain, rest) = self.rest.split_at(end);
        if rest.starts_with(['\\', '"']) {
            return self.escaped().map(Cow::Owned);
        }
        self.rest = rest;
        Ok(Cow::Borrowed(plain.trim_end_matches(' ')))
    }

    /// Parses a value with escapes. Each `\HH` is one byte, so the text is decoded at the end.
    fn escaped(&mut self) -> Result<String, DnError> {
        let mut rest = self.rest.as_bytes();
        let mut out = Vec::with_capacity(32);
        // Trailing blanks belong to the value only if escaped.
        let mut keep = 0;
        while let Some((&b, after)) = rest.split_first() {
            match b {
                b',' | b'+' | b';' => break,
                b'"' => return Err(DnError::Malformed),
                b'\\' => {
                    let (byte, after) = unescape(after)?;
                    out.push(byte);
                    keep = out.len();
                    rest = after;
                }
                b => {
                    out.push(b);
                    if b != b' ' {
                        keep = out.len();
                    }
                    rest = after;
                }
            }
        }
        out.truncate(keep);
        self.keep_last(rest.len())?;
        String::from_utf8(out).map_err(|_| DnError::NotUtf8)
    }

    fn quoted(&mut self, quoted: &str) -> Result<String, DnError> {
        let mut rest = quoted.as_bytes();
        let mut out = Vec::with_capacity(32);
        loop {
            let (&b, after) = rest.split_first().ok_or(DnError::Malformed)?;
            rest = after;
            match b {
                b'"' => break,
                b'\\' => {
                    let (byte, after) = unescape(after)?;
                    out.push(byte);
                    rest = after;
                }
                b => out.push(b),
            }
        }
        self.keep_last(rest.len())?;
        self.rest = self.rest.trim_start_matches(' ');
        String::from_utf8(out).map_err(|_| DnError::NotUtf8)
    }

    /// Advances to the last `bytes` bytes.
    fn keep_last(&mut self, bytes: usize) -> Result<(), DnError> {
        self.rest = self.rest.get(self.rest.len() - bytes..).ok_or(DnError::Malformed)?;
        Ok(())
    }
}

/// Byte of an escape, two hexadecimal digits or one literal character, and the rest.
fn unescape(after: &[u8]) -> Result<(u8, &[u8]), DnError> {
    let hex = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    match after {
        [a, b, rest @ ..] if hex(*a).is_some() && hex(*b).is_some() => {
            Ok((hex(*a).unwrap_or_default() * 16 + hex(*b).unwrap_or_default(), rest))
        }
        [b, rest @ ..] if b.is_ascii() => Ok((*b, rest)),
        _ => Err(DnError::Malformed),
    }
}

/// Fast path: the types of nearly every DN.
const USUAL: [&str; 7] = ["ou", "dc", "cn", "o", "l", "c", "uid"];

/// Lower-case short name of an attribute type.
fn canonical_attribute(text: &str) -> Cow<'static, str> {
    if let Some(usual) = USUAL.iter().find(|usual| usual.eq_ignore_ascii_case(text)) {
        return Cow::Borrowed(usual);
    }
    let lower = text.to_ascii_lowercase();
    // Only an OID has the prefix, and only once: stripping it again would not be idempotent.
    let oid = lower.strip_prefix("oid.").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let bare = oid.unwrap_or(&lower);
    Cow::Borrowed(match bare {
        "2.5.4.3" | "commonname" => "cn",
        "2.5.4.6" | "countryname" => "c",
        "2.5.4.7" | "localityname" => "l",
        "2.5.4.8" | "stateorprovincename" => "st",
        "2.5.4.9" | "streetaddress" => "street",
        "2.5.4.10" | "organizationname" => "o",
        "2.5.4.11" | "organizationalunitname" => "ou",
        "0.9.2342.19200300.100.1.25" | "domaincomponent" => "dc",
        "0.9.2342.19200300.100.1.1" | "userid" => "uid",
        other => return Cow::Owned(other.to_owned()),
    })
}
