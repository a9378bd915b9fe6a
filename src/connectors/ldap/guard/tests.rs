//! Frames by hand: good ones of every kind, and every rule of the guard broken.

use super::super::ber::MAX_DEPTH;
use super::super::sample::*;
use super::*;

const LIMIT: usize = 4 * 1024 * 1024;

/// A connection on which 1 is a bind, 2 a search and 3 an extended request.
fn asked() -> Guard {
    let mut guard = Guard::default();
    for (id, tag) in [(1, 0x60), (2, 0x63), (3, 0x77)] {
        guard.sent(&message(id, &[tlv(tag, [])])).expect("request");
    }
    guard
}

fn check(frame: &[u8]) -> Result<Passed, BerError> {
    asked().check(frame)
}

fn good() -> Vec<(Vec<u8>, Passed)> {
    let referral = seq(0xa3, &[string("ldap://a"), string("ldap://b")]);
    let with = |tag, extra: &[Vec<u8>]| {
        seq(tag, &[vec![tlv(ENUMERATED, [10]), string("dc=x"), string("é")], extra.to_vec()].concat())
    };
    vec![
        (message(1, &[result(0x61, 0, "")]), Passed::Final),
        (message(1, &[with(0x61, &[referral.clone(), tlv(0x87, [1, 2])])]), Passed::Final),
        (message(2, &[result(0x65, 4, "text")]), Passed::Final),
        (message(2, &[with(0x65, &[referral]), paged(b"cookie")]), Passed::Final),
        (message(2, &[result(0x65, 0, ""), paged(b"")]), Passed::Final),
        (message(2, &[result(0x65, 0, ""), control("1.2.3", &[tlv(BOOLEAN, [0xff])])]), Passed::Final),
        (message(2, &[with(0x65, &[tlv(0x85, [1]), seq(0xa6, &[])])]), Passed::Final),
        (message(2, &[entry("dc=x", &[("ou", &["a", "b"]), ("member", &[])])]), Passed::Entry),
        (message(2, &[entry("", &[])]), Passed::Entry),
        (message(2, &[seq(0x73, &[string("ldap://a")])]), Passed::Reference),
        (message(2, &[seq(0x79, &[])]), Passed::Dropped),
        (message(3, &[with(0x78, &[tlv(0x8a, "1.2"), tlv(0x8b, [0xff])])]), Passed::Final),
        (message(0, &[result(0x78, 52, "")]), Passed::Disconnect),
        // As Active Directory writes it: the name of the notice outside of the response.
        (message(0, &[result(0x78, 52, ""), tlv(0x8a, "1.3.6.1.4.1.1466.20036")]), Passed::Disconnect),
    ]
}

#[test]
fn good_messages_pass() {
    for (frame, passed) in good() {
        assert_eq!(check(&frame), Ok(passed), "{frame:x?}");
        assert_eq!(frame_length(&frame, LIMIT), Ok(Some(frame.len())));
    }
}

#[test]
fn lengths_need_not_be_the_shortest() {
    let frame = message(1, &[result(0x61, 0, "")]);
    let long = [&[SEQUENCE, 0x84, 0, 0, 0, frame[1]], &frame[2..]].concat();
    assert_eq!(frame_length(&long, LIMIT), Ok(Some(long.len())));
    assert_eq!(check(&long), Ok(Passed::Final));
}

#[test]
fn a_cut_message_is_never_taken_for_a_whole_one() {
    for (frame, _) in good() {
        for cut in 0..frame.len() {
            let part = &frame[..cut];
            let sifted = sift(&mut asked(), &mut part.to_vec(), LIMIT);
            assert_eq!(sifted, Sifted::default(), "{part:x?}");
            assert!(check(part).is_err(), "{part:x?}");
        }
    }
}

#[test]
fn a_changed_byte_never_gets_the_guard_out_of_step() {
    for (frame, _) in good() {
        for at in 0..frame.len() {
            for value in 0..=255 {
                let mut changed = frame.clone();
                changed[at] = value;
                readable(check(&changed), &changed);
                let sifted = sift(&mut asked(), &mut changed, LIMIT);
                assert!(sifted.keep <= sifted.checked && sifted.checked <= frame.len());
            }
        }
    }
}

