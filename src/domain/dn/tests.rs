//! Spellings that are one name, spellings that are not, and what is no name at all.

use super::*;

fn key(text: &str) -> DnKey {
    Dn::parse(text).expect(text).key()
}

#[test]
fn spellings_of_one_name_share_a_key() {
    let same = [
        ("ou=Sales\\2C EMEA,dc=x", "OU=Sales\\, EMEA,DC=x"),
        ("ou=Sales\\2C EMEA,dc=x", "ou=\"Sales, EMEA\" ; dc=x"),
        ("ou=A+l=B,dc=x", "l=b+OU=a,dc=x"),
        ("oid.2.5.4.11=A , dc = x", "ou=a,dc=x"),
        ("organizationalUnitName=A  B,domainComponent=x", "ou= a b ,dc=x"),
        ("ou=\\C3\\A9,dc=x", "ou=É,dc=x"),
        ("ou=\\ A ,dc=x", "ou=a,dc=x"),
        ("cn=#04024869,dc=x", "cn=\\#04024869,dc=x"),
    ];
    for (a, b) in same {
        assert_eq!(key(a), key(b), "{a} and {b}");
    }
    for (a, b) in [("ou=a,ou=b", "ou=a\\,ou=b"), ("ou=a+l=b", "ou=a\\+l\\=b"), ("ou=e\u{301}", "ou=\u{e9}")] {
        assert_ne!(key(a), key(b), "{a} and {b}");
    }
}

#[test]
fn control_characters_do_not_forge_a_key() {
    assert_ne!(key("ou=a\\1Eou=b"), key("ou=a,ou=b"));
    assert_ne!(key("ou=a\\1Fl=b"), key("ou=a+l=b"));
}

#[test]
fn names_are_unescaped_values_of_the_first_rdn() {
    for (dn, name) in [
        ("ou=Sales\\2C EMEA,dc=x", "Sales, EMEA"),
        ("ou=\\#first\\ ,dc=x", "#first "),
        ("ou=\\  two,dc=x", "  two"),
        ("ou=b+l=a,dc=x", "a+b"),
        ("ou=line\\0Abreak,dc=x", "line\nbreak"),
        ("ou=back\\\\slash,dc=x", "back\\slash"),
        ("", ""),
    ] {
        assert_eq!(Dn::parse(dn).expect(dn).name(), name);
    }
}

#[test]
fn below_is_decided_by_whole_rdns() {
    assert!(key("dc=a,dc=example").is_below(key("dc=example").as_str()));
    assert!(!key("dc=notexample").is_below(key("dc=example").as_str()));
    assert!(!key("dc=example").is_below(key("dc=example").as_str()));
    let deep = key("ou=c,ou=b,dc=x");
    assert_eq!(deep.ancestors().collect::<Vec<_>>(), ["ou=b\u{1e}dc=x", "dc=x"]);
    assert_eq!(deep.own(), "ou=c");
}

#[test]
fn faults_are_told_apart() {
    for bad in ["ou", "=x", "ou=a,,dc=x", "ou=a,", "ou=\"a", "ou=a\"b", "ou=a\\", "o u=x"] {
        assert_eq!(Dn::parse(bad), Err(DnFault::Malformed), "{bad}");
    }
    assert_eq!(Dn::parse("ou=\\FF,dc=x"), Err(DnFault::NotUtf8));
    assert_eq!(Dn::parse(&format!("ou={}", "x".repeat(MAX_DN_BYTES))), Err(DnFault::TooLong));
    assert_eq!(Dn::parse(&vec!["ou=x"; 257].join(",")), Err(DnFault::TooDeep));
    assert!(Dn::parse(&vec!["ou=x"; 256].join(",")).is_ok());
}

#[test]
fn formatting_can_be_read_back() {
    for text in ["ou=Sales\\, EMEA,dc=x", "ou=\\ a\\ ,dc=x", "ou=\\#x+l=\\<\\>\\;\\=\\\"\\\\,dc=x", "ou=a\\0Ab,dc=x"] {
        let dn = Dn::parse(text).expect(text);
        let again = Dn::parse(&dn.to_string()).expect("own format");
        assert_eq!(dn, again, "{text}");
        assert_eq!(dn.key(), again.key());
    }
}
