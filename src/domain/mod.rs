//! Rules of the product: names, trees, settings, schemas and the plans of imports.
//!
//! Pure: no I/O, no async, no clock, no wire format. Results depend on the arguments alone.

pub mod connected_system;
pub mod connector_space;
pub mod dn;
pub mod hierarchy;
mod names;
pub mod network;
pub mod role;
pub mod run_profile;
pub mod schema;
pub mod service_setting;
pub mod setting;
pub mod text;
pub mod time_span;
pub(crate) mod value;
