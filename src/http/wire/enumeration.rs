//! Enums of a request: by name in any case, or by number (contract, 17).

use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use super::body::{Errors, Field};
use super::node::{Node, integer};
use super::schema::schema;

/// Enum that a request can name.
pub(crate) trait Enumeration: Copy + 'static {
    /// Number of the first one.
    const FIRST: i64;
    /// In the order of their numbers.
    const ALL: &'static [Self];

    fn name(self) -> &'static str;
}

pub(crate) struct Enum<T>(pub(crate) T);

impl<T: Enumeration> Field for Enum<T> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let number = integer(&sent).and_then(|n| usize::try_from(n.checked_sub(T::FIRST)?).ok());
        let found = match (&sent, number) {
            (_, Some(n)) => T::ALL.get(n),
            (Node::Text(text), _) => T::ALL.iter().find(|v| v.name().eq_ignore_ascii_case(text.trim())),
            _ => None,
        };
        found.map(|value| Enum(*value)).or_else(|| {
            let names: Vec<&str> = T::ALL.iter().map(|v| v.name()).collect();
            errors.refuse(place, format!("Must be one of {}, or its number.", names.join(", ")))
        })
    }
}

schema! { [T: Enumeration] Enum<T> => {
    let names = T::ALL.iter().map(|v| serde_json::Value::from(v.name()));
    let numbers = (T::FIRST..).zip(T::ALL).map(|(n, _)| n.into());
    let kinds = SchemaType::from_iter([Type::String, Type::Integer]);
    ObjectBuilder::new().schema_type(kinds).enum_values(Some(names.chain(numbers)))
}}
