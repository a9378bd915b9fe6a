//! Handlers, one file per chapter of the contract. A handler decodes, calls one function, encodes.

pub(super) mod activities;
pub(super) mod activity_items;
pub(super) mod api_keys;
pub(super) mod certificates;
pub(super) mod connected_systems;
pub(super) mod connector_definitions;
pub(super) mod connector_space;
pub(super) mod containers;
pub(super) mod deletion;
pub(super) mod hierarchy;
pub(super) mod history;
pub(super) mod metrics;
pub(super) mod object_types;
pub(super) mod partitions;
pub(super) mod run_profiles;
pub(super) mod runs;
pub(super) mod service_settings;
mod setting_values;
pub(super) mod system;
pub(super) mod test_connection;
mod tree;
mod type_list;
