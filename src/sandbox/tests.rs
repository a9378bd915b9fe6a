//! The ordinary behaviour, seen through an independent client.

use super::*;
pub(super) use ldap3::Scope;
use ldap3::controls::{ControlType, PagedResults, RawControl};
use ldap3::{Ldap, LdapConnAsync, LdapResult, Mod, SearchEntry, SearchOptions};
use std::collections::HashSet;

/// A connection that is not bound.
pub(super) async fn connect(sandbox: &Sandbox) -> Ldap {
    let (connection, ldap) = LdapConnAsync::new(&format!("ldap://{}", sandbox.addr())).await.expect("connection");
    ldap3::drive!(connection);
    ldap
}

/// A bound connection.
pub(super) async fn bound(sandbox: &Sandbox) -> Ldap {
    let mut ldap = connect(sandbox).await;
    let done = ldap.simple_bind(sandbox.bind_dn(), sandbox.password()).await.expect("answer");
    assert_eq!(done.rc, 0, "{done:?}");
    ldap
}

/// All entries of a search and its result.
pub(super) async fn find(
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
pub(super) async fn page(
    ldap: &mut Ldap,
    base: &str,
    size: i32,
    cookie: Vec<u8>,
) -> (Vec<String>, LdapResult, Vec<u8>) {
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
pub(super) fn small() -> Tree {
    Tree::new()
        .suffix("dc=x")
        .ou("ou=a,dc=x")
        .ou("ou=b,dc=x")
        .ou("ou=c\\, d,ou=a,dc=x")
        .ou("ou=e,ou=c\\2C d,ou=a,dc=x")
        .empty_suffix("o=empty")
}

async fn started(tree: Tree) -> (Sandbox, Ldap) {
    let sandbox = Sandbox::start(Options::with_tree(tree)).await.expect("start");
    let ldap = bound(&sandbox).await;
    (sandbox, ldap)
}

fn names(entries: &[SearchEntry]) -> Vec<&str> {
    entries.iter().map(|e| e.dn.as_str()).collect()
}

const ALL: &str = "(objectClass=*)";

#[tokio::test]
async fn the_root_dse_is_there_for_all() {
    let sandbox = Sandbox::start(Options::with_tree(small())).await.expect("start");
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
async fn binds_are_judged_and_counted() {
    let sandbox = Sandbox::start(Options::with_tree(small())).await.expect("start");
    let mut ldap = connect(&sandbox).await;
    let (dn, password) = (sandbox.bind_dn(), sandbox.password());
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
    assert_eq!((sandbox.binds(), sandbox.bind_attempts(), sandbox.connections()), (2, 6, 1));
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
    assert_eq!(one[0].attrs["entryUUID"], [sandbox.id_of("ou=a,dc=x").expect("id")]);
    let (one, _) = find(&mut ldap, "dc=x", Scope::Subtree, "(&(ou=C, D)(hasSubordinates=TRUE))", &["1.1"]).await;
    assert_eq!(names(&one), ["ou=c\\2C d,ou=a,dc=x"]);
    assert!(one[0].attrs.is_empty());
    sandbox.without_ids(true);
    let (one, _) = find(&mut ldap, "ou=a,dc=x", Scope::Base, ALL, &["entryUUID", "ou"]).await;
    assert_eq!(one[0].attrs.keys().collect::<Vec<_>>(), ["ou"]);
    ldap.with_search_options(SearchOptions::new().sizelimit(2));
    let (some, result) = find(&mut ldap, "dc=x", Scope::Subtree, ALL, &[]).await;
    assert_eq!((some.len(), result.rc), (2, 4));
}

#[tokio::test]
async fn absent_bases_name_the_nearest_visible_ancestor() {
    let (sandbox, mut ldap) = started(small()).await;
    sandbox.hide_alone("ou=b,dc=x").expect("hidden");
    sandbox.add_ou("ou=kid,ou=b,dc=x").expect("added");
    sandbox.hide("ou=c\\, d,ou=a,dc=x").expect("hidden");
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
    sandbox.unhide("ou=b,dc=x").expect("shown");
    assert_eq!(find(&mut ldap, "ou=b,dc=x", Scope::Base, ALL, &[]).await.0.len(), 1);
}

#[tokio::test]
async fn pages_come_to_an_end() {
    let mut options = Options::with_tree(small());
    options.size_limit = Some(4);
    let sandbox = Sandbox::start(options).await.expect("start");
    let mut ldap = bound(&sandbox).await;
    let (first, _, cookie) = page(&mut ldap, "dc=x", 2, Vec::new()).await;
    assert_eq!((first.len(), cookie.is_empty()), (2, false));
    let (second, result, cookie) = page(&mut ldap, "dc=x", 2, cookie).await;
    assert_eq!((second.len(), result.rc, cookie.is_empty()), (2, 0, false));
    let (third, result, old) = page(&mut ldap, "dc=x", 2, cookie.clone()).await;
    assert_eq!((third.len(), result.rc, old.is_empty()), (0, 4, true));
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
    let unit = || vec![("objectClass", HashSet::from(["organizationalUnit"])), ("ou", HashSet::from(["n"]))];
    assert_eq!(ldap.add("ou=n,ou=b,dc=x", unit()).await.expect("answer").rc, 0);
    assert_eq!(ldap.add("OU=N,ou=b,dc=x", unit()).await.expect("answer").rc, 68);
    let lost = ldap.add("ou=n,ou=lost,ou=a,dc=x", unit()).await.expect("answer");
    assert_eq!((lost.rc, lost.matched.as_str()), (32, "ou=a,dc=x"));
    assert_eq!(ldap.delete("ou=a,dc=x").await.expect("answer").rc, 66);
    let id = sandbox.id_of("ou=e,ou=c\\, d,ou=a,dc=x").expect("id");
    let into_itself = ldap.modifydn("ou=a,dc=x", "ou=a", true, Some("ou=c\\, d,ou=a,dc=x")).await.expect("answer");
    assert_eq!(into_itself.rc, 53);
    let moved = ldap.modifydn("ou=c\\, d,ou=a,dc=x", "ou=Moved", true, Some("ou=n,ou=b,dc=x")).await.expect("answer");
    assert_eq!(moved.rc, 0);
    assert_eq!(sandbox.id_of("ou=e,ou=moved,ou=n,ou=b,dc=x").expect("id"), id);
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
    sandbox.add_ou("ou=a,dc=x").expect("added");
    let again = sandbox.id_of("ou=a,dc=x").expect("id");
    sandbox.remove("ou=a,dc=x").expect("removed");
    sandbox.add_ou("ou=a,dc=x").expect("added");
    assert_ne!(sandbox.id_of("ou=a,dc=x").expect("id"), again);
    sandbox.remove("dc=x").expect("removed");
    assert_eq!(find(&mut ldap, "dc=x", Scope::Base, ALL, &[]).await.1.rc, 32);
    sandbox.add("dc=x", &[]).expect("added");
    sandbox.remove_suffix("o=empty").expect("removed");
    sandbox.add_suffix("o=other").expect("added");
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
    let mut options = Options::with_tree(small());
    options.listen = addr;
    assert_eq!(Sandbox::start(options).await.expect("same port").addr(), addr);
    let wrong = Options::with_tree(Tree::new().ou("ou=a,dc=x"));
    assert_eq!(Sandbox::start(wrong).await.err().map(|e| e.kind()), Some(std::io::ErrorKind::InvalidInput));
}
