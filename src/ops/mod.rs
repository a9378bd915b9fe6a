//! What can be done, one file per subject: everything that is more than one store call. Async, knows no HTTP.
//!
//! The backbone is discover, diff, apply: read the outside world with no lock held, plan in pure code, apply in
//! one write transaction together with the activity that tells of it.

pub mod api_keys;
pub mod authenticate;
pub mod backup;
pub mod certificates;
pub mod check;
pub mod connected_systems;
pub mod deletion;
pub mod history;
pub mod housekeeping;
mod manifest;
pub mod monitoring;
pub mod object_types;
pub mod partitions;
pub mod restore;
pub mod rotate_key;
pub mod run;
pub mod service_settings;
pub mod start;
pub mod test_connection;

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::connectors::definitions::{self, Definition};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::security::key_cache::Record;
use crate::store::activities::{self, Initiator, Operation, Outcome, Target};
use crate::store::connected_systems::System;

/// Who is calling: an accepted key, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The key as it was when the request was accepted.
    pub key: Arc<Record>,
    /// The address of the other end.
    pub from: IpAddr,
    /// The id of the request, of letters that need no care.
    pub request: Arc<str>,
}

impl Caller {
    /// How activities name the caller.
    pub fn initiator(&self) -> Initiator {
        Initiator::Key { id: self.key.id, name: self.key.name.clone() }
    }
}

/// The connector of a system.
fn connector_of(system: &System) -> Result<&'static Definition> {
    definitions::by_id(system.connector_id)
        .ok_or_else(|| Error::internal("a system has no connector", "unknown connector id"))
}

/// Records that a system, or something of it, was changed.
fn record_update(tx: &Tx<'_>, system: &System, by: &Initiator, outcome: &Outcome) -> Result<Uuid> {
    activities::record(tx, Operation::Update, Target::System(Some(system.id), &system.name), by, outcome)
}
