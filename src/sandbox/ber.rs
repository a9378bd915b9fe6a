//! BER writer for LDAP responses (RFC 4511, section 5.1).
//!
//! The codec parses requests only: its types cannot express every response, such as unknown result codes.

pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;
pub const OCTETS: u8 = 0x04;
pub const BIND_RESPONSE: u8 = 0x61;
pub const SEARCH_ENTRY: u8 = 0x64;
pub const SEARCH_DONE: u8 = 0x65;
pub const MODIFY_RESPONSE: u8 = 0x67;
pub const ADD_RESPONSE: u8 = 0x69;
pub const DELETE_RESPONSE: u8 = 0x6b;
pub const RENAME_RESPONSE: u8 = 0x6d;
pub const COMPARE_RESPONSE: u8 = 0x6f;
pub const EXTENDED_RESPONSE: u8 = 0x78;
/// OID of the simple paged results control (RFC 2696).
pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

pub type Attribute = (String, Vec<Vec<u8>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub code: u32,
    pub matched: String,
    pub message: String,
    pub referrals: Vec<String>,
}

impl Answer {
    pub fn new(code: u32, message: &str) -> Answer {
        Answer { code, message: message.to_owned(), ..Answer::default() }
    }
}

pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    put(&mut out, tag, content);
    out
}

pub fn put(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    put_length(out, content.len());
    out.extend_from_slice(content);
}

/// Appends a definite length in the shortest form.
pub fn put_length(out: &mut Vec<u8>, length: usize) {
    if let Ok(short @ 0..=127) = u8::try_from(length) {
        out.push(short);
        return;
    }
    let bytes = length.to_be_bytes();
    let skipped = bytes.iter().take_while(|b| **b == 0).count();
    out.push(0x80 | u8::try_from(bytes.len() - skipped).unwrap_or_default());
    out.extend(bytes.iter().skip(skipped));
}

/// Appends an INTEGER or ENUMERATED, by `tag`.
pub fn put_number(out: &mut Vec<u8>, tag: u8, number: u32) {
    let bytes = number.to_be_bytes();
    let skipped = bytes.iter().take(3).take_while(|b| **b == 0).count();
    let mut content = Vec::with_capacity(5);
    if bytes.get(skipped).is_some_and(|b| *b >= 0x80) {
        content.push(0);
    }
    content.extend(bytes.iter().skip(skipped));
    put(out, tag, &content);
}

/// An LDAP message; the operation includes its tag.
pub fn message(id: i32, operation: &[u8], controls: &[Vec<u8>]) -> Vec<u8> {
    let mut content = Vec::with_capacity(operation.len() + 16);
    put_number(&mut content, 0x02, u32::try_from(id).unwrap_or_default());
    content.extend_from_slice(operation);
    if !controls.is_empty() {
        put(&mut content, 0xa0, &controls.concat());
    }
    tlv(SEQUENCE, &content)
}

pub fn entry(id: i32, dn: &[u8], attributes: &[Attribute]) -> Vec<u8> {
    let mut list = Vec::with_capacity(256);
    for (name, values) in attributes {
        put(&mut list, SEQUENCE, &attribute(name.as_bytes(), values));
    }
    let mut content = Vec::with_capacity(dn.len() + list.len() + 8);
    put(&mut content, OCTETS, dn);
    put(&mut content, SEQUENCE, &list);
    message(id, &tlv(SEARCH_ENTRY, &content), &[])
}

/// Content of a PartialAttribute. The name is bytes, so that tests can send invalid UTF-8.
pub fn attribute(name: &[u8], values: &[Vec<u8>]) -> Vec<u8> {
    let mut set = Vec::with_capacity(values.iter().map(|v| v.len() + 6).sum());
    for value in values {
        put(&mut set, OCTETS, value);
    }
    let mut out = Vec::with_capacity(set.len() + name.len() + 12);
    put(&mut out, OCTETS, name);
    put(&mut out, SET, &set);
    out
}

pub fn result_content(answer: &Answer) -> Vec<u8> {
    let mut content = Vec::with_capacity(64);
    put_number(&mut content, 0x0a, answer.code);
    put(&mut content, OCTETS, answer.matched.as_bytes());
    put(&mut content, OCTETS, answer.message.as_bytes());
    if !answer.referrals.is_empty() {
        let mut urls = Vec::new();
        for url in &answer.referrals {
            put(&mut urls, OCTETS, url.as_bytes());
        }
        put(&mut content, 0xa3, &urls);
    }
    content
}

/// Message with a result only, such as the end of a search.
pub fn result(id: i32, tag: u8, answer: &Answer, controls: &[Vec<u8>]) -> Vec<u8> {
    message(id, &tlv(tag, &result_content(answer)), controls)
}

pub fn extended(id: i32, answer: &Answer, name: Option<&str>, value: Option<&[u8]>) -> Vec<u8> {
    let mut content = result_content(answer);
    if let Some(name) = name {
        put(&mut content, 0x8a, name.as_bytes());
    }
    if let Some(value) = value {
        put(&mut content, 0x8b, value);
    }
    message(id, &tlv(EXTENDED_RESPONSE, &content), &[])
}

/// Paged results control of a response (RFC 2696), without an estimate of the total.
pub fn paged_control(cookie: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(cookie.len() + 8);
    put_number(&mut value, 0x02, 0);
    put(&mut value, OCTETS, cookie);
    let mut content = Vec::with_capacity(64);
    put(&mut content, OCTETS, PAGED_RESULTS.as_bytes());
    put(&mut content, OCTETS, &tlv(SEQUENCE, &value));
    tlv(SEQUENCE, &content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use ldap3_proto::LdapCodec;
    use ldap3_proto::control::LdapControl;
    use ldap3_proto::proto::LdapOp;
    use tokio_util::codec::Decoder;

    fn read(bytes: &[u8]) -> ldap3_proto::LdapMsg {
        let mut codec = LdapCodec::new(Some(1 << 20), None);
        codec.decode(&mut BytesMut::from(bytes)).expect("readable").expect("whole")
    }

    #[test]
    fn lengths_and_numbers_are_of_the_shortest_form() {
        let number = |n| {
            let mut out = Vec::new();
            put_number(&mut out, 2, n);
            out
        };
        assert_eq!(number(0), [2, 1, 0]);
        assert_eq!(number(127), [2, 1, 127]);
        assert_eq!(number(128), [2, 2, 0, 128]);
        assert_eq!(number(u32::MAX), [2, 5, 0, 255, 255, 255, 255]);
        assert_eq!(tlv(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[0; 70_000])[..5], [4, 0x83, 1, 0x11, 0x70]);
    }

    #[test]
    fn an_independent_codec_reads_what_is_written() {
        let sent = entry(70_000, "ou=Zürich,dc=x".as_bytes(), &[("ou".to_owned(), vec![vec![b'x'; 300]])]);
        let got = read(&sent);
        assert_eq!(got.msgid, 70_000);
        assert!(matches!(got.op, LdapOp::SearchResultEntry(e)
            if e.dn == "ou=Zürich,dc=x" && e.attributes[0].vals[0].len() == 300));
        let got = read(&result(3, SEARCH_DONE, &Answer::new(51, "busy"), &[paged_control(b"abc")]));
        assert!(matches!(got.op, LdapOp::SearchResultDone(r) if r.message == "busy"));
        assert_eq!(got.ctrl, [LdapControl::SimplePagedResults { size: 0, cookie: b"abc".to_vec() }]);
    }
}
