//! Searches that end early, refer elsewhere or send what cannot be read.

use super::*;
use crate::connectors::ldap::guard::PAGED_RESULTS;
use crate::connectors::ldap::sample::{entry, message, paged, result, seq, string};
use crate::connectors::ldap::session::tests::fake::{Fake, Request, Step, ask, close, send};

/// A directory without a readable schema; `answer` sees the other searches, numbered from 1.
pub(super) async fn fake(ad: bool, mut answer: impl FnMut(Request<'_>, u32) -> Vec<Step> + Send + 'static) -> Fake {
    let mut number = 0;
    Fake::start(move |request| {
        let holds = |word: &str| request.frame.windows(word.len()).any(|w| w == word.as_bytes());
        if request.op != 0x63 {
            return ask(request);
        }
        if holds("supportedCapabilities") {
            let kind: &[(&str, &[&str])] = if ad {
                &[("supportedCapabilities", &["1.2.840.113556.1.4.800"]), ("vendorName", &["Samba Team"])]
            } else {
                &[("objectClass", &["OpenLDAProotDSE"])]
            };
            let paging: &[(&str, &[&str])] = &[("supportedControl", &[PAGED_RESULTS]), ("namingContexts", &["dc=x"])];
            return vec![send(message(request.id, &[entry("", &[kind, paging].concat())])), done(request.id, 0, b"")];
        }
        if holds("subschemaSubentry") {
            return vec![done(request.id, 32, b"")];
        }
        if holds("1.1") && !holds("<GUID=") {
            return vec![send(message(request.id, &[entry("dc=x", &[])])), done(request.id, 0, b"")];
        }
        number += 1;
        answer(request, number)
    })
    .await
}

pub(super) fn person(id: u32, name: &str) -> Step {
    let class: &[&str] = &["top", "inetOrgPerson"];
    let attributes: [(&str, &[&str]); 3] =
        [("objectClass", class), ("structuralObjectClass", &["inetOrgPerson"]), ("uid", &[name])];
    send(message(id, &[entry(format!("uid={name},dc=x"), &attributes)]))
}

pub(super) fn done(id: u32, code: u8, cookie: &[u8]) -> Step {
    send(message(id, &[result(0x65, code, ""), paged(cookie)]))
}

/// Whether the partition was complete, the number of items, and the warnings.
async fn read(
    ad: bool,
    answer: impl FnMut(Request<'_>, u32) -> Vec<Step> + Send + 'static,
) -> (bool, usize, Vec<String>) {
    let fake = fake(ad, answer).await;
    let access = access(fake.target().port, "cn=jim", "s3cret");
    let (reading, items) = read_all(access, &scope(partition("dc=x", &[]), people("uid"))).await;
    let reading = reading.expect("reading");
    (!reading.complete.is_empty(), items.len(), reading.warnings)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_ends_early_proves_nothing_but_keeps_what_came() {
    for (code, said) in [
        (3, "timeLimitExceeded (3) after 3 entries; raise the time limit"),
        (4, "sizeLimitExceeded (4) after 3 entries; raise the size limit"),
        (11, "adminLimitExceeded (11) after 3 entries; raise the page size"),
        (51, "busy (51) after 3 entries"),
    ] {
        let (complete, items, warnings) = read(false, move |request, number| match number {
            1 => vec![person(request.id, "a"), person(request.id, "b"), done(request.id, 0, b"next")],
            _ => vec![person(request.id, "c"), done(request.id, code, b"")],
        })
        .await;
        assert_eq!((complete, items), (false, 3));
        assert!(warnings[0].starts_with(&format!("dc=x: {said}")), "{warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_keeps_the_pages_that_came() {
    let (complete, items, warnings) = read(false, |request, number| match number {
        1 => vec![person(request.id, "a"), person(request.id, "b"), done(request.id, 0, b"next")],
        _ => vec![person(request.id, "c"), close()],
    })
    .await;
    assert_eq!((complete, items), (false, 3));
    assert!(warnings[0].starts_with("dc=x: connection lost after 3 entries"), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_shows_nothing_at_all_is_a_failure() {
    for step in [(|id| done(id, 32, b"")) as fn(u32) -> Step, |_| close()] {
        let fake = fake(false, move |request, _| vec![step(request.id)]).await;
        let access = access(fake.target().port, "cn=jim", "s3cret");
        let (reading, items) = read_all(access, &scope(partition("dc=x", &[]), people("uid"))).await;
        assert!(reading.is_err() && items.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_page_size_is_tried_smaller() {
    let (complete, items, warnings) = read(false, |request, number| match number {
        1 => vec![done(request.id, 11, b"")],
        _ => vec![person(request.id, "a"), done(request.id, 0, b"")],
    })
    .await;
    assert_eq!((complete, items, warnings), (true, 1, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn references_hide_entries_but_not_in_active_directory() {
    for ad in [false, true] {
        let (complete, items, warnings) = read(ad, |request, _| {
            let reference = seq(0x73, &[string("ldap://elsewhere/ou=b,dc=x")]);
            vec![person(request.id, "a"), send(message(request.id, &[reference])), done(request.id, 0, b"")]
        })
        .await;
        assert_eq!((complete, items, warnings.len()), (ad, 1, usize::from(!ad)), "{warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_cannot_be_read_hides_what_it_was() {
    for bad in [entry([0xff; 4], &[]), entry("uid=a,dc=other", &[]), entry("uid", &[])] {
        let (complete, items, warnings) = read(false, move |request, _| {
            vec![
                person(request.id, "a"),
                send(message(request.id, std::slice::from_ref(&bad))),
                done(request.id, 0, b""),
            ]
        })
        .await;
        assert_eq!((complete, items), (false, 1));
        assert!(warnings[0].starts_with("dc=x: entries that could not be read: 1"), "{warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_entry_does_not_make_its_partition_incomplete() {
    let (complete, items, _) = read(false, |request, _| {
        let nameless =
            entry("cn=a,dc=x", &[("objectClass", &["inetOrgPerson"]), ("structuralObjectClass", &["inetOrgPerson"])]);
        vec![send(message(request.id, &[nameless])), person(request.id, "b"), done(request.id, 0, b"")]
    })
    .await;
    assert_eq!((complete, items), (true, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_base_is_no_empty_region() {
    let mut search = 0;
    let fake = Fake::start(move |request| {
        if request.op != 0x63 {
            return ask(request);
        }
        search += 1;
        // The root entry; then all is success without an entry.
        let root = (search == 1).then(|| send(message(request.id, &[entry("", &[("vendorName", &["389 Project"])])])));
        root.into_iter().chain([done(request.id, 0, b"")]).collect()
    })
    .await;
    let access = access(fake.target().port, "cn=jim", "s3cret");
    let (reading, _) = read_all(access, &scope(partition("dc=x", &[]), people("uid"))).await;
    assert_eq!(reading.expect_err("failure").reason, "not found or not readable");
}
