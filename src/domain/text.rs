//! What is so of text wherever it is shown: in answers, in logs, in a terminal.

/// Line and paragraph separators and marks that turn the direction of text: no control characters to Unicode, but
/// able to make a line read as something else.
pub fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The byte-order mark that programs of Windows put before UTF-8.
pub const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Text of a file or a request behind its byte-order mark.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(UTF_8_MARK).unwrap_or(bytes)
}

/// `1 attribute`, `2 attributes`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
