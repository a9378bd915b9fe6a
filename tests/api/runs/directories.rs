//! The central promises with each real directory: values, renames, removals, references, large groups.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::TestApp;
use crate::support::imports::{Imports, targets, texts};
use crate::support::server::{Kind, Server};

/// Classes of people and groups, and the types that an import makes of them.
fn classes(kind: Kind) -> [&'static str; 2] {
    if kind == Kind::Samba { ["contact", "group"] } else { ["inetOrgPerson", "groupOfNames"] }
}

async fn add_person(server: &Server, name: &str) {
    let [person, _] = classes(server.kind());
    let dn = format!("cn={name},ou=People");
    server.add(&dn, &[("objectClass", &[person]), ("sn", &["Person"]), ("description", &[name])]).await;
}

async fn add_group(server: &Server, name: &str, members: &[&str]) {
    let [_, group] = classes(server.kind());
    let members: Vec<String> = members.iter().map(|name| server.dn(&format!("cn={name},ou=People"))).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let dn = format!("cn={name},ou=Groups");
    server.add(&dn, &[("objectClass", &[group]), ("member", &members)]).await;
}

async fn imports<'a>(app: &'a TestApp, server: &Server) -> Imports<'a> {
    let [person, group] = classes(server.kind());
    let types: [(&str, &[&str]); 2] = [(person, &["cn", "sn", "description"]), (group, &["cn", "member"])];
    let selected = [server.dn("ou=People"), server.dn("ou=Groups")];
    let selected: Vec<&str> = selected.iter().map(String::as_str).collect();
    Imports::at(app, &server.settings(), &types, &selected).await
}

/// Values of all objects are those that the administrator reads.
async fn same_values(imports: &Imports<'_>, server: &Server, names: &[&str]) {
    for name in names {
        let dn = server.dn(&format!("cn={name},ou=People"));
        let object = imports.object(&dn).await;
        for attribute in ["cn", "sn", "description"] {
            let held = server.administrator().values(&dn, attribute, Vec::new()).await;
            let mut held: Vec<String> = held.into_iter().map(|v| String::from_utf8_lossy(&v).into_owned()).collect();
            held.sort_unstable();
            assert_eq!(texts(&object, attribute), held, "{attribute} of {dn}");
        }
    }
}

async fn id(imports: &Imports<'_>, server: &Server, name: &str) -> String {
    let object = imports.object(&server.dn(&format!("cn={name},ou=People"))).await;
    object["id"].as_str().expect("a GUID").to_owned()
}

