//! Chapter 3, last part: previewing a deletion, clearing and deleting a connected system.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};

use super::connected_systems::RESOURCE;
use crate::domain::time_span;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Flag, choice, query};
use crate::ops::deletion as ops;

choice! {
    /// Outcome of a deletion.
    pub(super) struct DeletionOutcome: ["CompletedImmediately", "QueuedAsBackgroundJob", "QueuedAfterSync"];
}

#[derive(Serialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletionPreview<'a> {
    connected_system_id: i64,
    connected_system_name: &'a str,
    connected_system_object_count: i64,
    pending_export_count: i64,
    sync_rule_count: i64,
    run_profile_count: i64,
    partition_count: i64,
    container_count: i64,
    activity_count: i64,
    joined_mvo_count: i64,
    mvos_with_other_connectors_count: i64,
    mvos_with_deletion_rule_count: i64,
    mvos_with_grace_period_count: i64,
    /// Reasons not to delete it now
    warnings: &'a [String],
    #[schema(pattern = r"^(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{7})?$")]
    estimated_deletion_time: &'a str,
    will_run_as_background_job: bool,
    has_running_sync_operation: bool,
}

/// Previews a deletion.
///
/// Counts what would be deleted with the connected system, and warns about current problems.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/deletion-preview",
    tag = "Connected systems", operation_id = "previewDeletion",
    responses((status = 200, description = "Effects of a deletion.", body = DeletionPreview))
)]
pub async fn preview(call: Call) -> Result<Response> {
    let preview = ops::preview(&call.app, call.id(0, RESOURCE)?).await?;
    wire::ok(&DeletionPreview {
        connected_system_id: preview.system.id,
        connected_system_name: &preview.system.name,
        run_profile_count: preview.counts.run_profiles,
        partition_count: preview.counts.partitions,
        container_count: preview.counts.containers,
        activity_count: preview.counts.activities,
        warnings: &preview.warnings,
        connected_system_object_count: preview.objects,
        // One second per hundred objects, at least one.
        estimated_deletion_time: &time_span::format(Duration::from_secs((preview.objects.unsigned_abs() / 100).max(1))),
        will_run_as_background_job: preview.objects > ops::MAX_AT_ONCE,
        has_running_sync_operation: preview.is_busy,
        // Zero, because this version has no exports, rules and metaverse.
        ..DeletionPreview::default()
    })
}

query! {
    #[expect(dead_code, reason = "there is no change history yet")]
    struct ClearQuery {
        /// Whether the change history is deleted too; true unless given.
        delete_change_history: Option<Flag>,
    }

    #[expect(dead_code, reason = "there is no change history yet")]
    struct DeleteQuery {
        /// Whether the change history is deleted too; false unless given.
        delete_change_history: Option<Flag>,
    }
}

/// Clears a connected system.
///
/// Removes its connector-space objects and pending exports, and by default their change history. Schema, partitions,
/// containers, selections and settings stay.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/clear",
    tag = "Connected systems", operation_id = "clearConnectedSystem",
    params(ClearQuery),
    responses(
        (status = 200, description = "Cleared; the body is empty."),
        (status = 400, description = "The query is invalid, or the system is being deleted."),
        (status = 409, description = "An import, preview or run of the system waits or goes on."),
    )
)]
pub async fn clear(call: Call) -> Result<Response> {
    ClearQuery::read(&call.query)?;
    ops::clear(&call.app, call.id(0, RESOURCE)?, call.caller()?).await?;
    Ok(warp::reply().into_response())
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletionResult {
    success: bool,
    outcome: DeletionOutcome,
    error_message: Option<&'static str>,
    /// Task of a background deletion
    worker_task_id: Option<Uuid>,
    /// The activity that records it
    #[schema(value_type = Option<Uuid>)]
    activity_id: String,
}

/// Deletes a connected system.
///
/// With its settings, object types, attributes, partitions, containers and objects. Earlier activities stay. A system of more
/// than 10,000 objects is deleted in the background.
#[utoipa::path(
    delete, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}",
    tag = "Connected systems", operation_id = "deleteConnectedSystem",
    params(DeleteQuery),
    responses(
        (status = 200, description = "Outcome of the deletion.", body = DeletionResult),
        (status = 202, description = "The deletion goes on in the background.", body = DeletionResult),
        (status = 400, description = "The query is invalid, or the system is being deleted."),
        (status = 409, description = "An import, preview or run of the system waits or goes on."),
    )
)]
pub async fn delete(call: Call) -> Result<Response> {
    DeleteQuery::read(&call.query)?;
    let done = ops::delete(&call.app, call.id(0, RESOURCE)?, call.caller()?).await?;
    let outcome = if done.task.is_some() { "QueuedAsBackgroundJob" } else { "CompletedImmediately" };
    let mut response = wire::ok(&DeletionResult {
        success: true,
        outcome: outcome.into(),
        error_message: None,
        worker_task_id: done.task,
        activity_id: done.activity.to_string(),
    })?;
    if done.task.is_some() {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    Ok(response)
}
