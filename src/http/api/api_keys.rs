//! Chapter 9: API keys and roles. Only the answer to a creation holds the clear key.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use uuid::Uuid;
use warp::reply::Response;

use crate::db::Connection;
use crate::domain::role;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Date, Errors, Field, Name, Node, Text, request, schema};
use crate::ops::api_keys::{self as ops, KeyFields};
use crate::store::api_keys as store;

const RESOURCE: &str = "API key";

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ApiKey {
    id: Uuid,
    name: String,
    description: Option<String>,
    /// Beginning of the key, to recognise it
    key_prefix: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// End of validity; null = never
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Updated with a delay of up to a minute
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    last_used_from_ip: Option<String>,
    is_enabled: bool,
    roles: Vec<Role>,
    /// The clear key; only in the answer to its creation
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Serialize, Clone, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Role {
    id: i64,
    name: &'static str,
    built_in: bool,
    #[schema(format = DateTime)]
    created: &'static str,
    /// Number of keys with this role
    static_member_count: i64,
}

request! {
    pub(super) struct CreateApiKeyRequest {
        /// Display name, unique ignoring case
        name: Name,
        description: Option<Text<1000>>,
        /// Role ids: an array, one, or none; 1 = Administrator, 2 = Reader
        role_ids: Option<RoleIds>,
        /// End of validity; never if absent
        expires_at: Option<Date>,
    }

    pub(super) struct UpdateApiKeyRequest {
        /// Display name, unique ignoring case
        name: Name,
        description: Option<Text<1000>>,
        /// Role ids: an array, one, or none; 1 = Administrator, 2 = Reader
        role_ids: Option<RoleIds>,
        /// End of validity; never if absent
        expires_at: Option<Date>,
        /// Whether the key is accepted; **false** if left out
        is_enabled: Option<bool>,
    }
}

/// Role ids: an array, or one.
#[derive(Default)]
pub(super) struct RoleIds(Vec<i64>);

impl Field for RoleIds {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let given = if let Node::List(items) = sent { items } else { vec![sent] };
        let mut roles = Vec::new();
        for node in given {
            match wire::integer(&node) {
                None => errors.add(place, "Must be an array of integers."),
                Some(id) if !role::ALL.iter().any(|(known, _)| *known == id) => {
                    errors.add(place, "Names an unknown role.");
                }
                Some(id) if roles.contains(&id) => errors.add(place, "Names a role twice."),
                Some(id) => roles.push(id),
            }
        }
        Some(RoleIds(roles))
    }
}

schema! { RoleIds => {
    let id = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(2));
    let many = ArrayBuilder::new().items(id().build()).unique_items(true);
    OneOfBuilder::new().item(many).item(id())
}}

/// Lists API keys.
///
/// By name. No clear key is shown.
#[utoipa::path(
    get, path = "/api/v1/apikeys",
    tag = "API keys", operation_id = "listApiKeys",
    responses((status = 200, description = "All API keys.", body = Vec<ApiKey>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let (keys, roles) = call.app.db.read(|c| Ok((store::list(c)?, all_roles(c)?))).await?;
    wire::ok(&keys.into_iter().map(|key| body(key, &roles)).collect::<Vec<_>>())
}

/// Retrieves an API key.
///
/// Without the clear key.
#[utoipa::path(
    get, path = "/api/v1/apikeys/{apiKeyId}",
    tag = "API keys", operation_id = "getApiKey",
    responses((status = 200, description = "The API key.", body = ApiKey))
)]
pub async fn get(call: Call) -> Result<Response> {
    let id = call.guid(0, RESOURCE)?;
    let (key, roles) = call.app.db.read(move |c| Ok((store::get(c, id)?, all_roles(c)?))).await?;
    wire::ok(&body(key, &roles))
}

