//! Connection set-up: name resolution, address policy, TCP, StartTLS and TLS (RFC 4511 4.14, RFC 4513 3).
//!
//! No fallback between transports, no second look-up of a name, no credentials: `session` sends them afterwards.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::Policy;
use super::ber::{BerError, frame_length};
use super::failure::{EXCEEDS, Failure, LOST, NOT_UNDERSTOOD, Stage, result_text};
use super::guard::{Guard, Passed, result_of};
use super::limits::Limits;
use super::sanitiser::Sanitiser;
use crate::security::tls::{ClientTrust, Handshake, NOT_COVERED};

/// StartTLS request (RFC 4511, section 4.14.1): message 1, extended request 1.3.6.1.4.1.1466.20037.
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// Reason for an address that the policy refuses.
pub const NOT_ALLOWED: &str = "address not allowed";
pub const NOT_ALLOWED_CODE: &str = "addressNotAllowed";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Unencrypted.
    Plain,
    /// TLS after a first message in plain text.
    StartTls,
    /// TLS from the first byte.
    Ldaps,
}

#[derive(Debug, Clone)]
pub struct Target {
    /// Name or address, without brackets.
    pub host: String,
    pub port: u16,
    pub security: Transport,
    /// Certificate validation. Without it a man in the middle can read the password.
    pub verify: bool,
}

impl Target {
    /// `host:port`, an IPv6 address in brackets.
    pub fn label(&self) -> String {
        let host = &self.host;
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub at: Instant,
    /// The timeout as configured, for the failure text.
    pub seconds: u64,
}

impl Deadline {
    pub fn after(seconds: u64) -> Self {
        Deadline { at: Instant::now() + Duration::from_secs(seconds), seconds }
    }

    /// Runs a step and cancels it at the deadline.
    pub async fn within<T>(
        &self,
        stage: Stage,
        target: &str,
        step: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match timeout_at(self.at, step).await {
            Ok(done) => done,
            Err(_) => Err(self.exceeded(stage, target)),
        }
    }

    pub fn exceeded(&self, stage: Stage, target: &str) -> Failure {
        Failure::timeout(stage, target, self.seconds)
    }
}

#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    /// The flag: the server requested a client certificate.
    Tls(Box<TlsStream<TcpStream>>, bool),
}

pub(super) async fn connect(
    target: &Target,
    trust: &ClientTrust,
    sanitiser: &Sanitiser,
    limits: &Limits,
    deadline: Deadline,
) -> Result<Wire, Failure> {
    let addresses = resolve(target, &limits.hosts, deadline).await?;
    let tcp = connect_tcp(&addresses, target, deadline).await?;
    if target.security == Transport::Plain {
        return Ok(Wire::Plain(tcp));
    }
    let tls = prepare_tls(target, trust, deadline).await?;
    secure(tcp, target, &tls, sanitiser, limits, deadline).await
}

/// Addresses of the host, all of them permitted.
pub(super) async fn resolve(target: &Target, hosts: &Policy, deadline: Deadline) -> Result<Vec<SocketAddr>, Failure> {
    let (at, host) = (target.label(), &target.host);
    let unknown = || Failure::new(Stage::Resolve, &at, "name not found");
    let denied = || Failure::new(Stage::Resolve, &at, NOT_ALLOWED).in_settings();
    if hosts.refuses(host, target.port) {
        return Err(denied());
    }
    let look_up = async { tokio::net::lookup_host((host.as_str(), target.port)).await.map_err(|_| unknown()) };
    let addresses: Vec<SocketAddr> = deadline.within(Stage::Resolve, &at, look_up).await?.collect();
    if addresses.is_empty() {
        return Err(unknown());
    }
    // One denied address refuses the name: the name server chooses their order.
    if addresses.iter().all(|a| hosts.permits(host, *a)) { Ok(addresses) } else { Err(denied()) }
}

/// Prepares the TLS client, which may read certificate files. Internal errors are logged.
pub(super) async fn prepare_tls(
    target: &Target,
    trust: &ClientTrust,
    deadline: Deadline,
) -> Result<Handshake, Failure> {
    let at = target.label();
    let made = async {
        trust.handshake(target.verify).await.map_err(|error| {
            tracing::error!(error, "TLS cannot be set up");
            Failure::new(Stage::Tls, &at, "handshake failed")
        })
    };
    deadline.within(Stage::Tls, &at, made).await
}

