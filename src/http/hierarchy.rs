//! Chapter 6: importing the hierarchy.

use serde::Serialize;
use warp::reply::Response;

use super::connected_systems::WHAT;
use super::filters::Call;
use super::json;
use crate::domain::hierarchy::{Moved, Renamed, Touched};
use crate::error::Result;
use crate::ops::import_hierarchy::{self as ops, Options, Report};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultBody<'a> {
    success: bool,
    error_message: Option<&'a str>,
    total_partitions: usize,
    total_containers: usize,
    added_partitions: Vec<TouchedBody<'a>>,
    removed_partitions: Vec<TouchedBody<'a>>,
    renamed_partitions: Vec<RenamedBody<'a>>,
    added_containers: Vec<TouchedBody<'a>>,
    removed_containers: Vec<TouchedBody<'a>>,
    renamed_containers: Vec<RenamedBody<'a>>,
    moved_containers: Vec<MovedBody<'a>>,
    has_changes: bool,
    has_selected_items_removed: bool,
    summary: &'a str,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TouchedBody<'a> {
    external_id: &'a str,
    name: &'a str,
    was_selected: bool,
    item_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RenamedBody<'a> {
    external_id: &'a str,
    old_name: &'a str,
    new_name: &'a str,
    was_selected: bool,
    item_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MovedBody<'a> {
    external_id: &'a str,
    name: &'a str,
    old_parent_external_id: Option<&'a str>,
    new_parent_external_id: Option<&'a str>,
    was_selected: bool,
    item_type: &'static str,
}

const PARTITION: &str = "Partition";
const CONTAINER: &str = "Container";

pub async fn import(call: Call) -> Result<Response> {
    let options = Options {
        preview: call.query_flag("preview", false)?,
        accept_removals: call.query_flag("acceptRemovals", false)?,
    };
    let report = ops::run(&call.app, call.id(0, WHAT)?, options, call.caller()?).await?;
    json::ok(&body(&report, options.preview))
}

fn body(report: &Report, preview: bool) -> ResultBody<'_> {
    let c = &report.changes;
    ResultBody {
        success: report.stopped.is_none(),
        error_message: report.stopped.as_deref(),
        total_partitions: report.total_partitions,
        total_containers: report.total_containers,
        added_partitions: touched(&c.added_partitions, PARTITION),
        removed_partitions: touched(&c.removed_partitions, PARTITION),
        renamed_partitions: renamed(&c.renamed_partitions, PARTITION),
        added_containers: touched(&c.added_containers, CONTAINER),
        removed_containers: touched(&c.removed_containers, CONTAINER),
        renamed_containers: renamed(&c.renamed_containers, CONTAINER),
        moved_containers: moved(&c.moved_containers),
        has_changes: c.any(),
        has_selected_items_removed: c.selected_removed(),
        summary: &report.summary,
        warnings: &report.warnings,
        preview: preview.then_some(true),
    }
}

fn touched<'a>(items: &'a [Touched], item_type: &'static str) -> Vec<TouchedBody<'a>> {
    let body = |t: &'a Touched| TouchedBody {
        external_id: &t.external_id,
        name: &t.name,
        was_selected: t.was_selected,
        item_type,
    };
    items.iter().map(body).collect()
}

fn renamed<'a>(items: &'a [Renamed], item_type: &'static str) -> Vec<RenamedBody<'a>> {
    let body = |r: &'a Renamed| RenamedBody {
        external_id: &r.external_id,
        old_name: &r.old_name,
        new_name: &r.new_name,
        was_selected: r.was_selected,
        item_type,
    };
    items.iter().map(body).collect()
}

fn moved(items: &[Moved]) -> Vec<MovedBody<'_>> {
    items
        .iter()
        .map(|m| MovedBody {
            external_id: &m.external_id,
            name: &m.name,
            old_parent_external_id: m.old_parent.as_deref(),
            new_parent_external_id: m.new_parent.as_deref(),
            was_selected: m.was_selected,
            item_type: CONTAINER,
        })
        .collect()
}
