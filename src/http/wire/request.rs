//! Declaration of requests: one struct is both decoder and schema.
//!
//! [`request!`] declares a body and [`query!`] query parameters. `serde` would stop at the first error, with its own
//! texts; `deserr` would match names by case.

use std::borrow::Cow;
use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use super::body::{Body, Errors, Field, Request, camel_case, is_name};
use super::node::{Node, integer};
use super::schema::schema;

impl<T: Field> Field for Option<T> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        Some(T::read(sent, place, errors))
    }

    fn absent(_: &str, _: &mut Errors) -> Option<Self> {
        Some(None)
    }
}

/// Field of an update: absent keeps the stored value, null clears it.
pub(crate) struct Patch<T>(pub(crate) Option<Option<T>>);

impl<T: Field> Field for Patch<T> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        T::read(sent, place, errors).map(|value| Patch(Some(Some(value))))
    }

    fn absent(_: &str, _: &mut Errors) -> Option<Self> {
        Some(Patch(None))
    }

    fn null(_: &str, _: &mut Errors) -> Option<Self> {
        Some(Patch(Some(None)))
    }
}

/// Declares request bodies. Schemas of fields without a `schema` attribute are inlined.
macro_rules! request {
    ($($(#[$meta:meta])* pub(super) struct $Name:ident {
        $($(#[doc = $doc:literal])* $(#[schema($($schema:tt)*)])? $field:ident: $Type:ty,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(utoipa::ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub(super) struct $Name {
            $($(#[doc = $doc])* #[schema(inline $(= false, $($schema)*)?)] pub(super) $field: $Type,)*
        }

        impl $crate::http::wire::Request for $Name {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn read(body: &mut $crate::http::wire::Body) -> Option<Self> {
                $(let $field = body.field(stringify!($field));)*
                Some($Name { $($field: $field?,)* })
            }
        }
    )*};
}
pub(crate) use request;

/// Declares query parameters. Schemas of those without a `param` attribute are inlined.
macro_rules! query {
    ($($(#[$meta:meta])* $vis:vis struct $Name:ident {
        $($(#[doc = $doc:literal])* $(#[param($($param:tt)*)])? $field:ident: $Type:ty,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(utoipa::IntoParams)]
        #[into_params(parameter_in = Query, rename_all = "camelCase")]
        $vis struct $Name {
            $($(#[doc = $doc])* #[param(inline $(= false, $($param)*)?)] $vis $field: $Type,)*
        }

        impl $Name {
            /// Decodes all parameters.
            #[allow(dead_code, reason = "some queries are only read together with another")]
            $vis fn read(query: &$crate::http::wire::Query) -> $crate::error::Result<Self> {
                let mut errors = $crate::http::wire::Errors::default();
                let read = Self::read_with(query, &mut errors);
                errors.check()?;
                read.ok_or_else(|| $crate::error::Error::field("query", "Is invalid."))
            }

            /// Decodes all parameters and adds their errors, for operations with two queries.
            $vis fn read_with(
                query: &$crate::http::wire::Query,
                errors: &mut $crate::http::wire::Errors,
            ) -> Option<Self> {
                $(let $field = query.field(stringify!($field), errors);)*
                Some($Name { $($field: $field?,)* })
            }
        }
    )*};
}
pub(crate) use query;

/// A query string, percent-encoded. Names ignore case, the first of duplicates wins (contract, 1.1 and 17).
pub(crate) struct Query(pub(crate) String);

impl Query {
    pub(crate) fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        url::form_urlencoded::parse(self.0.as_bytes()).map(|(name, _)| name)
    }

    /// Decodes the parameter of an identifier; one without a value is present.
    pub(crate) fn field<T: Field>(&self, identifier: &str, errors: &mut Errors) -> Option<T> {
        let mut pairs = url::form_urlencoded::parse(self.0.as_bytes());
        let place = camel_case(identifier);
        match pairs.find(|(name, _)| is_name(identifier, name)) {
            None => T::absent(&place, errors),
            Some((_, value)) => T::read(Node::Text(value.into_owned()), &place, errors),
        }
    }
}

impl Field for bool {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        match sent {
            Node::Bool(flag) => Some(flag),
            _ => errors.refuse(place, "Must be true or false."),
        }
    }
}

impl Field for i64 {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        integer(&sent).or_else(|| errors.refuse(place, "Must be an integer."))
    }
}

impl Field for String {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        match sent {
            Node::Text(text) => Some(text),
            _ => errors.refuse(place, "Must be a string."),
        }
    }
}

/// A 64-bit integer, or one written as a string, optionally of a small range of positive numbers.
pub(crate) struct Integer<const MIN: i64 = { i64::MIN }, const MAX: i64 = { i64::MAX }>(pub(crate) i64);

impl<const MIN: i64, const MAX: i64> Field for Integer<MIN, MAX> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let n = i64::read(sent, place, errors)?;
        if (MIN..=MAX).contains(&n) { Some(Integer(n)) } else { errors.refuse(place, format!("Must be {MIN}-{MAX}.")) }
    }
}

schema! { [const MIN: i64, const MAX: i64] Integer<MIN, MAX> => {
    let kinds = SchemaType::from_iter([Type::Integer, Type::String]);
    let number = ObjectBuilder::new().schema_type(kinds).minimum(Some(MIN)).maximum(Some(MAX));
    let pattern = match MIN {
        i64::MIN => "^-?[0-9]{1,18}$".to_owned(),
        1 if MAX > 9 && 10_i64.pow(MAX.ilog10()) == MAX => {
            format!("^0*([1-9][0-9]{{0,{}}}|{MAX})$", MAX.ilog10() - 1)
        }
        _ => format!("^0*({})$", (MIN..=MAX).map(|n| n.to_string()).collect::<Vec<_>>().join("|")),
    };
    number.pattern(Some(pattern))
}}

/// Objects keyed by id or name, for bulk updates. A null is the default value, which changes nothing.
pub(crate) struct Dictionary<T, K = i64>(pub(crate) BTreeMap<K, T>);

pub(crate) trait DictionaryKey: Ord {
    /// Allowed forms of a key, for errors.
    const FORMS: &'static str;

    fn of(text: &str) -> Option<Self>
    where
        Self: Sized;
}

impl DictionaryKey for i64 {
    const FORMS: &'static str = "ids, written as integers";

    fn of(text: &str) -> Option<Self> {
        key(text)
    }
}

pub(crate) trait Keyed: Request + Default {
    /// Name of the resource that a key identifies.
    const KEY: &'static str;
}

impl<T: Keyed, K: DictionaryKey> Field for Dictionary<T, K> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let Node::Object(members) = sent else {
            return errors.refuse(place, format!("Must be an object. Its keys are {} {}.", T::KEY, K::FORMS));
        };
        let mut found = BTreeMap::new();
        for (name, node) in members {
            let path = format!("{place}.{}", printable_key(&name));
            match (K::of(&name), object(node, &path, errors)) {
                (None, _) => errors.add(&path, format!("Keys of {place} are {} {}.", T::KEY, K::FORMS)),
                (_, Err(why)) => errors.add(&path, why),
                (Some(id), Ok(value)) => {
                    if found.insert(id, value).is_some() {
                        errors.add(&path, "Must be given only once.");
                    }
                }
            }
        }
        Some(Dictionary(found))
    }

    fn absent(place: &str, errors: &mut Errors) -> Option<Self> {
        errors.refuse(place, format!("Must name at least one {}.", T::KEY))
    }
}

/// Decodes an entry of a dictionary; the error names the first invalid member: `selected must be true or false.`
pub(crate) fn object<T: Request + Default>(sent: Node, place: &str, errors: &mut Errors) -> Result<T, String> {
    let members = match sent {
        Node::Null => return Ok(T::default()),
        Node::Object(members) => members,
        _ => return Err("Must be an object.".to_owned()),
    };
    let mut body = Body::of_members(members, T::FIELDS);
    let value = T::read(&mut body);
    let error = body.errors.first_of(T::FIELDS).map(|(field, why)| format!("{field} m{}", why.trim_start_matches('M')));
    errors.add_unknown_of(place, body.errors);
    error.map_or_else(|| Ok(value.unwrap_or_default()), Err)
}

/// Parses the id that is a key of a dictionary; each id has one spelling.
pub(crate) fn key(text: &str) -> Option<i64> {
    text.parse().ok().filter(|id: &i64| id.to_string() == text)
}

/// Characters of a key that an error repeats: enough to tell DNs apart.
const MAX_KEY: usize = 200;

/// Key of the request, safe to repeat in an error.
pub(crate) fn printable_key(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_KEY).collect()
}