/// Starts TLS on an open connection, after StartTLS if configured.
pub(super) async fn secure(
    mut tcp: TcpStream,
    target: &Target,
    tls: &Handshake,
    sanitiser: &Sanitiser,
    limits: &Limits,
    deadline: Deadline,
) -> Result<Wire, Failure> {
    let at = target.label();
    let secured = async {
        if target.security == Transport::StartTls {
            start_tls(&mut tcp, &at, sanitiser, limits.message).await?;
        }
        handshake(tcp, target, tls, &at).await
    };
    let stream = deadline.within(Stage::Tls, &at, secured).await?;
    Ok(Wire::Tls(Box::new(stream), tls.witness.asked()))
}

/// Connects to the first reachable address. Each gets its share of the time, since one may drop packets silently.
pub(super) async fn connect_tcp(
    addresses: &[SocketAddr],
    target: &Target,
    deadline: Deadline,
) -> Result<TcpStream, Failure> {
    let at = &target.label();
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut failure = Failure::new(Stage::Connect, at, "not reachable");
    for address in addresses {
        let now = Instant::now();
        let share = now + deadline.at.saturating_duration_since(now) / left.max(1);
        match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Nagle's algorithm would delay the request for each page by a round trip.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => {
                tracing::debug!(%address, %error, "a directory's address is not reachable");
                failure = Failure::new(Stage::Connect, at, unreachable(error.kind()));
            }
            Err(_) => {
                let reason = format!("no answer within {} s", deadline.seconds);
                failure = Failure { timed_out: true, ..Failure::new(Stage::Connect, at, reason) };
            }
        }
        left = left.saturating_sub(1);
    }
    Err(failure)
}

fn unreachable(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => "no route",
        // The system's timeout was shorter.
        io::ErrorKind::TimedOut => "no answer",
        _ => "not reachable",
    }
}

/// Performs the StartTLS exchange. The answer must be the last plain text: bytes after it were injected.
async fn start_tls(tcp: &mut TcpStream, at: &str, sanitiser: &Sanitiser, limit: usize) -> Result<(), Failure> {
    let lost = || Failure::new(Stage::Tls, at, LOST).as_transient();
    let refused = |error: BerError| {
        tracing::warn!(%error, "the answer to StartTLS is invalid");
        Failure::new(Stage::Tls, at, if error.is_limit() { EXCEEDS } else { NOT_UNDERSTOOD })
    };
    let mut guard = Guard::default();
    guard.sent(START_TLS).map_err(refused)?;
    tcp.write_all(START_TLS).await.map_err(|_| lost())?;
    let mut came = Vec::with_capacity(512);
    let length = loop {
        if tcp.read_buf(&mut came).await.map_err(|_| lost())? == 0 {
            return Err(lost());
        }
        match frame_length(&came, limit).map_err(refused)? {
            Some(length) if length <= came.len() => break length,
            _ => {}
        }
    };
    let (frame, behind) = came.split_at_checked(length).ok_or_else(lost)?;
    match guard.check(frame).map_err(refused)? {
        Passed::Final => {}
        Passed::Disconnect => return Err(lost()),
        _ => return Err(refused(BerError::Operation)),
    }
    match result_of(frame).map_err(refused)? {
        (0, _) => {}
        (code, text) => {
            let result = result_text(code, &sanitiser.quote(text));
            return Err(Failure::new(Stage::Tls, at, format!("StartTLS refused: {result}")));
        }
    }
    let more = tcp.try_read(&mut [0; 1]);
    let silent = matches!(&more, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    if behind.is_empty() && silent { Ok(()) } else { Err(Failure::new(Stage::Tls, at, "handshake failed")) }
}

/// Performs the TLS handshake. The certificate must match the configured host, not the resolved address.
async fn handshake(
    tcp: TcpStream,
    target: &Target,
    tls: &Handshake,
    at: &str,
) -> Result<TlsStream<TcpStream>, Failure> {
    let failed = |reason: &str| Failure::new(Stage::Tls, at, reason);
    let host = &target.host;
    let name = match ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned()) {
        Ok(name) => name,
        // Not a valid name for a certificate. Without validation any name will do.
        Err(_) if target.verify => return Err(failed(NOT_COVERED)),
        Err(_) => ServerName::IpAddress(tcp.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |a| a.ip()).into()),
    };
    TlsConnector::from(Arc::clone(&tls.config)).connect(name, tcp).await.map_err(|error| {
        tracing::debug!(%error, "TLS handshake with a directory failed");
        let dropped = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        );
        let failure = failed(&tls.witness.reason(&error, host));
        if dropped { failure.as_transient() } else { failure }
    })
}
