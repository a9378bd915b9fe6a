//! Chapter 14: history. Changes of objects come with the parts that have objects; until then there are none to show.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::WHAT;
use crate::error::{Error, Faults, Result};
use crate::http::call::Call;
use crate::http::openapi::inputs::{ConnectorSpaceQuery, DeletedQuery, MetaverseQuery};
use crate::http::openapi::later::{DeletedConnectorSpaceObject, DeletedMetaverseObject};
use crate::http::wire;
use crate::ops::history as ops;
use crate::store::connected_systems;

/// Items of a page unless the caller says otherwise, and at most.
const PAGE_SIZE: (i64, i64) = (50, 1000);
/// The longest text that is searched for.
const LONGEST_SEARCH: usize = 500;

/// Deleted objects of either kind.
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
    deleted(&call, "connectedSystemId", "externalIdSearch")
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
    deleted(&call, "objectTypeId", "displayNameSearch")
}

fn deleted(call: &Call, owner: &'static str, search: &'static str) -> Result<Response> {
    let mut query = Parameters { call, faults: Faults::new() };
    query.integer(owner);
    query.search(search);
    query.date("fromDate");
    query.date("toDate");
    let page = query.integer("page").unwrap_or(1).max(1);
    let page_size = query.integer("pageSize").unwrap_or(PAGE_SIZE.0).clamp(1, PAGE_SIZE.1);
    match query.faults.is_empty() {
        true => wire::ok(&DeletedObjects { items: Vec::<()>::new(), total_count: 0, page, page_size }),
        false => Err(Error::Invalid(query.faults)),
    }
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

/// Reads a query; what cannot be read is told together.
struct Parameters<'a> {
    call: &'a Call,
    faults: Faults,
}

impl Parameters<'_> {
    fn read<T>(&mut self, name: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.call.query.text(name)?;
        let value = read(&text);
        if value.is_none() {
            self.faults.entry(name.to_owned()).or_default().push(expected.to_owned());
        }
        value
    }

    fn integer(&mut self, name: &str) -> Option<i64> {
        self.read(name, "Must be an integer.", |text| text.parse().ok())
    }

    fn date(&mut self, name: &str) -> Option<OffsetDateTime> {
        self.read(name, "Must be a date such as 2026-04-05 or 2026-04-05T10:30:00Z.", |text| {
            wire::parse_date_or_day(text)
        })
    }

    fn search(&mut self, name: &str) -> Option<String> {
        self.read(name, &format!("Must be at most {LONGEST_SEARCH} characters."), |text| {
            (text.chars().count() <= LONGEST_SEARCH).then(|| text.to_owned())
        })
    }
}