async fn life(kind: Kind) {
    let (app, server) = (TestApp::start().await, Server::start(kind).await);
    server.grow(&["ou=People", "ou=Groups"]).await;
    for name in ["p1", "p2", "p3", "p4", "p5", "p6"] {
        add_person(&server, name).await;
    }
    add_group(&server, "g", &["p1", "p2", "p3"]).await;
    let imports = imports(&app, &server).await;
    imports.run().await.is([7, 0, 0]);
    same_values(&imports, &server, &["p1", "p2", "p3", "p4", "p5", "p6"]).await;
    imports.again_is_nothing().await;

    server.describe("cn=p1,ou=People", Some("new")).await;
    imports.run().await.is([0, 1, 0]);
    server.describe("cn=p1,ou=People", None).await;
    imports.run().await.is([0, 1, 0]);
    same_values(&imports, &server, &["p1"]).await;
    imports.again_is_nothing().await;

    let (p1, p2, p4) =
        (id(&imports, &server, "p1").await, id(&imports, &server, "p2").await, id(&imports, &server, "p4").await);
    server.rename("cn=p2,ou=People", "cn=q2", None).await;
    let renamed = imports.run().await;
    assert_eq!((renamed.counts()[0], renamed.counts()[2]), (0, 0), "{}", renamed.shown());
    assert_eq!(id(&imports, &server, "q2").await, p2);
    imports.again_is_nothing().await;
    let group = imports.object(&server.dn("cn=g,ou=Groups")).await;
    let follows = kind == Kind::Samba;
    assert_eq!(targets(&group, "member").contains(&p2), follows, "links follow the object in Active Directory only");

    server.delete("cn=p3,ou=People").await;
    let removed = imports.run().await;
    assert_eq!((removed.counts()[0], removed.counts()[2]), (0, 1), "{}", removed.shown());
    imports.again_is_nothing().await;
    let group = imports.object(&server.dn("cn=g,ou=Groups")).await;
    assert!(targets(&group, "member").contains(&p1));
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, if follows { 0 } else { 2 });

    server.delete("cn=p4,ou=People").await;
    add_person(&server, "p4").await;
    let anew = imports.run().await;
    assert_eq!((anew.counts()[0], anew.counts()[2]), (1, 1), "{}", anew.shown());
    assert_ne!(id(&imports, &server, "p4").await, p4);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn the_life_of_an_object_on_openldap() {
    life(Kind::OpenLdap).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs samba and root; tests/run.sh runs it"]
async fn the_life_of_an_object_on_samba() {
    life(Kind::Samba).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ns-slapd; tests/run.sh runs it"]
async fn the_life_of_an_object_on_389ds() {
    life(Kind::Ds389).await;
}

/// What is hidden stays, on each directory in its own way.
async fn hidden(kind: Kind) {
    let (app, mut server) = (TestApp::start().await, Server::start(kind).await);
    server.grow(&["ou=People", "ou=Groups"]).await;
    for name in ["p1", "p2", "p3", "p4"] {
        add_person(&server, name).await;
    }
    let imports = imports(&app, &server).await;
    imports.run().await.is([4, 0, 0]);
    server.hide("cn=p2,ou=People").await;
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 0, 0], "{}", ended.shown());
    server.unhide("cn=p2,ou=People").await;
    imports.again_is_nothing().await;
    server.hide_tree("ou=People").await;
    // Where only the list of children is refused, the view is complete as far as one can tell, and the word counts.
    let queries: &[&str] = if kind == Kind::Samba { &[""] } else { &["", "?acceptRemovals=true"] };
    for query in queries {
        let ended = imports.run_with(imports.profile, query).await;
        assert_eq!(ended.counts(), [0, 0, 0], "{query}: {}", ended.shown());
        assert_ne!(ended.status(), "Complete", "{query}: {}", ended.shown());
    }
    server.unhide("ou=People").await;
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn what_is_hidden_stays_on_openldap() {
    hidden(Kind::OpenLdap).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs samba and root; tests/run.sh runs it"]
async fn what_is_hidden_stays_on_samba() {
    hidden(Kind::Samba).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ns-slapd; tests/run.sh runs it"]
async fn what_is_hidden_stays_on_389ds() {
    hidden(Kind::Ds389).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs samba and root; tests/run.sh runs it"]
async fn a_group_beyond_a_range_is_read_whole_on_samba() {
    let (app, server) = (TestApp::start().await, Server::start(Kind::Samba).await);
    server.grow(&["ou=People", "ou=Groups"]).await;
    let dns: Vec<String> = (1..=1_501).map(|n| server.dn(&format!("cn=m{n},ou=People"))).collect();
    let entry = |dn: &String| (dn.clone(), vec![("objectClass", vec!["contact"]), ("sn", vec!["M"])]);
    server.administrator().add_all(&dns.iter().map(entry).collect::<Vec<_>>()).await;
    for (name, count) in [("below", 1_499), ("at", 1_500), ("beyond", 1_501)] {
        let members: Vec<&str> = dns.iter().take(count).map(String::as_str).collect();
        server.add(&format!("cn={name},ou=Groups"), &[("objectClass", &["group"]), ("member", &members)]).await;
    }
    let imports = imports(&app, &server).await;
    imports.run().await.is([1_504, 0, 0]);
    for (name, count) in [("below", 1_499), ("at", 1_500), ("beyond", 1_501)] {
        let group = imports.object(&server.dn(&format!("cn={name},ou=Groups"))).await;
        let path = format!("connector-space/{}/attributes/member/values", group["id"].as_str().expect("a GUID"));
        assert_eq!(imports.get(&path).await["totalCount"], json!(count), "{name}");
    }
    assert_eq!(imports.get("connector-space/unresolved-references/count").await, 0);
    imports.again_is_nothing().await;
    server.delete("cn=m1501,ou=People").await;
    let ended = imports.run().await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (0, 1), "{}", ended.shown());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs samba and root; tests/run.sh runs it"]
async fn values_of_a_user_on_samba() {
    let (app, server) = (TestApp::start().await, Server::start(Kind::Samba).await);
    server.grow(&["ou=People"]).await;
    for (name, expires) in [("never", "9223372036854775807"), ("unset", "0"), ("dated", "133000000000000000")] {
        let values: [(&str, &[&str]); 4] = [
            ("objectClass", &["user"]),
            ("sAMAccountName", &[name]),
            ("accountExpires", &[expires]),
            ("description", &["text"]),
        ];
        server.add(&format!("cn={name},ou=People"), &values).await;
    }
    let user: (&str, &[&str]) = (
        "user",
        &[
            "sAMAccountName",
            "accountExpires",
            "userAccountControl",
            "objectSid",
            "whenCreated",
            "description",
            "memberOf",
        ],
    );
    let imports = Imports::at(&app, &server.settings(), &[user], &[&server.dn("ou=People")]).await;
    imports.run().await.is([3, 0, 0]);
    for (name, expires) in [("never", &[][..]), ("unset", &[]), ("dated", &["133000000000000000"])] {
        let dn = server.dn(&format!("cn={name},ou=People"));
        let object = imports.object(&dn).await;
        assert_eq!(texts(&object, "accountExpires"), expires, "{name}: {object}");
        let read = async |attribute: &str| server.administrator().values(&dn, attribute, Vec::new()).await.remove(0);
        let text = async |attribute: &str| String::from_utf8_lossy(&read(attribute).await).into_owned();
        for attribute in ["sAMAccountName", "userAccountControl"] {
            assert_eq!(texts(&object, attribute), [text(attribute).await], "{object}");
        }
        assert_eq!(texts(&object, "objectSid"), [STANDARD.encode(read("objectSid").await)]);
        let guid: [u8; 16] = read("objectGUID").await.try_into().expect("16 bytes");
        assert_eq!(object["externalId"], uuid::Uuid::from_bytes_le(guid).to_string());
        let (shown, held) = (texts(&object, "whenCreated").concat(), text("whenCreated").await);
        let digits: String = shown.chars().filter(char::is_ascii_digit).take(14).collect();
        assert_eq!(digits, held[..14], "{shown}");
    }
    imports.again_is_nothing().await;
}
