//! The fields of a request body: names in any case, every error noted, none of the JSON library's words.
//!
//! The texts of the JSON library echo values and are never used: an error names the field's path and what was
//! expected there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use time::OffsetDateTime;

use super::date::parse_date;
use super::node::{Node, integer};
use crate::error::{Error, Faults, Result};

/// How deep a body may nest.
const MAX_DEPTH: usize = 64;
/// Number of fields whose errors are noted: ten times what an answer lists, so that a large body of nothing but errors
/// does not cost a multiple of itself.
const MAX_FAULTY: usize = 1000;

/// The known fields of a request body. Unknown ones were skipped unread.
pub struct Body {
    fields: Vec<(&'static str, Node)>,
    /// What is wrong so far, by field.
    pub faults: Faults,
}

/// Parses a body and keeps the fields named here, whose names are matched ignoring case.
pub(crate) fn parse(bytes: &[u8], known: &'static [&'static str]) -> Result<Body> {
    if too_deep(bytes) {
        return Err(Error::field("body", format!("Must not nest deeper than {MAX_DEPTH}.")));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::field("body", "Is not valid UTF-8."))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = TopLevel { known }.deserialize(&mut deserializer).and_then(|b| deserializer.end().map(|()| b));
    let mut body = parsed.map_err(|e| match e.classify() {
        serde_json::error::Category::Data => Error::field("body", "Must be a JSON object."),
        _ => Error::field("body", format!("Is not valid JSON (line {}, column {}).", e.line(), e.column())),
    })?;
    for (name, node) in &body.fields {
        if has_nul(node) {
            body.faults.entry((*name).to_owned()).or_default().push("Must not contain NUL.".to_owned());
        }
    }
    Ok(body)
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

impl Body {
    /// The field as it was sent; absent and null are the same.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.fields.iter().position(|(n, _)| *n == name)?;
        Some(self.fields.swap_remove(at).1).filter(|node| *node != Node::Null)
    }

    /// Notes a fault of a field, once: a body can hold a hundred thousand repetitions of one. Fields beyond the first
    /// thousand that have one are not noted.
    pub fn fault(&mut self, name: &str, text: impl Into<String>) {
        if self.faults.len() >= MAX_FAULTY && !self.faults.contains_key(name) {
            return;
        }
        let (known, text) = (self.faults.entry(name.to_owned()).or_default(), text.into());
        if !known.contains(&text) {
            known.push(text);
        }
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Node::Text(text) => Some(text),
            _ => {
                self.fault(name, "Must be a string.");
                None
            }
        }
    }

    /// A whole number, or one written as a string.
    pub fn integer(&mut self, name: &str) -> Option<i64> {
        let number = integer(&self.take(name)?);
        if number.is_none() {
            self.fault(name, "Must be an integer.");
        }
        number
    }

    /// A switch.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Node::Bool(flag) => Some(flag),
            _ => {
                self.fault(name, "Must be true or false.");
                None
            }
        }
    }

    /// A point in time.
    pub fn date(&mut self, name: &str) -> Option<OffsetDateTime> {
        let text = match self.take(name)? {
            Node::Text(text) => text,
            _ => String::new(),
        };
        let date = parse_date(&text);
        if date.is_none() {
            self.fault(name, "Must be a date and time such as 2026-04-05T10:30:00Z.");
        }
        date
    }

    /// A display name: 1-200 code points, trimmed.
    pub fn name(&mut self, required: bool) -> Option<String> {
        let text = self.text("name").map(|t| t.trim().to_owned());
        match text {
            Some(t) if (1..=200).contains(&t.chars().count()) => Some(t),
            Some(_) => {
                self.fault("name", "Must be 1-200 characters.");
                None
            }
            None => {
                if required && !self.faults.contains_key("name") {
                    self.fault("name", "Must be 1-200 characters.");
                }
                None
            }
        }
    }

    /// A description: at most 1000 code points.
    pub fn description(&mut self, trimmed: bool) -> Option<String> {
        let text = self.text("description").map(|t| if trimmed { t.trim().to_owned() } else { t })?;
        if text.chars().count() > 1000 {
            self.fault("description", "Must be at most 1000 characters.");
            return None;
        }
        Some(text)
    }

    /// Fails with all faults noted so far.
    pub fn check(&mut self) -> Result<()> {
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(Error::Invalid(std::mem::take(&mut self.faults))),
        }
    }
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
        let mut body = Body { fields: Vec::new(), faults: Faults::new() };
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let Some(known) = self.known.iter().find(|k| k.eq_ignore_ascii_case(&name)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let node = map.next_value()?;
            if body.fields.iter().any(|(n, _)| n == known) {
                body.fault(known, "Must be given only once.");
            } else {
                body.fields.push((known, node));
            }
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["name", "count", "on"];

    fn faults(text: &str) -> Vec<String> {
        match parse(text.as_bytes(), KNOWN).map(|mut b| {
            b.name(true);
            b.integer("count");
            b.flag("on");
            b
        }) {
            Ok(body) => body.faults.into_iter().map(|(k, v)| format!("{k}: {}", v.join(" "))).collect(),
            Err(Error::Invalid(faults)) => faults.into_iter().map(|(k, v)| format!("{k}: {}", v.join(" "))).collect(),
            Err(_) => panic!("another error"),
        }
    }

    #[test]
    fn faults_name_the_field_and_never_the_value() {
        for (text, fault) in [
            ("{\"name\":\"x\"}", None),
            ("{\"NAME\":\" x \",\"count\":\"389\",\"On\":true,\"other\":[{}]}", None),
            ("{\"name\":5}", Some("name: Must be a string.")),
            ("{\"name\":\"\"}", Some("name: Must be 1-200 characters.")),
            ("{}", Some("name: Must be 1-200 characters.")),
            ("{\"name\":\"x\",\"Name\":\"y\"}", Some("name: Must be given only once.")),
            ("{\"name\":\"x\",\"count\":1.5}", Some("count: Must be an integer.")),
            ("{\"name\":\"x\",\"count\":1e2}", Some("count: Must be an integer.")),
            ("{\"name\":\"x\",\"count\":9223372036854775808}", Some("count: Must be an integer.")),
            ("{\"name\":\"x\",\"on\":\"true\"}", Some("on: Must be true or false.")),
            ("{\"name\":\"a\\u0000b\"}", Some("name: Must not contain NUL.")),
            ("[]", Some("body: Must be a JSON object.")),
            ("{\"name\":\"s3cret", Some("body: Is not valid JSON (line 1, column 15).")),
            ("{\"name\":\"\\ud800\"}", Some("body: Is not valid JSON (line 1, column 16).")),
        ] {
            assert_eq!(faults(text), fault.into_iter().collect::<Vec<_>>(), "{text}");
        }
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(64), "]".repeat(64));
        assert_eq!(faults(&deep), ["body: Must not nest deeper than 64."]);
    }
}
