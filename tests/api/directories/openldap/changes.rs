//! What changed in the directory is what is reported and stored, and selections follow the entries.

use super::{add, changes, stored, system};
use crate::support::case::{import, told, warnings};
use crate::support::slapd::{PARTNERS, SUFFIX, Slapd};
use crate::support::{TestApp, containers};

/// Short for the usual suffix.
fn dn(rdns: &str) -> String {
    format!("{rdns},{SUFFIX}")
}

const TREE: [&str; 6] = ["ou=A", "ou=A1,ou=A", "ou=A2,ou=A", "ou=deep,ou=A1,ou=A", "ou=B", "ou=B1,ou=B"];

/// Lines of this module, where `@` stands for the usual suffix.
fn lines(short: &[&str]) -> Vec<String> {
    short.iter().map(|l| l.replace('@', SUFFIX)).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn every_change_is_reported_and_stored() {
    let (app, slapd) = (TestApp::start().await, Slapd::start());
    add(&slapd, &TREE.map(dn).each_ref().map(String::as_str)).await;
    add(&slapd, &["ou=P,o=partners"]).await;
    let id = system(&app, &slapd).await;
    let first = lines(&[
        "!+ @",
        "!+ o=partners",
        "+ ou=P,o=partners",
        "+ ou=A,@",
        "+ ou=B,@",
        "+ ou=A1,ou=A,@",
        "+ ou=A2,ou=A,@",
        "+ ou=B1,ou=B,@",
        "+ ou=deep,ou=A1,ou=A,@",
    ]);
    assert_eq!(changes(&app, id, "").await, first);
    for rdns in ["ou=A", "ou=deep,ou=A1,ou=A", "ou=B1,ou=B"] {
        app.select(id, &dn(rdns)).await;
    }

    slapd.rename(&dn("ou=A"), "ou=New", None).await;
    assert_eq!(changes(&app, id, "").await, lines(&["~ ou=New,@: A to New *"]));
    slapd.rename(&dn("ou=New"), "ou=NEW", None).await;
    assert_eq!(changes(&app, id, "").await, lines(&["~ ou=NEW,@: New to NEW *"]));
    slapd.rename(&dn("ou=A2,ou=NEW"), "ou=A2", Some(&dn("ou=B"))).await;
    assert_eq!(changes(&app, id, "").await, lines(&["> ou=A2,ou=B,@: ou=NEW,@ to ou=B,@ *"]));
    slapd.rename(&dn("ou=B1,ou=B"), "ou=C1", Some(SUFFIX)).await;
    let both = ["~ ou=C1,@: B1 to C1 *", "> ou=C1,@: ou=B,@ to root *"];
    assert_eq!(changes(&app, id, "").await, lines(&both));
    slapd.rename(&dn("ou=C1"), "ou=tmp", None).await;
    slapd.rename(&dn("ou=B"), "ou=C1", None).await;
    slapd.rename(&dn("ou=tmp"), "ou=B", None).await;
    assert_eq!(changes(&app, id, "").await, lines(&["~ ou=B,@: C1 to B *", "~ ou=C1,@: B to C1"]));
    slapd.rename(&dn("ou=A1,ou=NEW"), "ou=A1", Some(&dn("ou=C1"))).await;
    slapd.rename(&dn("ou=A2,ou=C1"), "ou=A2", Some(&dn("ou=NEW"))).await;
    let swapped = ["> ou=A1,ou=C1,@: ou=NEW,@ to ou=C1,@ *", "> ou=A2,ou=NEW,@: ou=C1,@ to ou=NEW,@"];
    assert_eq!(changes(&app, id, "").await, lines(&swapped));
    let now = [
        "@",
        " ou=B,@ *",
        " ou=C1,@",
        "  ou=A1,ou=C1,@",
        "   ou=deep,ou=A1,ou=C1,@ *",
        " ou=NEW,@ *",
        "  ou=A2,ou=NEW,@ *",
        "o=partners",
        " ou=P,o=partners",
    ];
    assert_eq!(stored(&app, id).await, lines(&now));

    slapd.delete(&dn("ou=A2,ou=NEW")).await;
    slapd.delete(&dn("ou=NEW")).await;
    add(&slapd, &[&dn("ou=NEW")]).await;
    let result = import(&app, id, "").await;
    assert_eq!(told(&result), lines(&["+ ou=NEW,@", "- ou=NEW,@ *", "- ou=A2,ou=NEW,@ *"]));
    assert!(warnings(&result).contains("recreated"), "{result}");
    slapd.delete(&dn("ou=B")).await;
    assert_eq!(changes(&app, id, "").await, lines(&["- ou=B,@ *"]));
    for rdns in ["ou=deep,ou=A1,ou=C1", "ou=A1,ou=C1", "ou=C1"] {
        slapd.delete(&dn(rdns)).await;
    }
    let subtree = ["- ou=C1,@", "- ou=A1,ou=C1,@", "- ou=deep,ou=A1,ou=C1,@ *"];
    assert_eq!(changes(&app, id, "").await, lines(&subtree));
    assert_eq!(stored(&app, id).await, lines(&["@", " ou=NEW,@", "o=partners", " ou=P,o=partners"]));

    slapd.set(&dn("ou=NEW"), "description", &["Größe"]).await;
    assert_eq!(changes(&app, id, "").await, [""; 0]);
    assert_eq!(app.container(id, &dn("ou=NEW")).await.expect("stored")["description"], "Größe");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_naming_context_comes_and_goes() {
    let (app, mut slapd) = (TestApp::start().await, Slapd::start());
    add(&slapd, &[&dn("ou=A")]).await;
    let id = system(&app, &slapd).await;
    changes(&app, id, "").await;
    app.select(id, &dn("ou=A")).await;
    slapd.restart_with_suffix("dc=third");
    add(&slapd, &["ou=T,dc=third", "ou=U,ou=T,dc=third"]).await;
    assert_eq!(changes(&app, id, "").await, ["!+ dc=third", "+ ou=T,dc=third", "+ ou=U,ou=T,dc=third"]);
    app.select(id, "ou=U,ou=T,dc=third").await;
    slapd.restart_without_suffix();
    assert_eq!(changes(&app, id, "").await, ["!- dc=third", "- ou=T,dc=third", "- ou=U,ou=T,dc=third *"]);
    assert_eq!(stored(&app, id).await, lines(&["@", " ou=A,@ *", PARTNERS]));
    // A naming context without any entry is listed, and that is enough.
    slapd.restart(|setup| (setup.extra_suffix, setup.extra_empty) = (Some("dc=void".to_owned()), true));
    let result = import(&app, id, "").await;
    assert_eq!(told(&result), ["!+ dc=void"]);
    assert!(warnings(&result).contains("dc=void: root entry not found or not readable"), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn names_of_every_kind_and_sixty_levels() {
    let (app, slapd) = (TestApp::start().await, Slapd::start());
    let rows = [
        (r"Sales\, EMEA", "Sales, EMEA"),
        (r"R\+D", "R+D"),
        (r#"\"quoted\""#, "\"quoted\""),
        (r"\#1", "#1"),
        (r"a\\b", r"a\b"),
        (r"\<x\>\;\=", "<x>;="),
        (r"\ lead", " lead"),
        (r"trail\ ", "trail "),
        ("Zürich", "Zürich"),
        ("人事部", "人事部"),
        ("الموارد", "الموارد"),
        ("🙂", "🙂"),
        ("*()", "*()"),
    ];
    for (escaped, name) in rows {
        slapd.add(&dn(&format!("ou={escaped}")), &[("objectClass", &["organizationalUnit"]), ("ou", &[name])]).await;
    }
    let classes: (&str, &[&str]) = ("objectClass", &["organizationalUnit"]);
    slapd.add(&dn("ou=A+l=B"), &[classes, ("ou", &["A"]), ("l", &["B"])]).await;
    let mut deep = SUFFIX.to_owned();
    for level in 0..60 {
        deep = format!("ou=l{level},{deep}");
        slapd.add_ou(&deep).await;
    }
    let id = system(&app, &slapd).await;
    changes(&app, id, "").await;
    let partitions = app.partitions(id).await;
    let all = containers(&partitions);
    let mut shown: Vec<&str> = all.iter().map(|c| c["name"].as_str().expect("a name")).collect();
    shown.retain(|name| name.strip_prefix('l').is_none_or(|n| n.parse::<u8>().is_err()));
    let mut expected: Vec<&str> = rows.iter().map(|(_, name)| *name).chain(["B+A"]).collect();
    // What the server keeps of a name is what is shown.
    shown.sort_unstable();
    expected.sort_unstable();
    assert_eq!(shown, expected);
    assert_eq!(all.len(), rows.len() + 1 + 60);
    let listed = slapd.search(SUFFIX, "(objectClass=organizationalUnit)").await;
    let mut stored_dns: Vec<&str> = all.iter().map(|c| c["externalId"].as_str().expect("a DN")).collect();
    let mut listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    stored_dns.sort_unstable();
    listed.sort_unstable();
    assert_eq!(stored_dns, listed, "DNs as the server returns them");
    let lines = stored(&app, id).await;
    assert!(lines.contains(&format!("{}{deep}", " ".repeat(60))), "sixty levels");
    slapd.rename(&dn("ou=l0"), "ou=top", None).await;
    assert_eq!(changes(&app, id, "").await, [format!("~ {}: l0 to top", dn("ou=top"))]);
}
