//! TLS on the listener: what is spoken, what a handshake may take, certificates replaced while it runs, and what a start
//! refuses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};

use crate::support::canaries;
use crate::support::directory::Certificate;
use crate::support::program::{Place, Process};

const LIVE: &str = "/api/v1/health/live";
/// Ten times what anything here takes.
const HANG: Duration = Duration::from_secs(60);

pub fn certificate() -> Certificate {
    Certificate::for_names(&["jim.example"]).expect("a certificate")
}

/// A place whose server shows this certificate.
fn place(certificate: &Certificate) -> Place {
    let place = Place::new().with("JIM_SERVER_TLS_CERTIFICATE", "own.pem").with("JIM_SERVER_TLS_KEY", "own.key");
    put(&place, certificate);
    place
}

pub fn put(place: &Place, certificate: &Certificate) {
    canaries::private_key(&certificate.key_pem());
    place.write("own.pem", certificate.pem());
    place.write("own.key", certificate.key_pem());
    place.set_mode("own.key", 0o600);
}

pub fn address(server: &Process) -> SocketAddr {
    server.line("listening on https://").parse().expect("an address")
}

type Versions = &'static [&'static SupportedProtocolVersion];
const BOTH: Versions = &[&TLS13, &TLS12];

async fn connect(
    to: SocketAddr,
    trusted: &Certificate,
    name: &'static str,
    versions: Versions,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(trusted.der().to_vec())).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(to).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).expect("a name"), stream).await
}

async fn ask(stream: &mut TlsStream<TcpStream>, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(HANG, stream.read_to_end(&mut answer)).await.expect("an end");
    // An end without a goodbye would be an error here.
    read.expect("a whole answer");
    String::from_utf8(answer).expect("text")
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: jim.example\r\nConnection: close\r\n\r\n")
}

