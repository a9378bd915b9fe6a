//! Chapter 10: health, version, sign-in and who one is.

use serde::Serialize;
use serde_json::json;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::filters::Call;
use super::{api_keys, json};
use crate::error::Result;

#[derive(Serialize)]
struct Status {
    status: &'static str,
    timestamp: String,
}

fn status(status: &'static str) -> Result<Response> {
    json::ok(&Status { status, timestamp: json::now() })
}

pub async fn health(_: Call) -> Result<Response> {
    status("healthy")
}

pub async fn live(_: Call) -> Result<Response> {
    status("alive")
}

pub async fn ready(call: Call) -> Result<Response> {
    if call.app.db.is_writable().await {
        return status("ready");
    }
    unavailable("The storage does not accept changes.", json!({ "status": "not_ready", "reason": "error" }))
}

pub async fn version(_: Call) -> Result<Response> {
    let version = env!("CARGO_PKG_VERSION").split('+').next().unwrap_or_default();
    json::ok(&json!({ "product": "JIM", "version": version }))
}

pub async fn auth_config(_: Call) -> Result<Response> {
    unavailable("Sign-in is not configured; use an API key.", json!({ "error": "sso_not_configured" }))
}

/// A 503 whose envelope carries more fields.
fn unavailable(message: &str, more: serde_json::Value) -> Result<Response> {
    let mut body = json!({
        "code": "SERVICE_UNAVAILABLE",
        "message": message,
        "details": null,
        "validationErrors": null,
        "timestamp": json::now(),
    });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    let mut response = json::ok(&body)?;
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    Ok(response)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserInfo {
    authorised: bool,
    is_administrator: bool,
    name: String,
    auth_method: &'static str,
    metaverse_object_id: Option<i64>,
    roles: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

pub async fn userinfo(call: Call) -> Result<Response> {
    let key = &call.caller()?.key;
    let authorised = key.may_read();
    json::ok(&UserInfo {
        authorised,
        is_administrator: key.is_administrator(),
        name: key.name.clone(),
        auth_method: "api_key",
        metaverse_object_id: None,
        roles: api_keys::role_names(&key.roles),
        message: (!authorised).then_some("This API key has no role; an administrator can grant one."),
    })
}
