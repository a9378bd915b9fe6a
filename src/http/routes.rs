//! From a request to its handler: the table of routes, one look-up per request, and the run of the handler.
//!
//! [`Table::find`] is pure. A path that fits no route is 404, a verb that the path does not know is 405.

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
use super::wire::{Query, error, shown};
use crate::app::App;
use crate::error::{Error, Faults, Result};
use crate::metrics::RouteMetrics;

/// Names members of a body that no field takes (contract, 17).
const IGNORED: HeaderName = HeaderName::from_static("x-jim-ignored");

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An operation of the API: where it is, who may call it, and its handler.
pub(crate) struct Route {
    pub(super) method: Method,
    /// `{...}` stands for one segment, which becomes a parameter.
    pub(super) template: String,
    pub(super) access: Access,
    /// Names of the parameters of the query.
    query: Vec<String>,
    /// Statuses of its answers: those of its description, and those of every route.
    statuses: BTreeSet<String>,
    handler: Box<dyn Fn(Call) -> Work<Result<Response>> + Send + Sync>,
}

impl Route {
    /// The operation that `#[utoipa::path]` describes as `P`; it has one method.
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
        let handler = Box::new(move |call| Box::pin(handler(call)) as Work<Result<Response>>);
        Route { method, template: P::path(), access, query, statuses, handler }
    }

    /// Refuses names in the query of a change that the operation does not know: a misspelt `preview` must not import.
    fn check_query(&self, query: &Query) -> Result<()> {
        if self.method == Method::GET {
            return Ok(());
        }
        let mut faults = Faults::new();
        for name in query.names().filter(|name| !self.query.iter().any(|known| known.eq_ignore_ascii_case(name))) {
            faults.insert(shown(&name), vec!["Is no parameter of this operation.".to_owned()]);
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
    }
}

