//! HTTP API: list of routes, handlers, OpenAPI document and listener.
//!
//! The list below sets the access level of each route; method, path and description stand at the handler
//! (`#[utoipa::path]`). Router and document are built from it, so a route cannot miss a check or its description.

mod api;
mod call;
mod openapi;
mod routes;
pub mod server;
pub mod wire;

use std::sync::LazyLock;

use utoipa::OpenApi;

use crate::app::App;
use api::{
    activities, activity_items, api_keys, certificates, connected_systems, connector_definitions, connector_space,
    containers, deletion, hierarchy, history, metrics, object_types, partitions, run_profiles, runs, service_settings,
    system, test_connection,
};
use call::Access;
use openapi::{Description, guide, page};
use routes::Route;

/// All routes as one warp filter, boxed because unboxed filters took seven times as long to compile.
pub type Filter = warp::filters::BoxedFilter<(warp::reply::Response,)>;

/// Declares a list of routes and their OpenAPI document.
macro_rules! routes {
    (fn $list:ident, struct $document:ident: $($access:ident $module:ident::$handler:ident,)*) => {
        #[derive(OpenApi)]
        #[openapi(paths($($module::$handler),*))]
        struct $document;

        fn $list() -> Vec<Route> {
            pastey::paste! {
                vec![$(Route::described::<$module::[<__path_ $handler>], _, _>(Access::$access, $module::$handler)),*]
            }
        }
    };
}

routes! { fn api_routes, struct ApiRoutes:
    Reader connected_systems::list,
    Administrator connected_systems::create,
    Reader connected_systems::get,
    Administrator connected_systems::update,
    Administrator deletion::delete,
    Reader deletion::preview,
    Administrator deletion::clear,
    Administrator hierarchy::import,
    Administrator connected_systems::import_schema,
    Administrator test_connection::test,
    Reader object_types::list,
    Administrator object_types::update,
    Administrator object_types::update_attribute,
    Administrator object_types::bulk_update,
    Administrator object_types::bulk_update_by_put,
    Reader partitions::list,
    Administrator partitions::update_partition,
    Reader containers::list,
    Administrator containers::update_container,
    Administrator containers::bulk_update,
    Reader run_profiles::list,
    Administrator run_profiles::create,
    Reader run_profiles::get,
    Administrator run_profiles::update,
    Administrator run_profiles::delete,
    Administrator runs::execute,
    Reader connector_space::list,
    Reader connector_space::unresolved,
    Reader connector_space::get,
    Reader connector_space::values,
    Reader runs::held_removals,
    Reader connector_definitions::list,
    Reader connector_definitions::get,
    Reader connector_definitions::by_name,
    Reader api_keys::list,
    Administrator api_keys::create,
    Reader api_keys::get,
    Administrator api_keys::update,
    Administrator api_keys::delete,
    Reader api_keys::roles,
    Anonymous system::health,
    Anonymous system::live,
    Anonymous system::ready,
    Anonymous system::version,
    Anonymous system::auth_config,
    AnyKey system::userinfo,
    Reader activities::list,
    Reader activities::get,
    Reader activities::children,
    Reader activity_items::stats,
    Reader activity_items::list,
    Reader activity_items::get,
    Administrator runs::cancel,
    Administrator runs::approve,
    Reader service_settings::list,
    Reader service_settings::get,
    Administrator service_settings::update,
    Administrator service_settings::revert,
    Reader certificates::list,
    Reader certificates::enabled,
    Reader certificates::get,
    Administrator certificates::upload,
    Administrator certificates::from_file,
    Administrator certificates::update,
    Administrator certificates::delete,
    Reader certificates::validate,
    Reader certificates::download,
    Reader history::deleted_cso,
    Reader history::deleted_mvo,
    Reader history::count,
    Administrator history::cleanup,
    Scraper metrics::show,
}

// Only with `[docs] enabled`.
routes! { fn docs_routes, struct DocsRoutes:
    Anonymous openapi::document,
    Anonymous page::home,
    Anonymous page::swagger,
    Anonymous page::file,
    Anonymous page::reference,
    Anonymous guide::contents,
    Anonymous guide::topic,
}

static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    let mut operations = ApiRoutes::openapi();
    operations.merge(DocsRoutes::openapi());
    Description::new(operations, &api_routes().into_iter().chain(docs_routes()).collect::<Vec<_>>())
});

pub fn api(app: &App) -> Filter {
    let mut all = api_routes();
    if app.docs {
        all.extend(docs_routes());
    }
    routes::serve(app, all, |title| DESCRIPTION.pieces(title))
}

/// `/metrics` without a key, for its own port.
pub fn metrics_only(app: &App) -> Filter {
    let show = Route::described::<metrics::__path_show, _, _>(Access::Anonymous, metrics::show);
    routes::serve(app, vec![show], |title| DESCRIPTION.pieces(title))
}

/// Method, path template and access level of every route, for tests.
pub fn all_routes() -> impl Iterator<Item = [&'static str; 3]> {
    static ALL: LazyLock<Vec<[String; 3]>> = LazyLock::new(|| {
        let all = api_routes().into_iter().chain(docs_routes());
        all.map(|route| [route.method.to_string(), route.template, format!("{:?}", route.access)]).collect()
    });
    ALL.iter().map(|row| row.each_ref().map(String::as_str))
}

/// The OpenAPI document with a title.
pub fn description(title: &str) -> String {
    DESCRIPTION.pieces(title).iter().map(|piece| String::from_utf8_lossy(piece)).collect()
}
