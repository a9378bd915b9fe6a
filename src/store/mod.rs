//! The tables: one file per family, functions take a connection and are synchronous.
//!
//! Decisions belong to `ops` and `domain`; nothing here knows HTTP or LDAP.

pub mod activities;
pub mod api_keys;
pub mod certificates;
mod columns;
pub mod connected_systems;
pub mod contents;
pub mod deletion;
pub mod figures;
pub mod hierarchy;
pub(crate) mod page;
pub(crate) mod rules;
pub mod schema;
pub mod secrets;
pub mod service_settings;
mod timestamp;

pub use timestamp::{from_text, to_text};
