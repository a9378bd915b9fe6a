//! Chapter 3, its last part: what deleting a connected system would mean, emptying it, deleting it.

use serde::Serialize;
use uuid::Uuid;
use warp::reply::{Reply, Response};

use super::connected_systems::WHAT;
use super::filters::Call;
use super::json;
use crate::error::Result;
use crate::ops::deletion as ops;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
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
    warnings: &'a [String],
    estimated_deletion_time: &'static str,
    will_run_as_background_job: bool,
    has_running_sync_operation: bool,
}

pub async fn preview(call: Call) -> Result<Response> {
    let preview = ops::preview(&call.app, call.id(0, WHAT)?).await?;
    json::ok(&PreviewBody {
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

pub async fn clear(call: Call) -> Result<Response> {
    // There is no change history yet that could go with the objects.
    let _with_history = call.query_flag("deleteChangeHistory", true)?;
    ops::clear(&call.app, call.id(0, WHAT)?, call.caller()?).await?;
    Ok(warp::reply().into_response())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    success: bool,
    outcome: &'static str,
    error_message: Option<&'static str>,
    worker_task_id: Option<Uuid>,
    activity_id: String,
}

pub async fn delete(call: Call) -> Result<Response> {
    // There is no change history yet that could go with the system.
    let _with_history = call.query_flag("deleteChangeHistory", false)?;
    let activity = ops::delete(&call.app, call.id(0, WHAT)?, call.caller()?).await?;
    json::ok(&Deleted {
        success: true,
        outcome: "CompletedImmediately",
        error_message: None,
        worker_task_id: None,
        activity_id: activity.to_string(),
    })
}
