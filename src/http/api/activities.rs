//! Chapter 11: activities, what happened and who did it. Read only; each is written with the change that it tells of.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::reply::Response;

use crate::domain::time_span;
use crate::error::{Error, Result};
use crate::http::call::Call;
use crate::http::wire::{self, Errors, Page, Paging, Text, choice, paging, query};
use crate::store::activities::list::{self as store, Activity, Sort};

const WHAT: &str = "activity";

choice! {
    /// How an activity stands or ended.
    pub(super) struct ActivityStatus:
        ["InProgress", "Complete", "CompleteWithWarning", "CompleteWithError", "FailedWithError", "Cancelled"];
}

choice! {
    /// Kind of what was changed.
    pub(super) struct ActivityTargetType: [
        "ExampleDataTemplate", "ConnectedSystem", "ConnectedSystemRunProfile", "SyncRule", "MetaverseObject",
        "TrustedCertificate", "ObjectMatchingRule", "MetaverseAttribute", "ServiceSetting", "HistoryRetentionCleanup",
    ];
}

choice! {
    /// What was done.
    pub(super) struct ActivityOperation:
        ["Create", "Read", "Update", "Delete", "Clear", "Execute", "ImportHierarchy", "ImportSchema", "Revert"];
}

choice! {
    /// Who started it.
    pub(super) struct InitiatorType: ["NotSet", "User", "ApiKey", "System"];
}

choice! {
    /// `NotSet` in this version.
    pub(super) struct RunType:
        ["NotSet", "FullImport", "DeltaImport", "FullSynchronisation", "DeltaSynchronisation", "Export"];
}

choice! {
    /// What a run did to an object.
    pub(super) struct ObjectChangeType: [
        "NotSet", "Added", "Updated", "Deleted", "Projected", "Joined", "AttributeFlow", "Disconnected",
        "DisconnectedOutOfScope", "OutOfScopeRetainJoin", "DriftCorrection", "Exported", "Deprovisioned", "NoChange",
        "PendingExport", "PendingExportConfirmed", "Created",
    ];
}

choice! {
    /// What went wrong with an object.
    pub(super) struct ObjectErrorType: [
        "NotSet", "AmbiguousMatch", "CouldNotMatchObjectType", "CouldNotJoinDueToExistingJoin",
        "DuplicateImportedAttributes", "MissingExternalIdAttributeValue", "UnexpectedAttribute", "UnresolvedReference",
        "UnsupportedExternalIdAttributeType", "ExportNotConfirmed", "ExportConfirmationFailed", "CsoCreationFailed",
        "DuplicateObject", "InvalidGeneratedExternalId", "UnhandledError", "MultiValuedAttributeTruncated",
        "DeltaImportFallbackToFullImport",
    ];
}

/// The figures of a run.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActivityStats {
    total_objects_processed: i64,
    total_object_change_count: i64,
    total_unchanged: i64,
    total_object_errors: i64,
    total_object_types: i64,
    total_cso_adds: i64,
    total_cso_updates: i64,
    total_cso_deletes: i64,
    total_projections: i64,
    total_joins: i64,
    total_attribute_flows: i64,
    total_disconnections: i64,
    total_disconnected_out_of_scope: i64,
    total_out_of_scope_retain_join: i64,
    total_drift_corrections: i64,
    total_provisioned: i64,
    total_exported: i64,
    total_deprovisioned: i64,
    total_pending_exports: i64,
    total_pending_exports_confirmed: i64,
    total_pending_exports_retrying: i64,
    total_pending_exports_failed: i64,
    total_created: i64,
}

/// What a run did to one object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ActivityItem {
    id: Uuid,
    external_id_value: Option<String>,
    display_name: Option<String>,
    connected_system_object_type: Option<String>,
    object_change_type: ObjectChangeType,
    error_type: Option<ObjectErrorType>,
    /// `Name:count`, joined by commas
    outcome_summary: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Activity)]
struct Header {
    id: Uuid,
    #[schema(format = DateTime)]
    created: String,
    #[schema(format = DateTime)]
    executed: Option<String>,
    status: ActivityStatus,
    target_type: ActivityTargetType,
    target_operation_type: ActivityOperation,
    /// What was changed
    target_name: Option<String>,
    target_context: Option<String>,
    /// What was done, in one line
    message: Option<String>,
    initiated_by_type: InitiatorType,
    #[schema(value_type = Option<Uuid>)]
    initiated_by_id: Option<String>,
    /// Name of the key at that time
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
    /// Activities below this one
    child_activity_count: i64,
}