/// Schema of an id as the key of a dictionary.
#[derive(PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^(0|-?[1-9][0-9]{0,17})$")]
pub(crate) struct SettingId(String);

#[cfg(test)]
mod tests {
    use super::super::body::parse;
    use super::super::text::Name;
    use super::*;
    use crate::error::Error;

    request! {
        #[expect(dead_code, reason = "only the errors are tested")]
        pub(super) struct Thing {
            name: Name,
            count: Option<i64>,
            is_on: Option<bool>,
            #[schema(value_type = Option<BTreeMap<SettingId, Part>>)]
            parts: Option<Dictionary<Part>>,
        }
    }

    request! {
        #[derive(Default)]
        #[expect(dead_code, reason = "only the errors are tested")]
        pub(super) struct Part {
            is_on: Option<bool>,
        }
    }

    impl Keyed for Part {
        const KEY: &'static str = "part";
    }

    fn errors(text: &str) -> Vec<String> {
        let errors = match parse(text.as_bytes(), Thing::FIELDS) {
            Ok(mut body) => {
                let thing = Thing::read(&mut body);
                let errors = body.errors.check();
                assert!(thing.is_some() || errors.is_err(), "{text}");
                errors
            }
            Err(error) => Err(error),
        };
        match errors {
            Ok(()) => Vec::new(),
            Err(Error::Invalid(errors)) => errors.into_iter().map(|(k, v)| format!("{k}: {}", v.join(" "))).collect(),
            Err(_) => panic!("another error"),
        }
    }

