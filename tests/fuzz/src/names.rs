//! Distinguished names: what holds for every text, and texts that are worth trying.

use jim::domain::dn::{Dn, DnKey, MAX_DN_BYTES, depth, escape_value, key_and_name, parent_of};

use super::choices::Choices;

/// Checks everything that is so of a text, whether it is a name or not.
///
/// # Panics
/// Where something is not so.
pub fn check(text: &str) {
    let parsed = Dn::parse(text);
    assert_eq!(key_and_name(text), parsed.clone().map(|dn| (dn.key(), dn.name())), "the short way, {text:?}");
    let Ok(dn) = parsed else { return };
    let key = dn.key();
    let written = dn.to_string();
    // Escapes make a text longer, sometimes too long.
    if written.len() <= MAX_DN_BYTES {
        assert_eq!(Dn::parse(&written).as_ref(), Ok(&dn), "{text:?} written as {written:?}");
    }
    assert_eq!(Dn::parse(&dn.parent().to_string()).map(|p| p.key()), Ok(dn.parent().key()), "the parent of {text:?}");
    let normal = name_of_key(&key);
    if normal.len() <= MAX_DN_BYTES {
        let again = Dn::parse(&normal).map(|dn| dn.key());
        assert_eq!(again.as_ref(), Ok(&key), "{text:?} normalised as {normal:?}");
    }
    let own = dn.rdns().first().map_or(0, |rdn| rdn.pairs().len());
    assert!(dn.rdns().is_empty() == key.as_str().is_empty() && (own > 0 || dn.rdns().is_empty()), "{text:?}");
    if dn.rdns().is_empty() {
        return;
    }
    assert_eq!(depth(key.as_str()), dn.rdns().len(), "{text:?}");
    assert_eq!(key.ancestors().count() + 1, dn.rdns().len(), "{text:?}");
    let parent = dn.parent().key();
    assert_eq!(key.parent().unwrap_or_default(), parent.as_str(), "{text:?}");
    assert_eq!(parent_of(key.as_str()), key.parent());
    assert!(key.is_below(parent.as_str()) && !key.is_below(key.as_str()) && !parent.is_below(key.as_str()), "{text:?}");
    let moved = dn.first_rdns_under(1, "o=elsewhere");
    if let Ok(moved) = Dn::parse(&moved) {
        assert_eq!((moved.rdns().len(), moved.rdns().first()), (2, dn.rdns().first()), "{text:?}");
    }
}

/// A name that has this key and is spelled as the key is.
pub fn name_of_key(key: &DnKey) -> String {
    if key.as_str().is_empty() {
        return String::new();
    }
    let pair = |text: &str| {
        let (attribute, value) = text.split_once('=').expect("a type");
        let value = value.replace("\u{1d}b", "\u{1e}").replace("\u{1d}c", "\u{1f}").replace("\u{1d}a", "\u{1d}");
        format!("{attribute}={}", escape_value(&value))
    };
    let rdn = |text: &str| text.split('\u{1f}').map(pair).collect::<Vec<_>>().join("+");
    key.as_str().split('\u{1e}').map(rdn).collect::<Vec<_>>().join(",")
}

/// A text of pieces that matter to a reader of names: often a name, sometimes nearly one.
pub fn text(choices: &mut Choices<'_>) -> String {
    const TYPES: [&str; 12] = [
        "ou",
        "OU",
        "dc",
        "cn",
        "2.5.4.11",
        "OID.2.5.4.3",
        "oid.oid.1.2",
        "organizationalUnitName",
        "uid",
        "x-1",
        "o_o",
        "c",
    ];
    const PIECES: [&str; 44] = [
        "a", "B", "é", "É", "e\u{301}", "İ", "ß", "Σ", "ς", "日本", "🙂", "ﬁ", "Ǆ", " ", "  ", "\\ ", "\\20", "\\,",
        "\\2C", "\\2c", "\\+", "\\\"", "\\\\", "\\#", "#", "=", "\\=", "<", "\\<", ">", "\\;", "\\00", "\\0A",
        "\\C3\\A9", "\\c3\\a9", "\u{1e}", "\\1E", "\\1F", "\\1D", "\u{1d}a", "\t", "\u{a0}", "\u{7f}", "x",
    ];
    const FAULTS: [&str; 10] = [",", "+", "\"", "\\", ";", "=", "\\FF", ",,", "\\zz", " = "];
    let mut out = String::new();
    for rdn in 0..choices.below(5) {
        if rdn > 0 {
            out.push_str(choices.one_of(&[",", ",", ", ", " ,", ";", " ; "]));
        }
        for pair in 0..1 + choices.below(12) / 10 {
            out.push_str(if pair > 0 { choices.one_of(&["+", " + "]) } else { "" });
            out.push_str(choices.one_of(&TYPES));
            out.push_str(choices.one_of(&["=", "=", "=", " = ", "= "]));
            let quoted = choices.once_in(12);
            let value: String = (0..choices.below(5)).map(|_| choices.one_of(&PIECES)).collect();
            out.push_str(&if quoted { format!("\"{value}\"") } else { value });
        }
        if choices.once_in(30) {
            out.push_str(choices.one_of(&FAULTS));
        }
    }
    out
}
