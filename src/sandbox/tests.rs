//! The behaviour that an independent client sees.

use super::*;
use ldap3::controls::{ControlType, PagedResults, RawControl};
use ldap3::{Ldap, LdapConnAsync, LdapResult, Mod, Scope, SearchEntry, SearchOptions};
use std::collections::HashSet;

/// A connection that is not bound.
async fn connect(sandbox: &Sandbox) -> Ldap {
    let (connection, ldap) = LdapConnAsync::new(&format!("ldap://{}", sandbox.addr())).await.expect("connection");
    ldap3::drive!(connection);
    ldap
}

/// A bound connection.
async fn bound(sandbox: &Sandbox) -> Ldap {
    let mut ldap = connect(sandbox).await;
    let done = ldap.simple_bind(sandbox.directory().bind_dn(), sandbox.directory().password()).await.expect("answer");
    assert_eq!(done.rc, 0, "{done:?}");
    ldap
}

/// All entries of a search and its result.
async fn find(
    ldap: &mut Ldap,
    base: &str,
    scope: Scope,
    filter: &str,
    attrs: &[&str],
) -> (Vec<SearchEntry>, LdapResult) {
    let found = ldap.search(base, scope, filter, attrs.to_vec()).await.expect("answer");
    (found.0.into_iter().map(SearchEntry::construct).collect(), found.1)
}

/// One page: its DNs, the result, and the next cookie.
async fn page(ldap: &mut Ldap, base: &str, size: i32, cookie: Vec<u8>) -> (Vec<String>, LdapResult, Vec<u8>) {
    let control: RawControl = PagedResults { size, cookie }.into();
    ldap.with_controls(vec![control]);
    let (entries, result) = find(ldap, base, Scope::Subtree, "(objectClass=*)", &["1.1"]).await;
    let next = result.ctrls.iter().find_map(|c| match c.0 {
        Some(ControlType::PagedResults) => Some(c.1.parse::<PagedResults>().cookie),
        _ => None,
    });
    (entries.into_iter().map(|e| e.dn).collect(), result, next.expect("paging control"))
}

/// A small tree.
fn small() -> Tree {
    Tree::new()
        .suffix("dc=x")
        .ou("ou=a,dc=x")
        .ou("ou=b,dc=x")
        .ou("ou=c\\, d,ou=a,dc=x")
        .ou("ou=e,ou=c\\2C d,ou=a,dc=x")
        .empty_suffix("o=empty")
}

async fn start(tree: Tree) -> Sandbox {
    let directory = Directory::new(tree, ACCOUNT, &random_password().expect("random numbers")).expect("a directory");
    Sandbox::start(directory).await.expect("start")
}

async fn started(tree: Tree) -> (Sandbox, Ldap) {
    let sandbox = start(tree).await;
    let ldap = bound(&sandbox).await;
    (sandbox, ldap)
}

fn id_of(sandbox: &Sandbox, dn: &str) -> uuid::Uuid {
    sandbox.directory().tree().id_of(dn).expect("an entry")
}

fn names(entries: &[SearchEntry]) -> Vec<&str> {
    entries.iter().map(|e| e.dn.as_str()).collect()
}

const ALL: &str = "(objectClass=*)";

#[tokio::test]
async fn the_root_dse_is_there_for_all() {
    let sandbox = start(small()).await;
    let mut ldap = connect(&sandbox).await;
    let (root, _) = find(&mut ldap, "", Scope::Base, ALL, &[]).await;
    assert_eq!(root[0].attrs.keys().collect::<Vec<_>>(), ["objectClass"]);
    let (root, _) = find(&mut ldap, "", Scope::Base, ALL, &["+"]).await;
    assert_eq!(root[0].attrs["namingContexts"], ["dc=x", "o=empty"]);
    assert!(root[0].attrs["supportedControl"].contains(&"1.2.840.113556.1.4.319".to_owned()));
    let (root, _) = find(&mut ldap, "", Scope::Base, ALL, &["structuralobjectclass", "subschemaSubentry"]).await;
    assert_eq!(root[0].attrs["structuralObjectClass"], ["OpenLDAProotDSE"]);
    assert_eq!(root[0].attrs.len(), 2);
    let (none, result) = find(&mut ldap, "", Scope::Subtree, ALL, &[]).await;
    assert_eq!((none.len(), result.rc), (0, 32));
    let (_, result) = find(&mut ldap, "dc=x", Scope::Base, ALL, &[]).await;
    assert_eq!((result.rc, result.matched.as_str()), (32, ""));
}

