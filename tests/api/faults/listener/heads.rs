//! Heads of requests that are larger than they may be.

use tokio::io::AsyncWriteExt;

use super::{Counted, LIVE, get};
use crate::support::{Answer, wire};
use crate::tier;

/// A head of exactly this many bytes.
fn padded(size: usize) -> String {
    let empty = get(LIVE, "A: \r\n");
    empty.replace("A: ", &format!("A: {}", "a".repeat(size - empty.len())))
}

/// A head with exactly this many headers.
fn with(headers: usize) -> String {
    get(LIVE, &"A: b\r\n".repeat(headers - 1))
}

/// A request for a target of exactly this many bytes.
fn target(size: usize) -> String {
    get(&format!("{LIVE}?{}", "a".repeat(size - LIVE.len() - 1)), "")
}

#[track_caller]
fn is_refusal(answer: Answer, status: u16) {
    assert_eq!(answer.header("connection"), "close");
    if status == 431 {
        assert!(answer.status == 431 && answer.is_bare_refusal(), "{}: {}", answer.status, answer.body);
    } else {
        answer.expect_error(status, "BAD_REQUEST");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_too_large_are_refused_before_any_handler() {
    let server = Counted::start();
    let to = server.address();
    let mut refused = 0;
    for (fine, request, status) in [
        (padded(16 * 1024), padded(16 * 1024 + 1), 431),
        (with(48), with(49), 431),
        (target(8 * 1024), target(8 * 1024 + 1), 400),
        (with(48), padded(200 * 1024), 431),
    ] {
        let shown = &request[..40];
        let before = server.handled().await;
        for piece in [request.len(), 1000] {
            // Alone, in one piece and in several.
            let mut stream = wire::connect(to).await;
            for part in request.as_bytes().chunks(piece) {
                if stream.write_all(part).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let mut all = wire::answers(&wire::rest(&mut stream).await);
            assert_eq!(all.len(), 1, "{shown}");
            is_refusal(all.remove(0), status);
            refused += 1;
        }
        assert_eq!(server.handled().await, before, "{shown}: a handler ran");
        // As the second of a connection that was kept, after one that is just small enough.
        let mut stream = wire::connect(to).await;
        wire::ask(&mut stream, &fine).await.expect("an answer").expect_status(200);
        is_refusal(wire::ask(&mut stream, &request).await.expect("an answer"), status);
        assert_eq!(wire::rest(&mut stream).await, b"", "closed after the refusal");
        // The same sent at once, and a third behind it that is not read.
        let mut all = wire::said(to, format!("{fine}{request}{}", get(LIVE, ""))).await;
        assert_eq!(all.len(), 2, "{shown}");
        is_refusal(all.remove(1), status);
        all.remove(0).expect_status(200);
        assert_eq!(server.handled().await, before + 2, "{shown}: a handler ran");
        refused += 2;
    }
    tier::figure(format!("{refused} refusals, 0 handler runs, every connection closed"));
}
