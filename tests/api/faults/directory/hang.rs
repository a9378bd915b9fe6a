//! A directory that falls silent. The import ends with the limit of its settings; no other request waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jim::connectors::ldap::Limits;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::case::{Case, activities, same};
use crate::support::directory::{Certificate, Faults, Hang, Mischief, Options, Pace, SearchFault, Tls, Tree};
use crate::support::{Setup, TestApp};
use crate::tier;

/// Budgets: beyond the limit of an import, of "live" meanwhile, and how much longer other requests may take.
const ENDED_WITHIN: Duration = Duration::from_secs(1);
const LIVE_WITHIN: Duration = Duration::from_millis(50);
const SLOWER: u32 = 2;

/// As many partitions as are read at a time. On a busy machine the first may be done before the next is begun, which then
/// is read on the same connection; that all of them are is too unlikely to be met.
fn tree() -> Tree {
    let suffixes = ["dc=x", "o=y", "o=z", "dc=w"];
    suffixes.into_iter().fold(Tree::new(), |tree, suffix| tree.suffix(suffix).ou(&format!("ou=A,{suffix}")))
}

/// The import of a case that hangs; answers its message, and how long it took.
async fn hangs(case: &Case<'_>) -> (String, Duration) {
    let partitions = case.app.partitions(case.id).await;
    let begun = Instant::now();
    let message = case.app.import(case.id, "").await.expect_error(500, "INTERNAL_ERROR");
    let took = begun.elapsed();
    assert_eq!(case.app.partitions(case.id).await, partitions, "{message}");
    let last = activities(case.app, case.id).pop().expect("an activity");
    assert_eq!(last.0, "FailedWithError", "{message}");
    (message, took)
}