#[tokio::test]
async fn binds_are_checked() {
    let sandbox = start(small()).await;
    let mut ldap = connect(&sandbox).await;
    let (dn, password) = (sandbox.directory().bind_dn(), sandbox.directory().password());
    assert_eq!(password.len(), 32);
    for (dn, password, code) in [
        ("CN=Jim, OU=Service,DC=demo,dc=example", password, 0),
        (dn, "wrong", 49),
        ("cn=other,dc=x", password, 49),
        (dn, "", 53),
        ("", "", 0),
        ("no dn", password, 34),
    ] {
        assert_eq!(ldap.simple_bind(dn, password).await.expect("answer").rc, code, "{dn} {password}");
    }
    let add = ldap.add("ou=n,dc=x", vec![("objectClass", HashSet::from(["organizationalUnit"]))]).await;
    assert_eq!(add.expect("answer").rc, 8);
}

#[tokio::test]
async fn scopes_filters_and_attributes() {
    let (sandbox, mut ldap) = started(small()).await;
    let (all, _) = find(&mut ldap, "dc=x", Scope::Subtree, ALL, &["*"]).await;
    assert_eq!(names(&all), ["dc=x", "ou=a,dc=x", "ou=b,dc=x", "ou=c\\2C d,ou=a,dc=x", "ou=e,ou=c\\2C d,ou=a,dc=x"]);
    assert_eq!(all[3].attrs["ou"], ["c, d"]);
    assert!(!all[3].attrs.contains_key("entryUUID"));
    let (one, _) = find(&mut ldap, "DC=X", Scope::OneLevel, "(ou=*)", &["entryUUID"]).await;
    assert_eq!(names(&one), ["ou=a,dc=x", "ou=b,dc=x"]);
    assert_eq!(one[0].attrs["entryUUID"], [id_of(&sandbox, "ou=a,dc=x").to_string()]);
    let (one, _) = find(&mut ldap, "dc=x", Scope::Subtree, "(&(ou=C, D)(hasSubordinates=TRUE))", &["1.1"]).await;
    assert_eq!(names(&one), ["ou=c\\2C d,ou=a,dc=x"]);
    assert!(one[0].attrs.is_empty());
    ldap.with_search_options(SearchOptions::new().sizelimit(2));
    let (some, result) = find(&mut ldap, "dc=x", Scope::Subtree, ALL, &[]).await;
    assert_eq!((some.len(), result.rc), (2, 4));
}

#[tokio::test]
async fn absent_bases_name_the_nearest_visible_ancestor() {
    let (sandbox, mut ldap) = started(small()).await;
    let tree = || sandbox.directory().tree();
    tree().hide("ou=b,dc=x", Hidden::Alone).expect("hidden");
    tree().add("ou=kid,ou=b,dc=x", Vec::new()).expect("added");
    tree().hide("ou=c\\, d,ou=a,dc=x", Hidden::Subtree).expect("hidden");
    for (base, code, matched) in [
        ("ou=z,ou=y,ou=a,dc=x", 32, "ou=a,dc=x"),
        ("ou=z,dc=x", 32, "dc=x"),
        ("ou=b,dc=x", 32, ""),
        ("ou=z,ou=b,dc=x", 32, ""),
        ("ou=kid,ou=b,dc=x", 0, ""),
        ("ou=z,ou=kid,ou=b,dc=x", 32, "ou=kid,ou=b,dc=x"),
        ("ou=e,ou=c\\, d,ou=a,dc=x", 32, ""),
        ("ou=z,ou=e,ou=c\\, d,ou=a,dc=x", 32, ""),
        ("o=empty", 32, ""),
        ("ou=z,o=empty", 32, ""),
        ("dc=elsewhere", 32, ""),
    ] {
        let (_, result) = find(&mut ldap, base, Scope::Base, ALL, &[]).await;
        assert_eq!((result.rc, result.matched.as_str()), (code, matched), "{base}");
    }
    let (seen, _) = find(&mut ldap, "dc=x", Scope::Subtree, ALL, &[]).await;
    assert_eq!(names(&seen), ["dc=x", "ou=a,dc=x", "ou=kid,ou=b,dc=x"]);
    tree().hide("ou=b,dc=x", Hidden::No).expect("shown");
    assert_eq!(find(&mut ldap, "ou=b,dc=x", Scope::Base, ALL, &[]).await.0.len(), 1);
}

