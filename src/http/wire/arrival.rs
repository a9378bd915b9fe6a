//! Facts about a request that are settled before its route is looked up.

use std::net::IpAddr;
use std::sync::Arc;

/// Request id and peer; the listener puts it into the extensions of the request.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// The caller's `X-Request-Id` if it is acceptable, otherwise a new GUID; the answer carries the same.
    pub(crate) request_id: Arc<str>,
    /// Address of the caller, IPv4 always as IPv4: the other end of the socket, or the address that a trusted proxy
    /// forwards for.
    pub(crate) peer: IpAddr,
}
