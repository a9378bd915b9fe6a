//! Messages that are no good HTTP, and those that two readers could read differently: each gets one answer at most,
//! and what stands behind it on the connection is never taken for another request.

use super::{Counted, LIVE, get};
use crate::support::{SYSTEMS, wire};
use crate::tier;

/// What a message may get.
#[derive(Clone, Copy, PartialEq)]
enum Due {
    /// One 400 in the envelope without any handler, and the end of the connection.
    Refusal,
    /// The same, said by the handler that asked for the body.
    BadBody,
    /// One answer at most, whichever, and the end of the connection.
    Once,
}
use Due::{BadBody, Once, Refusal};

/// Stands behind every message: an answer to it would be one to a smuggled request.
const SECOND: &str = "GET /api/v1/health/version HTTP/1.1\r\nHost: x\r\n\r\n";

/// What a POST says of its body, which nothing follows but [`SECOND`].
const LENGTHS: [(&str, &str); 23] = [
    ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n"),
    ("a list of equal lengths", "Content-Length: 5, 5\r\n"),
    ("a list of lengths", "Content-Length: 5, 6\r\n"),
    ("a plus", "Content-Length: +5\r\n"),
    ("a minus", "Content-Length: -1\r\n"),
    ("overflow", "Content-Length: 99999999999999999999\r\n"),
    ("2^64", "Content-Length: 18446744073709551616\r\n"),
    ("text after it", "Content-Length: 5x\r\n"),
    ("hex", "Content-Length: 0x5\r\n"),
    ("no length", "Content-Length:\r\n"),
    ("a blank within", "Content-Length: 5 5\r\n"),
    ("a fraction", "Content-Length: 5.0\r\n"),
    ("other digits", "Content-Length: \u{665}\r\n"),
    ("gzip", "Transfer-Encoding: gzip\r\n"),
    ("gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n"),
    ("chunked, gzip", "Transfer-Encoding: chunked, gzip\r\n"),
    ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n"),
    ("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    ("identity", "Transfer-Encoding: identity\r\n"),
    ("nearly chunked", "Transfer-Encoding: xchunked\r\n"),
    ("no coding", "Transfer-Encoding:\r\n"),
    ("a parameter", "Transfer-Encoding: chunked;q=1\r\n"),
    ("a length and another coding", "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n"),
];

/// A whole line in place of a good header.
const LINES: [(&str, &str); 12] = [
    ("a folded line", "A: b\r\n c\r\n"),
    ("a line folded by a tab", "A: b\r\n\tc\r\n"),
    ("a blank before the colon", "A : b\r\n"),
    ("NUL in a value", "A: \0\r\n"),
    ("NUL in a name", "A\0: b\r\n"),
    ("a control character", "A: \u{1}\r\n"),
    ("a bare CR", "A: b\rc\r\n"),
    ("no colon", "no colon\r\n"),
    ("no name", ": b\r\n"),
    ("a name in brackets", "(A): b\r\n"),
    ("a second Host", "Host: x\r\n"),
    ("another Host", "Host: y\r\n"),
];

/// The Host, all of it.
const HOSTS: [(&str, &str); 5] = [
    ("no Host", ""),
    ("two words", "Host: a b\r\n"),
    ("a list", "Host: a, b\r\n"),
    ("a path", "Host: x/y\r\n"),
    ("user information", "Host: u@x\r\n"),
];

/// The first line.
const FIRST: [(&str, &str); 17] = [
    ("asterisk", "GET * HTTP/1.1"),
    ("authority", "GET x:80 HTTP/1.1"),
    ("no slash", "GET api/v1/health/live HTTP/1.1"),
    ("another scheme", "GET ftp://x/ HTTP/1.1"),
    ("NUL in the target", "GET /api\0 HTTP/1.1"),
    ("a blank in the target", "GET /api/v1/health live HTTP/1.1"),
    ("two blanks", "GET  /api/v1/health/live HTTP/1.1"),
    ("no target", "GET HTTP/1.1"),
    ("HTTP/1.2", "GET /api/v1/health/live HTTP/1.2"),
    ("HTTP/2.0", "GET /api/v1/health/live HTTP/2.0"),
    ("HTTP/3.0", "GET /api/v1/health/live HTTP/3.0"),
    ("small letters", "GET /api/v1/health/live http/1.1"),
    ("HTTP/1.10", "GET /api/v1/health/live HTTP/1.10"),
    ("HTTP/0.9", "GET /api/v1/health/live"),
    ("no version", "GET /api/v1/health/live HTTP/"),
    ("a method that is none", "G@T /api/v1/health/live HTTP/1.1"),
    ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0 hello"),
];

/// The chunks of a body that is wanted.
const CHUNKS: [(&str, &str, Due); 12] = [
    ("no number", "zz\r\n", BadBody),
    ("a negative chunk", "-5\r\n{}\r\n0\r\n\r\n", BadBody),
    ("0x", "0x2\r\n{}\r\n0\r\n\r\n", BadBody),
    ("2^64", "10000000000000000\r\n{}\r\n0\r\n\r\n", BadBody),
    ("no size", "\r\n{}\r\n0\r\n\r\n", BadBody),
    ("longer than it says", "1\r\n{}\r\n0\r\n\r\n", BadBody),
    ("no end of line behind it", "2\r\n{}0\r\n\r\n", BadBody),
    ("a CR alone", "2\r{}\r\n0\r\n\r\n", BadBody),
    ("an LF alone", "2\n{}\r\n0\r\n\r\n", BadBody),
    ("two numbers", "2 2\r\n{}\r\n0\r\n\r\n", BadBody),
    ("NUL in the size", "2\0\r\n{}\r\n0\r\n\r\n", BadBody),
    ("a bad trailer", "2\r\n{}\r\n0\r\nno colon\r\n\r\n", Once),
];

/// Each message whole, by name.
fn table(key: &str) -> Vec<(String, Vec<u8>, Due)> {
    let mut all: Vec<(String, Vec<u8>, Due)> = Vec::new();
    let mut add = |name: &str, message: String, due| all.push((name.to_owned(), message.into_bytes(), due));
    let post = |lines: &str| format!("POST {SYSTEMS} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\n{lines}\r\n");
    for (name, lines) in LENGTHS {
        add(name, post(lines), Refusal);
    }
    let old = post("Transfer-Encoding: chunked\r\n").replacen("HTTP/1.1", "HTTP/1.0", 1);
    add("chunked in HTTP/1.0", old + "2\r\n{}\r\n0\r\n\r\n", Refusal);
    for (name, line) in LINES {
        add(name, get(LIVE, line), Refusal);
    }
    add("a blank before the first header", get(LIVE, "").replacen("Host", " Host", 1), Refusal);
    for (name, host) in HOSTS {
        add(name, format!("GET {LIVE} HTTP/1.1\r\n{host}\r\n"), Refusal);
    }
    for (name, first) in FIRST {
        add(name, format!("{first}\r\nHost: x\r\n\r\n"), Refusal);
    }
    for (name, chunks, due) in CHUNKS {
        add(name, post("Connection: close\r\nTransfer-Encoding: chunked\r\n") + chunks, due);
    }
    let long = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(40_000));
    add("an endless extension", post("Transfer-Encoding: chunked\r\n") + &long, BadBody);

    // What is read one way only, whichever, because the connection ends with it.
    let inner = format!("0\r\n\r\n{SECOND}");
    let length = inner.len();
    for lines in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n".to_owned(),
    ] {
        add("length and chunks", post(&lines) + &inner, Once);
    }
    let twice = format!("Content-Length: {length}\r\nContent-Length: {length}\r\nConnection: close\r\n");
    add("equal lengths", post(&twice) + &inner, Once);
    let closing = |first: &str| format!("GET {first} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    for target in
        ["http://x/api/v1/health/live", "https://y:1/api/v1/health/live", "HTTP://u@x/", "//x/y", "/#x", "/\\x"]
    {
        add(target, closing(target), Once);
    }
    add("bare LFs", closing(LIVE).replace("\r\n", "\n"), Once);
    add("one bare LF", closing(LIVE).replacen("Host: x\r\n", "Host: x\n", 1), Once);
    add("lines before it", format!("\r\n\r\n{}", closing(LIVE)), Once);
    let octets = [b"GET /api/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_vec()];
    all.extend(octets.map(|message| ("octets that are no text".to_owned(), message, Once)));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_messages_get_one_answer_at_most() {
    let server = Counted::start();
    let (to, key) = (server.address(), server.server.key());
    let client = server.server.client(&key);
    client.get(SYSTEMS).await.expect_status(200);
    let table = table(&key);
    assert!(table.len() >= 45);
    let (mut refused, mut answered, mut silent) = (0, 0, 0);
    for (name, message, due) in &table {
        for kept in [false, true] {
            let before = server.handled().await;
            let first = if kept { get(LIVE, "") } else { String::new() };
            let mut all = wire::said(to, [first.as_bytes(), message, SECOND.as_bytes()].concat()).await;
            if kept {
                all.remove(0).expect_status(200);
            }
            assert!(all.len() <= 1, "{name}: {} answers: {all:?}", all.len());
            let handlers = server.handled().await - before - u64::from(kept);
            assert!(handlers <= 1, "{name}: {handlers} handlers ran");
            let Some(answer) = all.pop() else {
                assert!(*due == Once, "{name}: no answer");
                silent += 1;
                continue;
            };
            if *due == Once {
                answered += 1;
                continue;
            }
            assert_eq!((answer.status, answer.header("connection")), (400, "close"), "{name}: {}", answer.body);
            if !answer.is_bare_refusal() {
                answer.expect_error(400, "BAD_REQUEST");
            }
            assert_eq!(handlers, u64::from(*due == BadBody), "{name}: handlers");
            refused += 1;
        }
    }
    // Neither what is odd nor what stands behind it made anything.
    assert_eq!(client.get(SYSTEMS).await.expect_status(200)["totalCount"], 0);
    tier::figure(format!(
        "{} messages, each as the first and as the second of a connection: {refused} refused, {answered} answered \
         once, {silent} closed without a word, 0 second answers",
        table.len()
    ));
}
