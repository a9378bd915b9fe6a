//! Chapter 12: service settings. All values are strings.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use crate::domain::service_setting::{self, ALL, Definition, Kind, MAX_VALUE, ServiceSettings};
use crate::error::{Error, Result};
use crate::http::call::Call;
use crate::http::wire::{self, Text, choice, request};
use crate::ops::service_settings::{self as ops, SettingChange};

choice! {
    /// Type of a service setting; all values are sent as strings.
    pub(super) struct ServiceSettingType: [Kind::Text, Kind::Flag, Kind::Integer, Kind::Span].iter().map(|kind| kind.name());
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ServiceSetting<'a> {
    key: &'static str,
    display_name: &'static str,
    #[schema(value_type = Option<String>)]
    description: &'static str,
    category: &'static str,
    value_type: ServiceSettingType,
    #[schema(value_type = Option<String>)]
    default_value: &'static str,
    /// The override; null = none
    value: Option<&'a str>,
    /// The override, or the default
    #[schema(value_type = Option<String>)]
    effective_value: &'a str,
    is_read_only: bool,
    /// Whether the value differs from the default
    is_overridden: bool,
}

/// Lists service settings.
///
/// All of them, in a fixed order. All values are strings.
#[utoipa::path(
    get, path = "/api/v1/service-settings",
    tag = "Service settings", operation_id = "listServiceSettings",
    responses((status = 200, description = "All service settings.", body = Vec<ServiceSetting>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let settings = call.app.settings.now();
    wire::ok(&ALL.iter().map(|definition| body(definition, &settings)).collect::<Vec<_>>())
}

/// Retrieves a service setting.
///
/// The key must match exactly.
#[utoipa::path(
    get, path = "/api/v1/service-settings/{key}",
    tag = "Service settings", operation_id = "getServiceSetting",
    responses((status = 200, description = "The service setting.", body = ServiceSetting))
)]
pub async fn get(call: Call) -> Result<Response> {
    wire::ok(&body(definition_of(&call)?, &call.app.settings.now()))
}

request! {
    pub(super) struct UpdateServiceSettingRequest {
        /// The new value; an empty one clears the override
        value: Option<Text<{ MAX_VALUE }>>,
    }
}

/// Updates a service setting.
///
/// An empty or absent value clears the override. The change takes effect with the next request.
#[utoipa::path(
    put, path = "/api/v1/service-settings/{key}",
    tag = "Service settings", operation_id = "updateServiceSetting",
    request_body(content = UpdateServiceSettingRequest),
    responses((status = 200, description = "The updated service setting.", body = ServiceSetting))
)]
pub async fn update(mut call: Call) -> Result<Response> {
    let request: UpdateServiceSettingRequest = call.read().await?;
    let value = request.value.map(|text| text.0).filter(|text| !text.is_empty());
    let definition = definition_of(&call)?;
    let accepted = value.map(|text| definition.normalise(&text)).transpose();
    let value = accepted.map_err(|why| Error::field("value", why))?;
    change(&call, definition, SettingChange::Update(value)).await
}

/// Reverts a service setting.
///
/// Clears the override, so that the default applies.
#[utoipa::path(
    delete, path = "/api/v1/service-settings/{key}",
    tag = "Service settings", operation_id = "revertServiceSetting",
    responses((status = 200, description = "The service setting at its default.", body = ServiceSetting))
)]
pub async fn revert(call: Call) -> Result<Response> {
    change(&call, definition_of(&call)?, SettingChange::Revert).await
}

async fn change(call: &Call, definition: &'static Definition, change: SettingChange) -> Result<Response> {
    let settings = ops::change(&call.app, definition, change, call.caller()?).await?;
    wire::ok(&body(definition, &settings))
}

fn definition_of(call: &Call) -> Result<&'static Definition> {
    let key = call.parameter(0);
    service_setting::find(key).ok_or_else(|| Error::not_found("service setting", wire::printable(key)))
}

fn body<'a>(definition: &'static Definition, settings: &'a ServiceSettings) -> ServiceSetting<'a> {
    let value = settings.value(definition.key);
    ServiceSetting {
        key: definition.key,
        display_name: definition.display_name,
        description: definition.description,
        category: definition.category,
        value_type: definition.kind.name().into(),
        default_value: definition.default,
        value,
        effective_value: value.unwrap_or(definition.default),
        is_read_only: false,
        is_overridden: value.is_some_and(|v| v != definition.default),
    }
}
