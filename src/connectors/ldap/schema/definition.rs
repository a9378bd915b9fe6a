//! Tolerant parser of subschema definitions (RFC 4512, section 4.1), since servers deviate from the grammar.
//!
//! Parses one definition of any kind, since all share their parts, in linear time and without recursion.

use std::borrow::Cow;
use std::iter::Peekable;

use super::lexer::{Lexer, Quotes, Token};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassKind {
    Abstract,
    Structural,
    Auxiliary,
}

/// Parts of a definition, spelled as in the text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Definition<'a> {
    /// Numeric OID; some servers put another text there.
    pub oid: &'a str,
    /// The first name is the preferred one.
    pub names: Vec<Cow<'a, str>>,
    pub description: Option<Cow<'a, str>>,
    pub obsolete: bool,
    pub superiors: Vec<&'a str>,
    /// Of a class; `None` means structural.
    pub kind: Option<ClassKind>,
    /// Mandatory and optional attributes.
    pub attributes: Vec<&'a str>,
    /// Of a content rule.
    pub auxiliaries: Vec<&'a str>,
    /// Of a content rule: attributes that entries must not have.
    pub precluded: Vec<&'a str>,
    /// Of an attribute: syntax OID without a length.
    pub syntax: Option<&'a str>,
    pub single_value: bool,
    /// Of an attribute: maintained by the server, or collective.
    pub read_only: bool,
    /// Of a syntax: binary values.
    pub not_readable: bool,
}

/// Error: an unreadable definition, with the best name for a warning.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// Bytes of an unreadable definition searched for a name.
const MAX_SEARCHED: usize = 1_024;
/// Characters of text used in place of a name.
const MAX_START: usize = 40;

impl<'a> Definition<'a> {
    /// Parses a definition of at most `max_bytes`, names of at most `max_name` characters. Tries unescaped quotes last.
    pub fn parse(value: &'a [u8], max_bytes: usize, max_name: usize) -> Result<Self, Broken> {
        let text = match std::str::from_utf8(value) {
            Ok(text) if text.len() <= max_bytes => text.trim_end_matches('\0'),
            _ => return Err(Broken(best_name(value))),
        };
        if text.contains('\0') {
            return Err(Broken(best_name(value)));
        }
        for quotes in [Quotes::Strict, Quotes::Lenient] {
            let mut definition = Definition::default();
            if read(text, quotes, &mut definition).is_some() && definition.has_valid_names(max_name) {
                return Ok(definition);
            }
        }
        Err(Broken(best_name(value)))
    }

    /// First name, else the OID.
    pub fn name(&self) -> &str {
        self.names.first().map_or(self.oid, |name| name)
    }

    /// Whether OID and names can be displayed and stored.
    fn has_valid_names(&self, max: usize) -> bool {
        let good =
            |name: &str| !name.trim().is_empty() && !name.contains(char::is_control) && name.chars().nth(max).is_none();
        good(self.oid) && self.names.iter().all(|name| good(name))
    }

