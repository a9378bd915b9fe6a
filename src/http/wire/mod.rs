//! JSON conventions of the API (contract, 1.2 to 1.4): decoding requests, encoding answers. Knows no route.

pub(crate) mod body;
mod date;
mod enumeration;
pub(crate) mod error;
pub(crate) mod head;
mod node;
pub(crate) mod paging;
mod reply;
mod request;
mod schema;
mod stream;
mod text;

use crate::error::Error;

pub(crate) use body::{Body, Errors, Field, Request};
pub use date::{date, now, parse_date, parse_date_or_day};
pub(crate) use enumeration::{Enum, Enumeration};
pub(crate) use node::{Node, integer};
pub(crate) use paging::{Column, Page, Paging, SortDirection};
pub(crate) use reply::{created, no_content, ok, with_type};
pub(crate) use request::{
    Dictionary, DictionaryKey, Integer, Keyed, Patch, Query, SettingId, key, object, printable_key, query, request,
};
pub(crate) use schema::{choice, schema};
pub(crate) use stream::{free_permit, permit, stream};
pub(crate) use text::{Date, DateInQuery, Flag, Name, Text, Trimmed};

/// Creation time of the built-in connectors and roles.
pub(crate) const BUILT_IN_SINCE: &str = "2026-01-01T00:00:00Z";

/// Text of the request, safe to repeat in an error.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

pub(crate) fn no_body() -> Error {
    Error::field("body", "A JSON object is required.")
}
