//! `/metrics` for Prometheus: on the API's own port with a key, and without one on a port of its own.
//!
//! Everything else of the API takes a key in `X-Api-Key` only; scrapers can send it as a bearer token alone.

use warp::http::{HeaderValue, header};
use warp::reply::{Reply, Response};

use crate::error::Result;
use crate::http::call::Call;
use crate::ops::monitoring;

/// Tells figures for monitoring.
///
/// In Prometheus' text format. Here, and only here, the key may also come as `Authorization: Bearer`, which is what
/// scrapers send.
#[utoipa::path(
    get, path = "/metrics",
    tag = "System", operation_id = "metrics",
    responses((status = 200, description = "The figures.", body = String, content_type = "text/plain"))
)]
pub async fn show(call: Call) -> Result<Response> {
    let figures = monitoring::figures(&call.app).await;
    let mut response = call.app.metrics.text(&figures).into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