    /// Applies a keyword with its arguments; `None` if the text ends within.
    fn keyword(&mut self, word: &str, tokens: &mut Tokens<'a>) -> Option<()> {
        match word.to_ascii_uppercase().as_str() {
            "NAME" => self.names.extend(tokens.arguments()?.into_iter().map(Token::text)),
            "DESC" => {
                let description = tokens.arguments()?.into_iter().next().map(Token::text);
                self.description = self.description.take().or(description.filter(|text| !text.trim().is_empty()));
            }
            "SUP" => self.superiors.extend(tokens.arguments()?.into_iter().map(Token::raw)),
            "MUST" | "MAY" => self.attributes.extend(tokens.arguments()?.into_iter().map(Token::raw)),
            "AUX" => self.auxiliaries.extend(tokens.arguments()?.into_iter().map(Token::raw)),
            "NOT" => self.precluded.extend(tokens.arguments()?.into_iter().map(Token::raw)),
            "SYNTAX" => {
                let syntax = tokens.arguments()?.into_iter().next().map(Token::raw);
                let bare = syntax.and_then(|text| text.split('{').next()).map(str::trim);
                self.syntax = self.syntax.or(bare.filter(|text| !text.is_empty()));
            }
            "USAGE" => {
                let usage = tokens.arguments()?.into_iter().next().map(Token::raw);
                self.read_only |= usage.is_some_and(|text| !text.eq_ignore_ascii_case("userApplications"));
            }
            "X-NOT-HUMAN-READABLE" => {
                let says = tokens.arguments()?.into_iter().next().map(Token::raw);
                self.not_readable = says.is_some_and(|text| text.eq_ignore_ascii_case("TRUE"));
            }
            "EQUALITY" | "ORDERING" | "SUBSTR" => drop(tokens.arguments()?),
            "ABSTRACT" => self.kind = Some(ClassKind::Abstract),
            "STRUCTURAL" => self.kind = Some(ClassKind::Structural),
            "AUXILIARY" => self.kind = Some(ClassKind::Auxiliary),
            "OBSOLETE" => self.obsolete = true,
            "SINGLE-VALUE" => self.single_value = true,
            "COLLECTIVE" | "NO-USER-MODIFICATION" => self.read_only = true,
            // An extension. Texts and lists after it are its own; a word is the next keyword.
            _ => {}
        }
        Some(())
    }
}

/// Parses a definition in parentheses; `None` if they or a quote have no end, or the OID is missing. `into` keeps what
/// was read so far.
fn read<'a>(text: &'a str, quotes: Quotes, into: &mut Definition<'a>) -> Option<()> {
    let mut tokens = Tokens(Lexer::new(text, quotes).peekable());
    if tokens.next()? != Token::Open {
        return None;
    }
    match tokens.next()? {
        Token::Word(word) if !word.eq_ignore_ascii_case("NAME") => into.oid = word,
        Token::Quoted(text) => into.oid = text.trim(),
        // Read for the warning, which can then name the definition.
        Token::Word(word) => return into.keyword(word, &mut tokens).and(None),
        _ => return None,
    }
    loop {
        match tokens.next()? {
            Token::Close => break,
            Token::Open => drop(tokens.list()?),
            Token::Word(word) => into.keyword(word, &mut tokens)?,
            Token::Quoted(_) | Token::Dollar => {}
        }
    }
    // Words may follow the end, but not another definition.
    tokens.0.all(|token| matches!(token, Ok(token) if !matches!(token, Token::Open | Token::Close))).then_some(())
}

struct Tokens<'a>(Peekable<Lexer<'a>>);

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.0.next()?.ok()
    }

    /// Arguments of a keyword: one word or text, several separated by `$`, or a list; `None` if a list has no end.
    fn arguments(&mut self) -> Option<Vec<Token<'a>>> {
        let mut found = Vec::new();
        match self.0.peek()? {
            Ok(Token::Open) => {
                self.next();
                return self.list();
            }
            Ok(Token::Word(_) | Token::Quoted(_)) => loop {
                if let Some(Ok(Token::Word(_) | Token::Quoted(_))) = self.0.peek() {
                    found.extend(self.next());
                }
                if !matches!(self.0.peek(), Some(Ok(Token::Dollar))) {
                    break;
                }
                self.next();
            },
            Ok(Token::Close | Token::Dollar) => {}
            Err(_) => return None,
        }
        Some(found)
    }

    /// Items of a list after its opening parenthesis, with or without `$`; inner parentheses are ignored.
    fn list(&mut self) -> Option<Vec<Token<'a>>> {
        let mut found = Vec::new();
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                Token::Dollar => {}
                item => found.push(item),
            }
        }
        Some(found)
    }
}

/// Best name of an unreadable definition: its first name, else its OID, else its beginning.
fn best_name(value: &[u8]) -> String {
    let start = String::from_utf8_lossy(value.get(..MAX_SEARCHED).unwrap_or(value));
    let mut definition = Definition::default();
    let _ = read(&start, Quotes::Strict, &mut definition);
    let name = match definition.name().trim() {
        "" => start.trim(),
        name => name,
    };
    name.chars().take(MAX_START).collect()
}

#[cfg(test)]
mod tests;
