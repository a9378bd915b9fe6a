//! Definitions of a subschema (RFC 4512, section 4.1) as servers write them, which is not always as they should.
//!
//! Reads one definition of whatever sort: each has some of the same parts. It knows no other definition, takes time in
//! proportion to the text, and never goes deeper for what is nested.

use std::borrow::Cow;
use std::iter::Peekable;

use super::lexer::{Lexer, Quotes, Token};

/// What entries a class is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassKind {
    /// None: other classes are made of it.
    Abstract,
    /// Those that are of this class.
    Structural,
    /// Those of another class, in addition.
    Auxiliary,
}

/// What a definition says. Names and numbers are spelled as in the text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Definition<'a> {
    /// Its number; some servers put another text there.
    pub oid: &'a str,
    /// Its names, the first of which counts.
    pub names: Vec<Cow<'a, str>>,
    /// What it is.
    pub description: Option<Cow<'a, str>>,
    /// No longer to be used.
    pub obsolete: bool,
    /// What it is a more special case of.
    pub superiors: Vec<&'a str>,
    /// Of a class; `None` if it does not say, which means structural.
    pub kind: Option<ClassKind>,
    /// Attributes that an entry must or may have.
    pub attributes: Vec<&'a str>,
    /// Of a content rule: auxiliary classes that entries may be of.
    pub auxiliaries: Vec<&'a str>,
    /// Of a content rule: attributes that entries must not have.
    pub precluded: Vec<&'a str>,
    /// Of an attribute: the syntax of its values, without a length.
    pub syntax: Option<&'a str>,
    /// Of an attribute: it has one value at most.
    pub single_value: bool,
    /// Of an attribute: it is kept by the server, or is another entry's.
    pub read_only: bool,
    /// Of a syntax: its values are bytes.
    pub not_readable: bool,
}

/// A definition that cannot be read, with what it can best be called.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// How much of a definition that cannot be read is looked at for a name.
const MAX_LOOKED_AT: usize = 1_024;
/// Characters of a text that stands for a name.
const MAX_START: usize = 40;

impl<'a> Definition<'a> {
    /// Reads one definition of at most `most_bytes`, whose names have at most `most_name` characters.
    ///
    /// # Errors
    /// It cannot be read, not even with quotes that are not escaped, or is over a limit.
    pub fn parse(value: &'a [u8], most_bytes: usize, most_name: usize) -> Result<Self, Broken> {
        let text = match std::str::from_utf8(value) {
            Ok(text) if text.len() <= most_bytes => text.trim_end_matches('\0'),
            _ => return Err(Broken(best_name(value))),
        };
        if text.contains('\0') {
            return Err(Broken(best_name(value)));
        }
        for quotes in [Quotes::Strict, Quotes::Lenient] {
            let mut definition = Definition::default();
            if read(text, quotes, &mut definition).is_some() && definition.named_well(most_name) {
                return Ok(definition);
            }
        }
        Err(Broken(best_name(value)))
    }

    /// What it is called: its first name, else its number.
    pub fn name(&self) -> &str {
        self.names.first().map_or(self.oid, |name| name)
    }

    /// Whether it has a number and its names can be shown and stored.
    fn named_well(&self, most: usize) -> bool {
        let good = |name: &str| {
            !name.trim().is_empty() && !name.contains(char::is_control) && name.chars().nth(most).is_none()
        };
        good(self.oid) && self.names.iter().all(|name| good(name))
    }

    /// Takes in a keyword and what belongs to it; `None` where the text ends in it.
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
            // Somebody's extension. Texts and lists after it are its own; a word is the next keyword.
            _ => {}
        }
        Some(())
    }
}

/// Reads one definition in parentheses; `None` where they or quotes have no end, or the number is missing. What was
/// read until then is in the definition.
fn read<'a>(text: &'a str, quotes: Quotes, into: &mut Definition<'a>) -> Option<()> {
    let mut tokens = Tokens(Lexer::new(text, quotes).peekable());
    if tokens.next()? != Token::Open {
        return None;
    }
    match tokens.next()? {
        Token::Word(word) if !word.eq_ignore_ascii_case("NAME") => into.oid = word,
        Token::Quoted(text) => into.oid = text.trim(),
        // So that the definition can at least be called by its name.
        Token::Word(word) => return into.keyword(word, &mut tokens).and(None),
        _ => return None,
    }
    loop {
        match tokens.next()? {
            Token::Close => break,
            Token::Open => tokens.skip_list()?,
            Token::Word(word) => into.keyword(word, &mut tokens)?,
            Token::Quoted(_) | Token::Dollar => {}
        }
    }
    // Behind the end there may be a word or two, but nothing of another definition.
    tokens.0.all(|token| matches!(token, Ok(token) if !matches!(token, Token::Open | Token::Close))).then_some(())
}

struct Tokens<'a>(Peekable<Lexer<'a>>);

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.0.next()?.ok()
    }

    /// What belongs to a keyword: one word or text, several with `$` between them, or a list in parentheses with or
    /// without `$`. Parentheses within a list mean nothing. `None` where a list has no end.
    fn arguments(&mut self) -> Option<Vec<Token<'a>>> {
        let mut found = Vec::new();
        match self.0.peek()? {
            Ok(Token::Open) => {
                self.next();
                let mut depth = 1_usize;
                while depth > 0 {
                    match self.next()? {
                        Token::Open => depth += 1,
                        Token::Close => depth -= 1,
                        Token::Dollar => {}
                        argument => found.push(argument),
                    }
                }
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

    /// The rest of a list that belongs to nothing known.
    fn skip_list(&mut self) -> Option<()> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next()? {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                _ => {}
            }
        }
        Some(())
    }
}

/// What a definition that cannot be read is called: its first name, else its number, else how it begins.
fn best_name(value: &[u8]) -> String {
    let start = String::from_utf8_lossy(value.get(..MAX_LOOKED_AT).unwrap_or(value));
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
