//! Connectors: all input and output with connected systems.
#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing))]

pub(crate) mod connector;
pub(crate) mod definitions;
pub(crate) mod file;
pub(crate) mod import;
pub mod ldap;
pub(crate) mod resources;

use crate::error::Error;

fn invalid_settings(why: impl std::fmt::Display) -> Error {
    Error::BadRequest(format!("Connector settings are invalid: {why}"))
}
