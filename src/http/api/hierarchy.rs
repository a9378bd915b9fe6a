//! Chapter 6: hierarchy import. The answer to a first import lists every container, so it is streamed.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::RESOURCE;
use crate::domain::hierarchy as domain;
use crate::http::call::Call;
use crate::http::wire::{self, Flag, choice, query};
use crate::ops::run::import_hierarchy::{self as ops, Options, Report};

choice! {
    pub(super) struct HierarchyItemType: ["Partition", "Container"];
}

/// Changes of a hierarchy import.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HierarchyResult {
    success: bool,
    /// Reason why nothing was changed
    error_message: Option<String>,
    /// Number of partitions after the import
    total_partitions: usize,
    /// Number of containers after the import
    total_containers: usize,
    #[schema(value_type = Vec<HierarchyItem>)]
    added_partitions: Items<domain::Touched>,
    #[schema(value_type = Vec<HierarchyItem>)]
    removed_partitions: Items<domain::Touched>,
    #[schema(value_type = Vec<RenamedHierarchyItem>)]
    renamed_partitions: Items<domain::Renamed>,
    #[schema(value_type = Vec<HierarchyItem>)]
    added_containers: Items<domain::Touched>,
    #[schema(value_type = Vec<HierarchyItem>)]
    removed_containers: Items<domain::Touched>,
    #[schema(value_type = Vec<RenamedHierarchyItem>)]
    renamed_containers: Items<domain::Renamed>,
    /// Containers with a new parent
    #[schema(value_type = Vec<MovedHierarchyItem>)]
    moved_containers: Items<domain::Moved>,
    has_changes: bool,
    /// Whether selected partitions or containers were removed
    has_selected_items_removed: bool,
    /// The changes in one line
    summary: String,
    /// Findings that are incomplete or uncertain, with reasons
    warnings: Vec<String>,
    /// True for a preview, otherwise absent
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HierarchyItem<'a> {
    /// External identifier (e.g. distinguished name)
    external_id: &'a str,
    name: &'a str,
    /// False for added ones
    was_selected: bool,
    item_type: HierarchyItemType,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RenamedHierarchyItem<'a> {
    /// The new external identifier
    external_id: &'a str,
    old_name: &'a str,
    new_name: &'a str,
    was_selected: bool,
    item_type: HierarchyItemType,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MovedHierarchyItem<'a> {
    /// The new external identifier
    external_id: &'a str,
    name: &'a str,
    /// Null = partition root
    old_parent_external_id: Option<&'a str>,
    /// Null = partition root
    new_parent_external_id: Option<&'a str>,
    was_selected: bool,
    item_type: HierarchyItemType,
}

/// Partitions or containers, converted while they are serialised.
struct Items<T> {
    rows: Vec<T>,
    item_type: &'static str,
}

fn partitions<T>(rows: Vec<T>) -> Items<T> {
    Items { rows, item_type: "Partition" }
}

fn containers<T>(rows: Vec<T>) -> Items<T> {
    Items { rows, item_type: "Container" }
}

impl Serialize for Items<domain::Touched> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| HierarchyItem {
            external_id: &row.external_id,
            name: &row.name,
            was_selected: row.was_selected,
            item_type: self.item_type.into(),
        }))
    }
}

impl Serialize for Items<domain::Renamed> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| RenamedHierarchyItem {
            external_id: &row.external_id,
            old_name: &row.old_name,
            new_name: &row.new_name,
            was_selected: row.was_selected,
            item_type: self.item_type.into(),
        }))
    }
}

impl Serialize for Items<domain::Moved> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| MovedHierarchyItem {
            external_id: &row.external_id,
            name: &row.name,
            old_parent_external_id: row.old_parent.as_deref(),
            new_parent_external_id: row.new_parent.as_deref(),
            was_selected: row.was_selected,
            item_type: self.item_type.into(),
        }))
    }
}

impl HierarchyResult {
    fn new(report: Report, preview: bool) -> Self {
        let changes = report.changes;
        HierarchyResult {
            success: report.stopped.is_none(),
            error_message: report.stopped,
            total_partitions: report.total_partitions,
            total_containers: report.total_containers,
            has_changes: changes.any(),
            has_selected_items_removed: changes.selected_removed(),
            added_partitions: partitions(changes.added_partitions),
            removed_partitions: partitions(changes.removed_partitions),
            renamed_partitions: partitions(changes.renamed_partitions),
            added_containers: containers(changes.added_containers),
            removed_containers: containers(changes.removed_containers),
            renamed_containers: containers(changes.renamed_containers),
            moved_containers: containers(changes.moved_containers),
            summary: report.summary,
            warnings: report.warnings,
            preview: preview.then_some(true),
        }
    }
}

query! {
    struct ImportQuery {
        /// Dry run: the same answer with `preview` true, and no change.
        preview: Option<Flag>,
        /// Also remove missing items whose deletion the directory cannot prove, whatever their number.
        accept_removals: Option<Flag>,
    }
}

/// Imports the hierarchy.
///
/// Connects to the directory and discovers its partitions and containers. Renamed and moved containers are recognised
/// by their immutable id and keep their choice; new ones follow their parent. `warnings` names what comes into scope or
/// leaves it by inheritance. If `hasSelectedItemsRemoved` is true, review the selection.
/// `success` is false, and nothing is changed, if more than half of a partition's containers would be removed:
/// `errorMessage` then says what to do.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/import-hierarchy",
    tag = "Imports", operation_id = "importHierarchy",
    params(ImportQuery),
    responses(
        (status = 200, description = "The changes, applied unless `preview` is set.", body = HierarchyResult),
        (status = 400, description = "Connector settings are invalid, or the connector has no hierarchy."),
        (status = 409, description = "An import or preview is already running on the system."),
        (status = 500, description = "Connection to the directory failed; the message says at which stage and why."),
    )
)]
pub async fn import(call: Call) -> crate::error::Result<Response> {
    let query = ImportQuery::read(&call.query)?;
    let is_on = |flag: Option<Flag>| flag.is_some_and(|flag| flag.0);
    let options = Options { preview: is_on(query.preview), accept_removals: is_on(query.accept_removals) };
    let report = ops::run(&call.app, call.id(0, RESOURCE)?, options, call.caller()?).await?;
    wire::stream(wire::free_permit(&call.app.large_answers), move || HierarchyResult::new(report, options.preview))
        .await
}
