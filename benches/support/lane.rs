//! One caller over one kept-alive connection, from an address of its own: every request is timed to its last byte.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A caller.
pub struct Lane {
    from: Ipv4Addr,
    to: SocketAddr,
    stream: Option<TcpStream>,
}

/// What came back.
pub struct Reply {
    pub status: u16,
    pub took: Duration,
}

impl Lane {
    /// A caller at 127.0.0.`host`.
    pub fn new(to: &str, host: u8) -> Lane {
        Lane { from: Ipv4Addr::new(127, 0, 0, host), to: to.parse().expect("an address"), stream: None }
    }

    pub async fn get(&mut self, path: &str, key: Option<&str>) -> Reply {
        self.send("GET", path, key, "").await
    }

    pub async fn send(&mut self, method: &str, path: &str, key: Option<&str>, body: &str) -> Reply {
        let key = key.map(|key| format!("X-Api-Key: {key}\r\n")).unwrap_or_default();
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{key}{length}\r\n{body}", self.to);
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().await,
        };
        let begun = Instant::now();
        stream.write_all(request.as_bytes()).await.expect("a request is taken");
        let (mut answer, mut piece) = (Vec::with_capacity(4096), [0; 16 * 1024]);
        let whole = loop {
            let read = stream.read(&mut piece).await.expect("an answer");
            assert!(read > 0, "{method} {path}: the connection ended within an answer");
            answer.extend_from_slice(&piece[..read]);
            if let Some(head) = answer.windows(4).position(|w| w == b"\r\n\r\n") {
                break head;
            }
        };
        let head = String::from_utf8_lossy(&answer[..whole]).to_ascii_lowercase();
        let length = field(&head, "content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
        while answer.len() < whole + 4 + length {
            let read = stream.read(&mut piece).await.expect("the rest of an answer");
            assert!(read > 0, "{method} {path}: the connection ended within an answer");
            answer.extend_from_slice(&piece[..read]);
        }
        let took = begun.elapsed();
        if field(&head, "connection") != Some("close") {
            self.stream = Some(stream);
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Reply { status, took }
    }

    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((self.from, 0))).expect("a loopback address");
        let stream = socket.connect(self.to).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
