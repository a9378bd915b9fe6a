//! Objects that were not seen: gone, elsewhere, or hidden.

use super::faults::{done, fake};
use super::*;
use crate::connectors::ldap::sample::{entry, message};
use crate::connectors::ldap::session::tests::fake::send;
use crate::sandbox::Hidden;

/// Objects as they are stored while the directory is as it was.
fn stored(sandbox: &Sandbox, dns: &[&str], with_id: bool) -> Vec<MissingObject> {
    let object = |(dn, object): (&&str, i64)| MissingObject {
        object,
        partition: Some(1),
        dn: Some((*dn).into()),
        own: id_of(sandbox, dn).filter(|_| with_id).map(|id| id.value),
    };
    dns.iter().zip(1..).map(object).collect()
}

const ALL: [&str; 5] =
    ["uid=1,ou=a,dc=x", "uid=2,ou=a,dc=x", "uid=3,ou=c,ou=a,dc=x", "uid=4,ou=d,ou=a,dc=x", "uid=5,ou=b,dc=x"];

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_proved_to_be_gone_is_gone() {
    use Absence::{Gone, InScope, OutOfScope, Unprovable};
    for with_id in [true, false] {
        let sandbox = company().await;
        let scope = scope(part_of(&sandbox), people(if with_id { "entryUUID" } else { "uid" }));
        let mut missing = stored(&sandbox, &ALL, with_id);
        {
            let mut tree = sandbox.directory().tree();
            tree.remove(ALL[0], false).expect("removed");
            tree.hide(ALL[1], Hidden::Alone).expect("hidden");
            tree.rename(ALL[2], "uid=3", true, Some("ou=b,dc=x")).expect("moved");
        }
        missing.push(MissingObject { object: 6, partition: Some(1), dn: None, own: None });
        missing.push(MissingObject { object: 7, partition: Some(9), dn: Some(ALL[0].into()), own: None });
        let found = look_up(&access_to(&sandbox), &scope, &missing).await.expect("answers");
        // Without an id an object that moved is not known again.
        let moved = if with_id { OutOfScope } else { Gone };
        assert_eq!(found, [Gone, Unprovable, moved, OutOfScope, OutOfScope, Unprovable, Unprovable]);
        let still = look_up(&access_to(&sandbox), &scope, &stored(&sandbox, &ALL[4..], with_id)).await;
        assert_eq!(still.expect("answers"), [OutOfScope]);
        sandbox.directory().tree().rename(ALL[4], "uid=5", true, Some("ou=a,dc=x")).expect("moved");
        let back = stored(&sandbox, &["uid=5,ou=a,dc=x"], with_id);
        assert_eq!(look_up(&access_to(&sandbox), &scope, &back).await.expect("answers"), [InScope]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recreated_entry_is_not_the_object_that_was_stored() {
    let sandbox = company().await;
    let scope = scope(part_of(&sandbox), people("entryUUID"));
    let missing = stored(&sandbox, &ALL[..1], true);
    let class = ("objectClass".to_owned(), vec![b"inetOrgPerson".to_vec()]);
    sandbox.directory().tree().remove(ALL[0], false).expect("removed");
    sandbox.directory().tree().add(ALL[0], vec![class]).expect("added");
    assert_eq!(look_up(&access_to(&sandbox), &scope, &missing).await.expect("answers"), [Absence::Gone]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_type_leaves_the_scope_and_a_renamed_container_does_not() {
    let sandbox = company().await;
    let mut scope = scope(part_of(&sandbox), people("entryUUID"));
    let missing = stored(&sandbox, &ALL[..3], true);
    sandbox.directory().tree().rename("ou=a,dc=x", "ou=A2", true, None).expect("renamed");
    sandbox.directory().tree().remove("uid=3,ou=c,ou=A2,dc=x", false).expect("removed");
    let found = look_up(&access_to(&sandbox), &scope, &missing).await.expect("answers");
    assert_eq!(found, [Absence::InScope, Absence::InScope, Absence::Gone]);
    scope.types = vec![object_type(2, "organizationalUnit", &["ou"])];
    let found = look_up(&access_to(&sandbox), &scope, &missing).await.expect("answers");
    assert_eq!(found, [Absence::OutOfScope, Absence::OutOfScope, Absence::Gone]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_proved_below_a_container_that_was_not_found() {
    let sandbox = company().await;
    let scope = scope(part_of(&sandbox), people("entryUUID"));
    let missing = stored(&sandbox, &ALL[3..4], true);
    sandbox.directory().tree().remove("ou=d,ou=a,dc=x", true).expect("removed");
    assert_eq!(look_up(&access_to(&sandbox), &scope, &missing).await.expect("answers"), [Absence::Unprovable]);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_active_directory_are_looked_up_by_their_guid() {
    let guid = |byte: u8| [byte; 16];
    let fake = fake(true, |request, _| {
        let text = String::from_utf8_lossy(request.frame).into_owned();
        let class: &[&str] = &["top", "person", "inetOrgPerson"];
        match text.split_once("<GUID=").and_then(|(_, rest)| rest.chars().next()) {
            Some('1') => {
                let found = entry("CN=moved,OU=z,DC=X", &[("objectClass", class)]);
                vec![send(message(request.id, &[found])), done(request.id, 0, b"")]
            }
            Some('2') => {
                let found = entry("CN=away,DC=other", &[("objectClass", class)]);
                vec![send(message(request.id, &[found])), done(request.id, 0, b"")]
            }
            // Neither the object nor the access list of its parent.
            _ => vec![done(request.id, 32, b"")],
        }
    })
    .await;
    let object = |byte: u8| MissingObject {
        object: i64::from(byte),
        partition: Some(1),
        dn: Some("CN=a,DC=x".into()),
        own: Some(guid(byte)),
    };
    let access = access(fake.target().port, "cn=jim", "s3cret");
    let scope = scope(partition("dc=x", &[]), people("objectGUID"));
    let found = look_up(&access, &scope, &[object(0x11), object(0x22), object(0x33)]).await.expect("answers");
    assert_eq!(found, [Absence::InScope, Absence::OutOfScope, Absence::Unprovable]);
}
