//! The faults, seen through raw sockets, and TLS.

use super::tests::{bound, connect, find, page, small};
use super::*;
use ldap3::Scope;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(10);

pub(super) async fn with(faults: Faults) -> Sandbox {
    let mut options = Options::with_tree(small());
    options.faults = faults;
    Sandbox::start(options).await.expect("start")
}

pub(super) fn in_search(faults: Vec<SearchFault>) -> Faults {
    Faults { searches: faults, ..Faults::default() }
}

/// A bind request with message id 1.
fn bind_request(sandbox: &Sandbox) -> Vec<u8> {
    let mut content = vec![2, 1, 3];
    ber::put(&mut content, ber::OCTETS, sandbox.bind_dn().as_bytes());
    ber::put(&mut content, 0x80, sandbox.password().as_bytes());
    ber::message(1, &ber::tlv(0x60, &content), &[])
}

/// A subtree search of `dc=x` for everything, with message id 2.
fn search_request() -> Vec<u8> {
    let mut content = ber::tlv(ber::OCTETS, b"dc=x");
    content.extend([0x0a, 1, 2, 0x0a, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0]);
    ber::put(&mut content, 0x87, b"objectClass");
    ber::put(&mut content, ber::SEQUENCE, &[]);
    ber::message(2, &ber::tlv(0x63, &content), &[])
}

/// A bound raw connection, the bind response read.
pub(super) async fn raw(sandbox: &Sandbox) -> TcpStream {
    let mut tcp = TcpStream::connect(sandbox.addr()).await.expect("connection");
    bind_on(&mut tcp, sandbox).await;
    tcp
}

async fn bind_on(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), sandbox: &Sandbox) {
    stream.write_all(&bind_request(sandbox)).await.expect("sent");
    let mut response = [0; 14];
    stream.read_exact(&mut response).await.expect("bind response");
    assert_eq!(response, [0x30, 12, 2, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0]);
}

/// Everything that comes until the end or until it is quiet; and whether it ended, and with an error.
pub(super) async fn rest(tcp: &mut TcpStream) -> (Vec<u8>, &'static str) {
    let mut got = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        match timeout(SHORT, tcp.read(&mut buffer)).await {
            Err(_) => return (got, "silent"),
            Ok(Err(_)) => return (got, "reset"),
            Ok(Ok(0)) => return (got, "closed"),
            Ok(Ok(n)) => got.extend_from_slice(&buffer[..n]),
        }
    }
}

/// What comes in answer to the search.
pub(super) async fn searched(faults: Faults) -> (Vec<u8>, &'static str) {
    let sandbox = with(faults).await;
    let mut tcp = raw(&sandbox).await;
    tcp.write_all(&search_request()).await.expect("sent");
    rest(&mut tcp).await
}

/// The operation tags of whole messages.
pub(super) fn tags(mut bytes: &[u8]) -> Vec<u8> {
    let mut tags = Vec::new();
    while let [0x30, length, rest @ ..] = bytes {
        let (length, rest) = match length {
            0x81 => (usize::from(rest[0]), &rest[1..]),
            short => (usize::from(*short), rest),
        };
        let Some((message, next)) = rest.split_at_checked(length) else { break };
        tags.extend(message.get(3));
        bytes = next;
    }
    tags
}

const ENTRY: u8 = ber::SEARCH_ENTRY;
pub(super) const DONE: u8 = ber::SEARCH_DONE;

#[tokio::test]
async fn a_healthy_search_is_the_measure() {
    let (bytes, how) = searched(Faults::default()).await;
    assert_eq!((tags(&bytes).as_slice(), how), (&[ENTRY, ENTRY, ENTRY, ENTRY, ENTRY, DONE][..], "silent"));
    let slices = Faults { pace: Some(Pace::slices()), ..Faults::default() };
    assert_eq!(searched(slices).await.0, bytes);
}

#[tokio::test]
async fn hanging_is_silent_and_open() {
    let sandbox = with(Faults { hang: Some(Hang::Connect), ..Faults::default() }).await;
    let mut tcp = TcpStream::connect(sandbox.addr()).await.expect("connection");
    tcp.write_all(&bind_request(&sandbox)).await.expect("sent");
    assert_eq!(rest(&mut tcp).await, (Vec::new(), "silent"));
    sandbox.set_faults(Faults { hang: Some(Hang::Bind), ..Faults::default() });
    let mut tcp = TcpStream::connect(sandbox.addr()).await.expect("connection");
    tcp.write_all(&bind_request(&sandbox)).await.expect("sent");
    assert_eq!(rest(&mut tcp).await, (Vec::new(), "silent"));
    drop(tcp);
    sandbox.set_faults(Faults::default());
    raw(&sandbox).await;
    assert_eq!((sandbox.connections(), sandbox.bind_attempts(), sandbox.binds()), (3, 2, 1));
}

