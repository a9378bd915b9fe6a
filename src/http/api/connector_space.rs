//! Connector space (part 2, chapter 20): objects of a connected system as they were last read.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::reply::Response;

use super::connected_systems::RESOURCE as SYSTEM;
use crate::domain::connector_space::Status;
use crate::domain::value::Value;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Enum, Enumeration, Flag, Page, Paging, SortDirection, Text, choice, paging, query};
use crate::ops::connector_space::{self as ops, Detail, Object, ShownValue};
use crate::ops::shown_values::{date_of, text_of};
use crate::store::connector_space::Search;

const RESOURCE: &str = "connector space object";

impl Enumeration for Status {
    const FIRST: i64 = 0;
    const ALL: &'static [Status] = Status::ALL;

    fn name(self) -> &'static str {
        Status::name(self)
    }
}

choice! {
    /// State of an object: `Obsolete` is gone outside and waits for a synchronisation, `PendingProvisioning` was made here
    /// and not yet seen outside.
    pub(super) struct ObjectStatus: ["Normal", "Obsolete", "PendingProvisioning"];

    /// How an object came to its metaverse object; `NotJoined` in this version.
    pub(super) struct JoinType: ["NotJoined", "Projected", "Provisioned", "Joined"];
}

/// An object of the connector space without its values.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectorSpaceListItem)]
struct ListItem {
    id: Uuid,
    #[schema(format = DateTime)]
    created: String,
    /// Last import or export that changed it
    #[schema(format = DateTime)]
    last_updated: Option<String>,
    status: ObjectStatus,
    join_type: JoinType,
    #[schema(format = DateTime)]
    date_joined: Option<String>,
    display_name: Option<String>,
    external_id: String,
    secondary_external_id: Option<String>,
    connected_system_id: i64,
    connected_system_name: String,
    type_id: i64,
    type_name: Option<String>,
    metaverse_object_id: Option<Uuid>,
    metaverse_object_display_name: Option<String>,
}

/// One value of an attribute; the member of its type is set.
#[derive(Serialize, ToSchema, Default)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectorSpaceValue)]
struct ValueBody {
    /// Names the value within the object
    id: String,
    attribute_id: i64,
    attribute_name: String,
    string_value: Option<String>,
    #[schema(format = DateTime)]
    date_time_value: Option<String>,
    int_value: Option<i32>,
    long_value: Option<i64>,
    guid_value: Option<Uuid>,
    bool_value: Option<bool>,
    /// Base64
    binary_value: Option<String>,
    /// Object of the same system that it refers to
    reference_value_id: Option<Uuid>,
    /// Name that no object of the system has
    unresolved_reference_value: Option<String>,
}

/// Numbers of an attribute with more values than are shown.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectorSpaceValueSummary)]
struct ValueSummary {
    attribute_name: String,
    total_count: usize,
    returned_count: usize,
    has_more: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectorSpaceObject)]
struct DetailBody {
    #[serde(flatten)]
    object: ListItem,
    /// At most ten values of an attribute
    attribute_values: Vec<ValueBody>,
    attribute_value_summaries: Vec<ValueSummary>,
}

impl From<Object> for ListItem {
    fn from(object: Object) -> Self {
        let at = |micros| date_of(micros).map(wire::date);
        let stored = object.stored;
        ListItem {
            id: object.id,
            created: at(stored.created).unwrap_or_default(),
            last_updated: stored.updated.and_then(at),
            status: stored.status.name().into(),
            join_type: "NotJoined".into(),
            date_joined: None,
            display_name: Some(stored.display_name).filter(|name| !name.is_empty()),
            external_id: stored.external_id,
            secondary_external_id: stored.secondary_id,
            connected_system_id: object.system,
            connected_system_name: object.system_name,
            type_id: stored.object_type,
            type_name: object.type_name,
            metaverse_object_id: None,
            metaverse_object_display_name: None,
        }
    }
}

impl From<ShownValue> for ValueBody {
    fn from(shown: ShownValue) -> Self {
        let mut body = ValueBody {
            id: shown.id,
            attribute_id: shown.attribute,
            attribute_name: shown.attribute_name,
            reference_value_id: shown.target,
            ..ValueBody::default()
        };
        match shown.value {
            Value::Text(text) => body.string_value = Some(text.into()),
            Value::Integer(n) => body.int_value = Some(n),
            Value::Long(n) => body.long_value = Some(n),
            Value::Boolean(is) => body.bool_value = Some(is),
            Value::DateTime(micros) => body.date_time_value = date_of(micros).map(wire::date),
            Value::Guid(bytes) => body.guid_value = Some(Uuid::from_bytes(bytes)),
            Value::Binary(_) => body.binary_value = Some(text_of(&shown.value)),
            Value::Reference(name) if shown.target.is_some() => body.string_value = Some(name.into()),
            Value::Reference(name) => body.unresolved_reference_value = Some(name.into()),
        }
        body
    }
}

