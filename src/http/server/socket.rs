//! The socket under hyper: puts the envelope in place of hyper's own bare refusals, gives up on a caller that takes
//! nothing, and closes so that the last answer arrives.
//!
//! Sees bytes, never requests; nothing here may depend on what is being asked.

use std::fmt::Write as _;
use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use warp::http::{StatusCode, header};

use super::Link;
use super::request::{LINGER, RequestId, dress};
use crate::http::wire::error::envelope;

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
    patience: Duration,
    /// Runs while a write waits for the caller. Boxed and absent otherwise, because most connections never need it.
    stall: Option<Pin<Box<Sleep>>>,
    /// A refusal of ours on its way, and how much of it has been sent.
    refusal: Vec<u8>,
    sent: usize,
    farewell: Option<Farewell>,
}

struct Farewell {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<W: Wire> Socket<W> {
    pub(super) fn new(wire: W, link: Arc<Link>, patience: Duration) -> Self {
        Socket { wire, link, patience, stall: None, refusal: Vec::new(), sent: 0, farewell: None }
    }

    /// Takes a refusal of hyper off its hands; `None` for everything else.
    fn replace(&mut self, cx: &mut Context<'_>, head: &[u8]) -> Option<usize> {
        let status = bare_refusal(head)?;
        self.refusal = refusal(status, head, cx);
        self.sent = 0;
        self.link.linger.store(LINGER, Relaxed);
        Some(head.len())
    }

    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.refusal.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let written = Pin::new(&mut self.wire).poll_write(cx, rest);
            match ready!(self.watched(cx, written))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Turns a wait that has lasted too long into an error, which makes hyper give up the connection.
    fn watched<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stall = None;
            return polled;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
        ready!(stall.as_mut().poll(cx));
        self.wire.discard_on_close();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Swallows what a caller in the middle of sending has under way. Closing over unread bytes would reset the
    /// connection and could take the answer with it.
    fn poll_farewell(&mut self, cx: &mut Context<'_>, until: &mut Farewell) -> Poll<()> {
        let mut scratch = [MaybeUninit::uninit(); 8 * 1024];
        while until.until.as_mut().poll(cx).is_pending() {
            if until.left == 0 {
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::uninit(&mut scratch);
            match ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => until.left = until.left.saturating_sub(buffer.filled().len()),
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
        ready!(self.poll_refusal(cx))?;
        if let Some(taken) = self.replace(cx, bytes) {
            return Poll::Ready(Ok(taken));
        }
        let written = Pin::new(&mut self.wire).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_refusal(cx))?;
        // hyper's refusals have no body, so the head comes alone.
        if let [head] = slices
            && let Some(taken) = self.replace(cx, head)
        {
            return Poll::Ready(Ok(taken));
        }
        let written = Pin::new(&mut self.wire).poll_write_vectored(cx, slices);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        let flushed = Pin::new(&mut self.wire).poll_flush(cx);
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        let mut farewell = match self.farewell.take() {
            Some(farewell) => farewell,
            None => {
                let shut = Pin::new(&mut self.wire).poll_shutdown(cx);
                ready!(self.watched(cx, shut))?;
                match self.link.linger.load(Relaxed) {
                    0 => return Poll::Ready(Ok(())),
                    left => Farewell { until: Box::pin(tokio::time::sleep(LINGER_TIME)), left },
                }
            }
        };
        let done = self.poll_farewell(cx, &mut farewell);
        self.farewell = Some(farewell);
        done.map(Ok)
    }
}

/// The status for a head that hyper wrote of its own accord: every answer of ours has a request id. The chunk must
/// be a whole head and nothing more, so that a piece out of the middle of a body can never be taken for one.
fn bare_refusal(chunk: &[u8]) -> Option<StatusCode> {
    let status = match chunk.strip_prefix(b"HTTP/1.1 4")?.get(..3)? {
        b"31 " => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        // Of a refusal nobody needs more than two kinds: 414 of a target beyond hyper's own limit is one of ours too.
        b"00 " | b"14 " => StatusCode::BAD_REQUEST,
        _ => return None,
    };
    let has = |line: &[u8]| chunk.windows(line.len()).any(|window| window == line);
    (chunk.ends_with(b"\r\n\r\n") && has(b"\r\ncontent-length: 0\r\n") && !has(b"\r\nx-request-id: ")).then_some(status)
}

/// The complete refusal, head and body. `head` is hyper's, of which the date is kept.
fn refusal(status: StatusCode, head: &[u8], cx: &mut Context<'_>) -> Vec<u8> {
    let mut response = if status == StatusCode::BAD_REQUEST {
        envelope(status, "BAD_REQUEST", "The request is not well-formed HTTP/1.1.")
    } else {
        envelope(status, "REQUEST_HEADER_FIELDS_TOO_LARGE", "The request head is too large.")
    };
    dress(response.headers_mut(), RequestId::new().value);
    // The envelope is in memory: one frame, there at once.
    let body = match Pin::new(response.body_mut()).poll_frame(cx) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Default::default(),
    };
    let mut text = format!("HTTP/1.1 {status}\r\n{}: {}\r\nconnection: close\r\n", header::CONTENT_LENGTH, body.len());
    for (name, value) in response.headers().iter().filter(|(name, _)| **name != header::CONTENT_LENGTH) {
        let _ = write!(text, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    let lines = std::str::from_utf8(head).unwrap_or_default().lines();
    for date in lines.filter(|line| line.starts_with("date: ")) {
        let _ = write!(text, "{date}\r\n");
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}
