//! A bare socket: what is sent is what a test wrote, byte by byte, and all that comes back is held against the same
//! rules as the answers that the client reads.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::Answer;
use super::program::HANG;

/// A connection from this last number of a loopback address: 127.0.0.1 and up.
pub async fn from(number: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((IpAddr::V4(Ipv4Addr::new(127, 0, 0, number)), 0)))?;
    socket.connect(to).await
}

/// A connection from the usual address.
pub async fn connect(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).await.expect("a connection")
}

/// All that is answered to these bytes until the other side closes.
pub async fn said(to: SocketAddr, request: impl AsRef<[u8]>) -> Vec<Answer> {
    let mut stream = connect(to).await;
    // It may be refused before all of it was taken.
    let _ = stream.write_all(request.as_ref()).await;
    answers(&rest(&mut stream).await)
}

/// What comes until the other side closes, which it has to.
pub async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        match tokio::time::timeout(HANG, stream.read(&mut piece)).await.expect("the server closes") {
            Ok(n) if n > 0 => bytes.extend_from_slice(&piece[..n]),
            _ => return bytes,
        }
    }
}

/// Sends and reads one answer; `None` if the other side closes without one.
pub async fn ask(stream: &mut TcpStream, request: impl AsRef<[u8]>) -> Option<Answer> {
    stream.write_all(request.as_ref()).await.ok()?;
    let mut bytes = Vec::new();
    loop {
        if let Some((answer, _)) = first(&bytes) {
            return Some(answer);
        }
        let read = tokio::time::timeout(HANG, stream.read_buf(&mut bytes)).await.expect("an answer or an end");
        if read.unwrap_or(0) == 0 {
            assert!(bytes.is_empty(), "half an answer: {}", String::from_utf8_lossy(&bytes));
            return None;
        }
    }
}

/// The answers in these bytes, which hold nothing else.
#[track_caller]
pub fn answers(bytes: &[u8]) -> Vec<Answer> {
    let (mut rest, mut all) = (bytes, Vec::new());
    while !rest.is_empty() {
        let found = first(rest);
        let (answer, length) = found.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(rest)));
        all.push(answer);
        rest = &rest[length..];
    }
    all
}

/// The answer that these bytes begin with, and its length, once it is whole.
#[track_caller]
fn first(bytes: &[u8]) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().expect("a first line");
    let (version, status) = status.split_once(' ').expect("a status line");
    assert!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "{head}");
    let status = status[..3].parse().unwrap_or_else(|_| panic!("no status in {head}"));
    let mut headers = reqwest::header::HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}"));
        let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        assert!(!headers.contains_key(&name), "{name} twice in {head}");
        headers.insert(name, value.parse().expect("a value"));
    }
    let length: usize = headers.get("content-length").expect("a length").to_str().ok()?.parse().expect("a length");
    let raw = bytes.get(end..end + length)?.to_vec();
    let is_json = headers.get("content-type").is_some_and(|kind| kind == "application/json; charset=utf-8");
    let body = if is_json { serde_json::from_slice(&raw).expect("JSON") } else { serde_json::Value::Null };
    Some((Answer::checked("a bare socket", "", Answer { status, headers, body, raw }), end + length))
}
