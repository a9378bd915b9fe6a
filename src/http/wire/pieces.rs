//! Answers that are written in pieces while they are sent, so that a large one needs no more memory than its rows.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use warp::reply::{Reply, Response};

use super::with_type;
use crate::app::App;
use crate::error::{Error, Result};

/// How long a request waits for a permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows from which an answer is large.
const LARGE_ROWS: usize = 5_000;

/// Permit of a large answer, held until it is sent.
pub struct Permit(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit);

/// Waits for the permit of a large answer, before its rows are read.
///
/// # Errors
/// All permits are taken by answers that are still being sent.
pub async fn permit(app: &App) -> Result<Permit> {
    let acquired = tokio::time::timeout(PERMIT_TIMEOUT, app.large_answers.clone().acquire_owned()).await;
    match acquired {
        Ok(permit) => permit.map(Permit).map_err(|e| Error::internal("large answers are not permitted", e)),
        Err(_) => Err(Error::Unavailable { why: "too many large answers are being sent", source: None }),
    }
}

impl Permit {
    /// The permit, if an answer of this many rows needs it.
    pub fn for_rows(self, rows: usize) -> Option<Self> {
        (rows >= LARGE_ROWS).then_some(self)
    }
}

/// A chunk of a streamed body is handed on when it has grown to this size.
pub const CHUNK: usize = 64 * 1024;

/// A 200 whose JSON body is written while it is sent, chunk by chunk until there is none.
pub fn streamed(mut next: impl FnMut() -> Option<Vec<u8>> + Send + Sync + 'static) -> Response {
    let first = next().unwrap_or_default();
    // What fits into one chunk goes with its length; the rest is streamed.
    let response = match next() {
        None => first.into_response(),
        Some(second) => {
            let chunks = [first, second].into_iter().chain(std::iter::from_fn(next));
            let chunks = chunks.map(|c| Ok::<_, std::convert::Infallible>(bytes::Bytes::from(c)));
            warp::reply::stream(futures_util::stream::iter(chunks)).into_response()
        }
    };
    with_type(response)
}

/// Writes a whole value. Plain fields written to memory have no way to fail.
pub fn write<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    let _ = serde_json::to_writer(out, value);
}

/// Writes an object but for its closing brace.
pub fn open<T: Serialize>(out: &mut Vec<u8>, fields: &T) {
    write(out, fields);
    out.pop();
}

/// Goes on in an open object with an array, up to its opening bracket.
pub fn open_array(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":[");
}

/// Goes on in an open object with its last fields, and closes it.
pub fn close<T: Serialize>(out: &mut Vec<u8>, fields: &T) {
    let from = out.len();
    write(out, fields);
    if let Some(brace) = out.get_mut(from) {
        *brace = b',';
    }
}
