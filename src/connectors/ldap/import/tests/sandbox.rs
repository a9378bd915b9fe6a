//! Whole readings of a directory that behaves like OpenLDAP.

use super::*;
use crate::domain::connector_space::Region;

const REGION: Region = Region { partition: Some(1) };

fn regions(reading: &Reading) -> Vec<Region> {
    reading.complete.iter().map(|complete| complete.region()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_is_read_completely() {
    let sandbox = Sandbox::start(Directory::sample().expect("directory")).await.expect("sandbox");
    let mut scope = scope(partition("dc=demo,dc=example", &[]), people("entryUUID"));
    scope.page_size = 50;
    let (reading, items) = read_all(access_to(&sandbox), &scope).await;
    let reading = reading.expect("reading");
    assert_eq!((regions(&reading), reading.warnings.len()), (vec![REGION], 0), "{:?}", reading.warnings);
    let people = objects(&items);
    assert!(people.len() > 200 && people.len() == items.len(), "{}", items.len());
    assert!(people.iter().all(|person| person.external_id.own.is_some() && person.values.of(101).len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_in_scope_by_their_nearest_container() {
    let sandbox = company().await;
    let (reading, items) = read_all(access_to(&sandbox), &scope(part_of(&sandbox), people("entryUUID"))).await;
    let reading = reading.expect("reading");
    assert_eq!(names(&items), ["uid=1,ou=a,dc=x", "uid=2,ou=a,dc=x", "uid=3,ou=c,ou=a,dc=x"]);
    assert_eq!((regions(&reading), reading.renamed.len()), (vec![REGION], 0));
    let person = objects(&items)[0];
    assert_eq!(person.references, [(102, vec!["uid=1,ou=a,dc=x".into()])]);
    assert_eq!(person.external_id.own, id_of(&sandbox, person.dn.as_deref().expect("dn")).map(|id| id.value));
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_are_objects_of_themselves() {
    let sandbox = company().await;
    let units = object_type(2, "organizationalUnit", &["ou"]);
    let (_, items) = read_all(access_to(&sandbox), &scope(part_of(&sandbox), units)).await;
    assert_eq!(names(&items), ["ou=a,dc=x", "ou=c,ou=a,dc=x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_container_is_found_by_its_id() {
    let sandbox = company().await;
    let scope = scope(part_of(&sandbox), people("entryUUID"));
    let renamed = |dn: &str, rdn: &str| sandbox.directory().tree().rename(dn, rdn, true, None).expect("renamed");
    renamed("ou=a,dc=x", "ou=A2");
    let (reading, items) = read_all(access_to(&sandbox), &scope).await;
    let reading = reading.expect("reading");
    assert_eq!(names(&items), ["uid=1,ou=A2,dc=x", "uid=2,ou=A2,dc=x", "uid=3,ou=c,ou=A2,dc=x"]);
    assert_eq!(regions(&reading), [REGION]);
    let both = [(1, "ou=A2,dc=x".to_owned()), (4, "ou=d,ou=A2,dc=x".to_owned())];
    assert_eq!(reading.renamed, both);
    assert!(reading.notes.iter().any(|note| note == "ou=a,dc=x is now ou=A2,dc=x"), "{:?}", reading.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_gone_leaves_its_partition_incomplete() {
    let sandbox = company().await;
    let scope = scope(part_of(&sandbox), people("entryUUID"));
    sandbox.directory().tree().remove("ou=d,ou=a,dc=x", true).expect("removed");
    let (reading, items) = read_all(access_to(&sandbox), &scope).await;
    let reading = reading.expect("reading");
    assert_eq!((regions(&reading), items.len()), (vec![], 3));
    let warning = |w: &String| w.contains("1 container not found by its id: ou=d,ou=a,dc=x");
    assert!(reading.warnings.iter().any(warning), "{:?}", reading.warnings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_without_an_id_that_is_gone_is_no_empty_region() {
    let sandbox = company().await;
    let scope = scope(partition("dc=x", &[("+ou=gone,dc=x", None), ("+ou=b,dc=x", None)]), people("uid"));
    let (reading, items) = read_all(access_to(&sandbox), &scope).await;
    let reading = reading.expect("reading");
    assert_eq!((regions(&reading), names(&items)), (vec![], vec!["uid=5,ou=b,dc=x"]));
    assert!(reading.warnings.iter().any(|w| w.starts_with("ou=gone,dc=x: noSuchObject (32)")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_the_reading() {
    let sandbox = company().await;
    let (pages, receiver) = Pages::new(Progress::default());
    drop(receiver);
    let (access, scope) = (access_to(&sandbox), scope(part_of(&sandbox), people("uid")));
    let reading = import(&access, &scope, pages).await.expect("no failure");
    assert!(reading.complete.is_empty() && reading.warnings.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_bind_fails_the_import() {
    let sandbox = company().await;
    let wrong = access(sandbox.addr().port(), sandbox.directory().bind_dn(), "wrong");
    let (reading, items) = read_all(wrong, &scope(part_of(&sandbox), people("uid"))).await;
    assert_eq!(reading.expect_err("failure").reason, "invalidCredentials (49)");
    assert!(items.is_empty());
}
