//! Chapter 3: connected systems. Answers say whether a secret is stored, never its value.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::reply::Response;

use super::activities::{ActivityOperation, ActivityStatus};
use super::setting_values::{SettingValue, SettingValueRequest, SettingValues, as_object, settings_of};
use super::type_list::{ObjectType, object_types};
use crate::connectors::definitions;
use crate::domain::connected_system::Fields;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, Column, Integer, Name, Page, Paging, SettingId, Text, Trimmed, choice, paging, request};
use crate::ops::connected_systems::{self as ops, Detail, Update};
use crate::ops::run::import_schema;
use crate::store::activities::list::LastRun as StoredRun;

pub const RESOURCE: &str = "connected system";

choice! {
    /// Status of a connected system; `Deleting` is reserved.
    pub(super) struct SystemStatus: ["Active", "Deleting"];
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectedSystem {
    id: i64,
    name: String,
    description: Option<String>,
    #[schema(format = DateTime)]
    created: String,
    /// Time of the last update, schema import or applied hierarchy import
    #[schema(format = DateTime)]
    last_updated: Option<String>,
    status: SystemStatus,
    /// Whether the connector has validated the current settings; false after each change until the next import
    setting_values_valid: bool,
    /// Errors that stop an import before it connects, keyed by setting ID; null if there are none
    #[schema(value_type = Option<BTreeMap<SettingId, String>>)]
    setting_values_errors: Option<BTreeMap<i64, String>>,
    /// The newest import; null before the first, and once its activity is deleted
    last_run: Option<LastRun>,
    connector: ConnectorReference,
    /// Object types with their attributes; empty until the first schema import
    object_types: Vec<ObjectType>,
    /// Objects in the connector space
    object_count: i64,
    pending_export_count: usize,
    /// Number of selected containers, hidden ones and those of unselected partitions included
    selected_container_count: i64,
    /// Maximum concurrent export batches; null = sequential
    #[schema(minimum = 1, maximum = 16)]
    max_export_parallelism: Option<i64>,
    /// Current setting values, keyed by setting ID
    #[serde(serialize_with = "as_object")]
    #[schema(value_type = BTreeMap<SettingId, SettingValue>)]
    setting_values: Vec<(i64, SettingValue)>,
}

/// An import of hierarchy or schema, or the run of a run profile.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LastRun {
    activity_id: Uuid,
    operation: ActivityOperation,
    status: ActivityStatus,
    /// Null while it is in progress
    #[schema(format = DateTime)]
    ended: Option<String>,
}