    #[test]
    fn errors_name_the_field_and_never_the_value() {
        for (text, expected) in [
            ("{\"name\":\"x\"}", &[][..]),
            ("{\"NAME\":\" x \",\"count\":\"389\",\"ISon\":true,\"other\":[{}]}", &[]),
            ("{\"name\":5}", &["name: Must be a string."]),
            ("{\"name\":\"\"}", &["name: Must be 1-200 characters."]),
            ("{}", &["name: Must be 1-200 characters."]),
            ("{\"name\":\"x\",\"Name\":\"y\"}", &["name: Must be given only once."]),
            ("{\"name\":\"x\",\"count\":1.5}", &["count: Must be an integer."]),
            ("{\"name\":\"x\",\"count\":1e2}", &["count: Must be an integer."]),
            ("{\"name\":\"x\",\"count\":9223372036854775808}", &["count: Must be an integer."]),
            ("{\"isOn\":\"true\"}", &["isOn: Must be true or false.", "name: Must be 1-200 characters."]),
            ("{\"name\":\"a\\u0000b\"}", &["name: Must not contain NUL."]),
            ("{\"name\":null,\"Name\":\"x\"}", &["name: Must be given only once."]),
            (
                "{\"name\":\"x\",\"parts\":{\"7\":{\"isOn\":\"\\u0000\"},\"x\":{}}}",
                &[
                    "parts: Must not contain NUL.",
                    "parts.7: isOn must not contain NUL.",
                    "parts.x: Keys of parts are part ids, written as integers.",
                ],
            ),
            ("[]", &["body: Must be a JSON object."]),
            ("{\"name\":\"s3cret", &["body: Is not valid JSON (line 1, column 15)."]),
            ("{\"name\":\"\\ud800\"}", &["body: Is not valid JSON (line 1, column 16)."]),
            ("{\"name\":\"x\",\"parts\":{\"7\":null,\"8\":{\"ison\":true}}}", &[]),
            (
                "{\"name\":\"x\",\"parts\":[]}",
                &["parts: Must be an object. Its keys are part ids, written as integers."],
            ),
            (
                "{\"name\":\"x\",\"parts\":{\"07\":{},\"7\":1,\"8\":{\"isOn\":1},\"9\":{\"isOn\":null,\"ISON\":true}}}",
                &[
                    "parts.07: Keys of parts are part ids, written as integers.",
                    "parts.7: Must be an object.",
                    "parts.8: isOn must be true or false.",
                    "parts.9: isOn must be given only once.",
                ],
            ),
        ] {
            assert_eq!(errors(text), expected, "{text}");
        }
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(64), "]".repeat(64));
        assert_eq!(errors(&deep), ["body: Must not nest deeper than 64."]);
    }
}
