//! Groups that Active Directory sends in ranges.

use super::faults::{done, fake};
use super::*;
use crate::connectors::ldap::sample::{entry, message};
use crate::connectors::ldap::session::tests::fake::{Request, Step, close, send};

fn group() -> ScopeType {
    let mut group = object_type(1, "group", &["cn", "member"]);
    group.attributes[1].data_type = DataType::Reference;
    group
}

fn members(from: u32, to: u32) -> Vec<String> {
    (from..=to).map(|n| format!("cn=m{n:05},dc=x")).collect()
}

fn shown(id: u32, range: &str, members: &[String]) -> Step {
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let name = format!("member;range={range}");
    let attributes: [(&str, &[&str]); 4] =
        [("objectClass", &["top", "group"]), ("cn", &["g"]), ("member", &[]), (&name, &members)];
    send(message(id, &[entry("cn=g,dc=x", &attributes)]))
}

/// First value that a request asks for; `None` for the search itself.
fn asked(request: &Request<'_>) -> Option<u32> {
    let text = String::from_utf8_lossy(request.frame);
    text.split_once("member;range=")?.1.split_once('-')?.0.parse().ok()
}

/// Members and errors of the group, whether the region is complete, and the number of searches after the first page.
async fn read(answer: impl FnMut(u32, Option<u32>) -> Vec<Step> + Send + 'static) -> (usize, usize, bool, u32) {
    let mut answer = answer;
    let searches = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = searches.clone();
    let fake = fake(true, move |request, number| {
        count.store(number, std::sync::atomic::Ordering::SeqCst);
        answer(request.id, asked(&request))
    })
    .await;
    let access = access(fake.target().port, "cn=jim", "s3cret");
    let (reading, items) = read_all(access, &scope(partition("dc=x", &[]), group())).await;
    let reading = reading.expect("reading");
    let group = objects(&items)[0];
    let found = group.references.first().map_or(0, |(_, texts)| texts.len());
    let searches = searches.load(std::sync::atomic::Ordering::SeqCst);
    (found, group.errors.len(), !reading.complete.is_empty(), searches)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_group_is_read_range_by_range() {
    let read = read(|id, first| match first {
        None => vec![shown(id, "0-1499", &members(0, 1499)), done(id, 0, b"")],
        Some(first @ 0..=3000) => {
            vec![shown(id, &format!("{first}-{}", first + 1499), &members(first, first + 1499)), done(id, 0, b"")]
        }
        Some(first) => vec![shown(id, &format!("{first}-*"), &members(first, 5000)), done(id, 0, b"")],
    })
    .await;
    assert_eq!(read, (5001, 0, true, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_changes_while_it_is_read_is_read_anew() {
    let mut tries = 0;
    let read = read(move |id, first| match first {
        None => vec![shown(id, "0-1", &members(0, 1)), done(id, 0, b"")],
        Some(0) => {
            tries += 1;
            vec![shown(id, "0-1", &members(0, 1)), done(id, 0, b"")]
        }
        // The first time a value is skipped.
        Some(_) if tries == 1 => vec![shown(id, "3-*", &members(3, 4)), done(id, 0, b"")],
        Some(_) => vec![shown(id, "2-*", &members(2, 4)), done(id, 0, b"")],
    })
    .await;
    assert_eq!(read, (5, 0, true, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_never_comes_whole_keeps_its_stored_members() {
    let early = read(|id, first| match first {
        None => vec![shown(id, "0-1", &members(0, 1)), done(id, 0, b"")],
        Some(0) => vec![shown(id, "0-1", &members(0, 1)), done(id, 0, b"")],
        Some(_) => vec![done(id, 0, b"")],
    })
    .await;
    assert_eq!(early, (0, 1, false, 9), "four tries of two searches");
    let lost = read(|id, first| match first {
        None => vec![shown(id, "0-1", &members(0, 1)), done(id, 0, b"next")],
        Some(_) => vec![close()],
    })
    .await;
    assert_eq!(lost, (0, 1, false, 2));
}
