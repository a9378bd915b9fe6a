//! The tables: one file per family, with synchronous functions on a connection. Decisions are in `ops` and `domain`.

pub mod activities;
pub mod api_keys;
pub mod certificates;
pub(crate) mod connected_systems;
pub(crate) mod connector_space;
pub(crate) mod container_list;
pub(crate) mod contents;
pub(crate) mod figures;
pub(crate) mod guid;
pub(crate) mod held_removals;
pub(crate) mod hierarchy;
pub(crate) mod items;
pub(crate) mod page;
pub(crate) mod relocation;
pub(crate) mod rules;
pub(crate) mod run_profiles;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod secrets;
pub(crate) mod selection;
pub(crate) mod service_settings;
mod sql;

pub(crate) use sql::to_text;
