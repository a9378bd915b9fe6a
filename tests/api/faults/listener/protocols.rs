//! Callers that would speak something else, and methods that no resource has.

use super::{Counted, LIVE, get};
use crate::support::wire;
use crate::tier;
use tokio::io::AsyncWriteExt;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_http_1_1_is_spoken() {
    let server = Counted::start();
    let to = server.address();
    let settings = "\0\0\0\u{4}\0\0\0\0\0";
    let before = server.handled().await;
    for preface in
        [format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{settings}"), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()]
    {
        let mut stream = wire::connect(to).await;
        stream.write_all(preface.as_bytes()).await.expect("sent");
        assert_eq!(wire::rest(&mut stream).await, b"", "closed without a word");
        // In the middle of a connection it is no better.
        let mut stream = wire::connect(to).await;
        wire::ask(&mut stream, get(LIVE, "")).await.expect("an answer").expect_status(200);
        stream.write_all(preface.as_bytes()).await.expect("sent");
        let all = wire::answers(&wire::rest(&mut stream).await);
        assert!(all.len() <= 1 && all.iter().all(|a| a.status == 400), "{all:?}");
    }
    assert_eq!(server.handled().await, before + 2);

    // An upgrade is ignored: the answer is an ordinary one and the connection stays what it was.
    for protocol in ["h2c", "h2", "websocket", "TLS/1.0"] {
        let lines =
            format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\nHTTP2-Settings: AAMAAABk\r\n");
        let mut stream = wire::connect(to).await;
        for _ in 0..2 {
            let answer = wire::ask(&mut stream, get(LIVE, &lines)).await.expect("an answer");
            assert_eq!((answer.header("upgrade"), answer.header("connection")), ("", ""));
            answer.expect_status(200);
        }
    }

    let before = server.handled().await;
    let mut told = Vec::new();
    for (method, target, status) in [
        ("TRACE", LIVE, 405),
        ("TRACE", "/", 405),
        ("TRACE", "*", 400),
        ("CONNECT", "example.com:443", 400),
        ("CONNECT", "127.0.0.1:22", 400),
        ("CONNECT", "[::1]:22", 400),
        ("CONNECT", LIVE, 400),
        ("CONNECT", "http://example.com/", 400),
    ] {
        let lines = "X-Api-Key: jim_canary-of-a-trace\r\nConnection: close\r\n";
        let request = get(target, lines).replacen("GET", method, 1);
        let mut all = wire::said(to, format!("{request}{}", get(LIVE, ""))).await;
        assert_eq!(all.len(), 1, "{method} {target}");
        let answer = all.remove(0);
        assert!(!String::from_utf8_lossy(&answer.raw).contains("canary"), "{method} {target} is echoed");
        assert_eq!(answer.header("allow").is_empty(), status != 405);
        let code = if status == 405 { "METHOD_NOT_ALLOWED" } else { "BAD_REQUEST" };
        answer.expect_error(status, code);
        told.push(format!("{method} {status}"));
    }
    assert_eq!(server.handled().await, before, "a handler ran");
    told.dedup();
    tier::figure(format!("preface closed, 4 upgrades ignored, {}", told.join(", ")));
}
