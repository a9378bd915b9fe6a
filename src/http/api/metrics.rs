//! `/metrics` for Prometheus: with a key on the port of the API, without one on a port of its own.

use warp::http::{HeaderValue, header};
use warp::reply::{Reply, Response};

use crate::error::Result;
use crate::http::call::Call;
use crate::ops::monitoring;

/// Retrieves metrics.
///
/// In the text format of Prometheus. Only here the key may also be sent as `Authorization: Bearer`, as scrapers do.
#[utoipa::path(
    get, path = "/metrics",
    tag = "System", operation_id = "metrics",
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain"))
)]
pub async fn show(call: Call) -> Result<Response> {
    let figures = monitoring::figures(&call.app).await;
    let mut response = call.app.metrics.text(&figures).into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
