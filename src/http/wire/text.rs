//! Texts and points in time of a request, each with its limits and its schema.

use time::OffsetDateTime;
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::body::{Errors, Field};
use super::date::{parse_date, parse_date_or_day};
use super::node::Node;

/// Anything but NUL, with something in it that is not white space.
const NOT_BLANK: &str = r"^[^\x00]*[^\x00\s][^\x00]*$";
const NO_NUL: &str = r"^[^\x00]*$";

/// A text of 1 to `MAX` code points, trimmed.
pub(crate) struct Name<const MAX: usize = 200>(pub(crate) String);

impl<const MAX: usize> Field for Name<MAX> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let text = String::read(sent, place, errors)?.trim().to_owned();
        match text.chars().count() {
            n if (1..=MAX).contains(&n) => Some(Name(text)),
            _ => Self::absent(place, errors),
        }
    }

    fn absent(place: &str, errors: &mut Errors) -> Option<Self> {
        errors.refuse(place, format!("Must be 1-{MAX} characters."))
    }
}

impl<const MAX: usize> PartialSchema for Name<MAX> {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX));
        Schema::from(text.pattern(Some(NOT_BLANK))).into()
    }
}

impl<const MAX: usize> ToSchema for Name<MAX> {}

/// A text of `MIN` to `MAX` code points, as it was sent.
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

impl<const MAX: usize, const MIN: usize> PartialSchema for Text<MAX, MIN> {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX)).pattern(Some(NO_NUL));
        Schema::from(text.min_length((MIN > 0).then_some(MIN))).into()
    }
}

impl<const MAX: usize, const MIN: usize> ToSchema for Text<MAX, MIN> {}

/// A text of at most `MAX` code points, trimmed.
pub(crate) struct Trimmed<const MAX: usize>(pub(crate) String);

impl<const MAX: usize> Field for Trimmed<MAX> {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let text = String::read(sent, place, errors)?.trim().to_owned();
        Text::<MAX>::read(Node::Text(text), place, errors).map(|Text(text)| Trimmed(text))
    }
}

impl<const MAX: usize> PartialSchema for Trimmed<MAX> {
    fn schema() -> RefOr<Schema> {
        Text::<MAX>::schema()
    }
}

impl<const MAX: usize> ToSchema for Trimmed<MAX> {}

/// A point in time.
pub(crate) struct Date(pub(crate) OffsetDateTime);

impl Field for Date {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let date = if let Node::Text(text) = &sent { parse_date(text) } else { None };
        let date = date.map(Date);
        date.or_else(|| errors.refuse(place, "Must be a date and time such as 2026-04-05T10:30:00Z."))
    }
}

impl PartialSchema for Date {
    fn schema() -> RefOr<Schema> {
        Schema::from(formatted(KnownFormat::DateTime)).into()
    }
}

impl ToSchema for Date {}

/// A point in time, UTC without an offset, or a day alone: for queries.
pub(crate) struct DateInQuery(#[expect(dead_code, reason = "what has dates to ask for comes later")] OffsetDateTime);

impl Field for DateInQuery {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let date = if let Node::Text(text) = &sent { parse_date_or_day(text) } else { None };
        let date = date.map(DateInQuery);
        date.or_else(|| errors.refuse(place, "Must be a date such as 2026-04-05 or 2026-04-05T10:30:00Z."))
    }
}

impl PartialSchema for DateInQuery {
    fn schema() -> RefOr<Schema> {
        let either = AnyOfBuilder::new().item(formatted(KnownFormat::DateTime)).item(formatted(KnownFormat::Date));
        Schema::from(either.description(Some("A point in time, or a date alone"))).into()
    }
}

impl ToSchema for DateInQuery {}

fn formatted(format: KnownFormat) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)))
}

/// A switch in a query: `true` or `false` in any case.
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

impl PartialSchema for Flag {
    fn schema() -> RefOr<Schema> {
        bool::schema()
    }
}

impl ToSchema for Flag {}
