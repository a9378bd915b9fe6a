//! Chapter 10: health, version, sign-in configuration and caller.

use serde::Serialize;
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use crate::domain::role;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::error::Envelope;
use crate::http::wire::{self, choice};

choice! {
    pub(super) struct AuthMethod: ["api_key"];

    pub(super) struct UnreadyReason: ["maintenance_mode", "error"];
}

#[derive(Serialize, ToSchema)]
struct Health {
    status: &'static str,
    #[schema(format = DateTime)]
    timestamp: String,
}

#[derive(Serialize, ToSchema)]
struct NotReady<'a> {
    #[serde(flatten)]
    envelope: Envelope<'a>,
    /// Always `not_ready`
    status: &'static str,
    reason: UnreadyReason,
}

#[derive(Serialize, ToSchema)]
struct NoSignIn<'a> {
    #[serde(flatten)]
    envelope: Envelope<'a>,
    /// Always `sso_not_configured`
    error: &'static str,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "the contract reserves it for a later version")]
struct SignIn {
    authority: String,
    client_id: String,
    scopes: Vec<String>,
    /// `code`
    response_type: String,
    use_pkce: bool,
    /// `S256`
    code_challenge_method: String,
}

#[derive(Serialize, ToSchema)]
struct Version {
    product: &'static str,
    /// Without build metadata
    version: &'static str,
}

fn status(status: &'static str) -> Result<Response> {
    wire::ok(&Health { status, timestamp: wire::now() })
}

/// Checks that the server answers.
#[utoipa::path(
    get, path = "/api/v1/health",
    tag = "System", operation_id = "health",
    responses((status = 200, description = "The server answers.", body = Health))
)]
pub async fn health(_: Call) -> Result<Response> {
    status("healthy")
}

/// Checks that the process is alive.
#[utoipa::path(
    get, path = "/api/v1/health/live",
    tag = "System", operation_id = "live",
    responses((status = 200, description = "The process is alive.", body = Health))
)]
pub async fn live(_: Call) -> Result<Response> {
    status("alive")
}

/// Checks whether the server is ready.
///
/// Ready means that the storage is open and accepts changes.
#[utoipa::path(
    get, path = "/api/v1/health/ready",
    tag = "System", operation_id = "ready",
    responses(
        (status = 200, description = "The server is ready.", body = Health),
        (status = 503, description = "The server is not ready.", body = NotReady),
    )
)]
pub async fn ready(call: Call) -> Result<Response> {
    if call.app.db.is_writable().await {
        return status("ready");
    }
    let envelope = Envelope::unavailable("The storage does not accept changes.");
    unavailable(&NotReady { envelope, status: "not_ready", reason: "error".into() })
}

/// Retrieves product and version.
#[utoipa::path(
    get, path = "/api/v1/health/version",
    tag = "System", operation_id = "version",
    responses((status = 200, description = "Product and version.", body = Version))
)]
pub async fn version(_: Call) -> Result<Response> {
    let version = env!("CARGO_PKG_VERSION").split('+').next().unwrap_or_default();
    wire::ok(&Version { product: "JIM", version })
}

/// Retrieves the sign-in configuration.
///
/// Sign-in is not configured in this version, so the answer is always 503; use an API key.
#[utoipa::path(
    get, path = "/api/v1/auth/config",
    tag = "System", operation_id = "authConfig",
    responses(
        (status = 200, description = "Reserved for later versions.", body = SignIn),
        (status = 503, description = "Sign-in is not configured; use an API key.", body = NoSignIn),
    )
)]
pub async fn auth_config(_: Call) -> Result<Response> {
    let envelope = Envelope::unavailable("Sign-in is not configured; use an API key.");
    unavailable(&NoSignIn { envelope, error: "sso_not_configured" })
}

/// A 503 with additional fields in its envelope.
fn unavailable(body: &impl Serialize) -> Result<Response> {
    let mut response = wire::ok(body)?;
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    Ok(response)
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserInfo {
    /// Whether the key has a role
    authorised: bool,
    is_administrator: bool,
    /// Name of the API key
    name: String,
    auth_method: AuthMethod,
    #[schema(value_type = Option<Uuid>)]
    metaverse_object_id: Option<i64>,
    roles: Vec<&'static str>,
    /// Only if not authorised
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// Retrieves the caller.
///
/// For any valid key, even without a role.
#[utoipa::path(
    get, path = "/api/v1/userinfo",
    tag = "System", operation_id = "userInfo",
    responses((status = 200, description = "The key and its roles.", body = UserInfo))
)]
pub async fn userinfo(call: Call) -> Result<Response> {
    let key = &call.caller()?.key;
    let authorised = key.may_read();
    wire::ok(&UserInfo {
        authorised,
        is_administrator: key.is_administrator(),
        name: key.name.clone(),
        auth_method: "api_key".into(),
        metaverse_object_id: None,
        roles: role::names(&key.roles),
        message: (!authorised).then_some("This API key has no role; an administrator can grant one."),
    })
}
