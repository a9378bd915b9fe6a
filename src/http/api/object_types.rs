//! Chapter 4: object types and attributes.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::RESOURCE;
use super::type_list::{Attribute, ObjectType, object_types};
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Dictionary, Keyed, SettingId, request};
use crate::ops::object_types::{self as ops, AttributePatch};

const TYPE: &str = "object type";

request! {
    pub(super) struct UpdateObjectTypeRequest {
        selected: Option<bool>,
        /// Remove contributed attributes from metaverse objects when a sync rule no longer applies
        remove_contributed_attributes_on_obsoletion: Option<bool>,
    }

    #[derive(Default)]
    pub(super) struct UpdateAttributeRequest {
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
        /// Changes keyed by attribute ID
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
    let system = call.id(0, RESOURCE)?;
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
    let (system, id) = (call.id(0, RESOURCE)?, call.id(1, TYPE)?);
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
    responses((status = 200, description = "The updated attribute.", body = Attribute))
)]
pub async fn update_attribute(mut call: Call) -> Result<Response> {
    let patch = call.read::<UpdateAttributeRequest>().await?.into();
    let (system, object_type, id) = (call.id(0, RESOURCE)?, call.id(1, TYPE)?, call.id(2, "attribute")?);
    let updated = ops::update_attribute(&call.app, system, object_type, id, patch, call.caller()?).await?;
    wire::ok(&Attribute::new(&updated.stored, updated.created))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BulkAttributesResult<'a> {
    /// The activity that records it
    #[schema(value_type = Uuid)]
    activity_id: String,
    updated_count: usize,
    /// All updated attributes, by ID
    updated_attributes: Vec<Attribute<'a>>,
    /// Attributes that were not updated; null if there are none
    errors: Option<Vec<BulkAttributeError>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BulkAttributeError {
    attribute_id: i64,
    error_message: String,
}

/// Updates many attributes of a type.
///
/// In one transaction, by ascending id. Impossible updates are listed in `errors`; the others are stored.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}/attributes/bulk-update",
    tag = "Object types", operation_id = "bulkUpdateAttributes",
    request_body(content = BulkUpdateAttributesRequest),
    responses((status = 200, description = "The updated attributes, and the errors.", body = BulkAttributesResult))
)]
pub async fn bulk_update(mut call: Call) -> Result<Response> {
    let BulkUpdateAttributesRequest { attributes } = call.read().await?;
    let patches = attributes.0.into_iter().map(|(id, request)| (id, request.into())).collect();
    let (system, object_type) = (call.id(0, RESOURCE)?, call.id(1, TYPE)?);
    let bulk = ops::update_many(&call.app, system, object_type, patches, call.caller()?).await?;
    let error = |(attribute_id, error_message)| BulkAttributeError { attribute_id, error_message };
    wire::ok(&BulkAttributesResult {
        activity_id: bulk.activity.to_string(),
        updated_count: bulk.updated.len(),
        updated_attributes: bulk.updated.iter().map(|a| Attribute::new(&a.stored, a.created)).collect(),
        errors: (!bulk.errors.is_empty()).then(|| bulk.errors.into_iter().map(error).collect()),
    })
}

/// Updates many attributes of a type.
///
/// In one transaction, by ascending id. Impossible updates are listed in `errors`; the others are stored.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}/attributes",
    tag = "Object types", operation_id = "bulkUpdateAttributesByPut",
    request_body(content = BulkUpdateAttributesRequest),
    responses((status = 200, description = "The updated attributes, and the errors.", body = BulkAttributesResult))
)]
pub async fn bulk_update_by_put(call: Call) -> Result<Response> {
    bulk_update(call).await
}
