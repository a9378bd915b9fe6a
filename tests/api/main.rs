//! The black-box tests: over HTTP against a server on a real file, one module per chapter of the API.
//!
//! There is one test binary, because every further file in `tests/` would be linked on its own. Tests that need a
//! real directory are `#[ignore]`d with that reason and run by `tests/run.sh`.
#![allow(clippy::disallowed_methods)]

#[path = "../bars/mod.rs"]
mod bars;
mod support;

mod activities;
mod api_key_command;
mod api_keys;
mod audit;
mod authorisation;
mod backup_command;
mod bodies;
mod certificates;
mod check_command;
mod config_files;
mod connected_systems;
mod connector_definitions;
mod containers;
mod conventions;
mod crash;
mod deletion;
mod demo;
mod description;
mod error_texts;
mod explorer;
mod files;
mod history;
mod ids;
mod import_errors;
mod import_faults;
mod import_hierarchy;
mod import_log;
mod import_races;
mod import_schema;
mod json_bodies;
mod keys_under_load;
mod large_answers;
mod large_trees;
mod linearizability;
mod listener;
mod metrics;
mod object_types;
mod openldap;
mod outside_faults;
mod paged_lists;
mod pages;
mod panics;
mod partitions;
mod powershell;
mod program;
mod rate_limits;
mod readme;
mod rotate_key_command;
mod sealed_values;
mod secrets;
mod service_settings;
mod service_unit;
mod situations;
mod soak;
mod stopped;
mod storage_trouble;
mod system;
mod system_state;
mod test_connection;
mod tls_listener;
mod trusted_proxies;
mod updates_at_once;
