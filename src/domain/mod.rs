//! The rules of the product: names, trees, settings, schemas and what follows from them.
//!
//! Pure: no I/O, no async, no clock, no wire format, no crate but std. Nothing here can fail for reasons outside
//! its arguments.

pub mod connected_system;
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
