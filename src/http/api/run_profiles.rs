//! Run profiles (part 2, chapter 18).

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::activities::RunType as RunTypeBody;
use super::connected_systems::RESOURCE as SYSTEM;
use crate::domain::run_profile::{MAX_PAGE_SIZE, RunType};
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Enum, Enumeration, Integer, Name, Patch, Text, request};
use crate::ops::run_profiles::{self as ops, Fields};
use crate::store::run_profiles::RunProfile;

pub(super) const RESOURCE: &str = "run profile";

impl Enumeration for RunType {
    // 0 is NotSet, which no profile has.
    const FIRST: i64 = 1;
    const ALL: &'static [RunType] = RunType::ALL;

    fn name(self) -> &'static str {
        RunType::name(self)
    }
}

type RunTypeInput = Enum<RunType>;
type PageSize = Integer<1, MAX_PAGE_SIZE>;

/// A run profile.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunProfile)]
struct RunProfileBody {
    id: i64,
    connected_system_id: i64,
    name: String,
    run_type: RunTypeBody,
    /// Entries of an LDAP page
    page_size: i64,
    /// The only partition that its imports read
    partition_id: Option<i64>,
    /// DN of that partition, also once it is gone
    partition_name: Option<String>,
    /// File that is read instead of that of the settings
    file_path: Option<String>,
}

impl From<RunProfile> for RunProfileBody {
    fn from(profile: RunProfile) -> Self {
        RunProfileBody {
            id: profile.id,
            connected_system_id: profile.system,
            name: profile.name,
            run_type: profile.run_type.name().into(),
            page_size: profile.page_size,
            partition_id: profile.partition,
            partition_name: profile.partition_name,
            file_path: profile.file_path,
        }
    }
}

request! {
    pub(super) struct CreateRunProfileRequest {
        name: Name,
        run_type: RunTypeInput,
        /// Entries of an LDAP page, 500 unless given
        page_size: Option<PageSize>,
        /// The only partition that its imports read
        partition_id: Option<i64>,
        /// File that is read instead of that of the settings
        file_path: Option<Text<500>>,
    }

    pub(super) struct UpdateRunProfileRequest {
        name: Option<Name>,
        /// Entries of an LDAP page
        page_size: Option<PageSize>,
        /// The only partition that its imports read; null clears it
        #[schema(value_type = Option<i64>)]
        partition_id: Patch<i64>,
        /// File that is read instead of that of the settings; an empty text clears it
        file_path: Option<Text<500>>,
    }
}

/// Lists run profiles.
///
/// All of the connected system, by id.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/run-profiles",
    tag = "Run profiles", operation_id = "listRunProfiles",
    responses((status = 200, description = "All run profiles.", body = Vec<RunProfileBody>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let profiles = ops::list(&call.app, call.id(0, SYSTEM)?).await?;
    wire::ok(&profiles.into_iter().map(RunProfileBody::from).collect::<Vec<_>>())
}

/// Retrieves a run profile.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/run-profiles/{runProfileId}",
    tag = "Run profiles", operation_id = "getRunProfile",
    responses((status = 200, description = "The run profile.", body = RunProfileBody))
)]
pub async fn get(call: Call) -> Result<Response> {
    wire::ok(&RunProfileBody::from(ops::get(&call.app, call.id(0, SYSTEM)?, call.id(1, RESOURCE)?).await?))
}

/// Creates a run profile.
///
/// The connector must be able to do the run: a file of the mode `Import Only` has no export.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/run-profiles",
    tag = "Run profiles", operation_id = "createRunProfile",
    request_body(content = CreateRunProfileRequest),
    responses((status = 201, description = "The created run profile.", body = RunProfileBody))
)]
pub async fn create(mut call: Call) -> Result<Response> {
    let CreateRunProfileRequest { name, run_type: Enum(run_type), page_size, partition_id, file_path } =
        call.read().await?;
    let fields = Fields {
        name: Some(name.0),
        page_size: page_size.map(|n| n.0),
        partition: partition_id.map(Some),
        file_path: file_path.map(|text| text.0),
    };
    let profile = ops::create(&call.app, call.id(0, SYSTEM)?, run_type, fields, call.caller()?).await?;
    let (system, id) = (profile.system, profile.id);
    let location = format!("/api/v1/synchronisation/connected-systems/{system}/run-profiles/{id}");
    Ok(wire::created(wire::ok(&RunProfileBody::from(profile))?, &location))
}

/// Updates a run profile.
///
/// All fields are optional; the run type stays as it was created.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/run-profiles/{runProfileId}",
    tag = "Run profiles", operation_id = "updateRunProfile",
    request_body(content = UpdateRunProfileRequest),
    responses((status = 200, description = "The updated run profile.", body = RunProfileBody))
)]
pub async fn update(mut call: Call) -> Result<Response> {
    let UpdateRunProfileRequest { name, page_size, partition_id: Patch(partition), file_path } = call.read().await?;
    let fields = Fields {
        name: name.map(|name| name.0),
        page_size: page_size.map(|n| n.0),
        partition,
        file_path: file_path.map(|text| text.0),
    };
    let profile = ops::update(&call.app, call.id(0, SYSTEM)?, call.id(1, RESOURCE)?, fields, call.caller()?).await?;
    wire::ok(&RunProfileBody::from(profile))
}

/// Deletes a run profile.
#[utoipa::path(
    delete, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/run-profiles/{runProfileId}",
    tag = "Run profiles", operation_id = "deleteRunProfile",
    responses(
        (status = 204, description = "Deleted."),
        (status = 409, description = "A run of the profile waits or goes on."),
    )
)]
pub async fn delete(call: Call) -> Result<Response> {
    ops::delete(&call.app, call.id(0, SYSTEM)?, call.id(1, RESOURCE)?, call.caller()?).await?;
    Ok(wire::no_content())
}