impl From<Detail> for DetailBody {
    fn from(detail: Detail) -> Self {
        let summary = |(attribute_name, total_count, returned_count)| ValueSummary {
            attribute_name,
            total_count,
            returned_count,
            has_more: total_count > returned_count,
        };
        DetailBody {
            object: detail.object.into(),
            attribute_values: detail.values.into_iter().map(ValueBody::from).collect(),
            attribute_value_summaries: detail.cut.into_iter().map(summary).collect(),
        }
    }
}

type StatusInput = Enum<Status>;

query! {
    struct ObjectQuery {
        /// Page number from 1; below 1 becomes 1.
        page: Option<i64>,
        /// Items of a page, 25 unless given; below 1 becomes 25, above 100 becomes 100.
        page_size: Option<i64>,
        /// `asc` unless given: by the order in which objects were added.
        #[param(value_type = Option<SortDirection>)]
        sort_direction: Option<SortDirection>,
        /// Text searched in external id, secondary external id and display name, ignoring case.
        search: Option<Text<500>>,
        /// Only objects of this type.
        object_type_id: Option<i64>,
        /// Only objects in this state.
        status: Option<StatusInput>,
        /// Only joined objects, or only those that are not.
        joined: Option<Flag>,
    }

    struct ValueQuery {
        /// Page number from 1; below 1 becomes 1.
        page: Option<i64>,
        /// Items of a page, 50 unless given, 100 at most.
        page_size: Option<i64>,
        /// Text that a value contains, ignoring case.
        search: Option<Text<500>>,
    }
}

/// Lists connector space objects.
///
/// One page of the objects of the system, without their values.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/connector-space",
    tag = "Connector space", operation_id = "listConnectorSpaceObjects",
    params(ObjectQuery),
    responses((status = 200, description = "One page of objects.", body = Page<ListItem>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let ObjectQuery { page, page_size, sort_direction, search, object_type_id, status, joined } =
        ObjectQuery::read(&call.query)?;
    let paging = Paging { page, page_size, sort_by: None, sort_direction, filter: None };
    let search = Search {
        object_type: object_type_id,
        status: status.map(|status| status.0),
        // Joins come with synchronisation.
        nothing: joined.is_some_and(|joined| joined.0),
        page: paging.in_store(|_| (), search),
    };
    let found = ops::list(&call.app, call.id(0, SYSTEM)?, search).await?;
    wire::ok(&paging::from_store(found, ListItem::from, &paging)?)
}

/// Retrieves a connector space object.
///
/// With its attribute values, at most ten of each attribute.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/connector-space/{objectId}",
    tag = "Connector space", operation_id = "getConnectorSpaceObject",
    responses((status = 200, description = "The object.", body = DetailBody))
)]
pub async fn get(call: Call) -> Result<Response> {
    let (system, id) = (call.id(0, SYSTEM)?, call.guid(1, RESOURCE)?);
    wire::ok(&DetailBody::from(ops::get(&call.app, system, id).await?))
}

/// Lists values of an attribute.
///
/// One page of all values that a connector space object has of the attribute, in a fixed order.
#[utoipa::path(
    get,
    path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/connector-space/{objectId}/attributes/\
        {attributeName}/values",
    tag = "Connector space", operation_id = "listConnectorSpaceValues",
    params(ValueQuery),
    responses((status = 200, description = "One page of values.", body = Page<ValueBody>))
)]
pub async fn values(call: Call) -> Result<Response> {
    let ValueQuery { page, page_size, search } = ValueQuery::read(&call.query)?;
    let page_size = Some(page_size.filter(|n| *n > 0).unwrap_or(50));
    let paging = Paging { page, page_size, sort_by: None, sort_direction: None, filter: None };
    let (system, id) = (call.id(0, SYSTEM)?, call.guid(1, RESOURCE)?);
    let page = paging.in_store(|_| (), search);
    let found = ops::values(&call.app, system, id, call.parameter(2).to_owned(), page).await?;
    wire::ok(&paging::from_store(found, ValueBody::from, &paging)?)
}

/// Counts unresolved references.
///
/// Values that name no object of the connector space.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/connector-space/unresolved-references/count",
    tag = "Connector space", operation_id = "countUnresolvedReferences",
    responses((status = 200, description = "Their number.", body = i64, content_type = "application/json"))
)]
pub async fn unresolved(call: Call) -> Result<Response> {
    wire::ok(&ops::unresolved(&call.app, call.id(0, SYSTEM)?).await?)
}
