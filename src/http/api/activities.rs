//! Chapter 11: activities, the stored records of runs and changes. Read-only.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::reply::Response;

use super::activity_items::{ActivityStats, RESOURCE, signed};
use crate::domain::time_span;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Errors, Page, Paging, Text, choice, paging, query};
use crate::store::activities::list::{self as store, Sort};

choice! {
    /// Status of an activity.
    pub(super) struct ActivityStatus:
        ["InProgress", "Complete", "CompleteWithWarning", "CompleteWithError", "FailedWithError", "Cancelled"];

    /// Type of the changed resource.
    pub(super) struct ActivityTargetType: [
        "ExampleDataTemplate", "ConnectedSystem", "ConnectedSystemRunProfile", "SyncRule", "MetaverseObject",
        "TrustedCertificate", "ObjectMatchingRule", "MetaverseAttribute", "ServiceSetting", "HistoryRetentionCleanup",
    ];

    /// Operation of an activity.
    pub(super) struct ActivityOperation:
        ["Create", "Read", "Update", "Delete", "Clear", "Execute", "ImportHierarchy", "ImportSchema", "Revert"];

    /// Type of the initiator.
    pub(super) struct InitiatorType: ["NotSet", "User", "ApiKey", "System"];

    /// Run type of a run profile; `NotSet` of other activities.
    pub(super) struct RunType:
        ["NotSet", "FullImport", "DeltaImport", "FullSynchronisation", "DeltaSynchronisation", "Export"];
}

#[derive(Serialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Activity {
    id: Uuid,
    #[schema(format = DateTime)]
    created: String,
    #[schema(format = DateTime)]
    executed: Option<String>,
    status: ActivityStatus,
    target_type: ActivityTargetType,
    target_operation_type: ActivityOperation,
    /// Name of the changed resource
    target_name: Option<String>,
    target_context: Option<String>,
    /// Summary in one line
    message: Option<String>,
    initiated_by_type: InitiatorType,
    #[schema(value_type = Option<Uuid>)]
    initiated_by_id: Option<String>,
    /// Name of the API key at that time
    initiated_by_name: Option<String>,
    objects_to_process: i64,
    objects_processed: i64,
    /// From execution to end
    #[schema(pattern = r"^(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{7})?$")]
    execution_time: Option<String>,
    /// From creation to end
    #[schema(pattern = r"^(\d+\.)?\d{2}:\d{2}:\d{2}(\.\d{7})?$")]
    total_activity_time: Option<String>,
    connected_system_run_type: RunType,
    #[serde(flatten)]
    totals: Totals,
    child_activity_count: i64,
}

/// Counters of the run of a run profile.
#[derive(Serialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Totals {
    total_added: i64,
    total_updated: i64,
    total_deleted: i64,
    total_projected: i64,
    total_joined: i64,
    total_attribute_flows: i64,
    total_disconnected: i64,
    total_disconnected_out_of_scope: i64,
    total_out_of_scope_retain_join: i64,
    total_drift_corrections: i64,
    total_provisioned: i64,
    total_exported: i64,
    total_deprovisioned: i64,
    total_created: i64,
    total_pending_exports: i64,
    total_errors: i64,
}

#[derive(Serialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ActivityDetail {
    #[serde(flatten)]
    header: Activity,
    parent_activity_id: Option<Uuid>,
    warning_message: Option<String>,
    error_message: Option<String>,
    error_stack_trace: Option<&'static str>,
    connected_system_id: Option<i64>,
    connected_system_run_profile_id: Option<i64>,
    sync_rule_id: Option<i64>,
    metaverse_object_id: Option<Uuid>,
    example_data_template_id: Option<i64>,
    /// Only for runs of run profiles
    execution_stats: Option<ActivityStats>,
}

query! {
    struct SearchQuery {
        /// Text searched, ignoring case, in target name, context and type and in the initiator.
        search: Option<Text<500>>,
    }
}

