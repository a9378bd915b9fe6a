//! Chapter 6: importing the hierarchy. The result of a first import names every container, so it is written while it
//! is sent.

use serde::Serialize;
use warp::reply::Response;

use super::connected_systems::WHAT;
use super::filters::Call;
use super::json::{self, CHUNK};
use crate::error::Result;
use crate::ops::import_hierarchy::{self as ops, Options, Report};

/// What comes before the arrays.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    success: bool,
    error_message: Option<&'a str>,
    total_partitions: usize,
    total_containers: usize,
}

/// What comes after the arrays.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tail<'a> {
    has_changes: bool,
    has_selected_items_removed: bool,
    summary: &'a str,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", untagged)]
enum Element<'a> {
    #[serde(rename_all = "camelCase")]
    Touched { external_id: &'a str, name: &'a str, was_selected: bool, item_type: &'static str },
    #[serde(rename_all = "camelCase")]
    Renamed { external_id: &'a str, old_name: &'a str, new_name: &'a str, was_selected: bool, item_type: &'static str },
    #[serde(rename_all = "camelCase")]
    Moved {
        external_id: &'a str,
        name: &'a str,
        old_parent_external_id: Option<&'a str>,
        new_parent_external_id: Option<&'a str>,
        was_selected: bool,
        item_type: &'static str,
    },
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

pub async fn import(call: Call) -> Result<Response> {
    let options = Options {
        preview: call.query_flag("preview", false)?,
        accept_removals: call.query_flag("acceptRemovals", false)?,
    };
    let report = ops::run(&call.app, call.id(0, WHAT)?, options, call.caller()?).await?;
    let mut writer = Writer { report, preview: options.preview, array: 0, index: 0, started: false, done: false };
    Ok(json::streamed(move || writer.chunk()))
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
            open(&mut out, &self.head());
        }
        while !self.done && out.len() < CHUNK {
            self.step(&mut out);
        }
        Some(out)
    }

    fn step(&mut self, out: &mut Vec<u8>) {
        let Some(name) = ARRAYS.get(self.array) else {
            out.push(b',');
            let from = out.len();
            open(out, &self.tail());
            out.remove(from);
            out.push(b'}');
            self.done = true;
            return;
        };
        if self.index == 0 {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":[");
        }
        match self.element() {
            Some(element) => {
                if self.index > 0 {
                    out.push(b',');
                }
                // Writing plain fields to memory has no way to fail.
                let _ = serde_json::to_writer(&mut *out, &element);
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
                return list.get(i).map(|r| Element::Renamed {
                    external_id: &r.external_id,
                    old_name: &r.old_name,
                    new_name: &r.new_name,
                    was_selected: r.was_selected,
                    item_type,
                });
            }
            3 => &c.added_containers,
            4 => &c.removed_containers,
            _ => {
                return c.moved_containers.get(i).map(|m| Element::Moved {
                    external_id: &m.external_id,
                    name: &m.name,
                    old_parent_external_id: m.old_parent.as_deref(),
                    new_parent_external_id: m.new_parent.as_deref(),
                    was_selected: m.was_selected,
                    item_type,
                });
            }
        };
        touched.get(i).map(|t| Element::Touched {
            external_id: &t.external_id,
            name: &t.name,
            was_selected: t.was_selected,
            item_type,
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

/// Writes an object but for its closing brace.
fn open<T: Serialize>(out: &mut Vec<u8>, fields: &T) {
    if serde_json::to_writer(&mut *out, fields).is_ok() {
        out.pop();
    }
}
