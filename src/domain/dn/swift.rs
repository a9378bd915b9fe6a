//! The short way from the text of a plain DN to its key and name. Imports read every name twice, so that this is worth
//! its own walk; whatever is not plain takes the long way through [`Dn::parse`], and both agree on everything.

use super::reader::canonical_attribute;
use super::{AVA_SEPARATOR, Dn, DnFault, DnKey, KEY_ESCAPE, MAX_DN_BYTES, MAX_RDNS, RDN_SEPARATOR};

/// The key and the name of a DN: the same as `Dn::parse(text)` gives, in a fraction of the time.
///
/// # Errors
/// Those of [`Dn::parse`].
pub fn key_and_name(text: &str) -> Result<(DnKey, String), DnFault> {
    if text.len() > MAX_DN_BYTES {
        return Err(DnFault::TooLong);
    }
    let long_way = |b: u8| {
        let separators = [KEY_ESCAPE as u8, RDN_SEPARATOR as u8, AVA_SEPARATOR as u8];
        !b.is_ascii() || matches!(b, b'\\' | b'"' | b'+' | b';') || separators.contains(&b)
    };
    if text.bytes().any(long_way) {
        let dn = Dn::parse(text)?;
        return Ok((dn.key(), dn.name()));
    }
    let text = text.trim_matches(' ');
    let mut key = String::with_capacity(text.len());
    let mut name = "";
    if text.is_empty() {
        return Ok((DnKey::from(key), String::new()));
    }
    for (i, rdn) in text.split(',').enumerate() {
        let (attribute, value) = rdn.split_once('=').ok_or(DnFault::Malformed)?;
        let (attribute, value) = (attribute.trim_matches(' '), value.trim_matches(' '));
        if i == MAX_RDNS {
            return Err(DnFault::TooDeep);
        }
        if i > 0 {
            key.push(RDN_SEPARATOR);
        }
        push_attribute(attribute, &mut key)?;
        key.push('=');
        push_folded(value, &mut key);
        if i == 0 {
            name = value;
        }
    }
    Ok((DnKey::from(key), name.to_owned()))
}

fn push_attribute(attribute: &str, key: &mut String) -> Result<(), DnFault> {
    if ["ou", "dc", "cn", "o", "l", "c", "uid"].iter().any(|short| short.eq_ignore_ascii_case(attribute)) {
        key.extend(attribute.chars().map(|c| c.to_ascii_lowercase()));
        return Ok(());
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if attribute.is_empty() || !attribute.bytes().all(plain) {
        return Err(DnFault::Malformed);
    }
    key.push_str(&canonical_attribute(attribute));
    Ok(())
}

/// Lower case, runs of blanks to one. The value is ASCII and trimmed.
fn push_folded(value: &str, key: &mut String) {
    let mut blank = false;
    for c in value.chars() {
        if c == ' ' && blank {
            continue;
        }
        blank = c == ' ';
        key.push(c.to_ascii_lowercase());
    }
}