#[tokio::test]
async fn a_search_can_stop_anywhere() {
    let (bytes, how) = searched(in_search(vec![SearchFault::new(Mischief::Hang).after(2)])).await;
    assert_eq!((tags(&bytes), how), (vec![ENTRY, ENTRY], "silent"));
    let (half, how) = searched(in_search(vec![SearchFault::new(Mischief::HangInEntry).after(2)])).await;
    assert_eq!((tags(&half), how), (vec![ENTRY, ENTRY], "silent"));
    assert!(half.len() > bytes.len() + 20);
    for (ending, expected) in [
        (Ending::Close, "closed"),
        (Ending::HalfClose, "closed"),
        (Ending::Reset, "reset"),
        (Ending::Silence, "silent"),
    ] {
        let (_, how) = searched(in_search(vec![SearchFault::new(Mischief::End(ending)).after(1)])).await;
        assert_eq!(how, expected);
    }
    let busy = SearchFault::new(Mischief::Answer(Answer::new(51, "busy"))).after(1);
    let (bytes, _) = searched(in_search(vec![busy.clone()])).await;
    assert_eq!(tags(&bytes), [ENTRY, DONE]);
    assert!(bytes.ends_with(b"\x0a\x01\x33\x04\x00\x04\x04busy"));
    let (bytes, _) = searched(in_search(vec![busy.under("o=empty")])).await;
    assert_eq!(tags(&bytes).len(), 6);
}

#[tokio::test]
async fn the_whole_output_can_be_cut() {
    let cut = |at, how| Faults { cut: Some(Cut { at, how }), ..Faults::default() };
    let (bytes, how) = searched(cut(CutAt::Messages(3), Ending::Close)).await;
    assert_eq!((tags(&bytes), how), (vec![ENTRY, ENTRY], "closed"));
    let (bytes, how) = searched(cut(CutAt::Bytes(14 + 30), Ending::HalfClose)).await;
    assert_eq!((bytes.len(), how), (30, "closed"));
    let (_, how) = searched(cut(CutAt::Bytes(14 + 30), Ending::Reset)).await;
    assert_eq!(how, "reset");
}

#[tokio::test]
async fn slow_output_keeps_its_pace() {
    let sandbox = with(Faults::default()).await;
    let mut tcp = raw(&sandbox).await;
    sandbox.set_faults(Faults { pace: Some(Pace::drip(Duration::from_millis(20))), ..Faults::default() });
    tcp.write_all(&search_request()).await.expect("sent");
    tokio::time::sleep(SHORT).await;
    let mut buffer = [0; 1024];
    let n = tcp.read(&mut buffer).await.expect("some");
    assert!((1..=8).contains(&n), "{n}");
    let trickle = SearchFault::new(Mischief::Trickle(Duration::from_millis(20))).after(5);
    sandbox.set_faults(in_search(vec![trickle]));
    let mut tcp = raw(&sandbox).await;
    tcp.write_all(&search_request()).await.expect("sent");
    let mut got = vec![0; 2000];
    timeout(LONG, tcp.read_exact(&mut got)).await.expect("in time").expect("for ever");
}

#[tokio::test]
async fn bytes_can_be_turned_and_pages_kept_small() {
    let (good, _) = searched(Faults::default()).await;
    // The bind response goes before and is fourteen bytes long.
    let (turned, _) = searched(Faults { spoiled: vec![(14 + 2, 0xff), (1 << 30, 1)], ..Faults::default() }).await;
    let differ: Vec<usize> = (0..good.len()).filter(|i| good[*i] != turned[*i]).collect();
    assert_eq!((differ, turned[2]), (vec![2], good[2] ^ 0xff));

    let sandbox = with(Faults { page_size: Some(2), ..Faults::default() }).await;
    let mut ldap = bound(&sandbox).await;
    let (entries, _, cookie) = page(&mut ldap, "dc=x", 100, Vec::new()).await;
    assert_eq!((entries.len(), cookie.is_empty()), (2, false));
}

