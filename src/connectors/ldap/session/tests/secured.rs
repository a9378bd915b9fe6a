//! StartTLS and TLS: which certificates are trusted, and that no password is sent before.

use super::super::super::sample::tls::*;
use super::*;

/// Tries a directory that shows the certificate for these names and that time, signed by that key. The trusted one is
/// [`known`].
async fn shown(names: &[&str], time: (&str, &str), issuer: Key, change: impl Fn(&mut Fake)) -> Result<(), Failure> {
    let (ca, key) = (known(), Key::new(3, "directory"));
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("ca.pem"), pem(&certificate(&ca, &ca, &[], NOW))).expect("write");
    let trust = ClientTrust::load(Some(folder.path())).expect("trust");
    let server = server(certificate(&key, &issuer, names, time), &key);
    let mut fake = Fake::start_with(Some(server), Transport::Ldaps, ask).await;
    fake.host = "localhost".into();
    change(&mut fake);
    let (limits, password) = (limits(), password());
    let budget = Arc::new(Budget::new(&limits));
    Session::open(&fake.target(), &trust, "cn=jim", &password, &limits, &budget, Deadline::after(10)).await.map(|_| ())
}

fn known() -> Key {
    Key::new(1, "CA")
}

fn unknown() -> Key {
    Key::new(2, "another CA")
}

#[tokio::test]
async fn only_a_good_certificate_is_believed() {
    let as_is = |_: &mut Fake| {};
    assert_eq!(shown(&["localhost"], NOW, known(), as_is).await, Ok(()));
    let reason = |outcome: Result<(), Failure>| {
        let failure = outcome.expect_err("refused");
        assert_eq!((failure.stage, failure.kind, failure.transient), (Stage::Tls, FailureKind::Directory, false));
        failure.reason
    };
    let past = reason(shown(&["localhost"], PAST, known(), as_is).await);
    assert!(past.starts_with("certificate has expired: CN=directory, on 20"), "{past}");
    let future = reason(shown(&["localhost"], FUTURE, known(), as_is).await);
    assert!(future.starts_with("certificate not yet valid: CN=directory, before 20"), "{future}");
    assert_eq!(
        reason(shown(&["localhost"], NOW, unknown(), as_is).await),
        "issuer not trusted: CN=directory was issued by CN=another CA"
    );
    // Of the name of one that is trusted.
    let namesake = reason(shown(&["localhost"], NOW, Key::new(2, "CA"), as_is).await);
    assert_eq!(namesake, "issuer not trusted: CN=directory was issued by CN=CA");
    assert_eq!(
        reason(shown(&["dc1"], NOW, known(), as_is).await),
        "host name not covered by the certificate: CN=directory is for dc1"
    );
    let by_address = |fake: &mut Fake| fake.host = "127.0.0.1".into();
    assert_eq!(
        reason(shown(&["localhost"], NOW, known(), by_address).await),
        "host name not covered by the certificate: CN=directory is for localhost"
    );
    // A certificate that may sign others, shown as the server's own.
    let authority = reason(shown(&[], NOW, unknown(), as_is).await);
    assert!(authority.starts_with("issuer not trusted: CN=directory"), "{authority}");
}

#[tokio::test]
async fn without_verification_any_certificate_will_do() {
    let unverified = |fake: &mut Fake| fake.verify = false;
    assert_eq!(shown(&["dc1"], PAST, unknown(), unverified).await, Ok(()));
    let plain = Fake::start(|_| vec![]).await;
    let target = Target { security: Transport::Ldaps, verify: false, ..plain.target() };
    // Still TLS: a server without it receives no data.
    let trust = ClientTrust::load(None).expect("trust");
    let budget = Arc::new(Budget::new(&limits()));
    let closing = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let target = Target { port: closing.local_addr().expect("address").port(), ..target };
    tokio::spawn(async move { drop(closing.accept().await) });
    let failure = Session::open(&target, &trust, "cn=jim", &password(), &limits(), &budget, Deadline::after(10)).await;
    let failure = failure.expect_err("no TLS");
    assert_eq!((failure.stage, failure.reason.as_str()), (Stage::Tls, "handshake failed"));
}

/// Tries StartTLS with a directory that answers it so; also whether the password reached it in the clear.
async fn start_tls(answer: impl Fn(u32) -> Vec<Step> + Send + 'static) -> Result<(), Failure> {
    start_tls_within(10, answer).await
}

async fn start_tls_within(seconds: u64, answer: impl Fn(u32) -> Vec<Step> + Send + 'static) -> Result<(), Failure> {
    let key = Key::new(3, "directory");
    let server = server(certificate(&key, &key, &["localhost"], NOW), &key);
    let mut fake = Fake::start_with(Some(server), Transport::StartTls, move |request| {
        if request.op == 0x77 {
            assert!(request.frame.ends_with(b"\x80\x161.3.6.1.4.1.1466.20037"));
            return answer(request.id);
        }
        ask(request)
    })
    .await;
    fake.verify = false;
    let (limits, trust) = (limits(), ClientTrust::load(None).expect("trust"));
    let budget = Arc::new(Budget::new(&limits));
    let deadline = Deadline::after(seconds);
    Session::open(&fake.target(), &trust, "cn=jim", &password(), &limits, &budget, deadline).await.map(|_| ())
}

#[tokio::test]
async fn start_tls_is_all_or_nothing() {
    let yes = |id| message(id, &[result(0x78, 0, "")]);
    assert_eq!(start_tls(move |id| vec![send(yes(id))]).await, Ok(()));
    let reason = |outcome: Result<(), Failure>| {
        let failure = outcome.expect_err("refused");
        assert_eq!(failure.stage, Stage::Tls);
        failure.reason
    };
    let refused = |id| vec![send(message(id, &[result(0x78, 2, "unsupported extended operation")]))];
    assert_eq!(
        reason(start_tls(refused).await),
        "StartTLS refused: protocolError (2): \"unsupported extended operation\""
    );
    // Bytes behind the answer, as a man in the middle would inject them.
    let injected = move |id: u32| vec![send([yes(id), message(2, &[result(0x61, 0, "")])].concat())];
    assert_eq!(reason(start_tls(injected).await), "handshake failed");
    let later = move |id: u32| vec![send(yes(id)), send(message(2, &[result(0x61, 0, "")]))];
    assert_eq!(reason(start_tls(later).await), "handshake failed");
    assert_eq!(
        reason(start_tls(|id| vec![send(message(id + 1, &[result(0x78, 0, "")]))]).await),
        "answer not understood"
    );
    assert_eq!(reason(start_tls(|_| vec![send(b"HTTP/1.1 400".to_vec())]).await), "answer not understood");
    assert_eq!(reason(start_tls(|_| vec![send(message(0, &[result(0x78, 52, "")]))]).await), "connection lost");
    let silent = start_tls_within(1, |_| vec![Step::Wait(Duration::from_secs(3))]).await;
    assert_eq!(reason(silent), "timed out after 1 s");
}
