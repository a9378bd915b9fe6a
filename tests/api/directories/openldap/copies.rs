//! A suffix or subtree that was copied with its immutable ids, as `slapcat` and `slapadd` copy it.

use serde_json::json;

use super::{add, changes, stored, system};
use crate::support::case::{import, told, warnings};
use crate::support::slapd::{SUFFIX, Slapd};
use crate::support::{SYSTEMS, TestApp};

const STAGE: &str = "dc=stage";
const TREE: [&str; 3] = ["ou=A,dc=example,dc=com", "ou=A1,ou=A,dc=example,dc=com", "ou=B,dc=example,dc=com"];

/// The units of [`TREE`] under another name, with their ids, as LDIF.
async fn copied(slapd: &Slapd, under: &str, root: &str) -> std::path::PathBuf {
    let mut ldif = root.to_owned();
    for dn in TREE {
        let id = slapd.values(dn, "entryUUID").await.remove(0);
        let dn = dn.replace(SUFFIX, under);
        ldif += &format!("dn: {dn}\nobjectClass: organizationalUnit\nentryUUID: {id}\n\n");
    }
    let file = slapd.folder().join(format!("{under}.ldif"));
    std::fs::write(&file, ldif).expect("a file");
    file
}

/// All of the suffix under the name [`STAGE`].
async fn copied_suffix(slapd: &Slapd) -> std::path::PathBuf {
    let id = slapd.values(SUFFIX, "entryUUID").await.remove(0);
    copied(slapd, STAGE, &format!("dn: {STAGE}\nobjectClass: domain\ndc: stage\nentryUUID: {id}\n\n")).await
}

async fn imported(app: &TestApp, slapd: &Slapd) -> i64 {
    add(slapd, &TREE).await;
    let id = system(app, slapd).await;
    changes(app, id, "").await;
    for dn in TREE {
        app.select(id, dn).await;
    }
    id
}

fn named(text: &str, times: usize, dns: &[String]) {
    let expected = format!("is that of {times} entries and identifies none of them; they are matched by name: ");
    for dn in dns {
        assert!(text.lines().any(|line| line.contains(&expected) && line.contains(dn.as_str())), "{dn}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_suffix_copied_with_its_ids_leaves_the_original_alone() {
    let (app, mut slapd) = (TestApp::start().await, Slapd::start());
    let id = imported(&app, &slapd).await;
    let before = stored(&app, id).await;
    let copy = copied_suffix(&slapd).await;
    slapd.restart(|setup| {
        (setup.extra_suffix, setup.extra_empty) = (Some(STAGE.to_owned()), true);
        setup.ldif.push(copy);
    });

    let probe = format!("{SYSTEMS}/{id}/test-connection");
    let tested = app.admin().post(&probe, &json!({})).await.expect_status(200);
    assert_eq!(tested["success"], true, "{tested}");
    let result = import(&app, id, "").await;
    assert_eq!(told(&result), ["!+ dc=stage", "+ ou=A,dc=stage", "+ ou=B,dc=stage", "+ ou=A1,ou=A,dc=stage"]);
    let both: Vec<String> = TREE.iter().map(|dn| format!("{dn}; {}", dn.replace(SUFFIX, STAGE))).collect();
    named(&warnings(&result), 2, &both);
    assert!(
        warnings(&result).contains(&format!("{STAGE}; {SUFFIX}"))
            || warnings(&result).contains(&format!("{SUFFIX}; {STAGE}"))
    );
    let with_copy = stored(&app, id).await;
    assert!(before.iter().all(|line| with_copy.contains(line)), "{with_copy:?}");
    assert_eq!(told(&import(&app, id, "").await), [""; 0]);

    // The original cannot be read for a while: nothing of it goes to the copy.
    slapd.restart_hiding(&[SUFFIX]);
    let result = import(&app, id, "").await;
    assert_eq!(told(&result), [""; 0], "{result}");
    assert!(warnings(&result).contains("this partition stays as it was"), "{result}");
    assert_eq!(stored(&app, id).await, with_copy);
    slapd.restart_hiding(&[]);
    assert_eq!(told(&import(&app, id, "").await), [""; 0]);

    // The copy goes again.
    slapd.restart_without_suffix();
    let gone = told(&import(&app, id, "").await);
    assert!(gone.iter().all(|line| line.contains("dc=stage") && line.contains('-')), "{gone:?}");
    assert_eq!(stored(&app, id).await, before);
    assert_eq!(told(&import(&app, id, "").await), [""; 0]);
}

/// Selections wait at the original until it can be read: the copy alone is new.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn an_original_that_cannot_be_read_is_not_renamed_to_its_copy() {
    let (app, mut slapd) = (TestApp::start().await, Slapd::start());
    let id = imported(&app, &slapd).await;
    let before = stored(&app, id).await;
    let copy = copied_suffix(&slapd).await;
    slapd.restart(|setup| {
        (setup.extra_suffix, setup.extra_empty) = (Some(STAGE.to_owned()), true);
        setup.ldif.push(copy);
        setup.hidden = vec![SUFFIX.to_owned()];
    });
    let result = import(&app, id, "").await;
    assert_eq!(told(&result), ["!+ dc=stage", "+ ou=A,dc=stage", "+ ou=B,dc=stage", "+ ou=A1,ou=A,dc=stage"]);
    let now = stored(&app, id).await;
    assert!(before.iter().all(|line| now.contains(line)), "{now:?}");
    slapd.restart_hiding(&[]);
    assert_eq!(told(&import(&app, id, "").await), [""; 0]);
    assert_eq!(stored(&app, id).await, now);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_subtree_copied_inside_its_suffix_hides_nothing() {
    let (app, mut slapd) = (TestApp::start().await, Slapd::start());
    let id = imported(&app, &slapd).await;
    add(&slapd, &["ou=Copy,dc=example,dc=com"]).await;
    let copy = copied(&slapd, "ou=Copy,dc=example,dc=com", "").await;
    slapd.restart(|setup| setup.ldif.push(copy));
    let result = import(&app, id, "").await;
    let new = ["+ ou=Copy,@", "+ ou=A,ou=Copy,@", "+ ou=B,ou=Copy,@", "+ ou=A1,ou=A,ou=Copy,@"];
    assert_eq!(told(&result), new.map(|line| line.replace('@', SUFFIX)));
    named(&warnings(&result), 2, &TREE.map(str::to_owned));
    // The original of one goes: its copy is no move of it.
    slapd.delete("ou=B,dc=example,dc=com").await;
    assert_eq!(changes(&app, id, "").await, ["- ou=B,dc=example,dc=com *"]);
    assert!(stored(&app, id).await.contains(&"  ou=B,ou=Copy,dc=example,dc=com".to_owned()));
}
