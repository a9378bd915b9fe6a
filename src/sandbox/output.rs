//! The byte stream to a client: buffered while all is well, and slowed, sliced or cut off as the faults say.
//! Nothing here knows what the bytes mean, except where one message ends.

use super::faults::{Cut, CutAt, Ending, Pace};
use super::shared::Shared;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// How much is collected before it is written.
const BATCH: usize = 32 * 1024;

/// A connection, in the clear or inside TLS.
pub enum Stream {
    /// In the clear.
    Plain(TcpStream),
    /// Inside TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Closes with a reset.
    pub fn reset(self) {
        let tcp = match &self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
        };
        // Closing with a linger time of zero is what makes the system send RST.
        let _ = tcp.set_zero_linger();
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

/// Why a conversation is over.
#[derive(Debug)]
pub enum Stop {
    /// The client is gone.
    Gone,
    /// The sandbox ends it.
    End(Ending),
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Stop {
        Stop::Gone
    }
}

/// The sending side of a connection.
pub struct Output {
    /// `None` while TLS is being negotiated, and after a reset.
    writer: Option<WriteHalf<Stream>>,
    tls: bool,
    shared: Arc<Shared>,
    number: u64,
    pending: Vec<u8>,
    bytes: u64,
    messages: u64,
}

impl Output {
    /// The sending side of the connection of this number.
    pub fn new(writer: WriteHalf<Stream>, tls: bool, shared: Arc<Shared>, number: u64) -> Output {
        Output { writer: Some(writer), tls, shared, number, pending: Vec::new(), bytes: 0, messages: 0 }
    }

    /// Whether the connection is inside TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The writer, for putting the stream together again.
    pub fn take_writer(&mut self) -> Option<WriteHalf<Stream>> {
        self.writer.take()
    }

    /// Goes on inside TLS.
    pub fn set_tls(&mut self, writer: WriteHalf<Stream>) {
        self.writer = Some(writer);
        self.tls = true;
    }

    /// Sends one message.
    pub async fn message(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.whole(bytes, 0).await
    }

    /// Sends one message that ends in `filler` bytes of no meaning.
    pub async fn whole(&mut self, bytes: &[u8], filler: u64) -> Result<(), Stop> {
        let cut = self.shared.faults_for(self.number).cut;
        let used_up = |messages: u64| match cut {
            Some(Cut { at: CutAt::Messages(limit), how }) if messages >= limit => Some(how),
            _ => None,
        };
        if let Some(how) = used_up(self.messages) {
            return self.end(how).await;
        }
        self.put(bytes).await?;
        let chunk = [b'x'; 8 * 1024];
        let mut left = filler;
        while left > 0 {
            let now = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.put(chunk.get(..now).unwrap_or_default()).await?;
            left -= now as u64;
        }
        self.messages += 1;
        match used_up(self.messages) {
            Some(how) => self.end(how).await,
            None => Ok(()),
        }
    }

    /// Sends bytes that are not a whole message.
    pub async fn put(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let faults = self.shared.faults_for(self.number);
        let (now, ending) = match faults.cut {
            Some(Cut { at: CutAt::Bytes(limit), how }) => {
                let left = usize::try_from(limit.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
                match bytes.get(..left) {
                    Some(now) => (now, Some(how)),
                    None => (bytes, None),
                }
            }
            _ => (bytes, None),
        };
        let spoiled = spoil(now, self.bytes, &faults.spoiled);
        self.bytes += now.len() as u64;
        let now = spoiled.as_deref().unwrap_or(now);
        match faults.pace {
            Some(pace) => self.in_pieces(now, pace).await?,
            None => {
                self.pending.extend_from_slice(now);
                if self.pending.len() >= BATCH {
                    self.flush().await?;
                }
            }
        }
        match ending {
            Some(how) => self.end(how).await,
            None => Ok(()),
        }
    }

    async fn in_pieces(&mut self, bytes: &[u8], pace: Pace) -> Result<(), Stop> {
        self.flush().await?;
        for piece in bytes.chunks(pace.bytes.max(1)) {
            if !pace.every.is_zero() {
                tokio::time::sleep(pace.every).await;
            }
            let writer = self.writer.as_mut().ok_or(Stop::Gone)?;
            writer.write_all(piece).await?;
            writer.flush().await?;
            // Without this, pieces sent without a pause would keep everybody else on the thread waiting.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn end(&mut self, how: Ending) -> Result<(), Stop> {
        self.flush().await?;
        Err(Stop::End(how))
    }

    /// Writes what has been collected.
    pub async fn flush(&mut self) -> Result<(), Stop> {
        let writer = self.writer.as_mut().ok_or(Stop::Gone)?;
        if !self.pending.is_empty() {
            writer.write_all(&self.pending).await?;
            self.pending.clear();
        }
        writer.flush().await?;
        Ok(())
    }

    /// Closes the sending direction.
    pub async fn shutdown(&mut self) {
        let _ = self.flush().await;
        if let Some(writer) = &mut self.writer {
            let _ = writer.shutdown().await;
        }
    }
}

/// The bytes with some turned; `None` if none of those is among them. `before` is how much was sent before them.
fn spoil(bytes: &[u8], before: u64, spoiled: &[(u64, u8)]) -> Option<Vec<u8>> {
    let mut changed = None;
    for (at, bits) in spoiled {
        let place = at.checked_sub(before).and_then(|place| usize::try_from(place).ok());
        if let Some(place) = place.filter(|place| *place < bytes.len()) {
            let copy = changed.get_or_insert_with(|| bytes.to_vec());
            copy.get_mut(place).into_iter().for_each(|byte| *byte ^= bits);
        }
    }
    changed
}
