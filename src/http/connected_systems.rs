//! Chapter 3: connected systems. A secret's value is in no answer; whether one is stored is.

use std::collections::BTreeMap;

use serde::Serialize;
use warp::reply::Response;

use super::filters::Call;
use super::json::{self, Body, Node};
use super::paging::{self, Kind as Column, Paging};
use super::type_list;
use crate::connectors::definitions::{self, Definition};
use crate::domain::connected_system::{Fields, Settings, StoredValue};
use crate::domain::setting::{Input, Kind, Value};
use crate::error::{Error, Result};
use crate::ops::connected_systems::{self as ops, Detail, SettingInputs, Update};
use crate::ops::import_schema;

pub const WHAT: &str = "connected system";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetailHead {
    id: i64,
    name: String,
    description: Option<String>,
    created: String,
    last_updated: Option<String>,
    status: String,
    setting_values_valid: bool,
    connector: ConnectorBody,
}

/// What comes after the object types of a detail.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetailTail {
    object_count: usize,
    pending_export_count: usize,
    max_export_parallelism: Option<i64>,
    setting_values: BTreeMap<i64, SettingBody>,
}

#[derive(Serialize)]
struct ConnectorBody {
    id: i64,
    name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingBody {
    name: &'static str,
    r#type: &'static str,
    string_value: Option<String>,
    int_value: Option<i64>,
    checkbox_value: Option<bool>,
    is_set: bool,
    needs_reentry: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListItem {
    id: i64,
    name: String,
    description: Option<String>,
    created: String,
    status: String,
    object_count: usize,
    pending_export_objects_count: usize,
    connectors_count: i64,
    connector_name: &'static str,
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

pub async fn list(call: Call) -> Result<Response> {
    let paging = Paging::read(&call)?;
    let systems = ops::list(&call.app.db).await?;
    let items = systems.into_iter().map(|ops::Listed { system: s, selected_types }| ListItem {
        id: s.id,
        name: s.name,
        description: s.description,
        created: json::date(s.created),
        status: s.status,
        // Objects and exports come with later chapters; until then there are none.
        object_count: 0,
        pending_export_objects_count: 0,
        connectors_count: selected_types,
        connector_name: definitions::by_id(s.connector_id).map_or("", |d| d.name),
        connector_id: s.connector_id,
    });
    json::ok(&paging::page(items, COLUMNS, "name", &paging)?)
}

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
    json::created(answer(detail)?, &location)
}

pub async fn get(call: Call) -> Result<Response> {
    answer(ops::get(&call.app, call.id(0, WHAT)?).await?)
}

pub async fn update(mut call: Call) -> Result<Response> {
    let mut body = call.json(&["name", "description", "settingValues", "maxExportParallelism"]).await?;
    let fields = Fields {
        name: body.name(false),
        description: body.description(false),
        max_export_parallelism: parallelism(&mut body),
    };
    let settings = setting_values(&mut body);
    let update = Update { fields, settings, faults: body.faults };
    answer(ops::update(&call.app, call.id(0, WHAT)?, update, call.caller()?).await?)
}

pub async fn import_schema(call: Call) -> Result<Response> {
    answer(import_schema::run(&call.app, call.id(0, WHAT)?, call.caller()?).await?)
}

fn parallelism(body: &mut Body) -> Option<i64> {
    let n = body.integer("maxExportParallelism")?;
    if (1..=16).contains(&n) {
        return Some(n);
    }
    body.fault("maxExportParallelism", "Must be 1-16.");
    None
}

/// Setting values as they were sent. Faults of form are carried along, so that all faults are told together.
pub(super) fn setting_values(body: &mut Body) -> Option<SettingInputs> {
    let members = match body.take("settingValues")? {
        Node::Object(members) => members,
        _ => {
            body.fault("settingValues", "Must be an object keyed by setting id.");
            return None;
        }
    };
    let mut inputs = SettingInputs::new();
    for (key, node) in members {
        let (shown, input) = match json::key(&key) {
            Some(id) => (id.to_string(), setting_input(node).map_err(|fault| format!("Setting {id}: {fault}"))),
            None => {
                let shown = key.chars().filter(|c| !c.is_control()).take(32).collect();
                (shown, Err("Keys of settingValues are setting ids, written as integers.".to_owned()))
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
            ("intvalue", value) => match json::integer(&value) {
                Some(n) => input.integer = Some(n),
                None => return Err("intValue must be an integer.".to_owned()),
            },
            (_, Node::Bool(flag)) => input.flag = Some(flag),
            _ => return Err("checkboxValue must be true or false.".to_owned()),
        }
    }
    Ok(input)
}

/// A system with all its object types, which are written while they are sent.
fn answer(detail: Detail) -> Result<Response> {
    let Detail { system, settings, types, large } = detail;
    let connector = definitions::by_id(system.connector_id);
    let head = DetailHead {
        id: system.id,
        name: system.name,
        description: system.description,
        created: json::date(system.created),
        last_updated: system.last_updated.map(json::date),
        status: system.status,
        setting_values_valid: system.setting_values_valid,
        connector: ConnectorBody { id: system.connector_id, name: connector.map_or("", |d| d.name) },
    };
    let tail = DetailTail {
        object_count: 0,
        pending_export_count: 0,
        max_export_parallelism: system.max_export_parallelism,
        setting_values: connector.map(|d| settings_of(d, settings)).unwrap_or_default(),
    };
    let bytes =
        |body: Result<Vec<u8>, serde_json::Error>| body.map_err(|e| Error::internal("a response cannot be written", e));
    let mut before = bytes(serde_json::to_vec(&head))?;
    before.pop();
    before.extend_from_slice(b",\"objectTypes\":[");
    let mut after = bytes(serde_json::to_vec(&tail))?;
    after.splice(..1, *b"],");
    Ok(type_list::stream(types, before, after, large))
}

fn settings_of(connector: &Definition, mut settings: Settings) -> BTreeMap<i64, SettingBody> {
    let body = |setting: &crate::domain::setting::Setting| {
        let mut body = SettingBody {
            name: setting.name,
            r#type: super::connector_definitions::type_name(setting.kind),
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
