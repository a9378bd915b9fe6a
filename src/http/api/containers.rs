//! Chapters 5 and 17: search and selection of containers.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::RESOURCE;
use super::tree::{Container, Subtree};
use crate::domain::dn::Dn;
use crate::domain::hierarchy::scope::Choice;
use crate::error::{Error, FieldErrors, Result};
use crate::http::call::Call;
use crate::http::wire::{
    self, Dictionary, DictionaryKey, Flag, Keyed, Page, Paging, SortDirection, Text, key, paging, printable_key, query,
    request,
};
use crate::ops::partitions::{self as ops, Named};
use crate::store::container_list::{Found, Search, Sort};

query! {
    struct ContainerQuery {
        /// Page number from 1; below 1 becomes 1.
        page: Option<i64>,
        /// Items of a page, 25 unless given; below 1 becomes 25, above 100 becomes 100.
        page_size: Option<i64>,
        /// `name`, `externalId` or `id`, ignoring case; anything else means `name`.
        sort_by: Option<Text<100>>,
        /// `asc` unless given.
        #[param(value_type = Option<SortDirection>)]
        sort_direction: Option<SortDirection>,
        /// Text searched in name and description, ignoring case; in the DN too if it contains `=`.
        search: Option<Text<500>>,
        /// Only containers that are selected, by choice or inheritance, or only those that are not.
        selected: Option<Flag>,
    }
}

/// A container without its children.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ContainerListItem {
    id: i64,
    name: String,
    /// External identifier (e.g. distinguished name)
    external_id: String,
    description: Option<String>,
    /// Whether the connector hides it
    hidden: bool,
    /// Whether it is included in synchronisation scope, by its own choice or by inheritance
    selected: bool,
    /// Whether it has no choice of its own and follows its ancestors
    selection_inherited: bool,
    partition_id: i64,
    connected_system_id: i64,
    /// Names from the partition down to the container
    path: Vec<String>,
}

/// Finds containers.
///
/// One page of all containers of the system, by name unless `sortBy` says otherwise.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/containers",
    tag = "Partitions and containers", operation_id = "listContainers",
    params(ContainerQuery),
    responses((status = 200, description = "One page of containers.", body = Page<ContainerListItem>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let ContainerQuery { page, page_size, sort_by, sort_direction, search: text, selected } =
        ContainerQuery::read(&call.query)?;
    let paging = Paging { page, page_size, sort_by, sort_direction, filter: None };
    let system = call.id(0, RESOURCE)?;
    let search = Search { selected: selected.map(|flag| flag.0), page: paging.in_store(sort, text) };
    let found = ops::find_containers(&call.app, system, search).await?;
    let item = |Found { node, path }| ContainerListItem {
        id: node.id,
        name: node.name.into(),
        external_id: node.external_id.into(),
        description: node.description.map(String::from),
        hidden: node.hidden,
        selected: node.selected,
        selection_inherited: node.inherits,
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

request! {
    #[derive(Default)]
    pub(super) struct SelectContainerRequest {
        /// Includes the container in synchronisation scope or takes it out, and with it the containers below that have
        /// no choice of their own
        selected: Option<bool>,
        /// True removes the container's own choice, so that it follows its ancestors; not together with `selected`.
        /// False has no effect
        selection_inherited: Option<bool>,
    }
}

impl SelectContainerRequest {
    /// The choice to store, if any.
    fn choice(self) -> std::result::Result<Option<Choice>, &'static str> {
        match (self.selected, self.selection_inherited) {
            (Some(_), Some(true)) => Err("Must not be true together with selected."),
            (Some(selected), _) => Ok(Some(Choice::Own(selected))),
            (None, Some(true)) => Ok(Some(Choice::Inherited)),
            (None, _) => Ok(None),
        }
    }
}

/// Updates a container.
///
/// Stores its selection as its own choice, or removes that choice. Containers below without a choice of their own
/// follow; hidden ones follow only an ancestor that is hidden too.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/containers/{containerId}",
    tag = "Partitions and containers", operation_id = "updateContainer",
    request_body(content = SelectContainerRequest),
    responses((status = 200, description = "The updated container with its children.", body = Container))
)]
pub async fn update_container(mut call: Call) -> Result<Response> {
    let request: SelectContainerRequest = call.read().await?;
    let choice = request.choice().map_err(|why| Error::field("selectionInherited", why))?;
    let (system, id) = (call.id(0, RESOURCE)?, call.id(1, "container")?);
    let nodes = ops::select_container(&call.app, system, id, choice, call.caller()?).await?;
    wire::stream(wire::free_permit(&call.app.large_answers), move || Subtree::new(nodes, id, system)).await
}

