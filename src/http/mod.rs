//! The only room that knows warp, JSON shapes and status codes. A handler decodes, calls one function, encodes.
//!
//! [`api`] is the whole route table, one line per route, in the order of the API's chapters. Path, method, key and
//! role are checked by the one function that makes routes, so that no route can miss a check.

mod activities;
mod api_keys;
mod certificates;
mod connected_systems;
mod connector_definitions;
mod deletion;
pub mod error;
mod explorer;
mod filters;
mod hierarchy;
mod history;
pub mod json;
mod metrics;
mod object_types;
pub mod openapi;
mod paging;
mod partitions;
pub mod serve;
mod service_settings;
mod system;
mod test_connection;
mod tree;
mod type_list;

use warp::http::Method;

use crate::app::App;
use filters::{Access, Routes};

pub use metrics::alone as metrics_alone;

/// One route: every route function returns this type, which keeps compile times flat (30 routes unboxed took
/// seven times as long to compile).
pub type Route = warp::filters::BoxedFilter<(warp::reply::Response,)>;

use Access::{Administrator, Anonymous, AnyKey, Reader, Scraper};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Every route of the server.
#[rustfmt::skip]
pub fn api(app: &App) -> Route {
    let mut r = Routes::new(app);
    r.add(GET,    "/api/v1/synchronisation/connected-systems", Reader, connected_systems::list);
    r.add(POST,   "/api/v1/synchronisation/connected-systems", Administrator, connected_systems::create);
    r.add(GET,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}", Reader, connected_systems::get);
    r.add(PUT,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}", Administrator, connected_systems::update);
    r.add(DELETE, "/api/v1/synchronisation/connected-systems/{connectedSystemId}", Administrator, deletion::delete);
    r.add(GET,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}/deletion-preview", Reader, deletion::preview);
    r.add(POST,   "/api/v1/synchronisation/connected-systems/{connectedSystemId}/clear", Administrator, deletion::clear);
    r.add(POST,   "/api/v1/synchronisation/connected-systems/{connectedSystemId}/import-hierarchy", Administrator, hierarchy::import);
    r.add(POST,   "/api/v1/synchronisation/connected-systems/{connectedSystemId}/import-schema", Administrator, connected_systems::import_schema);
    r.add(POST,   "/api/v1/synchronisation/connected-systems/{connectedSystemId}/test-connection", Administrator, test_connection::test);
    r.add(GET,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types", Reader, object_types::list);
    r.add(PUT,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}", Administrator, object_types::update);
    r.add(PUT,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}/attributes/{attributeId}", Administrator, object_types::update_attribute);
    r.add(POST,   "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}/attributes/bulk-update", Administrator, object_types::bulk_update);
    r.add(PUT,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}/object-types/{objectTypeId}/attributes", Administrator, object_types::bulk_update);
    r.add(GET,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}/partitions", Reader, partitions::list);
    r.add(PUT,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}/partitions/{partitionId}", Administrator, partitions::update_partition);
    r.add(PUT,    "/api/v1/synchronisation/connected-systems/{connectedSystemId}/containers/{containerId}", Administrator, partitions::update_container);
    r.add(POST,   "/api/v1/synchronisation/connected-systems/{connectedSystemId}/containers/bulk-update", Administrator, partitions::bulk_update);
    r.add(GET,    "/api/v1/synchronisation/connector-definitions", Reader, connector_definitions::list);
    r.add(GET,    "/api/v1/synchronisation/connector-definitions/{connectorDefinitionId}", Reader, connector_definitions::get);
    r.add(GET,    "/api/v1/synchronisation/connector-definitions/by-name/{name}", Reader, connector_definitions::by_name);
    r.add(GET,    "/api/v1/apikeys", Reader, api_keys::list);
    r.add(POST,   "/api/v1/apikeys", Administrator, api_keys::create);
    r.add(GET,    "/api/v1/apikeys/{apiKeyId}", Reader, api_keys::get);
    r.add(PUT,    "/api/v1/apikeys/{apiKeyId}", Administrator, api_keys::update);
    r.add(DELETE, "/api/v1/apikeys/{apiKeyId}", Administrator, api_keys::delete);
    r.add(GET,    "/api/v1/security/roles", Reader, api_keys::roles);
    r.add(GET,    "/api/v1/health", Anonymous, system::health);
    r.add(GET,    "/api/v1/health/live", Anonymous, system::live);
    r.add(GET,    "/api/v1/health/ready", Anonymous, system::ready);
    r.add(GET,    "/api/v1/health/version", Anonymous, system::version);
    r.add(GET,    "/api/v1/auth/config", Anonymous, system::auth_config);
    r.add(GET,    "/api/v1/userinfo", AnyKey, system::userinfo);
    r.add(GET,    "/api/v1/activities", Reader, activities::list);
    r.add(GET,    "/api/v1/activities/{activityId}", Reader, activities::get);
    r.add(GET,    "/api/v1/activities/{activityId}/children", Reader, activities::children);
    r.add(GET,    "/api/v1/activities/{activityId}/stats", Reader, activities::stats);
    r.add(GET,    "/api/v1/activities/{activityId}/items", Reader, activities::items);
    r.add(GET,    "/api/v1/service-settings", Reader, service_settings::list);
    r.add(GET,    "/api/v1/service-settings/{key}", Reader, service_settings::get);
    r.add(PUT,    "/api/v1/service-settings/{key}", Administrator, service_settings::update);
    r.add(DELETE, "/api/v1/service-settings/{key}", Administrator, service_settings::revert);
    r.add(GET,    "/api/v1/certificates", Reader, certificates::list);
    r.add(GET,    "/api/v1/certificates/enabled", Reader, certificates::enabled);
    r.add(GET,    "/api/v1/certificates/{certificateId}", Reader, certificates::get);
    r.add(POST,   "/api/v1/certificates/upload", Administrator, certificates::upload);
    r.add(POST,   "/api/v1/certificates/file", Administrator, certificates::from_file);
    r.add(PATCH,  "/api/v1/certificates/{certificateId}", Administrator, certificates::update);
    r.add(DELETE, "/api/v1/certificates/{certificateId}", Administrator, certificates::delete);
    r.add(GET,    "/api/v1/certificates/{certificateId}/validate", Reader, certificates::validate);
    r.add(GET,    "/api/v1/certificates/{certificateId}/download", Reader, certificates::download);
    r.add(GET,    "/api/v1/history/deleted-objects/cso", Reader, history::deleted_cso);
    r.add(GET,    "/api/v1/history/deleted-objects/mvo", Reader, history::deleted_mvo);
    r.add(GET,    "/api/v1/history/connected-systems/{connectedSystemId}/count", Reader, history::count);
    r.add(POST,   "/api/v1/history/cleanup", Administrator, history::cleanup);
    r.add(GET,    "/metrics", Scraper, metrics::show);
    if app.docs {
        r.add(GET, "/api/openapi/v1.json", Anonymous, openapi::document);
        r.add(GET, "/swagger", Anonymous, explorer::swagger);
        r.add(GET, "/swagger/{file}", Anonymous, explorer::file);
        r.add(GET, "/api/reference", Anonymous, explorer::reference);
    }
    r.finish()
}
