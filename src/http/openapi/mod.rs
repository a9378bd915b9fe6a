//! The description of the API (OpenAPI 3.1), from the code beside each handler.
//!
//! Owns the list of what is described and how it is served. What an operation takes and answers is said beside its
//! handler; what all of them have in common is added by `complete`, the errors by `errors`, the samples by `examples`.

mod complete;
pub(super) mod enums;
mod errors;
mod examples;
pub(super) mod inputs;
pub(super) mod later;

use std::convert::Infallible;
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::Value;
use utoipa::OpenApi;
use warp::reply::{Reply, Response};

use super::filters::Call;
use super::{
    activities, api_keys, certificates, connected_systems, connector_definitions, deletion, error, explorer, hierarchy,
    history, json, metrics, object_types, partitions, service_settings, system, test_connection,
};
use crate::error::Result;

/// Where the description is.
pub const PATH: &str = "/api/openapi/v1.json";

#[derive(OpenApi)]
#[openapi(
    info(description = include_str!("introduction.md")),
    servers((url = "/", description = "This server")),
    components(schemas(error::Envelope, inputs::SortDirection, inputs::DateInQuery)),
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
    paths(
        connected_systems::list, connected_systems::create, connected_systems::get, connected_systems::update,
        deletion::delete, deletion::preview, deletion::clear, hierarchy::import, connected_systems::import_schema,
        test_connection::test, object_types::list, object_types::update, object_types::update_attribute,
        object_types::bulk_update, partitions::list, partitions::update_partition, partitions::update_container,
        partitions::bulk_update, connector_definitions::list, connector_definitions::get,
        connector_definitions::by_name, api_keys::list, api_keys::create, api_keys::get, api_keys::update,
        api_keys::delete, api_keys::roles, system::health, system::live, system::ready, system::version,
        system::auth_config, system::userinfo, activities::list, activities::get, activities::children,
        activities::stats, activities::items, service_settings::list, service_settings::get,
        service_settings::update, service_settings::revert, certificates::list, certificates::enabled,
        certificates::get, certificates::upload, certificates::from_file, certificates::update,
        certificates::delete, certificates::validate, certificates::download, history::deleted_cso,
        history::deleted_mvo, history::count, history::cleanup, metrics::show, document, explorer::swagger, explorer::reference,
        explorer::file,
    )
)]
struct Api;

/// The description but for the title, which an administrator may change: what comes before it and after it.
static TEXT: LazyLock<[Bytes; 2]> = LazyLock::new(|| {
    let mut whole = complete::completed();
    let mut info = whole.as_object_mut().and_then(|members| members.shift_remove("info")).unwrap_or_default();
    if let Some(members) = info.as_object_mut() {
        members.shift_remove("title");
    }
    if let Some(members) = whole.as_object_mut() {
        members.shift_remove("openapi");
    }
    let inside = |value: Value| value.to_string().trim_start_matches('{').to_owned();
    let after = format!(",{},{}", inside(info), inside(whole));
    [Bytes::from_static(b"{\"openapi\":\"3.1.0\",\"info\":{\"title\":"), Bytes::from(after)]
});

/// Retrieves this description.
///
/// Its title is the service setting `Instance.Name`.
#[utoipa::path(
    get, path = "/api/openapi/v1.json",
    tag = "Description", operation_id = "describe",
    security(()),
    responses((status = 200, description = "The description in OpenAPI 3.1.", body = Object))
)]
pub async fn document(call: Call) -> Result<Response> {
    let title = Value::from(call.app.settings.now().instance_name.as_str()).to_string();
    let [before, after] = TEXT.clone();
    // The text is shared by all answers that are being sent.
    let pieces = [before, Bytes::from(title), after].map(Ok::<_, Infallible>);
    Ok(json::with_type(warp::reply::stream(futures_util::stream::iter(pieces)).into_response()))
}

/// The description under this title.
pub fn text(title: &str) -> String {
    let [before, after] = &*TEXT;
    let title = Value::from(title).to_string();
    [before, title.as_bytes(), after].iter().map(|piece| String::from_utf8_lossy(piece)).collect()
}
