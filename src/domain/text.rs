//! Escaping of text for display in answers, logs and terminals.

use std::borrow::Cow;

/// Line separators and bidirectional formatting: not control characters in Unicode, but able to disguise a line.
pub fn is_bidi_or_separator(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes control and bidirectional characters except line ends.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && is_hidden(c))
}

/// Escapes line ends too, so that one entry of a list or log stays one line.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

fn escaped(text: &str, hides: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hides) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hides(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_hidden(c: char) -> bool {
    c.is_control() || is_bidi_or_separator(c)
}

/// Byte-order mark that Windows programs put before UTF-8.
pub const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

pub fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(UTF8_BOM).unwrap_or(bytes)
}

/// `1 attribute`, `2 attributes`, `2 classes`.
pub fn count(n: usize, what: &str) -> String {
    let plural = if what.ends_with('s') { "es" } else { "s" };
    format!("{n} {what}{}", if n == 1 { "" } else { plural })
}

/// Case-folded text, beyond ASCII too.
pub fn fold(text: &str) -> String {
    // By way of capitals, of which letters with two small forms have one.
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_shown() {
        assert_eq!(one_line("a\nb\u{1b}[31m\u{202e}c\u{9b}d\r\t"), "a\\nb\\u{1b}[31m\\u{202e}c\\u{9b}d\\r\\t");
        assert_eq!(lines("a\nb\u{7f}"), "a\nb\\u{7f}");
        assert_eq!(one_line("Größe 東京 😀"), "Größe 東京 😀");
    }

    #[test]
    fn case_is_folded_beyond_ascii() {
        for (a, b) in [("HR", "hr"), ("ÄÖÜ", "äöü"), ("ΟΔΟΣ", "οδος"), ("Straße", "STRASSE"), ("ДА", "да")]
        {
            assert_eq!(fold(a), fold(b));
        }
        assert_ne!(fold("a"), fold("ä"));
    }
}
