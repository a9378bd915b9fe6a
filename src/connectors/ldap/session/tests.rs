//! Sessions against a directory that answers byte by byte what a test says.

pub(in crate::connectors::ldap) mod fake;
mod hostile;
mod secured;
mod single;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::connect::Transport;
use super::super::failure::FailureKind;
use super::super::sample::*;
use super::*;
use fake::{Fake, Step, ask, close, send};

/// Opens a session with limits that a test can wait for.
async fn open(fake: &Fake) -> Session {
    open_with(fake, &limits()).await
}

async fn open_with(fake: &Fake, limits: &Limits) -> Session {
    let budget = Arc::new(Budget::new(limits));
    let trust = ClientTrust::load(None).expect("trust");
    Session::open(&fake.target(), &trust, "cn=jim", &password(), limits, &budget, Deadline::after(10))
        .await
        .expect("session")
}

async fn refused(fake: &Fake) -> Failure {
    refused_at(&fake.target(), "s3cret", 10).await
}

async fn refused_at(target: &Target, password: &str, seconds: u64) -> Failure {
    let (limits, trust) = (limits(), ClientTrust::load(None).expect("trust"));
    let budget = Arc::new(Budget::new(&limits));
    let password = Secret::new(password.to_owned());
    let deadline = Deadline::after(seconds);
    Session::open(target, &trust, "cn=jim", &password, &limits, &budget, deadline).await.expect_err("failure")
}

fn limits() -> Limits {
    Limits { idle: Duration::from_secs(10), ..Limits::default() }
}

fn password() -> Secret {
    Secret::new("s3cret".to_owned())
}

/// All of a subtree in pages of 2, and the names that came.
async fn search(session: &mut Session) -> (SearchEnd, Vec<String>) {
    let mut names = Vec::new();
    let filter = "(objectClass=*)";
    let end = session.search_paged("dc=x", Scope::Subtree, filter, &["ou"], Some(2), &mut |e| names.push(e.dn)).await;
    (end, names)
}

fn person(id: u32, dn: &str) -> Step {
    send(message(id, &[entry(dn, &[("ou", &["a"]), ("description", &["b"])])]))
}

fn done(id: u32, code: u8, cookie: &[u8]) -> Step {
    send(message(id, &[result(0x65, code, ""), paged(cookie)]))
}

fn success() -> End {
    End::Result { code: 0, matched: String::new(), diagnostic: String::new() }
}

#[tokio::test]
async fn binds_reads_and_searches_page_by_page() {
    let fake = Fake::start(|request| match (request.op, request.number) {
        (0x63, 1) => vec![person(request.id, ""), send(message(request.id, &[result(0x65, 0, "")]))],
        (0x63, 2) => vec![person(request.id, "ou=a"), person(request.id, "ou=b"), done(request.id, 0, b"next")],
        (0x63, 3) => {
            assert!(request.frame.windows(4).any(|w| w == b"next"));
            vec![person(request.id, "ou=c"), done(request.id, 0, b"")]
        }
        _ => ask(request),
    })
    .await;
    let mut session = open(&fake).await;
    let read = session.read("", "(objectClass=*)", &["*"]).await.expect("read");
    assert_eq!((read.code, read.skipped), (0, false));
    assert_eq!(read.entry.expect("entry").first_text("OU"), Some("a"));
    let (end, names) = search(&mut session).await;
    assert_eq!(names, ["ou=a", "ou=b", "ou=c"]);
    let expected = SearchEnd { entries: 3, pages: 2, outcome: success(), skipped: 0, references: 0 };
    assert_eq!(end, expected);
    session.close().await;
    assert!(fake.ended().await, "unbound and closed");
}

#[tokio::test]
async fn a_good_session_survives_being_sent_byte_by_byte() {
    let fake = Fake::start(|request| match request.op {
        0x63 => {
            let all =
                [message(request.id, &[entry("ou=a", &[])]), message(request.id, &[result(0x65, 0, "")])].concat();
            all.chunks(1).map(|byte| send(byte.to_vec())).collect()
        }
        _ => ask(request),
    })
    .await;
    let (end, names) = search(&mut open(&fake).await).await;
    assert_eq!((end.outcome, names.len()), (success(), 1));
}

