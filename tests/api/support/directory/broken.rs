//! Malformed and outsized messages in place of a search response.

use jim::sandbox::{Answer, ber};

/// The tag of a search result reference.
const SEARCH_REFERENCE: u8 = 0x73;

/// A message that a client must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// BER nested to this depth inside a search result entry.
    Nested(usize),
    /// A message said to be `claim` bytes long, of which `then` bytes follow.
    LengthClaim {
        /// The length in the header.
        claim: u32,
        /// The bytes that follow it.
        then: u64,
    },
    /// A well-formed entry with one value of this size.
    EntryOfSize(u64),
    /// A well-formed entry whose DN has a value of this many bytes.
    LongDn(usize),
    /// `30 00`.
    EmptySequence,
    /// A search result of indefinite length, which LDAP forbids.
    IndefiniteLength,
    /// An operation that claims to be longer than the message round it.
    InnerOverrun,
    /// An add response under the id of the search.
    WrongOperation,
    /// An entry under an id that was not used.
    WrongId,
    /// Bytes that are no UTF-8.
    BadUtf8(Place),
    /// An entry that ends after its DN.
    ShortEntry,
    /// A notice of disconnection (RFC 4511, section 4.4.1): message id 0, result 52. Follow it by
    /// `Mischief::End` for a directory that means it.
    NoticeOfDisconnection,
}

/// Where bad UTF-8 is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The DN of an entry.
    Dn,
    /// The type of an attribute.
    AttributeName,
    /// The value of an attribute.
    AttributeValue,
    /// The diagnostic message of the search result.
    Diagnostic,
    /// A search reference.
    Reference,
    /// The referral of the search result.
    Referral,
}

const BAD: &[u8] = b"ou=\xff\xfe\x80";

impl Broken {
    /// The bytes of the message for a search of this id, and how many filler bytes follow them.
    pub fn bytes(self, id: i32) -> (Vec<u8>, u64) {
        let whole = |bytes: Vec<u8>| (bytes, 0);
        match self {
            Broken::Nested(depth) => whole(ber::message(id, &ber::tlv(ber::SEARCH_ENTRY, &nested(depth)), &[])),
            Broken::LengthClaim { claim, then } => {
                let mut head = vec![ber::SEQUENCE, 0x84];
                head.extend(claim.to_be_bytes());
                (head, then)
            }
            Broken::EntryOfSize(size) => (outsized(id, size), size),
            Broken::LongDn(size) => whole(ber::entry(id, &[b"ou=", vec![b'd'; size].as_slice()].concat(), &[])),
            Broken::EmptySequence => whole(vec![ber::SEQUENCE, 0]),
            Broken::IndefiniteLength => {
                let mut out = vec![ber::SEQUENCE, 0x80];
                ber::put_number(&mut out, 0x02, u32::try_from(id).unwrap_or_default());
                ber::put(&mut out, ber::SEARCH_DONE, &ber::result_content(&Answer::default()));
                out.extend([0, 0]);
                whole(out)
            }
            Broken::InnerOverrun => {
                let operation = [&[ber::SEARCH_ENTRY, 0x7f][..], &[ber::OCTETS; 0x10]].concat();
                whole(ber::message(id, &operation, &[]))
            }
            Broken::WrongOperation => whole(ber::result(id, ber::ADD_RESPONSE, &Answer::default(), &[])),
            Broken::WrongId => whole(ber::entry(id.wrapping_add(1_000_000), b"ou=stray", &[])),
            Broken::BadUtf8(place) => whole(bad_utf8(id, place)),
            Broken::ShortEntry => {
                let dn = ber::tlv(ber::OCTETS, b"ou=short");
                whole(ber::message(id, &ber::tlv(ber::SEARCH_ENTRY, &dn), &[]))
            }
            Broken::NoticeOfDisconnection => {
                let answer = Answer::new(52, "the directory is going down");
                whole(ber::extended(0, &answer, Some("1.3.6.1.4.1.1466.20036"), None))
            }
        }
    }

    /// Whether the message is itself the result of the search, so that nothing may follow it.
    pub fn ends_search(self) -> bool {
        matches!(self, Broken::IndefiniteLength | Broken::BadUtf8(Place::Diagnostic | Place::Referral))
    }
}

/// A search result reference.
pub fn reference(id: i32, urls: &[String]) -> Vec<u8> {
    let mut content = Vec::new();
    for url in urls {
        ber::put(&mut content, ber::OCTETS, url.as_bytes());
    }
    ber::message(id, &ber::tlv(SEARCH_REFERENCE, &content), &[])
}

