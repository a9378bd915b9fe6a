//! What the account may not see: never taken for removed, and never reported.

use serde_json::json;

use super::Cell;
use crate::support::case::{told, warnings};
use crate::support::ds389;
use crate::support::samba;
use crate::support::server::{Kind, Server};

/// What the administrator's word would do about the hidden ones: only looked at.
async fn accepted(cell: &Cell) -> Vec<String> {
    let preview = cell.app.import(cell.id, "?preview=true&acceptRemovals=true").await.expect_status(200);
    cell.told(&preview)
}

/// Kept while hidden, and shown again as if nothing had been. A directory that proves a hidden entry's existence, as
/// Active Directory does, keeps it against the administrator's word too.
async fn is_kept(mut cell: Cell, hidden: &str, topmost: &str, word_removes: &[&str]) {
    let before = cell.tree().await;
    cell.keeps(&[topmost]).await;
    let proved = cell.server.kind() == Kind::Samba;
    let removes = if proved { &[] } else { word_removes };
    assert_eq!(accepted(&cell).await, cell.lines(removes));
    if !proved {
        cell.keeps(&["acceptRemovals=true"]).await;
    }
    cell.server.unhide(hidden).await;
    cell.tells(&[]).await;
    assert_eq!(cell.tree().await, before);
}

pub(super) async fn entry(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=deep,ou=A1,ou=A"]).await;
    cell.server.hide("ou=deep,ou=A1,ou=A").await;
    is_kept(cell, "ou=deep,ou=A1,ou=A", "ou=deep,ou=A1,ou=A,@", &["- ou=deep,ou=A1,ou=A,@ *"]).await;
}

/// The entry alone where the directory can: what is below it still shows.
pub(super) async fn parent(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A1,ou=A", "ou=deep,ou=A1,ou=A"]).await;
    cell.server.hide("ou=A1,ou=A").await;
    is_kept(cell, "ou=A1,ou=A", "ou=A1,ou=A,@", &["- ou=A1,ou=A,@ *"]).await;
}

pub(super) async fn subtree(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A1,ou=A", "ou=deep,ou=A1,ou=A"]).await;
    cell.server.hide_tree("ou=A").await;
    let all = ["- ou=A,@", "- ou=A1,ou=A,@ *", "- ou=A2,ou=A,@", "- ou=deep,ou=A1,ou=A,@ *"];
    is_kept(cell, "ou=A", "ou=A,@", &all).await;
}

/// Two hidden at the first level, the other one deleted: only that is reported.
pub(super) async fn beside_a_deleted_one(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A1,ou=A", "ou=A2,ou=A"]).await;
    cell.server.hide_tree("ou=A1,ou=A").await;
    cell.server.delete("ou=A2,ou=A").await;
    let result = cell.import("").await;
    assert_eq!(cell.told(&result), cell.lines(&["- ou=A2,ou=A,@ *"]));
    assert!(warnings(&result).contains(&cell.server.dn("ou=A1,ou=A")), "{result}");
    let kept = ["@", " ou=A,@", "  ou=A1,ou=A,@ *", "   ou=deep,ou=A1,ou=A,@ *", " ou=B,@", "  ou=B1,ou=B,@"];
    cell.holds(&kept).await;
    cell.keeps(&["ou=A1,ou=A,@"]).await;
    cell.server.unhide("ou=A1,ou=A").await;
    cell.tells(&[]).await;
    cell.holds(&kept).await;
}

/// Deleted below a hidden entry: it cannot be known before that shows again.
pub(super) async fn above_a_deleted_one(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=deep,ou=A1,ou=A"]).await;
    cell.server.hide_tree("ou=A1,ou=A").await;
    match &cell.server {
        // The warning was about this very entry, which has to be there.
        Server::Sandbox(s) => s.remove(&cell.server.dn("ou=deep,ou=A1,ou=A")).expect("removed"),
        server => server.administrator().delete(&server.dn("ou=deep,ou=A1,ou=A")).await,
    }
    cell.keeps(&["ou=A1,ou=A,@"]).await;
    cell.server.unhide("ou=A1,ou=A").await;
    cell.tells(&["- ou=deep,ou=A1,ou=A,@ *"]).await;
}

/// Renamed while it was hidden.
pub(super) async fn renamed_meanwhile(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=B1,ou=B"]).await;
    cell.server.hide_tree("ou=B").await;
    cell.keeps(&["ou=B,@"]).await;
    cell.server.unhide("ou=B").await;
    cell.server.rename("ou=B", "ou=C", None).await;
    cell.tells(&["~ ou=C,@: B to C"]).await;
    let stored =
        ["@", " ou=A,@", "  ou=A1,ou=A,@", "   ou=deep,ou=A1,ou=A,@", "  ou=A2,ou=A,@", " ou=C,@", "  ou=B1,ou=C,@ *"];
    cell.holds(&stored).await;
}

