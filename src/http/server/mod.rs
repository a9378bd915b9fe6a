//! Accepts connections and serves the routes on them: HTTP/1.1 only, with a limit on everything a stranger can hold.
//!
//! Owns the accept loop, the caps on connections and the orderly end. The parts: `request` is what stands between
//! hyper and warp, `socket` what stands between hyper and the wire, `body` knows whether a request was read to
//! its end, `forwarded` whom a proxy speaks for. No path, no credential and no JSON shape may appear here, and no request body is read here.

mod body;
mod forwarded;
mod request;
mod socket;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
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
use self::socket::{Socket, Wire};
use super::Filter;
use crate::domain::network::Network;
use crate::security::tls::listener::ListenerTls;

/// hyper panics below this size of its buffer.
const SMALLEST_BUFFER: usize = 8 * 1024;

/// How long accepting rests after the system refused a descriptor or memory; trying at once would only burn a core.
const PAUSE: Duration = Duration::from_millis(50);

/// What one caller, and all of them together, may take from the listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections held at the same time; one more is closed at once.
    pub connections: usize,
    /// The same, counted by peer address.
    pub per_address: usize,
    /// Time for the TLS handshake.
    pub handshake: Duration,
    /// Time for a request head to arrive. The same clock cuts an idle connection.
    pub head: Duration,
    /// Size of request line and headers; hyper cannot go below 8 KiB for a head that does not arrive in one piece.
    pub head_bytes: usize,
    /// Number of headers.
    pub headers: usize,
    /// Length of the request target.
    pub target_bytes: usize,
    /// How long a caller may leave an answer untaken.
    pub write_stall: Duration,
    /// Age at which a connection is closed after the answer it is working on.
    pub age: Duration,
    /// Requests after which a connection is closed.
    pub requests_per_connection: usize,
    /// How long requests in progress may take to finish after a shutdown began.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            per_address: 256,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            headers: 48,
            target_bytes: 8 * 1024,
            write_stall: Duration::from_secs(30),
            age: Duration::from_secs(600),
            requests_per_connection: 10_000,
            // With what is stored afterwards, an end takes about ten seconds at most.
            drain: Duration::from_secs(8),
        }
    }
}

/// How the listener meets those who knock.
#[derive(Debug, Default)]
pub struct Door {
    /// What one caller, and all together, may take.
    pub limits: Limits,
    /// TLS on every connection, if it is configured.
    pub tls: Option<Arc<ListenerTls>>,
    /// Proxies whose word about a caller's address is taken, and who speak for many.
    pub trusted_proxies: Vec<Network>,
}

/// Serves `route` on `listener` until `shutdown` resolves, then lets requests in progress finish within
/// `door.limits.drain`. What is still open after that is cut.
pub async fn run(listener: TcpListener, route: Filter, door: Door, shutdown: impl Future<Output = ()> + Send) {
    let limits = &door.limits;
    let gate = Arc::new(Gate { per_address: limits.per_address, total: limits.connections, held: Mutex::default() });
    let (drain, mut shutdown) = (limits.drain, pin!(shutdown));
    let house = Arc::new(House { http: http1(limits), door, routes: TowerToHyperService::new(warp::service(route)) });
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
                if let Some(place) = gate.admit(peer, house.trusts(peer)) {
                    connections.spawn(connection(stream, Arc::clone(&house), stopping.clone(), place));
                } else {
                    tracing::debug!(peer = %peer, "connection refused: too many are open");
                }
            }
            Err(error) if concerns_one_caller(&error) => {}
            Err(error) => {
                tracing::warn!(error = %error, "cannot accept connections");
                tokio::select! {
                    () = &mut shutdown => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
    // Closed first, so that a caller is refused by the system instead of waiting for nobody.
    drop((listener, stopping));
    let _ = stop.send(());
    let finished = tokio::time::timeout(drain, async { while connections.join_next().await.is_some() {} });
    if finished.await.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut: they did not finish in time");
        connections.shutdown().await;
    }
}

/// What all connections share.
struct House<S> {
    http: http1::Builder,
    door: Door,
    routes: S,
}

