//! Statistics and items of runs (chapter 11; part 2, chapter 19).

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::reply::Response;

use crate::db::Connection;
use crate::domain::connector_space::{ChangeType, ErrorType, Item, Outcome, ShownChange, summary};
use crate::error::{Error, Result};
use crate::http::call::Call;
use crate::http::wire::{self, Enum, Enumeration, Errors, Page, Paging, Text, choice, paging, query};
use crate::store::activities::list::{self as activities, Activity};
use crate::store::activities::run::{self as run_activities, Totals};
use crate::store::connector_space::guid_of;
use crate::store::guid::Guids;
use crate::store::items::{self as store, Search};

pub(super) const RESOURCE: &str = "activity";

choice! {
    /// Change of an object by a run.
    pub(super) struct ObjectChangeType: [
        "NotSet", "Added", "Updated", "Deleted", "Projected", "Joined", "AttributeFlow", "Disconnected",
        "DisconnectedOutOfScope", "OutOfScopeRetainJoin", "DriftCorrection", "Exported", "Deprovisioned", "NoChange",
        "PendingExport", "PendingExportConfirmed", "Created",
    ];

    /// Error of an object in a run.
    pub(super) struct ObjectErrorType: [
        "NotSet", "AmbiguousMatch", "CouldNotMatchObjectType", "CouldNotJoinDueToExistingJoin",
        "DuplicateImportedAttributes", "MissingExternalIdAttributeValue", "UnexpectedAttribute", "UnresolvedReference",
        "UnsupportedExternalIdAttributeType", "ExportNotConfirmed", "ExportConfirmationFailed", "CsoCreationFailed",
        "DuplicateObject", "InvalidGeneratedExternalId", "UnhandledError", "MultiValuedAttributeTruncated",
        "DeltaImportFallbackToFullImport",
    ];
}

impl Enumeration for ChangeType {
    const FIRST: i64 = 0;
    const ALL: &'static [ChangeType] = ChangeType::ALL;

    fn name(self) -> &'static str {
        ChangeType::name(self)
    }
}

impl Enumeration for ErrorType {
    // 0 is NotSet, which no item has.
    const FIRST: i64 = 1;
    const ALL: &'static [ErrorType] = ErrorType::ALL;

    fn name(self) -> &'static str {
        ErrorType::name(self)
    }
}

/// Statistics of a run.
#[derive(ToSchema, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActivityStats {
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

/// Outcome of a run for one object.
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
    error_message: Option<String>,
    connected_system_object_id: Option<Uuid>,
    metaverse_object_id: Option<Uuid>,
}

/// One thing that happened to an object, with what followed from it.
#[derive(Serialize, ToSchema)]
struct ActivityOutcome {
    outcome: &'static str,
    count: i64,
    detail: Option<String>,
    #[schema(no_recursion)]
    children: Vec<ActivityOutcome>,
}

/// Values of an attribute before and after, at most 20 of each.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ActivityAttributeChange {
    attribute_name: String,
    before: Vec<String>,
    after: Vec<String>,
    before_count: i64,
    after_count: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ActivityItemDetail {
    #[serde(flatten)]
    item: ActivityItem,
    outcomes: Vec<ActivityOutcome>,
    attribute_changes: Vec<ActivityAttributeChange>,
}

impl ActivityStats {
    pub(super) fn new(totals: &Totals) -> ActivityStats {
        let changed = totals.added + totals.updated + totals.deleted;
        ActivityStats {
            total_objects_processed: signed(totals.processed),
            total_object_change_count: signed(changed),
            total_unchanged: signed(totals.unchanged),
            total_object_errors: signed(totals.errors),
            total_object_types: signed(totals.object_types),
            total_cso_adds: signed(totals.added),
            total_cso_updates: signed(totals.updated),
            total_cso_deletes: signed(totals.deleted),
            ..ActivityStats::default()
        }
    }
}

/// Number as JSON shows it.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn item(guids: Guids, id: Uuid, item: Item) -> ActivityItem {
    let outcomes = summary(&item.outcomes);
    ActivityItem {
        id,
        external_id_value: item.external_id,
        display_name: item.display_name,
        connected_system_object_type: item.type_name,
        object_change_type: item.change.name().into(),
        error_type: item.error.map(|error| error.name().into()),
        outcome_summary: Some(outcomes).filter(|text| !text.is_empty()),
        error_message: item.message,
        connected_system_object_id: item.object.map(|object| guid_of(guids, object)),
        metaverse_object_id: None,
    }
}

