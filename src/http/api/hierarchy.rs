//! Chapter 6: importing the hierarchy. The result of a first import names every container, so it is a large answer.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::WHAT;
use crate::domain::hierarchy as domain;
use crate::http::call::Call;
use crate::http::wire::{self, Flag, choice, query};
use crate::ops::run::import_hierarchy::{self as ops, Options, Report};

choice! {
    pub(super) struct HierarchyItemType: ["Partition", "Container"];
}

/// What an import of the hierarchy changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HierarchyResult {
    /// Whether the hierarchy import completed successfully
    success: bool,
    /// Error details if the import failed
    error_message: Option<String>,
    /// Total number of partitions after import
    total_partitions: usize,
    /// Total number of containers after import
    total_containers: usize,
    /// Newly discovered partitions
    #[schema(value_type = Vec<Touched>)]
    added_partitions: Items<domain::Touched>,
    /// Partitions no longer present in the external store
    #[schema(value_type = Vec<Touched>)]
    removed_partitions: Items<domain::Touched>,
    /// Partitions with changed names
    #[schema(value_type = Vec<Renamed>)]
    renamed_partitions: Items<domain::Renamed>,
    /// Newly discovered containers
    #[schema(value_type = Vec<Touched>)]
    added_containers: Items<domain::Touched>,
    /// Containers no longer present
    #[schema(value_type = Vec<Touched>)]
    removed_containers: Items<domain::Touched>,
    /// Containers with changed names
    #[schema(value_type = Vec<Renamed>)]
    renamed_containers: Items<domain::Renamed>,
    /// Containers that moved to a different parent
    #[schema(value_type = Vec<Moved>)]
    moved_containers: Items<domain::Moved>,
    /// Whether any changes were detected
    has_changes: bool,
    /// Whether any previously selected partitions or containers were removed
    has_selected_items_removed: bool,
    /// The changes in one line
    summary: String,
    /// What could not be concluded, and why
    warnings: Vec<String>,
    /// Present, and true, only for a preview
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HierarchyItem)]
struct Touched<'a> {
    /// External identifier (e.g. distinguished name)
    external_id: &'a str,
    /// Name
    name: &'a str,
    /// The stored selection; false for what was added
    was_selected: bool,
    item_type: HierarchyItemType,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RenamedHierarchyItem)]
struct Renamed<'a> {
    /// New external identifier
    external_id: &'a str,
    /// Name before
    old_name: &'a str,
    /// Name now
    new_name: &'a str,
    /// The stored selection
    was_selected: bool,
    item_type: HierarchyItemType,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MovedHierarchyItem)]
struct Moved<'a> {
    /// New external identifier
    external_id: &'a str,
    /// Name now
    name: &'a str,
    /// Parent before; null = partition root
    old_parent_external_id: Option<&'a str>,
    /// Parent now; null = partition root
    new_parent_external_id: Option<&'a str>,
    /// The stored selection
    was_selected: bool,
    item_type: HierarchyItemType,
}

/// Partitions or containers, put into the form of the answer one by one.
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
        serializer.collect_seq(self.rows.iter().map(|row| Touched {
            external_id: &row.external_id,
            name: &row.name,
            was_selected: row.was_selected,
            item_type: self.item_type.into(),
        }))
    }
}

impl Serialize for Items<domain::Renamed> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| Renamed {
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
        serializer.collect_seq(self.rows.iter().map(|row| Moved {
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
        /// Do everything but change nothing; the answer is the same, with `preview` true.
        preview: Option<Flag>,
        /// Vouch for what is missing: removes what the directory cannot prove to be gone, however much it is.
        accept_removals: Option<Flag>,
    }
}

/// Imports the hierarchy.
///
/// Connects to the external identity store and discovers its partition and container hierarchy. Renamed and moved
/// containers are recognised by their immutable id and keep their selection. If `hasSelectedItemsRemoved` is true,
/// review what is in synchronisation scope. `success` is false, and nothing is changed, if more than half of a
/// partition's containers would vanish: `errorMessage` then tells what to do.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/import-hierarchy",
    tag = "Imports", operation_id = "importHierarchy",
    params(ImportQuery),
    responses(
        (status = 200, description = "What was changed, or with `preview` would be.", body = HierarchyResult),
        (status = 400, description = "Connector settings are invalid or connector does not support hierarchy."),
        (status = 409, description = "An import or preview is already running on the system."),
        (
            status = 500,
            description = "Connection to the external store failed; the message says at which stage and why."
        ),
    )
)]
pub async fn import(call: Call) -> crate::error::Result<Response> {
    let query = ImportQuery::read(&call.query)?;
    let is_on = |flag: Option<Flag>| flag.is_some_and(|flag| flag.0);
    let options = Options { preview: is_on(query.preview), accept_removals: is_on(query.accept_removals) };
    let report = ops::run(&call.app, call.id(0, WHAT)?, options, call.caller()?).await?;
    wire::stream(wire::free_permit(&call.app.large_answers), move || HierarchyResult::new(report, options.preview))
        .await
}
