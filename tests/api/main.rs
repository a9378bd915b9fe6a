//! The black-box tests: over HTTP against a server on a real file, one module per chapter of the API. What fails from
//! outside is in `faults`, many callers at once in `load`, commands in `commands`, real servers in `directories`.
//!
//! There is one test binary, because every further file in `tests/` would be linked on its own. Tests that need a
//! real directory are `#[ignore]`d with that reason and run by `tests/run.sh`.
#![allow(clippy::disallowed_methods)]

mod support;
#[path = "../tier/mod.rs"]
mod tier;

mod activities;
mod api_keys;
mod audit;
mod authorisation;
mod certificates;
mod commands;
mod connected_systems;
mod connector_definitions;
mod containers;
mod conventions;
mod deletion;
mod description;
mod directories;
mod error_texts;
mod explorer;
mod faults;
mod history;
mod ids;
mod import_errors;
mod import_hierarchy;
mod import_log;
mod import_schema;
mod inherited_selection;
mod json_bodies;
mod load;
mod metrics;
mod object_types;
mod paged_lists;
mod pages;
mod partitions;
mod powershell;
mod rate_limits;
mod readme;
mod run_profiles;
mod runs;
mod sealed_values;
mod secrets;
mod service_settings;
mod system;
mod system_state;
mod test_connection;
mod tls_listener;
mod trusted_proxies;
