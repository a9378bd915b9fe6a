//! The fields of a request body: names in any case, every error noted, none of the JSON library's words.
//!
//! The texts of the JSON library echo values and are never used: an error names the field's path and what was
//! expected there.

use std::fmt;

use super::node::Node;
use crate::error::{Error, FieldErrors, Result};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// How deep a body may nest.
const MAX_DEPTH: usize = 64;
/// Number of fields whose errors are noted: ten times what an answer lists, so that a large body of nothing but errors
/// does not cost a multiple of itself.
const MAX_FAULTY: usize = 1000;

/// Members that no field takes and that an answer names.
const MAX_IGNORED: usize = 20;
/// Characters of such a name.
const MAX_IGNORED_NAME: usize = 64;

/// The known fields of a request body. Unknown ones were skipped unread.
pub(crate) struct Body {
    fields: Vec<(&'static str, Node)>,
    pub(crate) errors: Errors,
}

/// A value of a request. Absent and null are the same unless `null` says otherwise.
pub(crate) trait Field: Sized {
    /// Reads what was sent at a place; `None` after an error was added.
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self>;

    /// The value of an absent field; `None` after an error was added, where one is required.
    fn absent(place: &str, errors: &mut Errors) -> Option<Self> {
        errors.refuse(place, "Is required.")
    }

    /// The value of a field that was sent as null.
    fn null(place: &str, errors: &mut Errors) -> Option<Self> {
        Self::absent(place, errors)
    }
}

/// A request body, or an object inside one.
pub(crate) trait Request: Sized {
    /// Names of the fields, as identifiers.
    const FIELDS: &'static [&'static str];

    /// Reads all fields; `None` if a required one is missing or invalid.
    fn read(body: &mut Body) -> Option<Self>;
}

/// Parses a body and keeps the fields named here, whose names are matched ignoring case.
pub(crate) fn parse(bytes: &[u8], known: &'static [&'static str]) -> Result<Body> {
    if too_deep(bytes) {
        return Err(Error::field("body", format!("Must not nest deeper than {MAX_DEPTH}.")));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::field("body", "Is not valid UTF-8."))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = TopLevel { known }.deserialize(&mut deserializer).and_then(|b| deserializer.end().map(|()| b));
    parsed.map_err(|e| match e.classify() {
        serde_json::error::Category::Data => Error::field("body", "Must be a JSON object."),
        _ => Error::field("body", format!("Is not valid JSON (line {}, column {}).", e.line(), e.column())),
    })
}

