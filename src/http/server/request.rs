//! What happens to every request before and after the routes: faults of the HTTP message, the request id, the
//! headers of every answer, and whether the connection may go on.
//!
//! Knows nothing of paths or callers. The refusals here are for messages that two readers could read differently.

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
use super::{House, Link, forwarded};
use crate::error::Error;
use crate::http::wire::arrival::Arrival;
use crate::http::wire::error::{envelope, reply};

/// The header that carries the request id both ways.
pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Swallowed of a request that nobody wants before its connection is closed: enough for the answer to get through to
/// a caller in the middle of sending, and with hyper's own buffers less than 64 KiB.
pub(super) const LINGER: usize = 32 * 1024;

/// The same after a 413. That caller got past the key check, and many clients read no answer before all is sent.
const LINGER_TOO_LARGE: usize = 16 * 1024 * 1024;

const MAX_ID: usize = 64;

/// Answers one request.
pub(super) async fn answer<S>(house: &House<S>, link: &Link, request: Request<Incoming>) -> Response
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    let nth = link.requests.fetch_add(1, Relaxed) + 1;
    let id = RequestId::of(request.headers());
    let mut last = request.version() != Version::HTTP_11
        || nth >= house.door.limits.requests_per_connection
        || link.born.elapsed() >= house.door.limits.age;
    let (mut response, drained) = match fault(&request, house.door.limits.target_bytes) {
        Some(message) => {
            last = true;
            let drained = request.body().is_end_stream();
            (envelope(StatusCode::BAD_REQUEST, "BAD_REQUEST", message), drained)
        }
        None if request.method() == Method::TRACE => (no_trace(), request.body().is_end_stream()),
        None => through_routes(house, link, &id, request).await,
    };
    if !drained {
        last = true;
        link.abandoned.store(true, Relaxed);
    }
    if last {
        let too_large = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
        link.linger.store(if too_large { LINGER_TOO_LARGE } else { LINGER }, Relaxed);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    dress(response.headers_mut(), id.value);
    response
}

/// Asks the routes. Also says whether the body was read to its end.
async fn through_routes<S>(
    house: &House<S>,
    link: &Link,
    id: &RequestId,
    mut request: Request<Incoming>,
) -> (Response, bool)
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    // hyper remembers that the question was HEAD and sends the length without the body.
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    if request.uri().scheme().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    }
    let invited = request.headers().contains_key(header::EXPECT);
    let peer = forwarded::caller(request.headers(), link.peer, |address| house.trusts(address));
    let (mut parts, body) = request.into_parts();
    let headers = Arc::new(std::mem::take(&mut parts.headers));
    let (method, uri, request_id) = (parts.method.clone(), parts.uri.clone(), Arc::clone(&id.text));
    parts.extensions.insert(Arrival { method, uri, headers, request_id, peer });
    let (body, slot) = Body::new(body);
    let response = match caught(&house.routes, Request::from_parts(parts, body)).await {
        Ok(response) => response,
        Err(_panic) => {
            // The text of the panic is printed by the hook; here it could carry a value out of the request.
            tracing::error!(request.id = %id.text, "a handler panicked");
            reply(&Error::internal("answering a request", "the handler panicked"), &id.text)
        }
    };
    let drained = match slot {
        Some(slot) => slot.drained(invited).await,
        None => true,
    };
    (response, drained)
}

/// Runs the routes so that a panic costs one answer, not the connection with all its pipelined requests.
async fn caught<S>(routes: &S, request: Request<Body>) -> Result<Response, Box<dyn Any + Send>>
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

/// What is wrong with the message itself, as a sentence. hyper has already refused what cannot be parsed.
fn fault<B>(request: &Request<B>, target_bytes: usize) -> Option<&'static str> {
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

/// TRACE would send a caller's headers back as a body; no resource has it.
fn no_trace() -> Response {
    let mut response = envelope(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "TRACE is not supported.");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"));
    response
}

/// Puts on what every answer wears, without taking off what a handler chose.
pub(super) fn dress(headers: &mut HeaderMap, id: HeaderValue) {
    const EVERY: [(HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    headers.reserve(EVERY.len() + 1);
    for (name, value) in EVERY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.insert(&REQUEST_ID, id);
}

/// The id of a request, ready for both uses.
pub(super) struct RequestId {
    pub(super) text: Arc<str>,
    pub(super) value: HeaderValue,
}

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(&REQUEST_ID).and_then(|value| Some((value, value.to_str().ok()?)));
        match given {
            Some((value, text)) if is_id(text) => RequestId { text: text.into(), value: value.clone() },
            _ => RequestId::new(),
        }
    }

    /// An id for a request that brought none, or of which nothing could be read.
    pub(super) fn new() -> Self {
        let mut buffer = uuid::Uuid::encode_buffer();
        let text: &str = uuid::Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        let value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"));
        RequestId { text: text.into(), value }
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