impl Keyed for SelectContainerRequest {
    const KEY: &'static str = "container";
}

impl DictionaryKey for Named {
    const FORMS: &'static str = "ids, written as integers, or DNs, in which a comma of a name is written \\,";

    fn of(text: &str) -> Option<Self> {
        let dn = || Dn::parse(text).ok().filter(|dn| !dn.rdns().is_empty());
        key(text).map(Named::Id).or_else(|| Some(Named::Dn(dn()?.key(), text.to_owned())))
    }
}

/// Schema of the id or DN of a container as the key of a dictionary.
#[derive(PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^((0|-?[1-9][0-9]{0,17})|[^=]*=.*)$")]
pub(super) struct ContainerKey(String);

request! {
    pub(super) struct BulkUpdateContainersRequest {
        /// Changes keyed by container ID or DN
        #[schema(value_type = BTreeMap<ContainerKey, SelectContainerRequest>)]
        containers: Dictionary<SelectContainerRequest, Named>,
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BulkContainersResult {
    /// The activity that records it
    #[schema(value_type = Uuid)]
    activity_id: String,
    updated_count: usize,
    /// Containers that were not updated; null if there are none
    errors: Option<Vec<BulkContainerError>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BulkContainerError {
    /// Null if a DN matches no container
    container_id: Option<i64>,
    error_message: String,
}

/// Updates many containers.
///
/// In one transaction, by id or by DN, in any order. Unknown ones are listed in `errors`; the rest is stored.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/containers/bulk-update",
    tag = "Partitions and containers", operation_id = "bulkUpdateContainers",
    request_body(content = BulkUpdateContainersRequest),
    responses((status = 200, description = "How many were updated, and which were not.", body = BulkContainersResult))
)]
pub async fn bulk_update(mut call: Call) -> Result<Response> {
    let BulkUpdateContainersRequest { containers } = call.read().await?;
    let choices = choices(containers)?;
    let bulk = ops::select_many(&call.app, call.id(0, RESOURCE)?, choices, call.caller()?).await?;
    let error = |(container_id, error_message)| BulkContainerError { container_id, error_message };
    wire::ok(&BulkContainersResult {
        activity_id: bulk.activity.to_string(),
        updated_count: bulk.updated,
        errors: (!bulk.errors.is_empty()).then(|| bulk.errors.into_iter().map(error).collect()),
    })
}

/// Choices of a bulk update. All entries that contradict themselves are refused together.
fn choices(containers: Dictionary<SelectContainerRequest, Named>) -> Result<BTreeMap<Named, Option<Choice>>> {
    let (mut choices, mut faults) = (BTreeMap::new(), FieldErrors::new());
    for (named, request) in containers.0 {
        match request.choice() {
            Ok(choice) => drop(choices.insert(named, choice)),
            Err(why) => {
                let place = format!("containers.{}", written(&named));
                faults.entry(place).or_default().push(format!("selectionInherited m{}", why.trim_start_matches('M')));
            }
        }
    }
    if faults.is_empty() { Ok(choices) } else { Err(Error::Invalid(faults)) }
}

/// Key of the request, safe to repeat in an error.
fn written(named: &Named) -> String {
    match named {
        Named::Id(id) => id.to_string(),
        Named::Dn(_, text) => printable_key(text),
    }
}
