//! Answers of a directory, good and bent: what the guard lets pass is read by the LDAP library without a panic.

use jim::connectors::ldap::ber::frame_length;
use jim::connectors::ldap::guard::{Ended, Guard, PAGED_RESULTS, paged_cookie, result_of, sift};
use jim::connectors::ldap::limits::Limits;
use lber::structure::{PL, StructureTag};
use ldap3::controls::PagedResults;
use ldap3::{LdapConnAsync, LdapConnSettings, Scope, SearchEntry, StdStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::choices::Choices;

/// The request that is answered, always under the id 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A simple bind.
    Bind,
    /// A page of a search.
    Search,
    /// StartTLS, which the library has no part in.
    Extended,
}

/// What the guard made of some bytes.
struct Judged {
    kept: Vec<u8>,
    end: Option<Ended>,
    counts: [u64; 3],
}

fn judge(guard: &mut Guard, bytes: &[u8], cut: usize) -> Judged {
    let mut judged = Judged { kept: Vec::new(), end: None, counts: [0; 3] };
    let mut buffer = Vec::new();
    for part in [&bytes[..cut], &bytes[cut..]] {
        buffer.extend_from_slice(part);
        let sifted = sift(guard, &mut buffer, Limits::default().message);
        assert!(sifted.keep <= sifted.checked && sifted.checked <= buffer.len(), "{bytes:x?}");
        judged.kept.extend_from_slice(&buffer[..sifted.keep]);
        let counts = [sifted.entries, sifted.finals, sifted.skipped];
        judged.counts.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
        judged.end = sifted.end;
        if judged.end.is_some() {
            break;
        }
        buffer.drain(..sifted.checked);
    }
    judged
}

/// Answers a request of the library with these bytes, by way of the guard. Returns how many messages passed.
///
/// # Panics
/// Where guard or library do not do what they should.
pub fn check(asked: Asked, bytes: &[u8]) -> u64 {
    let request = |tag: u8| [0x30, 5, 2, 1, 1, tag, 0];
    let tag = match asked {
        Asked::Bind => 0x60,
        Asked::Search => 0x63,
        Asked::Extended => 0x77,
    };
    let judged = |cut: usize| {
        let mut guard = Guard::default();
        guard.sent(&request(tag)).expect("a request");
        judge(&mut guard, bytes, cut)
    };
    let whole = judged(0);
    // Where the network cuts the bytes makes no difference.
    let parts = judged(bytes.len() / 2);
    assert_eq!((&whole.kept, whole.end, whole.counts), (&parts.kept, parts.end, parts.counts), "{bytes:x?}");
    let mut rest = &whole.kept[..];
    let mut passed = 0;
    while !rest.is_empty() {
        let length = frame_length(rest, usize::MAX).expect("a frame").expect("all of its head");
        let (frame, after) = rest.split_at(length);
        parses(asked, frame);
        passed += 1;
        rest = after;
    }
    assert_eq!(passed, whole.counts[0] + whole.counts[1], "{bytes:x?}");
    if asked != Asked::Extended && passed > 0 {
        RUNTIME.with(|runtime| runtime.block_on(read_by_the_library(asked, &whole.kept)));
    }
    passed
}

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
}

/// One whole message has the parts that are taken out of it without asking.
fn parses(asked: Asked, frame: &[u8]) {
    let (rest, message) = lber::Parser::new().parse(frame).expect("a message");
    assert!(rest.is_empty(), "{frame:x?}");
    let parts = inner(message).expect("parts");
    let operation = parts.into_iter().nth(1).expect("an operation");
    let is_entry = asked == Asked::Search && operation.id == 4;
    if !is_entry {
        assert!(result_of(frame).is_ok(), "{frame:x?}");
        return;
    }
    let mut entry = inner(operation).expect("an entry").into_iter();
    let text = |tag: Option<StructureTag>| String::from_utf8(bytes_of(tag?)?).ok();
    assert!(text(entry.next()).is_some(), "{frame:x?}");
    for attribute in entry.next().and_then(inner).expect("attributes") {
        let mut attribute = inner(attribute).expect("an attribute").into_iter();
        assert!(text(attribute.next()).is_some(), "{frame:x?}");
        let values = attribute.next().and_then(inner).expect("values");
        assert!(values.into_iter().all(|v| bytes_of(v).is_some()), "{frame:x?}");
    }
}

fn inner(tag: StructureTag) -> Option<Vec<StructureTag>> {
    if let PL::C(parts) = tag.payload { Some(parts) } else { None }
}

fn bytes_of(tag: StructureTag) -> Option<Vec<u8>> {
    if let PL::P(bytes) = tag.payload { Some(bytes) } else { None }
}

/// The library on one end of a socket pair, as in a session; no task of its own, so that a panic comes out here.
async fn read_by_the_library(asked: Asked, answer: &[u8]) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    ours.set_nonblocking(true).expect("a socket");
    let mut ours = tokio::net::UnixStream::from_std(ours).expect("a socket");
    let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs));
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, "ldapi:///").await.expect("a connection");
    let client = async move {
        if asked == Asked::Bind {
            let _ = ldap.simple_bind("cn=jim", "s3cret").await;
            return;
        }
        ldap.with_controls(PagedResults { size: 2, cookie: Vec::new() });
        let Ok(mut stream) = ldap.streaming_search("dc=x", Scope::Subtree, "(objectClass=*)", vec!["ou"]).await else {
            return;
        };
        while let Ok(Some(entry)) = stream.next().await {
            let _ = SearchEntry::construct(entry);
        }
        for control in stream.finish().await.ctrls {
            if control.1.ctype == PAGED_RESULTS {
                let value = control.1.val.unwrap_or_default();
                assert!(paged_cookie(&value).is_ok(), "{value:x?}");
            }
        }
    };
    let server = async move {
        let mut request = Vec::new();
        while frame_length(&request, usize::MAX).expect("a request").is_none_or(|length| length > request.len()) {
            if ours.read_buf(&mut request).await.expect("a request") == 0 {
                return;
            }
        }
        Guard::default().sent(&request).expect("a request that the guard knows");
        let _ = ours.write_all(answer).await;
        let _ = ours.shutdown().await;
    };
    let (_, (), ()) = tokio::join!(connection.drive(), client, server);
}

