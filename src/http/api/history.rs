//! Chapter 14: history. This version has no objects, so it lists no deleted ones.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::reply::Response;

use super::connected_systems::RESOURCE;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, DateInQuery, Errors, Query, Text, choice, query};
use crate::ops::history as ops;
use crate::store::connected_systems;

const DEFAULT_PAGE_SIZE: i64 = 50;
const MAX_PAGE_SIZE: i64 = 1000;

choice! {
    /// Type of the initiator of a deletion.
    pub(super) struct DeletionInitiatorType: ["User", "ApiKey", "Unknown"];
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletedObjects<T: ToSchema> {
    items: Vec<T>,
    total_count: usize,
    page: i64,
    page_size: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletedConnectorSpaceObject {
    /// ID of the change record
    id: Uuid,
    external_id: Option<String>,
    display_name: Option<String>,
    object_type_name: Option<String>,
    connected_system_id: i64,
    /// Null if the system is deleted
    connected_system_name: Option<String>,
    #[schema(format = DateTime)]
    change_time: String,
    initiated_by_type: Option<DeletionInitiatorType>,
    initiated_by_name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletedMetaverseObject {
    id: Uuid,
    display_name: Option<String>,
    object_type_name: Option<String>,
    object_type_id: Option<i64>,
    #[schema(format = DateTime)]
    change_time: String,
    initiated_by_type: Option<DeletionInitiatorType>,
    initiated_by_name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangeRecordCount {
    connected_system_id: i64,
    connected_system_name: String,
    change_record_count: usize,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CleanupResult {
    cso_changes_deleted: usize,
    mvo_changes_deleted: usize,
    activities_deleted: usize,
    /// Null if nothing was deleted
    #[schema(format = DateTime)]
    oldest_record_deleted: Option<String>,
    /// Null if nothing was deleted
    #[schema(format = DateTime)]
    newest_record_deleted: Option<String>,
    /// Older records were deleted
    #[schema(format = DateTime)]
    cutoff_date: String,
    retention_period_days: i64,
    /// Maximum of each kind
    batch_size: usize,
}

query! {
    #[expect(dead_code, reason = "there are no deleted objects yet")]
    struct ConnectorSpaceQuery {
        /// Only objects of this connected system.
        connected_system_id: Option<i64>,
        /// Text searched in external ids, ignoring case.
        external_id_search: Option<Text<500>>,
    }

    #[expect(dead_code, reason = "there are no deleted objects yet")]
    struct MetaverseQuery {
        /// Only objects of this type.
        object_type_id: Option<i64>,
        /// Text searched in display names, ignoring case.
        display_name_search: Option<Text<500>>,
    }

    #[expect(dead_code, reason = "there are no deleted objects yet")]
    struct DeletedQuery {
        /// Only objects deleted then or later.
        #[param(value_type = Option<DateInQuery>)]
        from_date: Option<DateInQuery>,
        /// Only objects deleted then or earlier.
        #[param(value_type = Option<DateInQuery>)]
        to_date: Option<DateInQuery>,
        /// Page number from 1; below 1 becomes 1.
        page: Option<i64>,
        /// Items of a page, 50 unless given, 1 to 1000.
        page_size: Option<i64>,
    }
}

/// Lists deleted connector-space objects.
///
/// Newest first. Empty, because this version imports no objects.
#[utoipa::path(
    get, path = "/api/v1/history/deleted-objects/cso",
    tag = "History", operation_id = "listDeletedConnectorSpaceObjects",
    params(ConnectorSpaceQuery, DeletedQuery),
    responses((status = 200, description = "One page.", body = DeletedObjects<DeletedConnectorSpaceObject>))
)]
pub async fn deleted_cso(call: Call) -> Result<Response> {
    empty_page::<DeletedConnectorSpaceObject, _>(&call, ConnectorSpaceQuery::read_with)
}

/// Lists deleted metaverse objects.
///
/// Newest first. Empty, because this version synchronises no objects.
#[utoipa::path(
    get, path = "/api/v1/history/deleted-objects/mvo",
    tag = "History", operation_id = "listDeletedMetaverseObjects",
    params(MetaverseQuery, DeletedQuery),
    responses((status = 200, description = "One page.", body = DeletedObjects<DeletedMetaverseObject>))
)]
pub async fn deleted_mvo(call: Call) -> Result<Response> {
    empty_page::<DeletedMetaverseObject, _>(&call, MetaverseQuery::read_with)
}

/// An empty page, after validating both queries.
fn empty_page<T: ToSchema + Serialize, Q>(
    call: &Call,
    read_own: impl Fn(&Query, &mut Errors) -> Option<Q>,
) -> Result<Response> {
    let mut errors = Errors::default();
    read_own(&call.query, &mut errors);
    let query = DeletedQuery::read_with(&call.query, &mut errors);
    errors.check()?;
    let (page, page_size) = query.map_or((None, None), |query| (query.page, query.page_size));
    let page = page.unwrap_or(1).max(1);
    let page_size = page_size.unwrap_or(DEFAULT_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE);
    wire::ok(&DeletedObjects { items: Vec::<T>::new(), total_count: 0, page, page_size })
}

/// Counts the change records of a connected system.
#[utoipa::path(
    get, path = "/api/v1/history/connected-systems/{connectedSystemId}/count",
    tag = "History", operation_id = "countChangeRecords",
    responses((status = 200, description = "The number of change records.", body = ChangeRecordCount))
)]
pub async fn count(call: Call) -> Result<Response> {
    let id = call.id(0, RESOURCE)?;
    let system = call.app.db.read_few(move |c| connected_systems::get(c, id)).await?;
    wire::ok(&ChangeRecordCount { connected_system_id: id, connected_system_name: system.name, change_record_count: 0 })
}

/// Deletes old history.
///
/// Deletes ended records older than `History.RetentionPeriod`, oldest first, at most 100 of each kind. The server does
/// the same once an hour.
#[utoipa::path(
    post, path = "/api/v1/history/cleanup",
    tag = "History", operation_id = "cleanUpHistory",
    responses((status = 200, description = "The numbers of deleted records.", body = CleanupResult))
)]
pub async fn cleanup(call: Call) -> Result<Response> {
    let done = ops::cleanup(&call.app, call.caller()?).await?;
    wire::ok(&CleanupResult {
        cso_changes_deleted: 0,
        mvo_changes_deleted: 0,
        activities_deleted: done.activities.count,
        oldest_record_deleted: done.activities.oldest.map(wire::date),
        newest_record_deleted: done.activities.newest.map(wire::date),
        cutoff_date: wire::date(done.cutoff),
        retention_period_days: done.kept.whole_days(),
        batch_size: ops::BATCH,
    })
}
