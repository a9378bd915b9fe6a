//! Foreign text, escaped for a terminal: it cannot move the cursor, set colours or change the direction of text.

use std::borrow::Cow;

use jim::domain::text::turns_text;

/// Escapes control characters but line ends, and what changes the direction of text.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && is_hidden(c))
}

/// Escapes line ends too: what is one entry of a list stays one line.
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
    c.is_control() || turns_text(c)
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
}
