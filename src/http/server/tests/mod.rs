//! Raw requests over 127.0.0.1 against small limits, and the lifetime of connections.

mod messages;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use warp::http::StatusCode;
use warp::{Filter, Reply};

use super::*;
use crate::http::wire::error::envelope;
use crate::http::wire::head::RequestHead;

const MOMENT: Duration = Duration::from_millis(300);
/// Longer than any step takes on a busy machine, shorter than the limits that must not be awaited.
const HANG: Duration = Duration::from_secs(10);

struct TestServer {
    at: SocketAddr,
    hits: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

fn small() -> Limits {
    Limits {
        head_timeout: MOMENT,
        per_address: 8,
        write_timeout: MOMENT,
        shutdown_timeout: Duration::from_secs(1),
        ..Limits::default()
    }
}

async fn start(limits: Limits) -> TestServer {
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hits);
    let json = |text: &str| warp::reply::json(&text).into_response();
    let ok = warp::path("ok").map(move || json("fine"));
    let who = warp::path("who")
        .and(warp::ext::get::<RequestHead>())
        .map(move |head: RequestHead| json(&format!("{} {}", head.request_id, head.peer)));
    let slow = warp::path("slow").then(move || async move {
        sleep(MOMENT).await;
        json("slow")
    });
    let hang = warp::path("hang").then(std::future::pending::<Response>);
    let read = warp::path("read").and(warp::body::bytes()).map(move |bytes: Bytes| json(&bytes.len().to_string()));
    let refuse = warp::path("refuse").map(|| envelope(StatusCode::UNAUTHORIZED, "UNAUTHORISED", "No."));
    let large = warp::path("too-large").map(|| envelope(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "No."));
    let flood = warp::path("flood").map(|| Response::new(vec![b'x'; 64 << 20].into()));
    let panics = warp::path("panic").map(|| -> Response { panic!("on purpose") });
    let own = warp::path("own")
        .map(|| warp::reply::with_header("<p>", "content-security-policy", "default-src 'self'").into_response());
    let missing = warp::any().map(|| envelope(StatusCode::NOT_FOUND, "NOT_FOUND", "Not here."));
    let route = warp::any()
        .map(move || {
            counted.fetch_add(1, SeqCst);
        })
        .untuple_one()
        .and(
            ok.or(who)
                .unify()
                .or(slow)
                .unify()
                .or(hang)
                .unify()
                .or(read)
                .unify()
                .or(refuse)
                .unify()
                .or(large)
                .unify()
                .or(flood)
                .unify()
                .or(panics)
                .unify()
                .or(own)
                .unify()
                .or(missing)
                .unify(),
        )
        .boxed();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let ended =
        tokio::spawn(run(listener, route, ListenerOptions { limits, ..ListenerOptions::default() }, async move {
            let _ = stopped.await;
        }));
    TestServer { at, hits, stop, ended }
}

impl TestServer {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    /// Sends `request` on a new connection and reads until the server closes.
    async fn say(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_ref()).await.unwrap();
        rest(&mut stream).await
    }

    /// Asserts that the request is refused before it reaches a handler.
    async fn refused(&self, request: impl AsRef<[u8]>, status: u16) {
        let request = request.as_ref();
        let before = self.hits.load(SeqCst);
        let text = self.say(request).await;
        let shown = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
        assert_eq!(self.hits.load(SeqCst), before, "{shown:?} reached a handler");
        assert_refusal(&text, status, &shown);
    }
}

#[track_caller]
fn assert_refusal(text: &str, status: u16, shown: &str) {
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?} was answered {text:?}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    // hyper refuses an unparsable head without a body; other refusals have the envelope.
    let is_bare = !head.contains("x-request-id: ");
    let lines = ["connection: close", "date: ", &format!("content-length: {}", body.len())];
    let lines = lines.into_iter().chain(["cache-control: no-store", "content-type: application/json; charset=utf-8"]);
    for line in lines.take(if is_bare { 3 } else { 5 }) {
        assert_eq!(head.matches(&format!("\r\n{line}")).count(), 1, "{line} in {head}");
    }
    if is_bare {
        assert_eq!(body, "", "{shown}");
    } else {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((body["code"].as_str(), status), (Some("BAD_REQUEST"), 400));
        assert_eq!(body["validationErrors"], serde_json::Value::Null);
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await.expect("the server closes").unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Reads one answer with a Content-Length and leaves the connection open.
async fn one(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                return text;
            }
        }
        let read = timeout(Duration::from_secs(5), stream.read_buf(&mut bytes)).await.unwrap().unwrap();
        assert_ne!(read, 0, "closed after {text:?}");
    }
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n")
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_cut() {
    let server = start(small()).await;
    for begin in ["", "GET /ok HT", "GET /ok HTTP/1.1\r\nHost: x\r\n"] {
        let started = Instant::now();
        assert_eq!(server.say(begin).await, "", "{begin:?}");
        assert!(started.elapsed() >= MOMENT && started.elapsed() < HANG, "{begin:?}");
    }
    let mut stream = server.connect().await;
    stream.write_all(get("/ok", "").as_bytes()).await.unwrap();
    one(&mut stream).await;
    let started = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(started.elapsed() < HANG);
}

#[tokio::test]
async fn too_many_connections_are_closed_at_once() {
    let server = start(Limits { per_address: 2, head_timeout: 3 * HANG, ..small() }).await;
    let held = (server.connect().await, server.connect().await);
    sleep(Duration::from_millis(20)).await;
    let mut third = server.connect().await;
    let started = Instant::now();
    assert_eq!(rest(&mut third).await, "");
    assert!(started.elapsed() < HANG);
    drop(held);
    sleep(Duration::from_millis(50)).await;
    assert!(server.say(get("/ok", "Connection: close\r\n")).await.contains("fine"));

    let server = start(Limits { connections: 1, ..small() }).await;
    let _held = server.connect().await;
    sleep(Duration::from_millis(20)).await;
    assert_eq!(rest(&mut server.connect().await).await, "");
}

