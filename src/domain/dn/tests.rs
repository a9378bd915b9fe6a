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
    for (a, b) in [
        ("ou=a,ou=b", "ou=a\\,ou=b"),
        ("ou=a+l=b", "ou=a\\+l\\=b"),
        ("ou=e\u{301}", "ou=\u{e9}"),
        ("ou=a+l=b", "l=bou\\=a"),
    ] {
        assert_ne!(key(a), key(b), "{a} and {b}");
    }
}

#[test]
fn fingerprints_are_equal_where_keys_are() {
    assert_eq!(key("ou=A,dc=x").fingerprint(), key("OU=a , dc=X").fingerprint());
    assert_ne!(key("ou=a,dc=x").fingerprint(), key("ou=b,dc=x").fingerprint());
    // The published test value of the empty text.
    assert_eq!(key("").fingerprint(), 0x6c62272e07bb014262b821756295c58d_u128.to_be_bytes());
    let letter = DnKey::from("a".to_owned());
    assert_eq!(letter.fingerprint(), 0xd228cb696f1a8caf78912b704e4a8964_u128.to_be_bytes());
}

#[test]
fn a_key_is_its_text_wherever_it_goes() {
    let sales = key("OU=Sales, dc=X");
    assert_eq!(DnKey::from(sales.as_str().to_owned()), sales);
    assert_eq!(DnKey::of_stored("OU=Sales, dc=X"), sales);
    assert_eq!(sales.clone().into_string(), "ou=sales\u{1e}dc=x");
    let places = std::collections::HashMap::from([(sales.clone(), 1)]);
    assert_eq!((places.get(sales.as_str()), places.get("dc=x")), (Some(&1), None));
    // What can be read no more still compares with itself.
    assert_eq!(DnKey::of_stored("Sales"), DnKey::from("sales".to_owned()));
}

/// Its fingerprint is stored, so that another form of the key would find no row of an older file.
#[test]
fn the_form_of_a_key_stays() {
    let all = key("OU=\\ a\\1D\\1E\\1F  \u{c9} +L=b , o=c");
    assert_eq!(all.as_str(), "l=b\u{1f}ou=a\u{1d}a\u{1d}b\u{1d}c \u{e9}\u{1e}o=c");
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
    assert_eq!(deep.parent(), Some("ou=b\u{1e}dc=x"));
    assert_eq!(["dc=x", deep.as_str()].map(depth), [1, 3]);
    assert!(deep.is_below("") && !key("").is_below(""), "all names are below that of the root");
}

#[test]
fn errors_have_distinct_texts() {
    for bad in ["ou", "=x", "ou=a,,dc=x", "ou=a,", "ou=\"a", "ou=a\"b", "ou=a\\", "ou=\\é", "o u=x"] {
        assert_eq!(Dn::parse(bad), Err(DnError::Malformed), "{bad}");
    }
    assert_eq!(Dn::parse("ou=\\FF,dc=x"), Err(DnError::NotUtf8));
    let long = |bytes: usize| Dn::parse(&format!("ou={}", "x".repeat(bytes - 3))).map(|dn| dn.name().len());
    assert_eq!(long(MAX_DN_BYTES), Ok(MAX_DN_BYTES - 3));
    assert_eq!(long(MAX_DN_BYTES + 1), Err(DnError::TooLong));
    assert_eq!(Dn::parse(&vec!["ou=x"; 257].join(",")), Err(DnError::TooDeep));
    assert!(Dn::parse(&vec!["ou=x"; 256].join(",")).is_ok());
    let got = [DnError::TooLong, DnError::TooDeep, DnError::Malformed, DnError::NotUtf8].map(|f| f.to_string());
    for (text, of) in got.iter().zip(["8192 bytes", "256 parts", "RFC 4514", "not UTF-8"]) {
        assert!(text.contains(of), "{text}");
    }
}

#[test]
fn a_name_is_put_below_another_one() {
    let dn = Dn::parse("ou=a\\,b+l=c,ou=d,dc=x").expect("a name");
    let pairs: Vec<_> = dn.rdns()[0].pairs().iter().map(|p| (p.attribute(), p.value())).collect();
    assert_eq!(pairs, [("l", "c"), ("ou", "a,b")]);
    assert_eq!(dn.parent().to_string(), "ou=d,dc=x");
    assert_eq!(dn.first_rdns_under(1, "DC=Elsewhere"), "l=c+ou=a\\,b,DC=Elsewhere");
    assert_eq!(dn.first_rdns_under(2, ""), "l=c+ou=a\\,b,ou=d");
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
fn only_what_needs_it_is_escaped() {
    for (value, escaped) in [
        ("Sales #1 = 2", "Sales #1 \\= 2"),
        ("  a  ", "\\  a \\ "),
        (" ", "\\ "),
        ("#a#", "\\#a#"),
        (",+\"\\<>;", "\\,\\+\\\"\\\\\\<\\>\\;"),
        ("\n\u{85}\u{e9}", "\\0A\\C2\\85\u{e9}"),
        ("", ""),
    ] {
        assert_eq!(escape_value(value), escaped);
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
fn key_and_name_agree_with_parse() {
    let parts = [
        "ou", "OU", "dc", "2.5.4.3", "x y", "=", ",", " ", "a", "B  c", "É", "\\,", "\\2C", "+", ";", "\"", "#00",
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
    let long = |bytes: usize| format!("ou={}", "x".repeat(bytes - 3));
    let deep = |rdns: usize| vec!["ou=x"; rdns].join(",");
    for text in [deep(256), deep(257), long(MAX_DN_BYTES), long(MAX_DN_BYTES + 1)] {
        assert_eq!(key_and_name(&text), Dn::parse(&text).map(|dn| (dn.key(), dn.name())));
    }
}
