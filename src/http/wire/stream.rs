//! Streaming of large answers: a blocking thread serialises while chunks are sent, so no whole body is in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warp::reply::{Reply, Response};

use super::with_type;
use crate::error::{Error, Result};

const CHUNK: usize = 64 * 1024;
/// Queue between thread and client. An answer that fits releases its thread and permit, however slow the client is.
const QUEUED_CHUNKS: usize = 16;
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Permit of a large answer, held while its rows are in memory.
pub(crate) type Permit = OwnedSemaphorePermit;

/// Waits for a permit; call it before the rows are read.
/// Fails as unavailable after a timeout.
pub(crate) async fn permit(permits: &Arc<Semaphore>) -> Result<Permit> {
    match tokio::time::timeout(PERMIT_TIMEOUT, permits.clone().acquire_owned()).await {
        Ok(permit) => permit.map_err(|e| Error::internal("no large answers are sent any more", e)),
        Err(_) => Err(Error::Unavailable { why: "too many large answers are being sent", source: None }),
    }
}

/// A permit if one is free, for the answer to a committed change, which must not fail.
pub(crate) fn free_permit(permits: &Arc<Semaphore>) -> Option<Permit> {
    permits.clone().try_acquire_owned().ok()
}

/// A 200 whose JSON body is serialised while it is sent; without a permit in memory, so that slow clients hold no
/// threads beyond the limit.
pub(crate) async fn stream<T: Serialize>(
    permit: Option<Permit>,
    make: impl FnOnce() -> T + Send + 'static,
) -> Result<Response> {
    let Some(permit) = permit else {
        let whole = tokio::task::spawn_blocking(move || serde_json::to_vec(&make())).await;
        let whole = whole.map_err(|e| Error::internal("serialising a response panicked", e))?;
        return Ok(with_type(whole.map_err(|e| Error::internal("a response cannot be written", e))?.into_response()));
    };
    let (queue, mut chunks) = mpsc::channel(QUEUED_CHUNKS);
    let writing = tokio::task::spawn_blocking(move || {
        let _held = permit;
        let mut sink = Sink { chunk: Vec::new(), queue };
        serde_json::to_writer(&mut sink, &make()).map(|()| sink.chunk)
    });
    // Awaited after all chunks, so that a failure aborts the body instead of ending it.
    let last = async move {
        let written = writing.await.map_err(|e| Error::internal("serialising a response panicked", e))?;
        written.map_err(|e| Error::internal("a response cannot be written", e))
    };
    let response = match chunks.recv().await {
        None => last.await?.into_response(),
        Some(first) => {
            let rest = stream::poll_fn(move |cx| chunks.poll_recv(cx));
            let before = stream::iter([first]).chain(rest).map(Ok::<_, Error>);
            warp::reply::stream(before.chain(stream::once(last))).into_response()
        }
    };
    Ok(with_type(response))
}

/// Buffers writes into chunks. Blocks while the queue is full; fails once the client has disconnected.
struct Sink {
    chunk: Vec<u8>,
    queue: Sender<Vec<u8>>,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.chunk.is_empty() && self.chunk.len() + bytes.len() > CHUNK {
            let full = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
            self.queue.blocking_send(full).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        self.chunk.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper::body::Body;
    use serde::Serializer;
    use serde::ser::{Error as _, SerializeSeq};

    use super::*;

    async fn one_permit() -> (Arc<Semaphore>, Option<Permit>) {
        let permits = Arc::new(Semaphore::new(1));
        let permit = permits.clone().acquire_owned().await.expect("a permit");
        (permits, Some(permit))
    }

    fn numbers(bytes: usize) -> Vec<u64> {
        vec![u64::MAX; bytes / 21]
    }

    #[tokio::test]
    async fn answers_arrive_whole_and_short_ones_with_their_length() {
        for bytes in [0, 100, CHUNK - 100, CHUNK + 100, 3 * CHUNK * QUEUED_CHUNKS] {
            let (permits, permit) = one_permit().await;
            let response = stream(permit, move || numbers(bytes)).await.expect("a response");
            assert_eq!(response.body().size_hint().exact().is_some(), bytes < CHUNK, "{bytes}");
            let body = response.into_body().collect().await.expect("a whole body").to_bytes();
            assert!(body == serde_json::to_vec(&numbers(bytes)).expect("json"), "{bytes}");
            assert_eq!(permits.available_permits(), 1, "{bytes}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_fits_the_queue_releases_its_permit_unread() {
        let (permits, permit) = one_permit().await;
        let _unread = stream(permit, || numbers(CHUNK * QUEUED_CHUNKS / 2)).await.expect("a response");
        drop(permits.acquire().await.expect("the permit is returned"));
    }

    #[tokio::test]
    async fn a_large_answer_holds_its_permit_until_the_client_hangs_up() {
        let (permits, permit) = one_permit().await;
        let unread = stream(permit, || numbers(3 * CHUNK * QUEUED_CHUNKS)).await.expect("a response");
        let waited = tokio::time::timeout(Duration::from_millis(100), permits.acquire()).await;
        assert!(waited.is_err(), "the permit is held");
        drop(unread);
        drop(permits.acquire().await.expect("the permit is returned"));
    }

    /// Fails to serialise after its numbers.
    struct Broken(usize);

    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(None)?;
            numbers(self.0).iter().try_for_each(|number| list.serialize_element(number))?;
            Err(S::Error::custom("broken"))
        }
    }

    #[tokio::test]
    async fn a_failure_is_an_error_or_aborts_the_body() {
        let (_permits, permit) = one_permit().await;
        assert!(stream(permit, || Broken(100)).await.is_err());
        let (_permits, permit) = one_permit().await;
        let response = stream(permit, || Broken(2 * CHUNK)).await.expect("it begins well");
        assert!(response.into_body().collect().await.is_err());
    }
}