#[tokio::test]
async fn an_unneeded_body_is_not_read() {
    let server = start(small()).await;
    // Declared and never sent, chunked without an end, and one that waits for 100 Continue.
    for lines in ["Content-Length: 10", "Transfer-Encoding: chunked", "Content-Length: 5\r\nExpect: 100-continue"] {
        let started = Instant::now();
        let text = server.say(format!("POST /refuse HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n")).await;
        assert!(text.starts_with("HTTP/1.1 401 ") && text.contains("connection: close"), "{text}");
        assert!(started.elapsed() < HANG, "the end of the answer waits for the body");
    }
    // A client that keeps sending gets the answer and is then cut off.
    let mut stream = server.connect().await;
    stream.write_all(b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 536870912\r\n\r\n").await.unwrap();
    let (mut from, mut to) = stream.split();
    let (mut bytes, mut sent) = (Vec::new(), 0_usize);
    let piece = vec![b'x'; 64 * 1024];
    tokio::join!(
        async {
            let _ = from.read_to_end(&mut bytes).await;
        },
        async {
            while let Ok(n) = to.write(&piece).await {
                sent += n;
            }
        }
    );
    assert!(bytes.starts_with(b"HTTP/1.1 401 ") && bytes.ends_with(b"}"));
    assert!(sent < 32 << 20, "{sent} bytes went out");
    // A body that has already arrived does not cost the connection.
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}").await.unwrap();
        assert!(!one(&mut stream).await.contains("connection: close"));
    }
}

#[tokio::test]
async fn a_blocking_client_gets_its_413() {
    let server = start(small()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /too-large HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n").await.unwrap();
    stream.write_all(&vec![b'x'; 5_000_000]).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn bodies_and_panics_pass_through() {
    let server = start(small()).await;
    let mut stream = server.connect().await;
    let body = "x".repeat(100_000);
    for _ in 0..2 {
        stream.write_all(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        assert!(one(&mut stream).await.ends_with("\"100000\""));
    }
    stream.write_all(get("/panic", "").as_bytes()).await.unwrap();
    let text = one(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 500 ") && text.contains("requestId: ") && !text.contains("purpose"), "{text}");
    stream.write_all(get("/ok", "").as_bytes()).await.unwrap();
    assert!(one(&mut stream).await.contains("fine"));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut() {
    let server = start(small()).await;
    let mut stream = server.connect().await;
    stream.write_all(get("/flood", "").as_bytes()).await.unwrap();
    sleep(MOMENT * 3).await;
    // Reset, not closed: unsent bytes are discarded.
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(bytes.len() < 64 << 20);
}

#[tokio::test]
async fn connections_end_by_count_and_age() {
    let server = start(Limits { requests_per_connection: 2, ..small() }).await;
    let text = server.say(get("/ok", "").repeat(3)).await;
    assert_eq!(text.matches("fine").count(), 2);
    assert_eq!(text.matches("connection: close").count(), 1);
    let server = start(Limits { max_age: Duration::ZERO, ..small() }).await;
    assert!(server.say(get("/ok", "")).await.contains("connection: close"));
}

#[tokio::test]
async fn half_closed_clients_get_their_answer() {
    let server = start(small()).await;
    let mut stream = server.connect().await;
    stream.write_all(get("/slow", "").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(rest(&mut stream).await.ends_with("\"slow\""));
}

#[tokio::test]
async fn shutdown_waits_for_requests_but_not_for_ever() {
    let server = start(Limits { head_timeout: 3 * HANG, shutdown_timeout: 3 * HANG, ..small() }).await;
    let (mut idle, mut busy) = (server.connect().await, server.connect().await);
    idle.write_all(get("/ok", "").as_bytes()).await.unwrap();
    one(&mut idle).await;
    busy.write_all(get("/slow", "").as_bytes()).await.unwrap();
    sleep(MOMENT / 3).await;
    let started = Instant::now();
    server.stop.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert!(started.elapsed() < HANG);
    assert!(TcpStream::connect(server.at).await.is_err());
    let text = rest(&mut busy).await;
    assert!(text.contains("connection: close") && text.ends_with("\"slow\""), "{text}");
    server.ended.await.unwrap();
    assert!(started.elapsed() < HANG);

    let server = start(small()).await;
    let mut busy = server.connect().await;
    busy.write_all(get("/hang", "").as_bytes()).await.unwrap();
    sleep(MOMENT / 3).await;
    let started = Instant::now();
    server.stop.send(()).unwrap();
    server.ended.await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1) && started.elapsed() < HANG);
    assert_eq!(rest(&mut busy).await, "");
}

#[test]
fn addresses_are_counted_separately() {
    let slots = Arc::new(Slots { per_address: 1, total: 2, used: Mutex::default() });
    let [a, b, c] = [1, 2, 3].map(|n| IpAddr::from([10, 0, 0, n]));
    let first = slots.acquire(a, false).unwrap();
    assert!(slots.acquire(a, false).is_none());
    let second = slots.acquire(b, false);
    assert!(second.is_some() && slots.acquire(c, false).is_none() && slots.acquire(b, true).is_none());
    drop(first);
    assert!(slots.acquire(c, false).is_some());
    // Only the total limits a proxy.
    assert!(slots.acquire(b, false).is_none() && slots.acquire(b, true).is_some());
    drop(second);
    let used = slots.used();
    assert_eq!((used.total, used.by_address.len()), (0, 0));
}
