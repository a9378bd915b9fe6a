//! Chapter 3, its last part: what deleting a connected system would mean, emptying it, deleting it.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::reply::{Reply, Response};

use super::connected_systems::WHAT;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Flag, choice, query};
use crate::ops::deletion as ops;

choice! {
    /// Only `CompletedImmediately` in this version.
    pub(super) struct DeletionOutcome: ["CompletedImmediately", "QueuedAsBackgroundJob", "QueuedAfterSync"];
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeletionPreview)]
struct PreviewBody<'a> {
    connected_system_id: i64,
    connected_system_name: &'a str,
    // Objects, exports, rules, run profiles and the metaverse come with later parts; until then there are none.
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
    /// What speaks against it now
    warnings: &'a [String],
    #[schema(pattern = r"^(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{7})?$")]
    estimated_deletion_time: &'static str,
    will_run_as_background_job: bool,
    has_running_sync_operation: bool,
}

/// Previews a deletion.
///
/// What would go with the connected system, and what speaks against it now.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/deletion-preview",
    tag = "Connected systems", operation_id = "previewDeletion",
    responses((status = 200, description = "What a deletion would mean.", body = PreviewBody))
)]
pub async fn preview(call: Call) -> Result<Response> {
    let preview = ops::preview(&call.app, call.id(0, WHAT)?).await?;
    wire::ok(&PreviewBody {
        connected_system_id: preview.system.id,
        connected_system_name: &preview.system.name,
        connected_system_object_count: 0,
        pending_export_count: 0,
        sync_rule_count: 0,
        run_profile_count: 0,
        partition_count: preview.counts.partitions,
        container_count: preview.counts.containers,
        activity_count: preview.counts.activities,
        joined_mvo_count: 0,
        mvos_with_other_connectors_count: 0,
        mvos_with_deletion_rule_count: 0,
        mvos_with_grace_period_count: 0,
        warnings: &preview.warnings,
        // A hundred objects take a second, and it takes a second at least.
        estimated_deletion_time: "00:00:01",
        will_run_as_background_job: false,
        has_running_sync_operation: preview.is_busy,
    })
}

query! {
    #[expect(dead_code, reason = "there is no change history yet")]
    struct ClearQuery {
        /// Whether change history goes too; true unless given.
        delete_change_history: Option<Flag>,
    }
}

query! {
    #[expect(dead_code, reason = "there is no change history yet")]
    struct DeleteQuery {
        /// Whether change history goes too; false unless given.
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
        (status = 409, description = "An import or preview is already running on the system."),
    )
)]
pub async fn clear(call: Call) -> Result<Response> {
    // There is no change history yet that could go with the objects.
    ClearQuery::read(&call.query)?;
    ops::clear(&call.app, call.id(0, WHAT)?, call.caller()?).await?;
    Ok(warp::reply().into_response())
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeletionResult)]
struct Deleted {
    success: bool,
    outcome: DeletionOutcome,
    error_message: Option<&'static str>,
    /// Of a deletion in the background; null in this version
    worker_task_id: Option<Uuid>,
    /// The activity that tells of it
    #[schema(value_type = Option<Uuid>)]
    activity_id: String,
}

/// Deletes a connected system.
///
/// With its settings, object types, attributes, partitions and containers, in one step. Earlier activities stay. Clients
/// must also expect a 202 with `QueuedAsBackgroundJob` or `QueuedAfterSync` from later versions.
#[utoipa::path(
    delete, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}",
    tag = "Connected systems", operation_id = "deleteConnectedSystem",
    params(DeleteQuery),
    responses(
        (status = 200, description = "What was done.", body = Deleted),
        (status = 400, description = "The query is invalid, or the system is being deleted."),
        (status = 409, description = "An import or preview is already running on the system."),
    )
)]
pub async fn delete(call: Call) -> Result<Response> {
    // There is no change history yet that could go with the system.
    DeleteQuery::read(&call.query)?;
    let activity = ops::delete(&call.app, call.id(0, WHAT)?, call.caller()?).await?;
    wire::ok(&Deleted {
        success: true,
        outcome: "CompletedImmediately".into(),
        error_message: None,
        worker_task_id: None,
        activity_id: activity.to_string(),
    })
}
