//! One connection between client and session: TLS, the faults of the byte stream, and the ways in which it ends.

use std::future::pending;
use std::sync::Arc;

use jim::sandbox::{Answer, ber, serve};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, duplex, split};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::Tls;
use super::conversation::Conversation;
use super::faults::{Cut, CutAt, Ending, Hang, Pace};
use super::state::{Counted, State};
use super::stream::Stream;

/// The OID of StartTLS.
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// Serves a connection to its end.
pub async fn connection(state: Arc<State>, tcp: TcpStream, number: u64) {
    let _open = Counted::new(&state.counters.open);
    let _ = tcp.set_nodelay(true);
    let outlet = Outlet { state: Arc::clone(&state), number, bytes: 0, messages: 0 };
    match (&state.tls, state.faults_for(number).hang) {
        (_, Some(Hang::Connect)) | (Some(Tls::Ldaps(_)), Some(Hang::Tls)) => drain(tcp).await,
        (None, _) => converse(outlet, Stream::Plain(tcp), &[]).await,
        (Some(Tls::Ldaps(config)), _) => secured(outlet, tcp, config).await,
        (Some(Tls::StartTls(config)), _) => start_tls(outlet, tcp, config).await,
    }
}

async fn secured(outlet: Outlet, tcp: TcpStream, config: &Arc<ServerConfig>) {
    if let Ok(tls) = TlsAcceptor::from(Arc::clone(config)).accept(tcp).await {
        converse(outlet, Stream::Tls(Box::new(tls)), &[]).await;
    }
}

