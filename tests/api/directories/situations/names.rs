//! Names that a DN has to escape, that are not ASCII, that are more than one value.

use ldap3::Scope;

use super::Cell;
use crate::support::containers;
use crate::support::server::{Kind, Server};

/// A value as it stands in a DN: each byte that means something there, or cannot be seen, as its number.
fn escaped(value: &str) -> String {
    let last = value.chars().count() - 1;
    let escape = |(at, c): (usize, char)| {
        let edge = (at == 0 && matches!(c, ' ' | '#')) || (at == last && c == ' ');
        match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => format!("\\{:02X}", c as u32),
            c if edge || c.is_ascii_control() => format!("\\{:02X}", c as u32),
            c => c.to_string(),
        }
    };
    value.chars().enumerate().map(escape).collect()
}

/// The names of the test's containers as they are shown.
async fn shown(cell: &Cell) -> Vec<String> {
    let partitions = cell.app.partitions(cell.id).await;
    let all = containers(&partitions);
    let ours = all.iter().filter(|c| cell.server.is_ours(&format!(" {}", c["externalId"].as_str().expect("a DN"))));
    let mut names: Vec<String> = ours.map(|c| c["name"].as_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

/// The DNs that are stored are those that the directory itself returns.
async fn are_as_listed(cell: &Cell) {
    if cell.server.kind() == Kind::Sandbox {
        return;
    }
    let mut listed = cell.server.administrator().search(cell.server.base(), Scope::Subtree, "(ou=*)").await;
    listed.retain(|dn| cell.server.is_ours(&format!(" {dn}")));
    let partitions = cell.app.partitions(cell.id).await;
    let all = containers(&partitions).into_iter().map(|c| c["externalId"].as_str().expect("a DN").to_owned());
    let mut stored: Vec<String> = all.filter(|dn| cell.server.is_ours(&format!(" {dn}"))).collect();
    listed.sort();
    stored.sort();
    assert_eq!(stored, listed);
}

/// Each is added, shown as the directory keeps it, renamed, found again and deleted.
async fn are_shown(kind: Kind, names: &[String]) {
    // 389 Directory Server writes runs of blanks as one.
    let kept = |name: &String| if kind == Kind::Ds389 { name.replace("  ", " ") } else { name.clone() };
    let cell = Cell::new(kind).await;
    for name in names {
        let attributes: &[(&str, &[&str])] = &[("objectClass", &["organizationalUnit"]), ("ou", &[name])];
        cell.server.add(&format!("ou={}", escaped(name)), attributes).await;
    }
    cell.changes("").await;
    let mut expected: Vec<String> = names.iter().map(kept).collect();
    expected.sort();
    assert_eq!(shown(&cell).await, expected);
    are_as_listed(&cell).await;

    // Another name around each.
    for name in names {
        cell.server
            .rename(
                &format!("ou={}", escaped(name)),
                &format!("ou=<{}>", escaped(name)).replace('<', "\\3C").replace('>', "\\3E"),
                None,
            )
            .await;
    }
    let result = cell.import("").await;
    let mut renamed: Vec<(String, String)> = Vec::new();
    for element in result["renamedContainers"].as_array().expect("an array") {
        let text = |field: &str| element[field].as_str().expect("text").to_owned();
        renamed.push((text("oldName"), text("newName")));
    }
    renamed.sort();
    let mut pairs: Vec<(String, String)> =
        names.iter().map(kept).map(|name| (name.clone(), format!("<{name}>"))).collect();
    pairs.sort();
    assert_eq!(renamed, pairs);
    assert_eq!(cell.told(&result).len(), names.len(), "{result}");
    cell.tells(&[]).await;
    are_as_listed(&cell).await;

    // A few, so that no guard has to be asked; a deletion is proved by looking up the very name.
    let some: Vec<&String> = names.iter().take(names.len() / 3).collect();
    for name in &some {
        cell.server.delete(&format!("ou=\\3C{}\\3E", escaped(name))).await;
    }
    let told = cell.changes("").await;
    assert_eq!(told.len(), some.len(), "{told:?}");
    assert!(told.iter().all(|line| line.starts_with("- ")), "{told:?}");
    assert_eq!(shown(&cell).await.len(), names.len() - some.len());
}

pub(super) async fn special(kind: Kind) {
    let names = [
        "Sales, EMEA",
        "R+D",
        "\"quoted\"",
        "#1",
        "a#b",
        r"a\b",
        "<x>;=",
        " lead",
        "trail ",
        "two  blanks",
        "*()",
        "Zürich",
        "人事部",
        "الموارد",
        "🙂",
        "e\u{301}",
        "İstanbul",
        "Straße",
    ];
    are_shown(kind, &names.map(str::to_owned)).await;
}

/// All but NUL.
pub(super) async fn control_characters(kind: Kind) {
    let names: Vec<String> = (1..0x20).chain([0x7F]).map(|c: u8| format!("a{}b", char::from(c))).collect();
    are_shown(kind, &names).await;
}

pub(super) async fn of_several_values(kind: Kind) {
    let cell = Cell::usual(kind, &[]).await;
    let attributes: &[(&str, &[&str])] = &[("objectClass", &["organizationalUnit"]), ("ou", &["M"]), ("l", &["N"])];
    cell.server.add("ou=M+l=N", attributes).await;
    cell.server.grow(&["ou=below,ou=M+l=N"]).await;
    let result = cell.import("").await;
    assert_eq!(result["addedContainers"].as_array().map(Vec::len), Some(2), "{result}");
    cell.tells(&[]).await;
    assert!(shown(&cell).await.contains(&"N+M".to_owned()), "in the order of the types");
    are_as_listed(&cell).await;
    cell.server.rename("ou=M+l=N", "l=N+ou=O", None).await;
    let result = cell.import("").await;
    let renamed = &result["renamedContainers"];
    assert_eq!((renamed[0]["oldName"].as_str(), renamed[0]["newName"].as_str()), (Some("N+M"), Some("N+O")));
    assert_eq!(cell.told(&result).len(), 1, "{result}");
    cell.tells(&[]).await;
    cell.server.delete("l=N+ou=O").await;
    let result = cell.import("").await;
    assert_eq!(result["removedContainers"].as_array().map(Vec::len), Some(2), "{result}");
    assert_eq!(cell.told(&result).len(), 2, "{result}");
    if let Server::OpenLdap(slapd) = &cell.server {
        assert_eq!(slapd.search(cell.server.base(), "(l=N)").await, [""; 0]);
    }
}