#[tokio::test]
async fn foreign_messages_can_be_put_in() {
    let put = |what| searched(in_search(vec![SearchFault::new(what).after(1)]));
    let (bytes, _) = put(Mischief::Flood(100)).await;
    assert_eq!(tags(&bytes).len(), 106);
    for text in ["ou=flood000000000,dc=x", "ou=flood000000099,dc=x"] {
        assert_eq!(bytes.windows(text.len()).filter(|w| *w == text.as_bytes()).count(), 1, "{text}");
    }
    let urls = vec!["ldap://elsewhere/dc=y".to_owned()];
    assert_eq!(tags(&put(Mischief::References(urls)).await.0)[1], ber::SEARCH_REFERENCE);
    let (bytes, _) = put(Mischief::Entry("ou=out,dc=elsewhere".to_owned())).await;
    assert!(bytes.windows(19).any(|w| w == b"ou=out,dc=elsewhere"));
    let (bytes, _) = put(Mischief::Raw(vec![0x30, 0x00])).await;
    assert_eq!(bytes.windows(2).filter(|w| w == &[0x30, 0x00]).count(), 1);
    let (bytes, _) = put(Mischief::Broken(Broken::WrongOperation)).await;
    assert_eq!(tags(&bytes)[1], ber::ADD_RESPONSE);
    let (bytes, _) = put(Mischief::Broken(Broken::BadUtf8(Place::Diagnostic))).await;
    assert_eq!(tags(&bytes), [ENTRY, DONE]);
    let (bytes, _) = put(Mischief::Broken(Broken::EntryOfSize(3 << 20))).await;
    assert!(bytes.len() > 3 << 20);
    let (bytes, _) = put(Mischief::Broken(Broken::LengthClaim { claim: 0x7fff_ffff, then: 1 << 20 })).await;
    assert!(bytes.windows(6).any(|w| w == [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]) && bytes.len() > 1 << 20);
    let (bytes, how) = searched(in_search(vec![
        SearchFault::new(Mischief::Broken(Broken::NoticeOfDisconnection)),
        SearchFault::new(Mischief::End(Ending::Close)),
    ]))
    .await;
    assert_eq!((tags(&bytes), how), (vec![ber::EXTENDED_RESPONSE], "closed"));
}