fn search(what: Mischief) -> Faults {
    Faults { searches: vec![SearchFault::new(what).after(1)], ..Faults::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_ends_with_its_limit_and_names_the_stage() {
    let app = TestApp::start().await;
    let hang = |hang| Faults { hang: Some(hang), ..Faults::default() };
    let others = |faults| Faults { connections: Some(1..u64::MAX), ..faults };
    let rows: [(&str, &str, Faults); 8] = [
        ("ldaps", "tls", hang(Hang::Tls)),
        ("starttls", "tls", hang(Hang::Tls)),
        ("plain", "bind", hang(Hang::Connect)),
        ("plain", "bind", hang(Hang::Bind)),
        // Other partitions are read on connections of their own: a limit that is over there is over for all.
        ("plain", "bind", others(hang(Hang::Bind))),
        ("plain", "containers", search(Mischief::Hang)),
        ("plain", "containers", search(Mischief::HangInEntry)),
        ("plain", "containers", others(search(Mischief::Hang))),
    ];
    let runs = rows.into_iter().map(|(mode, stage, faults)| {
        let app = &app;
        async move {
            let certificate = Certificate::for_names(&["localhost"]).expect("a certificate");
            let tls = match mode {
                "ldaps" => Some(Tls::Ldaps(certificate.config())),
                "starttls" => Some(Tls::StartTls(certificate.config())),
                _ => None,
            };
            let case = Case::with(app, Options { tls, ..Options::with_tree(tree()) }).await;
            let mut values = json!({ "7": { "intValue": 1 }, "9": { "intValue": 2 }, "11": { "intValue": 0 } });
            let on = json!({ "checkboxValue": true });
            values["3"] = json!({ "stringValue": case.sandbox.password() });
            values["1"] = json!({ "stringValue": case.sandbox.addr().to_string() });
            values["6"] = json!({ "stringValue": "Skip Validation (Not Recommended)" });
            match mode {
                "ldaps" => values["21"] = on,
                "starttls" => values["15"] = on,
                _ => {}
            }
            case.set(values).await;
            app.import(case.id, "").await.expect_status(200);
            case.sandbox.set_faults(faults);
            let (message, took) = hangs(&case).await;
            let limit = if stage == "containers" { 2 } else { 1 };
            let said = format!("{stage} at {}: timed out after {limit} s", case.sandbox.addr());
            assert!(message.contains(&said), "{said}: {message}");
            took.saturating_sub(Duration::from_secs(limit))
        }
    });
    // Other requests are answered all the while, as fast as before.
    let ((quiet, _), _) = reading(&app, tokio::time::sleep(Duration::from_secs(1))).await;
    let ((busy, live), late) = reading(&app, join_all(runs)).await;
    let late = late.into_iter().max().unwrap_or_default();
    let told = format!("eight hangs ended at most {late:.2?} after their limit");
    tier::budget(late <= ENDED_WITHIN, told);
    let told = format!("live within {live:.1?} beside eight directories that hang");
    tier::budget(live <= LIVE_WITHIN, told);
    tier::budget(
        busy <= SLOWER * quiet.max(Duration::from_millis(25)),
        format!("other requests' 99th percentile: {quiet:?} without, {busy:?} with eight directories that hang"),
    );
    app.is_sound();
}

/// The 99th percentile of many requests, and the longest of as many that ask whether the process is alive, while
/// `meanwhile` went on.
async fn reading<T>(app: &TestApp, meanwhile: impl Future<Output = T>) -> ((Duration, Duration), T) {
    let over = Arc::new(AtomicBool::new(false));
    let (admin, ended) = (app.admin(), Arc::clone(&over));
    let reader = tokio::spawn(async move {
        let (mut took, mut longest) = (Vec::new(), Duration::ZERO);
        while !ended.load(Ordering::SeqCst) {
            let begun = Instant::now();
            admin.get("/api/v1/synchronisation/connected-systems").await.expect_status(200);
            let between = Instant::now();
            took.push(between - begun);
            admin.get("/api/v1/health/live").await.expect_status(200);
            longest = longest.max(between.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        took.sort_unstable();
        (took[took.len() * 99 / 100], longest)
    });
    let result = meanwhile.await;
    over.store(true, Ordering::SeqCst);
    (reader.await.expect("a reader"), result)
}

/// A listener whose queue is full: the kernel drops what else comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_never_accepted() {
    let app = TestApp::start().await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
    let listener = socket.listen(1).expect("listening");
    let address = listener.local_addr().expect("an address");
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(stream);
    }
    let case = Case::new(&app, tree()).await;
    let password = json!({ "stringValue": case.sandbox.password() });
    let host = json!({ "stringValue": address.to_string() });
    case.set(json!({ "1": host, "3": password, "7": { "intValue": 1 }, "11": { "intValue": 0 } })).await;
    let (message, took) = hangs(&case).await;
    tier::budget(
        took <= Duration::from_secs(1) + ENDED_WITHIN,
        format!("never accepted: ended after {took:.2?}, the limit is 1 s"),
    );
    assert!(message.contains(&format!("connect at {address}: no answer within 1 s")), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn drip_trickle_and_silence() {
    let idle = Limits { idle: Duration::from_secs(1), ..Limits::default() };
    let app = TestApp::start_with(Setup { ldap_limits: Some(idle), ..Setup::default() }).await;
    let drip = Faults { pace: Some(Pace::drip(Duration::from_millis(250))), ..Faults::default() };
    let rows: [(Faults, Value, &str); 4] = [
        (search(Mischief::Hang), json!(30), "containers at {}: timed out after 1 s"),
        (search(Mischief::HangInEntry), json!(30), "containers at {}: timed out after 1 s"),
        (search(Mischief::Trickle(Duration::from_millis(200))), json!(2), "containers at {}: timed out after 2 s"),
        (drip, json!(2), "timed out after 2 s"),
    ];
    let runs = rows.into_iter().map(|(faults, total, said)| {
        let app = &app;
        async move {
            let case = Case::new(app, tree()).await;
            app.import(case.id, "").await.expect_status(200);
            case.set(json!({ "9": { "intValue": total }, "11": { "intValue": 0 } })).await;
            case.sandbox.set_faults(faults);
            let (message, took) = hangs(&case).await;
            let said = said.replace("{}", &case.sandbox.addr().to_string());
            let limit = Duration::from_secs(if total == json!(2) { 2 } else { 1 });
            tier::budget(took <= limit + ENDED_WITHIN, format!("a limit of {limit:?}: ended after {took:.2?}"));
            assert!(message.contains(&said), "{said}: {message}");
            case
        }
    });
    let cases = join_all(runs).await;
    // Once all is set up, so that the whole of what is stored can be compared.
    let dump = app.dump();
    let again = cases.iter().map(|case| async {
        app.import(case.id, "").await.expect_error(500, "INTERNAL_ERROR");
    });
    join_all(again).await;
    same(&app.dump(), &dump, "nothing is written");
    app.is_sound();
}
