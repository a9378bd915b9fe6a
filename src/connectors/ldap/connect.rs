//! From host and port to a connection on which LDAP can be spoken: resolving, the address policy, TCP, StartTLS and
//! TLS (RFC 4511 4.14, RFC 4513 3).
//!
//! No fallback from one kind of transport to another, no second look-up of a name, and no credentials: they are sent
//! by `session`, when everything here is done.

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
use super::ber::{Fault, frame_length};
use super::cleaner::Cleaner;
use super::failure::{EXCEEDS, Failure, LOST, NOT_UNDERSTOOD, Stage, result_text};
use super::guard::{Guard, Passed, result_of};
use super::limits::Limits;
use crate::security::tls::{ClientTrust, Handshake, NOT_COVERED};

/// The StartTLS request (RFC 4511, section 4.14.1): message 1, extended request 1.3.6.1.4.1.1466.20037.
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// The operator, or the house, does not want connections to this address.
pub const NOT_ALLOWED: &str = "address not allowed";
/// What programs know it by.
pub const NOT_ALLOWED_CODE: &str = "addressNotAllowed";

/// How the bytes travel. What the settings say is what is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// As they are, readable by everyone on the way.
    Plain,
    /// TLS after a first message in the clear.
    StartTls,
    /// TLS from the first byte.
    Ldaps,
}

/// Where and how to connect, already validated.
#[derive(Debug, Clone)]
pub struct Target {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the bytes travel.
    pub security: Transport,
    /// Whether the directory's certificate must lead to one that is trusted. Without it anybody on the way can read
    /// the password.
    pub verify: bool,
}

impl Target {
    /// `host:port`, an IPv6 address in brackets.
    pub fn label(&self) -> String {
        let host = &self.host;
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }
}

/// Until when something must be done.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// The moment.
    pub at: Instant,
    /// The limit as a person set it, for the text of the failure.
    pub seconds: u64,
}

impl Deadline {
    /// This many seconds from now.
    pub fn after(seconds: u64) -> Self {
        Deadline { at: Instant::now() + Duration::from_secs(seconds), seconds }
    }

    /// Does `step`, and gives it up when the time is over.
    ///
    /// # Errors
    /// Those of the step; `timed out after <n> s`.
    pub async fn bound<T>(
        &self,
        stage: Stage,
        target: &str,
        step: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match timeout_at(self.at, step).await {
            Ok(done) => done,
            Err(_) => Err(self.over(stage, target)),
        }
    }

    /// The failure of being too late.
    pub fn over(&self, stage: Stage, target: &str) -> Failure {
        Failure::out_of_time(stage, target, self.seconds)
    }
}

/// A connection on which LDAP can be spoken.
#[derive(Debug)]
pub(super) enum Wire {
    /// Without encryption.
    Plain(TcpStream),
    /// Encrypted; and whether a certificate of ours was asked for.
    Tls(Box<TlsStream<TcpStream>>, bool),
}

/// Opens the connection.
pub(super) async fn connect(
    target: &Target,
    trust: &ClientTrust,
    cleaner: &Cleaner,
    limits: &Limits,
    deadline: Deadline,
) -> Result<Wire, Failure> {
    let addresses = resolve(target, &limits.hosts, deadline).await?;
    let tcp = dial(&addresses, target, deadline).await?;
    if target.security == Transport::Plain {
        return Ok(Wire::Plain(tcp));
    }
    let tls = prepared(target, trust, deadline).await?;
    secure(tcp, target, &tls, cleaner, limits, deadline).await
}

/// All addresses of the host, each of which may be connected to.
pub(super) async fn resolve(target: &Target, hosts: &Policy, deadline: Deadline) -> Result<Vec<SocketAddr>, Failure> {
    let (at, host) = (target.label(), &target.host);
    let unknown = || Failure::new(Stage::Resolve, &at, "name not found");
    let denied = || Failure::new(Stage::Resolve, &at, NOT_ALLOWED).of_settings();
    if hosts.refuses(host, target.port) {
        return Err(denied());
    }
    let look_up = async { tokio::net::lookup_host((host.as_str(), target.port)).await.map_err(|_| unknown()) };
    let addresses: Vec<SocketAddr> = deadline.bound(Stage::Resolve, &at, look_up).await?.collect();
    if addresses.is_empty() {
        return Err(unknown());
    }
    // One denied address spoils the name: which of them is taken is up to whoever answers for it.
    if addresses.iter().all(|a| hosts.permits(host, *a)) { Ok(addresses) } else { Err(denied()) }
}

