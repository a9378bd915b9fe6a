//! Operations, one file per subject: everything that is more than one store call. Async, without HTTP.
//!
//! The backbone is discover, diff, apply: read the outside world with no lock held, plan in pure code, apply in
//! one write transaction together with the activity that records it.

pub mod api_keys;
pub mod authenticate;
pub mod backup;
pub mod certificates;
pub mod check;
pub mod connected_systems;
pub(crate) mod connector_space;
pub mod deletion;
pub(crate) mod held_removals;
pub mod history;
pub mod housekeeping;
mod manifest;
pub mod monitoring;
pub mod object_types;
pub mod partitions;
pub mod restore;
pub mod rotate_key;
pub mod run;
pub(crate) mod run_profiles;
pub mod service_settings;
pub(crate) mod shown_values;
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

/// Accepted API key of a request and the address it came from.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Key as of the acceptance of the request.
    pub key: Arc<Record>,
    pub from: IpAddr,
    /// Id of the request, safe to log.
    pub request: Arc<str>,
}

impl Caller {
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
