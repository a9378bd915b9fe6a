//! JSON in, JSON out: the conventions of the API (contract, 1.2 to 1.4) in one place. Knows no route and no handler.

pub(crate) mod body;
pub(crate) mod choice;
mod date;
pub(crate) mod error;
pub(crate) mod head;
pub(crate) mod node;
pub(crate) mod paging;
pub(crate) mod query;
mod reply;
pub(crate) mod request;
mod stream;
pub(crate) mod text;

use crate::error::Error;

pub use date::{date, now, parse_date, parse_date_or_day};
pub(crate) use node::{Node, integer};
pub(crate) use query::Query;
pub(crate) use reply::{created, no_content, ok, with_type};
pub(crate) use stream::{free_permit, permit, stream};

/// Creation time of what is a part of the program: connectors and roles.
pub(crate) const BUILT_IN_SINCE: &str = "2026-01-01T00:00:00Z";

/// An id as an error may repeat it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Error of a request that needs a body and has none.
pub(crate) fn no_body() -> Error {
    Error::field("body", "A JSON object is required.")
}
