//! The description of the API (OpenAPI 3.1), from the code beside each handler.
//!
//! Owns the list of tags and how the document is served. What an operation takes and answers is said beside its
//! handler; what all of them have in common is added by `complete`, the errors by `errors`, the samples by `examples`.

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
        (name = "Object types", description = "Which types of objects and which attributes take part"),
        (name = "Partitions and containers", description = "Which parts of the hierarchy take part"),
        (name = "Connector definitions", description = "The connectors that are there, and their settings"),
        (name = "API keys", description = "Who may call, and what they may do"),
        (name = "System", description = "Health, version and who one is"),
        (name = "Activities", description = "What was done, by whom and how it ended"),
        (name = "Service settings", description = "What can be changed while the server runs"),
        (name = "Certificates", description = "What is trusted for LDAPS and StartTLS beside the system's certificates"),
        (name = "History", description = "Deleted objects, change records and how long they are kept"),
        (name = "Description", description = "This description and the page that shows it"),
    ),
)]
struct Head;

/// The document but for its title, which an administrator may change: what comes before it and after it.
pub(crate) struct Description([Bytes; 2]);

impl Description {
    /// Completes what utoipa made of the handlers with what the list of routes says of them.
    pub(super) fn new(operations: utoipa::openapi::OpenApi, routes: &[Route]) -> Self {
        let mut whole = Head::openapi();
        whole.merge(operations);
        let mut whole = complete::completed(whole, routes);
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

    /// The document in pieces, of which the large ones are shared by all answers that are being sent.
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
