//! The schema of a directory: which object types there are and which attributes they may have.

pub mod definition;
mod lexer;

use super::root_dse::RootDse;
use super::session::Session;
use super::{Access, Failure, Stage};
use crate::domain::schema::SeenSchema;

/// Reads the schema; which classes become object types is in the settings.
///
/// # Errors
/// The schema could not be read to its end: half a schema would make the other half look like removed.
pub async fn discover(access: &Access, session: &mut Session, _root: &RootDse) -> Result<SeenSchema, Failure> {
    session.enter(Stage::Schema);
    Err(Failure::new(Stage::Schema, &access.target(), "no schema"))
}
