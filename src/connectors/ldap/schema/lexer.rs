//! Lexer of definitions: parentheses, `$`, quoted texts and words.

use std::borrow::Cow;

/// Rule for the end of a quoted text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// The next quote (RFC 4512): one within the text is written `\27`.
    Strict,
    /// The next quote at which a token can end, for servers that do not escape: `'the user's name'`.
    Lenient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    Open,
    Close,
    Dollar,
    /// Without its quotes, still escaped.
    Quoted(&'a str),
    /// A keyword, name or OID.
    Word(&'a str),
}

impl<'a> Token<'a> {
    pub fn raw(self) -> &'a str {
        match self {
            Token::Word(text) | Token::Quoted(text) => text.trim(),
            Token::Open => "(",
            Token::Close => ")",
            Token::Dollar => "$",
        }
    }

    pub fn text(self) -> Cow<'a, str> {
        match self {
            Token::Quoted(text) => unescape(text),
            other => Cow::Borrowed(other.raw()),
        }
    }
}

/// Error: a quoted text has no end.
#[derive(Debug, PartialEq, Eq)]
pub struct Unterminated;

#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    rest: &'a str,
    quotes: Quotes,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, quotes: Quotes) -> Self {
        Lexer { rest: text, quotes }
    }

    /// Takes `length` bytes of text and skips `skip` more.
    fn take(&mut self, length: usize, skip: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest.get(skip..).unwrap_or_default();
        taken
    }

    fn quoted(&mut self, quote: char) -> Result<Token<'a>, Unterminated> {
        self.take(0, quote.len_utf8());
        let ends = |at: &usize| {
            let after = self.rest.get(at + quote.len_utf8()..).and_then(|rest| rest.chars().next());
            self.quotes == Quotes::Strict || after.is_none_or(|c| is_blank(c) || matches!(c, '(' | ')' | '$'))
        };
        let end = self.rest.match_indices(quote).map(|(at, _)| at).find(ends);
        let end = end.ok_or(Unterminated);
        end.map(|at| Token::Quoted(self.take(at, quote.len_utf8())))
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Result<Token<'a>, Unterminated>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.trim_start_matches(is_blank);
        let first = self.rest.chars().next()?;
        let single = match first {
            '(' => Token::Open,
            ')' => Token::Close,
            '$' => Token::Dollar,
            '\'' | '"' => {
                let token = self.quoted(first);
                if token.is_err() {
                    self.rest = "";
                }
                return Some(token);
            }
            _ => {
                let ends = |c: char| is_blank(c) || matches!(c, '(' | ')' | '$' | '\'');
                let length = self.rest.find(ends).unwrap_or(self.rest.len());
                return Some(Ok(Token::Word(self.take(length, 0))));
            }
        };
        self.take(1, 0);
        Some(Ok(single))
    }
}

/// Any blank separates tokens, including the line breaks of folded definitions.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
}

/// Unescapes `\27` (quote) and `\5c` (backslash) (RFC 4512, section 4.1); any other backslash is a literal that the
/// server did not escape.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('\\');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let escaped = match part.get(..2) {
            Some("27") => Some('\''),
            Some("5c" | "5C") => Some('\\'),
            _ => None,
        };
        out.push(escaped.unwrap_or('\\'));
        out.push_str(if escaped.is_some() { part.get(2..).unwrap_or_default() } else { part });
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::Token::{Close, Dollar, Open, Quoted, Word};
    use super::*;

    fn tokens(text: &str, quotes: Quotes) -> Result<Vec<Token<'_>>, Unterminated> {
        Lexer::new(text, quotes).collect()
    }

    #[test]
    fn texts_fall_into_tokens() {
        for (text, expected) in [
            ("", vec![]),
            (" \t\r\n ", vec![]),
            ("( 1.2 NAME 'a' )", vec![Open, Word("1.2"), Word("NAME"), Quoted("a"), Close]),
            (
                "(1.2 MUST(ou )MAY a$b)",
                vec![
                    Open,
                    Word("1.2"),
                    Word("MUST"),
                    Open,
                    Word("ou"),
                    Close,
                    Word("MAY"),
                    Word("a"),
                    Dollar,
                    Word("b"),
                    Close,
                ],
            ),
            ("NAME'a''b'SUP", vec![Word("NAME"), Quoted("a"), Quoted("b"), Word("SUP")]),
            ("DESC 'the MUST (x) $ \\27y\\27'", vec![Word("DESC"), Quoted("the MUST (x) $ \\27y\\27")]),
            ("DESC \"the user's ( name\" x", vec![Word("DESC"), Quoted("the user's ( name"), Word("x")]),
            ("''", vec![Quoted("")]),
            ("1.3.6{64} é", vec![Word("1.3.6{64}"), Word("é")]),
        ] {
            assert_eq!(tokens(text, Quotes::Strict), Ok(expected), "{text}");
        }
        for text in ["'", "DESC 'a", "a 'b' 'c", "\"x'", "x\"'"] {
            assert_eq!(tokens(text, Quotes::Strict), Err(Unterminated), "{text}");
        }
    }

    #[test]
    fn a_lenient_quote_ends_where_a_token_can() {
        let text = "DESC 'the user's name' X";
        assert_eq!(tokens(text, Quotes::Strict), Err(Unterminated));
        assert_eq!(tokens(text, Quotes::Lenient), Ok(vec![Word("DESC"), Quoted("the user's name"), Word("X")]));
        assert_eq!(tokens("('a'$'b')", Quotes::Lenient), tokens("('a'$'b')", Quotes::Strict));
    }

    #[test]
    fn two_escapes_are_known() {
        for (text, expected) in [
            ("plain", "plain"),
            ("it\\27s", "it's"),
            ("a\\5cb\\5Cc", "a\\b\\c"),
            ("C:\\temp\\", "C:\\temp\\"),
            ("\\5c27", "\\27"),
            ("\\é", "\\é"),
        ] {
            assert_eq!(unescape(text), expected, "{text}");
        }
    }
}
