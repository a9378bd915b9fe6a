//! HTTP/1.1 listener: accept loop, connection limits, timeouts and graceful shutdown.
//!
//! `request` sits between hyper and warp, `socket` between hyper and TCP or TLS; `body` tracks whether a request body
//! was consumed, `forwarded` finds the client address behind trusted proxies. Paths, credentials and JSON stay out.

mod body;
mod forwarded;
mod request;
mod socket;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use warp::http::Request;
use warp::reply::Response;

use self::body::Body;
use self::socket::{Socket, Transport};
use super::Filter;
use crate::domain::network::Network;
use crate::security::tls::listener::ListenerTls;

/// hyper panics on a smaller buffer.
const MIN_BUFFER: usize = 8 * 1024;

/// Delay before the next accept after EMFILE or ENOMEM; retrying at once would only burn a core.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Limits of the listener, per connection, per address and in total.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Concurrent connections; one more is closed at once.
    pub connections: usize,
    /// Concurrent connections per peer address.
    pub per_address: usize,
    pub handshake_timeout: Duration,
    /// Timeout for a request head, and so for an idle connection.
    pub head_timeout: Duration,
    /// Size of request line and headers; hyper cannot go below 8 KiB for a head that arrives in pieces.
    pub head_bytes: usize,
    pub headers: usize,
    /// Length of the request target.
    pub target_bytes: usize,
    pub write_timeout: Duration,
    /// Age at which a connection is closed after its current answer.
    pub max_age: Duration,
    pub requests_per_connection: usize,
    /// Timeout for requests in progress after shutdown began.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            per_address: 256,
            handshake_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            headers: 48,
            target_bytes: 8 * 1024,
            write_timeout: Duration::from_secs(30),
            max_age: Duration::from_secs(600),
            requests_per_connection: 10_000,
            // With the checkpoint afterwards, stopping takes about ten seconds at most.
            shutdown_timeout: Duration::from_secs(8),
        }
    }
}

/// Configuration of a listener.
#[derive(Debug, Default)]
pub struct ListenerOptions {
    pub limits: Limits,
    pub tls: Option<Arc<ListenerTls>>,
    /// Proxies whose `X-Forwarded-For` counts; exempt from the limit per address.
    pub trusted_proxies: Vec<Network>,
}

/// Serves `route` on `listener` until `shutdown` resolves, then waits up to `shutdown_timeout` for requests in progress
/// and closes the other connections.
pub async fn run(
    listener: TcpListener,
    route: Filter,
    options: ListenerOptions,
    shutdown: impl Future<Output = ()> + Send,
) {
    let limits = &options.limits;
    let slots = Arc::new(Slots { per_address: limits.per_address, total: limits.connections, used: Mutex::default() });
    let (shutdown_timeout, mut shutdown) = (limits.shutdown_timeout, pin!(shutdown));
    let routes = TowerToHyperService::new(warp::service(route));
    let server = Arc::new(Server { http: http1(limits), options, routes });
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(error = %error, "a connection ended abnormally");
                }
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let peer = address.ip().to_canonical();
                if let Some(slot) = slots.acquire(peer, server.trusts(peer)) {
                    connections.spawn(serve_connection(stream, Arc::clone(&server), stopping.clone(), slot));
                } else {
                    tracing::debug!(peer = %peer, "connection refused: too many are open");
                }
            }
            Err(error) if is_peer_error(&error) => {}
            Err(error) => {
                tracing::warn!(error = %error, "cannot accept connections");
                tokio::select! {
                    () = &mut shutdown => break,
                    () = tokio::time::sleep(ACCEPT_RETRY_DELAY) => {}
                }
            }
        }
    }
    // Closed first, so that the system refuses new connections at once.
    drop((listener, stopping));
    let _ = stop.send(());
    let finished = tokio::time::timeout(shutdown_timeout, async { while connections.join_next().await.is_some() {} });
    if finished.await.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut: they did not finish in time");
        connections.shutdown().await;
    }
}

/// State shared by all connections.
struct Server<S> {
    http: http1::Builder,
    options: ListenerOptions,
    routes: S,
}

