//! Router: finds the route of a request, runs its handler, counts and logs the outcome.
//!
//! An unknown path is 404, an unsupported method of a known path 405.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, Bytes};
use futures_util::{Stream, TryStreamExt};
use percent_encoding::percent_decode_str;
use tokio::runtime::Handle;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{HttpMethod, RefOr};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

use super::call::{Access, BodyStream, Call, Describe, authorise};
use super::wire::head::RequestHead;
use super::wire::{Query, error, printable};
use crate::app::App;
use crate::error::{Error, FieldErrors, Result};
use crate::metrics::RouteMetrics;

/// Lists unknown members of the request body (contract, 17).
const UNKNOWN_MEMBERS: HeaderName = HeaderName::from_static("x-jim-ignored");

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An operation of the API with its handler.
pub(crate) struct Route {
    pub(super) method: Method,
    /// Path in which `{...}` is a parameter of one segment.
    pub(super) template: String,
    pub(super) access: Access,
    /// Names of the query parameters.
    query: Vec<String>,
    /// Statuses of its description and those of every route, for metrics.
    statuses: BTreeSet<String>,
    handler: Box<dyn Fn(Call) -> BoxFuture<Result<Response>> + Send + Sync>,
}

impl Route {
    /// The operation that `#[utoipa::path]` describes as `P`.
    pub(super) fn described<P, H, F>(access: Access, handler: H) -> Self
    where
        P: utoipa::Path,
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Response>> + Send + 'static,
    {
        let method = match P::methods().first() {
            Some(HttpMethod::Post) => Method::POST,
            Some(HttpMethod::Put) => Method::PUT,
            Some(HttpMethod::Patch) => Method::PATCH,
            Some(HttpMethod::Delete) => Method::DELETE,
            _ => Method::GET,
        };
        let operation = P::operation();
        let in_query = |parameter| match parameter {
            RefOr::T(Parameter { name, parameter_in: ParameterIn::Query, .. }) => Some(name),
            _ => None,
        };
        let query = operation.parameters.unwrap_or_default().into_iter().filter_map(in_query).collect();
        let mut statuses: BTreeSet<String> = operation.responses.responses.into_keys().collect();
        statuses.extend(["401", "403", "429", "500"].map(str::to_owned));
        let handler = Box::new(move |call| Box::pin(handler(call)) as BoxFuture<Result<Response>>);
        Route { method, template: P::path(), access, query, statuses, handler }
    }

    /// Rejects unknown query parameters of a change: a misspelt `preview` must not import.
    fn check_query(&self, query: &Query) -> Result<()> {
        if self.method == Method::GET {
            return Ok(());
        }
        let mut faults = FieldErrors::new();
        for name in query.names().filter(|name| !self.query.iter().any(|known| known.eq_ignore_ascii_case(name))) {
            let known = if self.query.is_empty() { "none".to_owned() } else { self.query.join(", ") };
            faults.insert(printable(&name), vec![format!("Is not a parameter of this operation; known: {known}.")]);
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
    }
}

/// Combines the routes into one warp filter.
pub(super) fn serve(app: &App, routes: Vec<Route>, describe: Describe) -> BoxedFilter<(Response,)> {
    let mut table = Table::default();
    for route in routes {
        let metrics =
            app.metrics.route(route.method.as_str(), &route.template, route.statuses.iter().map(String::as_str));
        let (method, template) = (route.method.clone(), route.template.clone());
        table.insert(&template, method, Arc::new(Endpoint { app: app.clone(), route, metrics, describe }));
    }
    let (app, table) = (app.clone(), Arc::new(table));
    warp::ext::get::<RequestHead>()
        .and(warp::body::stream())
        .then(move |head: RequestHead, body| match table.find(&head.method, head.uri.path()) {
            Found::Route(endpoint, parameters) => {
                let answer = Arc::clone(endpoint).answer(head, Box::pin(bytes_of(body)), parameters);
                Detached(Some(Box::pin(answer)))
            }
            missing => {
                let response = no_route(&missing);
                app.metrics.unmatched(response.status().as_u16());
                Detached(Some(Box::pin(std::future::ready(response))))
            }
        })
        .boxed()
}

fn bytes_of<S, B>(body: S) -> impl Stream<Item = Result<Bytes, warp::Error>>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    body.map_ok(|mut chunk| chunk.copy_to_bytes(chunk.remaining()))
}

