//! Sanitises a directory's own text for display: diagnostics, vendor names and quoted parts of a schema.
//!
//! Names and descriptions are data and stay as they are. The text of a refused bind, the one answer to a request that
//! holds the password, is never shown at all ([`super::failure::bind_failure`]).

use std::fmt;

use zeroize::Zeroizing;

use crate::domain::text::turns_text;
use crate::security::secret::Secret;

/// Characters that are shown of one text.
const MAX_TEXT: usize = 256;
const BLANK: &str = "***";

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
            if c.is_control() || turns_text(c) || matches!(c, '"' | '\\') {
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

    fn blanked(&self, text: &str) -> String {
        if self.password.is_empty() {
            return text.to_owned();
        }
        // Lower case of ASCII keeps every byte in its place, so that offsets in one hold for the other.
        let lower = text.to_ascii_lowercase();
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (at, found) in lower.match_indices(self.password.as_str()) {
            out.push_str(text.get(from..at).unwrap_or_default());
            out.push_str(BLANK);
            from = at + found.len();
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
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
    fn text_is_short_and_plain() {
        let c = cleaner("x1");
        assert_eq!(c.clean("a\u{7}b\u{202e}c\"d\\"), "a\\u{7}b\\u{202e}c\\\"d\\\\");
        assert_eq!(c.clean(&"é".repeat(1000)).chars().count(), 256);
        assert!(c.clean(&"\n".repeat(1000)).chars().count() <= 256);
        assert_eq!(c.clean(&format!("{}x1", "a".repeat(255))), format!("{}*", "a".repeat(255)));
    }
}
