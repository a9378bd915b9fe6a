//! Sanitises a directory's own text for display: diagnostics, vendor names and quoted parts of a schema.
//!
//! Names and descriptions are data and stay as they are. The text of a refused bind, the one answer to a request that
//! holds the password, is never shown at all ([`super::failure::bind_failure`]).

use std::fmt;

use zeroize::Zeroizing;

use crate::domain::text::is_bidi_or_separator;
use crate::security::secret::Secret;

/// Characters that are shown of one text.
const MAX_TEXT: usize = 256;
const BLANK: &str = "***";
/// Shortest password that is looked for. Shorter ones are also ordinary words of a directory ("user", "entry",
/// "admin"): a gap in their place would garble the text, and its neighbourhood would reveal the password.
const SHORTEST: usize = 6;

/// Sanitiser of one session, with the password that must not be shown.
pub struct Cleaner {
    /// ASCII letters in lower case.
    password: Zeroizing<String>,
}

impl Cleaner {
    /// A sanitiser that blanks out this password.
    pub fn new(password: &Secret) -> Self {
        Cleaner { password: Zeroizing::new(password.expose().to_ascii_lowercase()) }
    }

    /// The text, fit to be shown between double quotes: at most 256 characters, control characters escaped.
    pub fn clean(&self, text: &str) -> String {
        let mut out = String::new();
        let mut length = 0;
        for c in self.blanked(text).trim_end_matches('\0').chars() {
            let start = out.len();
            if c.is_control() || is_bidi_or_separator(c) || matches!(c, '"' | '\\') {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
            length += out.get(start..).map_or(0, |added| added.chars().count());
            if length > MAX_TEXT {
                out.truncate(start);
                break;
            }
        }
        out
    }

    /// The same between double quotes; nothing for an empty text.
    pub fn quote(&self, text: &str) -> String {
        let clean = self.clean(text);
        if clean.is_empty() { clean } else { format!("\"{clean}\"") }
    }

    fn blanked(&self, text: &str) -> String {
        if self.password.chars().count() < SHORTEST {
            return text.to_owned();
        }
        // Lower case of ASCII keeps every byte in its place, so that offsets in one hold for the other.
        let lower = text.to_ascii_lowercase();
        let mut out = String::with_capacity(text.len());
        let (mut from, mut look) = (0, 0);
        while let Some(found) = lower.get(look..).and_then(|rest| rest.find(self.password.as_str())) {
            let (at, end) = (look + found, look + found + self.password.len());
            if self.stands_alone(&lower, at, end) {
                out.push_str(text.get(from..at).unwrap_or_default());
                out.push_str(BLANK);
                (from, look) = (end, end);
            } else {
                look = at + self.password.chars().next().map_or(1, char::len_utf8);
            }
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }

    /// Whether a find is a value of its own: inside a longer word it is a coincidence, and a gap would show it.
    fn stands_alone(&self, text: &str, at: usize, end: usize) -> bool {
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(end..).and_then(|t| t.chars().next());
        let (first, last) = (self.password.chars().next(), self.password.chars().next_back());
        !(word(before) && word(first) || word(after) && word(last))
    }
}

impl fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cleaner(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaner(password: &str) -> Cleaner {
        Cleaner::new(&Secret::new(password.to_owned()))
    }

    #[test]
    fn a_password_is_blanked_out() {
        let c = cleaner("s3cr\u{e9}t?>!");
        assert_eq!(c.clean("bad s3cr\u{e9}t?>!, S3CR\u{e9}T?>! given"), "bad ***, *** given");
        assert_eq!(cleaner("").clean("text"), "text");
    }

    #[test]
    fn only_whole_values_are_blanked_out() {
        let c = cleaner("schema");
        assert_eq!(c.clean("no subschema entry, schemata: schema"), "no subschema entry, schemata: ***");
        assert_eq!(c.clean("password=schema;"), "password=***;");
        // A find inside a word does not hide the value that overlaps with it.
        assert_eq!(cleaner("aa-aa-aa").clean("xaa-aa-aa-aa"), "xaa-***");
        assert_eq!(cleaner("\u{e9}a\u{e9}a\u{e9}a").clean("x\u{e9}a\u{e9}a\u{e9}a"), "x\u{e9}a\u{e9}a\u{e9}a");
    }

    #[test]
    fn a_password_as_short_as_a_word_leaves_words_alone() {
        assert_eq!(cleaner("entry").clean("no such entry in the directory"), "no such entry in the directory");
        assert_eq!(cleaner("s3cret").clean("at s3cret"), "at ***");
    }

    #[test]
    fn text_is_short_and_plain() {
        let c = cleaner("x1y2z3");
        assert_eq!(c.clean("a\u{7}b\u{202e}c\"d\\"), "a\\u{7}b\\u{202e}c\\\"d\\\\");
        assert_eq!(c.clean(&"é".repeat(1000)).chars().count(), 256);
        assert!(c.clean(&"\n".repeat(1000)).chars().count() <= 256);
        assert_eq!(c.clean(&format!("{} x1y2z3", "a".repeat(254))), format!("{} *", "a".repeat(254)));
    }
}
