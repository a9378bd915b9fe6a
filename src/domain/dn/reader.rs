//! Reading the text form of a DN (RFC 4514, section 3, and the older quoted and `;` forms).

use super::{Ava, DnFault, Rdn, fold_into};

/// Reads a DN from left to right.
pub(super) struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Self {
        // A blank at the end may belong to the last value, if it was escaped.
        Reader { rest: text.trim_start_matches(' ') }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// One RDN, and whether a separator followed it.
    pub fn rdn(&mut self) -> Result<(Rdn, bool), DnFault> {
        let mut pairs = Vec::with_capacity(1);
        loop {
            let attribute = self.attribute()?;
            let value = self.value()?;
            pairs.push(Ava { attribute, value });
            let mut chars = self.rest.chars();
            match chars.next() {
                Some('+') => self.rest = chars.as_str(),
                Some(',' | ';') => {
                    self.rest = chars.as_str();
                    return Ok((Rdn { pairs: sorted(pairs) }, true));
                }
                None => return Ok((Rdn { pairs: sorted(pairs) }, false)),
                Some(_) => return Err(DnFault::Malformed),
            }
        }
    }

    fn attribute(&mut self) -> Result<String, DnFault> {
        let (name, rest) = self.rest.split_once('=').ok_or(DnFault::Malformed)?;
        let name = name.trim_matches(' ');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || !name.chars().all(plain) {
            return Err(DnFault::Malformed);
        }
        self.rest = rest.trim_start_matches(' ');
        Ok(canonical_attribute(name))
    }

    fn value(&mut self) -> Result<String, DnFault> {
        if let Some(rest) = self.rest.strip_prefix('"') {
            return self.quoted(rest);
        }
        let end = self.rest.find([',', '+', ';', '\\', '"']).unwrap_or(self.rest.len());
        let (plain, rest) = self.rest.split_at(end);
        if !rest.starts_with(['\\', '"']) {
            self.rest = rest;
            return Ok(plain.trim_end_matches(' ').to_owned());
        }
        self.escaped()
    }

    /// A value with escapes. Each `\HH` is one byte; the text is decoded when all bytes are in place.
    fn escaped(&mut self) -> Result<String, DnFault> {
        let mut rest = self.rest.as_bytes();
        let mut out = Vec::with_capacity(32);
        // Blanks at the end belong to the value only where they were escaped.
        let mut keep = 0;
        while let Some((&b, after)) = rest.split_first() {
            match b {
                b',' | b'+' | b';' => break,
                b'"' => return Err(DnFault::Malformed),
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
        self.go_on_with(rest.len())?;
        String::from_utf8(out).map_err(|_| DnFault::NotUtf8)
    }

    fn quoted(&mut self, quoted: &str) -> Result<String, DnFault> {
        let mut rest = quoted.as_bytes();
        let mut out = Vec::with_capacity(32);
        loop {
            let (&b, after) = rest.split_first().ok_or(DnFault::Malformed)?;
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
        self.go_on_with(rest.len())?;
        self.rest = self.rest.trim_start_matches(' ');
        String::from_utf8(out).map_err(|_| DnFault::NotUtf8)
    }

    /// Leaves the last so many bytes to be read.
    fn go_on_with(&mut self, bytes: usize) -> Result<(), DnFault> {
        self.rest = self.rest.get(self.rest.len() - bytes..).ok_or(DnFault::Malformed)?;
        Ok(())
    }
}

/// What follows a backslash, two hexadecimal digits or one character that stands for itself, and what follows that.
fn unescape(after: &[u8]) -> Result<(u8, &[u8]), DnFault> {
    let hex = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    match after {
        [a, b, rest @ ..] if hex(*a).is_some() && hex(*b).is_some() => {
            Ok((hex(*a).unwrap_or_default() * 16 + hex(*b).unwrap_or_default(), rest))
        }
        [b, rest @ ..] if b.is_ascii() => Ok((*b, rest)),
        _ => Err(DnFault::Malformed),
    }
}

fn sorted(mut pairs: Vec<Ava>) -> Vec<Ava> {
    pairs.sort_by_cached_key(|p| {
        let mut folded = String::new();
        fold_into(&p.value, &mut folded);
        (p.attribute.clone(), folded, p.value.clone())
    });
    pairs
}

/// Brings an attribute type to lower case and to its usual short name.
pub(super) fn canonical_attribute(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    // Only an OID has the prefix, and one only: a text that loses it is never shortened again.
    let oid = lower.strip_prefix("oid.").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let bare = oid.unwrap_or(&lower);
    match bare {
        "2.5.4.3" | "commonname" => "cn",
        "2.5.4.6" | "countryname" => "c",
        "2.5.4.7" | "localityname" => "l",
        "2.5.4.8" | "stateorprovincename" => "st",
        "2.5.4.9" | "streetaddress" => "street",
        "2.5.4.10" | "organizationname" => "o",
        "2.5.4.11" | "organizationalunitname" => "ou",
        "0.9.2342.19200300.100.1.25" | "domaincomponent" => "dc",
        "0.9.2342.19200300.100.1.1" | "userid" => "uid",
        other => other,
    }
    .to_owned()
}
