//! The tables: one file per family, functions take a connection and are synchronous.
//!
//! Decisions belong to `ops` and `domain`; nothing here knows HTTP or LDAP.

pub mod activities;
pub mod api_keys;
pub mod certificates;
mod columns;
pub(crate) mod connected_systems;
pub(crate) mod container_list;
pub(crate) mod contents;
pub(crate) mod deletion;
pub(crate) mod figures;
pub(crate) mod hierarchy;
pub(crate) mod page;
pub(crate) mod rules;
pub(crate) mod schema;
pub(crate) mod secrets;
pub(crate) mod service_settings;
mod timestamp;

pub(crate) use timestamp::to_text;