/// Creates an API key.
///
/// The answer holds the clear key in `key`, which is never shown again.
#[utoipa::path(
    post, path = "/api/v1/apikeys",
    tag = "API keys", operation_id = "createApiKey",
    request_body(content = CreateApiKeyRequest),
    responses((status = 201, description = "The created API key with its clear text.", body = ApiKey))
)]
pub async fn create(mut call: Call) -> Result<Response> {
    let request: CreateApiKeyRequest = call.read().await?;
    let fields = KeyFields {
        name: request.name.0,
        description: request.description.map(|text| text.0),
        roles: request.role_ids.unwrap_or_default().0,
        expires_at: request.expires_at.map(|date| date.0),
        is_enabled: true,
    };
    let (key, secret) = ops::create(&call.app, fields, call.caller()?).await?;
    let location = format!("/api/v1/apikeys/{}", key.id);
    let roles = call.app.db.read(all_roles).await?;
    let mut body = body(key, &roles);
    body.key = Some(secret.expose().to_owned());
    Ok(wire::created(wire::ok(&body)?, &location))
}

/// Updates an API key.
///
/// Replaces all fields. An absent field becomes null; without `roleIds` the key has no role, without `isEnabled` it is
/// disabled.
#[utoipa::path(
    put, path = "/api/v1/apikeys/{apiKeyId}",
    tag = "API keys", operation_id = "updateApiKey",
    request_body(content = UpdateApiKeyRequest),
    responses(
        (status = 200, description = "The updated API key.", body = ApiKey),
        (status = 409, description = "It would leave no enabled, unexpired Administrator key."),
    )
)]
pub async fn update(mut call: Call) -> Result<Response> {
    let request: UpdateApiKeyRequest = call.read().await?;
    let fields = KeyFields {
        name: request.name.0,
        description: request.description.map(|text| text.0),
        roles: request.role_ids.unwrap_or_default().0,
        expires_at: request.expires_at.map(|date| date.0),
        is_enabled: request.is_enabled.unwrap_or_default(),
    };
    let key = ops::update(&call.app, call.guid(0, RESOURCE)?, fields, call.caller()?).await?;
    let roles = call.app.db.read(all_roles).await?;
    wire::ok(&body(key, &roles))
}

/// Deletes an API key.
///
/// The key is refused from the next request on.
#[utoipa::path(
    delete, path = "/api/v1/apikeys/{apiKeyId}",
    tag = "API keys", operation_id = "deleteApiKey",
    responses(
        (status = 204, description = "Deleted."),
        (status = 409, description = "It would leave no enabled, unexpired Administrator key."),
    )
)]
pub async fn delete(call: Call) -> Result<Response> {
    ops::delete(&call.app, call.guid(0, RESOURCE)?, call.caller()?).await?;
    Ok(wire::no_content())
}

/// Lists roles.
///
/// The built-in roles, by name.
#[utoipa::path(
    get, path = "/api/v1/security/roles",
    tag = "API keys", operation_id = "listRoles",
    responses((status = 200, description = "All roles.", body = Vec<Role>))
)]
pub async fn roles(call: Call) -> Result<Response> {
    wire::ok(&call.app.db.read(all_roles).await?)
}

fn all_roles(c: &Connection) -> Result<Vec<Role>> {
    let role = |(id, name): &(i64, &'static str)| {
        Ok(Role {
            id: *id,
            name,
            built_in: true,
            created: wire::BUILT_IN_SINCE,
            static_member_count: store::holders(c, *id)?,
        })
    };
    role::ALL.iter().map(role).collect()
}

fn body(key: store::ApiKey, roles: &[Role]) -> ApiKey {
    ApiKey {
        id: key.id,
        name: key.name,
        description: key.description,
        key_prefix: key.key_prefix,
        created_at: wire::date(key.created_at),
        expires_at: key.expires_at.map(wire::date),
        last_used_at: key.last_used_at.map(wire::date),
        last_used_from_ip: key.last_used_from_ip,
        is_enabled: key.is_enabled,
        roles: roles.iter().filter(|r| key.roles.contains(&r.id)).cloned().collect(),
        key: None,
    }
}
