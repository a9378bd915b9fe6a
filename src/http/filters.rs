//! How a request finds its route and what every route checks, in this order: path, method, key, role. What is left
//! for a handler is the body, the query and its own subject.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::{Buf, Bytes};
use futures_util::future::ready;
use futures_util::{Stream, TryStreamExt};
use percent_encoding::percent_decode_str;
use uuid::Uuid;
use warp::Filter;
use warp::http::header::AUTHORIZATION;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

use super::serve::Arrival;
use super::{Route, error};
use crate::app::App;
use crate::error::{Error, Result};
use crate::ops::Caller;
use crate::ops::authenticate::{self, Credential};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody; a bad key does not matter.
    Anonymous,
    /// Any accepted key, with a role or without.
    AnyKey,
    /// Reader or Administrator.
    Reader,
    /// Reader or Administrator; the key may come as a bearer token, which is all that scrapers can send.
    Scraper,
    /// Administrator.
    Administrator,
}

/// The bytes of a request body as they come.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send + Sync>>;

/// A request on its way to a handler: path, method, key and role are right.
pub struct Call {
    /// The server.
    pub app: App,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, not yet read.
    pub body: BodyStream,
    caller: Option<Caller>,
    parameters: Vec<String>,
    query: String,
}

impl Call {
    /// The key behind the request. Routes that are not anonymous always have one.
    pub fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| Error::internal("a route has no caller", "the route is anonymous"))
    }

    /// The n-th path parameter as an integer id: decimal digits, with a minus before them if need be. Anything else
    /// names nothing.
    pub fn id(&self, n: usize, what: &'static str) -> Result<i64> {
        let text = self.parameter(n);
        let plain = text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit());
        let id = text.parse().ok().filter(|_| plain);
        id.ok_or_else(|| Error::not_found(what, shown(text)))
    }

    /// The n-th path parameter as a GUID, in any of the forms that GUIDs are written in.
    pub fn guid(&self, n: usize, what: &'static str) -> Result<Uuid> {
        let text = self.parameter(n);
        Uuid::try_parse(text).map_err(|_| Error::not_found(what, shown(text)))
    }

    /// The n-th path parameter, decoded.
    pub fn parameter(&self, n: usize) -> &str {
        self.parameters.get(n).map_or("", String::as_str)
    }

    /// A query parameter by its name, ignoring case.
    pub fn query(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.into_owned())
    }

    /// A switch in the query.
    pub fn query_flag(&self, name: &'static str, default: bool) -> Result<bool> {
        match self.query(name) {
            None => Ok(default),
            Some(v) if v.eq_ignore_ascii_case("true") => Ok(true),
            Some(v) if v.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Error::field(name, "Must be true or false.")),
        }
    }
}

/// An id as an error may repeat it.
pub fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Collects routes, and with them what is needed to tell a wrong verb from an unknown path.
pub struct Routes {
    app: App,
    routes: Vec<Route>,
    table: Vec<(Method, &'static str)>,
    narrower: Vec<Narrower>,
}

/// The templates that say literally what a route takes as a parameter: a path that fits one of them is not the route's.
/// They are known once the table is whole.
type Narrower = Arc<OnceLock<Vec<&'static str>>>;

impl Routes {
    /// An empty table.
    pub fn new(app: &App) -> Self {
        Routes { app: app.clone(), routes: Vec::new(), table: Vec::new(), narrower: Vec::new() }
    }