/// What the guard lets pass, the library reads without a panic.
fn readable(passed: Result<Passed, BerError>, frame: &[u8]) {
    use lber::structures::Tag;
    let (Ok(Passed::Final | Passed::Entry), Ok((rest, whole))) = (passed, lber::Parser::new().parse(frame)) else {
        assert!(!matches!(passed, Ok(Passed::Final | Passed::Entry)), "{frame:x?}");
        return;
    };
    assert!(rest.is_empty());
    let operation = whole.expect_constructed().expect("parts").swap_remove(1);
    if passed == Ok(Passed::Entry) {
        assert!(super::super::entry::Entry::from_tag(operation).is_some(), "{frame:x?}");
    } else {
        let _ = ldap3::LdapResult::from(Tag::StructureTag(operation));
    }
}

#[test]
fn framing_is_strict() {
    assert_eq!(frame_length(b"", LIMIT), Ok(None));
    assert_eq!(frame_length(b"\x30", LIMIT), Ok(None));
    assert_eq!(frame_length(b"\x30\x83\x01", LIMIT), Ok(None));
    assert_eq!(frame_length(b"HTTP/1.1 400", LIMIT), Err(BerError::NotLdap));
    assert_eq!(frame_length(b"\x31\x00", LIMIT), Err(BerError::NotLdap));
    assert_eq!(frame_length(b"\x30\x80", LIMIT), Err(BerError::LengthForm));
    assert_eq!(frame_length(b"\x30\x85\x00\x00\x00\x00\x01", LIMIT), Err(BerError::LengthForm));
    assert_eq!(frame_length(b"\x30\xff", LIMIT), Err(BerError::LengthForm));
    // Two claims of many bytes, refused before any of them came.
    assert_eq!(frame_length(b"\x30\x84\x7f\xff\xff\xff", LIMIT), Err(BerError::TooLarge));
    assert_eq!(frame_length(b"\x30\x84\xff\xff\xff\xff", usize::MAX), Ok(Some(0xffff_ffff + 6)));
    let claim = |length: u32| frame_length(&[&[0x30, 0x84], &length.to_be_bytes()[..]].concat(), LIMIT);
    assert_eq!(claim(LIMIT as u32 - 6), Ok(Some(LIMIT)));
    assert_eq!(claim(LIMIT as u32 - 5), Err(BerError::TooLarge));
}

#[test]
fn nesting_is_limited_and_costs_no_stack() {
    let deep = |depth: usize| check(&nested(depth));
    assert_eq!(deep(MAX_DEPTH), Err(BerError::Shape));
    assert_eq!(deep(MAX_DEPTH + 1), Err(BerError::TooDeep));
    assert_eq!(deep(8_000), Err(BerError::TooDeep));
    assert_eq!(deep(200_000), Err(BerError::TooDeep));
    // The same inside an otherwise good entry, where only values may be.
    let inner = |depth| message(2, &[seq(0x64, &[string("dc=x"), nested(depth)])]);
    assert_eq!(check(&inner(MAX_DEPTH - 2)), Ok(Passed::Skipped));
    assert_eq!(check(&inner(MAX_DEPTH - 1)), Err(BerError::TooDeep));
}

#[test]
fn inner_lengths_must_fit() {
    for (frame, error) in [
        (vec![0x30, 0x00], BerError::Shape),
        (vec![0x30, 0x03, 0x02, 0x02, 0x01], BerError::Length),
        (vec![0x30, 0x04, 0x02, 0x01, 0x02, 0x61], BerError::Length),
        (vec![0x30, 0x07, 0x02, 0x01, 0x01, 0x61, 0x80, 0x00, 0x00], BerError::LengthForm),
        (vec![0x30, 0x07, 0x02, 0x01, 0x01, 0x7f, 0x81, 0x00, 0x00], BerError::Tag),
        (vec![0x30, 0x05, 0x02, 0x01, 0x01, 0x61, 0x01], BerError::Length),
        ([message(1, &[result(0x61, 0, "")]), vec![0]].concat(), BerError::Length),
        ([message(1, &[result(0x61, 0, "")]), vec![5, 0]].concat(), BerError::Shape),
        // An entry whose broken length would be an entry dropped if it were only of the wrong shape.
        (message(2, &[tlv(0x64, [0x04, 0x7f, 0x00])]), BerError::Length),
    ] {
        assert_eq!(check(&frame), Err(error), "{frame:x?}");
    }
}

