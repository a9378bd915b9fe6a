//! Sanitises a directory's text for display: diagnostics, vendor names and quoted parts of a schema.
//!
//! Names and descriptions are data and unchanged. The text of a refused bind, which may hold the password in any form,
//! is never shown ([`super::failure::bind_failure`]).

use std::fmt;

use zeroize::Zeroizing;

use crate::domain::text::is_bidi_or_separator;
use crate::security::secret::Secret;

const MAX_CHARS: usize = 256;
const REDACTED: &str = "***";
/// Shortest password that is redacted. Shorter ones are ordinary words of a directory ("user", "entry", "admin"):
/// redacting them would garble the text, and the context would reveal the password.
const MIN_PASSWORD: usize = 6;

/// Sanitiser of a session, which redacts its password.
pub struct Sanitiser {
    /// In ASCII lower case.
    password: Zeroizing<String>,
}

impl Sanitiser {
    pub fn new(password: &Secret) -> Self {
        Sanitiser { password: Zeroizing::new(password.expose().to_ascii_lowercase()) }
    }

    /// Sanitises a text for display in double quotes: at most 256 characters, control characters escaped.
    pub fn clean(&self, text: &str) -> String {
        let mut out = String::new();
        let mut length = 0;
        for c in self.redact(text).trim_end_matches('\0').chars() {
            let start = out.len();
            if c.is_control() || is_bidi_or_separator(c) || matches!(c, '"' | '\\') {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
            length += out.get(start..).map_or(0, |added| added.chars().count());
            if length > MAX_CHARS {
                out.truncate(start);
                break;
            }
        }
        out
    }

    /// Sanitises and quotes a text; empty stays empty.
    pub fn quote(&self, text: &str) -> String {
        let clean = self.clean(text);
        if clean.is_empty() { clean } else { format!("\"{clean}\"") }
    }

    fn redact(&self, text: &str) -> String {
        if self.password.chars().count() < MIN_PASSWORD {
            return text.to_owned();
        }
        // ASCII lower case preserves byte offsets.
        let lower = text.to_ascii_lowercase();
        let mut out = String::with_capacity(text.len());
        let (mut from, mut look) = (0, 0);
        while let Some(found) = lower.get(look..).and_then(|rest| rest.find(self.password.as_str())) {
            let (at, end) = (look + found, look + found + self.password.len());
            if self.is_whole_word(&lower, at, end) {
                out.push_str(text.get(from..at).unwrap_or_default());
                out.push_str(REDACTED);
                (from, look) = (end, end);
            } else {
                look = at + self.password.chars().next().map_or(1, char::len_utf8);
            }
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }

    /// Whether a match is a value of its own: inside a longer word it is a coincidence, and redacting would reveal it.
    fn is_whole_word(&self, text: &str, at: usize, end: usize) -> bool {
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(end..).and_then(|t| t.chars().next());
        let (first, last) = (self.password.chars().next(), self.password.chars().next_back());
        !(word(before) && word(first) || word(after) && word(last))
    }
}

impl fmt::Debug for Sanitiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sanitiser(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sanitiser(password: &str) -> Sanitiser {
        Sanitiser::new(&Secret::new(password.to_owned()))
    }

    #[test]
    fn a_password_is_blanked_out() {
        let c = sanitiser("s3cr\u{e9}t?>!");
        assert_eq!(c.clean("bad s3cr\u{e9}t?>!, S3CR\u{e9}T?>! given"), "bad ***, *** given");
        assert_eq!(sanitiser("").clean("text"), "text");
    }

    #[test]
    fn only_whole_values_are_blanked_out() {
        let c = sanitiser("schema");
        assert_eq!(c.clean("no subschema entry, schemata: schema"), "no subschema entry, schemata: ***");
        assert_eq!(c.clean("password=schema;"), "password=***;");
        // A find inside a word does not hide the value that overlaps with it.
        assert_eq!(sanitiser("aa-aa-aa").clean("xaa-aa-aa-aa"), "xaa-***");
        assert_eq!(sanitiser("\u{e9}a\u{e9}a\u{e9}a").clean("x\u{e9}a\u{e9}a\u{e9}a"), "x\u{e9}a\u{e9}a\u{e9}a");
    }

    #[test]
    fn a_password_as_short_as_a_word_leaves_words_alone() {
        assert_eq!(sanitiser("entry").clean("no such entry in the directory"), "no such entry in the directory");
        assert_eq!(sanitiser("s3cret").clean("at s3cret"), "at ***");
    }

    #[test]
    fn text_is_short_and_plain() {
        let c = sanitiser("x1y2z3");
        assert_eq!(c.clean("a\u{7}b\u{202e}c\"d\\"), "a\\u{7}b\\u{202e}c\\\"d\\\\");
        assert_eq!(c.clean(&"é".repeat(1000)).chars().count(), 256);
        assert!(c.clean(&"\n".repeat(1000)).chars().count() <= 256);
        assert_eq!(c.clean(&format!("{} x1y2z3", "a".repeat(254))), format!("{} *", "a".repeat(254)));
    }
}
