//! A request body that reports, once its reader lets go of it, whether it was read to the end.
//!
//! Owns only that bookkeeping: reading up to a cap and within a time is the business of the handlers.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};

/// The body as the routes see it.
pub(super) struct Body {
    inner: Option<Incoming>,
    begun: bool,
    /// Absent for a request without a body, which is most of them.
    slot: Option<Arc<Slot>>,
}

impl Body {
    /// The body, and where to ask later what became of it if there is anything to read.
    pub(super) fn new(inner: Incoming) -> (Self, Option<Arc<Slot>>) {
        let slot = (!inner.is_end_stream()).then(Arc::<Slot>::default);
        (Body { inner: Some(inner), begun: false, slot: slot.clone() }, slot)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.begun = true;
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *inner).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.end(Fate::Read),
            Poll::Ready(Some(Err(_))) => self.end(Fate::Unread),
            Poll::Ready(Some(Ok(_))) if inner.is_end_stream() => self.end(Fate::Read),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Incoming::size_hint).unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Body {
    fn end(&mut self, fate: Fate) {
        self.inner = None;
        if let Some(slot) = self.slot.take() {
            *slot.fate() = fate;
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let (Some(slot), Some(inner)) = (self.slot.take(), self.inner.take()) {
            *slot.fate() = Fate::Left { rest: inner, begun: self.begun };
        }
    }
}

/// What became of a body.
#[derive(Default)]
enum Fate {
    /// Broken, or still in somebody's hands.
    #[default]
    Unread,
    Left {
        rest: Incoming,
        begun: bool,
    },
    Read,
}

/// Outlives the body, which warp drops before it answers.
#[derive(Default)]
pub(super) struct Slot(Mutex<Fate>);

impl Slot {
    /// Whether the body has been read to its end. An unwanted one is if all of it is already here, which keeps the
    /// connection of a caller that sent `{}` where none was needed; nothing is waited for. `invited` = the caller
    /// waits for leave to send: asking for its body would give that leave.
    pub(super) async fn drained(&self, invited: bool) -> bool {
        let fate = std::mem::take(&mut *self.fate());
        let mut rest = match fate {
            Fate::Read => return true,
            Fate::Unread => return false,
            Fate::Left { begun: false, .. } if invited => return false,
            Fate::Left { rest, .. } => rest,
        };
        // hyper hands over one buffer at a time and is not asked for another before this ends: 16 KiB at most.
        poll_fn(|cx| {
            while !rest.is_end_stream() {
                match Pin::new(&mut rest).poll_frame(cx) {
                    Poll::Ready(None) => break,
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(_))) | Poll::Pending => return Poll::Ready(false),
                }
            }
            Poll::Ready(true)
        })
        .await
    }

    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
