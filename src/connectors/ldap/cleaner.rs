//! What a directory says, made fit to be shown to a caller, to be logged and to be kept.
//!
//! No diagnostic, no word on a vendor and no part of a schema that is quoted reaches anybody without having gone through
//! here. Names and descriptions are data and stay as they are.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::domain::text::turns_text;

use crate::security::secret::Secret;

/// The most characters that are shown of a directory's own text.
const MOST_TEXT: usize = 256;
const BLANK: &str = "***";
/// From this many bytes on, a piece of a password's base64 is nothing else.
const LONG: usize = 6;
const ALPHANUMERIC: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes a directory's text fit to be shown: the password blanked out in each spelling that a server might echo,
/// control characters escaped, at most 256 characters.
pub struct Cleaner {
    /// Spellings of the password, lower case.
    spellings: Vec<Zeroizing<String>>,
}

impl Cleaner {
    /// Knows the password as it is, in base64, in hexadecimal, and as URLs and JSON write it.
    pub fn new(password: &Secret) -> Self {
        let raw = password.expose();
        let mut spellings = vec![
            raw.to_owned(),
            raw.bytes().map(|b| format!("{b:02x}")).collect(),
            percent(raw, "", ""),
            percent(raw, ALPHANUMERIC, ""),
            percent(raw, ALPHANUMERIC, "-._~"),
            percent(raw, ALPHANUMERIC, "*-._+"),
            json(raw, false, false),
            json(raw, false, true),
            json(raw, true, false),
            json(raw, true, true),
        ];
        // Within a longer text that was encoded, a password begins at one of three places of a group, and its whole
        // groups are the same in any text. A few letters would blank out what means something else.
        for skip in 0..3 {
            let rest = raw.as_bytes().get(skip..).unwrap_or_default();
            let whole = rest.get(..rest.len() / 3 * 3).unwrap_or_default();
            let part = if skip == 0 { [rest, whole] } else { [whole, whole] };
            for part in part.into_iter().filter(|p| skip == 0 && p.len() == raw.len() || p.len() >= LONG) {
                spellings.extend([STANDARD_NO_PAD.encode(part), URL_SAFE_NO_PAD.encode(part)]);
            }
        }
        let mut spellings: Vec<_> = spellings
            .into_iter()
            .map(Zeroizing::new)
            .map(|s| Zeroizing::new(s.to_ascii_lowercase()))
            .filter(|s| !s.is_empty())
            .collect();
        // The longest first: blanking a short spelling must not break up a longer one.
        spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        spellings.dedup();
        Cleaner { spellings }
    }

    /// The text, fit to be shown between double quotes.
    pub fn clean(&self, text: &str) -> String {
        let mut text = std::borrow::Cow::Borrowed(text);
        for spelling in &self.spellings {
            if let Some(blanked) = blank(&text, spelling) {
                text = blanked.into();
            }
        }
        let mut out = String::new();
        let mut length = 0;
        for c in text.trim_end_matches('\0').chars() {
            let start = out.len();
            if c.is_control() || turns_text(c) || matches!(c, '"' | '\\') {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
            length += out.get(start..).map_or(0, |added| added.chars().count());
            if length > MOST_TEXT {
                out.truncate(start);
                break;
            }
        }
        out
    }
}

impl fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cleaner(..)")
    }
}

/// Replaces each occurrence of `spelling` (lower case), ignoring the case of ASCII letters; `None` if there is none.
fn blank(text: &str, spelling: &str) -> Option<String> {
    // Lower case of ASCII keeps every byte in its place, so that offsets in one hold for the other.
    let lower = text.to_ascii_lowercase();
    let mut found = lower.match_indices(spelling).peekable();
    found.peek()?;
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in found {
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push_str(BLANK);
        from = at + spelling.len();
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Some(out)
}

/// As it stands in a URL that leaves these characters as they are; with `+` among them a blank becomes one.
fn percent(raw: &str, kept: &str, kept_too: &str) -> String {
    let mut out = String::with_capacity(raw.len() * 3);
    for byte in raw.bytes() {
        let c = char::from(byte);
        match c {
            ' ' if kept_too.contains('+') => out.push('+'),
            c if c != '+' && (kept.contains(c) || kept_too.contains(c)) => out.push(c),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

/// As it stands between the quotes of JSON, in ASCII only or not, with slashes escaped or not.
fn json(raw: &str, ascii: bool, slashes: bool) -> String {
    let mut out = String::with_capacity(raw.len() * 6);
    for c in raw.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '/' if slashes => out.push_str("\\/"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() || ascii && !c.is_ascii() => {
                out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaner(password: &str) -> Cleaner {
        Cleaner::new(&Secret::new(password.to_owned()))
    }

    #[test]
    fn a_password_in_a_url_or_in_json_is_blanked_out() {
        let c = cleaner("p\u{e4} \"/~\u{1f511}\n%z");
        for echo in [
            "%70%c3%a4%20%22%2f%7e%f0%9f%94%91%0a%25%7a",
            "p%C3%A4%20%22%2F%7E%F0%9F%94%91%0A%25z",
            "p%C3%A4%20%22%2F~%F0%9F%94%91%0A%25z",
            "p%C3%A4+%22%2F%7E%F0%9F%94%91%0A%25z",
            "p\u{e4} \\\"/~\u{1f511}\\n%z",
            "p\\u00e4 \\\"\\/~\\uD83D\\udd11\\n%z",
        ] {
            assert_eq!(c.clean(&format!("bad {echo} given")), "bad *** given", "{echo}");
        }
    }

    #[test]
    fn a_password_inside_a_longer_text_in_base64_is_blanked_out() {
        let c = cleaner("correct horse");
        for user in ["u:", "us:", "use:"] {
            let echo = STANDARD_NO_PAD.encode(format!("{user}correct horse!"));
            let shown = c.clean(&echo);
            // At both ends there may be a letter or two that share a group with others.
            assert!(shown.contains("***") && shown.len() <= 16, "{echo}: {shown}");
        }
        // Of a short one no piece is looked for.
        assert_eq!(cleaner("abcd").clean("YmNk YWJj YWJjZA"), "YmNk YWJj ***");
    }

    #[test]
    fn a_password_is_blanked_out_in_every_spelling() {
        let c = cleaner("s3cr3t?>!");
        for echo in ["s3cr3t?>!", "S3CR3T?>!", "czNjcjN0Pz4h", "7333637233743f3e21", "7333637233743F3E21"] {
            assert_eq!(c.clean(&format!("bad password {echo} given")), "bad password *** given");
        }
        assert_eq!(cleaner("~~~???").clean("fn5-Pz8_ fn5+Pz8/"), "*** ***");
        assert_eq!(cleaner("").clean("text"), "text");
    }

    #[test]
    fn text_is_short_and_plain() {
        let c = cleaner("x1");
        assert_eq!(c.clean("a\u{7}b\u{202e}c\"d\\"), "a\\u{7}b\\u{202e}c\\\"d\\\\");
        assert_eq!(c.clean(&"é".repeat(1000)).chars().count(), 256);
        assert!(c.clean(&"\n".repeat(1000)).chars().count() <= 256);
        assert_eq!(c.clean(&format!("{}x1", "a".repeat(255))), format!("{}*", "a".repeat(255)));
    }
}