#[tokio::test]
async fn pages_come_to_an_end() {
    let (_sandbox, mut ldap) = started(small()).await;
    let (first, _, cookie) = page(&mut ldap, "dc=x", 2, Vec::new()).await;
    assert_eq!((first.len(), cookie.is_empty()), (2, false));
    let (second, result, cookie) = page(&mut ldap, "dc=x", 2, cookie).await;
    assert_eq!((second.len(), result.rc, cookie.is_empty()), (2, 0, false));
    let (third, result, end) = page(&mut ldap, "dc=x", 2, cookie.clone()).await;
    assert_eq!((third.len(), result.rc, end.is_empty()), (1, 0, true));
    let control: RawControl = PagedResults { size: 2, cookie }.into();
    ldap.with_controls(vec![control]);
    assert_eq!(find(&mut ldap, "dc=x", Scope::Subtree, ALL, &[]).await.1.rc, 53);
    let (whole, result, cookie) = page(&mut ldap, "ou=a,dc=x", 3, Vec::new()).await;
    assert_eq!((whole.len(), result.rc, cookie.is_empty()), (3, 0, true));
    let critical = RawControl { ctype: "1.2.3".to_owned(), crit: true, val: None };
    ldap.with_controls(vec![critical]);
    assert_eq!(find(&mut ldap, "dc=x", Scope::Subtree, ALL, &[]).await.1.rc, 12);
}

#[tokio::test]
async fn edits_follow_the_rules() {
    let (sandbox, mut ldap) = started(small()).await;
    let tree = || sandbox.directory().tree();
    let unit = || vec![("objectClass", HashSet::from(["organizationalUnit"])), ("ou", HashSet::from(["n"]))];
    assert_eq!(ldap.add("ou=n,ou=b,dc=x", unit()).await.expect("answer").rc, 0);
    assert_eq!(ldap.add("OU=N,ou=b,dc=x", unit()).await.expect("answer").rc, 68);
    let lost = ldap.add("ou=n,ou=lost,ou=a,dc=x", unit()).await.expect("answer");
    assert_eq!((lost.rc, lost.matched.as_str()), (32, "ou=a,dc=x"));
    assert_eq!(ldap.delete("ou=a,dc=x").await.expect("answer").rc, 66);
    let id = id_of(&sandbox, "ou=e,ou=c\\, d,ou=a,dc=x");
    let into_itself = ldap.modifydn("ou=a,dc=x", "ou=a", true, Some("ou=c\\, d,ou=a,dc=x")).await.expect("answer");
    assert_eq!(into_itself.rc, 53);
    let moved = ldap.modifydn("ou=c\\, d,ou=a,dc=x", "ou=Moved", true, Some("ou=n,ou=b,dc=x")).await.expect("answer");
    assert_eq!(moved.rc, 0);
    assert_eq!(id_of(&sandbox, "ou=e,ou=moved,ou=n,ou=b,dc=x"), id);
    let (all, _) = find(&mut ldap, "ou=b,dc=x", Scope::Subtree, ALL, &["ou"]).await;
    let path = "ou=Moved,ou=n,ou=b,dc=x";
    assert_eq!(names(&all), ["ou=b,dc=x", "ou=n,ou=b,dc=x", path, &format!("ou=e,{path}")]);
    assert_eq!(all[2].attrs["ou"], ["Moved"]);
    assert_eq!(ldap.modifydn("ou=a,dc=x", "ou=b", true, None).await.expect("answer").rc, 68);
    for (change, code) in [
        (Mod::Replace("description", HashSet::from(["first"])), 0),
        (Mod::Add("description", HashSet::from(["FIRST"])), 20),
        (Mod::Delete("mail", HashSet::new()), 16),
        (Mod::Replace("ou", HashSet::from(["other"])), 67),
        (Mod::Delete("description", HashSet::from(["first"])), 0),
    ] {
        assert_eq!(ldap.modify("ou=a,dc=x", vec![change]).await.expect("answer").rc, code);
    }
    assert_eq!(ldap.compare("ou=a,dc=x", "ou", "A").await.expect("answer").0.rc, 6);
    assert_eq!(ldap.delete("ou=a,dc=x").await.expect("answer").rc, 0);
    tree().add("ou=a,dc=x", Vec::new()).expect("added");
    let again = id_of(&sandbox, "ou=a,dc=x");
    tree().remove("ou=a,dc=x", true).expect("removed");
    tree().add("ou=a,dc=x", Vec::new()).expect("added");
    assert_ne!(id_of(&sandbox, "ou=a,dc=x"), again);
    tree().remove("dc=x", true).expect("removed");
    assert_eq!(find(&mut ldap, "dc=x", Scope::Base, ALL, &[]).await.1.rc, 32);
    tree().add("dc=x", Vec::new()).expect("added");
    tree().remove_suffix("o=empty").expect("removed");
    tree().add_suffix("o=other").expect("added");
    let (root, _) = find(&mut ldap, "", Scope::Base, ALL, &["namingContexts"]).await;
    assert_eq!(root[0].attrs["namingContexts"], ["dc=x", "o=other"]);
}

