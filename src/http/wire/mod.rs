//! JSON in, JSON out: the conventions of the API (contract, 1.2 to 1.4) in one place. Knows no route and no handler.

pub(crate) mod arrival;
pub(crate) mod body;
mod date;
mod dictionary;
pub(crate) mod error;
mod node;
pub(crate) mod paging;
pub(crate) mod query;
mod reply;
mod stream;

pub(crate) use body::Body;
pub use date::{date, now, parse_date, parse_date_or_day};
pub(crate) use dictionary::{key, shown_key, switch};
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
