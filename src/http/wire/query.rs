//! The query of a request: names ignore case, the first of several wins, unknown ones are ignored.

use crate::error::{Error, Result};

/// A query string, not yet decoded.
pub(crate) struct Query(pub(crate) String);

impl Query {
    /// A parameter by its name, ignoring case.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.0.as_bytes());
        pairs.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.into_owned())
    }

    /// A switch: `true` or `false` in any case.
    pub(crate) fn flag(&self, name: &'static str, default: bool) -> Result<bool> {
        match self.text(name) {
            None => Ok(default),
            Some(v) if v.eq_ignore_ascii_case("true") => Ok(true),
            Some(v) if v.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Error::field(name, "Must be true or false.")),
        }
    }
}
