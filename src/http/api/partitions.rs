//! Chapter 5: partitions and containers.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::WHAT;
use super::tree::{Container, Partition, Subtree, partitions};
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire;
use crate::http::wire::request::{Dictionary, Keyed, SettingId, request};
use crate::ops::partitions as ops;

request! {
    #[derive(Default)]
    pub(super) struct SelectRequest {
        /// Include it in synchronisation scope
        selected: Option<bool>,
    }
}

impl Keyed for SelectRequest {
    const KEY: &'static str = "container";
}

request! {
    pub(super) struct BulkUpdateContainersRequest {
        /// What to change, keyed by container ID
        #[schema(value_type = BTreeMap<SettingId, SelectRequest>)]
        containers: Dictionary<SelectRequest>,
    }
}

/// Lists partitions.
///
/// All partitions of the connected system with their nested container hierarchy; empty before the first hierarchy import.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/partitions",
    tag = "Partitions and containers", operation_id = "listPartitions",
    responses((status = 200, description = "All partitions.", body = Vec<Partition>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let system = call.id(0, WHAT)?;
    let permit = wire::permit(&call.app.large_answers).await?;
    let branches = ops::list(&call.app, system).await?;
    wire::stream(Some(permit), move || partitions(branches, system)).await
}

/// Updates a partition.
///
/// Its selection; exactly this row is set, nothing cascades.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/partitions/{partitionId}",
    tag = "Partitions and containers", operation_id = "updatePartition",
    request_body(content = SelectRequest),
    responses((status = 200, description = "The updated partition.", body = Partition))
)]
pub async fn update_partition(mut call: Call) -> Result<Response> {
    let SelectRequest { selected } = call.read().await?;
    let (system, id) = (call.id(0, WHAT)?, call.id(1, "partition")?);
    let branch = ops::select_partition(&call.app, system, id, selected, call.caller()?).await?;
    wire::stream(wire::free_permit(&call.app.large_answers), move || Partition::new(branch, system)).await
}

/// Updates a container.
///
/// Its selection; exactly this row is set, nothing cascades.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/containers/{containerId}",
    tag = "Partitions and containers", operation_id = "updateContainer",
    request_body(content = SelectRequest),
    responses((status = 200, description = "The updated container with its children.", body = Container))
)]
pub async fn update_container(mut call: Call) -> Result<Response> {
    let SelectRequest { selected } = call.read().await?;
    let (system, id) = (call.id(0, WHAT)?, call.id(1, "container")?);
    let nodes = ops::select_container(&call.app, system, id, selected, call.caller()?).await?;
    wire::stream(wire::free_permit(&call.app.large_answers), move || Subtree::new(nodes, id, system)).await
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkContainersResult)]
struct BulkBody {
    /// The activity that tells of it
    #[schema(value_type = Uuid)]
    activity_id: String,
    updated_count: usize,
    /// What was not updated; null when nothing failed
    errors: Option<Vec<BulkError>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkContainerError)]
struct BulkError {
    container_id: i64,
    error_message: String,
}

/// Updates many containers.
///
/// In one transaction. Unknown ids are listed in `errors`; the rest is stored.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/containers/bulk-update",
    tag = "Partitions and containers", operation_id = "bulkUpdateContainers",
    request_body(content = BulkUpdateContainersRequest),
    responses((status = 200, description = "How many were updated, and which were not.", body = BulkBody))
)]
pub async fn bulk_update(mut call: Call) -> Result<Response> {
    let BulkUpdateContainersRequest { containers } = call.read().await?;
    let wanted = containers.0.into_iter().map(|(id, request)| (id, request.selected)).collect();
    let bulk = ops::select_many(&call.app, call.id(0, WHAT)?, wanted, call.caller()?).await?;
    let error = |(container_id, error_message)| BulkError { container_id, error_message };
    wire::ok(&BulkBody {
        activity_id: bulk.activity.to_string(),
        updated_count: bulk.updated,
        errors: (!bulk.errors.is_empty()).then(|| bulk.errors.into_iter().map(error).collect()),
    })
}
