//! The head of a request and the facts that are settled before its route is looked up.

use std::net::IpAddr;
use std::sync::Arc;

use warp::http::{HeaderMap, Method, Uri};

/// The head of a request, its id and its peer. The listener puts it into the extensions of the request, whole: warp's
/// filters would copy it piece by piece.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: Arc<HeaderMap>,
    /// The caller's `X-Request-Id` if it is acceptable, otherwise a new GUID; the answer carries the same.
    pub(crate) request_id: Arc<str>,
    /// Address of the caller, IPv4 always as IPv4: the other end of the socket, or the address that a trusted proxy
    /// forwards for.
    pub(crate) peer: IpAddr,
}