fn outcome(of: Outcome) -> ActivityOutcome {
    ActivityOutcome {
        outcome: of.kind.name(),
        count: signed(of.count),
        detail: of.detail,
        children: of.children.into_iter().map(outcome).collect(),
    }
}

fn change(change: ShownChange) -> ActivityAttributeChange {
    ActivityAttributeChange {
        attribute_name: change.attribute,
        before: change.before,
        after: change.after,
        before_count: signed(change.before_count),
        after_count: signed(change.after_count),
    }
}

type ChangeTypeInput = Enum<ChangeType>;
type ErrorTypeInput = Enum<ErrorType>;

query! {
    struct ItemQuery {
        /// Only items of this change.
        change_type: Option<ChangeTypeInput>,
        /// Only items with this error.
        error_type: Option<ErrorTypeInput>,
        /// Text searched in external id and display name, ignoring case.
        search: Option<Text<500>>,
    }
}

/// Retrieves the statistics of a run.
///
/// Of the run of a run profile; while it goes on, only the objects looked at are counted.
#[utoipa::path(
    get, path = "/api/v1/activities/{activityId}/stats",
    tag = "Activities", operation_id = "getActivityStats",
    responses(
        (status = 200, description = "The statistics.", body = ActivityStats),
        (status = 400, description = "The activity is not the run of a run profile."),
    )
)]
pub async fn stats(call: Call) -> Result<Response> {
    let id = call.guid(0, RESOURCE)?;
    let activity = call.app.db.read_few(move |c| run(c, id)).await?;
    wire::ok(&ActivityStats::new(&activity.totals))
}

/// Lists the items of a run.
///
/// One page of the objects that the run changed, or that have an error, in the order in which they were met.
#[utoipa::path(
    get, path = "/api/v1/activities/{activityId}/items",
    tag = "Activities", operation_id = "listActivityItems",
    params(Paging, ItemQuery),
    responses(
        (status = 200, description = "One page of items.", body = Page<ActivityItem>),
        (status = 400, description = "The activity is not the run of a run profile, or the query is invalid."),
    )
)]
pub async fn list(call: Call) -> Result<Response> {
    let mut errors = Errors::default();
    let paging = Paging::read_with(&call.query, &mut errors).unwrap_or_default();
    let query = ItemQuery::read_with(&call.query, &mut errors);
    errors.check()?;
    let Some(ItemQuery { change_type, error_type, search }) = query else {
        return Err(Error::field("query", "Is invalid."));
    };
    let search = Search {
        change: change_type.map(|change| change.0),
        error: error_type.map(|error| error.0),
        page: paging.in_store(|_| (), search),
    };
    let id = call.guid(0, RESOURCE)?;
    let read = move |c: &Connection| Ok((Guids::load(c)?, store::list(c, number(c, id)?, &search)?));
    let (guids, found) = call.app.db.read(read).await?;
    wire::ok(&paging::from_store(found, |stored| item(guids, stored.id, stored.item), &paging)?)
}

/// Retrieves an item of a run.
///
/// With the tree of what happened, and the attributes that changed.
#[utoipa::path(
    get, path = "/api/v1/activities/{activityId}/items/{itemId}",
    tag = "Activities", operation_id = "getActivityItem",
    responses(
        (status = 200, description = "The item.", body = ActivityItemDetail),
        (status = 400, description = "The activity is not the run of a run profile."),
    )
)]
pub async fn get(call: Call) -> Result<Response> {
    let (id, guid) = (call.guid(0, RESOURCE)?, call.guid(1, "activity item")?);
    let read = move |c: &Connection| Ok((Guids::load(c)?, store::get(c, number(c, id)?, guid)?));
    let (guids, mut stored) = call.app.db.read_few(read).await?;
    let (outcomes, changes) = (stored.item.outcomes.clone(), std::mem::take(&mut stored.item.changes));
    wire::ok(&ActivityItemDetail {
        item: item(guids, stored.id, stored.item),
        outcomes: outcomes.into_iter().map(outcome).collect(),
        attribute_changes: changes.into_iter().map(change).collect(),
    })
}

/// Activity of the run of a profile.
fn run(c: &Connection, id: Uuid) -> Result<Activity> {
    let activity = activities::get(c, id)?;
    if activity.run.is_none() {
        return Err(Error::BadRequest("this activity is not the run of a run profile".to_owned()));
    }
    Ok(activity)
}

fn number(c: &Connection, id: Uuid) -> Result<i64> {
    run(c, id)?;
    run_activities::number(c, id)?.ok_or_else(|| Error::not_found("activity", id))
}