/// Counts brackets outside strings: the parser's own limit is deeper than ours.
fn too_deep(bytes: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for b in bytes {
        match b {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn has_nul(node: &Node) -> bool {
    match node {
        Node::Text(t) => t.contains('\0'),
        Node::List(items) => items.iter().any(has_nul),
        Node::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// Errors of a request by field path, and what of it no field takes.
#[derive(Default)]
pub(crate) struct Errors {
    faults: FieldErrors,
    ignored: Vec<String>,
}

impl Errors {
    /// Adds an error of a field, once: a body can hold a hundred thousand repetitions of one. Fields beyond the first
    /// thousand that have one are not noted.
    pub(crate) fn add(&mut self, place: &str, text: impl Into<String>) {
        if self.faults.len() >= MAX_FAULTY && !self.faults.contains_key(place) {
            return;
        }
        let (known, text) = (self.faults.entry(place.to_owned()).or_default(), text.into());
        if !known.contains(&text) {
            known.push(text);
        }
    }

    /// Adds an error where a value was to be read.
    pub(crate) fn refuse<T>(&mut self, place: &str, text: impl Into<String>) -> Option<T> {
        self.add(place, text);
        None
    }

    /// The first error of the fields with these identifiers, and the name of its field.
    pub(crate) fn first_of(&self, identifiers: &[&str]) -> Option<(String, &str)> {
        identifiers.iter().find_map(|identifier| {
            let field = camel_case(identifier);
            let text = self.faults.get(&field)?.first()?.as_str();
            Some((field, text))
        })
    }

    /// Fails with all errors added so far.
    pub(crate) fn check(self) -> Result<()> {
        if self.faults.is_empty() { Ok(()) } else { Err(Error::Invalid(self.faults)) }
    }

    /// All errors, for an operation that adds its own.
    pub(crate) fn into_faults(self) -> FieldErrors {
        self.faults
    }

    /// Notes a member that no field takes; of very many the first.
    fn ignore(&mut self, name: &str) {
        if self.ignored.len() < MAX_IGNORED {
            let plain = name.chars().map(|c| if c.is_ascii_graphic() && c != ',' { c } else { '?' });
            self.ignored.push(plain.take(MAX_IGNORED_NAME).collect());
        }
    }

    /// Takes over what an object at a place inside the body has and no field takes.
    pub(crate) fn ignore_of(&mut self, place: &str, inner: Errors) {
        inner.ignored.iter().for_each(|name| self.ignore(&format!("{place}.{name}")));
    }

    /// Names of the members that no field takes, separated by commas; `None` if there are none.
    pub(crate) fn ignored(&self) -> Option<String> {
        let more = if self.ignored.len() == MAX_IGNORED { ", and perhaps more" } else { "" };
        (!self.ignored.is_empty()).then(|| self.ignored.join(", ") + more)
    }
}

impl Body {
    /// The members of an object inside a body; the first of several with one name counts, and that is an error.
    pub(crate) fn of_members(members: Vec<(String, Node)>, known: &'static [&'static str]) -> Body {
        let mut body = Body { fields: Vec::new(), errors: Errors::default() };
        for (name, node) in members {
            match known.iter().find(|known| is_name(known, &name)) {
                Some(known) => body.add(known, node),
                None => body.errors.ignore(&name),
            }
        }
        body
    }

    /// Reads a field of the name of this identifier.
    pub(crate) fn field<T: Field>(&mut self, identifier: &str) -> Option<T> {
        let place = camel_case(identifier);
        let sent = self.fields.iter().position(|(known, _)| *known == identifier);
        match sent.map(|at| self.fields.swap_remove(at).1) {
            // Of a field that was given twice nothing else is said.
            None | Some(Node::Null) if self.errors.faults.contains_key(&place) => {
                T::absent(&place, &mut Errors::default())
            }
            None => T::absent(&place, &mut self.errors),
            Some(Node::Null) => T::null(&place, &mut self.errors),
            Some(node) => {
                if has_nul(&node) {
                    self.errors.add(&place, "Must not contain NUL.");
                }
                T::read(node, &place, &mut self.errors)
            }
        }
    }

    fn add(&mut self, known: &'static str, node: Node) {
        if self.fields.iter().any(|(name, _)| *name == known) {
            self.errors.add(&camel_case(known), "Must be given only once.");
        } else {
            self.fields.push((known, node));
        }
    }
}

/// The name in JSON of a field with this identifier.
pub(super) fn camel_case(identifier: &str) -> String {
    let mut words = identifier.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}

/// Whether this is the JSON name of an identifier, in any case.
pub(super) fn is_name(identifier: &str, name: &str) -> bool {
    identifier.bytes().filter(|b| *b != b'_').eq(name.bytes().map(|b| b.to_ascii_lowercase()))
}

struct TopLevel {
    known: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for TopLevel {
    type Value = Body;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Body, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopLevel {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Body, A::Error> {
        let mut body = Body { fields: Vec::new(), errors: Errors::default() };
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.known.iter().find(|known| is_name(known, &name)) {
                Some(known) => body.add(known, map.next_value()?),
                None => {
                    body.errors.ignore(&name);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_camel_case_and_match_in_any_case() {
        assert_eq!(camel_case("is_secondary_external_id"), "isSecondaryExternalId");
        assert!(is_name("is_external_id", "ISexternalID"));
        assert!(!is_name("is_external_id", "is_external_id"));
        assert!(!is_name("name", "names"));
    }
}
