//! Entries that change their names and places, that go and come: what is reported and stored of it.

use super::Cell;
use crate::support::case::{told, warnings};
use crate::support::server::Kind;

pub(super) async fn nothing(kind: Kind) {
    let cell = Cell::new(kind).await;
    cell.server.grow(&super::USUAL).await;
    let first = [
        "!+ @",
        "+ ou=A,@",
        "+ ou=B,@",
        "+ ou=A1,ou=A,@",
        "+ ou=A2,ou=A,@",
        "+ ou=B1,ou=B,@",
        "+ ou=deep,ou=A1,ou=A,@",
    ];
    cell.tells(&first).await;
    cell.select(&["ou=A", "ou=deep,ou=A1,ou=A"]).await;
    cell.tells(&[]).await;
    let stored = [
        "@",
        " ou=A,@ *",
        "  ou=A1,ou=A,@ *",
        "   ou=deep,ou=A1,ou=A,@ *",
        "  ou=A2,ou=A,@ *",
        " ou=B,@",
        "  ou=B1,ou=B,@",
    ];
    cell.holds(&stored).await;
}

pub(super) async fn rename(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A", "ou=deep,ou=A1,ou=A"]).await;
    cell.server.rename("ou=A", "ou=New", None).await;
    cell.tells(&["~ ou=New,@: A to New *"]).await;
    let stored = [
        "@",
        " ou=B,@",
        "  ou=B1,ou=B,@",
        " ou=New,@ *",
        "  ou=A1,ou=New,@ *",
        "   ou=deep,ou=A1,ou=New,@ *",
        "  ou=A2,ou=New,@ *",
    ];
    cell.holds(&stored).await;
}

pub(super) async fn rename_of_case_only(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=B"]).await;
    cell.server.rename("ou=B", "ou=b", None).await;
    cell.tells(&["~ ou=b,@: B to b *"]).await;
    let stored = cell.tree().await;
    let renamed = cell.lines(&[" ou=b,@ *"]);
    assert!(stored.contains(&renamed[0]), "{stored:?}");
}

pub(super) async fn moved(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A1,ou=A", "ou=B1,ou=B"]).await;
    cell.server.rename("ou=A1,ou=A", "ou=A1", Some("")).await;
    cell.server.rename("ou=A2,ou=A", "ou=A2", Some("ou=B")).await;
    cell.server.rename("ou=B1,ou=B", "ou=B1", Some("ou=deep,ou=A1")).await;
    let expected = [
        "> ou=A1,@: ou=A,@ to root *",
        "> ou=A2,ou=B,@: ou=A,@ to ou=B,@",
        "> ou=B1,ou=deep,ou=A1,@: ou=B,@ to ou=deep,ou=A1,@ *",
    ];
    cell.tells(&expected).await;
    let stored = [
        "@",
        " ou=A,@",
        " ou=A1,@ *",
        "  ou=deep,ou=A1,@ *",
        "   ou=B1,ou=deep,ou=A1,@ *",
        " ou=B,@",
        "  ou=A2,ou=B,@",
    ];
    cell.holds(&stored).await;
}

pub(super) async fn renamed_and_moved(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A1,ou=A"]).await;
    cell.server.rename("ou=A1,ou=A", "ou=Z1", Some("ou=B")).await;
    cell.server.rename("ou=B", "ou=C", None).await;
    let expected = ["~ ou=C,@: B to C", "~ ou=Z1,ou=C,@: A1 to Z1 *", "> ou=Z1,ou=C,@: ou=A,@ to ou=C,@ *"];
    cell.tells(&expected).await;
    let stored = [
        "@",
        " ou=A,@",
        "  ou=A2,ou=A,@",
        " ou=C,@",
        "  ou=B1,ou=C,@",
        "  ou=Z1,ou=C,@ *",
        "   ou=deep,ou=Z1,ou=C,@ *",
    ];
    cell.holds(&stored).await;
}

/// Three levels below the naming context, and two at once.
pub(super) async fn ancestor_renamed(kind: Kind) {
    let cell = Cell::new(kind).await;
    cell.server.grow(&["ou=one", "ou=two,ou=one", "ou=three,ou=two,ou=one", "ou=four,ou=three,ou=two,ou=one"]).await;
    cell.changes("").await;
    cell.select(&["ou=four,ou=three,ou=two,ou=one"]).await;
    cell.server.rename("ou=one", "ou=1", None).await;
    cell.tells(&["~ ou=1,@: one to 1"]).await;
    cell.holds(&[
        "@",
        " ou=1,@",
        "  ou=two,ou=1,@",
        "   ou=three,ou=two,ou=1,@",
        "    ou=four,ou=three,ou=two,ou=1,@ *",
    ])
    .await;
    cell.server.rename("ou=two,ou=1", "ou=2", None).await;
    cell.server.rename("ou=1", "ou=one", None).await;
    cell.tells(&["~ ou=one,@: 1 to one", "~ ou=2,ou=one,@: two to 2"]).await;
    cell.holds(&[
        "@",
        " ou=one,@",
        "  ou=2,ou=one,@",
        "   ou=three,ou=2,ou=one,@",
        "    ou=four,ou=three,ou=2,ou=one,@ *",
    ])
    .await;
}

pub(super) async fn swap_of_names(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A1,ou=A", "ou=B"]).await;
    cell.server.rename("ou=A", "ou=tmp", None).await;
    cell.server.rename("ou=B", "ou=A", None).await;
    cell.server.rename("ou=tmp", "ou=B", None).await;
    cell.tells(&["~ ou=A,@: B to A *", "~ ou=B,@: A to B"]).await;
    let stored = [
        "@",
        " ou=A,@ *",
        "  ou=B1,ou=A,@ *",
        " ou=B,@",
        "  ou=A1,ou=B,@ *",
        "   ou=deep,ou=A1,ou=B,@ *",
        "  ou=A2,ou=B,@",
    ];
    cell.holds(&stored).await;
}