/// Whether a caller who trusts this certificate only gets an answer.
pub async fn is_served(to: SocketAddr, trusted: &Certificate) -> bool {
    match connect(to, trusted, "jim.example", BOTH).await {
        Ok(mut stream) => ask(&mut stream, &get(LIVE)).await.starts_with("HTTP/1.1 200 "),
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_1_over_tls_1_2_and_1_3() {
    let own = certificate();
    let server = place(&own).serve();
    let to = address(&server);
    const NEW: Versions = &[&TLS13];
    const OLD: Versions = &[&TLS12];
    let each = [(NEW, ProtocolVersion::TLSv1_3), (OLD, ProtocolVersion::TLSv1_2), (BOTH, ProtocolVersion::TLSv1_3)];
    for (versions, spoken) in each {
        let mut stream = connect(to, &own, "jim.example", versions).await.expect("a handshake");
        let session = stream.get_ref().1;
        assert_eq!((session.protocol_version(), session.alpn_protocol()), (Some(spoken), Some(&b"http/1.1"[..])));
        let answer = ask(&mut stream, &get(LIVE)).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("x-request-id: "), "{answer}");
    }
    // The certificate is the caller's to judge, whatever name the caller asks for.
    assert!(connect(to, &own, "other.example", BOTH).await.is_err());
    assert!(connect(to, &certificate(), "jim.example", BOTH).await.is_err());
    assert!(is_served(to, &own).await);
    // Refusals of heads that are too large, and large bodies that are not read, arrive here too.
    let mut stream = connect(to, &own, "jim.example", BOTH).await.expect("a handshake");
    let answer =
        ask(&mut stream, &format!("GET {LIVE} HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(17_000))).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    // Nothing is answered in clear.
    let mut plain = TcpStream::connect(to).await.expect("a connection");
    plain.write_all(get(LIVE).as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(HANG, plain.read_to_end(&mut answer)).await.expect("an end");
    assert!(!answer.windows(4).any(|w| w == b"HTTP"), "{answer:?}");
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_stall_are_cut_and_delay_no_other() {
    let own = certificate();
    let server = place(&own).serve();
    let to = address(&server);
    let mut stalled = Vec::new();
    for n in 0..500u16 {
        // From more than one address, because one may hold no more than 256 connections.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 2 + (n % 4) as u8], 0))).expect("a loopback address");
        let mut stream = socket.connect(to).await.expect("a connection");
        if n % 2 == 0 {
            // The beginning of a first message that never comes to its end.
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.expect("sent");
        }
        stalled.push(stream);
    }
    assert!(is_served(to, &own).await);
    for mut stream in stalled {
        let mut answer = [0; 64];
        let read = tokio::time::timeout(HANG, stream.read(&mut answer)).await.expect("it is cut");
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    // A stop does not wait for one either.
    let _open = TcpStream::connect(to).await.expect("a connection");
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_under_load_and_a_broken_one_is_not() {
    let (first, second, third) = (Arc::new(certificate()), Arc::new(certificate()), certificate());
    let place = place(&first);
    let server = place.serve();
    let to = address(&server);
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let lanes: Vec<_> = (0..4)
        .map(|_| {
            let (stop, served) = (stop.clone(), served.clone());
            let trusted = [first.clone(), second.clone()];
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    // Either will do while they change; none is no answer.
                    let mut answered = is_served(to, &trusted[0]).await;
                    answered |= is_served(to, &trusted[1]).await;
                    assert!(answered || is_served(to, &trusted[0]).await);
                    served.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let mut kept = connect(to, &first, "jim.example", BOTH).await.expect("a handshake");
    let turn = |server: &Process, told: &str| {
        server.signal(Signal::HUP);
        server.log_line(told);
    };
    for (name, content, told) in [
        ("own.pem", "no certificate".to_owned(), "holds no certificate in PEM form"),
        ("own.pem", third.pem(), "does not belong to the certificate"),
        ("own.key", "no key".to_owned(), "holds no private key in PEM form"),
        ("own.key", third.key_pem(), "can be read by others"),
    ] {
        put(&place, &first);
        place.write(name, &content);
        if told == "can be read by others" {
            place.write("own.pem", third.pem());
            place.set_mode("own.key", 0o644);
        }
        turn(&server, told);
        assert!(is_served(to, &first).await && !is_served(to, &third).await, "{told}");
    }
    put(&place, &second);
    server.signal(Signal::HUP);
    while !is_served(to, &second).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!is_served(to, &first).await);
    let before = served.load(Ordering::SeqCst);
    while served.load(Ordering::SeqCst) < before + 8 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::SeqCst);
    for lane in lanes {
        lane.await.expect("every caller got an answer");
    }
    // A connection goes on with what it began with.
    assert!(ask(&mut kept, &get(LIVE)).await.starts_with("HTTP/1.1 200 "));
    let done = server.stop();
    assert_eq!(done.code, Some(0));
    assert!(!done.err.contains("PRIVATE KEY"), "{}", done.err);
}

#[test]
fn a_start_refuses_what_cannot_be_served_before_any_file_is_made() {
    let (own, other) = (certificate(), certificate());
    type Bend = fn(&Place, &Certificate);
    let ways: [(Bend, &[&str]); 6] = [
        (|p, _| std::fs::remove_file(p.path("own.pem")).expect("removed"), &["own.pem", "cannot read"]),
        (|p, _| std::fs::remove_file(p.path("own.key")).expect("removed"), &["own.key", "is missing"]),
        (|p, _| p.set_mode("own.key", 0o640), &["own.key", "can be read by others", "chmod 600"]),
        (|p, other| p.write("own.pem", other.pem()), &["own.key", "does not belong to the certificate"]),
        (|p, _| p.write("own.pem", ""), &["own.pem", "holds no certificate"]),
        (|p, _| p.write("own.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), &["own.key", "without a passphrase"]),
    ];
    for (bend, told) in ways {
        let place = place(&own);
        bend(&place, &other);
        let before = place.names();
        let said = place.run(&["serve"]).refused(78);
        assert!(told.iter().all(|t| said.contains(t)), "{told:?}: {said}");
        assert_eq!(place.names(), before);
    }
}

/// A listener that is reached from elsewhere needs TLS, or a setting that says that it does not.
#[test]
fn with_tls_others_may_reach_it() {
    let place = place(&certificate()).with("JIM_SERVER_LISTEN", "0.0.0.0:0");
    let server = place.serve();
    assert!(server.line("listening on ").starts_with("https://0.0.0.0:"));
    assert_eq!(server.stop().code, Some(0));
}
