//! Callers who take their time: how long each kind of them holds a connection, and that no other request waits.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{LIVE, get};
use crate::support::program::Place;
use crate::support::{SYSTEMS, wire};
use crate::tier;

/// Budgets: beyond the limit of a slow caller, and of requests meanwhile.
const CUT_WITHIN: Duration = Duration::from_secs(1);
const ANSWERED_WITHIN: Duration = Duration::from_millis(50);

/// What a caller leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Everything.
    Silent,
    /// The end of the head.
    HalfHead,
    /// The same, of which a byte comes each second.
    DrippingHead,
    /// The end of the body.
    HalfBody,
    /// The same, of which a byte comes each second.
    DrippingBody,
    /// Reading.
    Deaf,
}

const KINDS: [Kind; 6] =
    [Kind::Silent, Kind::HalfHead, Kind::DrippingHead, Kind::HalfBody, Kind::DrippingBody, Kind::Deaf];
const EACH: usize = 75;
/// Ten times the longest that a connection may be held.
const LONGEST: Duration = Duration::from_secs(300);

impl Kind {
    /// What is sent at once, and what is sent byte by byte after it.
    fn request(self, key: &str) -> (String, &'static str) {
        let head = format!("POST {SYSTEMS} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\nContent-Length: 100\r\n\r\n");
        let begun = format!("GET {LIVE} HTTP/1.1\r\nHost: x\r\nX: ");
        match self {
            Kind::Silent => (String::new(), ""),
            Kind::HalfHead => (begun, ""),
            Kind::DrippingHead => (begun, "y"),
            Kind::HalfBody => (format!("{head}{{\"name\":"), ""),
            Kind::DrippingBody => (head, " "),
            // More than the system keeps for a caller that does not read.
            Kind::Deaf => (get("/swagger/swagger-ui-bundle.js", "").repeat(6), ""),
        }
    }

    /// Behaves so until it is cut; what it got and how long it was held.
    async fn hold(self, mut stream: TcpStream, key: Arc<str>) -> (Vec<u8>, Duration) {
        let (at_once, drip) = self.request(&key);
        stream.write_all(at_once.as_bytes()).await.expect("sent");
        let begun = Instant::now();
        if self == Kind::Deaf {
            // Reading would be what it does not do: only the reset of the connection is waited for.
            while stream.take_error().expect("a state").is_none() {
                assert!(begun.elapsed() < LONGEST, "a caller that reads nothing is not cut");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            return (Vec::new(), begun.elapsed());
        }
        let (mut from, mut to) = stream.into_split();
        let dripping = tokio::spawn(async move {
            while !drip.is_empty() && to.write_all(drip.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            to
        });
        let mut told = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut from, &mut told);
        let _ = tokio::time::timeout(LONGEST, read).await.unwrap_or_else(|_| panic!("{self:?} is not cut"));
        let held = begun.elapsed();
        dripping.abort();
        (told, held)
    }
}

/// A caller with a request now and then; how long each took.
async fn honest(to: SocketAddr, key: Arc<str>, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let request = |more: &str| get(SYSTEMS, &format!("X-Api-Key: {key}\r\n{more}"));
    let mut kept = wire::connect(to).await;
    let mut took = Vec::new();
    while !stop.load(SeqCst) {
        let begun = Instant::now();
        match took.len() % 2 {
            0 => wire::ask(&mut kept, request("")).await.expect("an answer").expect_status(200),
            // New connections are what the others are after.
            _ => wire::said(to, request("Connection: close\r\n")).await.remove(0).expect_status(200),
        };
        took.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    took.sort_unstable();
    took
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "waits for the 30 seconds that a caller may take"]
async fn slow_callers_are_cut_and_no_other_waits() {
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let server = place.serve();
    let (to, key): (_, Arc<str>) = (server.address(), server.key().into());
    let client = server.client(&key);
    client.get(SYSTEMS).await.expect_status(200);
    let before = server.quiet_memory();

    let stop = Arc::new(AtomicBool::new(false));
    let served = tokio::spawn(honest(to, key.clone(), stop.clone()));
    let mut held = Vec::new();
    for n in 0..EACH * KINDS.len() {
        let kind = KINDS[n % KINDS.len()];
        let address = if n < EACH * KINDS.len() / 2 { 2 } else { 3 };
        let stream = wire::from(address, to).await.expect("a connection");
        held.push((kind, tokio::spawn(kind.hold(stream, key.clone()))));
    }
    let mut times: BTreeMap<Kind, Vec<Duration>> = BTreeMap::new();
    let mut grew = 0;
    for (kind, mut one) in held {
        let (told, held) = loop {
            grew = grew.max(server.memory().saturating_sub(before));
            if let Ok(ended) = tokio::time::timeout(Duration::from_millis(100), &mut one).await {
                break ended.expect("it is cut");
            }
        };
        grew = grew.max(server.memory().saturating_sub(before));
        times.entry(kind).or_default().push(held);
        let mut answers = wire::answers(&told);
        match kind {
            Kind::HalfBody | Kind::DrippingBody => {
                assert_eq!(answers.len(), 1, "{kind:?}");
                answers.remove(0).expect_error(408, "REQUEST_TIMEOUT");
            }
            _ => assert!(answers.is_empty(), "{kind:?}: {answers:?}"),
        }
    }
    stop.store(true, SeqCst);
    let took = served.await.expect("every request of the honest one is answered");
    for (kind, mut held) in times {
        held.sort_unstable();
        assert_eq!(held.len(), EACH);
        let head = matches!(kind, Kind::Silent | Kind::HalfHead | Kind::DrippingHead);
        let limit = Duration::from_secs(if head { 10 } else { 30 });
        let (first, last) = (held[0], held[EACH - 1]);
        let met = last <= limit + CUT_WITHIN;
        tier::budget(met, format!("{kind:?}: {EACH} cut after {first:.1?} to {last:.1?}"));
    }
    let (p50, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    let most = took[took.len() - 1];
    tier::budget(
        p99 <= ANSWERED_WITHIN,
        format!("honest: {} requests, 0 errors, p50 {p50:.2?}, p99 {p99:.2?}, most {most:.2?}", took.len()),
    );
    tier::figure(format!("memory of the server +{grew} KiB"));
    let systems = client.get(SYSTEMS).await.expect_status(200);
    assert_eq!(systems["totalCount"], 0, "half a body makes nothing");
    assert_eq!(server.stop().code, Some(0));
}
