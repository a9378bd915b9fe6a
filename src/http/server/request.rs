//! Processing of a request around the routes: message validation, request id, common headers, connection reuse.
//!
//! Knows no path and no credential. It refuses messages that two parsers could read differently (request smuggling).

use std::any::Any;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hyper::body::{Body as _, Incoming};
use hyper::service::Service;
use warp::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header};
use warp::reply::Response;

use super::body::Body;
use super::{Connection, Server, forwarded};
use crate::error::Error;
use crate::http::wire::error::{envelope, reply};
use crate::http::wire::head::RequestHead;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Bytes discarded of an unread request before its connection is closed: enough for the answer to reach a client that
/// is still sending, and with hyper's own buffers less than 64 KiB.
pub(super) const LINGER: usize = 32 * 1024;

/// Bytes discarded after a 413: the key was accepted, and many clients read no answer before all is sent.
const LINGER_TOO_LARGE: usize = 16 * 1024 * 1024;

const MAX_ID_LENGTH: usize = 64;

pub(super) async fn answer<S>(server: &Server<S>, connection: &Connection, request: Request<Incoming>) -> Response
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    let limits = &server.options.limits;
    let nth = connection.requests.fetch_add(1, Relaxed) + 1;
    let id = RequestId::of(request.headers());
    let mut last = request.version() != Version::HTTP_11
        || nth >= limits.requests_per_connection
        || connection.opened.elapsed() >= limits.max_age;
    let (mut response, body_consumed) = match error_of(&request, limits.target_bytes) {
        Some(message) => {
            last = true;
            let response = envelope(StatusCode::BAD_REQUEST, "BAD_REQUEST", message);
            (response, request.body().is_end_stream())
        }
        None if request.method() == Method::TRACE => (trace_not_allowed(), request.body().is_end_stream()),
        None => call_routes(server, connection, &id, request).await,
    };
    if !body_consumed {
        last = true;
        connection.body_abandoned.store(true, Relaxed);
    }
    if last {
        let too_large = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
        connection.linger.store(if too_large { LINGER_TOO_LARGE } else { LINGER }, Relaxed);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    set_common_headers(response.headers_mut(), id.value);
    response
}

/// Returns the answer of the routes, and whether the body was consumed.
async fn call_routes<S>(
    server: &Server<S>,
    connection: &Connection,
    id: &RequestId,
    mut request: Request<Incoming>,
) -> (Response, bool)
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    // hyper remembers a HEAD and sends the length without the body.
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    if request.uri().scheme().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    }
    let expects_continue = request.headers().contains_key(header::EXPECT);
    let peer = forwarded::client_address(request.headers(), connection.peer, |address| server.trusts(address));
    let (mut parts, body) = request.into_parts();
    let headers = Arc::new(std::mem::take(&mut parts.headers));
    let (method, uri, request_id) = (parts.method.clone(), parts.uri.clone(), Arc::clone(&id.text));
    parts.extensions.insert(RequestHead { method, uri, headers, request_id, peer });
    let (body, progress) = Body::new(body);
    let response = match catch_panic(&server.routes, Request::from_parts(parts, body)).await {
        Ok(response) => response,
        Err(_panic) => {
            // The panic hook prints the text; in this log line it could leak a value of the request.
            tracing::error!(request.id = %id.text, "a handler panicked");
            reply(&Error::internal("answering a request", "the handler panicked"), &id.text)
        }
    };
    let body_consumed = match progress {
        Some(progress) => progress.is_consumed(expects_continue).await,
        None => true,
    };
    (response, body_consumed)
}

/// Calls the routes so that a panic costs one answer, not the connection with all its pipelined requests.
async fn catch_panic<S>(routes: &S, request: Request<Body>) -> Result<Response, Box<dyn Any + Send>>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    let mut call = pin!(async move {
        match routes.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    });
    // Sound to carry on after a panic: the future is dropped unpolled, the routes are shared and immutable.
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => std::task::Poll::Ready(Err(panic)),
    })
    .await
}

/// Error of the HTTP message, as a sentence; hyper has refused what cannot be parsed (RFC 9112 3.2, 6.1).
fn error_of<B>(request: &Request<B>, target_bytes: usize) -> Option<&'static str> {
    let (uri, headers) = (request.uri(), request.headers());
    let (plain, length) = match uri.scheme_str() {
        None => (uri.authority().is_none(), uri.path_and_query().map_or(0, |target| target.as_str().len())),
        Some("http" | "https") => (true, uri.to_string().len()),
        Some(_) => (false, 0),
    };
    if length > target_bytes {
        return Some("The request target is too long.");
    }
    if !plain || !uri.path().starts_with('/') || request.method() == Method::CONNECT {
        return Some("The request target must be a path.");
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host.as_bytes()) => {}
        (None, None) if request.version() != Version::HTTP_11 => {}
        _ => return Some("Exactly one valid Host header is required."),
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, None) => None,
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some("Transfer-Encoding must be chunked."),
    }
}

fn is_host(value: &[u8]) -> bool {
    value.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~%:[]!$&'()*+;=".contains(b))
}

/// TRACE would echo credentials (RFC 9110 9.3.8).
fn trace_not_allowed() -> Response {
    let mut response = envelope(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "TRACE is not supported.");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"));
    response
}

/// Sets the headers of every answer, except those that the handler set.
fn set_common_headers(headers: &mut HeaderMap, id: HeaderValue) {
    const COMMON: [(HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    headers.reserve(COMMON.len() + 1);
    for (name, value) in COMMON {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.insert(&REQUEST_ID, id);
}

struct RequestId {
    text: Arc<str>,
    value: HeaderValue,
}

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        if let Some((value, text)) = headers.get(&REQUEST_ID).and_then(|value| Some((value, value.to_str().ok()?)))
            && is_id(text)
        {
            return RequestId { text: text.into(), value: value.clone() };
        }
        let mut buffer = uuid::Uuid::encode_buffer();
        let text: &str = uuid::Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        let value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"));
        RequestId { text: text.into(), value }
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_LENGTH).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
