//! Reading request bodies and writing response values: the JSON conventions of the API in one place.
//!
//! The texts of the JSON library echo values and are never used: a fault names the field's path and what was
//! expected there.

mod date;
mod dictionary;
mod node;
mod pieces;

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use time::OffsetDateTime;
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::{Reply, Response};

use super::filters::Call;
use crate::error::{Error, Faults, Result};

pub use date::{date, now, parse_date, parse_date_or_day};
pub use dictionary::{key, shown_key, switch};
pub use node::{Node, integer};
pub use pieces::{CHUNK, close, open, open_array, streamed, write};

/// When the ids of what is a part of the program, connectors and roles, were fixed.
pub const BUILT_IN_SINCE: &str = "2026-01-01T00:00:00Z";

/// The largest body that is read.
pub const MAX_BODY: usize = 2 * 1024 * 1024;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How deep a body may nest.
const MAX_DEPTH: usize = 64;
/// Of how many fields faults are noted: ten times what an answer lists, so that a large body of nothing but faults
/// does not cost a multiple of itself.
const MAX_FAULTY: usize = 1000;

/// A 200 with a JSON body.
pub fn ok<T: serde::Serialize>(body: &T) -> Result<Response> {
    let bytes = serde_json::to_vec(body).map_err(|e| Error::internal("a response cannot be written", e))?;
    Ok(with_type(bytes.into_response()))
}

/// Marks a response as JSON.
pub fn with_type(mut response: Response) -> Response {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Turns a 200 into a 201 with the path of what was created.
pub fn created(mut response: Response, location: &str) -> Response {
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// A 204.
pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// The known fields of a request body. Unknown ones were skipped unread.
pub struct Body {
    fields: Vec<(&'static str, Node)>,
    /// What is wrong so far, by field.
    pub faults: Faults,
}

impl Call {
    /// Reads the body as an object and keeps the fields named here, whose names are matched ignoring case.
    pub async fn json(&mut self, known: &'static [&'static str]) -> Result<Body> {
        let body = self.json_if_any(known).await?;
        body.ok_or_else(|| Error::field("body", "A JSON object is required."))
    }

    /// The same where a request may do without a body.
    pub async fn json_if_any(&mut self, known: &'static [&'static str]) -> Result<Option<Body>> {
        let bytes = self.collect_body().await?;
        if bytes.is_empty() { Ok(None) } else { parse(&bytes, known).map(Some) }
    }

    async fn collect_body(&mut self) -> Result<BytesMut> {
        let declared = self.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|n| n > MAX_BODY as u64) {
            return Err(Error::TooLarge { limit: MAX_BODY });
        }
        let is_json = is_json(&self.headers);
        let collect = async {
            let mut bytes = BytesMut::new();
            while let Some(chunk) = self.body.next().await {
                let chunk = chunk.map_err(|_| Error::BadRequest("the request body ended early".to_owned()))?;
                if bytes.len() + chunk.len() > MAX_BODY {
                    return Err(Error::TooLarge { limit: MAX_BODY });
                }
                if !is_json && !chunk.is_empty() {
                    return Err(Error::MediaType);
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes)
        };
        let slow = Error::TooSlow { seconds: BODY_TIME.as_secs() };
        tokio::time::timeout(BODY_TIME, collect).await.unwrap_or(Err(slow))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5 && essence.to_ascii_lowercase().ends_with("+json"))
}

fn parse(bytes: &[u8], known: &'static [&'static str]) -> Result<Body> {
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
