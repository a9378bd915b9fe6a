//! Chapter 5: partitions and their selection.

use warp::reply::Response;

use super::connected_systems::RESOURCE;
use super::tree::{Partition, partitions};
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, request};
use crate::ops::partitions as ops;

request! {
    pub(super) struct SelectRequest {
        selected: Option<bool>,
    }
}

/// Lists partitions.
///
/// All partitions of the connected system with their nested containers; empty before the first hierarchy import.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/partitions",
    tag = "Partitions and containers", operation_id = "listPartitions",
    responses((status = 200, description = "All partitions.", body = Vec<Partition>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let system = call.id(0, RESOURCE)?;
    let permit = wire::permit(&call.app.large_answers).await?;
    let branches = ops::list(&call.app, system).await?;
    wire::stream(Some(permit), move || partitions(branches, system)).await
}

/// Updates a partition.
///
/// Sets its selection. Its containers do not follow it: they take part if they and their partition are selected.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/partitions/{partitionId}",
    tag = "Partitions and containers", operation_id = "updatePartition",
    request_body(content = SelectRequest),
    responses((status = 200, description = "The updated partition.", body = Partition))
)]
pub async fn update_partition(mut call: Call) -> Result<Response> {
    let SelectRequest { selected } = call.read().await?;
    let (system, id) = (call.id(0, RESOURCE)?, call.id(1, "partition")?);
    let branch = ops::select_partition(&call.app, system, id, selected, call.caller()?).await?;
    wire::stream(wire::free_permit(&call.app.large_answers), move || Partition::new(branch, system)).await
}