fn bad_utf8(id: i32, place: Place) -> Vec<u8> {
    let entry = |dn: &[u8], name: &[u8], value: &[u8]| {
        let list = ber::tlv(ber::SEQUENCE, &ber::attribute(name, &[value.to_vec()]));
        let content = [ber::tlv(ber::OCTETS, dn), ber::tlv(ber::SEQUENCE, &list)].concat();
        ber::message(id, &ber::tlv(ber::SEARCH_ENTRY, &content), &[])
    };
    let done = |message: &[u8], referral: &[u8]| {
        let mut content = vec![0x0a, 1, if referral.is_empty() { 1 } else { 10 }, ber::OCTETS, 0];
        ber::put(&mut content, ber::OCTETS, message);
        content.extend_from_slice(referral);
        ber::message(id, &ber::tlv(ber::SEARCH_DONE, &content), &[])
    };
    let bad = ber::tlv(ber::OCTETS, BAD);
    match place {
        Place::Dn => entry(BAD, b"objectClass", b"top"),
        Place::AttributeName => entry(b"ou=odd", BAD, b"top"),
        Place::AttributeValue => entry(b"ou=odd", b"ou", BAD),
        Place::Diagnostic => done(BAD, &[]),
        Place::Referral => done(&[], &ber::tlv(0xa3, &bad)),
        Place::Reference => ber::message(id, &ber::tlv(SEARCH_REFERENCE, &bad), &[]),
    }
}

/// Sequences in sequences. Written from the inside out, backwards, so that great depths take linear time.
fn nested(depth: usize) -> Vec<u8> {
    let mut backwards = Vec::with_capacity(depth * 4);
    for _ in 0..depth {
        let mut header = vec![ber::SEQUENCE];
        ber::put_length(&mut header, backwards.len());
        backwards.extend(header.iter().rev());
    }
    backwards.reverse();
    backwards
}

/// Everything of an entry but its one value, which comes last and is as long as `size` says.
fn outsized(id: i32, size: u64) -> Vec<u8> {
    let size = usize::try_from(size).unwrap_or(usize::MAX / 2);
    let wrap = |tag: u8, before: &[u8], inside: &[u8]| {
        let mut out = before.to_vec();
        out.push(tag);
        ber::put_length(&mut out, inside.len() + size);
        out.extend_from_slice(inside);
        out
    };
    let value = wrap(ber::OCTETS, &[], &[]);
    let values = wrap(ber::SET, &ber::tlv(ber::OCTETS, b"description"), &value);
    let attribute = wrap(ber::SEQUENCE, &[], &values);
    let list = wrap(ber::SEQUENCE, &ber::tlv(ber::OCTETS, b"ou=huge"), &attribute);
    let mut number = Vec::new();
    ber::put_number(&mut number, 0x02, u32::try_from(id).unwrap_or_default());
    let operation = wrap(ber::SEARCH_ENTRY, &number, &list);
    wrap(ber::SEQUENCE, &[], &operation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use ldap3_proto::LdapCodec;
    use ldap3_proto::proto::LdapOp;
    use tokio_util::codec::Decoder;

    fn read(broken: Broken) -> std::io::Result<Option<ldap3_proto::LdapMsg>> {
        let (mut bytes, filler) = broken.bytes(5);
        bytes.resize(bytes.len() + usize::try_from(filler).expect("small"), b'x');
        LdapCodec::new(Some(4 << 20), None).decode(&mut BytesMut::from(bytes.as_slice()))
    }

    #[test]
    fn what_claims_to_be_well_formed_is() {
        let Ok(Some(big)) = read(Broken::EntryOfSize(1 << 20)) else { panic!("one message") };
        assert!(matches!(big.op, LdapOp::SearchResultEntry(e) if e.attributes[0].vals[0].len() == 1 << 20));
        assert_eq!(big.msgid, 5);
        assert!(matches!(read(Broken::WrongOperation), Ok(Some(m)) if matches!(m.op, LdapOp::AddResponse(_))));
        assert!(matches!(read(Broken::WrongId), Ok(Some(m)) if m.msgid == 1_000_005));
        assert!(matches!(read(Broken::NoticeOfDisconnection), Ok(Some(m)) if m.msgid == 0));
    }

    #[test]
    fn what_is_broken_is_not_read() {
        for broken in [
            Broken::Nested(100_000),
            Broken::EmptySequence,
            Broken::InnerOverrun,
            Broken::ShortEntry,
            Broken::BadUtf8(Place::Dn),
            Broken::BadUtf8(Place::AttributeName),
            Broken::BadUtf8(Place::Diagnostic),
            Broken::BadUtf8(Place::Reference),
        ] {
            assert!(!matches!(read(broken), Ok(Some(_))), "{broken:?}");
        }
        assert!(matches!(read(Broken::LengthClaim { claim: 0x7fff_ffff, then: 1000 }), Ok(None)));
    }
}