#[test]
fn ids_and_operations_must_answer_a_request() {
    let done = || result(0x65, 0, "");
    for (frame, error) in [
        (message(4, &[done()]), BerError::MessageId),
        (message(0, &[done()]), BerError::MessageId),
        (message(0, &[entry("dc=x", &[])]), BerError::MessageId),
        (seq(SEQUENCE, &[tlv(INTEGER, []), done()]), BerError::Shape),
        (seq(SEQUENCE, &[tlv(INTEGER, [0xff]), done()]), BerError::Shape),
        (seq(SEQUENCE, &[tlv(INTEGER, [0, 0, 0, 0, 2]), done()]), BerError::Shape),
        (seq(SEQUENCE, &[tlv(ENUMERATED, [2]), done()]), BerError::Shape),
        (message(1, &[done()]), BerError::Operation),
        (message(1, &[entry("dc=x", &[])]), BerError::Operation),
        (message(2, &[result(0x61, 0, "")]), BerError::Operation),
        (message(2, &[result(0x78, 0, "")]), BerError::Operation),
        (message(2, &[result(0x66, 0, "")]), BerError::Operation),
        (message(2, &[tlv(0x45, [0x0a, 1, 0, 4, 0, 4, 0])]), BerError::Operation),
        (message(3, &[result(0x61, 0, "")]), BerError::Operation),
        (message(2, &[]), BerError::Shape),
        (message(2, &[done(), done()]), BerError::Shape),
        (message(2, &[done(), paged(b""), paged(b"")]), BerError::Shape),
    ] {
        assert_eq!(check(&frame), Err(error), "{frame:x?}");
    }
}

#[test]
fn numbers_of_several_octets_are_read_whole() {
    let mut guard = Guard::default();
    for id in [0x0102_0304, 0x7fff_ffff] {
        guard.sent(&message(id, &[tlv(0x63, [])])).expect("request");
    }
    assert_eq!(guard.check(&message(4, &[result(0x65, 0, "")])), Err(BerError::MessageId));
    let done = seq(0x65, &[tlv(ENUMERATED, [0x10, 0x20, 0x01]), string(""), string("")]);
    let frame = message(0x0102_0304, &[done]);
    assert_eq!((guard.check(&frame), result_of(&frame)), (Ok(Passed::Final), Ok((0x0010_2001, ""))));
    assert_eq!(guard.check(&message(0x7fff_ffff, &[result(0x65, 0, "")])), Ok(Passed::Final));
    assert!(!guard.waiting());
}

#[test]
fn errors_have_distinct_texts_and_only_one_is_a_limit() {
    use BerError::*;
    let all = [NotLdap, Tag, LengthForm, Length, TooDeep, TooLarge, Shape, NotUtf8, MessageId, Operation];
    let texts: std::collections::HashSet<String> = all.iter().map(BerError::to_string).collect();
    assert!(texts.len() == all.len() && texts.iter().all(|text| text.len() > 10), "{texts:?}");
    assert_eq!(all.into_iter().filter(|error| error.is_limit()).collect::<Vec<_>>(), [TooLarge]);
}

#[test]
fn an_id_is_free_after_its_final_answer() {
    let mut guard = asked();
    assert_eq!(guard.check(&message(2, &[entry("dc=x", &[])])), Ok(Passed::Entry));
    assert_eq!(guard.check(&message(2, &[result(0x65, 0, "")])), Ok(Passed::Final));
    assert_eq!(guard.check(&message(2, &[result(0x65, 0, "")])), Err(BerError::MessageId));
    assert!(guard.waiting());
    guard.check(&message(1, &[result(0x61, 0, "")])).expect("bind");
    guard.check(&message(3, &[result(0x78, 0, "")])).expect("extended");
    assert!(!guard.waiting());
    assert_eq!(guard.sent(&message(9, &[tlv(0x42, [])])), Ok(()));
    assert!(!guard.waiting());
    assert_eq!(guard.sent(&message(9, &[tlv(0x50, [])])), Err(BerError::Operation));
}