#[tokio::test]
async fn a_result_on_any_page_ends_the_search_with_it() {
    let fake = Fake::start(|request| match (request.op, request.number) {
        (0x63, 1) => vec![person(request.id, "ou=a"), done(request.id, 0, b"next")],
        (0x63, 2) => vec![
            person(request.id, "ou=b"),
            send(message(request.id, &[result(0x65, 4, "limit of s3cret\n"), paged(b"next")])),
        ],
        _ => ask(request),
    })
    .await;
    let mut session = open(&fake).await;
    let (end, names) = search(&mut session).await;
    assert_eq!(names, ["ou=a", "ou=b"]);
    let diagnostic = "\"limit of ***\\n\"".to_owned();
    assert_eq!(end.outcome, End::Result { code: 4, matched: String::new(), diagnostic });
    assert_eq!(end.pages, 2);
    let failure = session.failure(&end.outcome);
    assert_eq!(failure.reason, "sizeLimitExceeded (4): \"limit of ***\\n\"");
}

#[tokio::test]
async fn a_cut_is_a_loss_and_says_after_which_page() {
    for (page, done_pages) in [(1, 0), (2, 1)] {
        let fake = Fake::start(move |request| match (request.op, request.number) {
            (0x63, n) if n == page => {
                let half = message(request.id, &[entry("ou=cut", &[])]);
                vec![person(request.id, "ou=b"), send(half[..half.len() - 3].to_vec()), close()]
            }
            (0x63, _) => vec![person(request.id, "ou=a"), done(request.id, 0, b"next")],
            _ => ask(request),
        })
        .await;
        let mut session = open(&fake).await;
        session.enter(Stage::Containers);
        let (end, names) = search(&mut session).await;
        assert_eq!((end.outcome.clone(), end.pages), (End::Lost, done_pages));
        assert_eq!(names.len() as u32, done_pages + 1);
        let failure = session.failure(&end.outcome);
        assert_eq!(failure.to_string(), format!("containers at {}: connection lost", fake.target().label()));
        assert!(failure.transient);
        assert_eq!(search(&mut session).await.0.outcome, End::Lost, "and stays lost");
    }
}

#[tokio::test]
async fn a_notice_of_disconnection_is_a_loss() {
    let fake = Fake::start(|request| match request.op {
        0x63 => vec![person(request.id, "ou=a"), send(message(0, &[result(0x78, 52, "bye")]))],
        _ => ask(request),
    })
    .await;
    let (end, names) = search(&mut open(&fake).await).await;
    assert_eq!((end.outcome, names.len()), (End::Lost, 1));
}

#[tokio::test]
async fn references_are_dropped_and_unreadable_entries_reported() {
    let fake = Fake::start(|request| match request.op {
        0x63 => vec![
            send(message(request.id, &[seq(0x73, &[string("ldap://127.0.0.1:1/")])])),
            send(message(request.id, &[entry([0xff], &[])])),
            send(message(request.id, &[seq(0x79, &[])])),
            send(message(request.id, &[result(0x65, 0, "")])),
        ],
        _ => ask(request),
    })
    .await;
    let mut session = open(&fake).await;
    let (end, _) = search(&mut session).await;
    assert_eq!((end.entries, end.skipped), (0, 1));
    let read = session.read("dc=x", "(objectClass=*)", &["*"]).await.expect("read");
    assert!(read.skipped && read.entry.is_none());
}

#[tokio::test]
async fn refused_credentials_are_a_matter_of_settings() {
    for (code, text, reason, kind, transient) in [
        (
            49,
            "x, data 52e, v1",
            "invalidCredentials (49): unknown name or wrong password",
            FailureKind::Settings,
            false,
        ),
        (49, "", "invalidCredentials (49)", FailureKind::Settings, false),
        (51, "", "busy (51)", FailureKind::Directory, true),
        (1, "at s3cret", "operationsError (1)", FailureKind::Directory, false),
    ] {
        let fake = Fake::start(move |request| vec![send(message(request.id, &[result(0x61, code, text)]))]).await;
        let failure = refused(&fake).await;
        assert_eq!((failure.stage, failure.reason.as_str()), (Stage::Bind, reason));
        assert_eq!((failure.kind, failure.transient), (kind, transient));
        assert!(fake.ended().await);
    }
}

