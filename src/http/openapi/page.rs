//! Interactive API page (Swagger UI), embedded in the binary.
//!
//! It keeps the API key in the memory of the tab, never in browser storage, which every page of the origin can read. It
//! has no inline script or style, so that its Content-Security-Policy can forbid them.

use std::sync::Arc;

use bytes::Bytes;
use utoipa_swagger_ui::Config;
use warp::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use warp::http::{HeaderValue, Response as HttpResponse};
use warp::reply::Response;

use crate::error::{Error, Result};
use crate::http::call::Call;
use crate::http::wire::{error, printable};

/// `{root}` is the relative path to the root of the server.
const PAGE: &str = include_str!("page.html");
const START: &str = include_str!("page.js");
const HOME: &str = include_str!("home.html");
/// Files of the page.
const FILES: [&str; 6] = [
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
    "favicon-32x32.png",
    "favicon-16x16.png",
];
/// Images are also embedded in the style sheet, and scripts set styles.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'";

/// Shows the home page.
///
/// For browsers, which accept HTML; other clients get 404.
#[utoipa::path(
    get, path = "/",
    tag = "Description", operation_id = "home",
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        (status = 404, description = "The client does not accept HTML."),
    )
)]
pub(crate) async fn home(call: Call) -> Result<Response> {
    let accepted = call.headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !accepted.to_ascii_lowercase().contains("text/html") {
        return Ok(error::unknown_path());
    }
    static_response(Bytes::from_static(HOME.as_bytes()), "text/html; charset=utf-8")
}

/// Shows the interactive page.
#[utoipa::path(
    get, path = "/swagger",
    tag = "Description", operation_id = "explore",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(crate) async fn swagger(call: Call) -> Result<Response> {
    let depth = call.uri.path().matches('/').count().saturating_sub(1);
    static_response(Bytes::from(PAGE.replace("{root}", &"../".repeat(depth))), "text/html; charset=utf-8")
}

/// Shows the interactive page at a second path.
#[utoipa::path(
    get, path = "/api/reference",
    tag = "Description", operation_id = "reference",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(crate) async fn reference(call: Call) -> Result<Response> {
    swagger(call).await
}

/// Retrieves a file of the page.
#[utoipa::path(
    get, path = "/swagger/{file}",
    tag = "Description", operation_id = "exploreFile",
    responses((
        status = 200, description = "The file.",
        content((String = "text/css"), (String = "text/javascript"), (Vec<u8> = "image/png"))
    ))
)]
pub(crate) async fn file(call: Call) -> Result<Response> {
    let missing = || Error::not_found("file", printable(call.parameter(0)));
    let name = FILES.iter().find(|name| **name == call.parameter(0)).ok_or_else(missing)?;
    if *name == "swagger-initializer.js" {
        return static_response(Bytes::from_static(START.as_bytes()), "text/javascript; charset=utf-8");
    }
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default()));
    let file = file.map_err(|e| Error::internal("the page's file", e.to_string()))?.ok_or_else(missing)?;
    let bytes = match file.bytes {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "image/png",
    };
    static_response(bytes, kind)
}

pub(super) fn static_response(bytes: Bytes, kind: &'static str) -> Result<Response> {
    let mut response = HttpResponse::new(bytes).map(Into::into);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}
