//! Entries taken apart: identity, values, references and errors.

use super::*;
use crate::domain::connector_space::ScopeType;
use crate::domain::schema::DataType as T;

const GUID: [u8; 16] = [0xfa, 0x93, 0xdc, 0x4d, 0x8d, 0x1d, 0x3b, 0x4c, 1, 2, 3, 4, 5, 6, 7, 8];

/// Attributes are numbered from 1, and the first one is the external id.
fn scope(attributes: &[(&str, T, Plurality)]) -> ImportScope {
    let attribute = |((name, data_type, plurality), id): (&(&str, T, Plurality), i64)| ScopeAttribute {
        id,
        name: (*name).into(),
        data_type: *data_type,
        plurality: *plurality,
        is_external_id: id == 1,
    };
    let attributes = attributes.iter().zip(1..).map(attribute).collect();
    ImportScope { types: vec![ScopeType { id: 7, name: "user".into(), attributes }], ..ImportScope::default() }
}

/// A person of the external id `42` with further attributes.
fn entry(attributes: &[(&str, &[&[u8]])]) -> Entry {
    let own: [(&str, &[&[u8]]); 2] = [("objectClass", &[b"top", b"user"]), ("employeeNumber", &[b"42"])];
    let all = own.iter().chain(attributes);
    Entry::new("cn=A,dc=x", all.map(|(name, v)| ((*name).to_owned(), v.iter().map(|v| v.to_vec()).collect())).collect())
}

fn taken(scope: &ImportScope, entry: Entry) -> (Taken, Counts) {
    let mut parser = Parser::new(scope, Types::new(scope, None, true), "cn=placeholder");
    let taken = parser.take(entry, 3);
    (taken, parser.seen)
}

fn object(scope: &ImportScope, entry: Entry) -> ReadObject {
    match taken(scope, entry).0 {
        Taken::Item(ReadItem::Object(object)) => *object,
        Taken::Item(ReadItem::Refused(refused)) => panic!("{refused:?}"),
        Taken::Other | Taken::Ranged(_) => panic!("no object"),
    }
}

fn refusal(scope: &ImportScope, entry: Entry) -> Refused {
    match taken(scope, entry).0 {
        Taken::Item(ReadItem::Refused(refused)) => *refused,
        _ => panic!("not refused"),
    }
}

/// Values of an attribute, decoded.
fn values(object: &ReadObject, attribute: RowId, data_type: T) -> Vec<Value> {
    object.values.of(attribute).iter().map(|v| Value::decode(data_type, v).expect("value")).collect()
}

const ID: (&str, T, Plurality) = ("employeeNumber", T::String, Plurality::Single);

#[test]
fn values_and_references_of_an_entry_are_taken() {
    let scope = scope(&[
        ID,
        ("cn", T::String, Plurality::Multi),
        ("uidNumber", T::Integer, Plurality::Single),
        ("distinguishedName", T::String, Plurality::Single),
        ("manager", T::Reference, Plurality::Multi),
        ("userCertificate", T::Binary, Plurality::Multi),
        ("userPassword", T::String, Plurality::Multi),
        ("absent", T::String, Plurality::Multi),
    ]);
    let object = object(
        &scope,
        entry(&[
            ("CN", &[b"b", b"a", b"b", b""]),
            ("cn;lang-de", &[b"c"]),
            ("uidNumber", &[b"1000"]),
            ("manager", &[b"cn=Z,dc=x", b"cn=B,dc=x", b"CN = Placeholder", b"cn=B,dc=x"]),
            ("userCertificate;binary", &[b"\x30\x00"]),
            ("userCertificate", &[b"\x30\x01"]),
            ("userPassword", &[b"s3cret"]),
            ("distinguishedName", &[b"cn=forged"]),
            ("notSelected", &[b"x"]),
        ]),
    );
    assert_eq!((object.object_type, object.partition, object.dn.as_deref()), (7, Some(3), Some("cn=A,dc=x")));
    assert_eq!(object.external_id, ExternalId { text: "42".into(), own: None });
    assert_eq!(values(&object, 2, T::String), [Value::Text("a".into()), Value::Text("b".into())]);
    assert_eq!(values(&object, 3, T::Integer), [Value::Integer(1000)]);
    assert_eq!(values(&object, 4, T::String), [Value::Text("cn=A,dc=x".into())]);
    assert_eq!(object.references, [(5, vec!["cn=B,dc=x".into(), "cn=Z,dc=x".into()])]);
    assert_eq!(values(&object, 6, T::Binary).len(), 2);
    assert_eq!(object.values.attributes().map(|(id, _)| id).collect::<Vec<_>>(), [1, 2, 3, 4, 6]);
    assert!(object.errors.is_empty());
}

