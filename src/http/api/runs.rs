//! Runs of run profiles (part 2, chapters 18, 19 and 31): execution, cancellation, approval of held removals.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::http::StatusCode;
use warp::reply::Response;

use super::activity_items::RESOURCE as ACTIVITY;
use super::connected_systems::RESOURCE as SYSTEM;
use super::run_profiles::RESOURCE;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Flag, Page, Paging, paging, query};
use crate::ops::held_removals as held;
use crate::ops::run::queue as ops;
use crate::store::held_removals::HeldRemoval;

query! {
    struct ExecuteQuery {
        /// Let this run remove whatever is missing, also more than the removal limits allow.
        accept_removals: Option<Flag>,
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExecuteResult {
    /// The activity that shows the progress and the result
    activity_id: Uuid,
    task_id: Uuid,
    message: String,
    warnings: Vec<String>,
}

/// Executes a run profile.
///
/// Puts the run into the queue and returns at once. One run of a connected system goes on at a time.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/run-profiles/{runProfileId}/execute",
    tag = "Run profiles", operation_id = "executeRunProfile",
    params(ExecuteQuery),
    responses(
        (status = 202, description = "The run is queued.", body = ExecuteResult),
        (status = 400, description = "Settings or selection do not allow the run, or the query is invalid."),
        (status = 409, description = "The system is being deleted, or too many of its runs wait."),
    )
)]
pub async fn execute(call: Call) -> Result<Response> {
    let accept = ExecuteQuery::read(&call.query)?.accept_removals.is_some_and(|flag| flag.0);
    let (system, id) = (call.id(0, SYSTEM)?, call.id(1, RESOURCE)?);
    let run = ops::execute(&call.app, system, id, accept, call.caller()?).await?;
    accepted(wire::ok(&ExecuteResult {
        activity_id: run.activity,
        task_id: run.task,
        message: "The run is queued.".to_owned(),
        warnings: run.warnings,
    })?)
}

/// Cancels a run.
///
/// A waiting run does not begin; an active one ends after the transaction in hand. What was written stays.
#[utoipa::path(
    post, path = "/api/v1/activities/{activityId}/cancel",
    tag = "Activities", operation_id = "cancelActivity",
    responses(
        (status = 202, description = "The run ends within seconds; the body is empty."),
        (status = 400, description = "The activity has ended, or is not the run of a run profile."),
    )
)]
pub async fn cancel(call: Call) -> Result<Response> {
    ops::cancel(&call.app, call.guid(0, ACTIVITY)?).await?;
    accepted(Response::new(Default::default()))
}

fn accepted(mut response: Response) -> Result<Response> {
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

#[derive(Serialize, ToSchema)]
struct Approval {
    /// Number of removals that the next run applies
    approved: usize,
}

/// Approves held removals.
///
/// Exactly those that the activity held back, for 24 hours. The next run of the system looks each up again and applies it.
#[utoipa::path(
    post, path = "/api/v1/activities/{activityId}/approve-removals",
    tag = "Activities", operation_id = "approveRemovals",
    responses(
        (status = 200, description = "Number of approved removals.", body = Approval),
        (status = 400, description = "The activity holds no removals back."),
    )
)]
pub async fn approve(call: Call) -> Result<Response> {
    wire::ok(&Approval { approved: held::approve(&call.app, call.guid(0, ACTIVITY)?, call.caller()?).await? })
}

/// A removal that was held back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HeldRemoval)]
struct HeldBody {
    id: i64,
    /// `Import` in this version
    stage: &'static str,
    connected_system_object_id: Option<Uuid>,
    metaverse_object_id: Option<Uuid>,
    external_id: Option<String>,
    display_name: Option<String>,
    /// Objects that the limits are judged by
    region: String,
    #[schema(format = DateTime)]
    held_since: String,
    /// The latest run that held it back
    activity_id: Uuid,
    approved_by: Option<String>,
    #[schema(format = DateTime)]
    approved_until: Option<String>,
}

/// Lists held removals.
///
/// One page of the removals of the system that the removal limits hold back.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/held-removals",
    tag = "Connector space", operation_id = "listHeldRemovals",
    params(Paging),
    responses((status = 200, description = "One page of held removals.", body = Page<HeldBody>))
)]
pub async fn held_removals(call: Call) -> Result<Response> {
    let paging = Paging::read(&call.query)?;
    let found = held::list(&call.app, call.id(0, SYSTEM)?, paging.in_store(|_| (), None)).await?;
    let body = |(object, row): (Uuid, HeldRemoval)| HeldBody {
        id: row.id,
        stage: "Import",
        connected_system_object_id: Some(object),
        metaverse_object_id: None,
        external_id: row.external_id,
        display_name: row.display_name,
        region: row.region,
        held_since: wire::date(row.held_since),
        activity_id: row.activity,
        approved_by: row.approved_by,
        approved_until: row.approved_until.map(wire::date),
    };
    wire::ok(&paging::from_store(found, body, &paging)?)
}
