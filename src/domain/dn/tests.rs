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
fn fingerprints_are_equal_where_keys_are() {
    assert_eq!(key("ou=A,dc=x").fingerprint(), key("OU=a , dc=X").fingerprint());
    assert_ne!(key("ou=a,dc=x").fingerprint(), key("ou=b,dc=x").fingerprint());
    // The published test value of the empty text.
    assert_eq!(key("").fingerprint(), 0x6c62272e07bb014262b821756295c58d_u128.to_be_bytes());
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

#[test]
fn an_escaped_blank_at_the_very_end_is_part_of_the_name() {
    let dn = Dn::parse("ou=a,o=x\\ ").expect("a name");
    assert_eq!(dn.rdns()[1].pairs()[0].value(), "x ");
    assert_eq!(dn.to_string(), "ou=a,o=x\\ ");
    assert_eq!(Dn::parse("ou=a,o=x\\   "), Ok(dn));
    assert_eq!(Dn::parse(" o=\"x\"  ").map(|dn| dn.to_string()), Ok("o=x".to_owned()));
}

#[test]
fn only_an_oid_has_a_prefix_to_lose() {
    for (text, written) in [("OID.2.5.4.3=a", "cn=a"), ("oid.1.2=a", "1.2=a"), ("oid.oid.1.2=a", "oid.oid.1.2=a")] {
        let dn = Dn::parse(text).expect(text);
        assert_eq!(dn.to_string(), written);
        assert_eq!(Dn::parse(written), Ok(dn));
    }
}

#[test]
fn the_short_way_and_the_long_way_agree() {
    let parts = [
        "ou", "OU", "dc", "2.5.4.3", "x y", "=", ",", " ", "a", "B  c", "é", "\\,", "\\2C", "+", ";", "\"", "#00",
        "\u{1e}",
    ];
    // A small generator of its own: the same texts at every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    let mut good = 0;
    for round in 0..50_000 {
        let mut text = String::new();
        for _ in 0..next(12) {
            // Every second text is made of whole RDNs, so that many of them can be read.
            match round % 2 {
                0 => text.push_str(parts[next(parts.len())]),
                _ => text.push_str(&format!("{}={},", parts[next(4)], parts[7 + next(6)])),
            }
        }
        let text = text.strip_suffix(',').unwrap_or(&text);
        let long = Dn::parse(text).map(|dn| (dn.key(), dn.name()));
        good += usize::from(long.is_ok());
        assert_eq!(key_and_name(text), long, "{text:?}");
    }
    assert!(good > 5_000, "only {good} texts were names");
    for text in [vec!["ou=x"; 256].join(","), vec!["ou=x"; 257].join(","), "x".repeat(MAX_DN_BYTES + 1)] {
        assert_eq!(key_and_name(&text), Dn::parse(&text).map(|dn| (dn.key(), dn.name())));
    }
}