/// A bind that is accepted with this in its password policy control.
fn accepted_with(id: u32, policy: &[u8]) -> Vec<u8> {
    message(id, &[result(0x61, 0, ""), control(PASSWORD_POLICY, &[string(policy)])])
}

#[tokio::test]
async fn a_password_that_must_change_is_refused_in_the_directory_s_words() {
    let fake = Fake::start(|request| match request.op {
        0x60 => vec![send(accepted_with(request.id, &[0x30, 3, 0x81, 1, 2]))],
        _ => vec![send(message(request.id, &[result(0x65, 53, "change s3cret first")]))],
    })
    .await;
    let mut session = open(&fake).await;
    assert!(session.policy.must_change());
    let (end, _) = search(&mut session).await;
    let failure = session.failure(&end.outcome);
    let reason = "unwillingToPerform (53): \"change *** first\"; the account must change its password";
    assert_eq!(failure.reason, reason);
    let error = crate::error::Error::from(failure).to_string();
    assert!(error.contains(reason) && error.ends_with("or exempt the account from the password policy"), "{error}");
}

#[tokio::test]
async fn a_password_policy_that_cannot_be_read_is_none() {
    let fake = Fake::start(|request| match request.op {
        0x60 => vec![send(accepted_with(request.id, &[0x30, 9]))],
        _ => ask(request),
    })
    .await;
    assert_eq!(open(&fake).await.policy, PasswordPolicy::default());
}

#[tokio::test]
async fn nothing_is_sent_without_a_password() {
    let fake = Fake::start(ask).await;
    let failure = refused_at(&fake.target(), "", 10).await;
    assert_eq!((failure.reason.as_str(), failure.kind), ("password is empty", FailureKind::Settings));
    assert_eq!(fake.connections(), 0);
}

#[tokio::test]
async fn each_stage_of_connecting_has_its_reason() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("listener").local_addr().expect("address").port();
    let at = |host: &str| Target { host: host.into(), port: free, security: Transport::Plain, verify: true };
    let none = refused_at(&at("127.0.0.1"), "x", 10).await;
    assert_eq!(none.to_string(), format!("connect at 127.0.0.1:{free}: connection refused"));
    assert!(!none.transient);
    let unknown = refused_at(&at("no..such"), "x", 10).await;
    assert_eq!(unknown.to_string(), format!("resolve at no..such:{free}: name not found"));
    assert!(!unknown.transient);
    for host in ["169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0"] {
        let denied = refused_at(&at(host), "x", 10).await;
        assert_eq!((denied.reason.as_str(), denied.kind), ("address not allowed", FailureKind::Settings));
    }
    assert_eq!(at("::1").label(), format!("[::1]:{free}"));
}

#[tokio::test]
async fn time_limits_hold() {
    let silent = Fake::start(|_| vec![]).await;
    let start = Instant::now();
    let failure = refused_at(&silent.target(), "s3cret", 1).await;
    assert_eq!((failure.stage, failure.reason.as_str()), (Stage::Bind, "timed out after 1 s"));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(silent.ended().await, "closed by us");

    let quiet = Fake::start(|request| match request.op {
        0x63 => vec![person(request.id, "ou=a")],
        _ => ask(request),
    })
    .await;
    let short = Limits { idle: Duration::from_secs(1), ..limits() };
    let mut session = open_with(&quiet, &short).await;
    // Nothing is due: silence is no error, however long.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let start = Instant::now();
    let (end, _) = search(&mut session).await;
    assert_eq!(end.outcome, End::Idle(1));
    let took = start.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn giving_up_a_search_closes_the_connection() {
    let fake = Fake::start(|request| match request.op {
        0x63 => vec![person(request.id, "ou=a")],
        _ => ask(request),
    })
    .await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut session = open(&fake).await;
    timeout(Duration::from_millis(100), search(&mut session)).await.expect_err("still going");
    assert_eq!(search(&mut session).await.0.outcome, End::Lost, "one search at a time");
    drop(session);
    assert!(fake.ended().await);
    let given_up = Instant::now() + Duration::from_secs(10);
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > before + 1 {
        assert!(Instant::now() < given_up, "a task stays");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
