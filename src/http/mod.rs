//! The only room that knows warp, JSON shapes and status codes. A handler decodes, calls one function, encodes.
//!
//! Owns the list of routes, in the order of the contract's chapters. Method, path and description stand beside each
//! handler (`#[utoipa::path]`); the list says who may call it. Router, description, roles and the errors that all
//! routes share come from these lines, so a route cannot miss a check or its description.

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
    activities, api_keys, certificates, connected_systems, connector_definitions, containers, deletion, hierarchy,
    history, metrics, object_types, partitions, service_settings, system, test_connection,
};
use call::Access;
use openapi::{Description, guide, page};
use routes::Route;

/// All routes as one warp filter, boxed: unboxed ones took seven times as long to compile.
pub type Filter = warp::filters::BoxedFilter<(warp::reply::Response,)>;

/// Makes a function that lists the routes, and the OpenAPI document of them.
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

routes! { fn chapters, struct Chapters:
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
    Reader activities::stats,
    Reader activities::items,
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
routes! { fn docs, struct Docs:
    Anonymous openapi::document,
    Anonymous page::home,
    Anonymous page::swagger,
    Anonymous page::file,
    Anonymous page::reference,
    Anonymous guide::contents,
    Anonymous guide::topic,
}

static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    let mut operations = Chapters::openapi();
    operations.merge(Docs::openapi());
    Description::new(operations, &chapters().into_iter().chain(docs()).collect::<Vec<_>>())
});

/// The API of a server.
pub fn api(app: &App) -> Filter {
    let mut all = chapters();
    if app.docs {
        all.extend(docs());
    }
    routes::serve(app, all, |title| DESCRIPTION.pieces(title))
}

/// The only route of the port that monitoring has for itself, without a key.
pub fn metrics_alone(app: &App) -> Filter {
    let show = Route::described::<metrics::__path_show, _, _>(Access::Anonymous, metrics::show);
    routes::serve(app, vec![show], |title| DESCRIPTION.pieces(title))
}

/// Every route: method, path template, and who may call it (`Reader`).
pub fn all_routes() -> impl Iterator<Item = [&'static str; 3]> {
    static ALL: LazyLock<Vec<[String; 3]>> = LazyLock::new(|| {
        let all = chapters().into_iter().chain(docs());
        all.map(|route| [route.method.to_string(), route.template, format!("{:?}", route.access)]).collect()
    });
    ALL.iter().map(|row| row.each_ref().map(String::as_str))
}

/// The OpenAPI document under this title.
pub fn description(title: &str) -> String {
    DESCRIPTION.pieces(title).iter().map(|piece| String::from_utf8_lossy(piece)).collect()
}
