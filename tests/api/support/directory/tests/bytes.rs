//! Faults of the byte stream, and TLS.

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::*;

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

    let request = ber::message(1, &ber::tlv(0x77, &ber::tlv(0x80, b"1.3.6.1.4.1.1466.20037")), &[]);
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
