//! The schema entry: who sees what of it, and what can go wrong when it is read.

use super::fault_tests::{DONE, in_search, raw, rest, searched, tags, with};
use super::tests::{Scope, bound, connect, find, small};
use super::*;

use std::collections::HashSet;
use tokio::io::AsyncWriteExt;

const SUBSCHEMA: &str = "(objectClass=subschema)";

#[tokio::test]
async fn the_schema_is_told_to_who_asks_for_it_by_name() {
    let sandbox = Sandbox::start(Options::with_tree(small())).await.expect("start");
    let mut ldap = connect(&sandbox).await;
    let (entry, result) = find(&mut ldap, "cn=Subschema", Scope::Base, SUBSCHEMA, &[]).await;
    let names: HashSet<&str> = entry[0].attrs.keys().map(String::as_str).collect();
    assert_eq!((entry[0].dn.as_str(), result.rc, names), ("cn=Subschema", 0, HashSet::from(["objectClass", "cn"])));
    let asked = ["objectclasses", "attributeTypes", "dITContentRules"];
    let (entry, _) = find(&mut ldap, "CN=subschema", Scope::Base, SUBSCHEMA, &asked).await;
    let names: HashSet<&str> = entry[0].attrs.keys().map(String::as_str).collect();
    assert_eq!(names, HashSet::from(["objectClasses", "attributeTypes"]));
    let person = entry[0].attrs["objectClasses"].iter().find(|c| c.contains("'person'")).expect("person");
    assert!(person.starts_with("( 2.5.6.6 NAME 'person' DESC '"), "{person}");
    let end = "' SUP top STRUCTURAL MUST ( sn $ cn ) MAY ( userPassword $ telephoneNumber $ seeAlso $ description ) )";
    assert!(person.ends_with(end), "{person}");
    let (entry, _) = find(&mut ldap, "cn=Subschema", Scope::Base, SUBSCHEMA, &["+"]).await;
    assert_eq!(entry[0].attrs["subschemaSubentry"], ["cn=Subschema"]);
    assert!(entry[0].attrs.contains_key("ldapSyntaxes") && entry[0].attrs.contains_key("modifyTimestamp"));
    assert!(!entry[0].attrs.contains_key("cn"));
    let (none, result) = find(&mut ldap, "cn=Subschema", Scope::Base, "(objectClass=person)", &["+"]).await;
    assert_eq!((none.len(), result.rc), (0, 0));
    let (none, result) = find(&mut ldap, "cn=Subschema", Scope::Subtree, SUBSCHEMA, &["+"]).await;
    assert_eq!((none.len(), result.rc), (0, 32));

    let own = |text: &str| vec![text.to_owned()];
    sandbox.set_schema(own("( broken"), Vec::new(), own("( 1.2.3 AUX x )"));
    let (entry, _) = find(&mut ldap, "cn=Subschema", Scope::Base, SUBSCHEMA, &asked).await;
    assert_eq!((entry[0].attrs.len(), &entry[0].attrs["objectClasses"]), (2, &own("( broken")));
    assert_eq!(entry[0].attrs["dITContentRules"], ["( 1.2.3 AUX x )"]);
    sandbox.restore_schema();
    let (entry, _) = find(&mut ldap, "cn=Subschema", Scope::Base, SUBSCHEMA, &asked).await;
    assert_eq!(entry[0].attrs["objectClasses"].len(), 31);
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
