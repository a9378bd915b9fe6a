//! More connections than there may be.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::TcpStream;

use super::{LIVE, get};
use crate::support::program::{Place, Process};
use crate::support::wire;
use crate::tier;

/// Budgets: KiB of memory, and until the server is as before.
const MEMORY: u64 = 64 * 1024;
const NORMAL_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

/// This test holds both ends of none, but twelve hundred of one.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).expect("a limit");
}

/// Opens that many from each of these addresses, then asks on every one: those that answer are held, and they are all
/// held at the same time, because each stays open until all have answered.
async fn held(to: SocketAddr, addresses: std::ops::Range<u8>, each: usize) -> (usize, Vec<TcpStream>) {
    let mut open = Vec::new();
    for number in addresses {
        for _ in 0..each {
            open.push(wire::from(number, to).await);
        }
    }
    let asked = open.into_iter().map(|stream| {
        tokio::spawn(async move {
            let mut stream = stream.ok()?;
            let answer = wire::ask(&mut stream, get(LIVE, "")).await?;
            answer.expect_status(200);
            Some(stream)
        })
    });
    let asked: Vec<_> = asked.collect();
    let mut kept = Vec::new();
    for one in asked {
        kept.extend(one.await.expect("an answer or an end"));
    }
    (kept.len(), kept)
}

/// How long it takes until a new caller is served.
async fn normal(to: SocketAddr) -> std::time::Duration {
    let begun = Instant::now();
    loop {
        let mut stream = wire::connect(to).await;
        if let Some(answer) = wire::ask(&mut stream, get(LIVE, "Connection: close\r\n")).await {
            answer.expect_status(200);
            return begun.elapsed();
        }
        assert!(begun.elapsed().as_secs() < 20, "no caller is served any more");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Connections that the server has not closed.
fn open_at(server: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the connections");
    let local = format!(":{:04X}", server.port());
    let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    // Established, or closed by the other side only.
    rows.filter(|row| row.len() > 3 && row[1].ends_with(&local) && ["01", "08"].contains(&row[3])).count()
}

async fn crowd(server: &Process, what: &str) {
    let to = server.address();
    normal(to).await;
    let quiet = server.quiet_memory();
    let (one, kept) = held(to, 2..3, 600).await;
    assert_eq!(one, 256, "of 600 connections from one address");
    // Others are served meanwhile.
    normal(to).await;
    let after_one = server.memory();
    drop(kept);
    let first = normal(to).await;
    while open_at(to) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (all, kept) = held(to, 10..30, 60).await;
    assert_eq!(all, 1024, "of 1200 connections from 20 addresses");
    let mut late = wire::connect(to).await;
    assert!(wire::ask(&mut late, get(LIVE, "")).await.is_none(), "one more than all that there may be");
    let grew = server.memory().max(after_one).saturating_sub(quiet);
    let whole = server.memory();
    drop(kept);
    let then = normal(to).await;
    assert!(grew <= 64 * 1024, "{grew} KiB");
    let met = whole <= MEMORY && first.max(then) <= NORMAL_WITHIN;
    tier::budget(
        met,
        format!(
            "{what}: {one} of 600 and {all} of 1,200 held, memory +{grew} KiB to {whole} KiB, normal after {:.0?}",
            first.max(then)
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_held_up_to_their_number_and_no_more() {
    allow_many_files();
    let server = Place::new().with("JIM_LOG_FILTER", "warn").serve();
    crowd(&server, "files enough").await;
    assert_eq!(server.stop().code, Some(0));
}

/// Many systems start a program with room for 1,024 files, of which it may ask for more: all that it promises to hold
/// needs more than that.
#[tokio::test(flavor = "multi_thread")]
async fn a_usual_limit_of_open_files_is_no_limit_of_connections() {
    allow_many_files();
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let server = Process::start(place.shell("ulimit -Sn 256; exec \"$@\"", &["serve"]));
    server.line("listening on ");
    crowd(&server, "a soft limit of 256 files").await;
    let done = server.stop();
    assert_eq!(done.code, Some(0));
    assert!(!done.err.contains("cannot accept connections"), "{}", done.err);
}
