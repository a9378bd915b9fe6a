//! Distinguished names: reading them (RFC 4514, tolerant of the RFC 1779 quoted and `;` forms) and bringing
//! them to one normal form for comparison.
//!
//! The key compares; the DN as the server sent it is what is shown and what is sent back. A DN is never split
//! at commas as text: everything goes through [`Dn::parse`]. No Unicode normalisation happens here, because
//! 389 Directory Server tells composed and decomposed accents apart.

use std::borrow::Cow;
use std::fmt;

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
        if text.len() > MAX_DN_BYTES {
            return Err(DnFault::TooLong);
        }
        let mut reader = Reader { rest: text.trim_matches(' ') };
        let mut rdns = Vec::with_capacity(8);
        if reader.rest.is_empty() {
            return Ok(Dn { rdns });
        }
        loop {
            let (rdn, more) = reader.rdn()?;
            rdns.push(rdn);
            if rdns.len() > MAX_RDNS {
                return Err(DnFault::TooDeep);
            }
            if !more {
                return Ok(Dn { rdns });
            }
        }
    }

    /// The normal form: equal for every spelling of the same name.
    pub fn key(&self) -> DnKey {
        let mut key = String::with_capacity(self.rdns.iter().map(Rdn::size).sum());
        for (i, rdn) in self.rdns.iter().enumerate() {
            if i > 0 {
                key.push(RDN_SEPARATOR);
            }
            rdn.write_key(&mut key);
        }
        DnKey(key.into_boxed_str())
    }

    /// What a person calls the entry: the unescaped value of its own RDN, several joined by `+`. Empty for the
    /// root DSE.
    pub fn name(&self) -> String {
        let Some(rdn) = self.rdns.first() else { return String::new() };
        match rdn.pairs.as_slice() {
            [only] => only.value.clone(),
            several => several.iter().map(|p| p.value.as_str()).collect::<Vec<_>>().join("+"),
        }
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

    fn size(&self) -> usize {
        self.pairs.iter().map(|p| p.attribute.len() + p.value.len() + 2).sum()
    }

    fn write_key(&self, key: &mut String) {
        for (i, pair) in self.pairs.iter().enumerate() {
            if i > 0 {
                key.push(AVA_SEPARATOR);
            }
            key.push_str(&pair.attribute);
            key.push('=');
            fold_into(&pair.value, key);
        }
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
    /// The key as text, for storing. Not for people.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the parent entry; `None` for a DN of one RDN.
    pub fn parent(&self) -> Option<&str> {
        parent_of(&self.0)
    }

    /// The part of the key that is the entry's own RDN.
    pub fn own(&self) -> &str {
        self.0.split(RDN_SEPARATOR).next().unwrap_or_default()
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
    /// Takes a key that [`DnKey::as_str`] gave out earlier.
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
        match c {
            ' ' => blank = true,
            c => {
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
    }
}

/// Brings an attribute type to lower case and to its usual short name.
fn canonical_attribute(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let bare = lower.strip_prefix("oid.").unwrap_or(&lower);
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

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// One RDN, and whether a separator followed it.
    fn rdn(&mut self) -> Result<(Rdn, bool), DnFault> {
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
        let bytes = self.rest.as_bytes();
        let mut out = Vec::with_capacity(32);
        // Blanks at the end belong to the value only where they were escaped.
        let mut keep = 0;
        let mut i = 0;
        while let Some(&b) = bytes.get(i) {
            match b {
                b',' | b'+' | b';' => break,
                b'"' => return Err(DnFault::Malformed),
                b'\\' => {
                    let (byte, used) = unescape(bytes.get(i + 1..).unwrap_or_default())?;
                    out.push(byte);
                    keep = out.len();
                    i += 1 + used;
                    continue;
                }
                b => {
                    out.push(b);
                    if b != b' ' {
                        keep = out.len();
                    }
                }
            }
            i += 1;
        }
        out.truncate(keep);
        self.rest = self.rest.get(i..).ok_or(DnFault::Malformed)?;
        String::from_utf8(out).map_err(|_| DnFault::NotUtf8)
    }

    fn quoted(&mut self, rest: &str) -> Result<String, DnFault> {
        let bytes = rest.as_bytes();
        let mut out = Vec::with_capacity(32);
        let mut i = 0;
        loop {
            match bytes.get(i) {
                None => return Err(DnFault::Malformed),
                Some(b'"') => break,
                Some(b'\\') => {
                    let (byte, used) = unescape(bytes.get(i + 1..).unwrap_or_default())?;
                    out.push(byte);
                    i += 1 + used;
                }
                Some(&b) => {
                    out.push(b);
                    i += 1;
                }
            }
        }
        // The lifetime of `rest` is that of `self.rest`, of which it is the tail.
        let consumed = self.rest.len() - rest.len() + i + 1;
        self.rest = self.rest.get(consumed..).ok_or(DnFault::Malformed)?.trim_start_matches(' ');
        String::from_utf8(out).map_err(|_| DnFault::NotUtf8)
    }
}

/// What follows a backslash: two hexadecimal digits, or one character that stands for itself.
fn unescape(after: &[u8]) -> Result<(u8, usize), DnFault> {
    let hex = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    match after {
        [a, b, ..] if hex(*a).is_some() && hex(*b).is_some() => {
            Ok((hex(*a).unwrap_or_default() * 16 + hex(*b).unwrap_or_default(), 2))
        }
        [b, ..] if b.is_ascii() => Ok((*b, 1)),
        _ => Err(DnFault::Malformed),
    }
}

fn sorted(mut pairs: Vec<Ava>) -> Vec<Ava> {
    if pairs.len() > 1 {
        pairs.sort_by_cached_key(|p| {
            let mut folded = String::new();
            fold_into(&p.value, &mut folded);
            (p.attribute.clone(), folded, p.value.clone())
        });
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> DnKey {
        Dn::parse(text).expect(text).key()
    }

    #[test]
    fn spellings_of_one_name_share_a_key() {
        let same = [
            ("ou=Sales\\2C EMEA,dc=x", "OU=Sales\\, EMEA,DC=x"),
            ("ou=Sales\\2C EMEA,dc=x", "ou=\"Sales, EMEA\" ; dc=x"),
            ("ou=A+l=B,dc=x", "l=b+OU=a,dc=x"),
            ("oid.2.5.4.11=A , dc = x", "ou=a,dc=x"),
            ("organizationalUnitName=A  B,domainComponent=x", "ou= a b ,dc=x"),
            ("ou=\\C3\\A9,dc=x", "ou=É,dc=x"),
            ("ou=\\ A ,dc=x", "ou=a,dc=x"),
            ("cn=#04024869,dc=x", "cn=\\#04024869,dc=x"),
        ];
        for (a, b) in same {
            assert_eq!(key(a), key(b), "{a} and {b}");
        }
        for (a, b) in [("ou=a,ou=b", "ou=a\\,ou=b"), ("ou=a+l=b", "ou=a\\+l\\=b"), ("ou=e\u{301}", "ou=\u{e9}")] {
            assert_ne!(key(a), key(b), "{a} and {b}");
        }
    }

    #[test]
    fn control_characters_do_not_forge_a_key() {
        assert_ne!(key("ou=a\\1Eou=b"), key("ou=a,ou=b"));
        assert_ne!(key("ou=a\\1Fl=b"), key("ou=a+l=b"));
    }

    #[test]
    fn names_are_unescaped_values_of_the_first_rdn() {
        for (dn, name) in [
            ("ou=Sales\\2C EMEA,dc=x", "Sales, EMEA"),
            ("ou=\\#first\\ ,dc=x", "#first "),
            ("ou=\\  two,dc=x", "  two"),
            ("ou=b+l=a,dc=x", "a+b"),
            ("ou=line\\0Abreak,dc=x", "line\nbreak"),
            ("ou=back\\\\slash,dc=x", "back\\slash"),
            ("", ""),
        ] {
            assert_eq!(Dn::parse(dn).expect(dn).name(), name);
        }
    }

    #[test]
    fn below_is_decided_by_whole_rdns() {
        assert!(key("dc=a,dc=example").is_below(key("dc=example").as_str()));
        assert!(!key("dc=notexample").is_below(key("dc=example").as_str()));
        assert!(!key("dc=example").is_below(key("dc=example").as_str()));
        let deep = key("ou=c,ou=b,dc=x");
        assert_eq!(deep.ancestors().collect::<Vec<_>>(), ["ou=b\u{1e}dc=x", "dc=x"]);
        assert_eq!(deep.own(), "ou=c");
    }

    #[test]
    fn faults_are_told_apart() {
        for bad in ["ou", "=x", "ou=a,,dc=x", "ou=a,", "ou=\"a", "ou=a\"b", "ou=a\\", "o u=x"] {
            assert_eq!(Dn::parse(bad), Err(DnFault::Malformed), "{bad}");
        }
        assert_eq!(Dn::parse("ou=\\FF,dc=x"), Err(DnFault::NotUtf8));
        assert_eq!(Dn::parse(&format!("ou={}", "x".repeat(MAX_DN_BYTES))), Err(DnFault::TooLong));
        assert_eq!(Dn::parse(&vec!["ou=x"; 257].join(",")), Err(DnFault::TooDeep));
        assert!(Dn::parse(&vec!["ou=x"; 256].join(",")).is_ok());
    }

    #[test]
    fn formatting_can_be_read_back() {
        for text in
            ["ou=Sales\\, EMEA,dc=x", "ou=\\ a\\ ,dc=x", "ou=\\#x+l=\\<\\>\\;\\=\\\"\\\\,dc=x", "ou=a\\0Ab,dc=x"]
        {
            let dn = Dn::parse(text).expect(text);
            let again = Dn::parse(&dn.to_string()).expect("own format");
            assert_eq!(dn, again, "{text}");
            assert_eq!(dn.key(), again.key());
        }
    }
}
