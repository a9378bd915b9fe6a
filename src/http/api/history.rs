//! Chapter 14: history. Changes of objects come with the parts that have objects; until then there are none to show.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::reply::Response;

use super::connected_systems::WHAT;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, DateInQuery, Errors, Query, Text, choice, query};
use crate::ops::history as ops;
use crate::store::connected_systems;

/// Items of a page unless the caller asks for another number.
const PAGE_SIZE: i64 = 50;
const MAX_PAGE_SIZE: i64 = 1000;

choice! {
    /// Who started the change that deleted an object.
    pub(super) struct DeletionInitiatorType: ["User", "ApiKey", "Unknown"];
}

/// Deleted objects of either kind.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletedObjects<T: ToSchema> {
    items: Vec<T>,
    total_count: usize,
    page: i64,
    page_size: i64,
}

/// A deleted connector-space object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeletedConnectorSpaceObject {
    /// Of the change record
    id: Uuid,
    external_id: Option<String>,
    display_name: Option<String>,
    object_type_name: Option<String>,
    connected_system_id: i64,
    /// Null once the system is gone
    connected_system_name: Option<String>,
    #[schema(format = DateTime)]
    change_time: String,
    initiated_by_type: Option<DeletionInitiatorType>,
    initiated_by_name: Option<String>,
}

/// A deleted metaverse object.
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
#[schema(as = ChangeRecordCount)]
struct Count {
    connected_system_id: i64,
    connected_system_name: String,
    change_record_count: usize,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CleanupResult)]
struct CleanupBody {
    cso_changes_deleted: usize,
    mvo_changes_deleted: usize,
    activities_deleted: usize,
    /// Null if nothing was deleted
    #[schema(format = DateTime)]
    oldest_record_deleted: Option<String>,
    /// Null if nothing was deleted
    #[schema(format = DateTime)]
    newest_record_deleted: Option<String>,
    /// What is older was deleted
    #[schema(format = DateTime)]
    cutoff_date: String,
    retention_period_days: i64,
    /// At most so many of each kind
    batch_size: usize,
}

query! {
    #[expect(dead_code, reason = "there are no deleted objects yet")]
    struct ConnectorSpaceQuery {
        /// Only objects of this connected system.
        connected_system_id: Option<i64>,
        /// Text looked for in external ids, ignoring case.
        external_id_search: Option<Text<500>>,
    }
}

query! {
    #[expect(dead_code, reason = "there are no deleted objects yet")]
    struct MetaverseQuery {
        /// Only objects of this type.
        object_type_id: Option<i64>,
        /// Text looked for in display names, ignoring case.
        display_name_search: Option<Text<500>>,
    }
}

query! {
    #[expect(dead_code, reason = "there are no deleted objects yet")]
    struct DeletedQuery {
        /// Only what was deleted then or later.
        #[param(value_type = Option<DateInQuery>)]
        from_date: Option<DateInQuery>,
        /// Only what was deleted then or earlier.
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
/// Newest first. There are none until objects are imported, which a later version does.
#[utoipa::path(
    get, path = "/api/v1/history/deleted-objects/cso",
    tag = "History", operation_id = "listDeletedConnectorSpaceObjects",
    params(ConnectorSpaceQuery, DeletedQuery),
    responses((
        status = 200, description = "One page of deleted objects.",
        body = DeletedObjects<DeletedConnectorSpaceObject>
    ))
)]
pub async fn deleted_cso(call: Call) -> Result<Response> {
    none::<DeletedConnectorSpaceObject, _>(&call, ConnectorSpaceQuery::read_with)
}

/// Lists deleted metaverse objects.
///
/// Newest first. There are none until objects are synchronised, which a later version does.
#[utoipa::path(
    get, path = "/api/v1/history/deleted-objects/mvo",
    tag = "History", operation_id = "listDeletedMetaverseObjects",
    params(MetaverseQuery, DeletedQuery),
    responses((
        status = 200, description = "One page of deleted objects.",
        body = DeletedObjects<DeletedMetaverseObject>
    ))
)]
pub async fn deleted_mvo(call: Call) -> Result<Response> {
    none::<DeletedMetaverseObject, _>(&call, MetaverseQuery::read_with)
}

/// An empty page, after both queries were checked.
fn none<T: ToSchema + Serialize, Q>(
    call: &Call,
    read_own: impl Fn(&Query, &mut Errors) -> Option<Q>,
) -> Result<Response> {
    let mut errors = Errors::default();
    read_own(&call.query, &mut errors);
    let query = DeletedQuery::read_with(&call.query, &mut errors);
    errors.check()?;
    let (page, page_size) = query.map_or((None, None), |query| (query.page, query.page_size));
    let page = page.unwrap_or(1).max(1);
    let page_size = page_size.unwrap_or(PAGE_SIZE).clamp(1, MAX_PAGE_SIZE);
    wire::ok(&DeletedObjects { items: Vec::<T>::new(), total_count: 0, page, page_size })
}

/// Counts the change records of a connected system.
#[utoipa::path(
    get, path = "/api/v1/history/connected-systems/{connectedSystemId}/count",
    tag = "History", operation_id = "countChangeRecords",
    responses((status = 200, description = "The number of change records.", body = Count))
)]
pub async fn count(call: Call) -> Result<Response> {
    let id = call.id(0, WHAT)?;
    let system = call.app.db.read_few(move |c| connected_systems::get(c, id)).await?;
    wire::ok(&Count { connected_system_id: id, connected_system_name: system.name, change_record_count: 0 })
}

/// Deletes old history.
///
/// What is older than `History.RetentionPeriod` and has ended, oldest first, at most 100 of each kind and call. The
/// server does the same once an hour.
#[utoipa::path(
    post, path = "/api/v1/history/cleanup",
    tag = "History", operation_id = "cleanUpHistory",
    responses((status = 200, description = "What was deleted.", body = CleanupBody))
)]
pub async fn cleanup(call: Call) -> Result<Response> {
    let done = ops::cleanup(&call.app, call.caller()?).await?;
    wire::ok(&CleanupBody {
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
