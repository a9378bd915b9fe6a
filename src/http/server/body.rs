//! Request body that records whether it was consumed, which decides whether the connection can be reused.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};

pub(super) struct Body {
    inner: Option<Incoming>,
    started: bool,
    /// Absent for a request without a body, which is most of them.
    progress: Option<Arc<Progress>>,
}

impl Body {
    pub(super) fn new(inner: Incoming) -> (Self, Option<Arc<Progress>>) {
        let progress = (!inner.is_end_stream()).then(Arc::<Progress>::default);
        (Body { inner: Some(inner), started: false, progress: progress.clone() }, progress)
    }

    fn end(&mut self, state: State) {
        self.inner = None;
        if let Some(progress) = self.progress.take() {
            *progress.state() = state;
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.started = true;
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *inner).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.end(State::Consumed),
            Poll::Ready(Some(Err(_))) => self.end(State::Broken),
            Poll::Ready(Some(Ok(_))) if inner.is_end_stream() => self.end(State::Consumed),
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

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(rest) = self.inner.take() {
            self.end(State::Dropped { rest, started: self.started });
        }
    }
}

#[derive(Default)]
enum State {
    /// Failed, or not dropped yet.
    #[default]
    Broken,
    Dropped {
        rest: Incoming,
        started: bool,
    },
    Consumed,
}

/// State that outlives the body, which warp drops before it answers.
#[derive(Default)]
pub(super) struct Progress(Mutex<State>);

impl Progress {
    /// Whether the body was consumed. Discards the rest of a dropped one if it has already arrived, so that an unneeded
    /// `{}` does not cost the connection. With `Expect: 100-continue` a poll would ask the client to send its body.
    pub(super) async fn is_consumed(&self, expects_continue: bool) -> bool {
        let state = std::mem::take(&mut *self.state());
        let mut rest = match state {
            State::Consumed => return true,
            State::Broken => return false,
            State::Dropped { started: false, .. } if expects_continue => return false,
            State::Dropped { rest, .. } => rest,
        };
        // One buffer of hyper at most, 16 KiB: it reads no further one before this ends.
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
