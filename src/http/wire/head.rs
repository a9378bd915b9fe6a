//! Head of a request, as the listener hands it to the routes.

use std::net::IpAddr;
use std::sync::Arc;

use warp::http::{HeaderMap, Method, Uri};

/// The listener puts it into the extensions of the request, whole: warp's filters would copy it piece by piece.
#[derive(Debug, Clone)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: Arc<HeaderMap>,
    /// `X-Request-Id` of the request if it is valid, otherwise a new GUID.
    pub(crate) request_id: Arc<str>,
    /// Address of the client, forwarded by a trusted proxy or of the socket; IPv4 never as mapped IPv6.
    pub(crate) peer: IpAddr,
}
