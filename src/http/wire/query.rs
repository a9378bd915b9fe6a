//! The query of a request: names ignore case, the first of several wins, unknown ones are ignored, except
//! by changes (contract, 1.1 and 17).

use std::borrow::Cow;

use super::body::{Errors, Field, camel_case, is_name};
use super::node::Node;

/// A query string, not yet decoded.
pub(crate) struct Query(pub(crate) String);

impl Query {
    /// Names of all parameters, decoded.
    pub(crate) fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        url::form_urlencoded::parse(self.0.as_bytes()).map(|(name, _)| name)
    }

    /// Reads the parameter of the name of this identifier. One without a value is a parameter, too.
    pub(crate) fn field<T: Field>(&self, identifier: &str, errors: &mut Errors) -> Option<T> {
        let mut pairs = url::form_urlencoded::parse(self.0.as_bytes());
        let place = camel_case(identifier);
        match pairs.find(|(name, _)| is_name(identifier, name)) {
            None => T::absent(&place, errors),
            Some((_, value)) => T::read(Node::Text(value.into_owned()), &place, errors),
        }
    }
}
