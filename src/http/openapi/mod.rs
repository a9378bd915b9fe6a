//! OpenAPI 3.1 document, generated from the attributes of the handlers.
//!
//! Holds the tags and serves the document. `complete` adds what all operations share, with `errors` and `examples`.

mod complete;
mod errors;
mod examples;
pub(super) mod guide;
pub(super) mod page;

use std::convert::Infallible;

use bytes::Bytes;
use serde_json::Value;
use utoipa::OpenApi;
use warp::reply::{Reply, Response};

use super::call::Call;
use super::routes::Route;
use super::wire::paging::SortDirection;
use super::wire::{self, DateInQuery, error};
use crate::error::Result;

#[derive(OpenApi)]
#[openapi(
    info(description = include_str!("introduction.md")),
    // Relative to the document, so that it also holds below a path of a proxy.
    servers((url = "../..", description = "This server")),
    components(schemas(error::Envelope, SortDirection, DateInQuery)),
    tags(
        (name = "Connected systems", description = "The directories and files that identities come from and go to"),
        (name = "Imports", description = "Trying a connection, and discovering hierarchy and schema"),
        (name = "Object types", description = "Selection of object types and attributes"),
        (name = "Partitions and containers", description = "Selection of partitions and containers"),
        (name = "Run profiles", description = "Runs of a connected system that can be executed"),
        (name = "Connector space", description = "Objects of connected systems as they were last read"),
        (name = "Connector definitions", description = "The built-in connectors and their settings"),
        (name = "API keys", description = "API keys and their roles"),
        (name = "System", description = "Health, version and the caller"),
        (name = "Activities", description = "Record of changes and runs: initiator and outcome"),
        (name = "Service settings", description = "Settings that can be changed while the server runs"),
        (name = "Certificates", description = "Certificates trusted for LDAPS and StartTLS, beside those of the system"),
        (name = "History", description = "Deleted objects, change records and their retention"),
        (name = "Description", description = "This description, its interactive page and the guide"),
    ),
)]
struct BaseDocument;

/// The document before and after its title, which an administrator may change.
pub(crate) struct Description([Bytes; 2]);

impl Description {
    /// Completes the document of utoipa from the list of routes.
    pub(super) fn new(operations: utoipa::openapi::OpenApi, routes: &[Route]) -> Self {
        let mut whole = BaseDocument::openapi();
        whole.merge(operations);
        let mut whole = complete::complete(whole, routes);
        let mut info = whole.as_object_mut().and_then(|members| members.shift_remove("info")).unwrap_or_default();
        if let Some(members) = info.as_object_mut() {
            members.shift_remove("title");
            members.shift_remove("license");
        }
        if let Some(members) = whole.as_object_mut() {
            members.shift_remove("openapi");
        }
        let inside = |value: Value| value.to_string().trim_start_matches('{').to_owned();
        let after = format!(",{},{}", inside(info), inside(whole));
        Description([Bytes::from_static(b"{\"openapi\":\"3.1.0\",\"info\":{\"title\":"), Bytes::from(after)])
    }

    /// The document in pieces, of which all answers share the large ones.
    pub(super) fn pieces(&self, title: &str) -> [Bytes; 3] {
        let [before, after] = self.0.clone();
        [before, Bytes::from(Value::from(title).to_string()), after]
    }
}

/// Retrieves this description.
///
/// Its title is the service setting `Instance.Name`.
#[utoipa::path(
    get, path = "/api/openapi/v1.json",
    tag = "Description", operation_id = "describe",
    responses((status = 200, description = "The description in OpenAPI 3.1.", body = Object))
)]
pub(crate) async fn document(call: Call) -> Result<Response> {
    let title = call.app.settings.now().instance_name.clone();
    let pieces = (call.describe)(&title).map(Ok::<_, Infallible>);
    Ok(wire::with_type(warp::reply::stream(futures_util::stream::iter(pieces)).into_response()))
}
