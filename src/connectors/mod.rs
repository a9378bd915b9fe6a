//! The only room that talks to outside systems.

pub mod definitions;
pub mod file;
pub mod ldap;
