//! The only room that talks to outside systems.
#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing))]

pub mod definitions;
pub mod file;
pub mod ldap;
