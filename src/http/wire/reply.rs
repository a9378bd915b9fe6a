//! JSON answers with type, status and location.

use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::{Reply, Response};

use crate::error::{Error, Result};

/// A 200 with a JSON body.
pub(crate) fn ok<T: serde::Serialize>(body: &T) -> Result<Response> {
    // Fits most answers; a smaller buffer would be copied each time it grows.
    let mut bytes = Vec::with_capacity(4096);
    serde_json::to_writer(&mut bytes, body).map_err(|e| Error::internal("a response cannot be written", e))?;
    Ok(with_type(bytes.into_response()))
}

pub(crate) fn with_type(mut response: Response) -> Response {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Turns a 200 into a 201 with the path of the new resource.
pub(crate) fn created(mut response: Response, location: &str) -> Response {
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

pub(crate) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
