//! Faults of binds, searches and reads.

use tokio::sync::Semaphore;

use super::*;

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
async fn foreign_messages_can_be_put_in() {
    let put = |what| searched(in_search(vec![SearchFault::new(what).after(1)]));
    let (bytes, _) = put(Mischief::Flood(100)).await;
    assert_eq!(tags(&bytes).len(), 106);
    for text in ["ou=flood000000000,dc=x", "ou=flood000000099,dc=x"] {
        assert_eq!(bytes.windows(text.len()).filter(|w| *w == text.as_bytes()).count(), 1, "{text}");
    }
    let urls = vec!["ldap://elsewhere/dc=y".to_owned()];
    assert_eq!(tags(&put(Mischief::References(urls)).await.0)[1], 0x73);
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
        bind: Some(active_directory_bind("52e")),
        base_reads: vec![
            ("OU=a,dc=x".to_owned(), Answer::new(50, "")),
            ("ou=b,dc=x".to_owned(), referral_to("ldap://other/")),
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

/// A read of the schema entry, with message id 2.
fn schema_request() -> Vec<u8> {
    let mut content = ber::tlv(ber::OCTETS, b"cn=Subschema");
    content.extend([0x0a, 1, 0, 0x0a, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0]);
    ber::put(&mut content, 0x87, b"objectClass");
    ber::put(&mut content, ber::SEQUENCE, &ber::tlv(ber::OCTETS, b"+"));
    ber::message(2, &ber::tlv(0x63, &content), &[])
}

#[tokio::test]
async fn the_read_of_one_entry_can_go_wrong_too() {
    let read = async |faults| {
        let sandbox = with(faults).await;
        sandbox.set_schema(vec!["x".repeat(300)], Vec::new(), Vec::new());
        let mut tcp = raw(&sandbox).await;
        tcp.write_all(&schema_request()).await.expect("sent");
        rest(&mut tcp).await
    };
    let (good, how) = read(Faults::default()).await;
    // Longer than the counting of short messages goes; the result is the last fourteen bytes.
    assert_eq!((good.len() > 300, good[good.len() - 9], how), (true, DONE, "silent"));
    let entry = good.len() - 14;
    let at = |what: Mischief, after| in_search(vec![SearchFault::new(what).reading("CN=subschema").after(after)]);
    for (faults, length, expected) in [
        (at(Mischief::Hang, 0), 0, "silent"),
        (at(Mischief::Hang, 1), entry, "silent"),
        (at(Mischief::HangInEntry, 0), entry / 2, "silent"),
        (at(Mischief::End(Ending::Close), 0), 0, "closed"),
        (at(Mischief::End(Ending::Reset), 1), entry, "reset"),
        (at(Mischief::Answer(Answer::new(51, "")), 0), 14, "silent"),
        (
            Faults { cut: Some(Cut { at: CutAt::Bytes(14 + 100), how: Ending::Close }), ..Faults::default() },
            100,
            "closed",
        ),
        (
            Faults { base_reads: vec![("cn=subschema".to_owned(), Answer::new(50, ""))], ..Faults::default() },
            14,
            "silent",
        ),
        // What concerns searches or other entries does not concern it.
        (in_search(vec![SearchFault::new(Mischief::Hang)]), good.len(), "silent"),
        (in_search(vec![SearchFault::new(Mischief::Hang).reading("")]), good.len(), "silent"),
    ] {
        let what = format!("{faults:?}");
        let (bytes, how) = read(faults).await;
        // A reset takes what was not read yet.
        assert!(how == expected && (bytes.len() == length || how == "reset"), "{} {how}: {what}", bytes.len());
    }
    let elsewhere = searched(at(Mischief::Hang, 0)).await;
    assert_eq!(tags(&elsewhere.0).len(), 6);
    let ordinary =
        with(in_search(vec![SearchFault::new(Mischief::Answer(Answer::new(51, ""))).reading("OU=a,dc=x")])).await;
    let mut ldap = bound(&ordinary).await;
    for (dn, code) in [("ou=a,dc=x", 51), ("ou=b,dc=x", 0)] {
        assert_eq!(find(&mut ldap, dn, Scope::Base, "(objectClass=*)", &[]).await.1.rc, code, "{dn}");
    }
}
