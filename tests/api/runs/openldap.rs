//! Values, names and absence with a real OpenLDAP, held against what it says itself.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ldap3::Mod;
use serde_json::json;

use crate::support::TestApp;
use crate::support::imports::{GROUP, Imports, PERSON, PERSON_CLASSES, targets, texts};
use crate::support::slapd::{LIMITED_DN, LIMITED_PASSWORD, SERVICE_DN, SERVICE_PASSWORD, SUFFIX, Setup, Slapd};

const PEOPLE: &str = "ou=People,dc=example,dc=com";

/// An attribute of each syntax.
const TYPED: &str = "\
attributetype ( 1.3.6.1.4.1.99999.1.1 NAME 'exBoolean' EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.99999.1.2 NAME 'exInteger' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )
attributetype ( 1.3.6.1.4.1.99999.1.3 NAME 'exTime' EQUALITY generalizedTimeMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 )
attributetype ( 1.3.6.1.4.1.99999.1.4 NAME 'exGuid' EQUALITY UUIDMatch SYNTAX 1.3.6.1.1.16.1 )
attributetype ( 1.3.6.1.4.1.99999.1.5 NAME 'exBinary' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
attributetype ( 1.3.6.1.4.1.99999.1.6 NAME 'exReference' EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )
attributetype ( 1.3.6.1.4.1.99999.1.7 NAME 'exText' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'exThing' SUP top STRUCTURAL MUST cn
  MAY ( exBoolean $ exInteger $ exTime $ exGuid $ exBinary $ exReference $ exText $ description ) )";

const THING: (&str, &[&str]) = (
    "exThing",
    &["cn", "exBoolean", "exInteger", "exTime", "exGuid", "exBinary", "exReference", "exText", "description"],
);

fn account(slapd: &Slapd, dn: &str, password: &str) -> serde_json::Value {
    json!({
        "1": { "stringValue": slapd.url() },
        "2": { "stringValue": dn },
        "3": { "stringValue": password },
    })
}

fn service(slapd: &Slapd) -> serde_json::Value {
    account(slapd, SERVICE_DN, SERVICE_PASSWORD)
}

fn dn(name: &str) -> String {
    format!("cn={name},{PEOPLE}")
}

/// A directory with `p1` to `p<n>`, imported.
async fn imported<'a>(app: &'a TestApp, slapd: &Slapd, count: usize) -> Imports<'a> {
    slapd.add_ou(PEOPLE).await;
    add_people(slapd, 1, count).await;
    let imports = Imports::at(app, &service(slapd), &[PERSON, GROUP], &[PEOPLE]).await;
    imports.run().await.is([i64::try_from(count).expect("few"), 0, 0]);
    imports
}

