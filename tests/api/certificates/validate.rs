//! Looking at a certificate: errors and warnings, one by one.

use serde_json::json;

use super::made::{AUTHORITY, Party, SERVER, Wish, own};
use super::{path, upload, uploaded};
use crate::support::{Setup, TestApp};

/// The errors and warnings, each in a few words; whether it counts as valid follows from them.
async fn said(app: &TestApp, path: &str) -> Vec<String> {
    let answer = app.admin().get(&format!("{path}/validate")).await.expect_status(200);
    assert_eq!(answer["isValid"], answer["errors"] == json!([]), "{answer}");
    let part = |kind: &'static str| {
        let list = answer[kind].as_array().expect("an array").clone();
        list.into_iter().map(move |text| format!("{kind}: {}", text.as_str().expect("text")))
    };
    part("errors").chain(part("warnings")).collect()
}

#[track_caller]
fn is(said: &[String], expected: &[&str]) {
    let fits = said.len() == expected.len() && said.iter().zip(expected).all(|(s, e)| s.contains(e));
    assert!(fits, "{said:?} instead of {expected:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_and_signature() {
    let app = TestApp::start().await;
    let of = |from, to| own(Wish { days: (from, to), ..SERVER });
    let bent = {
        let mut der = own(AUTHORITY);
        *der.last_mut().expect("a signature") ^= 1;
        der
    };
    for (certificate, expected) in [
        (of(-1, 365), &[][..]),
        (own(AUTHORITY), &[]),
        (of(-2, -1), &["errors: The certificate has expired."]),
        (of(1, 365), &["errors: The certificate is not valid yet."]),
        (of(-1, 29), &["warnings: The certificate expires within 30 days."]),
        (of(-1, 31), &[]),
        (bent, &["errors: The signature does not match its issuer, CN=server."]),
    ] {
        let path = uploaded(&app, "x", certificate).await;
        is(&said(&app, &path).await, expected);
        // Switched off it is looked at all the same.
        app.admin().patch(&path, &json!({ "isEnabled": false })).await.expect_status(204);
        is(&said(&app, &path).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_is_looked_for_in_what_is_stored_and_in_the_folder() {
    let (authority, server) = (Party::new("Authority"), Party::new("server"));
    let (root, leaf) = (authority.certificate(&authority, AUTHORITY), server.certificate(&authority, SERVER));
    let app = TestApp::start().await;
    let path = uploaded(&app, "leaf", &leaf).await;
    let unknown = &["warnings: The issuer, CN=Authority, is neither stored nor in the system store."];
    is(&said(&app, &path).await, unknown);
    let issuer = uploaded(&app, "root", &root).await;
    is(&said(&app, &path).await, &[]);
    app.admin().patch(&issuer, &json!({ "isEnabled": false })).await.expect_status(204);
    is(&said(&app, &path).await, &[]);
    app.admin().delete(&issuer).await.expect_status(204);
    is(&said(&app, &path).await, unknown);
    // Another authority of the same name, then both.
    let impostor = Party::new("Authority");
    let impostor = uploaded(&app, "impostor", impostor.certificate(&impostor, AUTHORITY)).await;
    is(&said(&app, &path).await, &["errors: The signature does not match its issuer, CN=Authority."]);
    is(&said(&app, &impostor).await, &[]);
    uploaded(&app, "root", &root).await;
    is(&said(&app, &path).await, &[]);

    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("root.pem"), super::made::pem("CERTIFICATE", &root)).expect("written");
    let app = TestApp::start_with(Setup { trust_dir: Some(folder.path().into()), ..Setup::default() }).await;
    let path = uploaded(&app, "leaf", &leaf).await;
    is(&said(&app, &path).await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_must_still_hold_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("server.cer");
    let (one, other) = (own(SERVER), own(SERVER));
    std::fs::write(&file, &one).expect("written");
    let app = TestApp::start_with(Setup { files_root: Some(folder.path().into()), ..Setup::default() }).await;
    let path = path(&super::file(&app, "x", "server.cer").await.expect_status(201));
    is(&said(&app, &path).await, &[]);
    std::fs::write(&file, &other).expect("written");
    is(&said(&app, &path).await, &["errors: The file holds a different certificate now."]);
    std::fs::write(&file, "nonsense").expect("written");
    is(&said(&app, &path).await, &["errors: The certificate cannot be taken from its file. Must hold exactly one"]);
    std::fs::remove_file(&file).expect("removed");
    is(&said(&app, &path).await, &["errors: The certificate cannot be taken from its file. The file does not exist"]);
    std::fs::write(&file, super::made::pem("CERTIFICATE", &one)).expect("written");
    is(&said(&app, &path).await, &[]);
    // What is stored of it is compared, not its name.
    upload(&app, "y", &one).await.expect_fault("certificateDataBase64");
}
