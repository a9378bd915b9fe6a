//! Reading schemas of directories that answer as a test says.

use std::sync::Arc;

use super::*;
use crate::connectors::ldap::Limits;
use crate::connectors::ldap::root_dse::Kind;
use crate::connectors::ldap::sample::{entry, message, paged, result, seq, string};
use crate::connectors::ldap::session::tests::fake::{Fake, ask, send};
use crate::connectors::ldap::settings::LdapSettings;
use crate::domain::dn::Dn;
use crate::security::secret::Secret;
use crate::security::tls::ClientTrust;

/// The answer to one search: what the request must hold, entries as they are on the wire, code and cookie.
struct Answer {
    asked: &'static str,
    entries: Vec<Vec<u8>>,
    code: u8,
    cookie: &'static [u8],
}

fn answer(asked: &'static str, entries: Vec<Vec<u8>>) -> Answer {
    Answer { asked, entries, code: 0, cookie: b"" }
}

fn root(kind: Kind) -> RootDse {
    let context = |dn: &str| (dn.to_owned(), Dn::parse(dn).expect("dn").key());
    RootDse {
        contexts: vec![context("cn=config"), context("dc=x")],
        subschema: Some("cn=Subschema".to_owned()),
        schema: Some("CN=Schema,CN=Configuration,DC=x".to_owned()),
        ..RootDse::of(kind)
    }
}

/// Reads the schema of a directory that gives these answers, in this order, and none more.
async fn read(root: &RootDse, answers: Vec<Answer>) -> Result<SeenSchema, String> {
    read_with(root, answers, Limits::default()).await
}

async fn read_with(root: &RootDse, answers: Vec<Answer>, limits: Limits) -> Result<SeenSchema, String> {
    let expected = answers.len();
    let mut answers = answers.into_iter();
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    let fake = Fake::start(move |request| {
        if request.op != 0x63 {
            return ask(request);
        }
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let answer = answers.next().expect("one search more than expected");
        let holds = request.frame.windows(answer.asked.len()).any(|w| w == answer.asked.as_bytes());
        assert!(holds, "{} is not in {}", answer.asked, String::from_utf8_lossy(request.frame));
        let end = message(request.id, &[result(0x65, answer.code, "no\nway"), paged(answer.cookie)]);
        let entries = answer.entries.into_iter().map(|entry| message(request.id, &[entry]));
        entries.chain([end]).map(send).collect()
    })
    .await;
    let settings = LdapSettings {
        target: fake.target(),
        username: "cn=jim".to_owned(),
        connect_seconds: 5,
        total_seconds: 20,
        retries: 0,
        retry_delay_ms: 0,
        skip_hidden: true,
        auxiliary: false,
        placeholder: String::new(),
    };
    let trust = Arc::new(ClientTrust::load(None).expect("trust"));
    let access = Access::new(settings, Secret::new("s3cret".to_owned()), trust, limits);
    let mut session = access.open_another().await.expect("a session");
    let seen = discover(&access, &mut session, root).await;
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), expected, "searches");
    seen.map_err(|failure| {
        assert_eq!((failure.stage, failure.timed_out), (Stage::Schema, false), "{failure}");
        failure.reason
    })
}

const CLASSES: (&str, &[&str]) = (
    "objectClasses",
    &["( 1.1 NAME 'top' ABSTRACT MUST objectClass )", "( 1.2 NAME 'person' SUP top STRUCTURAL MUST ( cn $ nothing ) )"],
);
const ATTRIBUTES: (&str, &[&str]) =
    ("attributeTypes", &["( 2.5.4.0 NAME 'objectClass' )", "( 2.5.4.3 NAME 'cn' DESC 'a name' )"]);

fn subschema() -> Vec<Vec<u8>> {
    vec![entry("cn=Subschema", &[CLASSES, ATTRIBUTES])]
}

/// Names of attributes by type, ids, warnings.
fn summary(seen: &SeenSchema) -> (Vec<String>, [Option<&str>; 2], Vec<&str>) {
    let names = |t: &crate::domain::schema::SeenType| {
        let names: Vec<&str> = t.attributes.iter().map(|a| &*a.name).collect();
        format!("{}: {}", t.name, names.join(" "))
    };
    assert!(seen.complete);
    (
        seen.types.iter().map(names).collect(),
        [seen.external_id.as_deref(), seen.secondary_external_id.as_deref()],
        seen.warnings.iter().map(String::as_str).collect(),
    )
}