#[tokio::test]
async fn a_great_tree_is_served() {
    let mut tree = Tree::new().suffix("dc=x");
    for parent in 0..100 {
        tree = tree.ou(&format!("ou=p{parent},dc=x"));
        for child in 0..100 {
            tree = tree.ou(&format!("ou=c{child},ou=p{parent},dc=x"));
        }
    }
    let (_sandbox, mut ldap) = started(tree).await;
    let (mut seen, mut cookie, mut total) = (HashSet::from([String::new()]), Vec::new(), 0);
    loop {
        let (dns, result, next) = page(&mut ldap, "dc=x", 500, cookie).await;
        assert_eq!(result.rc, 0);
        for dn in dns {
            total += 1;
            let parent = dn.split_once(',').map(|(_, p)| p.to_owned()).unwrap_or_default();
            assert!(seen.contains(&parent), "{dn} came before its parent");
            seen.insert(dn);
        }
        cookie = next;
        if cookie.is_empty() {
            break;
        }
    }
    assert_eq!(total, 10_101);
}

#[tokio::test]
async fn a_stopped_sandbox_is_gone() {
    let (sandbox, mut ldap) = started(small()).await;
    let addr = sandbox.addr();
    sandbox.stop().await;
    assert!(ldap.search("dc=x", Scope::Base, ALL, vec!["1.1"]).await.is_err());
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    TcpListener::bind(addr).await.expect("the port is free");
    let wrong = Directory::new(Tree::new().ou("ou=a,dc=x"), ACCOUNT, "x");
    assert_eq!(wrong.err().map(|e| e.kind()), Some(std::io::ErrorKind::InvalidInput));
}