impl<S> Server<S> {
    fn trusts(&self, address: IpAddr) -> bool {
        self.options.trusted_proxies.iter().any(|network| network.contains(address))
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        // The buffer grows in steps and may overshoot, so the head has its own exact limit.
        .max_buf_size(limits.head_bytes.max(MIN_BUFFER))
        .max_header_size(limits.head_bytes)
        .max_headers(limits.headers)
        .keep_alive(true)
        // A client may close its sending side and still read the answer.
        .half_close(true);
    http
}

/// State of one connection, shared by its service and its socket.
struct Connection {
    peer: IpAddr,
    opened: Instant,
    requests: AtomicUsize,
    /// An answer was sent before its request body arrived: hyper must be polled again to stop reading it.
    body_abandoned: AtomicBool,
    /// Bytes to discard before closing, so that the client can read the answer. 0 = close at once.
    linger: AtomicUsize,
}

/// Serves one connection. Its slot is held before the TLS handshake, which costs memory too.
async fn serve_connection<S>(
    stream: TcpStream,
    server: Arc<Server<S>>,
    mut stopping: watch::Receiver<()>,
    slot: ConnectionSlot,
) where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Send + Sync + 'static,
    S::Future: Send,
{
    // Small answers must not wait for the ACK of the one before. Without the option the connection still works.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &server.options.tls else { return serve_http(stream, server, stopping, slot).await };
    let handshake = TlsAcceptor::from(tls.current()).accept(stream);
    let secured = tokio::select! {
        _ = stopping.changed() => return,
        secured = tokio::time::timeout(server.options.limits.handshake_timeout, handshake) => secured,
    };
    match secured {
        Ok(Ok(stream)) => serve_http(stream, server, stopping, slot).await,
        Ok(Err(error)) => tracing::debug!(peer = %slot.address, error = %error, "TLS handshake failed"),
        Err(_) => tracing::debug!(peer = %slot.address, "TLS handshake timed out"),
    }
}

async fn serve_http<T, S>(stream: T, server: Arc<Server<S>>, mut stopping: watch::Receiver<()>, slot: ConnectionSlot)
where
    T: Transport + Send + 'static,
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Send + Sync + 'static,
    S::Future: Send,
{
    let connection = Arc::new(Connection {
        peer: slot.address,
        opened: Instant::now(),
        requests: AtomicUsize::new(0),
        body_abandoned: AtomicBool::new(false),
        linger: AtomicUsize::new(0),
    });
    let io = TokioIo::new(Socket::new(stream, Arc::clone(&connection), server.options.limits.write_timeout));
    let service = service_fn(|request| {
        let (server, connection) = (Arc::clone(&server), Arc::clone(&connection));
        async move { Ok::<_, Infallible>(request::answer(&server, &connection, request).await) }
    });
    let mut http = pin!(server.http.serve_connection(io, service));
    let mut stop = pin!(stopping.changed());
    let mut is_stopping = false;
    let ended = poll_fn(|cx| {
        if !is_stopping && stop.as_mut().poll(cx).is_ready() {
            is_stopping = true;
            http.as_mut().graceful_shutdown();
        }
        loop {
            match http.as_mut().poll(cx) {
                // hyper notices a dropped body only at the next poll.
                Poll::Pending if connection.body_abandoned.swap(false, Relaxed) => {}
                other => return other,
            }
        }
    });
    if let Err(error) = ended.await {
        tracing::debug!(peer = %connection.peer, error = %error, "connection ended early");
    }
}

/// Whether accept failed because of that connection alone.
fn is_peer_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Connection slots, limited per address and in total.
struct Slots {
    per_address: usize,
    total: usize,
    used: Mutex<UsedSlots>,
}

#[derive(Default)]
struct UsedSlots {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Slots {
    /// A free slot; only the total limits a proxy, which forwards for many clients.
    fn acquire(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> Option<ConnectionSlot> {
        let mut used = self.used();
        let of_address = used.by_address.get(&address).copied().unwrap_or(0);
        if used.total >= self.total || (of_address >= self.per_address && !is_proxy) {
            return None;
        }
        used.total += 1;
        used.by_address.insert(address, of_address + 1);
        Some(ConnectionSlot { slots: Arc::clone(self), address })
    }

    fn used(&self) -> MutexGuard<'_, UsedSlots> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot of one connection, released on drop.
struct ConnectionSlot {
    slots: Arc<Slots>,
    address: IpAddr,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut used = self.slots.used();
        used.total = used.total.saturating_sub(1);
        if let Entry::Occupied(mut of_address) = used.by_address.entry(self.address) {
            *of_address.get_mut() -= 1;
            if *of_address.get() == 0 {
                of_address.remove();
            }
        }
    }
}
