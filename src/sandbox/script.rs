//! Hook for tests to inject faults. The product uses the script `()`, which does nothing.

use super::ber::Answer;
use super::output::Output;
use super::search::{Reply, Request};
use std::io;
use tokio::io::AsyncWrite;

/// A point of a conversation, with what a script may change.
pub enum Point<'a> {
    /// Result of a bind, before it takes effect and is sent.
    Bind(&'a Answer),
    /// A search, before it runs.
    Search(&'a mut Request),
    /// Entries found by a new search, before the first is sent.
    Found(&'a mut Vec<u64>),
    /// A reply to a search, before it is sent.
    Reply(&'a mut Reply),
}

/// Reason to end an operation.
#[derive(Debug)]
pub enum Stop {
    Answer(Answer),
    /// The result was sent already.
    Answered,
    Close,
}

impl From<Answer> for Stop {
    fn from(answer: Answer) -> Stop {
        Stop::Answer(answer)
    }
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Stop {
        Stop::Close
    }
}

pub trait Script: Send {
    /// Runs at each point; may wait, send messages and end the operation.
    fn before<W: AsyncWrite + Unpin + Send>(
        &mut self,
        _point: Point<'_>,
        _out: &mut Output<W>,
    ) -> impl Future<Output = Result<(), Stop>> + Send {
        std::future::ready(Ok(()))
    }
}

impl Script for () {}