pub(super) async fn swap_of_parents(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A1,ou=A"]).await;
    cell.server.rename("ou=A1,ou=A", "ou=A1", Some("ou=B")).await;
    cell.server.rename("ou=B1,ou=B", "ou=B1", Some("ou=A")).await;
    cell.tells(&["> ou=A1,ou=B,@: ou=A,@ to ou=B,@ *", "> ou=B1,ou=A,@: ou=B,@ to ou=A,@"]).await;
    let stored = [
        "@",
        " ou=A,@",
        "  ou=A2,ou=A,@",
        "  ou=B1,ou=A,@",
        " ou=B,@",
        "  ou=A1,ou=B,@ *",
        "   ou=deep,ou=A1,ou=B,@ *",
    ];
    cell.holds(&stored).await;
}

pub(super) async fn parent_and_child_swapped(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=B1,ou=B"]).await;
    cell.server.rename("ou=B1,ou=B", "ou=B1", Some("")).await;
    cell.server.rename("ou=B", "ou=B", Some("ou=B1")).await;
    cell.tells(&["> ou=B1,@: ou=B,@ to root *", "> ou=B,ou=B1,@: root to ou=B1,@"]).await;
    let stored = [
        "@",
        " ou=A,@",
        "  ou=A1,ou=A,@",
        "   ou=deep,ou=A1,ou=A,@",
        "  ou=A2,ou=A,@",
        " ou=B1,@ *",
        "  ou=B,ou=B1,@ *",
    ];
    cell.holds(&stored).await;
}

/// Its entry deleted, and another one that was there takes its name and place.
pub(super) async fn dn_used_again(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A2,ou=A", "ou=B1,ou=B"]).await;
    cell.server.delete("ou=A2,ou=A").await;
    cell.server.rename("ou=B1,ou=B", "ou=A2", Some("ou=A")).await;
    let expected = ["- ou=A2,ou=A,@ *", "~ ou=A2,ou=A,@: B1 to A2 *", "> ou=A2,ou=A,@: ou=B,@ to ou=A,@ *"];
    cell.tells(&expected).await;
    let stored = ["@", " ou=A,@", "  ou=A1,ou=A,@", "   ou=deep,ou=A1,ou=A,@", "  ou=A2,ou=A,@ *", " ou=B,@"];
    cell.holds(&stored).await;
}

pub(super) async fn deleted(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A", "ou=B1,ou=B"]).await;
    cell.server.delete("ou=B1,ou=B").await;
    let result = cell.import("").await;
    assert_eq!(cell.told(&result), cell.lines(&["- ou=B1,ou=B,@ *"]));
    assert_eq!(result["hasSelectedItemsRemoved"], true);
    cell.tells(&[]).await;
    let stored = ["@", " ou=A,@ *", "  ou=A1,ou=A,@ *", "   ou=deep,ou=A1,ou=A,@ *", "  ou=A2,ou=A,@ *", " ou=B,@"];
    cell.holds(&stored).await;
    // At the root, and where the parent was renamed meanwhile.
    cell.server.delete("ou=B").await;
    cell.server.rename("ou=A", "ou=New", None).await;
    cell.server.delete("ou=A2,ou=New").await;
    let result = cell.import("").await;
    assert_eq!(cell.told(&result), cell.lines(&["- ou=B,@", "- ou=A2,ou=A,@ *", "~ ou=New,@: A to New *"]));
    assert_eq!(result["hasSelectedItemsRemoved"], true, "by inheritance");
    cell.holds(&["@", " ou=New,@ *", "  ou=A1,ou=New,@ *", "   ou=deep,ou=A1,ou=New,@ *"]).await;
}

pub(super) async fn subtree_deleted(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=deep,ou=A1,ou=A", "ou=B"]).await;
    cell.server.delete("ou=A").await;
    let expected = ["- ou=A,@", "- ou=A1,ou=A,@", "- ou=A2,ou=A,@", "- ou=deep,ou=A1,ou=A,@ *"];
    cell.tells(&expected).await;
    cell.holds(&["@", " ou=B,@ *", "  ou=B1,ou=B,@ *"]).await;
}

/// The same DN, another entry: the selection is not the new one's.
pub(super) async fn recreated(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A", "ou=A1,ou=A", "ou=B"]).await;
    cell.server.delete("ou=A").await;
    cell.server.grow(&["ou=A", "ou=A1,ou=A"]).await;
    let result = cell.import("").await;
    let expected = [
        "+ ou=A,@",
        "+ ou=A1,ou=A,@",
        "- ou=A,@ *",
        "- ou=A1,ou=A,@ *",
        "- ou=A2,ou=A,@ *",
        "- ou=deep,ou=A1,ou=A,@ *",
    ];
    assert_eq!(cell.told(&result), cell.lines(&expected));
    assert!(warnings(&result).contains("recreated"), "{result}");
    assert_eq!(told(&cell.import("").await), [""; 0]);
    cell.holds(&["@", " ou=A,@", "  ou=A1,ou=A,@", " ou=B,@ *", "  ou=B1,ou=B,@ *"]).await;
}

/// Nothing to report, and yet stored.
pub(super) async fn described(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A"]).await;
    for text in [Some("Größe 1"), Some("two"), None] {
        cell.server.describe("ou=A", text).await;
        cell.tells(&[]).await;
        let row = cell.app.container(cell.id, &cell.server.dn("ou=A")).await.expect("stored");
        assert_eq!(row["description"].as_str(), text);
        assert_eq!(row["selected"], true);
    }
}
