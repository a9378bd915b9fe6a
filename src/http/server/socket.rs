//! Socket under hyper: a write timeout, and a lingering close that lets the last answer arrive (RFC 9112 9.6).

use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

use super::Connection;
use super::request::LINGER;

/// Timeout of the lingering close.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// A TCP or TLS stream.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Makes the close discard unsent bytes, which the system would otherwise keep for minutes.
    fn discard_on_close(&self);
}

impl Transport for TcpStream {
    fn discard_on_close(&self) {
        // A failure leaves the ordinary close.
        let _ = self.set_zero_linger();
    }
}

impl Transport for TlsStream<TcpStream> {
    fn discard_on_close(&self) {
        self.get_ref().0.discard_on_close();
    }
}

pub(super) struct Socket<T> {
    stream: T,
    connection: Arc<Connection>,
    write_timeout: Duration,
    /// Timer of a pending write. Boxed and absent otherwise, because most connections never need it.
    write_timer: Option<Pin<Box<Sleep>>>,
    drain: Option<Drain>,
}

/// Progress of the lingering close.
struct Drain {
    timer: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl<T: Transport> Socket<T> {
    pub(super) fn new(stream: T, connection: Arc<Connection>, write_timeout: Duration) -> Self {
        Socket { stream, connection, write_timeout, write_timer: None, drain: None }
    }

    /// Applies the write timeout; its error makes hyper close the connection.
    fn with_timeout<O>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<O>>) -> Poll<io::Result<O>> {
        if polled.is_ready() {
            self.write_timer = None;
            return polled;
        }
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.write_timeout)));
        ready!(timer.as_mut().poll(cx));
        self.stream.discard_on_close();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Reads and discards what the client is still sending: closing with unread bytes would reset the connection, and
    /// the client could lose the answer.
    fn poll_drain(&mut self, cx: &mut Context<'_>, drain: &mut Drain) -> Poll<()> {
        let mut scratch = [MaybeUninit::uninit(); 8 * 1024];
        while drain.timer.as_mut().poll(cx).is_pending() {
            if drain.bytes_left == 0 {
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::uninit(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    drain.bytes_left = drain.bytes_left.saturating_sub(buffer.filled().len());
                }
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<T: Transport> AsyncRead for Socket<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<T: Transport> AsyncWrite for Socket<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.with_timeout(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.with_timeout(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.with_timeout(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut drain = match self.drain.take() {
            Some(drain) => drain,
            None => {
                let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
                ready!(self.with_timeout(cx, shut))?;
                let mut bytes_left = self.connection.linger.load(Relaxed);
                if bytes_left == 0 {
                    // Unread bytes mean that hyper itself refused the head; without any the close is at once.
                    let mut scratch = [MaybeUninit::uninit(); 1024];
                    let mut buffer = ReadBuf::uninit(&mut scratch);
                    match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                        Poll::Ready(Ok(())) if !buffer.filled().is_empty() => bytes_left = LINGER,
                        _ => return Poll::Ready(Ok(())),
                    }
                }
                Drain { timer: Box::pin(tokio::time::sleep(LINGER_TIMEOUT)), bytes_left }
            }
        };
        let done = self.poll_drain(cx, &mut drain);
        self.drain = Some(drain);
        done.map(Ok)
    }
}