#[tokio::test]
async fn the_schema_is_read_by_name() {
    let sandbox = start(small()).await;
    let mut ldap = connect(&sandbox).await;
    let (entry, result) = find(&mut ldap, "cn=Subschema", Scope::Base, "(objectClass=subschema)", &[]).await;
    let names: HashSet<&str> = entry[0].attrs.keys().map(String::as_str).collect();
    assert_eq!((entry[0].dn.as_str(), result.rc, names), ("cn=Subschema", 0, HashSet::from(["objectClass", "cn"])));
    let asked = ["objectclasses", "attributeTypes", "dITContentRules"];
    let (entry, _) = find(&mut ldap, "CN=subschema", Scope::Base, "(objectClass=subschema)", &asked).await;
    let names: HashSet<&str> = entry[0].attrs.keys().map(String::as_str).collect();
    assert_eq!(names, HashSet::from(["objectClasses", "attributeTypes"]));
    let person = entry[0].attrs["objectClasses"].iter().find(|c| c.contains("'person'")).expect("person");
    assert!(person.starts_with("( 2.5.6.6 NAME 'person' DESC '"), "{person}");
    let end = "' SUP top STRUCTURAL MUST ( sn $ cn ) MAY ( userPassword $ telephoneNumber $ seeAlso $ description ) )";
    assert!(person.ends_with(end), "{person}");
    let (entry, _) = find(&mut ldap, "cn=Subschema", Scope::Base, "(objectClass=subschema)", &["+"]).await;
    assert_eq!(entry[0].attrs["subschemaSubentry"], ["cn=Subschema"]);
    assert!(entry[0].attrs.contains_key("ldapSyntaxes"));
    assert!(!entry[0].attrs.contains_key("cn"));
    let (none, result) = find(&mut ldap, "cn=Subschema", Scope::Base, "(objectClass=person)", &["+"]).await;
    assert_eq!((none.len(), result.rc), (0, 0));
    let (none, result) = find(&mut ldap, "cn=Subschema", Scope::Subtree, "(objectClass=subschema)", &["+"]).await;
    assert_eq!((none.len(), result.rc), (0, 32));

    let own = |text: &str| vec![text.to_owned()];
    sandbox.directory().set_schema(Schema {
        classes: own("( broken"),
        rules: own("( 1.2.3 AUX x )"),
        ..Schema::default()
    });
    let (entry, _) = find(&mut ldap, "cn=Subschema", Scope::Base, "(objectClass=subschema)", &asked).await;
    assert_eq!((entry[0].attrs.len(), &entry[0].attrs["objectClasses"]), (2, &own("( broken")));
    assert_eq!(entry[0].attrs["dITContentRules"], ["( 1.2.3 AUX x )"]);
    sandbox.directory().set_schema(Schema::sample());
    let (entry, _) = find(&mut ldap, "cn=Subschema", Scope::Base, "(objectClass=subschema)", &asked).await;
    assert_eq!(entry[0].attrs["objectClasses"].len(), 31);
}

fn tree_with_a_group() -> Tree {
    let tree = Tree::new().suffix("dc=x").ou("ou=A,dc=x").ou("ou=B,dc=x").ou("ou=AA,dc=x");
    tree.entry("cn=p,ou=A,dc=x", &[]).entry("cn=g,dc=x", &[("member", &["CN=P, ou=a,dc=x", "cn=q,ou=AA,dc=x"])])
}

fn members(tree: &Tree) -> Vec<String> {
    let id = tree.find("cn=g,dc=x").expect("the group");
    let values = tree.entries[&id].values("member").expect("members");
    values.iter().map(|v| String::from_utf8_lossy(v).into_owned()).collect()
}

#[test]
fn references_follow_a_rename_and_a_move_from_above() {
    let mut tree = tree_with_a_group().with_refint();
    tree.rename("cn=p,ou=A,dc=x", "cn=r", true, None).expect("renamed");
    assert_eq!(members(&tree), ["cn=r,ou=A,dc=x", "cn=q,ou=AA,dc=x"]);
    tree.rename("ou=A,dc=x", "ou=A", true, Some("ou=B,dc=x")).expect("moved");
    assert_eq!(members(&tree), ["cn=r,ou=A,ou=B,dc=x", "cn=q,ou=AA,dc=x"]);
}

#[test]
fn references_stay_without_it() {
    let mut tree = tree_with_a_group();
    tree.rename("cn=p,ou=A,dc=x", "cn=r", true, None).expect("renamed");
    assert_eq!(members(&tree), ["CN=P, ou=a,dc=x", "cn=q,ou=AA,dc=x"]);
}
