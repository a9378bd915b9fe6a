//! Chapter 12: the settings of the service. All values are strings.

use serde::Serialize;
use warp::reply::Response;

use super::filters::Call;
use super::json::{self, Node};
use crate::domain::service_setting::{self, ALL, Definition, Kind, MAX_VALUE, ServiceSettings};
use crate::error::{Error, Result};
use crate::ops::service_settings::{self as ops, Change};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingBody<'a> {
    key: &'static str,
    display_name: &'static str,
    description: &'static str,
    category: &'static str,
    value_type: &'static str,
    default_value: &'static str,
    value: Option<&'a str>,
    effective_value: &'a str,
    is_read_only: bool,
    is_overridden: bool,
}

pub async fn list(call: Call) -> Result<Response> {
    let settings = call.app.settings.now();
    json::ok(&ALL.iter().map(|definition| body(definition, &settings)).collect::<Vec<_>>())
}

pub async fn get(call: Call) -> Result<Response> {
    json::ok(&body(named(&call)?, &call.app.settings.now()))
}

pub async fn update(mut call: Call) -> Result<Response> {
    let mut sent = call.json(&["value"]).await?;
    let value = match sent.take("value") {
        Some(Node::Text(text)) if text.chars().count() <= MAX_VALUE => Some(text).filter(|t| !t.is_empty()),
        Some(Node::Text(_)) => {
            sent.fault("value", format!("Must be at most {MAX_VALUE} characters."));
            None
        }
        Some(_) => {
            sent.fault("value", "Must be a string or null.");
            None
        }
        None => None,
    };
    sent.check()?;
    let definition = named(&call)?;
    let accepted = value.map(|text| definition.accept(&text)).transpose();
    let value = accepted.map_err(|why| Error::field("value", why))?;
    changed(&call, definition, Change::Update(value)).await
}

pub async fn revert(call: Call) -> Result<Response> {
    changed(&call, named(&call)?, Change::Revert).await
}

async fn changed(call: &Call, definition: &'static Definition, change: Change) -> Result<Response> {
    let settings = ops::change(&call.app, definition, change, call.caller()?).await?;
    json::ok(&body(definition, &settings))
}

fn named(call: &Call) -> Result<&'static Definition> {
    let key = call.parameter(0);
    service_setting::find(key).ok_or_else(|| Error::not_found("service setting", super::filters::shown(key)))
}

fn body<'a>(definition: &'static Definition, settings: &'a ServiceSettings) -> SettingBody<'a> {
    let value = settings.value(definition.key);
    SettingBody {
        key: definition.key,
        display_name: definition.display_name,
        description: definition.description,
        category: definition.category,
        value_type: match definition.kind {
            Kind::Text => "String",
            Kind::Flag => "Boolean",
            Kind::Integer => "Integer",
            Kind::Span => "TimeSpan",
        },
        default_value: definition.default,
        value,
        effective_value: value.unwrap_or(definition.default),
        is_read_only: false,
        is_overridden: value.is_some_and(|v| v != definition.default),
    }
}