async fn add_people(slapd: &Slapd, first: usize, last: usize) {
    let mails: Vec<String> = (first..=last).map(|n| format!("p{n}@example.com")).collect();
    let entry = |(n, mail): (usize, &'static str)| {
        (dn(&format!("p{n}")), vec![("objectClass", vec!["inetOrgPerson"]), ("sn", vec!["P"]), ("mail", vec![mail])])
    };
    let leaked = mails.into_iter().map(|m| &*Box::leak(m.into_boxed_str()));
    let entries: Vec<_> = (first..=last).zip(leaked).map(entry).collect();
    slapd.administrator(SUFFIX).add_all(&entries).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn every_type_of_value_is_what_the_directory_holds() {
    let app = TestApp::start().await;
    let slapd = Slapd::start_with(Setup { global: TYPED.to_owned(), ..Setup::default() });
    slapd.add_ou(PEOPLE).await;
    let values: [(&str, &[&str]); 9] = [
        ("objectClass", &["exThing"]),
        ("exBoolean", &["TRUE"]),
        ("exInteger", &["-2147483648", "2147483647", "0"]),
        ("exTime", &["20260102030405Z", "20260102030405.678Z", "202601020304+0230", "20241231235959.5-0800"]),
        ("exGuid", &["01234567-89ab-cdef-0123-456789ABCDEF"]),
        ("exReference", &["cn=other,ou=People,dc=example,dc=com", "cn=away,o=partners"]),
        ("exText", &["b", "B", "ä €", "  two  blanks ", "line\nbreak"]),
        ("description", &["one", "two"]),
        ("cn", &["thing", "second name"]),
    ];
    slapd.add(&dn("thing"), &values).await;
    slapd.add(&dn("other"), &[("objectClass", &["exThing"]), ("exBoolean", &["FALSE"])]).await;
    let (bytes, empty) = (vec![0_u8, 255, 10, 128], vec![0_u8]);
    let binary = Mod::Add(b"exBinary".to_vec(), HashSet::from([bytes.clone(), empty.clone()]));
    slapd.administrator(SUFFIX).modify(&dn("thing"), binary, Vec::new()).await;
    let imports = Imports::at(&app, &service(&slapd), &[THING], &[PEOPLE]).await;
    imports.run().await.is([2, 0, 0]);
    let thing = imports.object(&dn("thing")).await;
    assert_eq!(texts(&thing, "exBoolean"), ["true"]);
    assert_eq!(texts(&imports.object(&dn("other")).await, "exBoolean"), ["false"]);
    assert_eq!(texts(&thing, "exInteger"), ["-2147483648", "0", "2147483647"]);
    let times: Vec<String> =
        texts(&thing, "exTime").iter().map(|t| t.trim_end_matches('Z').trim_end_matches('0').to_owned()).collect();
    let expected = ["2025-01-01T07:59:59.5", "2026-01-02T00:34:", "2026-01-02T03:04:05.678", "2026-01-02T03:04:05"];
    assert!(times.iter().zip(expected).all(|(t, e)| t.starts_with(e)) && times.len() == 4, "{times:?}");
    assert_eq!(texts(&thing, "exGuid"), ["01234567-89ab-cdef-0123-456789abcdef"]);
    let mut encoded = [STANDARD.encode(&bytes), STANDARD.encode(&empty)];
    encoded.sort_unstable();
    assert_eq!(texts(&thing, "exBinary"), encoded);
    let other = imports.object(&dn("other")).await;
    assert_eq!(targets(&thing, "exReference"), [other["id"].as_str().expect("a GUID")]);
    for name in ["exText", "description", "cn"] {
        let mut held = slapd.values(&dn("thing"), name).await;
        held.sort_unstable();
        assert_eq!(texts(&thing, name), held, "{name}");
    }
    let own = slapd.values(&dn("thing"), "entryUUID").await;
    assert_eq!(thing["externalId"].as_str(), own.first().map(String::as_str));
    imports.again_is_nothing().await;
    // The same values in another order and spelling are no change.
    slapd.set(&dn("thing"), "exText", &["line\nbreak", "  two  blanks ", "ä €", "B", "b"]).await;
    slapd
        .set(
            &dn("thing"),
            "exTime",
            &["20260102033405+0030", "20260102030405.6780Z", "20260102003400Z", "20250101075959.50Z"],
        )
        .await;
    slapd.set(&dn("thing"), "exReference", &["CN=Other,OU=people,DC=Example,DC=com", "cn=away,o=partners"]).await;
    let ended = imports.run().await;
    assert_eq!(
        (ended.counts(), texts(&imports.object(&dn("thing")).await, "exTime")),
        ([0, 0, 0], texts(&thing, "exTime"))
    );
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_value_that_does_not_fit_is_an_error_of_its_attribute() {
    let app = TestApp::start().await;
    let slapd = Slapd::start_with(Setup { global: TYPED.to_owned(), ..Setup::default() });
    slapd.add_ou(PEOPLE).await;
    let values: [(&str, &[&str]); 3] =
        [("objectClass", &["exThing"]), ("exInteger", &["7"]), ("description", &["old"])];
    slapd.add(&dn("thing"), &values).await;
    let imports = Imports::at(&app, &service(&slapd), &[THING], &[PEOPLE]).await;
    imports.run().await.is([1, 0, 0]);
    slapd.set(&dn("thing"), "exInteger", &["2147483648"]).await;
    slapd.set(&dn("thing"), "description", &["new"]).await;
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 1, 0]), "{}", ended.shown());
    let errors = ended.items_with("UnexpectedAttribute");
    assert!(
        errors.len() == 1 && errors[0]["errorMessage"].as_str().is_some_and(|m| m.contains("exInteger")),
        "{errors:?}"
    );
    let thing = imports.object(&dn("thing")).await;
    assert_eq!(
        (texts(&thing, "exInteger"), texts(&thing, "description")),
        (vec!["7".to_owned()], vec!["new".to_owned()])
    );
    let again = imports.run().await;
    assert_eq!((again.counts(), again.items_with("UnexpectedAttribute").len()), ([0, 0, 0], 1));
    slapd.set(&dn("thing"), "exInteger", &["8"]).await;
    imports.run().await.is([0, 1, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn hostile_names_are_read_referred_to_and_looked_up() {
    let app = TestApp::start().await;
    let slapd = Slapd::start();
    slapd.add_ou(PEOPLE).await;
    // As written in a DN, and the value itself.
    let names = [
        (r"Smith\, John", "Smith, John"),
        (r#"say \"hi\""#, r#"say "hi""#),
        (r"back\\slash", r"back\slash"),
        (r"\#hash", "#hash"),
        (r"\ leading", " leading"),
        (r"plus\+sign", "plus+sign"),
        (r"less\<more\>\;end", "less<more>;end"),
        ("J\u{fc}rgen \u{d6}l \u{20ac} \u{1f600}", "J\u{fc}rgen \u{d6}l \u{20ac} \u{1f600}"),
        ("*(star)", "*(star)"),
        ("equals\\=sign", "equals=sign"),
    ];
    for (written, value) in names {
        slapd.add(&dn(written), &[("objectClass", &["inetOrgPerson"]), ("cn", &[value]), ("sn", &["P"])]).await;
    }
    let members: Vec<String> = names.iter().map(|(written, _)| dn(written)).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    slapd.add(&dn("all"), &[("objectClass", &["groupOfNames"]), ("member", &members)]).await;
    let imports = Imports::at(&app, &service(&slapd), &[PERSON, GROUP], &[PEOPLE]).await;
    let ended = imports.run().await;
    ended.is([11, 0, 0]);
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 0);
    let all = imports.object(&dn("all")).await;
    assert_eq!(targets(&all, "member").len(), 10);
    let mut held: Vec<String> =
        imports.objects().await.iter().filter_map(|o| o["displayName"].as_str().map(str::to_owned)).collect();
    let mut expected: Vec<String> =
        names.iter().map(|(_, value)| (*value).to_owned()).chain(["all".to_owned()]).collect();
    held.sort_unstable();
    expected.sort_unstable();
    assert_eq!(held, expected);
    imports.again_is_nothing().await;
    slapd.rename(&dn(names[0].0), r"cn=Smith\, Jane", None).await;
    for (written, _) in &names[1..5] {
        slapd.delete(&dn(written)).await;
    }
    let ended = imports.run().await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (0, 4), "{}", ended.shown());
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 5);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn options_and_secrets_are_no_values() {
    let app = TestApp::start().await;
    let slapd = Slapd::start();
    slapd.add_ou(PEOPLE).await;
    let values: [(&str, &[&str]); 5] = [
        ("objectClass", PERSON_CLASSES),
        ("sn", &["P"]),
        ("description", &["plain"]),
        ("description;lang-de", &["deutsch"]),
        ("userPassword", &["Zx9-secret-of-a-person"]),
    ];
    slapd.add(&dn("p1"), &values).await;
    let imports = Imports::at(&app, &service(&slapd), &[PERSON], &[PEOPLE]).await;
    imports.choose(("inetOrgPerson", &["userPassword"])).await;
    let ended = imports.run().await;
    ended.is([1, 0, 0]);
    assert!(
        ended.text("message").contains("option") && ended.text("message").contains("userPassword"),
        "{}",
        ended.shown()
    );
    let object = imports.object(&dn("p1")).await;
    assert_eq!(texts(&object, "description"), ["plain"]);
    assert!(texts(&object, "userPassword").is_empty(), "{object}");
    assert!(!app.stored().space().concat().contains("Zx9-secret"));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_size_limit_removes_nothing() {
    let app = TestApp::start().await;
    let slapd = Slapd::start_with(Setup {
        limits: Some("size.soft=50 size.hard=50 size.prtotal=50".into()),
        ..Setup::default()
    });
    let imports = imported(&app, &slapd, 60).await;
    app.set(imports.id, &account(&slapd, LIMITED_DN, LIMITED_PASSWORD)).await.expect_status(200);
    for query in ["", "?acceptRemovals=true"] {
        let ended = imports.run_with(imports.profile, query).await;
        assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 0]), "{}", ended.shown());
        assert!(ended.text("warningMessage").contains("size"), "{}", ended.shown());
    }
    app.set(imports.id, &service(&slapd)).await.expect_status(200);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn rules_that_hide_entries_or_attributes_remove_nothing() {
    let app = TestApp::start().await;
    let mut slapd = Slapd::start();
    let imports = imported(&app, &slapd, 30).await;
    slapd.restart_hiding(&[&dn("p1"), &dn("p2"), &dn("p3")]);
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 0]), "{}", ended.shown());
    slapd.restart(|setup| {
        setup.hidden.clear();
        setup.access = "access to attrs=mail by * none".to_owned();
    });
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithError", [0, 0, 0]), "{}", ended.shown());
    assert_eq!(texts(&imports.object(&dn("p7")).await, "mail"), ["p7@example.com"]);
    for rule in ["access to attrs=entry by * none", "access to * by * none"] {
        slapd.restart(|setup| setup.access = rule.to_owned());
        for query in ["", "?acceptRemovals=true"] {
            let ended = imports.run_with(imports.profile, query).await;
            assert_ne!(ended.status(), "Complete", "{rule}: {}", ended.shown());
            assert_eq!(ended.counts(), [0, 0, 0], "{rule}: {}", ended.shown());
        }
    }
    slapd.restart(|setup| setup.access.clear());
    imports.again_is_nothing().await;
    assert!(imports.held().await.iter().all(|o| !o.starts_with('!')));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_directory_that_is_down_changes_nothing() {
    let app = TestApp::start().await;
    let mut slapd = Slapd::start();
    let imports = imported(&app, &slapd, 12).await;
    slapd.stop();
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("FailedWithError", [0, 0, 0]), "{}", ended.shown());
    slapd.resume();
    imports.again_is_nothing().await;
}
