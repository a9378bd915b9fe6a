//! Decoder of a request body: case-insensitive field names, all errors collected.
//!
//! Error texts of the JSON library are not used, because they echo values.

use std::fmt;

use super::node::Node;
use crate::error::{Error, FieldErrors, Result};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// Nesting depth of a body.
const MAX_DEPTH: usize = 64;
/// Fields with errors; ten times what an answer lists, so that a large body of errors costs no multiple of its size.
const MAX_FIELDS_WITH_ERRORS: usize = 1000;
/// Unknown members that an answer names.
const MAX_UNKNOWN: usize = 20;
/// Characters of the name of an unknown member.
const MAX_UNKNOWN_LENGTH: usize = 64;

/// Known fields of a request body.
pub(crate) struct Body {
    fields: Vec<(&'static str, Node)>,
    pub(crate) errors: Errors,
}

/// A value of a request. Absent and null are the same unless `null` says otherwise.
pub(crate) trait Field: Sized {
    /// Decodes a value; `None` after adding an error.
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self>;

    /// Value of an absent field; `None` after adding an error if it is required.
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
    /// Identifiers of the fields.
    const FIELDS: &'static [&'static str];

    /// Decodes all fields; `None` if a required one is missing or invalid.
    fn read(body: &mut Body) -> Option<Self>;
}

/// Parses a body and keeps the known fields.
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

/// Counts brackets outside strings, because the limit of the parser is higher.
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

/// Errors of a request by field path, and its unknown members.
#[derive(Default)]
pub(crate) struct Errors {
    faults: FieldErrors,
    unknown: Vec<String>,
}

impl Errors {
    /// Adds an error of a field, deduplicated: a body can repeat one a hundred thousand times.
    pub(crate) fn add(&mut self, place: &str, text: impl Into<String>) {
        if self.faults.len() >= MAX_FIELDS_WITH_ERRORS && !self.faults.contains_key(place) {
            return;
        }
        let (known, text) = (self.faults.entry(place.to_owned()).or_default(), text.into());
        if !known.contains(&text) {
            known.push(text);
        }
    }

    /// Adds an error in place of a value.
    pub(crate) fn refuse<T>(&mut self, place: &str, text: impl Into<String>) -> Option<T> {
        self.add(place, text);
        None
    }

    /// The first invalid field of these identifiers, with its error.
    pub(crate) fn first_of(&self, identifiers: &[&str]) -> Option<(String, &str)> {
        identifiers.iter().find_map(|identifier| {
            let field = camel_case(identifier);
            let text = self.faults.get(&field)?.first()?.as_str();
            Some((field, text))
        })
    }

    /// Fails if there are errors.
    pub(crate) fn check(self) -> Result<()> {
        if self.faults.is_empty() { Ok(()) } else { Err(Error::Invalid(self.faults)) }
    }

    pub(crate) fn into_faults(self) -> FieldErrors {
        self.faults
    }

    fn add_unknown(&mut self, name: &str) {
        if self.unknown.len() < MAX_UNKNOWN {
            let plain = name.chars().map(|c| if c.is_ascii_graphic() && c != ',' { c } else { '?' });
            self.unknown.push(plain.take(MAX_UNKNOWN_LENGTH).collect());
        }
    }

    /// Adds the unknown members of an object inside the body.
    pub(crate) fn add_unknown_of(&mut self, place: &str, inner: Errors) {
        inner.unknown.iter().for_each(|name| self.add_unknown(&format!("{place}.{name}")));
    }

    /// Names of the unknown members, separated by commas.
    pub(crate) fn unknown(&self) -> Option<String> {
        let more = if self.unknown.len() == MAX_UNKNOWN { ", and perhaps more" } else { "" };
        (!self.unknown.is_empty()).then(|| self.unknown.join(", ") + more)
    }
}

impl Body {
    /// Fields of an object inside a body. A duplicate is an error.
    pub(crate) fn of_members(members: Vec<(String, Node)>, known: &'static [&'static str]) -> Body {
        let mut body = Body { fields: Vec::new(), errors: Errors::default() };
        for (name, node) in members {
            match known.iter().find(|known| is_name(known, &name)) {
                Some(known) => body.add(known, node),
                None => body.errors.add_unknown(&name),
            }
        }
        body
    }

    /// Decodes the field of an identifier.
    pub(crate) fn field<T: Field>(&mut self, identifier: &str) -> Option<T> {
        let place = camel_case(identifier);
        let sent = self.fields.iter().position(|(known, _)| *known == identifier);
        match sent.map(|at| self.fields.swap_remove(at).1) {
            // A duplicate field has no second error.
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

/// JSON name of an identifier.
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

/// Whether this is the JSON name of an identifier, ignoring case.
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
                    body.errors.add_unknown(&name);
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
