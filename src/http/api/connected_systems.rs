//! Chapter 3: connected systems. A secret's value is in no answer; whether one is stored is.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::type_list::{ObjectType, object_types};
use crate::connectors::definitions::{self, Definition};
use crate::domain::connected_system::{Fields, Settings, StoredValue};
use crate::domain::setting::{Input, Kind, Value};
use crate::error::Result;
use crate::http::call::Call;
use crate::http::openapi::enums::{SettingType, SystemStatus};
use crate::http::openapi::inputs::{
    CreateConnectedSystemRequest, PagingQuery, SettingId, UpdateConnectedSystemRequest,
};
use crate::http::wire::paging::{self, Kind as Column, Page, Paging};
use crate::http::wire::{self, Body, Node};
use crate::ops::connected_systems::{self as ops, Detail, SettingInputs, Update};
use crate::ops::import_schema;

pub const WHAT: &str = "connected system";

/// A connected system.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectedSystem {
    /// Unique identifier
    id: i64,
    /// Display name
    name: String,
    description: Option<String>,
    /// UTC timestamp of its creation
    #[schema(format = DateTime)]
    created: String,
    /// Last accepted update, schema import or applied hierarchy import
    #[schema(format = DateTime)]
    last_updated: Option<String>,
    #[schema(value_type = SystemStatus)]
    status: String,
    /// Whether the connector has validated the settings as they are; false until the next import after each change
    setting_values_valid: bool,
    /// The connector definition
    connector: ConnectorBody,
    /// Object types with their attributes; empty until the first schema import
    object_types: Vec<ObjectType>,
    /// Objects in the connector space
    object_count: usize,
    /// Exports that are waiting
    pending_export_count: usize,
    /// Maximum concurrent export batches; null = sequential
    #[schema(minimum = 1, maximum = 16)]
    max_export_parallelism: Option<i64>,
    /// Current setting values, keyed by setting ID
    #[schema(value_type = BTreeMap<SettingId, SettingBody>)]
    setting_values: BTreeMap<i64, SettingBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ConnectorReference)]
struct ConnectorBody {
    id: i64,
    name: &'static str,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SettingValue)]
struct SettingBody {
    /// Name of the setting
    name: &'static str,
    #[schema(value_type = SettingType)]
    r#type: &'static str,
    /// Filled for texts, choices and files; never for secrets
    string_value: Option<String>,
    /// Filled for integers
    int_value: Option<i64>,
    /// Filled for check boxes
    checkbox_value: Option<bool>,
    /// Whether a value is stored
    is_set: bool,
    /// Whether a stored secret must be sent again because the target changed
    needs_reentry: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectedSystemListItem)]
struct ListItem {
    id: i64,
    name: String,
    description: Option<String>,
    #[schema(format = DateTime)]
    created: String,
    #[schema(value_type = SystemStatus)]
    status: String,
    object_count: usize,
    pending_export_objects_count: usize,
    /// Number of selected object types
    connectors_count: i64,
    /// Name of the connector definition
    connector_name: &'static str,
    /// ID of the connector definition
    connector_id: i64,
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
    ("connectorName", Column::Text),
    ("connectorId", Column::Integer),
];

/// Lists connected systems.
///
/// One page, by name unless `sortBy` says otherwise. Object types and setting values are left out.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems",
    tag = "Connected systems", operation_id = "listConnectedSystems",
    params(PagingQuery),
    responses((status = 200, description = "One page of connected systems.", body = Page<ListItem>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let paging = Paging::read(&call)?;
    let systems = ops::list(&call.app.db).await?;
    let items = systems.into_iter().map(|ops::Listed { system: s, selected_types }| ListItem {
        id: s.id,
        name: s.name,
        description: s.description,
        created: wire::date(s.created),
        status: s.status,
        // Objects and exports come with later chapters; until then there are none.
        object_count: 0,
        pending_export_objects_count: 0,
        connectors_count: selected_types,
        connector_name: definitions::by_id(s.connector_id).map_or("", |d| d.name),
        connector_id: s.connector_id,
    });
    wire::ok(&paging::page(items, COLUMNS, "name", &paging)?)
}

/// Creates a connected system.
///
/// It comes with the default setting values of its connector and opens no connection. Typically it is updated next
/// with the settings that the connector needs, then its hierarchy and schema are imported.
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
    let mut body = call.json(&["name", "description", "connectorDefinitionId"]).await?;
    let name = body.name(true);
    let description = body.description(true);
    let connector = body.integer("connectorDefinitionId");
    if connector.is_none() && !body.faults.contains_key("connectorDefinitionId") {
        body.fault("connectorDefinitionId", "Is required.");
    }
    body.check()?;
    let (name, connector) = (name.unwrap_or_default(), connector.unwrap_or_default());
    let detail = ops::create(&call.app, name, description, connector, call.caller()?).await?;
    let location = format!("/api/v1/synchronisation/connected-systems/{}", detail.system.id);
    Ok(wire::created(wire::ok(&ConnectedSystem::new(detail))?, &location))
}

