//! The directory of the tests: a listener that answers each request with the steps that a closure says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::super::super::ber::{INTEGER, Reader, SEQUENCE, frame_length, unsigned};
use super::super::super::connect::{Target, Transport};
use super::super::super::sample::{message, result};

pub struct Request<'a> {
    pub id: u32,
    pub op: u8,
    /// Ordinal number among its kind, from 1.
    pub number: u32,
    pub frame: &'a [u8],
}

#[derive(Clone)]
pub enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    Close,
}

pub fn send(bytes: Vec<u8>) -> Step {
    Step::Send(bytes)
}

pub fn close() -> Step {
    Step::Close
}

/// Answers a bind well and nothing else.
pub fn ask(request: Request<'_>) -> Vec<Step> {
    if request.op == 0x60 { vec![send(message(request.id, &[result(0x61, 0, "")]))] } else { vec![] }
}

pub struct Fake {
    port: u16,
    connections: Arc<AtomicU32>,
    closed: Arc<Notify>,
    pub host: String,
    pub security: Transport,
    pub verify: bool,
}

impl Fake {
    pub async fn start(answer: impl FnMut(Request<'_>) -> Vec<Step> + Send + 'static) -> Fake {
        Fake::start_with(None, Transport::Plain, answer).await
    }

    /// With TLS. With StartTLS the closure sees that request first, and TLS begins when it answered it.
    pub async fn start_with(
        tls: Option<Arc<ServerConfig>>,
        security: Transport,
        mut answer: impl FnMut(Request<'_>) -> Vec<Step> + Send + 'static,
    ) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
        let port = listener.local_addr().expect("address").port();
        let (connections, closed) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let (count, end) = (connections.clone(), closed.clone());
        tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.expect("accept");
            count.fetch_add(1, Ordering::SeqCst);
            if security == Transport::StartTls {
                converse(&mut tcp, &mut answer, true).await;
            }
            match tls {
                Some(config) => {
                    if let Ok(mut stream) = TlsAcceptor::from(config).accept(tcp).await {
                        converse(&mut stream, &mut answer, false).await;
                    }
                }
                None => converse::<TcpStream>(&mut tcp, &mut answer, false).await,
            }
            end.notify_one();
        });
        Fake { port, connections, closed, host: "127.0.0.1".into(), security, verify: true }
    }

    pub fn target(&self) -> Target {
        Target { host: self.host.clone(), port: self.port, security: self.security, verify: self.verify }
    }

    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }

    /// Whether the connection is over within a second.
    pub async fn ended(&self) -> bool {
        tokio::time::timeout(Duration::from_secs(1), self.closed.notified()).await.is_ok()
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    answer: &mut impl FnMut(Request<'_>) -> Vec<Step>,
    once: bool,
) {
    let mut came = Vec::new();
    let mut counts = [0; 256];
    loop {
        while let Some(length) = frame_length(&came, usize::MAX).expect("a request").filter(|&n| n <= came.len()) {
            let frame: Vec<u8> = came.drain(..length).collect();
            let mut parts = Reader::new(Reader::new(&frame).take(SEQUENCE).expect("message"));
            let id = unsigned(parts.take(INTEGER).expect("id")).expect("id");
            let (op, _) = parts.element().expect("operation").expect("operation");
            counts[usize::from(op)] += 1;
            for step in answer(Request { id, op, number: counts[usize::from(op)], frame: &frame }) {
                match step {
                    Step::Send(bytes) => {
                        if stream.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                    Step::Wait(time) => tokio::time::sleep(time).await,
                    Step::Close => {
                        let _ = stream.shutdown().await;
                        return;
                    }
                }
            }
            if once {
                return;
            }
        }
        match stream.read_buf(&mut came).await {
            Ok(count) if count > 0 => {}
            _ => return,
        }
    }
}
