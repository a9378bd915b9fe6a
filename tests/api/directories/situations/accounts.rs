//! An account that the directory turns away, and a directory that is away for a while.

use serde_json::json;

use super::Cell;
use crate::support::case::warnings;
use crate::support::server::{Kind, Server};
use crate::support::{SYSTEMS, samba};

/// The import is refused with this reason, and nothing changes.
async fn is_refused(cell: &Cell, reason: &str) {
    let before = cell.app.dump();
    let message = cell.app.import(cell.id, "").await.expect_error(400, "BAD_REQUEST");
    assert!(message.contains(&format!(": {reason}")) && message.contains("bind at "), "{reason}: {message}");
    assert_eq!(cell.app.dump(), before);
}

pub(super) async fn refused(kind: Kind) {
    let cell = Cell::usual(kind, &["ou=A"]).await;
    let before = cell.tree().await;
    let wrong = json!({ "3": { "stringValue": "no password of theirs" } });
    cell.app.set(cell.id, &wrong).await.expect_status(200);
    let meaning = if kind == Kind::Samba { ": unknown name or wrong password" } else { "" };
    is_refused(&cell, &format!("invalidCredentials (49){meaning}")).await;
    let mut unknown = cell.server.settings();
    unknown["2"]["stringValue"] = match kind {
        Kind::Samba => json!("nobody@lab.test"),
        _ => json!(cell.server.dn("cn=nobody")),
    };
    cell.app.set(cell.id, &unknown).await.expect_status(200);
    is_refused(&cell, "invalidCredentials (49)").await;
    let mut bare = cell.server.settings();
    bare["2"]["stringValue"] = json!("svc");
    cell.app.set(cell.id, &bare).await.expect_status(200);
    let message = cell.app.import(cell.id, "").await.expect_error(400, "BAD_REQUEST");
    assert!(message.contains("name@domain, DOMAIN\\name or its full DN"), "{message}");
    cell.app.set(cell.id, &cell.server.settings()).await.expect_status(200);
    if let Server::Samba(server) = &cell.server {
        global_catalogue(&cell, &server.host()).await;
        let administrator = server.administrator();
        for (attribute, value, meaning) in [
            ("userAccountControl", "514", "disabled"),
            ("accountExpires", "1", "account expired"),
            ("pwdLastSet", "0", "must change password"),
            ("logonHours", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "logon not allowed (time)"),
            ("userWorkstations", "elsewhere", "logon not allowed (computer)"),
        ] {
            administrator.set(samba::SERVICE_DN, attribute, &[value]).await;
            is_refused(&cell, &format!("invalidCredentials (49): {meaning}")).await;
            server.admit().await;
        }
    }
    cell.tells(&[]).await;
    assert_eq!(cell.tree().await, before);
}

/// The partial copy of a forest is read, but not without a word.
async fn global_catalogue(cell: &Cell, host: &str) {
    let mut values = cell.server.settings();
    values["1"]["stringValue"] = json!(format!("ldap://{host}:3268"));
    cell.app.set(cell.id, &values).await.expect_status(200);
    let preview = cell.app.import(cell.id, "?preview=true").await.expect_status(200);
    assert!(warnings(&preview).contains("port 3268 is the global catalogue"), "{preview}");
    let path = format!("{SYSTEMS}/{}/test-connection", cell.id);
    let tested = cell.app.admin().send("POST", &path, None).await.expect_status(200);
    assert_eq!(
        (&tested["success"], &tested["stages"][4]["code"]),
        (&json!(true), &json!("globalCatalogue")),
        "{tested}"
    );
    cell.app.set(cell.id, &cell.server.settings()).await.expect_status(200);
}

/// Nothing is removed because no server answers, and nothing is reported afterwards but what happened.
pub(super) async fn restarted(kind: Kind) {
    let mut cell = Cell::usual(kind, &["ou=A1,ou=A"]).await;
    cell.server.delete("ou=A2,ou=A").await;
    let before = cell.app.dump();
    cell.server.stop();
    let message = cell.app.import(cell.id, "?acceptRemovals=true").await.expect_error(500, "INTERNAL_ERROR");
    assert!(message.contains("connection refused"), "{message}");
    assert_eq!(cell.app.dump(), before);
    cell.server.resume();
    cell.tells(&["- ou=A2,ou=A,@"]).await;
    cell.server.rename("ou=A1,ou=A", "ou=A3", None).await;
    cell.tells(&["~ ou=A3,ou=A,@: A1 to A3 *"]).await;
}