    /// Adds a route. `{...}` in the template stands for one segment, which becomes a parameter.
    pub fn add<H, F>(&mut self, method: Method, template: &'static str, access: Access, handler: H)
    where
        H: Fn(Call) -> F + Copy + Send + Sync + 'static,
        F: Future<Output = Result<Response>> + Send + 'static,
    {
        self.table.push((method.clone(), template));
        let narrower = Narrower::default();
        self.narrower.push(Arc::clone(&narrower));
        let (app, verb) = (self.app.clone(), method.clone());
        let route = at(method, template, narrower)
            .and(warp::query::raw().or(warp::any().map(String::new)).unify())
            .and(warp::header::headers_cloned())
            .and(warp::ext::get::<Arrival>())
            .and(warp::body::stream().map(|body| -> BodyStream { Box::pin(bytes_of(body)) }))
            .then(move |parameters, query, headers: HeaderMap, arrival: Arrival, body| {
                let begun = Instant::now();
                let (app, metrics, verb) = (app.clone(), app.metrics.clone(), verb.clone());
                let request = arrival.request_id.clone();
                let work = async move {
                    let caller = authorise(&app, access, template, &headers, &arrival).await?;
                    handler(Call { app, headers, body, caller, parameters, query }).await
                };
                async move {
                    let response = answer(work, request, template).await;
                    metrics.answered(verb.as_str(), template, response.status().as_u16(), begun.elapsed());
                    response
                }
            });
        self.routes.push(route.boxed());
    }

    /// All routes as one; what none of them takes is answered with 404 or 405.
    pub fn finish(self) -> Route {
        for ((_, template), narrower) in self.table.iter().zip(self.narrower) {
            let all = self.table.iter().map(|(_, other)| *other);
            narrower.get_or_init(|| all.filter(|other| is_narrower(other, template)).collect());
        }
        let table = Arc::new(self.table);
        let metrics = self.app.metrics;
        let rest = warp::path::full().map(move |path: warp::path::FullPath| {
            let response = unmatched(path.as_str(), &table);
            metrics.unmatched(response.status().as_u16());
            response
        });
        let rest = rest.boxed();
        self.routes.into_iter().rev().fold(rest, |after, route| route.or(after).unify().boxed())
    }
}

fn bytes_of<S, B>(body: S) -> impl Stream<Item = Result<Bytes, warp::Error>>
where
    S: Stream<Item = Result<B, warp::Error>>,
    B: Buf,
{
    body.map_ok(|mut chunk| chunk.copy_to_bytes(chunk.remaining()))
}

/// Takes requests of this method whose path fits the template.
fn at(
    method: Method,
    template: &'static str,
    narrower: Narrower,
) -> impl Filter<Extract = (Vec<String>,), Error = warp::Rejection> + Clone {
    warp::method().and(warp::path::full()).and_then(move |m: Method, path: warp::path::FullPath| {
        let found = if m == method { parameters(template, path.as_str()) } else { None };
        let mut others = narrower.get().into_iter().flatten();
        let own = found.filter(|_| !others.any(|other| parameters(other, path.as_str()).is_some()));
        ready(own.ok_or_else(warp::reject::not_found))
    })
}

/// Whether whatever fits `a` fits `b` as well, and not the other way round.
fn is_narrower(a: &str, b: &str) -> bool {
    let mut pairs = a.split('/').zip(b.split('/'));
    a != b && a.split('/').count() == b.split('/').count() && pairs.all(|(a, b)| a == b || b.starts_with('{'))
}

/// The parameters of a path that fits the template: segments ignore case, are decoded once, and one slash at the
/// end is tolerated.
fn parameters(template: &str, path: &str) -> Option<Vec<String>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut wanted = template.split('/');
    let mut given = path.split('/');
    let mut parameters = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(w), Some(g)) => {
                let decoded = percent_decode_str(g).decode_utf8().ok()?;
                if w.starts_with('{') {
                    // Nothing is no name and no id.
                    (!decoded.is_empty()).then_some(())?;
                    parameters.push(decoded.into_owned());
                } else if !w.eq_ignore_ascii_case(&decoded) {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

fn unmatched(path: &str, table: &[(Method, &'static str)]) -> Response {
    let fitting: Vec<_> = table.iter().filter(|(_, template)| parameters(template, path).is_some()).collect();
    let is_own = |template: &str| !fitting.iter().any(|(_, other)| is_narrower(other, template));
    let own = fitting.iter().filter(|(_, template)| is_own(template));
    let mut methods: Vec<&str> = own.map(|(method, _)| method.as_str()).collect();
    if methods.is_empty() {
        return error::envelope(StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing at this path.");
    }
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    let allow = methods.join(", ");
    let message = format!("This path allows {allow}.");
    let mut response = error::envelope(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", &message);
    if let Ok(value) = HeaderValue::from_str(&allow) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// Runs a request as a task of its own: a caller that hangs up cancels nothing, and a panic is one failed request.
async fn answer<W>(work: W, request: Arc<str>, template: &'static str) -> Response
where
    W: Future<Output = Result<Response>> + Send + 'static,
{
    let result = match tokio::spawn(work).await {
        Ok(result) => result,
        Err(panic) => Err(Error::internal("a handler panicked", panic)),
    };
    result.unwrap_or_else(|e| {
        let (status, code) = error::status_and_code(&e);
        if status.is_server_error() {
            tracing::error!(request.id = %request, route = template, code, error = e.chain(), "request failed");
        } else {
            tracing::debug!(request.id = %request, route = template, code, "request refused");
        }
        error::reply(&e, &request)
    })
}

async fn authorise(
    app: &App,
    access: Access,
    template: &str,
    headers: &HeaderMap,
    arrival: &Arrival,
) -> Result<Option<Caller>> {
    let mut presented = headers.get_all("x-api-key").iter();
    let shown = match (presented.next(), presented.next()) {
        (Some(one), None) => one.to_str().map_or(Credential::Unreadable, Credential::Key),
        (None, _) if headers.contains_key(AUTHORIZATION) => match bearer(headers) {
            Some(key) if access == Access::Scraper => Credential::Key(key),
            _ => Credential::Bearer,
        },
        (None, _) => Credential::Nothing,
        (Some(_), Some(_)) => Credential::Unreadable,
    };
    let from = arrival.peer;
    if access == Access::Anonymous {
        return authenticate::pass_by(app, shown, from, is_counted(template)).map(|()| None);
    }
    let key = authenticate::authenticate(app, shown, from).await?;
    let caller = Caller { key, from, request: arrival.request_id.clone() };
    let allowed = match access {
        Access::Anonymous | Access::AnyKey => true,
        Access::Reader | Access::Scraper => caller.key.may_read(),
        Access::Administrator => caller.key.is_administrator(),
    };
    match allowed {
        true => Ok(Some(caller)),
        false if access != Access::Administrator => {
            Err(Error::Forbidden("the Reader or Administrator role is required"))
        }
        false => Err(Error::Forbidden("the Administrator role is required")),
    }
}

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1), if that is the only one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Whether anonymous requests are held against the limit: probes and what is beside the API are not.
fn is_counted(template: &str) -> bool {
    template.strip_prefix("/api/v1/").is_some_and(|path| !path.starts_with("health"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_literally_is_narrower_than_a_parameter() {
        assert!(is_narrower("/things/all", "/things/{id}"));
        for (a, b) in [
            ("/things/{id}", "/things/all"),
            ("/things/{id}", "/things/{id}"),
            ("/things/all", "/other/{id}"),
            ("/things", "/things/{id}"),
            ("/things/{id}/more", "/things/{id}"),
        ] {
            assert!(!is_narrower(a, b), "{a} {b}");
        }
    }

    #[test]
    fn paths_ignore_case_and_one_slash_and_decode_once() {
        let t = "/api/v1/things/{id}/by-name/{name}";
        let fits = |path| parameters(t, path);
        assert_eq!(fits("/API/v1/Things/7/by-name/a%20b%252F"), Some(vec!["7".to_owned(), "a b%2F".to_owned()]));
        assert_eq!(fits("/api/v1/thing%73/7/by-name/x/"), Some(vec!["7".to_owned(), "x".to_owned()]));
        for no in ["/api/v1/things/7/by-name", "/api/v1/things/7/by-name/x//", "/api/v1/things/7/by-name/%FF", "/"]
            .into_iter()
            .chain(["/api/v1/things//by-name/x", "/api/v1/things/7/by-name/", "/api/v1/things/7/by-name//"])
        {
            assert_eq!(fits(no), None, "{no}");
        }
    }
}