#[test]
fn each_request_has_its_own_response() {
    for (request, response) in RESPONSES {
        let mut guard = Guard::default();
        guard.sent(&message(9, &[tlv(request, [])])).expect("a request");
        for (_, other) in RESPONSES.iter().filter(|(_, other)| *other != response) {
            assert_eq!(guard.check(&message(9, &[result(*other, 0, "")])), Err(BerError::Operation), "{request:x}");
        }
        assert_eq!(guard.check(&message(9, &[result(response, 0, "")])), Ok(Passed::Final), "{request:x}");
    }
}

#[test]
fn results_must_be_whole() {
    let parts = |parts: &[Vec<u8>]| check(&message(2, &[seq(0x65, parts)]));
    let code = || tlv(ENUMERATED, [0]);
    let bad = || string([0xff]);
    let with = |extra: Vec<u8>| parts(&[code(), string(""), string(""), extra]);
    assert_eq!(parts(&[]), Err(BerError::Shape));
    assert_eq!(parts(&[code()]), Err(BerError::Shape));
    assert_eq!(parts(&[code(), string("")]), Err(BerError::Shape));
    assert_eq!(parts(&[integer(0), string(""), string("")]), Err(BerError::Shape));
    assert_eq!(parts(&[tlv(ENUMERATED, []), string(""), string("")]), Err(BerError::Shape));
    assert_eq!(parts(&[tlv(ENUMERATED, [0; 9]), string(""), string("")]), Err(BerError::Shape));
    assert_eq!(parts(&[code(), bad(), string("")]), Err(BerError::NotUtf8));
    assert_eq!(parts(&[code(), string(""), bad()]), Err(BerError::NotUtf8));
    assert_eq!(parts(&[code(), seq(0x24, &[]), string("")]), Err(BerError::Shape));
    assert_eq!(with(seq(0xa3, &[bad()])), Err(BerError::NotUtf8));
    assert_eq!(with(seq(0xa3, &[integer(1)])), Err(BerError::Shape));
    assert_eq!(with(tlv(0x83, "ldap://a")), Err(BerError::Shape));
    // Numbers that the library knows, in the class or kind that it does not expect.
    for tag in [0x03, 0xa7, 0x0a, 0xaa, 0x8b ^ 0x20, 0x47] {
        assert_eq!(with(seq(tag, &[])), Err(BerError::Shape), "{tag:x}");
    }
    assert_eq!(with(tlv(0x8a, [0xff])), Err(BerError::NotUtf8));
}

#[test]
fn controls_must_be_whole() {
    let with = |controls: Vec<u8>| check(&message(2, &[result(0x65, 0, ""), controls]));
    let page = |value: Vec<u8>| with(control(PAGED_RESULTS, &[string(value)]));
    assert_eq!(with(seq(0xa0, &[])), Ok(Passed::Final));
    assert_eq!(with(tlv(0x80, [])), Err(BerError::Shape));
    assert_eq!(with(seq(0xa0, &[string("1.2")])), Err(BerError::Shape));
    assert_eq!(with(seq(0xa0, &[seq(SEQUENCE, &[])])), Err(BerError::Shape));
    assert_eq!(with(seq(0xa0, &[seq(SEQUENCE, &[string([0xff])])])), Err(BerError::NotUtf8));
    assert_eq!(with(control("1.2", &[tlv(BOOLEAN, [])])), Err(BerError::Shape));
    assert_eq!(with(control("1.2", &[integer(1)])), Err(BerError::Shape));
    assert_eq!(with(control("1.2", &[string(""), string("")])), Err(BerError::Shape));
    assert_eq!(with(control(PAGED_RESULTS, &[])), Err(BerError::Shape));
    assert_eq!(page(vec![]), Err(BerError::Shape));
    assert_eq!(page(seq(SEQUENCE, &[])), Err(BerError::Shape));
    assert_eq!(page(seq(SEQUENCE, &[integer(0)])), Err(BerError::Shape));
    assert_eq!(page(seq(SEQUENCE, &[tlv(INTEGER, []), string("")])), Err(BerError::Shape));
    assert_eq!(page(seq(SEQUENCE, &[tlv(INTEGER, [0; 9]), string("")])), Err(BerError::Shape));
    assert_eq!(page(seq(SEQUENCE, &[integer(0), string(""), string("")])), Err(BerError::Shape));
    assert_eq!(page(vec![0x30, 0x05, 0x02, 0x01]), Err(BerError::Length));
    // Of an entry too: the library reads controls of every message.
    assert_eq!(check(&message(2, &[entry("dc=x", &[]), control("1.2", &[integer(1)])])), Err(BerError::Shape));
}

