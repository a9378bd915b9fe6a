//! Chapter 5: containers by name, and their selection: exactly the row that is named, no cascade.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::WHAT;
use super::partitions::SelectRequest;
use super::tree::{Container, Subtree};
use crate::domain::dn::Dn;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{
    self, Dictionary, DictionaryKey, Errors, Flag, Keyed, Page, Paging, Text, key, paging, query, request,
};
use crate::ops::partitions::{self as ops, Named};
use crate::store::container_list::{Found, Search, Sort};

query! {
    struct ContainerQuery {
        /// Text looked for in name, DN and description, ignoring case.
        search: Option<Text<500>>,
        /// Only those that are selected, or only those that are not.
        selected: Option<Flag>,
    }
}

/// A container without its children.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContainerListItem)]
struct ListItem {
    id: i64,
    /// Container name
    name: String,
    /// External identifier (e.g. distinguished name)
    external_id: String,
    description: Option<String>,
    /// Whether this container is hidden by the connector
    hidden: bool,
    /// Whether this container is included in synchronisation scope
    selected: bool,
    /// Parent partition ID
    partition_id: i64,
    /// Parent connected system ID
    connected_system_id: i64,
    /// Names from below the partition to the container itself
    path: Vec<String>,
}

/// Finds containers.
///
/// One page of all containers of the system, by name unless `sortBy` says otherwise; it knows `name`, `externalId` and
/// `id`. `filter` is ignored.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/containers",
    tag = "Partitions and containers", operation_id = "listContainers",
    params(Paging, ContainerQuery),
    responses((status = 200, description = "One page of containers.", body = Page<ListItem>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let mut errors = Errors::default();
    let paging = Paging::read_with(&call.query, &mut errors).unwrap_or_default();
    let query = ContainerQuery::read_with(&call.query, &mut errors);
    errors.check()?;
    let (text, selected) = query.map(|q| (q.search, q.selected)).unwrap_or_default();
    let system = call.id(0, WHAT)?;
    let search = Search { selected: selected.map(|flag| flag.0), page: paging.in_store(sort, text) };
    let found = ops::find_containers(&call.app, system, search).await?;
    let item = |Found { node, path }| ListItem {
        id: node.id,
        name: node.name.into(),
        external_id: node.external_id.into(),
        description: node.description.map(String::from),
        hidden: node.hidden,
        selected: node.selected,
        partition_id: node.partition_id,
        connected_system_id: system,
        path,
    };
    wire::ok(&paging::from_store(found, item, &paging)?)
}

fn sort(by: &str) -> Sort {
    match by {
        "externalid" => Sort::Dn,
        "id" => Sort::Id,
        _ => Sort::Name,
    }
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

impl Keyed for SelectRequest {
    const KEY: &'static str = "container";
}

impl DictionaryKey for Named {
    const FORMS: &'static str = "ids, written as integers, or DNs";

    fn of(text: &str) -> Option<Self> {
        let dn = || Dn::parse(text).ok().filter(|dn| !dn.rdns().is_empty());
        key(text).map(Named::Id).or_else(|| Some(Named::Dn(dn()?.key(), text.to_owned())))
    }
}

/// The id of a container or its DN, as the key of a dictionary.
#[derive(PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^((0|-?[1-9][0-9]{0,17})|[^=]*=.*)$")]
pub(super) struct ContainerKey(String);

request! {
    pub(super) struct BulkUpdateContainersRequest {
        /// What to change, keyed by container ID or DN
        #[schema(value_type = BTreeMap<ContainerKey, SelectRequest>)]
        containers: Dictionary<SelectRequest, Named>,
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkContainersResult)]
struct BulkBody {
    /// The activity that records it
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
    /// Null where a DN names no container
    container_id: Option<i64>,
    error_message: String,
}

/// Updates many containers.
///
/// In one transaction, by id or by DN. Unknown ones are listed in `errors`; the rest is stored.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/containers/bulk-update",
    tag = "Partitions and containers", operation_id = "bulkUpdateContainers",
    request_body(content = BulkUpdateContainersRequest),
    responses((status = 200, description = "How many were updated, and which were not.", body = BulkBody))
)]
pub async fn bulk_update(mut call: Call) -> Result<Response> {
    let BulkUpdateContainersRequest { containers } = call.read().await?;
    let wanted = containers.0.into_iter().map(|(key, request)| (key, request.selected)).collect();
    let bulk = ops::select_many(&call.app, call.id(0, WHAT)?, wanted, call.caller()?).await?;
    let error = |(container_id, error_message)| BulkError { container_id, error_message };
    wire::ok(&BulkBody {
        activity_id: bulk.activity.to_string(),
        updated_count: bulk.updated,
        errors: (!bulk.errors.is_empty()).then(|| bulk.errors.into_iter().map(error).collect()),
    })
}