/// Retrieves a connected system.
///
/// With its current setting values and all object types with their attributes. A secret is never shown; `isSet` says
/// whether one is stored.
#[utoipa::path(
    get, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}",
    tag = "Connected systems", operation_id = "getConnectedSystem",
    responses((status = 200, description = "The connected system.", body = ConnectedSystem))
)]
pub async fn get(call: Call) -> Result<Response> {
    let (app, id) = (&call.app, call.id(0, WHAT)?);
    if let Some(detail) = ops::get_without_schema(&app.db, id).await? {
        return wire::ok(&ConnectedSystem::new(detail));
    }
    let permit = wire::permit(&app.large_answers).await?;
    let detail = ops::get(&app.db, id).await?;
    wire::stream(Some(permit), || ConnectedSystem::new(detail)).await
}

/// Updates a connected system.
///
/// All fields are optional; only include the fields you want to change. Setting values are a dictionary keyed by setting
/// ID; settings not named keep their value. Every update that carries `settingValues` resets `settingValuesValid` until
/// the connector validates the new configuration at the next import. Changing host, port, TLS or username makes a stored
/// password unusable until it is sent again.
#[utoipa::path(
    put, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}",
    tag = "Connected systems", operation_id = "updateConnectedSystem",
    request_body(content = UpdateConnectedSystemRequest),
    responses((status = 200, description = "The updated connected system.", body = ConnectedSystem))
)]
pub async fn update(mut call: Call) -> Result<Response> {
    let mut body = call.json(&["name", "description", "settingValues", "maxExportParallelism"]).await?;
    let fields = Fields {
        name: body.name(false),
        description: body.description(false),
        max_export_parallelism: parallelism(&mut body),
    };
    let settings = setting_values(&mut body);
    let update = Update { fields, settings, faults: body.faults };
    let (app, id) = (&call.app, call.id(0, WHAT)?);
    let mut detail = ops::update(app, id, update, call.caller()?).await?;
    let permit = wire::free_permit(&app.large_answers);
    detail.types = ops::types(&app.db, id).await?;
    wire::stream(permit, || ConnectedSystem::new(detail)).await
}

/// Imports the schema.
///
/// Connects to the external identity store, or reads the file, and discovers object types and attributes. What is new
/// comes unselected; what is gone is deleted unless it is selected or used; choices stay.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/import-schema",
    tag = "Imports", operation_id = "importSchema",
    responses(
        (status = 200, description = "The connected system with its object types.", body = ConnectedSystem),
        (status = 400, description = "Connector settings are invalid, or the store refused them."),
        (status = 409, description = "An import or preview is already running on the system."),
        (
            status = 500,
            description = "Connection to the external store failed; the message says at which stage and why."
        ),
    )
)]
pub async fn import_schema(call: Call) -> Result<Response> {
    let (app, id) = (&call.app, call.id(0, WHAT)?);
    import_schema::run(app, id, call.caller()?).await?;
    let permit = wire::free_permit(&app.large_answers);
    let detail = ops::get(&app.db, id).await?;
    wire::stream(permit, || ConnectedSystem::new(detail)).await
}

fn parallelism(body: &mut Body) -> Option<i64> {
    let n = body.integer("maxExportParallelism")?;
    if (1..=16).contains(&n) {
        return Some(n);
    }
    body.fault("maxExportParallelism", "Must be 1-16.");
    None
}