/// A fault of ours in setting up TLS is told as a handshake that failed; the log knows more. Certificates that lie in
/// files are read for it, which may take a while.
pub(super) async fn prepared(target: &Target, trust: &ClientTrust, deadline: Deadline) -> Result<Handshake, Failure> {
    let at = target.label();
    let made = async {
        trust.handshake(target.verify).await.map_err(|error| {
            tracing::error!(error, "TLS cannot be set up");
            Failure::new(Stage::Tls, &at, "handshake failed")
        })
    };
    deadline.bound(Stage::Tls, &at, made).await
}

/// Puts TLS on an open connection, after a StartTLS exchange where the settings ask for it.
pub(super) async fn secure(
    mut tcp: TcpStream,
    target: &Target,
    tls: &Handshake,
    cleaner: &Cleaner,
    limits: &Limits,
    deadline: Deadline,
) -> Result<Wire, Failure> {
    let at = target.label();
    let secured = async {
        if target.security == Transport::StartTls {
            start_tls(&mut tcp, &at, cleaner, limits.message).await?;
        }
        handshake(tcp, target, tls, &at).await
    };
    let stream = deadline.bound(Stage::Tls, &at, secured).await?;
    Ok(Wire::Tls(Box::new(stream), tls.witness.asked()))
}

/// The first address that answers. Each gets its share of the time, so that one that swallows packets does not keep
/// the others from their turn.
pub(super) async fn dial(addresses: &[SocketAddr], target: &Target, deadline: Deadline) -> Result<TcpStream, Failure> {
    let at = &target.label();
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut failure = Failure::new(Stage::Connect, at, "not reachable");
    for address in addresses {
        let now = Instant::now();
        let share = now + deadline.at.saturating_duration_since(now) / left.max(1);
        match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A page is asked for when the last one is read: waiting to fill a packet would cost a round trip
                // each time.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => {
                tracing::debug!(%address, %error, "a directory's address is not reachable");
                failure = Failure::new(Stage::Connect, at, unreachable(error.kind()));
            }
            Err(_) => {
                let reason = format!("no answer within {} s", deadline.seconds);
                failure = Failure { late: true, ..Failure::new(Stage::Connect, at, reason) };
            }
        }
        left = left.saturating_sub(1);
    }
    Err(failure)
}

/// Why a connection does not come about.
fn unreachable(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => "no route",
        // The system gave up before we did.
        io::ErrorKind::TimedOut => "no answer",
        _ => "not reachable",
    }
}

/// Asks for TLS before anything else is said. The answer is judged as every other one, and must be the last thing in
/// the clear: bytes behind it were put there by somebody on the way.
async fn start_tls(tcp: &mut TcpStream, at: &str, cleaner: &Cleaner, limit: usize) -> Result<(), Failure> {
    let lost = || Failure::new(Stage::Tls, at, LOST).worth_a_retry();
    let refused = |fault: Fault| {
        tracing::warn!(%fault, "the answer to StartTLS is not read");
        Failure::new(Stage::Tls, at, if fault.is_limit() { EXCEEDS } else { NOT_UNDERSTOOD })
    };
    let mut guard = Guard::new();
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
        _ => return Err(refused(Fault::Operation)),
    }
    match result_of(frame).map_err(refused)? {
        (0, _) => {}
        (code, text) => {
            let result = result_text(code, &cleaner.quote(text));
            return Err(Failure::new(Stage::Tls, at, format!("StartTLS refused: {result}")));
        }
    }
    let more = tcp.try_read(&mut [0; 1]);
    let silent = matches!(&more, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    if behind.is_empty() && silent { Ok(()) } else { Err(Failure::new(Stage::Tls, at, "handshake failed")) }
}

/// The TLS handshake. The host of the settings is what the certificate is compared with, whatever the name resolved
/// to.
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
        // A name that no certificate can hold. Unverified, any name will do: it is compared with nothing.
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
        if dropped { failure.worth_a_retry() } else { failure }
    })
}