/// Messages that could answer a request, some of them bent.
pub fn answers(choices: &mut Choices<'_>) -> (Asked, Vec<u8>) {
    let asked = choices.one_of(&[Asked::Search, Asked::Search, Asked::Search, Asked::Bind, Asked::Extended]);
    let mut out = Vec::new();
    for _ in 0..1 + choices.below(4) {
        let mut frame = message(asked, choices);
        for _ in 0..choices.below(8).saturating_sub(5) {
            bend(&mut frame, choices);
        }
        out.extend(frame);
    }
    (asked, out)
}

fn bend(frame: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let at = choices.below(frame.len().clamp(1, 256));
    // Mostly bytes that mean something to a reader of BER.
    let byte = choices
        .one_of(&[0, 1, 2, 4, 5, 0x0a, 0x30, 0x31, 0x64, 0x65, 0x7f, 0x80, 0x81, 0x84, 0x87, 0x8a, 0xa0, 0xa3, 0xff]);
    match choices.below(6) {
        0 | 1 if at < frame.len() => frame[at] = byte,
        2 if at < frame.len() => frame[at] ^= 1 << choices.below(8),
        3 => frame.insert(at.min(frame.len()), byte),
        4 if at < frame.len() => {
            frame.remove(at);
        }
        _ => frame.truncate(frame.len() - frame.len().min(choices.below(3))),
    }
}

fn message(asked: Asked, choices: &mut Choices<'_>) -> Vec<u8> {
    let id = if choices.once_in(20) { choices.below(4) as u8 } else { 1 };
    let mut content = tlv(2, &[id], choices);
    let operation = match (asked, choices.below(10)) {
        (Asked::Search, 0..=5) => entry(choices),
        (Asked::Search, 6) => one_string(0x73, choices),
        (Asked::Search, 7) => one_string(0x79, choices),
        (Asked::Search, _) => result(0x65, choices),
        (Asked::Bind, _) => result(0x61, choices),
        (Asked::Extended, _) => result(0x78, choices),
    };
    content.extend(operation);
    if choices.once_in(3) {
        content.extend(controls(choices));
    }
    tlv(0x30, &content, choices)
}

fn entry(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut attributes = Vec::new();
    for _ in 0..choices.below(3) {
        let mut values = Vec::new();
        for _ in 0..choices.below(3) {
            values.extend(string(choices));
        }
        let mut attribute = string(choices);
        attribute.extend(tlv(0x31, &values, choices));
        attributes.extend(tlv(0x30, &attribute, choices));
    }
    let mut content = string(choices);
    content.extend(tlv(0x30, &attributes, choices));
    tlv(0x64, &content, choices)
}

fn result(tag: u8, choices: &mut Choices<'_>) -> Vec<u8> {
    let code = choices.one_of(&[0, 0, 4, 10, 32, 53, 127]);
    let mut content = tlv(0x0a, &[code], choices);
    content.extend(string(choices));
    content.extend(string(choices));
    for _ in 0..choices.below(3) {
        let tag = choices.one_of(&[0xa3, 0x87, 0x8a, 0x8b, 0x85, 0xa6, 0x83, 0xa7, 0x04]);
        content.extend(if tag == 0xa3 { one_string(tag, choices) } else { tlv(tag, b"1.2.3", choices) });
    }
    tlv(tag, &content, choices)
}

fn controls(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut cookie = tlv(2, &[0, 9], choices);
    cookie.extend(string(choices));
    let value = tlv(0x30, &cookie, choices);
    let oid = if choices.once_in(4) { "1.2.3" } else { PAGED_RESULTS };
    let mut control = tlv(4, oid.as_bytes(), choices);
    if choices.once_in(3) {
        control.extend(tlv(1, &[0xff], choices));
    }
    if !choices.once_in(5) {
        control.extend(tlv(4, &value, choices));
    }
    let list = tlv(0x30, &control, choices);
    tlv(0xa0, &list, choices)
}

fn one_string(tag: u8, choices: &mut Choices<'_>) -> Vec<u8> {
    let content = string(choices);
    tlv(tag, &content, choices)
}

fn string(choices: &mut Choices<'_>) -> Vec<u8> {
    let text: &[u8] = choices.one_of(&[
        b"",
        b"ou",
        b"ou=a,dc=x",
        b"entryUUID",
        "é".as_bytes(),
        b"\xff\xfe",
        b"ldap://x/",
        b"\x30\x00",
    ]);
    tlv(4, text, choices)
}

/// One element, its length in the shortest form or, as some servers have it, in four octets.
fn tlv(tag: u8, content: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..128 if !choices.once_in(12) => out.push(length as u8),
        _ => {
            out.push(0x84);
            out.extend((length as u32).to_be_bytes());
        }
    }
    out.extend(content);
    out
}