impl<S> House<S> {
    fn trusts(&self, address: IpAddr) -> bool {
        self.door.trusted_proxies.iter().any(|network| network.contains(address))
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        // The buffer grows in steps and may overshoot, so the head has its own exact limit.
        .max_buf_size(limits.head_bytes.max(SMALLEST_BUFFER))
        .max_header_size(limits.head_bytes)
        .max_headers(limits.headers)
        .keep_alive(true)
        // A caller that has said all it wants to say may still want the answer.
        .half_close(true);
    http
}

/// What the service and the socket of one connection tell each other.
struct Link {
    peer: IpAddr,
    born: Instant,
    /// Requests begun so far.
    requests: AtomicUsize,
    /// An answer was given while the rest of its request is still to come: hyper has to be told to stop waiting.
    abandoned: AtomicBool,
    /// Bytes to swallow before closing, so that the caller can take the answer. 0 = close at once.
    linger: AtomicUsize,
}

/// One connection from its first byte to its last. Its place was taken before it may begin to speak TLS.
async fn connection<S>(stream: TcpStream, house: Arc<House<S>>, mut stopping: watch::Receiver<()>, place: Place)
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Send + Sync + 'static,
    S::Future: Send,
{
    // Small answers must not wait for the acknowledgement of the one before. Failing is no reason not to answer.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &house.door.tls else { return exchange(stream, house, stopping, place).await };
    let handshake = TlsAcceptor::from(tls.current()).accept(stream);
    let secured = tokio::select! {
        _ = stopping.changed() => return,
        secured = tokio::time::timeout(house.door.limits.handshake, handshake) => secured,
    };
    match secured {
        Ok(Ok(stream)) => exchange(stream, house, stopping, place).await,
        Ok(Err(error)) => tracing::debug!(peer = %place.address, error = %error, "TLS handshake failed"),
        Err(_) => tracing::debug!(peer = %place.address, "TLS handshake not finished in time"),
    }
}

async fn exchange<W, S>(stream: W, house: Arc<House<S>>, mut stopping: watch::Receiver<()>, place: Place)
where
    W: Wire + Send + 'static,
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Send + Sync + 'static,
    S::Future: Send,
{
    let link = Arc::new(Link {
        peer: place.address,
        born: Instant::now(),
        requests: AtomicUsize::new(0),
        abandoned: AtomicBool::new(false),
        linger: AtomicUsize::new(0),
    });
    let io = TokioIo::new(Socket::new(stream, Arc::clone(&link), house.door.limits.write_stall));
    let service = service_fn(|request| {
        let (house, link) = (Arc::clone(&house), Arc::clone(&link));
        async move { Ok::<_, Infallible>(request::answer(&house, &link, request).await) }
    });
    let mut http = pin!(house.http.serve_connection(io, service));
    let mut stop = pin!(stopping.changed());
    let mut told = false;
    let ended = poll_fn(|cx| {
        if !told && stop.as_mut().poll(cx).is_ready() {
            told = true;
            http.as_mut().graceful_shutdown();
        }
        loop {
            match http.as_mut().poll(cx) {
                // hyper notices only when it is asked again that nobody wants the rest of the body.
                Poll::Pending if link.abandoned.swap(false, Relaxed) => {}
                other => return other,
            }
        }
    });
    if let Err(error) = ended.await {
        tracing::debug!(peer = %link.peer, error = %error, "connection ended early");
    }
}

/// Whether accepting failed because of the caller alone.
fn concerns_one_caller(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Counts who is in.
struct Gate {
    per_address: usize,
    total: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Gate {
    /// A place among all, and among those of the address unless it speaks for many.
    fn admit(self: &Arc<Self>, address: IpAddr, speaks_for_many: bool) -> Option<Place> {
        let mut held = self.held();
        let here = held.by_address.get(&address).copied().unwrap_or(0);
        if held.all >= self.total || (here >= self.per_address && !speaks_for_many) {
            return None;
        }
        held.all += 1;
        held.by_address.insert(address, here + 1);
        Some(Place { gate: Arc::clone(self), address })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one connection; given back when dropped, whichever way the connection ended.
struct Place {
    gate: Arc<Gate>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.gate.held();
        held.all = held.all.saturating_sub(1);
        if let Some(here) = held.by_address.get_mut(&self.address) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                held.by_address.remove(&self.address);
            }
        }
    }
}
