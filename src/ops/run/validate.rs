//! Checks before a run of a profile is queued (contract, 18).

use super::full_import::scope;
use super::resources;
use crate::app::App;
use crate::connectors::connector::{Connector, Verb};
use crate::db::Connection;
use crate::domain::connector_space::ImportScope;
use crate::domain::run_profile::RunType;
use crate::error::{Error, Result};
use crate::ops::connector_of;
use crate::store::connected_systems as systems;
use crate::store::hierarchy;
use crate::store::run_profiles::{self, RunProfile};

/// Reason why a run type is refused: its stage is not part of this version.
pub(super) fn not_built(run_type: RunType) -> String {
    format!("this version carries out full imports only, not the run type {}", run_type.name())
}

/// Checks a profile. Returns the warnings that the answer shows.
pub(crate) async fn profile(app: &App, system: i64, profile: i64) -> Result<Vec<String>> {
    let read = move |c: &Connection| {
        let (system, profile) = (systems::get(c, system)?, run_profiles::get(c, system, profile)?);
        let partitions = hierarchy::partitions(c, system.id)?;
        let (scope, _) = scope::load(c, &profile)?;
        Ok((systems::settings(c, system.id)?, system, profile, partitions, scope))
    };
    let (stored, system, profile, partitions, scope) = app.db.read(read).await?;
    if system.is_deleting() {
        return Err(Error::Conflict("this system is being deleted".to_owned()));
    }
    if let Some(id) = profile.partition
        && !partitions.iter().any(|p| p.id == id)
    {
        let name = profile.partition_name.as_deref().unwrap_or_default();
        let why = format!("the partition {name} of this run profile is gone; choose another, or clear partitionId");
        return Err(Error::BadRequest(why));
    }
    if profile.run_type != RunType::FullImport {
        return Err(Error::BadRequest(not_built(profile.run_type)));
    }
    Connector::configure(connector_of(&system)?, Verb::Import, system.id, &stored, None, resources(app))?;
    if scope.types.is_empty() {
        return Err(Error::BadRequest("no object type of this system is selected".to_owned()));
    }
    if let Some(object_type) = scope.types.iter().find(|t| t.external_id().is_none()) {
        let why =
            format!("the object type {} has no external id; flag an attribute with isExternalId", object_type.name);
        return Err(Error::BadRequest(why));
    }
    let Some(why) = unselected(&profile, partitions.is_empty(), &scope) else { return Ok(Vec::new()) };
    if app.settings.now().partition_check_warns { Ok(vec![why]) } else { Err(Error::BadRequest(why)) }
}

/// Why a run of a system with partitions would read nothing.
fn unselected(profile: &RunProfile, has_no_partitions: bool, scope: &ImportScope) -> Option<String> {
    if has_no_partitions {
        return None;
    }
    let named = profile.partition.and(profile.partition_name.as_deref());
    if scope.partitions.is_empty() {
        return Some(named.map_or_else(
            || "no partition of this system is selected".to_owned(),
            |name| format!("the partition {name} of this run profile is not selected"),
        ));
    }
    let reads = scope.partitions.iter().any(|p| p.containers.is_empty() || p.containers.iter().any(|c| c.selected));
    (!reads).then(|| "no container of the selected partitions is selected".to_owned())
}