#[test]
fn an_entry_that_cannot_be_read_is_dropped_alone() {
    let one = |attribute: Vec<u8>| seq(0x64, &[string("dc=x"), seq(SEQUENCE, &[attribute])]);
    let long = "x".repeat(MAX_DN_BYTES);
    for bad in [
        seq(0x64, &[]),
        seq(0x64, &[string("dc=x")]),
        seq(0x64, &[seq(SEQUENCE, &[]), string("dc=x")]),
        seq(0x64, &[string("dc=x"), string("")]),
        entry([0xff], &[]),
        entry(format!("{long}x"), &[]),
        one(string("ou")),
        one(seq(SEQUENCE, &[])),
        one(seq(SEQUENCE, &[string("ou")])),
        one(seq(SEQUENCE, &[string("ou"), string("a")])),
        one(seq(SEQUENCE, &[string("ou"), seq(SEQUENCE, &[string("a")])])),
        one(seq(SEQUENCE, &[string([0xff]), seq(SET, &[])])),
        one(seq(SEQUENCE, &[string(""), seq(SET, &[])])),
        one(seq(SEQUENCE, &[string("ou"), seq(SET, &[integer(1)])])),
        one(seq(SEQUENCE, &[string("ou"), seq(SET, &[seq(SEQUENCE, &[])])])),
    ] {
        assert_eq!(check(&message(2, std::slice::from_ref(&bad))), Ok(Passed::Skipped), "{bad:x?}");
    }
    assert_eq!(check(&message(2, &[entry(long, &[])])), Ok(Passed::Entry));
}

#[test]
fn a_read_is_sifted_into_what_goes_on() {
    let a = message(2, &[entry("ou=a", &[])]);
    let b = message(2, &[entry("ou=b", &[("ou", &["b"])])]);
    let done = message(2, &[result(0x65, 0, ""), paged(b"more")]);
    let bad = message(2, &[entry([0xff; 40], &[])]);
    let reference = message(2, &[seq(0x73, &[string("ldap://a")])]);
    let mut buffer = [&a[..], &bad, &b, &reference, &done, &a[..5]].concat();
    let whole = buffer.len() - 5;
    let sifted = sift(&mut asked(), &mut buffer, LIMIT);
    let keep = a.len() + b.len() + done.len();
    assert_eq!(sifted, Sifted { keep, checked: whole, entries: 2, finals: 1, skipped: 1, references: 1, end: None });
    assert_eq!(buffer[..keep], [&a[..], &b, &done].concat());
    assert_eq!(buffer[whole..], a[..5]);

    // Messages before an error are forwarded, those after it are not.
    let mut buffer = [&a[..], &done, &a[..], &b].concat();
    let sifted = sift(&mut asked(), &mut buffer, LIMIT);
    assert_eq!(sifted.keep, a.len() + done.len());
    assert_eq!(sifted.end, Some(Ended::Refused(BerError::MessageId)));
    let mut buffer = [&a[..], &message(0, &[result(0x78, 52, "")]), &b].concat();
    assert_eq!(sift(&mut asked(), &mut buffer, LIMIT).end, Some(Ended::Disconnect));
}

#[test]
fn a_cookie_is_read() {
    assert_eq!(paged_cookie(&seq(SEQUENCE, &[integer(7), string("abc")])), Ok(&b"abc"[..]));
    assert_eq!(result_of(&message(3, &[result(0x78, 53, "why")])), Ok((53, "why")));
}
