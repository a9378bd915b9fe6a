//! Chapter 5: partitions and containers.

use std::collections::BTreeMap;

use serde::Serialize;
use warp::reply::Response;

use super::connected_systems::WHAT;
use super::filters::Call;
use super::json::{self, Node};
use super::tree::{Forest, PartitionHead, Shape, stream};
use crate::error::Result;
use crate::ops::partitions as ops;

pub async fn list(call: Call) -> Result<Response> {
    let system = call.id(0, WHAT)?;
    let (branches, large) = ops::list(&call.app, system).await?;
    let mut heads: Vec<_> =
        branches.into_iter().map(|b| (PartitionHead::new(&b.partition, system), Forest::new(b.nodes))).collect();
    heads.sort_by_cached_key(|(head, _)| head.order());
    Ok(stream(Shape::Partitions(heads), system, Some(large)))
}

pub async fn update_partition(mut call: Call) -> Result<Response> {
    let selected = selected(&mut call).await?;
    let (system, id) = (call.id(0, WHAT)?, call.id(1, "partition")?);
    let branch = ops::select_partition(&call.app, system, id, selected, call.caller()?).await?;
    let head = PartitionHead::new(&branch.partition, system);
    Ok(stream(Shape::Partition(head, Forest::new(branch.nodes)), system, None))
}

pub async fn update_container(mut call: Call) -> Result<Response> {
    let selected = selected(&mut call).await?;
    let (system, id) = (call.id(0, WHAT)?, call.id(1, "container")?);
    let nodes = ops::select_container(&call.app, system, id, selected, call.caller()?).await?;
    Ok(stream(Shape::Container(Forest::below(nodes, id)), system, None))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkBody {
    activity_id: String,
    updated_count: usize,
    errors: Option<Vec<BulkError>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkError {
    container_id: i64,
    error_message: String,
}

pub async fn bulk_update(mut call: Call) -> Result<Response> {
    let mut body = call.json(&["containers"]).await?;
    let mut wanted = BTreeMap::new();
    match body.take("containers") {
        None => body.fault("containers", "Must name at least one container."),
        Some(Node::Object(members)) => {
            for (key, node) in members {
                let path =
                    format!("containers.{}", key.chars().filter(|c| !c.is_control()).take(32).collect::<String>());
                match (json::key(&key), wish(&node)) {
                    (None, _) => body.fault(&path, "Keys of containers are container ids, written as integers."),
                    (_, Err(fault)) => body.fault(&path, fault),
                    (Some(id), Ok(wish)) => {
                        if wanted.insert(id, wish).is_some() {
                            body.fault(&path, "Must be given only once.");
                        }
                    }
                }
            }
        }
        Some(_) => body.fault("containers", "Must be an object keyed by container id."),
    }
    body.check()?;
    let bulk = ops::select_many(&call.app, call.id(0, WHAT)?, wanted, call.caller()?).await?;
    let error = |(container_id, error_message)| BulkError { container_id, error_message };
    json::ok(&BulkBody {
        activity_id: bulk.activity.to_string(),
        updated_count: bulk.updated,
        errors: (!bulk.errors.is_empty()).then(|| bulk.errors.into_iter().map(error).collect()),
    })
}

/// `{ "selected": true }` of one container of a bulk update.
fn wish(node: &Node) -> Result<Option<bool>, &'static str> {
    let members = match node {
        // As absent: nothing changes.
        Node::Null => return Ok(None),
        Node::Object(members) => members,
        _ => return Err("Must be an object."),
    };
    let mut given = members.iter().filter(|(name, _)| name.eq_ignore_ascii_case("selected"));
    match (given.next(), given.next()) {
        (None | Some((_, Node::Null)), None) => Ok(None),
        (Some((_, Node::Bool(selected))), None) => Ok(Some(*selected)),
        (Some(_), None) => Err("selected must be true or false."),
        _ => Err("selected must be given only once."),
    }
}

async fn selected(call: &mut Call) -> Result<Option<bool>> {
    let mut body = call.json(&["selected"]).await?;
    let selected = body.flag("selected");
    body.check()?;
    Ok(selected)
}