/// Renamed and then hidden: Active Directory still answers for the entry's id. The others say of the old name that
/// there is none, which is true.
pub(super) async fn renamed_first(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A1,ou=A"]).await;
    let before = cell.tree().await;
    cell.server.rename("ou=A1,ou=A", "ou=new", Some("ou=B")).await;
    cell.server.hide_tree("ou=new,ou=B").await;
    cell.keeps(&["ou=A1,ou=A,@"]).await;
    assert_eq!(cell.tree().await, before);
    cell.server.unhide("ou=new,ou=B").await;
    cell.tells(&["~ ou=new,ou=B,@: A1 to new *", "> ou=new,ou=B,@: ou=A,@ to ou=B,@ *"]).await;
}

/// An entry that may be read, and whose children may not be listed, by any group of the account. One of them goes,
/// and that cannot be seen.
pub(super) async fn list_of_children(kind: Kind) {
    use samba::Who;

    let mut cell = Cell::usual(kind, &["ou=A1,ou=A"]).await;
    let parent = cell.server.dn("ou=A");
    for who in [Some(Who::Service), Some(Who::DomainUsers), Some(Who::AuthenticatedUsers), Some(Who::Everyone), None] {
        let before = cell.tree().await;
        let Server::Samba(server) = &mut cell.server else { panic!("Active Directory only") };
        match who {
            Some(who) => server.deny_to(who, &parent, samba::LIST, 0).await,
            None => server.grant_only_administrator(&parent).await,
        }
        let hidden: &[&str] = match who {
            Some(_) => &["grant the account List Contents", ": ou=A1,ou=A,@; ou=A2,ou=A,@"],
            None => &["the entry still answers: ou=A,@"],
        };
        cell.keeps(hidden).await;
        // The administrator's word holds where nothing is proved. The entry that grants nothing still answers.
        let word: &[&str] = if who.is_some() { &["- ou=A1,ou=A,@ *", "- ou=A2,ou=A,@"] } else { &[] };
        assert_eq!(accepted(&cell).await, cell.lines(word), "{who:?}");
        cell.server.delete("ou=A2,ou=A").await;
        cell.keeps(hidden).await;
        assert_eq!(cell.tree().await, before, "{who:?}");
        cell.server.unhide("ou=A").await;
        cell.tells(&["- ou=A2,ou=A,@"]).await;
        cell.server.grow(&["ou=A2,ou=A"]).await;
        cell.tells(&["+ ou=A2,ou=A,@"]).await;
    }
}

/// What an entry denies for those below it only says nothing about its own children, and what they inherit comes after
/// what they grant themselves: nothing is hidden, and every deletion is proved.
pub(super) async fn list_denied_below(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=deep,ou=A1,ou=A"]).await;
    let parent = cell.server.dn("ou=A");
    let Server::Samba(server) = &mut cell.server else { panic!("Active Directory only") };
    server.deny_to(samba::Who::Service, &parent, samba::LIST, samba::BELOW_ONLY).await;
    cell.tells(&[]).await;
    cell.server.delete("ou=A2,ou=A").await;
    cell.server.delete("ou=deep,ou=A1,ou=A").await;
    let result = cell.import("").await;
    assert_eq!(cell.told(&result), cell.lines(&["- ou=A2,ou=A,@", "- ou=deep,ou=A1,ou=A,@ *"]));
    assert_eq!(result["warnings"], json!([]));
}

/// The same directory through an account that may read little: neither the ids nor what proves an absence.
pub(super) async fn from_a_weak_account(kind: Kind) {
    assert_eq!(kind, Kind::Ds389);
    let cell = Cell::usual(kind, &["ou=A1,ou=A"]).await;
    let before = cell.tree().await;
    let weak = json!({ "2": { "stringValue": ds389::WEAK_DN }, "3": { "stringValue": ds389::WEAK_PASSWORD } });
    cell.app.set(cell.id, &weak).await.expect_status(200);
    let result = cell.import("").await;
    assert_eq!(told(&result), [""; 0]);
    let text = warnings(&result);
    assert!(text.contains("no immutable id readable") && text.contains("nsUniqueId"), "{text}");
    cell.server.delete("ou=A2,ou=A").await;
    cell.keeps(&["ou=A2,ou=A,@", "read on all attributes", "acceptRemovals=true"]).await;
    assert_eq!(cell.tree().await, before);
    assert_eq!(accepted(&cell).await, cell.lines(&["- ou=A2,ou=A,@"]));
    cell.app.set(cell.id, &cell.server.settings()).await.expect_status(200);
    cell.tells(&["- ou=A2,ou=A,@"]).await;
    // Its ids were never forgotten.
    cell.server.rename("ou=A1,ou=A", "ou=new", None).await;
    cell.tells(&["~ ou=new,ou=A,@: A1 to new *"]).await;
}
