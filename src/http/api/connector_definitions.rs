//! Chapter 8: connector definitions, built in and read-only.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::setting_values::SettingType;
use crate::connectors::definitions::{self, Definition};
use crate::domain::setting::{Category, Kind, Preset, Setting};
use crate::error::{Error, Result};
use crate::http::call::Call;
use crate::http::wire::{self, choice};
use crate::store::connected_systems;

const RESOURCE: &str = "connector definition";

choice! {
    /// Type of the creator or editor.
    pub(super) struct OriginType: ["NotSet", "User", "ApiKey", "System"];

    /// Group of connector settings; the last two are reserved.
    pub(super) struct SettingCategory: Category::ALL.iter().map(|group| group.name()).chain(["Capabilities", "Schema"]);
}

#[derive(Serialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectorDefinitionHeader {
    id: i64,
    name: &'static str,
    description: Option<&'static str>,
    built_in: bool,
    #[schema(format = DateTime)]
    created: &'static str,
    #[schema(format = DateTime)]
    last_updated: Option<&'static str>,
    files: usize,
    versions: &'static str,
    /// Whether a connected system uses it
    in_use: bool,
}

#[derive(Serialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectorDefinition {
    id: i64,
    name: &'static str,
    description: Option<&'static str>,
    url: Option<&'static str>,
    built_in: bool,
    #[schema(format = DateTime)]
    created: &'static str,
    created_by_type: OriginType,
    created_by_id: Option<&'static str>,
    created_by_name: Option<&'static str>,
    #[schema(format = DateTime)]
    last_updated: Option<&'static str>,
    last_updated_by_type: OriginType,
    last_updated_by_id: Option<&'static str>,
    last_updated_by_name: Option<&'static str>,
    #[schema(value_type = Vec<Value>)]
    files: [(); 0],
    /// Sorted by ID
    settings: Vec<ConnectorSetting>,
    #[schema(value_type = Option<Vec<Value>>)]
    connected_systems: Option<()>,
    supports_full_import: bool,
    supports_delta_import: bool,
    supports_export: bool,
    supports_partitions: bool,
    supports_partition_containers: bool,
    supports_secondary_external_id: bool,
    supports_user_selected_external_id: bool,
    supports_user_selected_attribute_types: bool,
    supports_auto_confirm_export: bool,
    supports_parallel_export: bool,
    supports_paging: bool,
    supports_file_paths: bool,
}

#[derive(Serialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectorSetting {
    /// Key in setting values
    id: i64,
    name: &'static str,
    description: Option<&'static str>,
    category: SettingCategory,
    r#type: SettingType,
    default_checkbox_value: Option<bool>,
    default_string_value: Option<&'static str>,
    default_int_value: Option<i64>,
    /// Allowed values of a DropDown
    #[schema(value_type = Option<Vec<String>>)]
    drop_down_values: Option<&'static [&'static str]>,
    /// Whether an import needs a value
    required: bool,
    #[schema(value_type = Option<Vec<Value>>)]
    values: Option<()>,
}

/// Lists connector definitions.
///
/// The connectors that a connected system can use, by name.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connector-definitions",
    tag = "Connector definitions", operation_id = "listConnectorDefinitions",
    responses((status = 200, description = "All connector definitions.", body = Vec<ConnectorDefinitionHeader>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let in_use = call.app.db.read(connected_systems::connectors_in_use).await?;
    let headers: Vec<ConnectorDefinitionHeader> = definitions::ALL
        .iter()
        .map(|d| ConnectorDefinitionHeader {
            id: d.id,
            name: d.name,
            description: Some(d.description),
            built_in: true,
            created: wire::BUILT_IN_SINCE,
            in_use: in_use.contains(&d.id),
            ..ConnectorDefinitionHeader::default()
        })
        .collect();
    wire::ok(&headers)
}

/// Retrieves a connector definition.
///
/// With the ids, types, defaults and allowed values of its settings.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connector-definitions/{connectorDefinitionId}",
    tag = "Connector definitions", operation_id = "getConnectorDefinition",
    responses((status = 200, description = "The connector definition.", body = ConnectorDefinition))
)]
pub async fn get(call: Call) -> Result<Response> {
    let id = call.id(0, RESOURCE)?;
    wire::ok(&full(definitions::by_id(id).ok_or_else(|| Error::not_found(RESOURCE, id))?))
}

/// Retrieves a connector definition by name.
///
/// The name must match exactly.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connector-definitions/by-name/{name}",
    tag = "Connector definitions", operation_id = "getConnectorDefinitionByName",
    responses((status = 200, description = "The connector definition.", body = ConnectorDefinition))
)]
pub async fn by_name(call: Call) -> Result<Response> {
    let found = definitions::by_name(call.parameter(0));
    wire::ok(&full(found.ok_or_else(|| Error::not_found(RESOURCE, "of that name"))?))
}

fn full(d: &'static Definition) -> ConnectorDefinition {
    let c = d.capabilities;
    ConnectorDefinition {
        id: d.id,
        name: d.name,
        description: Some(d.description),
        built_in: true,
        created: wire::BUILT_IN_SINCE,
        created_by_type: "System".into(),
        last_updated_by_type: "NotSet".into(),
        settings: d.settings.iter().map(setting).collect(),
        supports_full_import: c.full_import,
        supports_delta_import: c.delta_import,
        supports_export: c.export,
        supports_partitions: c.partitions,
        supports_partition_containers: c.partition_containers,
        supports_secondary_external_id: c.secondary_external_id,
        supports_user_selected_external_id: c.user_selected_external_id,
        supports_user_selected_attribute_types: c.user_selected_attribute_types,
        supports_auto_confirm_export: c.auto_confirm_export,
        supports_parallel_export: c.parallel_export,
        supports_paging: c.paging,
        supports_file_paths: c.file_paths,
        ..ConnectorDefinition::default()
    }
}

fn setting(s: &'static Setting) -> ConnectorSetting {
    let mut body = ConnectorSetting {
        id: s.id,
        name: s.name,
        description: Some(s.description),
        category: s.category.name().into(),
        r#type: s.kind.name().into(),
        drop_down_values: (s.kind == Kind::DropDown).then_some(s.choices),
        required: s.required,
        ..ConnectorSetting::default()
    };
    match s.preset {
        Preset::Unset => {}
        Preset::Text(t) => body.default_string_value = Some(t),
        Preset::Integer(n) => body.default_int_value = Some(n),
        Preset::Flag(f) => body.default_checkbox_value = Some(f),
    }
    body
}
