//! The socket under hyper: a write timeout, and a close that lets the last answer arrive.
//!
//! Sees bytes, never requests; nothing here may depend on what is being asked.

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

use super::Link;
use super::request::LINGER;

/// How long a closed connection waits for the caller to take the last answer.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// What the bytes travel over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// Makes the coming close discard what the caller has not taken, instead of the system offering it for minutes.
    fn discard_on_close(&self);
}

impl Wire for TcpStream {
    fn discard_on_close(&self) {
        // Failing leaves the ordinary close.
        let _ = self.set_zero_linger();
    }
}

impl Wire for TlsStream<TcpStream> {
    fn discard_on_close(&self) {
        self.get_ref().0.discard_on_close();
    }
}

/// A connection as hyper sees it.
pub(super) struct Socket<W> {
    wire: W,
    link: Arc<Link>,
    write_timeout: Duration,
    /// Runs while a write waits for the caller. Boxed and absent otherwise, because most connections never need it.
    stall: Option<Pin<Box<Sleep>>>,
    drain: Option<Drain>,
}

struct Drain {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<W: Wire> Socket<W> {
    pub(super) fn new(wire: W, link: Arc<Link>, write_timeout: Duration) -> Self {
        Socket { wire, link, write_timeout, stall: None, drain: None }
    }

    /// Turns a wait that has lasted too long into an error, which makes hyper give up the connection.
    fn watched<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stall = None;
            return polled;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.write_timeout)));
        ready!(stall.as_mut().poll(cx));
        self.wire.discard_on_close();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Swallows what a caller in the middle of sending has under way. Closing over unread bytes would reset the
    /// connection and could take the answer with it.
    fn poll_drain(&mut self, cx: &mut Context<'_>, drain: &mut Drain) -> Poll<()> {
        let mut scratch = [MaybeUninit::uninit(); 8 * 1024];
        while drain.until.as_mut().poll(cx).is_pending() {
            if drain.left == 0 {
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::uninit(&mut scratch);
            match ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => drain.left = drain.left.saturating_sub(buffer.filled().len()),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<W: Wire> AsyncRead for Socket<W> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, into)
    }
}

impl<W: Wire> AsyncWrite for Socket<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write_vectored(cx, slices);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.wire).poll_flush(cx);
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut drain = match self.drain.take() {
            Some(drain) => drain,
            None => {
                let shut = Pin::new(&mut self.wire).poll_shutdown(cx);
                ready!(self.watched(cx, shut))?;
                let mut left = self.link.linger.load(Relaxed);
                if left == 0 {
                    // hyper refused a head by itself if the rest of it is here; otherwise the close is at once.
                    let mut scratch = [MaybeUninit::uninit(); 1024];
                    let mut buffer = ReadBuf::uninit(&mut scratch);
                    match Pin::new(&mut self.wire).poll_read(cx, &mut buffer) {
                        Poll::Ready(Ok(())) if !buffer.filled().is_empty() => left = LINGER,
                        _ => return Poll::Ready(Ok(())),
                    }
                }
                Drain { until: Box::pin(tokio::time::sleep(LINGER_TIME)), left }
            }
        };
        let done = self.poll_drain(cx, &mut drain);
        self.drain = Some(drain);
        done.map(Ok)
    }
}
