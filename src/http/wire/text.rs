//! Texts, dates and flags of requests, with limits and schema.

use time::OffsetDateTime;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};

use super::body::{Errors, Field};
use super::date::{parse_date, parse_date_or_day};
use super::node::Node;
use super::schema::schema;

/// No NUL, and at least one character that is not white space.
const NOT_BLANK: &str = r"^[^\x00]*[^\x00\s][^\x00]*$";
const NO_NUL: &str = r"^[^\x00]*$";

/// A text of 1 to `MAX` code points, trimmed.
pub(crate) struct Name<const MAX: usize = 200>(pub(crate) String);

impl<const MAX: usize> Field for Name<MAX> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let text = String::read(sent, place, errors)?.trim().to_owned();
        Text::<MAX, 1>::read(Node::Text(text), place, errors).map(|Text(text)| Name(text))
    }

    fn absent(place: &str, errors: &mut Errors) -> Option<Self> {
        errors.refuse(place, format!("Must be 1-{MAX} characters."))
    }
}

schema! { [const MAX: usize] Name<MAX> => text_schema(1, MAX, NOT_BLANK) }

/// A text of `MIN` to `MAX` code points.
pub(crate) struct Text<const MAX: usize, const MIN: usize = 0>(pub(crate) String);

impl<const MAX: usize, const MIN: usize> Field for Text<MAX, MIN> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let text = String::read(sent, place, errors)?;
        if (MIN..=MAX).contains(&text.chars().count()) {
            Some(Text(text))
        } else if MIN == 0 {
            errors.refuse(place, format!("Must be at most {MAX} characters."))
        } else {
            errors.refuse(place, format!("Must be {MIN}-{MAX} characters."))
        }
    }
}

schema! { [const MAX: usize, const MIN: usize] Text<MAX, MIN> => text_schema(MIN, MAX, NO_NUL) }

/// A text of at most `MAX` code points, trimmed.
pub(crate) struct Trimmed<const MAX: usize>(pub(crate) String);

impl<const MAX: usize> Field for Trimmed<MAX> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let text = String::read(sent, place, errors)?.trim().to_owned();
        Text::<MAX>::read(Node::Text(text), place, errors).map(|Text(text)| Trimmed(text))
    }
}

schema! { [const MAX: usize] Trimmed<MAX> => text_schema(0, MAX, NO_NUL) }

fn text_schema(min: usize, max: usize, pattern: &str) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(max)).pattern(Some(pattern));
    text.min_length((min > 0).then_some(min))
}

pub(crate) struct Date(pub(crate) OffsetDateTime);

impl Field for Date {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let date = if let Node::Text(text) = &sent { parse_date(text) } else { None };
        date.map(Date).or_else(|| errors.refuse(place, "Must be a date and time such as 2026-04-05T10:30:00Z."))
    }
}

schema! { Date => date_schema(KnownFormat::DateTime) }

/// A date and time, or a day alone.
pub(crate) struct DateInQuery(#[expect(dead_code, reason = "there are no deleted objects yet")] OffsetDateTime);

impl Field for DateInQuery {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let date = if let Node::Text(text) = &sent { parse_date_or_day(text) } else { None };
        date.map(DateInQuery)
            .or_else(|| errors.refuse(place, "Must be a date such as 2026-04-05 or 2026-04-05T10:30:00Z."))
    }
}

schema! { DateInQuery => {
    let either = AnyOfBuilder::new().item(date_schema(KnownFormat::DateTime)).item(date_schema(KnownFormat::Date));
    either.description(Some("A date and time, or a day"))
}}

fn date_schema(format: KnownFormat) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)))
}

/// A boolean of a query, ignoring case.
pub(crate) struct Flag(pub(crate) bool);

impl Field for Flag {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        match sent {
            Node::Text(text) if text.eq_ignore_ascii_case("true") => Some(Flag(true)),
            Node::Text(text) if text.eq_ignore_ascii_case("false") => Some(Flag(false)),
            _ => errors.refuse(place, "Must be true or false."),
        }
    }
}

schema! { Flag => ObjectBuilder::new().schema_type(Type::Boolean) }
