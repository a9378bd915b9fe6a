//! What the PowerShell client puts on the wire, byte for byte, and what it gets back. The requests are written to a
//! bare socket, because an HTTP library would choose the spelling of the headers itself. Which requests there are is
//! the table's business.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A session that is connected to a server.
pub struct Shell {
    pub address: SocketAddr,
    pub key: String,
}

/// Which headers a request has.
#[derive(Clone, Copy, PartialEq)]
pub enum Headers {
    /// Those of every verb, with a body or without.
    All,
    /// Before there is a key.
    WithoutKey,
    /// Only the key, for a file.
    OnlyKey,
}

/// An answer as it came.
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub bytes: Vec<u8>,
}

impl Shell {
    /// Sends `GET /path` and the like.
    pub async fn send(&self, line: &str, headers: Headers, body: Option<&str>) -> Reply {
        let (verb, path) = line.split_once(' ').expect("verb and path");
        assert!(!path.contains(' '), "{path}");
        let mut request = format!("{verb} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if headers != Headers::OnlyKey {
            request += "Accept: application/json\r\n";
        }
        if headers != Headers::WithoutKey {
            request += &format!("X-API-Key: {}\r\n", self.key);
        }
        if headers != Headers::OnlyKey {
            request += "Content-Type: application/json\r\n";
        }
        let body = body.unwrap_or_default();
        if !body.is_empty() || verb != "GET" {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        request += "Connection: close\r\n\r\n";
        request += body;
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.expect("connected");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("a whole answer");
            answer
        };
        let answer = tokio::time::timeout(Duration::from_secs(60), exchange).await.expect("an answer");
        Reply::parse(&answer).unwrap_or_else(|| panic!("{line}: {:?}", String::from_utf8_lossy(&answer)))
    }
}

/// A body as the client writes it: indented, with the line ends of its system.
pub fn indented(body: &Value) -> String {
    serde_json::to_string_pretty(body).expect("JSON").replace('\n', "\r\n")
}

impl Reply {
    /// The body: `null` when there is none.
    pub fn json(&self) -> Value {
        if self.bytes.is_empty() {
            return Value::Null;
        }
        assert_eq!(self.content_type, "application/json; charset=utf-8");
        serde_json::from_slice(&self.bytes).expect("JSON")
    }

    fn parse(answer: &[u8]) -> Option<Reply> {
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&answer[..end]).ok()?;
        let header = |name: &str| {
            let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
            lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
        };
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let rest = &answer[end + 4..];
        let bytes = match header("transfer-encoding").as_deref() {
            Some("chunked") => unchunked(rest)?,
            Some(_) => return None,
            None => rest.to_vec(),
        };
        // Neither cut short nor followed by anything.
        if header("content-length").is_some_and(|length| length != bytes.len().to_string()) {
            return None;
        }
        Some(Reply { status, content_type: header("content-type").unwrap_or_default(), bytes })
    }
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        let chunk = rest.get(end + 2..end + 2 + size)?;
        rest = rest.get(end + 2 + size..)?.strip_prefix(b"\r\n")?;
        if size == 0 {
            return rest.is_empty().then_some(whole);
        }
        whole.extend_from_slice(chunk);
    }
}
