//! The hook by which tests interfere with a conversation. The product knows only the script `()`, which does nothing.

use super::ber::Answer;
use super::output::Output;
use super::search::{Reply, Request};
use std::io;
use tokio::io::AsyncWrite;

/// A moment of a conversation. A script may change what is mutable.
pub enum Point<'a> {
    /// The result of a bind, before it takes effect and is sent.
    Bind(&'a Answer),
    /// A search, before it is carried out.
    Search(&'a mut Request),
    /// The entries that a new search found, before the first is sent.
    Found(&'a mut Vec<u64>),
    /// A reply to a search, before it is sent.
    Reply(&'a mut Reply),
}

/// The reason for which an operation goes no further.
#[derive(Debug)]
pub enum Stop {
    /// This is its result.
    Answer(Answer),
    /// Its result has been sent already.
    Answered,
    /// The connection is closed.
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

/// The script of one connection.
pub trait Script: Send {
    /// Called at each point; may wait, send messages of its own and end the operation.
    fn before<W: AsyncWrite + Unpin + Send>(
        &mut self,
        _point: Point<'_>,
        _out: &mut Output<W>,
    ) -> impl Future<Output = Result<(), Stop>> + Send {
        std::future::ready(Ok(()))
    }
}

impl Script for () {}