struct Endpoint {
    app: App,
    route: Route,
    metrics: RouteMetrics,
    describe: Describe,
}

impl Endpoint {
    async fn answer(self: Arc<Self>, head: RequestHead, body: BodyStream, parameters: Vec<String>) -> Response {
        let mut timer = RequestTimer { metrics: &self.metrics, started: Instant::now(), status: None };
        let id = Arc::clone(&head.request_id);
        let unknown = Arc::new(OnceLock::new());
        let mut response = self.run(head, body, parameters, Arc::clone(&unknown)).await.unwrap_or_else(|e| {
            let (status, code) = error::status_and_code(&e);
            let route = self.route.template.as_str();
            if matches!(e, Error::External(_)) {
                // The run has logged it as an error of that system.
                tracing::info!(request.id = %id, route, code, "request failed in an outside system");
            } else if status.is_server_error() {
                tracing::error!(request.id = %id, route, code, error = e.chain(), "request failed");
            } else {
                tracing::debug!(request.id = %id, route, code, "request refused");
            }
            error::reply(&e, &id)
        });
        timer.status = Some(response.status().as_u16());
        if let Some(names) = unknown.get() {
            response.headers_mut().insert(UNKNOWN_MEMBERS, names.clone());
        }
        response
    }

    async fn run(
        &self,
        head: RequestHead,
        body: BodyStream,
        parameters: Vec<String>,
        unknown: Arc<OnceLock<HeaderValue>>,
    ) -> Result<Response> {
        let Route { template, access, handler, .. } = &self.route;
        let caller = authorise(&self.app, *access, template, &head).await?;
        let query = Query(head.uri.query().unwrap_or_default().to_owned());
        self.route.check_query(&query)?;
        let (app, describe) = (self.app.clone(), self.describe);
        let (headers, uri) = (head.headers, head.uri);
        handler(Call { app, describe, headers, uri, unknown, query, body, caller, parameters }).await
    }
}

/// Records the metrics of a request on drop, so that a panic counts as a 500.
struct RequestTimer<'a> {
    metrics: &'a RouteMetrics,
    started: Instant,
    status: Option<u16>,
}

impl Drop for RequestTimer<'_> {
    fn drop(&mut self) {
        let panicked = std::thread::panicking().then_some(500);
        if let Some(status) = self.status.or(panicked) {
            self.metrics.answered(status, self.started.elapsed());
        }
    }
}

/// A future that survives a disconnect of the client: it runs on the task of its connection, without a task switch, and
/// is spawned as a task of its own when dropped unfinished.
struct Detached(Option<BoxFuture<Response>>);

