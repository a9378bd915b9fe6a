//! Trees that are very deep or very wide.

use super::Cell;
use crate::support::TestApp;
use crate::support::case::{told, warnings};
use crate::support::server::{Kind, Server};

pub(super) async fn sixty_levels(kind: Kind) {
    let cell = Cell::new(kind).await;
    let mut name = String::new();
    let mut names = Vec::new();
    for level in 0..60 {
        name = if name.is_empty() { format!("ou=l{level}") } else { format!("ou=l{level},{name}") };
        names.push(name.clone());
    }
    cell.server.grow(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(cell.changes("").await.len(), 61, "with the naming context");
    cell.select(&[&name]).await;
    let lowest = cell.server.text(&format!("{}{name},@ *", " ".repeat(60)));
    assert_eq!(cell.tree().await.last(), Some(&lowest));
    cell.server.rename("ou=l0", "ou=top", None).await;
    cell.tells(&["~ ou=top,@: l0 to top"]).await;
    assert_eq!(cell.tree().await.last(), Some(&lowest.replace("=l0,", "=top,")));
    // The lower half goes: fewer than would call the guard.
    let half = names[40].replace("ou=l0", "ou=top");
    cell.server.delete(&half).await;
    let told = cell.changes("").await;
    assert_eq!(told.len(), 20, "{told:?}");
    assert_eq!(told[0], cell.server.text(&format!("- {half},@")));
}

pub(super) async fn ten_thousand(kind: Kind) {
    // It takes Samba a minute to add ten thousand; this is several pages, and more than Windows returns in one.
    let count = if kind == Kind::Samba { 2_000 } else { 10_000 };
    let server = Server::filled(kind, &(0..count).map(|n| format!("n{n:05}")).collect::<Vec<_>>()).await;
    let cell = Cell::at(TestApp::start().await, server).await;
    if let Server::Ds389(server) = &cell.server {
        // An ordinary account is shown no more than what the first 5000 entries hold.
        let preview = cell.app.import(cell.id, "?preview=true").await.expect_status(200);
        assert!(told(&preview).len() < 5_000);
        assert!(warnings(&preview).contains("raise the look-through limit"), "{preview}");
        server.limit("nsLookThroughLimit", Some(-1)).await;
    }
    // Without the looks before and after that other imports get: they take most of the time.
    let result = cell.app.import(cell.id, "").await.expect_status(200);
    assert_eq!(cell.told(&result).len(), count + 1, "with the naming context");
    cell.select(&["ou=n00000", "ou=n01999"]).await;
    cell.server.rename("ou=n00000", "ou=x", None).await;
    for gone in ["ou=n00499", "ou=n00500", "ou=n01000", "ou=n01999"] {
        cell.server.delete(gone).await;
    }
    let result = cell.import("").await;
    let expected = ["- ou=n00499,@", "- ou=n00500,@", "- ou=n01000,@", "- ou=n01999,@ *", "~ ou=x,@: n00000 to x *"];
    assert_eq!(cell.told(&result), cell.lines(&expected));
    assert_eq!(told(&cell.app.import(cell.id, "").await.expect_status(200)), [""; 0]);
    assert_eq!(cell.tree().await.len(), count - 4 + 1);
}
