//! Request bodies far beyond the limit, over a bare socket against the program as it is shipped: what they cost,
//! what answers them, and that others are served afterwards.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::SYSTEMS;
use crate::support::program::{HANG, Place, Process};
use crate::tier;

const HUGE: u64 = 512 * 1024 * 1024;
const PIECE: usize = 64 * 1024;
/// What allocator and runtime may keep of it; the program under test is not optimised.
const MARGIN: u64 = 3 * 1024;

/// How the body is announced.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Declared,
    Chunked,
}

async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Little may wait on this side, so that what was taken is what the other side took.
    socket.set_send_buffer_size(8 * 1024).expect("a size");
    socket.connect(address).await.expect("a connection")
}

fn head(key: Option<&str>, form: Form, length: u64, more: &str) -> String {
    let key = key.map(|k| format!("X-Api-Key: {k}\r\n")).unwrap_or_default();
    let size = match form {
        Form::Declared => format!("Content-Length: {length}\r\n"),
        Form::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
    };
    format!("POST {SYSTEMS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{key}{size}{more}\r\n")
}

/// Status and body of an answer.
fn parse(answer: &[u8]) -> (u16, Value) {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no whole answer: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{head}"));
    assert!(head.to_ascii_lowercase().contains("\r\nx-request-id: "), "{head}");
    (status, serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}")))
}

/// Bytes of this connection that wait in the system: unsent or unacknowledged ones of the client, and unread ones of
/// the server if its end is still there.
fn waiting(client: u16, server: u16) -> (u64, Option<u64>) {
    let table = fs::read_to_string("/proc/net/tcp").expect("the connections");
    let (mut unsent, mut unread) = (0, None);
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split_whitespace().collect();
        let port = |column: usize| u16::from_str_radix(columns[column].split_once(':').expect("a port").1, 16);
        let queues = columns[4].split_once(':').expect("two queues");
        let bytes = |text| u64::from_str_radix(text, 16).expect("a number");
        match (port(1), port(2)) {
            (Ok(a), Ok(b)) if (a, b) == (client, server) => unsent = bytes(queues.0),
            (Ok(a), Ok(b)) if (a, b) == (server, client) => unread = Some(bytes(queues.1)),
            _ => {}
        }
    }
    (unsent, unread)
}

/// What one oversized request did.
struct Cost {
    status: u16,
    body: Value,
    /// Bytes that the server's own reads took, as far as they could be seen.
    read: u64,
    /// Bytes that left this side.
    accepted: u64,
    /// The largest growth of its memory, in KiB.
    grew: u64,
}

