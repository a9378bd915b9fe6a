//! `/metrics` for Prometheus: on the API's own port with a key, and without one on a port of its own.
//!
//! Everything else of the API takes a key in `X-Api-Key` only; scrapers can send it as a bearer token alone.

use warp::http::{HeaderValue, header};
use warp::reply::{Reply, Response};

use super::filters::{Access, Call, Routes};
use super::{GET, Route};
use crate::app::App;
use crate::error::Result;
use crate::ops::monitoring;

/// The only route of the port that monitoring has for itself, without a key.
pub fn alone(app: &App) -> Route {
    let mut only = Routes::new(app);
    only.add(GET, "/metrics", Access::Anonymous, show);
    only.finish()
}

pub async fn show(call: Call) -> Result<Response> {
    let figures = monitoring::figures(&call.app).await;
    let mut response = call.app.metrics.text(&figures).into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
