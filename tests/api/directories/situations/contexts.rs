//! Naming contexts that come and go, that are empty or cannot be read; entries that are referrals.

use std::io::ErrorKind;
use std::net::TcpListener;

use super::Cell;
use crate::support::case::{told, warnings};
use crate::support::directory::{Faults, Mischief, SearchFault, referral_to};
use crate::support::samba;
use crate::support::server::{Kind, OTHER, Server};
use crate::support::slapd;

const UNREADABLE: &str = "root entry not found or not readable";

/// Without any entry it is listed, and that is enough.
pub(super) async fn empty(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A"]).await;
    cell.server.add_context(false).await;
    let result = cell.import("").await;
    assert_eq!(told(&result), ["!+ dc=other"]);
    assert!(warnings(&result).contains(&format!("{OTHER}: {UNREADABLE}")), "{result}");
    cell.keeps(&[UNREADABLE]).await;
    cell.server.add_root().await;
    cell.tells(&[]).await;
    cell.server.grow_other(&["ou=T,dc=other"]).await;
    cell.tells(&["+ ou=T,dc=other"]).await;
}

pub(super) async fn new(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A"]).await;
    let before = cell.tree().await;
    cell.server.add_context(true).await;
    cell.server.grow_other(&["ou=T,dc=other", "ou=U,ou=T,dc=other"]).await;
    cell.tells(&["!+ dc=other", "+ ou=T,dc=other", "+ ou=U,ou=T,dc=other"]).await;
    let mut expected = before;
    expected.extend(["dc=other", " ou=T,dc=other", "  ou=U,ou=T,dc=other"].map(str::to_owned));
    let mut stored = cell.tree().await;
    expected.sort();
    stored.sort();
    assert_eq!(stored, expected);
}

/// No longer listed, and its root entry is proved gone: with all that was in it.
pub(super) async fn vanished(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A"]).await;
    let before = cell.tree().await;
    cell.server.add_context(true).await;
    cell.server.grow_other(&["ou=T,dc=other", "ou=U,ou=T,dc=other"]).await;
    cell.changes("").await;
    cell.app.select(cell.id, "ou=U,ou=T,dc=other").await;
    cell.server.remove_context().await;
    cell.tells(&["!- dc=other", "- ou=T,dc=other", "- ou=U,ou=T,dc=other *"]).await;
    assert_eq!(cell.tree().await, before);
}

/// The root entry of one naming context cannot be read; the other one is merged as ever.
pub(super) async fn unreadable(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A"]).await;
    if kind == Kind::Samba {
        // It has only one that shows. Its root entry still answers, without any attribute.
        let before = cell.tree().await;
        let Server::Samba(server) = &mut cell.server else { panic!("Samba") };
        server.deny(samba::BASE, samba::LIST | samba::READ).await;
        cell.keeps(&["ou=A,@"]).await;
        cell.server.unhide("").await;
        cell.tells(&[]).await;
        assert_eq!(cell.tree().await, before);
        return;
    }
    cell.server.add_context(true).await;
    cell.server.grow_other(&["ou=T,dc=other", "ou=U,ou=T,dc=other"]).await;
    cell.changes("").await;
    cell.app.select(cell.id, "ou=T,dc=other").await;
    match &mut cell.server {
        Server::OpenLdap(s) => s.restart_hiding(&[OTHER]),
        Server::Ds389(s) => s.hide(OTHER, false).await,
        Server::Sandbox(s) => s.hide(OTHER).expect("hidden"),
        Server::Samba(_) => {}
    }
    cell.server.delete("ou=B1,ou=B").await;
    cell.server.delete_other("ou=U,ou=T,dc=other").await;
    let result = cell.import("").await;
    assert_eq!(cell.told(&result), cell.lines(&["- ou=B1,ou=B,@"]));
    assert!(warnings(&result).contains(&format!("{OTHER}: {UNREADABLE}")), "{result}");
    cell.keeps(&[OTHER]).await;
    assert!(cell.tree().await.contains(&"  ou=U,ou=T,dc=other *".to_owned()));
    match &mut cell.server {
        Server::OpenLdap(s) => s.restart_hiding(&[]),
        Server::Ds389(s) => s.unhide().await,
        Server::Sandbox(s) => s.unhide(OTHER).expect("unhidden"),
        Server::Samba(_) => {}
    }
    cell.tells(&["- ou=U,ou=T,dc=other *"]).await;
    assert!(cell.tree().await.contains(&" ou=T,dc=other *".to_owned()));
}

/// None of them can be read: a failure of the import, and nothing is written.
pub(super) async fn all_unreadable(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A"]).await;
    let before = cell.app.dump();
    match &mut cell.server {
        Server::OpenLdap(s) => s.restart_hiding(&[slapd::SUFFIX, slapd::PARTNERS]),
        _ => cell.server.hide_tree("").await,
    }
    for query in ["", "?acceptRemovals=true"] {
        let message = cell.app.import(cell.id, query).await.expect_error(500, "INTERNAL_ERROR");
        assert!(message.contains("containers at "), "{message}");
        assert_eq!(cell.app.dump(), before, "{query}");
    }
    cell.server.unhide("").await;
    cell.tells(&[]).await;
}

/// An entry that sends its readers elsewhere: neither followed, nor an entry, nor the end of what was there before.
pub(super) async fn referral(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A2,ou=A"]).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("set");
    let address = format!("ldap://{}/ou=A2,dc=elsewhere", elsewhere.local_addr().expect("an address"));
    let before = cell.tree().await;
    match &cell.server {
        Server::Sandbox(sandbox) => {
            let dn = cell.server.dn("ou=A2,ou=A");
            sandbox.remove(&dn).expect("removed");
            let references = Mischief::References(vec![address.clone()]);
            sandbox.set_faults(Faults {
                searches: vec![SearchFault::new(references).under("dc=x").after(1)],
                base_reads: vec![(dn, referral_to(&address))],
                ..Faults::default()
            });
        }
        server => {
            server.delete("ou=A2,ou=A").await;
            let classes: &[&str] = &["referral", "extensibleObject"];
            for name in ["ou=A2,ou=A", "ou=new,ou=B"] {
                let own = name.split([',', '=']).nth(1).unwrap_or_default();
                server.add(name, &[("objectClass", classes), ("ou", &[own]), ("ref", &[&address])]).await;
            }
        }
    }
    cell.keeps(&["ou=A2,ou=A,@"]).await;
    assert_eq!(cell.tree().await, before);
    assert!(matches!(elsewhere.accept(), Err(why) if why.kind() == ErrorKind::WouldBlock), "no connection was made");
    match &cell.server {
        Server::Sandbox(sandbox) => sandbox.set_faults(Faults::default()),
        server => server.administrator().delete(&server.dn("ou=A2,ou=A")).await,
    }
    cell.tells(&["- ou=A2,ou=A,@ *"]).await;
}