/// How many settings a request may hold: far more than any connector has.
const MAX_SETTINGS: usize = 1000;

/// Setting values as they were sent. Faults of form are carried along, so that all faults are told together.
pub(super) fn setting_values(body: &mut Body) -> Option<SettingInputs> {
    let members = match body.take("settingValues")? {
        Node::Object(members) => members,
        _ => {
            body.fault("settingValues", "Must be an object keyed by setting id.");
            return None;
        }
    };
    if members.len() > MAX_SETTINGS {
        body.fault("settingValues", format!("Must be at most {MAX_SETTINGS} settings."));
        return None;
    }
    let mut inputs = SettingInputs::new();
    for (key, node) in members {
        let (shown, input) = match wire::key(&key) {
            Some(id) => (id.to_string(), setting_input(node).map_err(|fault| format!("Setting {id}: {fault}"))),
            None => {
                (wire::shown_key(&key), Err("Keys of settingValues are setting ids, written as integers.".to_owned()))
            }
        };
        let twice = format!("Setting {shown} must be given only once.");
        inputs.entry(shown).and_modify(|i| *i = Err(twice)).or_insert(input);
    }
    Some(inputs)
}

fn setting_input(node: Node) -> Result<Input, String> {
    let members = match node {
        Node::Null => return Ok(Input::default()),
        Node::Object(members) => members,
        _ => return Err("must be an object with stringValue, intValue or checkboxValue.".to_owned()),
    };
    let mut input = Input::default();
    let mut seen = Vec::new();
    for (name, value) in members {
        let Some(known) =
            ["stringvalue", "intvalue", "checkboxvalue"].into_iter().find(|k| name.eq_ignore_ascii_case(k))
        else {
            continue;
        };
        if seen.contains(&known) {
            return Err(format!("{name} must be given only once."));
        }
        seen.push(known);
        match (known, value) {
            (_, Node::Null) => {}
            ("stringvalue", Node::Text(text)) => input.text = Some(text),
            ("stringvalue", _) => return Err("stringValue must be a string.".to_owned()),
            ("intvalue", value) => match wire::integer(&value) {
                Some(n) => input.integer = Some(n),
                None => return Err("intValue must be an integer.".to_owned()),
            },
            (_, Node::Bool(flag)) => input.flag = Some(flag),
            _ => return Err("checkboxValue must be true or false.".to_owned()),
        }
    }
    Ok(input)
}

impl ConnectedSystem {
    fn new(detail: Detail) -> Self {
        let Detail { system, settings, types } = detail;
        let connector = definitions::by_id(system.connector_id);
        ConnectedSystem {
            id: system.id,
            name: system.name,
            description: system.description,
            created: wire::date(system.created),
            last_updated: system.last_updated.map(wire::date),
            status: system.status,
            setting_values_valid: system.setting_values_valid,
            connector: ConnectorBody { id: system.connector_id, name: connector.map_or("", |d| d.name) },
            object_types: object_types(types),
            object_count: 0,
            pending_export_count: 0,
            max_export_parallelism: system.max_export_parallelism,
            setting_values: connector.map(|d| settings_of(d, settings)).unwrap_or_default(),
        }
    }
}

fn settings_of(connector: &Definition, mut settings: Settings) -> BTreeMap<i64, SettingBody> {
    let body = |setting: &crate::domain::setting::Setting| {
        let mut body = SettingBody {
            name: setting.name,
            r#type: setting.kind.name(),
            string_value: None,
            int_value: None,
            checkbox_value: None,
            is_set: setting.kind == Kind::CheckBox,
            needs_reentry: false,
        };
        match settings.0.remove(&setting.id) {
            None if setting.kind == Kind::CheckBox => body.checkbox_value = Some(false),
            None => {}
            Some(value) => {
                body.is_set = true;
                match value {
                    StoredValue::Open(Value::Text(t)) => body.string_value = Some(t),
                    StoredValue::Open(Value::Integer(n)) => body.int_value = Some(n),
                    StoredValue::Open(Value::Flag(f)) => body.checkbox_value = Some(f),
                    StoredValue::Sealed { needs_reentry, .. } => body.needs_reentry = needs_reentry,
                }
            }
        }
        (setting.id, body)
    };
    connector.settings.iter().map(body).collect()
}
