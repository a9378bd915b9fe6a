//! Chapter 4: object types and attributes.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::WHAT;
use super::type_list::{AttributeBody, ObjectType, object_types};
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Dictionary, Keyed, SettingId, request};
use crate::ops::object_types::{self as ops, AttributePatch};

const TYPE: &str = "object type";

request! {
    pub(super) struct UpdateObjectTypeRequest {
        /// Include this object type in synchronisation
        selected: Option<bool>,
        /// Remove contributed attributes from metaverse objects when a sync rule no longer applies
        remove_contributed_attributes_on_obsoletion: Option<bool>,
    }
}

request! {
    #[derive(Default)]
    pub(super) struct UpdateAttributeRequest {
        /// Include this attribute in synchronisation
        selected: Option<bool>,
        /// Make it the external id of its type
        is_external_id: Option<bool>,
        /// Make it the secondary external id of its type
        is_secondary_external_id: Option<bool>,
    }
}

impl Keyed for UpdateAttributeRequest {
    const KEY: &'static str = "attribute";
}

impl From<UpdateAttributeRequest> for AttributePatch {
    fn from(request: UpdateAttributeRequest) -> Self {
        let UpdateAttributeRequest { selected, is_external_id, is_secondary_external_id } = request;
        AttributePatch { selected, external: is_external_id, secondary: is_secondary_external_id }
    }
}

request! {
    pub(super) struct BulkUpdateAttributesRequest {
        /// What to change, keyed by attribute ID
        #[schema(value_type = BTreeMap<SettingId, UpdateAttributeRequest>)]
        attributes: Dictionary<UpdateAttributeRequest>,
    }
}

/// Lists object types.
///
/// All object types of the connected system with their attributes, by name; empty before the first schema import.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types",
    tag = "Object types", operation_id = "listObjectTypes",
    responses((status = 200, description = "All object types.", body = Vec<ObjectType>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let system = call.id(0, WHAT)?;
    let permit = wire::permit(&call.app.large_answers).await?;
    let types = ops::list(&call.app, system).await?;
    wire::stream(Some(permit), || object_types(types)).await
}

/// Updates an object type.
///
/// Its selection and behaviour. All fields are optional.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}",
    tag = "Object types", operation_id = "updateObjectType",
    request_body(content = UpdateObjectTypeRequest),
    responses((status = 200, description = "The updated object type.", body = ObjectType))
)]
pub async fn update(mut call: Call) -> Result<Response> {
    let UpdateObjectTypeRequest { selected, remove_contributed_attributes_on_obsoletion } = call.read().await?;
    let remove_contributed = remove_contributed_attributes_on_obsoletion;
    let (system, id) = (call.id(0, WHAT)?, call.id(1, TYPE)?);
    let updated = ops::update_type(&call.app, system, id, selected, remove_contributed, call.caller()?).await?;
    wire::stream(wire::free_permit(&call.app.large_answers), || ObjectType::new(updated)).await
}

/// Updates an attribute.
///
/// All fields are optional. An external id flag selects the attribute and takes the flag from every other attribute of
/// the type; an attribute that carries one cannot be deselected.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}/attributes/{attributeId}",
    tag = "Object types", operation_id = "updateAttribute",
    request_body(content = UpdateAttributeRequest),
    responses((status = 200, description = "The updated attribute.", body = AttributeBody))
)]
pub async fn update_attribute(mut call: Call) -> Result<Response> {
    let patch = call.read::<UpdateAttributeRequest>().await?.into();
    let (system, object_type, id) = (call.id(0, WHAT)?, call.id(1, TYPE)?, call.id(2, "attribute")?);
    let updated = ops::update_attribute(&call.app, system, object_type, id, patch, call.caller()?).await?;
    wire::ok(&AttributeBody::new(&updated.stored, updated.created))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkAttributesResult)]
struct BulkBody<'a> {
    /// The activity that tells of it
    #[schema(value_type = Uuid)]
    activity_id: String,
    updated_count: usize,
    /// All updated attributes, by ID
    updated_attributes: Vec<AttributeBody<'a>>,
    /// What was not updated; null when nothing failed
    errors: Option<Vec<BulkError>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BulkAttributeError)]
struct BulkError {
    attribute_id: i64,
    error_message: String,
}

/// Updates many attributes of a type.
///
/// In one transaction, by ascending id. What cannot be done is listed in `errors`; the rest is stored.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}/attributes/bulk-update",
    tag = "Object types", operation_id = "bulkUpdateAttributes",
    request_body(content = BulkUpdateAttributesRequest),
    responses((status = 200, description = "What was updated and what was not.", body = BulkBody))
)]
pub async fn bulk_update(mut call: Call) -> Result<Response> {
    let BulkUpdateAttributesRequest { attributes } = call.read().await?;
    let patches = attributes.0.into_iter().map(|(id, request)| (id, request.into())).collect();
    let (system, object_type) = (call.id(0, WHAT)?, call.id(1, TYPE)?);
    let bulk = ops::update_many(&call.app, system, object_type, patches, call.caller()?).await?;
    let error = |(attribute_id, error_message)| BulkError { attribute_id, error_message };
    wire::ok(&BulkBody {
        activity_id: bulk.activity.to_string(),
        updated_count: bulk.updated.len(),
        updated_attributes: bulk.updated.iter().map(|a| AttributeBody::new(&a.stored, a.created)).collect(),
        errors: (!bulk.errors.is_empty()).then(|| bulk.errors.into_iter().map(error).collect()),
    })
}

/// Updates many attributes of a type.
///
/// In one transaction, by ascending id. What cannot be done is listed in `errors`; the rest is stored.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}/attributes",
    tag = "Object types", operation_id = "bulkUpdateAttributesByPut",
    request_body(content = BulkUpdateAttributesRequest),
    responses((status = 200, description = "What was updated and what was not.", body = BulkBody))
)]
pub async fn bulk_update_by_put(call: Call) -> Result<Response> {
    bulk_update(call).await
}