/// Lists activities.
///
/// One page of the top-level activities, oldest first unless `sortBy` or `sortDirection` say otherwise. `sortBy`
/// accepts `created`, `executed`, `status`, `type` and `target`; `filter` is ignored.
#[utoipa::path(
    get, path = "/api/v1/activities",
    tag = "Activities", operation_id = "listActivities",
    params(Paging, SearchQuery),
    responses((status = 200, description = "One page of activities.", body = Page<Activity>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let mut errors = Errors::default();
    let paging = Paging::read_with(&call.query, &mut errors).unwrap_or_default();
    let search = SearchQuery::read_with(&call.query, &mut errors).and_then(|query| query.search);
    errors.check()?;
    let page = paging.in_store(sort, search);
    let found = call.app.db.read(move |c| store::list(c, &page)).await?;
    wire::ok(&paging::from_store(found, header, &paging)?)
}

/// Retrieves an activity.
///
/// With its warnings, errors and the resource that it belongs to.
#[utoipa::path(
    get, path = "/api/v1/activities/{activityId}",
    tag = "Activities", operation_id = "getActivity",
    responses((status = 200, description = "The activity.", body = ActivityDetail))
)]
pub async fn get(call: Call) -> Result<Response> {
    let id = call.guid(0, RESOURCE)?;
    wire::ok(&detail(call.app.db.read_few(move |c| store::get(c, id)).await?))
}

/// Lists the child activities of an activity.
///
/// Oldest first.
#[utoipa::path(
    get, path = "/api/v1/activities/{activityId}/children",
    tag = "Activities", operation_id = "listChildActivities",
    responses((status = 200, description = "All children.", body = Vec<Activity>))
)]
pub async fn children(call: Call) -> Result<Response> {
    let id = call.guid(0, RESOURCE)?;
    let children = call.app.db.read(move |c| store::children(c, id)).await?;
    wire::ok(&children.into_iter().map(header).collect::<Vec<_>>())
}

fn sort(by: &str) -> Sort {
    match by {
        "status" => Sort::Status,
        "type" => Sort::Type,
        "target" => Sort::Target,
        _ => Sort::Created,
    }
}

fn header(activity: store::Activity) -> Activity {
    // If the clock was set back meanwhile, the time is zero.
    let until_end = |from: OffsetDateTime| {
        activity.ended.map(|ended| time_span::format((ended - from).try_into().unwrap_or_default()))
    };
    let (execution, total) = (activity.executed.and_then(until_end), until_end(activity.created));
    Activity {
        id: activity.id,
        executed: activity.executed.map(wire::date),
        created: wire::date(activity.created),
        status: activity.status.into(),
        target_type: activity.target_type.into(),
        target_operation_type: activity.operation.into(),
        target_name: activity.target_name,
        target_context: activity.target_context,
        message: activity.message,
        initiated_by_type: activity.by_type.into(),
        initiated_by_id: activity.by_id,
        initiated_by_name: activity.by_name,
        objects_to_process: activity.to_process,
        objects_processed: activity.processed,
        execution_time: execution,
        total_activity_time: total,
        connected_system_run_type: activity.run.map_or("NotSet".into(), |(_, run_type)| run_type.into()),
        totals: Totals {
            total_added: signed(activity.totals.added),
            total_updated: signed(activity.totals.updated),
            total_deleted: signed(activity.totals.deleted),
            total_errors: signed(activity.totals.errors),
            ..Totals::default()
        },
        child_activity_count: activity.children,
    }
}

fn detail(mut activity: store::Activity) -> ActivityDetail {
    ActivityDetail {
        parent_activity_id: activity.parent,
        warning_message: activity.warning.take(),
        error_message: activity.error.take(),
        connected_system_id: activity.system,
        connected_system_run_profile_id: activity.run.as_ref().map(|(profile, _)| *profile),
        execution_stats: activity.run.is_some().then(|| ActivityStats::new(&activity.totals)),
        header: header(activity),
        ..ActivityDetail::default()
    }
}