/// What runs count. There are none yet, so nothing was counted.
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

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ActivityDetail)]
struct Detail {
    #[serde(flatten)]
    header: Header,
    parent_activity_id: Option<Uuid>,
    warning_message: Option<String>,
    error_message: Option<String>,
    error_stack_trace: Option<&'static str>,
    connected_system_id: Option<i64>,
    connected_system_run_profile_id: Option<i64>,
    sync_rule_id: Option<i64>,
    metaverse_object_id: Option<Uuid>,
    example_data_template_id: Option<i64>,
    /// Of runs of run profiles only
    #[schema(value_type = Option<ActivityStats>)]
    execution_stats: Option<()>,
}

query! {
    struct SearchQuery {
        /// Text looked for, ignoring case, in target name, context and type and in who started it.
        search: Option<Text<500>>,
    }
}

/// Lists activities.
///
/// One page of those at the top level, oldest first unless `sortBy` or `sortDirection` say otherwise. `sortBy` knows
/// `created`, `executed`, `status`, `type` and `target`; `filter` is ignored.
#[utoipa::path(
    get, path = "/api/v1/activities",
    tag = "Activities", operation_id = "listActivities",
    params(Paging, SearchQuery),
    responses((status = 200, description = "One page of activities.", body = Page<Header>))
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
/// With warnings, errors and what it belongs to.
#[utoipa::path(
    get, path = "/api/v1/activities/{activityId}",
    tag = "Activities", operation_id = "getActivity",
    responses((status = 200, description = "The activity.", body = Detail))
)]
pub async fn get(call: Call) -> Result<Response> {
    let id = call.guid(0, WHAT)?;
    wire::ok(&detail(call.app.db.read_few(move |c| store::get(c, id)).await?))
}

/// Lists the activities below an activity.
///
/// Oldest first.
#[utoipa::path(
    get, path = "/api/v1/activities/{activityId}/children",
    tag = "Activities", operation_id = "listChildActivities",
    responses((status = 200, description = "All children.", body = Vec<Header>))
)]
pub async fn children(call: Call) -> Result<Response> {
    let id = call.guid(0, WHAT)?;
    let children = call.app.db.read(move |c| store::children(c, id)).await?;
    wire::ok(&children.into_iter().map(header).collect::<Vec<_>>())
}

/// Retrieves the figures of a run.
///
/// Runs of run profiles come with a later version; until then every activity is answered with 400.
#[utoipa::path(
    get, path = "/api/v1/activities/{activityId}/stats",
    tag = "Activities", operation_id = "getActivityStats",
    responses(
        (status = 200, description = "The figures.", body = ActivityStats),
        (status = 400, description = "The activity is not the run of a run profile."),
    )
)]
pub async fn stats(call: Call) -> Result<Response> {
    Err(no_run(&call).await)
}

/// Lists the items of a run.
///
/// Runs of run profiles come with a later version; until then every activity is answered with 400.
#[utoipa::path(
    get, path = "/api/v1/activities/{activityId}/items",
    tag = "Activities", operation_id = "listActivityItems",
    params(Paging),
    responses(
        (status = 200, description = "One page of items.", body = Page<ActivityItem>),
        (status = 400, description = "The activity is not the run of a run profile, or the query is invalid."),
    )
)]
pub async fn items(call: Call) -> Result<Response> {
    Paging::read(&call.query)?;
    Err(no_run(&call).await)
}

/// Runs of profiles come with a later part; whatever there is now is none.
async fn no_run(call: &Call) -> Error {
    let found = async {
        let id = call.guid(0, WHAT)?;
        call.app.db.read_few(move |c| store::get(c, id)).await
    };
    match found.await {
        Ok(_) => Error::BadRequest("this activity is not the run of a run profile".to_owned()),
        Err(error) => error,
    }
}

fn sort(by: &str) -> Sort {
    match by {
        "status" => Sort::Status,
        "type" => Sort::Type,
        "target" => Sort::Target,
        _ => Sort::Created,
    }
}

fn header(activity: Activity) -> Header {
    // A clock that was set back meanwhile makes no time negative.
    let until_end = |from: OffsetDateTime| {
        activity.ended.map(|ended| time_span::write((ended - from).try_into().unwrap_or_default()))
    };
    let (execution, total) = (activity.executed.and_then(until_end), until_end(activity.created));
    Header {
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
        connected_system_run_type: "NotSet".into(),
        totals: Totals::default(),
        child_activity_count: activity.children,
    }
}

fn detail(mut activity: Activity) -> Detail {
    Detail {
        parent_activity_id: activity.parent,
        warning_message: activity.warning.take(),
        error_message: activity.error.take(),
        error_stack_trace: None,
        connected_system_id: activity.system,
        connected_system_run_profile_id: None,
        sync_rule_id: None,
        metaverse_object_id: None,
        example_data_template_id: None,
        execution_stats: None,
        header: header(activity),
    }
}