#[test]
fn an_attribute_that_cannot_be_read_is_an_error_of_its_own() {
    for (name, data_type, plurality, found, expected) in [
        ("uidNumber", T::Integer, Plurality::Single, &[&b"4294967296"[..]][..], "uidNumber: a value is no Integer"),
        ("cn", T::String, Plurality::Multi, &[b"a", b"\xff"], "cn: a value is no String"),
        ("title", T::String, Plurality::Single, &[b"a", b"b"], "title: 2 values, but the schema allows one"),
        ("member", T::Reference, Plurality::Multi, &[b"\xff"], "member: a value is no Reference"),
    ] {
        let scope = scope(&[ID, (name, data_type, plurality), ("sn", T::String, Plurality::Multi)]);
        let object = object(&scope, entry(&[(name, found), ("sn", &[b"S"])]));
        let errors: Vec<_> = object.errors.iter().map(|e| (e.attribute, e.error, e.message.as_str())).collect();
        assert_eq!(errors, [(2, ErrorType::UnexpectedAttribute, expected)]);
        assert_eq!(object.values.attributes().map(|(id, _)| id).collect::<Vec<_>>(), [1, 3], "{name}");
        assert!(object.references.is_empty());
    }
    let scope = scope(&[ID, ("title", T::String, Plurality::Single)]);
    assert!(object(&scope, entry(&[("title", &[b"a", b"a"])])).errors.is_empty(), "equal values are one");
}

#[test]
fn the_identity_is_the_directory_s_own_where_it_can_be() {
    let own = |text: &str| Some(ns_unique_id(&text.replace('-', "")).expect("id").value);
    let uuid = "8c1b0f3e-0000-103e-8000-0123456789ab";
    for (name, data_type, value, text, expected) in [
        ("objectGUID", T::Guid, &GUID[..], "4ddc93fa-1d8d-4c3b-0102-030405060708", {
            own("4ddc93fa-1d8d-4c3b-0102-030405060708")
        }),
        ("ENTRYUUID", T::Guid, b"8C1B0F3E-0000-103E-8000-0123456789AB", uuid, own(uuid)),
        ("nsUniqueId", T::String, b"66446001-1DD211B2-8f3e8cd3-6f2ac55a", "66446001-1dd211b2-8f3e8cd3-6f2ac55a", {
            own("66446001-1dd211b2-8f3e8cd3-6f2ac55a")
        }),
        ("uid", T::String, b"  Zo\xc3\xab ", "Zoë", None),
        ("uidNumber", T::Integer, b"-7", "-7", None),
        ("other", T::Guid, b"8C1B0F3E-0000-103E-8000-0123456789AB", uuid, None),
        ("objectSid", T::Binary, b"\x01\x05", "0105", None),
    ] {
        let scope = scope(&[(name, data_type, Plurality::Single)]);
        let id = object(&scope, entry(&[(name, &[value])])).external_id;
        assert_eq!((&*id.text, id.own), (text, expected), "{name}");
    }
}

