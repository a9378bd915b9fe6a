//! Error answers: the mapping of [`Error`] to status and code, and the JSON envelope.

use serde::Serialize;
use utoipa::ToSchema;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::{Reply, Response};

use super::schema::choice;
use crate::error::{Error, FieldErrors};

choice! {
    /// Code of an error.
    pub(crate) struct ErrorCode: [
        "VALIDATION_ERROR", "BAD_REQUEST", "UNAUTHORISED", "FORBIDDEN", "NOT_FOUND", "METHOD_NOT_ALLOWED",
        "REQUEST_TIMEOUT", "CONFLICT", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "TOO_MANY_REQUESTS",
        "INTERNAL_ERROR", "SERVICE_UNAVAILABLE",
    ];
}

/// The body of every error of every endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Error)]
pub(crate) struct Envelope<'a> {
    code: ErrorCode,
    /// One sentence for people.
    message: &'a str,
    /// `requestId: ...` on every 500, else null.
    details: Option<String>,
    /// On VALIDATION_ERROR the errors by field path; `body` stands for the body as a whole. Else null.
    #[schema(value_type = Option<HashMap<String, Vec<String>>>)]
    validation_errors: Option<&'a FieldErrors>,
    #[schema(format = DateTime)]
    timestamp: String,
}

impl<'a> Envelope<'a> {
    fn new(code: &'static str, message: &'a str) -> Self {
        Envelope { code: code.into(), message, details: None, validation_errors: None, timestamp: super::now() }
    }

    /// Envelope of a 503 with additional fields.
    pub(crate) fn unavailable(message: &'a str) -> Self {
        Envelope::new("SERVICE_UNAVAILABLE", message)
    }
}

/// Fields with errors that an answer lists.
const MAX_LISTED: usize = 100;

/// Builds an error answer without an [`Error`] (malformed HTTP, wrong method).
pub(crate) fn envelope(status: StatusCode, code: &'static str, message: &str) -> Response {
    build(status, code, message, None, None)
}

/// A 404 for an unknown path.
pub(crate) fn unknown_path() -> Response {
    envelope(StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing at this path.")
}

/// Builds the answer to an error; `details` of a 500 holds the request id, to find it in the log.
pub(crate) fn reply(error: &Error, request_id: &str) -> Response {
    let (status, code) = status_and_code(error);
    let details = (status == StatusCode::INTERNAL_SERVER_ERROR).then(|| format!("requestId: {request_id}"));
    let mut response = match error {
        Error::Invalid(faults) => {
            let listed: FieldErrors = faults.iter().take(MAX_LISTED).map(|(k, v)| (k.clone(), v.clone())).collect();
            build(status, code, &validation_message(faults), details, Some(&listed))
        }
        Error::Internal { .. } | Error::Damaged { .. } => {
            build(status, code, "An unexpected error occurred; the server log names the cause.", details, None)
        }
        other => build(status, code, &sentence(&other.to_string()), details, None),
    };
    let wait = match error {
        Error::TooMany { seconds, .. } => Some(HeaderValue::from(*seconds)),
        Error::Unavailable { .. } => Some(HeaderValue::from_static("5")),
        _ => None,
    };
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    response
}

pub(crate) fn status_and_code(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Invalid(_) => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
        Error::BadRequest(_) => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
        Error::Unauthorised(_) => (StatusCode::UNAUTHORIZED, "UNAUTHORISED"),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, "FORBIDDEN"),
        Error::NotFound { .. } | Error::NoId { .. } => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Error::Conflict(_) => (StatusCode::CONFLICT, "CONFLICT"),
        Error::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS"),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
        Error::TooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT"),
        Error::MediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
        Error::External(_) | Error::Internal { .. } | Error::Damaged { .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR")
        }
        Error::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE"),
    }
}

fn build(
    status: StatusCode,
    code: &'static str,
    message: &str,
    details: Option<String>,
    faults: Option<&FieldErrors>,
) -> Response {
    let body = Envelope { details, validation_errors: faults, ..Envelope::new(code, message) };
    // Cannot fail: all parts are texts.
    let text = serde_json::to_vec(&body).unwrap_or_default();
    let mut response = super::with_type(text.into_response());
    *response.status_mut() = status;
    response
}

/// Message of a validation error. It names the first field, because many clients show only the message.
fn validation_message(faults: &FieldErrors) -> String {
    let mut text = "One or more fields are invalid.".to_owned();
    if let Some((field, why)) = faults.iter().next().and_then(|(field, why)| Some((field, why.first()?))) {
        text += &format!(" {field}: {why}");
        let more = faults.values().map(Vec::len).sum::<usize>() - 1;
        // Beyond a limit errors are not collected, so a large number would be wrong.
        match more {
            0 => {}
            1..=MAX_LISTED => text += &format!(" ({more} more)"),
            _ => text += &format!(" (more than {MAX_LISTED} more)"),
        }
    }
    text
}

/// Makes a sentence of the text of an error, which is lower case without a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let mut out: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    out.push_str(chars.as_str());
    if !out.ends_with(['.', '!', '?', '"']) {
        out.push('.');
    }
    out
}
