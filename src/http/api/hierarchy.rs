//! Chapter 6: importing the hierarchy. The result of a first import names every container, so it is written while it
//! is sent.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::WHAT;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::openapi::enums::HierarchyItemType;
use crate::http::openapi::inputs::ImportQuery;
use crate::http::wire::{self, CHUNK};
use crate::ops::import_hierarchy::{self as ops, Options, Report};

/// What comes before the arrays.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    /// Whether the hierarchy import completed successfully
    success: bool,
    /// Error details if the import failed
    error_message: Option<&'a str>,
    /// Total number of partitions after import
    total_partitions: usize,
    /// Total number of containers after import
    total_containers: usize,
}

/// What comes after the arrays.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Tail<'a> {
    /// Whether any changes were detected
    has_changes: bool,
    /// Whether any previously selected partitions or containers were removed
    has_selected_items_removed: bool,
    /// The changes in one line
    summary: &'a str,
    /// What could not be concluded, and why
    warnings: &'a [String],
    /// Present, and true, only for a preview
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<bool>,
}

/// What an import of the hierarchy changed.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is written in pieces; this is their sum, for the description")]
struct HierarchyResult<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// Newly discovered partitions
    added_partitions: Vec<Touched<'a>>,
    /// Partitions no longer present in the external store
    removed_partitions: Vec<Touched<'a>>,
    /// Partitions with changed names
    renamed_partitions: Vec<Renamed<'a>>,
    /// Newly discovered containers
    added_containers: Vec<Touched<'a>>,
    /// Containers no longer present
    removed_containers: Vec<Touched<'a>>,
    /// Containers with changed names
    renamed_containers: Vec<Renamed<'a>>,
    /// Containers that moved to a different parent
    moved_containers: Vec<Moved<'a>>,
    #[serde(flatten)]
    tail: Tail<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Element<'a> {
    Touched(Touched<'a>),
    Renamed(Renamed<'a>),
    Moved(Moved<'a>),
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
    #[schema(value_type = HierarchyItemType)]
    item_type: &'static str,
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
    #[schema(value_type = HierarchyItemType)]
    item_type: &'static str,
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
    #[schema(value_type = HierarchyItemType)]
    item_type: &'static str,
}

/// The arrays, in the order in which they are written.
const ARRAYS: [&str; 7] = [
    "addedPartitions",
    "removedPartitions",
    "renamedPartitions",
    "addedContainers",
    "removedContainers",
    "renamedContainers",
    "movedContainers",
];

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
pub async fn import(call: Call) -> Result<Response> {
    let options = Options {
        preview: call.query.flag("preview", false)?,
        accept_removals: call.query.flag("acceptRemovals", false)?,
    };
    let report = ops::run(&call.app, call.id(0, WHAT)?, options, call.caller()?).await?;
    let mut writer = Writer { report, preview: options.preview, array: 0, index: 0, started: false, done: false };
    Ok(wire::streamed(move || writer.chunk()))
}

struct Writer {
    report: Report,
    preview: bool,
    array: usize,
    index: usize,
    started: bool,
    done: bool,
}

impl Writer {
    fn chunk(&mut self) -> Option<Vec<u8>> {
        if self.done {
            return None;
        }
        let mut out = Vec::with_capacity(if self.report.total_containers > 500 { CHUNK + 4096 } else { 4096 });
        if !self.started {
            self.started = true;
            wire::open(&mut out, &self.head());
        }
        while !self.done && out.len() < CHUNK {
            self.step(&mut out);
        }
        Some(out)
    }

    fn step(&mut self, out: &mut Vec<u8>) {
        let Some(name) = ARRAYS.get(self.array) else {
            wire::close(out, &self.tail());
            self.done = true;
            return;
        };
        if self.index == 0 {
            wire::open_array(out, name);
        }
        match self.element() {
            Some(element) => {
                if self.index > 0 {
                    out.push(b',');
                }
                wire::write(out, &element);
                self.index += 1;
            }
            None => {
                out.push(b']');
                self.array += 1;
                self.index = 0;
            }
        }
    }

    fn element(&self) -> Option<Element<'_>> {
        let c = &self.report.changes;
        let i = self.index;
        let item_type = if self.array < 3 { "Partition" } else { "Container" };
        let touched = match self.array {
            0 => &c.added_partitions,
            1 => &c.removed_partitions,
            2 | 5 => {
                let list = if self.array == 2 { &c.renamed_partitions } else { &c.renamed_containers };
                return list.get(i).map(|r| {
                    Element::Renamed(Renamed {
                        external_id: &r.external_id,
                        old_name: &r.old_name,
                        new_name: &r.new_name,
                        was_selected: r.was_selected,
                        item_type,
                    })
                });
            }
            3 => &c.added_containers,
            4 => &c.removed_containers,
            _ => {
                return c.moved_containers.get(i).map(|m| {
                    Element::Moved(Moved {
                        external_id: &m.external_id,
                        name: &m.name,
                        old_parent_external_id: m.old_parent.as_deref(),
                        new_parent_external_id: m.new_parent.as_deref(),
                        was_selected: m.was_selected,
                        item_type,
                    })
                });
            }
        };
        touched.get(i).map(|t| {
            Element::Touched(Touched {
                external_id: &t.external_id,
                name: &t.name,
                was_selected: t.was_selected,
                item_type,
            })
        })
    }

    fn head(&self) -> Head<'_> {
        Head {
            success: self.report.stopped.is_none(),
            error_message: self.report.stopped.as_deref(),
            total_partitions: self.report.total_partitions,
            total_containers: self.report.total_containers,
        }
    }

    fn tail(&self) -> Tail<'_> {
        Tail {
            has_changes: self.report.changes.any(),
            has_selected_items_removed: self.report.changes.selected_removed(),
            summary: &self.report.summary,
            warnings: &self.report.warnings,
            preview: self.preview.then_some(true),
        }
    }
}
