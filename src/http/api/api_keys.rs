//! Chapter 9: API keys and roles. A clear key is in the answer that created it and in no other.

use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;
use warp::reply::Response;

use crate::db::Connection;
use crate::domain::role;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Date, Errors, Field, Name, Node, Text, request};
use crate::ops::api_keys::{self as ops, KeyFields};
use crate::store::api_keys::{self as store, ApiKey};

const WHAT: &str = "API key";

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey)]
struct KeyBody {
    id: Uuid,
    name: String,
    description: Option<String>,
    /// What people know the key by
    key_prefix: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it is refused; null = never
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Up to a minute late
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    last_used_from_ip: Option<String>,
    is_enabled: bool,
    /// What the key may do
    roles: Vec<RoleBody>,
    /// The clear key; only in the answer that created it
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

#[derive(Serialize, Clone, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Role)]
struct RoleBody {
    id: i64,
    name: &'static str,
    built_in: bool,
    #[schema(format = DateTime)]
    created: &'static str,
    /// Keys that hold the role
    static_member_count: i64,
}

request! {
    pub(super) struct CreateApiKeyRequest {
        /// Display name, unique ignoring case
        name: Name,
        description: Option<Text<1000>>,
        /// Role ids: an array, one, or none; 1 = Administrator, 2 = Reader
        role_ids: Option<RoleIds>,
        /// When it stops being accepted; never if there is none
        expires_at: Option<Date>,
    }
}

request! {
    pub(super) struct UpdateApiKeyRequest {
        /// Display name, unique ignoring case
        name: Name,
        description: Option<Text<1000>>,
        /// Role ids: an array, one, or none; 1 = Administrator, 2 = Reader
        role_ids: Option<RoleIds>,
        /// When it stops being accepted; never if there is none
        expires_at: Option<Date>,
        /// Whether it is accepted; **not** if this is left out
        is_enabled: Option<bool>,
    }
}

/// Ids of roles: an array, or one.
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

impl PartialSchema for RoleIds {
    fn schema() -> RefOr<Schema> {
        let id = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(2));
        let many = ArrayBuilder::new().items(id().build()).unique_items(true);
        Schema::from(OneOfBuilder::new().item(many).item(id())).into()
    }
}

impl ToSchema for RoleIds {}

/// Lists API keys.
///
/// By name. No clear key is shown.
#[utoipa::path(
    get, path = "/api/v1/apikeys",
    tag = "API keys", operation_id = "listApiKeys",
    responses((status = 200, description = "All API keys.", body = Vec<KeyBody>))
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
    responses((status = 200, description = "The API key.", body = KeyBody))
)]
pub async fn get(call: Call) -> Result<Response> {
    let id = call.guid(0, WHAT)?;
    let (key, roles) = call.app.db.read(move |c| Ok((store::get(c, id)?, all_roles(c)?))).await?;
    wire::ok(&body(key, &roles))
}

/// Creates an API key.
///
/// The answer holds the clear key in `key`; it is shown this once and never again.
#[utoipa::path(
    post, path = "/api/v1/apikeys",
    tag = "API keys", operation_id = "createApiKey",
    request_body(content = CreateApiKeyRequest),
    responses((status = 201, description = "The created API key with its clear text.", body = KeyBody))
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
/// A full replacement: what is left out becomes null, no role, no end, and not enabled.
#[utoipa::path(
    put, path = "/api/v1/apikeys/{apiKeyId}",
    tag = "API keys", operation_id = "updateApiKey",
    request_body(content = UpdateApiKeyRequest),
    responses(
        (status = 200, description = "The updated API key.", body = KeyBody),
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
    let key = ops::update(&call.app, call.guid(0, WHAT)?, fields, call.caller()?).await?;
    let roles = call.app.db.read(all_roles).await?;
    wire::ok(&body(key, &roles))
}

/// Deletes an API key.
///
/// It is refused from the next request on.
#[utoipa::path(
    delete, path = "/api/v1/apikeys/{apiKeyId}",
    tag = "API keys", operation_id = "deleteApiKey",
    responses(
        (status = 204, description = "Deleted."),
        (status = 409, description = "It would leave no enabled, unexpired Administrator key."),
    )
)]
pub async fn delete(call: Call) -> Result<Response> {
    ops::delete(&call.app, call.guid(0, WHAT)?, call.caller()?).await?;
    Ok(wire::no_content())
}

/// Lists roles.
///
/// The roles that a key can have, by name. They cannot be changed.
#[utoipa::path(
    get, path = "/api/v1/security/roles",
    tag = "API keys", operation_id = "listRoles",
    responses((status = 200, description = "All roles.", body = Vec<RoleBody>))
)]
pub async fn roles(call: Call) -> Result<Response> {
    wire::ok(&call.app.db.read(all_roles).await?)
}

fn all_roles(c: &Connection) -> Result<Vec<RoleBody>> {
    let role = |(id, name): &(i64, &'static str)| {
        Ok(RoleBody {
            id: *id,
            name,
            built_in: true,
            created: wire::BUILT_IN_SINCE,
            static_member_count: store::holders(c, *id)?,
        })
    };
    role::ALL.iter().map(role).collect()
}

fn body(key: ApiKey, roles: &[RoleBody]) -> KeyBody {
    KeyBody {
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
