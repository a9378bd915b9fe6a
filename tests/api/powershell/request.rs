//! How a row of the table is written: a request, and what the client takes the parts of its answer for.

use serde_json::Value;

use super::shell::Headers;

/// What the client takes a value for.
pub enum Kind {
    Text,
    TextOrNull,
    Int,
    Bool,
    Array,
    Object,
    /// No body at all, or null.
    Nothing,
    /// This value, every time.
    Is(Value),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Texts, and this is among them.
    Has(&'static str),
}

/// Picks what later requests need.
pub type Pick = fn(&Value) -> &Value;

/// One request with what is read of the answer.
pub struct Request {
    /// Verb and path; `CS` is where connected systems live, anything else is below `/api/v1/`.
    pub line: String,
    pub headers: Headers,
    pub body: Option<Value>,
    pub status: u16,
    pub reads: Vec<(&'static str, Kind)>,
    pub keeps: Vec<(&'static str, Pick)>,
}

/// A request without a body that is answered with this status.
pub fn request(line: &str, status: u16) -> Request {
    let line = line.to_owned();
    Request { line, headers: Headers::All, body: None, status, reads: Vec::new(), keeps: Vec::new() }
}

impl Request {
    pub fn headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    pub fn sends(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Paths as in `items[].name`; the empty one is the whole body.
    pub fn reads<const N: usize>(mut self, fields: [(&'static str, Kind); N]) -> Self {
        self.reads.extend(fields);
        self
    }

    /// Handed on as it is.
    pub fn passes(self) -> Self {
        self.reads([("", Kind::Object)])
    }

    pub fn keeps(mut self, name: &'static str, pick: Pick) -> Self {
        self.keeps.push((name, pick));
        self
    }
}

/// The element of an array in which a field has this value.
pub fn with<'v>(array: &'v Value, field: &str, value: &str) -> &'v Value {
    let found = array.as_array().into_iter().flatten().find(|e| e[field] == value);
    found.unwrap_or_else(|| panic!("no {field} is {value} in {array}"))
}

/// The values at `items[].name` and the like; `[]` is every element of an array, and there must be some.
pub fn find<'v>(body: &'v Value, path: &str) -> Result<Vec<&'v Value>, String> {
    let mut found = vec![body];
    for segment in path.split('.').filter(|s| !s.is_empty()) {
        let (name, each) = segment.strip_suffix("[]").map_or((segment, false), |name| (name, true));
        if !name.is_empty() {
            let member = |v: &'v Value| v.get(name).ok_or_else(|| format!("lacks {name}"));
            found = found.into_iter().map(member).collect::<Result<_, _>>()?;
        }
        if each {
            let elements = |v: &'v Value| v.as_array().ok_or_else(|| format!("has no array {name}"));
            let arrays: Vec<_> = found.into_iter().map(elements).collect::<Result<_, _>>()?;
            found = arrays.into_iter().flatten().collect();
        }
        if found.is_empty() {
            return Err(format!("has nothing in {name}"));
        }
    }
    Ok(found)
}

impl Kind {
    /// Whether all the values that were found are that.
    pub fn fits(&self, found: &[&Value]) -> bool {
        found.iter().all(|v| match self {
            Kind::Text => v.as_str().is_some_and(|t| !t.is_empty()),
            Kind::TextOrNull => v.is_string() || v.is_null(),
            Kind::Int => v.is_i64(),
            Kind::Bool => v.is_boolean(),
            Kind::Array => v.is_array(),
            Kind::Object => v.is_object(),
            Kind::Nothing => v.is_null(),
            Kind::Is(wanted) => *v == wanted,
            Kind::OneOf(words) => v.as_str().is_some_and(|t| words.contains(&t)),
            Kind::Has(_) => v.is_string(),
        }) && match self {
            Kind::Has(wanted) => found.iter().any(|v| *v == wanted),
            _ => true,
        }
    }
}