impl From<StoredRun> for LastRun {
    fn from(run: StoredRun) -> Self {
        LastRun {
            activity_id: run.activity,
            operation: run.operation.into(),
            status: run.status.into(),
            ended: run.ended.map(wire::date),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct ConnectorReference {
    id: i64,
    name: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectedSystemListItem {
    id: i64,
    name: String,
    description: Option<String>,
    #[schema(format = DateTime)]
    created: String,
    status: SystemStatus,
    object_count: i64,
    pending_export_objects_count: usize,
    /// Number of selected object types
    connectors_count: i64,
    /// Number of selected containers, hidden ones and those of unselected partitions included
    selected_container_count: i64,
    /// Name of the connector definition
    connector_name: &'static str,
    /// ID of the connector definition
    connector_id: i64,
    /// The newest import; null before the first, and once its activity is deleted
    last_run: Option<LastRun>,
}

request! {
    pub(super) struct CreateConnectedSystemRequest {
        name: Name,
        description: Option<Trimmed<1000>>,
        /// ID of the connector definition
        connector_definition_id: Integer,
    }

    pub(super) struct UpdateConnectedSystemRequest {
        name: Option<Name>,
        description: Option<Text<1000>>,
        /// Connector-specific settings, keyed by setting ID; at most 1000
        #[schema(value_type = Option<BTreeMap<SettingId, SettingValueRequest>>)]
        setting_values: Option<SettingValues>,
        /// Maximum concurrent export batches
        max_export_parallelism: Option<Integer<1, 16>>,
    }
}

const COLUMNS: &[(&str, Column)] = &[
    ("id", Column::Integer),
    ("name", Column::Text),
    ("description", Column::Text),
    ("created", Column::Date),
    ("status", Column::Text),
    ("objectCount", Column::Integer),
    ("pendingExportObjectsCount", Column::Integer),
    ("connectorsCount", Column::Integer),
    ("selectedContainerCount", Column::Integer),
    ("connectorName", Column::Text),
    ("connectorId", Column::Integer),
];

/// Lists connected systems.
///
/// One page, by name unless `sortBy` says otherwise. Object types and setting values are left out.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems",
    tag = "Connected systems", operation_id = "listConnectedSystems",
    params(Paging),
    responses((status = 200, description = "One page of connected systems.", body = Page<ConnectedSystemListItem>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let paging = Paging::read(&call.query)?;
    let systems = ops::list(&call.app.db).await?;
    let items = systems.into_iter().map(|ops::Listed { system: s, selected_types, objects, last_run }| {
        ConnectedSystemListItem {
            id: s.id,
            name: s.name,
            description: s.description,
            created: wire::date(s.created),
            status: s.status.into(),
            object_count: objects,
            pending_export_objects_count: 0,
            connectors_count: selected_types,
            selected_container_count: s.selected_containers,
            connector_name: definitions::by_id(s.connector_id).map_or("", |d| d.name),
            connector_id: s.connector_id,
            last_run: last_run.map(LastRun::from),
        }
    });
    wire::ok(&paging::from_list(items, COLUMNS, "name", &paging)?)
}

/// Creates a connected system.
///
/// With the default settings of its connector; no connection is opened. Next, update it with the settings that the
/// connector needs, then import hierarchy and schema.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems",
    tag = "Connected systems", operation_id = "createConnectedSystem",
    request_body(content = CreateConnectedSystemRequest),
    responses(
        (status = 201, description = "The created connected system.", body = ConnectedSystem),
        (status = 404, description = "The connector definition does not exist."),
    )
)]
pub async fn create(mut call: Call) -> Result<Response> {
    let CreateConnectedSystemRequest { name, description, connector_definition_id } = call.read().await?;
    let (name, description, connector) = (name.0, description.map(|text| text.0), connector_definition_id.0);
    let detail = ops::create(&call.app, name, description, connector, call.caller()?).await?;
    let location = format!("/api/v1/synchronisation/connected-systems/{}", detail.system.id);
    Ok(wire::created(wire::ok(&ConnectedSystem::new(detail))?, &location))
}

/// Retrieves a connected system.
///
/// With its setting values and all object types with their attributes. A secret is never shown; `isSet` says whether
/// one is stored.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}",
    tag = "Connected systems", operation_id = "getConnectedSystem",
    responses((status = 200, description = "The connected system.", body = ConnectedSystem))
)]
pub async fn get(call: Call) -> Result<Response> {
    let (app, id) = (&call.app, call.id(0, RESOURCE)?);
    if let Some(detail) = ops::get_without_schema(app, id).await? {
        return wire::ok(&ConnectedSystem::new(detail));
    }
    let permit = wire::permit(&app.large_answers).await?;
    let detail = ops::get(app, id).await?;
    wire::stream(Some(permit), || ConnectedSystem::new(detail)).await
}

/// Updates a connected system.
///
/// Changes only the fields that are sent. Setting values are a dictionary keyed by setting ID; settings not named keep
/// their value. An update with `settingValues` resets `settingValuesValid` until the next import validates the settings.
/// A change of host, port, TLS or username makes a stored password unusable until it is sent again.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}",
    tag = "Connected systems", operation_id = "updateConnectedSystem",
    request_body(content = UpdateConnectedSystemRequest),
    responses((status = 200, description = "The updated connected system.", body = ConnectedSystem))
)]
pub async fn update(mut call: Call) -> Result<Response> {
    let (body, errors) = call.read_if_any::<UpdateConnectedSystemRequest>().await?.ok_or_else(wire::no_body)?;
    let (fields, settings) = match body {
        None => Default::default(),
        Some(UpdateConnectedSystemRequest { name, description, setting_values, max_export_parallelism }) => {
            let (name, description) = (name.map(|name| name.0), description.map(|text| text.0));
            let max_export_parallelism = max_export_parallelism.map(|n| n.0);
            (Fields { name, description, max_export_parallelism }, setting_values.map(|values| values.0))
        }
    };
    let update = Update { fields, settings, faults: errors.into_faults() };
    let (app, id) = (&call.app, call.id(0, RESOURCE)?);
    let mut detail = ops::update(app, id, update, call.caller()?).await?;
    let permit = wire::free_permit(&app.large_answers);
    detail.types = ops::types(&app.db, id).await?;
    wire::stream(permit, || ConnectedSystem::new(detail)).await
}

/// Imports the schema.
///
/// Connects to the directory, or reads the file, and discovers object types and attributes. New ones are unselected;
/// missing ones are deleted unless they are selected or used; selections are kept.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/import-schema",
    tag = "Imports", operation_id = "importSchema",
    responses(
        (status = 200, description = "The connected system with its object types.", body = ConnectedSystem),
        (status = 400, description = "Connector settings are invalid, or the connected system refused them."),
        (status = 409, description = "An import or preview is already running on the system."),
        (status = 500, description = "Connection to the system failed; the message says at which stage and why."),
    )
)]
pub async fn import_schema(call: Call) -> Result<Response> {
    let (app, id) = (&call.app, call.id(0, RESOURCE)?);
    import_schema::run(app, id, call.caller()?).await?;
    let permit = wire::free_permit(&app.large_answers);
    let detail = ops::get(app, id).await?;
    wire::stream(permit, || ConnectedSystem::new(detail)).await
}

impl ConnectedSystem {
    fn new(detail: Detail) -> Self {
        let Detail { system, settings, errors, objects, last_run, types } = detail;
        let connector = definitions::by_id(system.connector_id);
        ConnectedSystem {
            id: system.id,
            name: system.name,
            description: system.description,
            created: wire::date(system.created),
            last_updated: system.last_updated.map(wire::date),
            status: system.status.into(),
            setting_values_valid: system.setting_values_valid,
            setting_values_errors: (!errors.is_empty()).then(|| errors.into_map()),
            last_run: last_run.map(LastRun::from),
            connector: ConnectorReference { id: system.connector_id, name: connector.map_or("", |d| d.name) },
            object_types: object_types(types),
            object_count: objects,
            // Pending exports come with synchronisation.
            pending_export_count: 0,
            selected_container_count: system.selected_containers,
            max_export_parallelism: system.max_export_parallelism,
            setting_values: connector.map(|d| settings_of(d, settings)).unwrap_or_default(),
        }
    }
}