impl Future for Detached {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        // Taken out while polled, because it must not be polled again after a panic.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

fn no_route<T>(found: &Found<'_, T>) -> Response {
    let Found::OtherMethods(methods) = found else {
        return error::unknown_path();
    };
    let allow = methods.join(", ");
    let message = format!("This path allows {allow}.");
    let mut response = error::envelope(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", &message);
    if let Ok(value) = HeaderValue::from_str(&allow) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// A tree of path segments, in which literals have priority over parameters.
struct Table<T> {
    literals: Vec<(String, Table<T>)>,
    parameter: Option<Box<Table<T>>>,
    methods: Vec<(Method, T)>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { literals: Vec::new(), parameter: None, methods: Vec::new() }
    }
}

enum Found<'a, T> {
    /// The route with its decoded path parameters.
    Route(&'a T, Vec<String>),
    /// Methods of a path without the requested one; `HEAD` wherever `GET` is.
    OtherMethods(Vec<&'a str>),
    Nothing,
}

impl<T> Table<T> {
    fn insert(&mut self, template: &str, method: Method, route: T) {
        let mut node = self;
        for segment in template.split('/').skip(1).filter(|segment| !segment.is_empty()) {
            node = if segment.starts_with('{') {
                node.parameter.get_or_insert_default()
            } else {
                let known = node.literals.iter().position(|(literal, _)| literal == segment);
                let at = known.unwrap_or_else(|| {
                    node.literals.push((segment.to_owned(), Table::default()));
                    node.literals.len() - 1
                });
                &mut node.literals[at].1
            };
        }
        node.methods.push((method, route));
    }

    /// Segments ignore case and are decoded once; a trailing slash is ignored (contract, 1.1).
    fn find(&self, method: &Method, path: &str) -> Found<'_, T> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let decoded = path.split('/').skip(1).map(|segment| percent_decode_str(segment).decode_utf8().ok());
        let Some(segments) = decoded.collect::<Option<Vec<_>>>() else { return Found::Nothing };
        let mut parameters = Vec::new();
        let Some(node) = self.at(&segments, &mut parameters) else { return Found::Nothing };
        match node.methods.iter().find(|(known, _)| known == method) {
            Some((_, route)) => Found::Route(route, parameters.into_iter().map(Cow::into_owned).collect()),
            None => {
                let mut methods: Vec<_> = node.methods.iter().map(|(known, _)| known.as_str()).collect();
                if methods.contains(&"GET") {
                    methods.push("HEAD");
                }
                Found::OtherMethods(methods)
            }
        }
    }

    /// The node of a path, if it has routes; adds its path parameters.
    fn at<'p>(&self, segments: &[Cow<'p, str>], parameters: &mut Vec<Cow<'p, str>>) -> Option<&Self> {
        let Some((first, rest)) = segments.split_first() else { return (!self.methods.is_empty()).then_some(self) };
        let literal = self.literals.iter().find(|(literal, _)| literal.eq_ignore_ascii_case(first));
        if let Some(found) = literal.and_then(|(_, node)| node.at(rest, parameters)) {
            return Some(found);
        }
        // An empty segment is no parameter.
        let node = self.parameter.as_deref().filter(|_| !first.is_empty())?;
        parameters.push(first.clone());
        let found = node.at(rest, parameters);
        if found.is_none() {
            parameters.pop();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<&'static str> {
        let mut table = Table::default();
        for (method, template) in [
            (Method::GET, "/things"),
            (Method::POST, "/things"),
            (Method::GET, "/things/{id}"),
            (Method::PATCH, "/things/{id}"),
            (Method::GET, "/things/enabled"),
            (Method::GET, "/things/{id}/parts/{part}"),
            (Method::GET, "/things/by-name/{name}"),
            (Method::GET, "/Metrics"),
            (Method::GET, "/"),
        ] {
            table.insert(template, method, template);
        }
        table
    }

    fn find(method: Method, path: &str) -> String {
        match table().find(&method, path) {
            Found::Route(template, parameters) => format!("{template} {parameters:?}"),
            Found::OtherMethods(methods) => methods.join(", "),
            Found::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn a_path_has_one_route() {
        for (path, expected) in [
            ("/things", "/things []"),
            ("/THINGS/", "/things []"),
            ("/thing%73", "/things []"),
            ("/metrics", "/Metrics []"),
            ("/things/7", "/things/{id} [\"7\"]"),
            ("/things/enabled", "/things/enabled []"),
            ("/things/ENABLED/", "/things/enabled []"),
            // A literal without a route matches as a parameter.
            ("/things/by-name", "/things/{id} [\"by-name\"]"),
            ("/things/enabled/parts/2", "/things/{id}/parts/{part} [\"enabled\", \"2\"]"),
            ("/things/by-name/a%20b%252F", "/things/by-name/{name} [\"a b%2F\"]"),
            ("/things/by-name/a%2Fb", "/things/by-name/{name} [\"a/b\"]"),
            ("/", "/ []"),
            ("//", "nothing"),
            ("/other", "nothing"),
            ("/things/7/parts", "nothing"),
            ("/things//", "nothing"),
            ("/things/by-name/x//", "nothing"),
            ("/things/by-name//", "nothing"),
            ("/things//parts/2", "nothing"),
            ("/things/%FF", "nothing"),
        ] {
            assert_eq!(find(Method::GET, path), expected, "{path}");
        }
    }

    #[test]
    fn an_unsupported_method_names_the_supported_ones() {
        assert_eq!(find(Method::DELETE, "/things"), "GET, POST, HEAD");
        assert_eq!(find(Method::PATCH, "/things/7"), "/things/{id} [\"7\"]");
        assert_eq!(find(Method::PATCH, "/things/enabled"), "GET, HEAD");
        assert_eq!(find(Method::PATCH, "/nothing"), "nothing");
    }
}