/// Answers StartTLS and does the handshake. Any other first request is answered in the clear.
async fn start_tls(mut outlet: Outlet, mut tcp: TcpStream, config: &Arc<ServerConfig>) {
    let mut request = Vec::new();
    while message_length(&request).is_none() {
        if !matches!(tcp.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    }
    // SEQUENCE, its length, INTEGER, its length, and an id below 128.
    let id = request.get(4).copied().map_or(0, i32::from);
    if !request.windows(START_TLS.len()).any(|w| w == START_TLS.as_bytes()) {
        return converse(outlet, Stream::Plain(tcp), &request).await;
    }
    let mut response = ber::extended(id, &Answer::default(), Some(START_TLS), None);
    let faults = outlet.state.faults_for(outlet.number);
    response.extend_from_slice(&faults.before_tls);
    if let Err(ending) = outlet.send(&mut tcp, &response).await {
        return end(Stream::Plain(tcp), ending).await;
    }
    outlet.messages += 1;
    if faults.hang == Some(Hang::Tls) {
        return drain(tcp).await;
    }
    secured(outlet, tcp, config).await;
}

/// Runs the session on one end of a pipe and passes everything between the other end and the client.
async fn converse(mut outlet: Outlet, stream: Stream, first: &[u8]) {
    let (near, far) = duplex(64 * 1024);
    let said = Arc::new(Mutex::new(Ending::Close));
    let state = Arc::clone(&outlet.state);
    let script = Conversation::new(Arc::clone(&state), outlet.number, Arc::clone(&said));
    let (mut client, mut to_client) = split(stream);
    let (mut session, mut to_session) = split(near);
    let requests = async {
        if to_session.write_all(first).await.is_ok() {
            let _ = copy(&mut client, &mut to_session).await;
        }
        let _ = to_session.shutdown().await;
        pending().await
    };
    let serving = async {
        serve(&state.directory, far, script).await;
        pending().await
    };
    let ending = tokio::select! {
        cut = outlet.pass(&mut session, &mut to_client) => cut.unwrap_or_else(|| *said.lock()),
        ending = requests => ending,
        ending = serving => ending,
    };
    end(client.unsplit(to_client), ending).await;
}

async fn end(mut stream: Stream, how: Ending) {
    match how {
        Ending::Close => {
            let _ = stream.shutdown().await;
        }
        Ending::HalfClose => {
            let _ = stream.shutdown().await;
            drain(stream).await;
        }
        Ending::Reset => stream.reset(),
        Ending::Silence => drain(stream).await,
    }
}

/// Reads and discards until the client goes away.
async fn drain(mut stream: impl AsyncRead + Unpin) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

/// The bytes sent to a client: counted, slowed down, changed and cut off as the faults say.
pub struct Outlet {
    state: Arc<State>,
    number: u64,
    bytes: u64,
    messages: u64,
}

impl Outlet {
    /// Passes everything on until there is no more, or until a fault ends it in its own way.
    async fn pass(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Option<Ending> {
        let mut held = Vec::with_capacity(64 * 1024);
        while matches!(from.read_buf(&mut held).await, Ok(1..)) {
            if let Err(ending) = self.whole_messages(to, &mut held).await {
                return Some(ending);
            }
        }
        self.send(to, &held).await.err()
    }

    /// Sends what is held; where messages are counted, only those that are complete.
    async fn whole_messages(&mut self, to: &mut (impl AsyncWrite + Unpin), held: &mut Vec<u8>) -> Result<(), Ending> {
        while !held.is_empty() {
            let cut = self.state.faults_for(self.number).cut;
            let Some(Cut { at: CutAt::Messages(limit), how }) = cut else {
                self.send(to, held).await?;
                held.clear();
                return Ok(());
            };
            if self.messages >= limit {
                return Err(how);
            }
            let Some(length) = message_length(held) else { return Ok(()) };
            let message: Vec<u8> = held.drain(..length).collect();
            self.send(to, &message).await?;
            self.messages += 1;
            if self.messages >= limit {
                return Err(how);
            }
        }
        Ok(())
    }

    async fn send(&mut self, to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), Ending> {
        let faults = self.state.faults_for(self.number);
        let (now, ending) = match faults.cut {
            Some(Cut { at: CutAt::Bytes(limit), how }) => {
                let left = usize::try_from(limit.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
                bytes.get(..left).map_or((bytes, None), |now| (now, Some(how)))
            }
            _ => (bytes, None),
        };
        let spoiled = spoil(now, self.bytes, &faults.spoiled);
        self.bytes += now.len() as u64;
        let now = spoiled.as_deref().unwrap_or(now);
        let sent = match faults.pace {
            Some(pace) => in_pieces(to, now, pace).await,
            None => to.write_all(now).await,
        };
        // A client that is gone ends everything.
        sent.and(to.flush().await).map_err(|_| Ending::Close)?;
        ending.map_or(Ok(()), Err)
    }
}

async fn in_pieces(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], pace: Pace) -> std::io::Result<()> {
    for piece in bytes.chunks(pace.bytes.max(1)) {
        if !pace.every.is_zero() {
            tokio::time::sleep(pace.every).await;
        }
        to.write_all(piece).await?;
        to.flush().await?;
        // Without this, pieces sent without a pause would block all other tasks of the thread.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The bytes with some changed; `None` if none of those is among them. `before` is the number of bytes sent before.
fn spoil(bytes: &[u8], before: u64, spoiled: &[(u64, u8)]) -> Option<Vec<u8>> {
    let mut changed = None;
    for (at, bits) in spoiled {
        let place = at.checked_sub(before).and_then(|place| usize::try_from(place).ok());
        if let Some(place) = place.filter(|place| *place < bytes.len()) {
            changed.get_or_insert_with(|| bytes.to_vec())[place] ^= bits;
        }
    }
    changed
}

/// The length of the LDAP message at the beginning; `None` while it is incomplete.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = match *bytes.get(1)? {
        short @ 0..=0x7f => 2 + usize::from(short),
        long => {
            let digits = bytes.get(2..2 + usize::from(long & 0x7f))?;
            2 + digits.len() + digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit))
        }
    };
    (bytes.len() >= length).then_some(length)
}
