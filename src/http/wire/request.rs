//! One struct per request: reading and schema come from the same lines.
//!
//! [`request!`] declares a body and [`query!`] the parameters of a query. Reading notes the errors of all fields, so
//! that one answer names them all; names are matched in any case. (`serde` stops at the first error and uses its own
//! words; `deserr` matches names by case.)

use std::collections::BTreeMap;

use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::body::{Body, Errors, Field, Request};
use super::node::{Node, integer};

impl<T: Field> Field for Option<T> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        Some(T::read(sent, place, errors))
    }

    fn absent(_: &str, _: &mut Errors) -> Option<Self> {
        Some(None)
    }
}

/// A field of an update: absent keeps the stored value, null clears it.
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

/// Declares a request body with its reading and its schema.
macro_rules! request {
    ($(#[$meta:meta])* pub(super) struct $Name:ident {
        $($(#[$field_meta:meta])* $field:ident: $Type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(utoipa::ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub(super) struct $Name {
            $($(#[$field_meta])* pub(super) $field: $Type,)*
        }

        impl $crate::http::wire::body::Request for $Name {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn read(body: &mut $crate::http::wire::body::Body) -> Option<Self> {
                $(let $field = body.field(stringify!($field));)*
                Some($Name { $($field: $field?,)* })
            }
        }
    };
}
pub(crate) use request;

/// Declares the parameters of a query with their reading and their description.
macro_rules! query {
    ($(#[$meta:meta])* $vis:vis struct $Name:ident {
        $($(#[$field_meta:meta])* $field:ident: $Type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(utoipa::IntoParams)]
        #[into_params(parameter_in = Query, rename_all = "camelCase")]
        $vis struct $Name {
            $($(#[$field_meta])* $vis $field: $Type,)*
        }

        impl $Name {
            /// Reads all parameters, or names everything that is wrong with them.
            #[allow(dead_code, reason = "some are read together with another query")]
            $vis fn read(query: &$crate::http::wire::Query) -> $crate::error::Result<Self> {
                let mut errors = $crate::http::wire::body::Errors::default();
                let read = Self::read_with(query, &mut errors);
                errors.check()?;
                read.ok_or_else(|| $crate::error::Error::field("query", "Is invalid."))
            }

            /// Reads all parameters beside those of another query, whose errors go into the same answer.
            $vis fn read_with(
                query: &$crate::http::wire::Query,
                errors: &mut $crate::http::wire::body::Errors,
            ) -> Option<Self> {
                $(let $field = query.field(stringify!($field), errors);)*
                Some($Name { $($field: $field?,)* })
            }
        }
    };
}
pub(crate) use query;

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

/// A whole number of 64 bits, or one written as a string. Bounds are few positive numbers, or none.
pub(crate) struct Integer<const MIN: i64 = { i64::MIN }, const MAX: i64 = { i64::MAX }>(pub(crate) i64);

impl<const MIN: i64, const MAX: i64> Field for Integer<MIN, MAX> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let n = i64::read(sent, place, errors)?;
        if (MIN..=MAX).contains(&n) { Some(Integer(n)) } else { errors.refuse(place, format!("Must be {MIN}-{MAX}.")) }
    }
}

impl<const MIN: i64, const MAX: i64> PartialSchema for Integer<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        let kinds = SchemaType::from_iter([Type::Integer, Type::String]);
        let number = ObjectBuilder::new().schema_type(kinds).minimum(Some(MIN)).maximum(Some(MAX));
        let pattern = match MIN {
            i64::MIN => "^-?[0-9]{1,18}$".to_owned(),
            1 if MAX > 9 && 10_i64.pow(MAX.ilog10()) == MAX => {
                format!("^0*([1-9][0-9]{{0,{}}}|{MAX})$", MAX.ilog10() - 1)
            }
            _ => format!("^0*({})$", (MIN..=MAX).map(|n| n.to_string()).collect::<Vec<_>>().join("|")),
        };
        Schema::from(number.pattern(Some(pattern))).into()
    }
}

impl<const MIN: i64, const MAX: i64> ToSchema for Integer<MIN, MAX> {}

/// Objects keyed by ids or names, as bulk updates have them. A null stands for the default: nothing changes.
pub(crate) struct Dictionary<T, K = i64>(pub(crate) BTreeMap<K, T>);

/// Key of a dictionary.
pub(crate) trait DictionaryKey: Ord {
    /// Forms of a key, as an error names them.
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

/// Name of what the keys of a dictionary are the ids of.
pub(crate) trait Keyed: Request + Default {
    const KEY: &'static str;
}

impl<T: Keyed, K: DictionaryKey> Field for Dictionary<T, K> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let Node::Object(members) = sent else {
            return errors.refuse(place, format!("Must be an object. Its keys are {} {}.", T::KEY, K::FORMS));
        };
        let mut found = BTreeMap::new();
        for (name, node) in members {
            let path = format!("{place}.{}", shown_key(&name));
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

/// Reads an entry of a dictionary; the error names the first invalid member, as in `selected must be true or false.`
pub(crate) fn object<T: Request + Default>(sent: Node, place: &str, errors: &mut Errors) -> Result<T, String> {
    let members = match sent {
        Node::Null => return Ok(T::default()),
        Node::Object(members) => members,
        _ => return Err("Must be an object.".to_owned()),
    };
    let mut body = Body::of_members(members, T::FIELDS);
    let value = T::read(&mut body);
    let fault = body.errors.first_of(T::FIELDS).map(|(field, why)| format!("{field} m{}", why.trim_start_matches('M')));
    errors.ignore_of(place, body.errors);
    match fault {
        Some(fault) => Err(fault),
        None => Ok(value.unwrap_or_default()),
    }
}

/// The key of a dictionary: an id, written as answers write it, so that no id has two spellings.
pub(crate) fn key(text: &str) -> Option<i64> {
    text.parse().ok().filter(|id: &i64| id.to_string() == text)
}

/// Characters of a key that an error repeats: enough to tell DNs apart.
const MAX_SHOWN_KEY: usize = 200;

/// A key as an error may repeat it.
pub(crate) fn shown_key(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN_KEY).collect()
}

/// The id of a setting, attribute or container as the key of a dictionary.
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
        #[expect(dead_code, reason = "only the errors are looked at")]
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
        #[expect(dead_code, reason = "only the errors are looked at")]
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
