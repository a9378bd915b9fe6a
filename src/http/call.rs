//! Request of a handler, with the checks of every route: API key, role, size and timeout of the body.
//!
//! They run in the order of the contract, 1.3; [`super::routes`] has checked path and method.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use uuid::Uuid;
use warp::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use warp::http::{HeaderMap, HeaderValue, Uri};

use super::wire::head::RequestHead;
use super::wire::{Errors, Query, Request, body, no_body, printable};
use crate::app::App;
use crate::domain::text::strip_bom;
use crate::error::{Error, Result};
use crate::ops::Caller;
use crate::ops::authenticate::{self, Credential};

const MAX_BODY: usize = 2 * 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Access level of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// No key needed; an invalid one is ignored.
    Anonymous,
    /// Any valid key, even without a role.
    AnyKey,
    /// Role Reader or Administrator.
    Reader,
    /// As `Reader`, but the key may be a bearer token, the only form that scrapers can send.
    Scraper,
    Administrator,
}

pub(crate) type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send + Sync>>;

/// Returns the OpenAPI document with a title, in pieces. It is built from the list of routes, which no handler may use.
pub(super) type Describe = fn(title: &str) -> [Bytes; 3];

/// A request whose path, method, key and role are accepted.
pub(crate) struct Call {
    pub(crate) app: App,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) uri: Uri,
    /// Unknown members of the body, for a header of the answer.
    pub(super) unknown: Arc<OnceLock<HeaderValue>>,
    pub(crate) query: Query,
    /// The body, not yet read.
    pub(super) body: BodyStream,
    pub(super) caller: Option<Caller>,
    pub(super) parameters: Vec<String>,
    pub(crate) describe: Describe,
}

impl Call {
    /// The caller, which every route has except anonymous ones.
    pub(crate) fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or_else(|| Error::internal("a route has no caller", "the route is anonymous"))
    }

    /// The n-th path parameter as an integer id; any other text is not found (contract, 1.1).
    pub(crate) fn id(&self, n: usize, what: &'static str) -> Result<i64> {
        let text = self.parameter(n);
        let plain = text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit());
        let id = text.parse().ok().filter(|_| plain);
        id.ok_or_else(|| Error::NoId { what, text: printable(text), form: "a number" })
    }

    /// The n-th path parameter as a GUID.
    pub(crate) fn guid(&self, n: usize, what: &'static str) -> Result<Uuid> {
        let text = self.parameter(n);
        Uuid::try_parse(text).map_err(|_| Error::NoId { what, text: printable(text), form: "a GUID" })
    }

    /// The n-th path parameter, decoded.
    pub(crate) fn parameter(&self, n: usize) -> &str {
        self.parameters.get(n).map_or("", String::as_str)
    }

    /// Decodes the body.
    pub(crate) async fn read<T: Request>(&mut self) -> Result<T> {
        let (body, errors) = self.read_if_any().await?.ok_or_else(no_body)?;
        errors.check()?;
        body.ok_or_else(no_body)
    }

    /// Decodes an optional body. Returns the errors, for operations that add their own.
    pub(crate) async fn read_if_any<T: Request>(&mut self) -> Result<Option<(Option<T>, Errors)>> {
        let bytes = self.collect_body().await?;
        let bytes = strip_bom(&bytes);
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut body = body::parse(bytes, T::FIELDS)?;
        let value = T::read(&mut body);
        if let Some(names) = body.errors.unknown().and_then(|names| HeaderValue::from_str(&names).ok()) {
            let _ = self.unknown.set(names);
        }
        Ok(Some((value, body.errors)))
    }

    async fn collect_body(&mut self) -> Result<BytesMut> {
        let declared = self.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|n| n > MAX_BODY as u64) {
            return Err(Error::TooLarge { limit: MAX_BODY });
        }
        let unsupported = unsupported(&self.headers);
        let collect = async {
            let mut bytes = BytesMut::new();
            while let Some(chunk) = self.body.next().await {
                let chunk = chunk.map_err(|_| Error::BadRequest("the request body ended early".to_owned()))?;
                if bytes.len() + chunk.len() > MAX_BODY {
                    return Err(Error::TooLarge { limit: MAX_BODY });
                }
                if let Some(why) = unsupported.filter(|_| !chunk.is_empty()) {
                    return Err(Error::MediaType(why));
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes)
        };
        let slow = Error::TooSlow { seconds: BODY_TIMEOUT.as_secs() };
        tokio::time::timeout(BODY_TIMEOUT, collect).await.unwrap_or(Err(slow))
    }
}

/// Error of an unsupported media type, encoding or charset.
fn unsupported(headers: &HeaderMap) -> Option<&'static str> {
    if !is_json(headers) {
        Some("the request body must be application/json")
    } else if is_encoded(headers) {
        Some("the request body must have no Content-Encoding")
    } else if !is_utf_8(headers) {
        Some("the request body and the charset of Content-Type must be UTF-8")
    } else {
        None
    }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut encodings = values.flat_map(|value| value.to_str().unwrap_or("unreadable").split(',')).map(str::trim);
    encodings.any(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity"))
}

fn is_utf_8(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parameters = value.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    parameters.all(|(name, value)| {
        let charset = value.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || ["utf-8", "utf8"].iter().any(|u| charset.eq_ignore_ascii_case(u))
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5 && essence.to_ascii_lowercase().ends_with("+json"))
}

/// Authenticates the caller and checks its role; `None` on anonymous routes.
pub(super) async fn authorise(app: &App, access: Access, template: &str, head: &RequestHead) -> Result<Option<Caller>> {
    let headers = &*head.headers;
    let mut presented = headers.get_all("x-api-key").iter();
    let credential = match (presented.next(), presented.next()) {
        (Some(one), None) => one.to_str().map_or(Credential::Unreadable, Credential::Key),
        (None, _) if headers.contains_key(AUTHORIZATION) => match bearer(headers) {
            Some(key) if access == Access::Scraper => Credential::Key(key),
            _ => Credential::Bearer,
        },
        (None, _) => Credential::Nothing,
        (Some(_), Some(_)) => Credential::Unreadable,
    };
    let from = head.peer;
    if access == Access::Anonymous {
        return authenticate::pass_by(app, credential, from, is_counted(template)).map(|()| None);
    }
    let key = authenticate::authenticate(app, credential, from).await?;
    let caller = Caller { key, from, request: head.request_id.clone() };
    let allowed = match access {
        Access::Anonymous | Access::AnyKey => true,
        Access::Reader | Access::Scraper => caller.key.may_read(),
        Access::Administrator => caller.key.is_administrator(),
    };
    if allowed {
        Ok(Some(caller))
    } else if access == Access::Administrator {
        Err(Error::Forbidden("the Administrator role is required"))
    } else {
        Err(Error::Forbidden("the Reader or Administrator role is required"))
    }
}

/// The token of the only `Authorization: Bearer` (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Whether the rate limit applies to anonymous requests: not to probes, and not outside the API.
fn is_counted(template: &str) -> bool {
    template.strip_prefix("/api/v1/").is_some_and(|path| !path.starts_with("health"))
}