/// Serves the routes as one warp filter; what none of them takes is answered with 404 or 405.
pub(super) fn serve(app: &App, routes: Vec<Route>, describe: Describe) -> BoxedFilter<(Response,)> {
    let mut table = Table::default();
    for route in routes {
        let metrics =
            app.metrics.route(route.method.as_str(), &route.template, route.statuses.iter().map(String::as_str));
        let (method, template) = (route.method.clone(), route.template.clone());
        table.insert(&template, method, Arc::new(Served { app: app.clone(), route, metrics, describe }));
    }
    let (app, table) = (app.clone(), Arc::new(table));
    warp::ext::get::<RequestHead>()
        .and(warp::body::stream())
        .then(move |head: RequestHead, body| match table.find(&head.method, head.uri.path()) {
            Found::Route(served, parameters) => {
                let request = Request { head, body: Box::pin(bytes_of(body)), parameters };
                Unaborted(Some(Box::pin(Arc::clone(served).answer(request))))
            }
            missing => {
                let response = no_route(&missing);
                app.metrics.unmatched(response.status().as_u16());
                Unaborted(Some(Box::pin(std::future::ready(response))))
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

/// A route of a running server.
struct Served {
    app: App,
    route: Route,
    metrics: RouteMetrics,
    describe: Describe,
}

/// A request that has found its route.
struct Request {
    head: RequestHead,
    body: BodyStream,
    parameters: Vec<String>,
}

impl Served {
    async fn answer(self: Arc<Self>, request: Request) -> Response {
        let mut tally = Tally { metrics: &self.metrics, begun: Instant::now(), status: None };
        let id = Arc::clone(&request.head.request_id);
        let ignored = Arc::new(OnceLock::new());
        let mut response = self.run(request, Arc::clone(&ignored)).await.unwrap_or_else(|e| {
            let (status, code) = error::status_and_code(&e);
            let route = self.route.template.as_str();
            if matches!(e, Error::External(_)) {
                // The run has logged it, as a fault of that system and not of this server.
                tracing::info!(request.id = %id, route, code, "request failed in an outside system");
            } else if status.is_server_error() {
                tracing::error!(request.id = %id, route, code, error = e.chain(), "request failed");
            } else {
                tracing::debug!(request.id = %id, route, code, "request refused");
            }
            error::reply(&e, &id)
        });
        tally.status = Some(response.status().as_u16());
        if let Some(names) = ignored.get() {
            response.headers_mut().insert(IGNORED, names.clone());
        }
        response
    }

    async fn run(&self, request: Request, ignored: Arc<OnceLock<HeaderValue>>) -> Result<Response> {
        let Request { head, body, parameters } = request;
        let Route { template, access, handler, .. } = &self.route;
        let caller = authorise(&self.app, *access, template, &head).await?;
        let query = Query(head.uri.query().unwrap_or_default().to_owned());
        self.route.check_query(&query)?;
        let (headers, uri) = (head.headers, head.uri);
        handler(Call {
            app: self.app.clone(),
            describe: self.describe,
            headers,
            uri,
            ignored,
            query,
            body,
            caller,
            parameters,
        })
        .await
    }
}

/// Counts a request when it is dropped, so that a handler that panics is counted as well, as a 500.
struct Tally<'a> {
    metrics: &'a RouteMetrics,
    begun: Instant,
    status: Option<u16>,
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        let panicked = std::thread::panicking().then_some(500);
        if let Some(status) = self.status.or(panicked) {
            self.metrics.answered(status, self.begun.elapsed());
        }
    }
}

/// Work that a caller cannot abort by hanging up: it runs on the task of its connection, without a switch of tasks, and
/// goes on as a task of its own if the connection goes first.
struct Unaborted(Option<Work<Response>>);

impl Future for Unaborted {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        // Taken out while it is polled: after a panic it must not be polled again.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl Drop for Unaborted {
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
        return error::nothing_here();
    };
    let allow = methods.join(", ");
    let message = format!("This path allows {allow}.");
    let mut response = error::envelope(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", &message);
    if let Ok(value) = HeaderValue::from_str(&allow) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// A tree of path segments: what stands there literally is looked at before a parameter.
pub(super) struct Table<T> {
    literals: Vec<(String, Table<T>)>,
    parameter: Option<Box<Table<T>>>,
    methods: Vec<(Method, T)>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { literals: Vec::new(), parameter: None, methods: Vec::new() }
    }
}

/// The answer of a look-up.
#[derive(Debug, PartialEq)]
pub(super) enum Found<'a, T> {
    /// The route, and the decoded parameters of the path.
    Route(&'a T, Vec<String>),
    /// The methods of a path that does not know the one asked for; `HEAD` is there wherever `GET` is.
    OtherMethods(Vec<&'a str>),
    Nothing,
}

impl<T> Table<T> {
    pub(super) fn insert(&mut self, template: &str, method: Method, route: T) {
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

    /// Segments ignore case and are decoded once; one slash at the end is tolerated (contract, 1.1).
    pub(super) fn find(&self, method: &Method, path: &str) -> Found<'_, T> {
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

    /// The node of a path that has routes. `parameters` holds those of the way to it.
    fn at<'p>(&self, segments: &[Cow<'p, str>], parameters: &mut Vec<Cow<'p, str>>) -> Option<&Self> {
        let Some((first, rest)) = segments.split_first() else { return (!self.methods.is_empty()).then_some(self) };
        let literal = self.literals.iter().find(|(literal, _)| literal.eq_ignore_ascii_case(first));
        if let Some(found) = literal.and_then(|(_, node)| node.at(rest, parameters)) {
            return Some(found);
        }
        // Nothing is no name and no id.
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
            // A literal that leads nowhere is a parameter.
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
    fn a_verb_that_the_path_does_not_know_names_those_it_does() {
        assert_eq!(find(Method::DELETE, "/things"), "GET, POST, HEAD");
        assert_eq!(find(Method::PATCH, "/things/7"), "/things/{id} [\"7\"]");
        assert_eq!(find(Method::PATCH, "/things/enabled"), "GET, HEAD");
        assert_eq!(find(Method::PATCH, "/nothing"), "nothing");
    }
}
