//! Searches that a directory cuts short: nothing is removed because of it.

use serde_json::json;

use super::Cell;
use crate::support::case::{told, warnings};
use crate::support::directory::{Answer, Faults, Mischief, SearchFault};
use crate::support::server::{Kind, OTHER, Server};
use crate::support::{ds389, slapd};

/// Sixty containers, of which the account is going to see the first third.
async fn sixty(kind: Kind) -> Cell {
    let cell = Cell::new(kind).await;
    let names: Vec<String> = (0..60).map(|n| format!("ou=n{n:02}")).collect();
    cell.server.grow(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    cell.changes("").await;
    cell.select(&["ou=n59"]).await;
    cell
}

/// slapd's limits for the account that has some, and that account.
async fn limit_slapd(cell: &mut Cell, limits: &str) {
    let Server::OpenLdap(slapd) = &mut cell.server else { panic!("OpenLDAP") };
    slapd.restart(|setup| setup.limits = Some(limits.to_owned()));
    let (account, password) = (slapd::LIMITED_DN, slapd::LIMITED_PASSWORD);
    let limited = json!({ "2": { "stringValue": account }, "3": { "stringValue": password } });
    cell.app.set(cell.id, &limited).await.expect_status(200);
}

/// The sandbox ends its searches with this result after twenty containers.
fn end_early(cell: &Cell, code: u32, no_paging: bool) {
    let Server::Sandbox(sandbox) = &cell.server else { panic!("the sandbox") };
    let searches = vec![SearchFault::new(Mischief::Answer(Answer::new(code, ""))).under("dc=x").after(20)];
    sandbox.set_faults(Faults { searches, no_paging, ..Faults::default() });
}

async fn lift(cell: &Cell) {
    match &cell.server {
        Server::Sandbox(sandbox) => sandbox.set_faults(Faults::default()),
        Server::Ds389(server) => {
            for limit in ds389::LIMITS {
                server.limit(limit, None).await;
            }
        }
        _ => {}
    }
    cell.app.set(cell.id, &cell.server.settings()).await.expect_status(200);
}

/// What was read is renamed, what was not read is kept, and what is gone is reported once the limit is lifted.
async fn removes_nothing(cell: Cell, reason: &str) {
    let renamed: Vec<String> = cell.tree().await.iter().map(|line| line.replace("ou=n01,", "ou=x01,")).collect();
    for (query, expected) in [("", &["~ ou=x01,@: n01 to x01"][..]), ("?acceptRemovals=true", &[])] {
        let result = cell.import(query).await;
        assert_eq!(cell.told(&result), cell.lines(expected), "{query}");
        let text = warnings(&result);
        assert!(text.contains(reason), "{text}");
        assert_eq!(text.contains("raise the size limit"), reason.starts_with("sizeLimit"), "{text}");
    }
    let mut stored = cell.tree().await;
    stored.sort();
    let mut expected = renamed;
    expected.sort();
    assert_eq!(stored, expected);
    lift(&cell).await;
    cell.tells(&["- ou=n07,@", "- ou=n55,@"]).await;
}

async fn changed(cell: &Cell) {
    cell.server.rename("ou=n01", "ou=x01", None).await;
    cell.server.delete("ou=n07").await;
    cell.server.delete("ou=n55").await;
}

/// OpenLDAP's holds over all pages of a search together, 389 Directory Server's for each page by itself: it lets
/// smaller pages through.
pub(super) async fn size_over_pages(kind: Kind) {
    let mut cell = sixty(kind).await;
    changed(&cell).await;
    match &mut cell.server {
        Server::OpenLdap(_) => limit_slapd(&mut cell, "size.soft=20 size.hard=20").await,
        Server::Ds389(server) => server.limit("nsSizeLimit", Some(20)).await,
        _ => end_early(&cell, 4, false),
    }
    removes_nothing(cell, "sizeLimitExceeded (4)").await;
}

/// The directory refuses to send pages.
pub(super) async fn size_without_pages(kind: Kind) {
    let mut cell = sixty(kind).await;
    changed(&cell).await;
    match kind {
        Kind::OpenLdap => limit_slapd(&mut cell, "size.soft=20 size.hard=20 size.prtotal=disabled").await,
        _ => end_early(&cell, 4, true),
    }
    removes_nothing(cell, "sizeLimitExceeded (4)").await;
}

pub(super) async fn time(kind: Kind) {
    let cell = sixty(kind).await;
    changed(&cell).await;
    end_early(&cell, 3, false);
    removes_nothing(cell, "timeLimitExceeded (3)").await;
}

/// The directory looks at so many entries and no more, and says so before the first one.
pub(super) async fn look_through(kind: Kind) {
    let mut cell = sixty(kind).await;
    cell.server.add_context(true).await;
    cell.server.grow_other(&["ou=T,dc=other"]).await;
    cell.tells(&["!+ dc=other", "+ ou=T,dc=other"]).await;
    cell.server.delete("ou=n07").await;
    cell.server.grow_other(&["ou=U,dc=other"]).await;
    match &cell.server {
        Server::Ds389(server) => {
            server.limit("nsLookThroughLimit", Some(20)).await;
            server.limit("nsPagedLookThroughLimit", Some(20)).await;
        }
        Server::Sandbox(sandbox) => {
            let searches = vec![SearchFault::new(Mischief::Answer(Answer::new(11, ""))).under("dc=x")];
            sandbox.set_faults(Faults { searches, ..Faults::default() });
        }
        _ => panic!("no such limit"),
    }
    let before = cell.tree().await;
    for query in ["", "?acceptRemovals=true"] {
        let result = cell.import(query).await;
        assert_eq!(told(&result), if query.is_empty() { vec![format!("+ ou=U,{OTHER}")] } else { vec![] });
        assert!(warnings(&result).contains("adminLimitExceeded (11)"), "{result}");
    }
    assert_eq!(cell.tree().await.len(), before.len() + 1);
    lift(&cell).await;
    cell.tells(&["- ou=n07,@"]).await;
}