#[test]
fn an_entry_without_one_external_id_is_refused_with_its_name() {
    use ErrorType::{MissingExternalIdAttributeValue as Missing, UnsupportedExternalIdAttributeType as Unsupported};
    let long = vec![b'x'; MAX_EXTERNAL_ID + 1];
    for (name, data_type, plurality, found, expected) in [
        ("uid", T::String, Plurality::Single, &[][..], Missing),
        ("uid", T::String, Plurality::Single, &[&b""[..]], Missing),
        ("uid", T::String, Plurality::Single, &[b"  "], Missing),
        ("uid", T::String, Plurality::Multi, &[b"a", b"b"], Unsupported),
        ("uid", T::String, Plurality::Single, &[b"a", b"b"], Unsupported),
        ("uid", T::String, Plurality::Single, &[&long], Unsupported),
        ("objectGUID", T::Guid, Plurality::Single, &[&GUID[1..]], Unsupported),
        ("nsUniqueId", T::String, Plurality::Single, &[b"x"], Unsupported),
    ] {
        let scope = scope(&[(name, data_type, plurality)]);
        let refused = refusal(&scope, entry(&[(name, found)]));
        assert_eq!((refused.error, refused.object_type), (expected, Some(7)), "{name} {found:?}");
        assert_eq!(refused.dn.as_deref(), Some("cn=A,dc=x"));
        assert!(refused.message.starts_with("cn=A,dc=x: "), "{}", refused.message);
    }
}

#[test]
fn types_that_are_not_selected_and_options_are_counted() {
    let scope = scope(&[ID, ("cn", T::String, Plurality::Multi)]);
    let mut parser = Parser::new(&scope, Types::new(&scope, None, true), "");
    let computer = || Entry::new("cn=c,dc=x", vec![("objectClass".into(), vec![b"user".into(), b"computer".into()])]);
    assert!(matches!(parser.take(computer(), 1), Taken::Other));
    assert!(matches!(parser.take(computer(), 1), Taken::Other));
    assert!(matches!(parser.take(entry(&[("cn;lang-de", &[b"a"]), ("cn;lang-en", &[b"b"])]), 1), Taken::Item(_)));
    assert_eq!(parser.seen, Counts { other_types: [("computer".to_owned(), 2)].into(), options: 1 });

    let none = refusal(&scope, Entry::new("cn=A,dc=x", vec![]));
    assert_eq!(none.error, ErrorType::CouldNotMatchObjectType);
    for n in 0..2 * crate::connectors::ldap::import::MAX_CLASSES {
        let classes = vec![format!("class{n}").into_bytes()];
        parser.take(Entry::new("cn=c,dc=x", vec![("objectClass".into(), classes)]), 1);
    }
    assert_eq!(parser.seen.other_types.len(), crate::connectors::ldap::import::MAX_CLASSES + 1);
}

#[test]
fn an_attribute_in_ranges_waits_for_its_rest() {
    let scope = scope(&[ID, ("member", T::Reference, Plurality::Multi), ("cn", T::String, Plurality::Multi)]);
    let part = [("member", &[][..]), ("member;range=0-1", &[&b"cn=a"[..], b"cn=b"][..]), ("cn", &[b"g"])];
    let parser = Parser::new(&scope, Types::new(&scope, None, true), "");
    for whole in [true, false] {
        let Taken::Ranged(mut draft) = taken(&scope, entry(&part)).0 else { panic!("in one piece") };
        assert_eq!(draft.ranged, [(1, "member".to_owned())]);
        match whole {
            true => draft.add(1, vec![b"cn=c".to_vec(), b"cn=a".to_vec()]),
            false => draft.fail(1, &scope, "cut"),
        }
        let ReadItem::Object(object) = parser.finish(*draft) else { panic!("refused") };
        let references = if whole { vec![(2, vec!["cn=a".into(), "cn=c".into()])] } else { vec![] };
        assert_eq!((object.references, object.errors.len()), (references, usize::from(!whole)));
        assert_eq!(object.values.of(3).len(), 1);
    }
    // The last range from the first value on is the whole.
    let whole = [("member;range=0-*", &[&b"cn=a"[..]][..])];
    assert_eq!(object(&scope, entry(&whole)).references.len(), 1);
}