const MISSING: &str = "1 attribute mentioned but not declared, left out: nothing (named by person)";

#[tokio::test(flavor = "multi_thread")]
async fn one_entry_of_definitions() {
    let seen = read(&root(Kind::OpenLdap), vec![answer("subschema", subschema())]).await.expect("a schema");
    let ids = [Some("entryUUID"), Some("distinguishedName")];
    let all = "person: cn objectClass entryUUID distinguishedName".to_owned();
    assert_eq!(summary(&seen), (vec![all], ids, vec![MISSING]));
    assert_eq!(seen.types[0].attributes[2].class_name, None);

    // An entry without the object class is found too.
    let second = vec![answer("subschema", vec![]), answer("objectClass", subschema())];
    assert_eq!(read(&root(Kind::OpenLdap), second).await.expect("a schema"), seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_to_its_end_is_a_failure() {
    let of = |entries| vec![answer("subschema", entries)];
    let refused = |code| vec![Answer { code, ..answer("subschema", subschema()) }];
    let bad = seq(0x64, &[string("cn=x"), seq(0x30, &[seq(0x30, &[string([0xff])])])]);
    let many: Vec<String> = (0..10_001).map(|i| format!("( 1.{i} )")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (answers, reason) in [
        (refused(50), "insufficientAccessRights (50): \"no\\nway\""),
        (refused(32), "noSuchObject (32): \"no\\nway\""),
        (vec![answer("subschema", vec![]), answer("objectClass", vec![])], "no entry"),
        (of(vec![entry("cn=Subschema", &[ATTRIBUTES])]), "no object class is shown"),
        (of(vec![entry("cn=Subschema", &[CLASSES])]), "no attribute type is shown"),
        (
            of(vec![entry("cn=Subschema", &[ATTRIBUTES, ("objectClasses", &["broken", "( 1"])])]),
            "no object class is shown",
        ),
        (of(vec![entry("cn=Subschema", &[ATTRIBUTES, ("objectClasses", &many)])]), EXCEEDS),
        (of(vec![bad]), INCOMPLETE),
    ] {
        assert_eq!(read(&root(Kind::OpenLdap), answers).await, Err(reason.to_owned()));
    }
    let unnamed = RootDse { subschema: None, schema: None, ..root(Kind::OpenLdap) };
    let none = Err("the server shows no schema: no entry names its own".to_owned());
    assert_eq!(read(&unnamed, vec![answer("dc=x", vec![entry("dc=x", &[])])]).await, none);
    let named = entry("dc=x", &[("subschemaSubentry", &["cn=Other"])]);
    let found = read(&unnamed, vec![answer("dc=x", vec![named]), answer("cn=Other", subschema())]).await;
    assert!(found.is_ok(), "{found:?}");
    let unnamed = RootDse { kind: Kind::AdLds, ..unnamed };
    assert_eq!(read(&unnamed, vec![]).await, Err("the root entry names no schema".to_owned()));
    let poor = Limits { kept: 20, ..Limits::default() };
    assert_eq!(read_with(&root(Kind::OpenLdap), of(subschema()), poor).await, Err(EXCEEDS.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_external_id_is_what_the_first_visible_partition_shows() {
    let uuid = ("entryUUID", ["8c1b0f3e-0000-103e-8000-0123456789ab"]);
    let unique = ("nsUniqueId", ["66446001-1dd211b2-8f3e8cd3-6f2ac55a"]);
    let shown = |values: &[(&str, [&str; 1])]| {
        let values: Vec<(&str, &[&str])> = values.iter().map(|(name, v)| (*name, v.as_slice())).collect();
        vec![entry("dc=x", &values)]
    };
    for (kind, entries, code, external, more) in [
        (Kind::Ds389, shown(&[uuid, unique]), 0, Some("entryUUID"), " entryUUID nsUniqueId"),
        (Kind::Ds389, shown(&[unique]), 0, Some("nsUniqueId"), " entryUUID nsUniqueId"),
        (Kind::Ds389, vec![], 32, Some("nsUniqueId"), " entryUUID nsUniqueId"),
        (Kind::Generic, shown(&[unique]), 0, Some("nsUniqueId"), " nsUniqueId"),
        (Kind::Generic, shown(&[uuid]), 4, None, ""),
        (Kind::Generic, vec![], 0, None, ""),
    ] {
        let answers = vec![answer("subschema", subschema()), Answer { code, ..answer("dc=x", entries) }];
        let seen = read(&root(kind), answers).await.expect("a schema");
        let all = format!("person: cn objectClass{more} distinguishedName");
        let none = "neither entryUUID nor nsUniqueId is shown or declared: no external id is recommended, choose one";
        let warnings = if external.is_none() { vec![MISSING, none] } else { vec![MISSING] };
        assert_eq!(summary(&seen), (vec![all], [external, Some("distinguishedName")], warnings), "{kind:?}");
    }
    // Without a partition to look into, what is declared decides.
    let declared = ("attributeTypes", ["( 1.1 NAME 'objectClass' )", "( 1.2 NAME 'NSUNIQUEID' DESC 'id' )"]);
    let entries = vec![entry("cn=Subschema", &[CLASSES, (declared.0, &declared.1)])];
    let nowhere = RootDse { contexts: Vec::new(), ..root(Kind::Generic) };
    let seen = read(&nowhere, vec![answer("subschema", entries)]).await.expect("a schema");
    assert_eq!(seen.external_id.as_deref(), Some("NSUNIQUEID"));
    let id = seen.types[0].attributes.iter().find(|a| &*a.name == "NSUNIQUEID").expect("an attribute");
    assert_eq!((id.description.as_deref(), id.class_name.as_deref()), (Some("id"), None));
}

fn schema_entry(name: &str, values: &[(&str, &[&str])]) -> Vec<u8> {
    let name_only = [name];
    let all = [&[("lDAPDisplayName", name_only.as_slice())], values].concat();
    entry(format!("CN={name},CN=Schema,CN=Configuration,DC=x"), &all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_of_definitions() {
    let attributes = |names: &[&str]| names.iter().map(|name| schema_entry(name, &[])).collect::<Vec<_>>();
    let classes = || {
        vec![
            schema_entry("top", &[("objectClassCategory", &["2"]), ("mustContain", &["objectGUID"])]),
            schema_entry(
                "user",
                &[("objectClassCategory", &["1"]), ("subClassOf", &["top"]), ("mayContain", &["cn", "sn"])],
            ),
        ]
    };
    let pages = |classes: Vec<Vec<u8>>, code| {
        let first = Answer { cookie: b"next", ..answer("attributeSchema", attributes(&["cn", "sn"])) };
        let last = Answer { code, ..answer("classSchema", classes) };
        vec![first, answer("next", attributes(&["objectGUID"])), last]
    };
    let root = root(Kind::ActiveDirectory);
    let seen = read(&root, pages(classes(), 0)).await.expect("a schema");
    let ids = [Some("objectGUID"), Some("distinguishedName")];
    assert_eq!(summary(&seen), (vec!["user: cn sn objectGUID distinguishedName".to_owned()], ids, vec![]));
    let guid = &seen.types[0].attributes[2];
    assert_eq!(guid.class_name.as_deref(), Some("top"));

    let bad = seq(0x64, &[string([b'c', 0xff]), seq(0x30, &[])]);
    let cut = schema_entry("one", &[("objectClassCategory", &["1"]), ("mayContain;range=0-1", &["cn", "sn"])]);
    let with = |more: Vec<u8>| [classes(), vec![more]].concat();
    for (classes, code, reason) in [
        (classes(), 4, "sizeLimitExceeded (4): \"no\\nway\""),
        (classes(), 10, "referral (10): \"no\\nway\""),
        (with(bad), 0, INCOMPLETE),
        (with(cut), 0, INCOMPLETE),
        (vec![], 0, "no object class is shown"),
    ] {
        assert_eq!(read(&root, pages(classes, code)).await, Err(reason.to_owned()));
    }
    let first = vec![Answer { code: 11, ..answer("attributeSchema", attributes(&["cn"])) }];
    assert_eq!(read(&root, first).await, Err("adminLimitExceeded (11): \"no\\nway\"".to_owned()));
    let none = vec![answer("attributeSchema", vec![]), answer("classSchema", classes())];
    assert_eq!(read(&root, none).await, Err("no attribute type is shown".to_owned()));
}