/// Sends an oversized body for as long as it is taken, and reads the answer meanwhile.
async fn push(server: &Process, key: Option<&str>, form: Form) -> Cost {
    let stream = connect(server.address()).await;
    let ports = (stream.local_addr().expect("an address").port(), server.address().port());
    let before = server.memory();
    let (mut answers, mut requests) = stream.into_split();
    let sent = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let counter = sent.clone();
    let head = head(key, form, HUGE, "");
    let pushing = tokio::spawn(async move {
        if requests.write_all(head.as_bytes()).await.is_err() {
            return;
        }
        let mut piece = vec![b' '; PIECE];
        if form == Form::Chunked {
            piece = [format!("{PIECE:x}\r\n").as_bytes(), &piece, b"\r\n"].concat();
        }
        counter.fetch_add(head.len() as u64, SeqCst);
        while counter.load(SeqCst) < HUGE {
            let mut rest = piece.as_slice();
            while !rest.is_empty() {
                match requests.write(rest).await {
                    Ok(n) if n > 0 => {
                        counter.fetch_add(n as u64, SeqCst);
                        rest = &rest[n..];
                    }
                    _ => return,
                }
            }
        }
    });
    let (done, mut answer, mut buffer) = (over.clone(), Vec::new(), vec![0; 4096]);
    let reading = tokio::spawn(async move {
        while let Ok(Ok(n)) = tokio::time::timeout(HANG, answers.read(&mut buffer)).await {
            if n == 0 {
                break;
            }
            answer.extend_from_slice(&buffer[..n]);
        }
        done.store(true, SeqCst);
        (answer, answers)
    });
    let (mut read, mut grew, mut last) = (0, 0, (0, (0, None)));
    let begun = Instant::now();
    // Until the answer is whole, and then for as long as the server lingers over what is still under way.
    while !pushing.is_finished() && begun.elapsed() < HANG {
        grew = grew.max(server.memory().saturating_sub(before));
        let look = (sent.load(SeqCst), waiting(ports.0, ports.1));
        // The two queues are not seen at the same moment: only what did not move between two looks counts.
        if let ((taken, (unsent, Some(unread))), true) = (look, look == last) {
            read = read.max(taken.saturating_sub(unsent + unread));
        }
        last = look;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    pushing.await.expect("the sender ends");
    let (answer, _answers) = reading.await.expect("the reader ends");
    assert!(over.load(SeqCst));
    let (status, body) = parse(&answer);
    Cost { status, body, read, accepted: sent.load(SeqCst), grew }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_gibibyte_is_refused_and_hardly_read() {
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let server = place.serve();
    let key = server.key();
    let client = server.client(&key);
    // Everything that is made once is made: the key is remembered, both kinds of refusal were answered.
    client.get(SYSTEMS).await.expect_status(200);
    for key in [None, Some(key.as_str())] {
        push(&server, key, Form::Declared).await;
    }
    for form in [Form::Declared, Form::Chunked] {
        let cost = push(&server, None, form).await;
        tier::figure(format!("{form:?} without a key: {cost}"));
        assert_eq!((cost.status, cost.body["code"].as_str()), (401, Some("UNAUTHORISED")));
        assert!((1..=64 * 1024).contains(&cost.read), "{form:?}: {} bytes were read", cost.read);
        assert!(cost.accepted < 4 * 1024 * 1024, "{form:?}: {} bytes left this side", cost.accepted);
        assert!(cost.grew <= 1024 + MARGIN, "{form:?}: {} KiB", cost.grew);

        let cost = push(&server, Some(&key), form).await;
        tier::figure(format!("{form:?} with a key: {cost}"));
        assert_eq!((cost.status, cost.body["code"].as_str()), (413, Some("PAYLOAD_TOO_LARGE")));
        assert!(cost.accepted < 32 * 1024 * 1024, "{form:?}: {} bytes left this side", cost.accepted);
        assert!(cost.grew <= 6 * 1024 + MARGIN, "{form:?}: {} KiB", cost.grew);
        client.get(SYSTEMS).await.expect_status(200);
    }
    let made = client.post(SYSTEMS, &json!({ "name": "x", "connectorDefinitionId": 3 })).await.expect_status(201);
    assert_eq!(made["id"], 1, "nothing of all that was carried out");
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {} KiB read, {} KiB accepted, memory +{} KiB",
            self.status,
            self.read / 1024,
            self.accepted / 1024,
            self.grew
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_exact() {
    let server = Place::new();
    let server = server.serve();
    let client = server.client(&server.key());
    let body = |length: usize| {
        let text = json!({ "name": "x", "connectorDefinitionId": 3, "ignored": "" }).to_string();
        text.replace("\"ignored\":\"\"", &format!("\"ignored\":\"{}\"", "y".repeat(length - text.len())))
    };
    let limit = 2 * 1024 * 1024;
    assert_eq!(body(limit).len(), limit);
    client.send("POST", SYSTEMS, Some(body(limit))).await.expect_status(201);
    client.send("POST", SYSTEMS, Some(body(limit + 1))).await.expect_error(413, "PAYLOAD_TOO_LARGE");
}

/// A caller that asks first gets its answer before it sends, and is asked to go on only if its body is wanted.
#[tokio::test(flavor = "multi_thread")]
async fn expectations_are_met_only_for_a_body_that_is_wanted() {
    let place = Place::new();
    let server = place.serve();
    let key = server.key();
    let expect = "Expect: 100-continue\r\n";
    let unwanted = [
        (None, Form::Declared, HUGE, 401),
        (None, Form::Chunked, HUGE, 401),
        (None, Form::Declared, 10, 401),
        (Some(key.as_str()), Form::Declared, HUGE, 413),
    ];
    for (key, form, length, status) in unwanted {
        let mut stream = connect(server.address()).await;
        stream.write_all(head(key, form, length, expect).as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(HANG, stream.read_to_end(&mut answer)).await;
        read.expect("an answer without a body").expect("an end");
        assert_eq!(parse(&answer).0, status, "{key:?} {form:?} {length}");
    }

    let body = json!({ "name": "asked first", "connectorDefinitionId": 3 }).to_string();
    let mut stream = connect(server.address()).await;
    let more = format!("{expect}Connection: close\r\n");
    stream.write_all(head(Some(&key), Form::Declared, body.len() as u64, &more).as_bytes()).await.expect("sent");
    let mut leave = [0; 25];
    let read = tokio::time::timeout(HANG, stream.read_exact(&mut leave)).await;
    read.expect("leave to send").expect("leave to send");
    assert_eq!(String::from_utf8_lossy(&leave), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an end");
    assert_eq!(parse(&answer).0, 201);
}

/// The time for a body is no setting.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits for the 30 seconds that a body may take"]
async fn a_body_that_stalls_is_408() {
    let place = Place::new();
    let server = place.serve();
    let key = server.key();
    let stalled = [(Form::Declared, "{\"name\":"), (Form::Chunked, "5\r\n{\"nam\r\n"), (Form::Declared, "")];
    let waiting = stalled.map(|(form, part)| {
        let (address, head) = (server.address(), head(Some(&key), form, 100, ""));
        tokio::spawn(async move {
            let mut stream = connect(address).await;
            let begun = Instant::now();
            stream.write_all(format!("{head}{part}").as_bytes()).await.expect("sent");
            let mut answer = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(300), stream.read_to_end(&mut answer)).await;
            read.expect("an answer").expect("an end");
            (parse(&answer), begun.elapsed())
        })
    });
    let client = server.client(&key);
    client.post(SYSTEMS, &json!({ "name": "meanwhile", "connectorDefinitionId": 3 })).await.expect_status(201);
    for wait in waiting {
        let ((status, body), took) = wait.await.expect("an answer");
        println!("{status} after {took:?}");
        assert_eq!((status, body["code"].as_str()), (408, Some("REQUEST_TIMEOUT")), "{body}");
    }
    client.get(SYSTEMS).await.expect_status(200);
}