#[tokio::test]
async fn answers_can_be_dictated() {
    let sandbox = with(Faults {
        bind: Some(Answer::active_directory_bind("52e")),
        base_reads: vec![
            ("OU=a,dc=x".to_owned(), Answer::new(50, "")),
            ("ou=b,dc=x".to_owned(), Answer::referral("ldap://other/")),
            (String::new(), Answer::new(999, "odd")),
        ],
        ..Faults::default()
    })
    .await;
    let mut ldap = connect(&sandbox).await;
    let refused = ldap.simple_bind(sandbox.bind_dn(), sandbox.password()).await.expect("answer");
    assert!(refused.rc == 49 && refused.text.contains("data 52e"));
    assert_eq!(find(&mut ldap, "ou=a,dc=x", Scope::Base, "(objectClass=*)", &[]).await.1.rc, 50);
    let (_, referred) = find(&mut ldap, "ou=b,dc=x", Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((referred.rc, referred.refs), (10, vec!["ldap://other/".to_owned()]));
    assert_eq!(find(&mut ldap, "", Scope::Base, "(objectClass=*)", &[]).await.1.rc, 999);
}

#[tokio::test]
async fn pages_can_go_wrong() {
    let sandbox = with(Faults { paging: Some(PagingFault::SameCookie), ..Faults::default() }).await;
    let mut ldap = bound(&sandbox).await;
    let (_, _, first) = page(&mut ldap, "dc=x", 3, Vec::new()).await;
    let (second, _, again) = page(&mut ldap, "dc=x", 3, first.clone()).await;
    let (empty, _, _) = page(&mut ldap, "dc=x", 3, first.clone()).await;
    assert_eq!((first, second.len(), empty.len()), (again, 2, 0));
    sandbox.set_faults(Faults { paging: Some(PagingFault::SamePage), ..Faults::default() });
    let (one, _, cookie) = page(&mut ldap, "dc=x", 3, Vec::new()).await;
    assert_eq!(page(&mut ldap, "dc=x", 3, cookie).await.0, one);
    sandbox.set_faults(Faults { paging: Some(PagingFault::NeverEnds), ..Faults::default() });
    let (_, _, cookie) = page(&mut ldap, "dc=x", 9, Vec::new()).await;
    let (empty, _, next) = page(&mut ldap, "dc=x", 9, cookie.clone()).await;
    assert!(empty.is_empty() && !next.is_empty() && next != cookie);
    let broken = SearchFault::new(Mischief::End(Ending::Close)).on_page(2).after(1);
    sandbox.set_faults(in_search(vec![broken]));
    let (_, _, cookie) = page(&mut ldap, "dc=x", 2, Vec::new()).await;
    let control = ldap3::controls::PagedResults { size: 2, cookie };
    ldap.with_controls(vec![control.into()]);
    assert!(ldap.search("dc=x", Scope::Subtree, "(ou=*)", vec!["1.1"]).await.is_err());
}

#[tokio::test]
async fn order_and_number_can_be_disturbed() {
    let sandbox = with(Faults { order: Order::Reversed, duplicates: true, ..Faults::default() }).await;
    let mut ldap = bound(&sandbox).await;
    let (all, _) = find(&mut ldap, "dc=x", Scope::Subtree, "(objectClass=*)", &["1.1"]).await;
    assert_eq!((all.len(), all[0].dn == all[1].dn, all[9].dn.as_str()), (10, true, "dc=x"));
}

#[tokio::test]
async fn a_gate_holds_a_search_until_it_opens() {
    let gate = Arc::new(Semaphore::new(0));
    let sandbox = with(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() }).await;
    let mut tcp = raw(&sandbox).await;
    tcp.write_all(&search_request()).await.expect("sent");
    assert_eq!(rest(&mut tcp).await.0.len(), 0);
    assert_eq!(sandbox.waiting(), 1);
    sandbox.remove("ou=a,dc=x").expect("removed");
    gate.add_permits(1);
    assert_eq!(tags(&rest(&mut tcp).await.0).len(), 3);
    tcp.write_all(&search_request()).await.expect("sent");
    assert_eq!(rest(&mut tcp).await.0.len(), 0);
    drop(tcp);
    // A client that goes away leaves nothing behind at the gate.
    timeout(LONG, async {
        while sandbox.waiting() + sandbox.open_connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("gone");
}

#[tokio::test]
async fn faults_keep_to_their_connections() {
    let sandbox = with(Faults::default()).await;
    let mut open = raw(&sandbox).await;
    let refuse = Some(Answer::new(49, ""));
    sandbox.set_faults(Faults { connections: Some(1..2), bind: refuse, ..Faults::default() });
    open.write_all(&bind_request(&sandbox)).await.expect("sent");
    assert_eq!(rest(&mut open).await.0[9], 0);
    let mut codes = Vec::new();
    for _ in 0..3 {
        let mut ldap = connect(&sandbox).await;
        codes.push(ldap.simple_bind(sandbox.bind_dn(), sandbox.password()).await.expect("answer").rc);
    }
    assert_eq!(codes, [0, 49, 0]);
}

#[tokio::test]
async fn tls_is_spoken_at_once_or_on_request() {
    let certificate = Certificate::for_names(&["localhost"]).expect("certificate");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.der().to_vec())).expect("root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let name = || ServerName::try_from("localhost").expect("name");
    let start = async |tls, faults| {
        let sandbox = Sandbox::start(Options { tls: Some(tls), faults, ..Options::with_tree(small()) }).await;
        let sandbox = sandbox.expect("start");
        let tcp = TcpStream::connect(sandbox.addr()).await.expect("connection");
        (sandbox, tcp)
    };
    let (sandbox, tcp) = start(Tls::Ldaps(certificate.config()), Faults::default()).await;
    bind_on(&mut connector.connect(name(), tcp).await.expect("handshake"), &sandbox).await;

    let request = ber::message(1, &ber::tlv(0x77, &ber::tlv(0x80, session::START_TLS.as_bytes())), &[]);
    for faults in [Faults::default(), Faults { hang: Some(Hang::Tls), ..Faults::default() }] {
        let hangs = faults.hang.is_some();
        let (sandbox, mut tcp) = start(Tls::StartTls(certificate.config()), faults).await;
        tcp.write_all(&request).await.expect("sent");
        let (response, _) = rest(&mut tcp).await;
        assert_eq!((response[5], response[9]), (ber::EXTENDED_RESPONSE, 0));
        match timeout(SHORT, connector.connect(name(), tcp)).await {
            Ok(tls) => bind_on(&mut tls.expect("handshake"), &sandbox).await,
            Err(_) => assert!(hangs),
        }
    }
    let plain = with(Faults::default()).await;
    let mut tcp = TcpStream::connect(plain.addr()).await.expect("connection");
    tcp.write_all(&request).await.expect("sent");
    assert_eq!(rest(&mut tcp).await.0[9], 2);

    let old = Certificate::expired(&["localhost"]).expect("certificate");
    assert!(old.pem().starts_with("-----BEGIN CERTIFICATE-----\nMI"));
    let (_sandbox, tcp) = start(Tls::Ldaps(old.config()), Faults::default()).await;
    assert!(connector.connect(name(), tcp).await.is_err());
}
