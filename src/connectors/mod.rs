//! The only room that talks to outside systems.
#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing))]

pub(crate) mod connector;
pub mod definitions;
pub mod file;
pub mod ldap;
pub(crate) mod resources;

use crate::error::Error;

/// Settings that no run can start with.
fn invalid_settings(why: impl std::fmt::Display) -> Error {
    Error::BadRequest(format!("Connector settings are invalid: {why}"))
}
