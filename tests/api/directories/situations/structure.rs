//! Where a container hangs, and what shows only to those who ask for more.

use serde_json::json;

use super::Cell;
use crate::support::case::{told, tree};
use crate::support::containers;
use crate::support::server::Kind;

/// DNs compare by value: 389 Directory Server returns the parent's part of a DN as it was typed.
pub(super) async fn parent_spelled_differently(kind: Kind) {
    let cell = Cell::new(kind).await;
    cell.server.grow(&["ou=Engineering", "ou=first,ou=Engineering", "ou=second,OU=ENGINEERING"]).await;
    cell.server.grow(&["ou=third,OU=Second,ou=engineering"]).await;
    assert_eq!(cell.changes("").await.len(), 5, "with the naming context");
    let stored = cell.tree().await;
    let levels: Vec<usize> = stored.iter().map(|line| line.len() - line.trim_start().len()).collect();
    assert_eq!(levels, [0, 1, 2, 2, 3], "{stored:?}");
    cell.server.rename("ou=Engineering", "ou=Works", None).await;
    cell.tells(&["~ ou=Works,@: Engineering to Works"]).await;
    cell.server.delete("ou=third,ou=second,ou=Works").await;
    let told = cell.changes("").await;
    assert!(matches!(&told[..], [line] if line.to_lowercase().starts_with("- ou=third,ou=second,")), "{told:?}");
}

/// A container below an entry that is none hangs under the next one above, and goes like any other.
pub(super) async fn below_no_container(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A"]).await;
    let person: &[(&str, &[&str])] = &[("objectClass", &["person"]), ("cn", &["Ann"]), ("sn", &["Ann"])];
    cell.server.add("cn=Ann,ou=A", person).await;
    cell.server.grow(&["ou=hers,cn=Ann,ou=A"]).await;
    cell.tells(&["+ ou=hers,cn=Ann,ou=A,@"]).await;
    let stored = cell.tree().await;
    assert!(stored.contains(&cell.server.text("  ou=hers,cn=Ann,ou=A,@ *")), "{stored:?}");
    cell.server.rename("cn=Ann,ou=A", "cn=Eve", None).await;
    cell.tells(&[]).await;
    assert!(cell.tree().await.contains(&cell.server.text("  ou=hers,cn=Eve,ou=A,@ *")));
    cell.server.delete("ou=hers,cn=Eve,ou=A").await;
    cell.tells(&["- ou=hers,cn=Eve,ou=A,@ *"]).await;
}

/// What Active Directory shows in its advanced view only is hidden, with all below it.
pub(super) async fn advanced_view_only(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A1,ou=A"]).await;
    let (administrator, dn) = (cell.server.administrator(), cell.server.dn("ou=A1,ou=A"));
    administrator.set(&dn, "showInAdvancedViewOnly", &["TRUE"]).await;
    cell.tells(&[]).await;
    let hidden = [
        "@",
        " ou=A,@",
        "  ou=A1,ou=A,@ *h",
        "   ou=deep,ou=A1,ou=A,@ *h",
        "  ou=A2,ou=A,@",
        " ou=B,@",
        "  ou=B1,ou=B,@",
    ];
    cell.holds(&hidden).await;
    administrator.set(&dn, "showInAdvancedViewOnly", &["FALSE"]).await;
    cell.tells(&[]).await;
    cell.holds(&hidden.map(|line| line.trim_end_matches(" h").trim_end_matches('h'))).await;
}

/// A new domain: what it has of its own, and the partitions that are added on request.
pub(super) async fn technical_partitions(kind: Kind) {
    let cell = Cell::new(kind).await;
    cell.import("").await;
    let partitions = cell.app.partitions(cell.id).await;
    let all = containers(&partitions);
    let mut shown: Vec<&str> = all.iter().filter(|c| c["hidden"] == false).filter_map(|c| c["name"].as_str()).collect();
    shown.sort_unstable();
    let expected = [
        "Builtin",
        "Computers",
        "Domain Controllers",
        "ForeignSecurityPrincipals",
        "Managed Service Accounts",
        "Users",
    ];
    assert_eq!(shown, expected);
    let domain = tree(&partitions);
    assert_eq!((partitions.as_array().map(Vec::len), domain[0].as_str()), (Some(1), cell.server.base()));
    let mut values = cell.server.settings();
    values["5"] = json!({ "checkboxValue": false });
    cell.app.set(cell.id, &values).await.expect_status(200);
    let result = cell.import("").await;
    let added: Vec<String> = told(&result).into_iter().filter(|line| line.starts_with('!')).collect();
    let technical = ["!+ CN=Configuration,DC=lab,DC=test", "!+ CN=Schema,CN=Configuration,DC=lab,DC=test"];
    assert_eq!(added, technical);
    assert_eq!(told(&cell.import("").await), [""; 0]);
    let stored = tree(&cell.app.partitions(cell.id).await);
    assert!(
        stored
            .iter()
            .filter(|line| line.starts_with(' ') && line.contains("CN=Configuration"))
            .all(|line| line.ends_with(" h")),
        "{stored:?}"
    );
    assert!(domain.iter().all(|line| stored.contains(line)), "the domain's own are as they were");
    // Stored ones are read like any other, whatever the switch says.
    cell.app.set(cell.id, &cell.server.settings()).await.expect_status(200);
    assert_eq!(told(&cell.import("").await), [""; 0]);
    assert_eq!(tree(&cell.app.partitions(cell.id).await), stored);
}
