//! The listener of the program as it is shipped, over bare sockets: who holds connections and for how long, how many
//! there may be, and what is no good HTTP. Every answer is held against the common rules of all answers.

mod heads;
mod many;
mod messages;
mod protocols;
mod slow;

use std::net::SocketAddr;

use crate::support::program::{Place, Process};
use crate::support::wire;

/// Needs no key, touches no file and is counted by nothing but the metrics.
const LIVE: &str = "/api/v1/health/live";

/// A server and what counts how many of its handlers ran.
struct Counted {
    server: Process,
    metrics: SocketAddr,
}

impl Counted {
    fn start() -> Counted {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let place = Place::new().with("JIM_LOG_FILTER", "warn").with("JIM_METRICS_LISTEN", &free.to_string());
        Counted { server: place.serve(), metrics: free }
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Requests that came as far as the routes, whatever was answered there.
    async fn handled(&self) -> u64 {
        let mut stream = wire::connect(self.metrics).await;
        let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.expect("sent");
        let text = String::from_utf8(wire::rest(&mut stream).await).expect("text");
        let counts = text.lines().filter(|line| line.starts_with("jim_http_requests_total{"));
        let own = |line: &&str| !line.contains("route=\"/metrics\"");
        let count = |line: &str| line.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok()).expect("a count");
        counts.filter(own).map(count).sum()
    }
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n")
}
