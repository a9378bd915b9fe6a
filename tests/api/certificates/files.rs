//! Certificates that lie in files below the connector files folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use super::made::{AUTHORITY, Party, SERVER, own, pem};
use super::{PATH, activities, file, path, upload};
use crate::support::{Setup, TestApp};

async fn reading(root: &Path) -> TestApp {
    TestApp::start_with(Setup { files_root: Some(root.to_owned()), ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_named_below_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("ca")).expect("a folder");
    let app = reading(folder.path()).await;
    for (n, name) in ["/ca/root.cer", "ca/root.cer", "./ca/../ca/root.cer", "//ca/link.cer"].into_iter().enumerate() {
        let certificate = own(AUTHORITY);
        let content = if n % 2 == 0 { certificate } else { pem("CERTIFICATE", &certificate).into_bytes() };
        fs::write(folder.path().join("ca/root.cer"), content).expect("written");
        let _ = symlink("root.cer", folder.path().join("ca/link.cer"));
        let answer = file(&app, "Root", name).await;
        let location = answer.header("location").to_owned();
        let made = answer.expect_status(201);
        assert_eq!(location, path(&made));
        assert_eq!((&made["sourceType"], &made["filePath"]), (&json!("FilePath"), &json!(name)));
        assert_eq!((&made["isEnabled"], &made["notes"]), (&json!(true), &json!(null)));
        assert_eq!(app.admin().get(&location).await.expect_status(200), made);
        app.admin().get(&format!("{location}/download")).await.expect_error(404, "NOT_FOUND");
    }
    assert_eq!(activities(&app).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_read() {
    let outer = tempfile::tempdir().expect("a folder");
    let root = outer.path().join("files");
    fs::create_dir_all(root.join("folder")).expect("a folder");
    let party = Party::new("x");
    let (one, key) = (own(SERVER), pem("PRIVATE KEY", &party.private()));
    fs::write(outer.path().join("outside.cer"), own(SERVER)).expect("written");
    for (name, content) in [
        ("one.cer", one.clone()),
        ("two.pem", [pem("CERTIFICATE", &one), pem("CERTIFICATE", &own(SERVER))].concat().into_bytes()),
        ("combined.pem", [pem("CERTIFICATE", &one), key].concat().into_bytes()),
        ("text.txt", b"secret words of a payroll".to_vec()),
        ("empty", vec![]),
        ("large.pem", [vec![b'\n'; 1 << 20], pem("CERTIFICATE", &one).into_bytes()].concat()),
    ] {
        fs::write(root.join(name), content).expect("written");
    }
    symlink("../outside.cer", root.join("out.cer")).expect("a link");
    symlink(outer.path().join("outside.cer"), root.join("absolute.cer")).expect("a link");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), mode).expect("a pipe");
    let app = reading(&root).await;
    let absolute = outer.path().join("outside.cer").display().to_string();
    let before = app.dump();
    for (name, said) in [
        ("", "1-4096"),
        (&"x".repeat(4097), "1-4096"),
        ("missing.cer", "does not exist below the connector files folder"),
        (&absolute, "does not exist below"),
        ("../outside.cer", "leads out of"),
        ("/../outside.cer", "leads out of"),
        ("out.cer", "leads out of"),
        ("absolute.cer", "leads out of"),
        ("folder", "is a folder"),
        ("/", "is a folder"),
        ("pipe", "is not a regular file"),
        ("two.pem", "exactly one certificate"),
        ("combined.pem", "private key"),
        ("text.txt", "exactly one certificate"),
        ("empty", "exactly one certificate"),
        ("large.pem", "larger than 1048576 bytes"),
    ] {
        let answer = file(&app, "x", name).await;
        let text = String::from_utf8_lossy(&answer.raw).into_owned();
        assert!(!text.contains("payroll") && !text.contains("files/"), "{text}");
        let fault = answer.expect_fault("filePath");
        assert!(fault.contains(said), "{name}: {fault}");
    }
    for (body, field) in [
        (json!({ "name": "x" }), "filePath"),
        (json!({ "name": "x", "filePath": null }), "filePath"),
        (json!({ "name": "x", "filePath": 1 }), "filePath"),
        (json!({ "filePath": "one.cer" }), "name"),
        (json!({ "name": "n".repeat(256), "filePath": "one.cer" }), "name"),
        (json!({ "name": "x", "filePath": "one.cer", "notes": "n".repeat(2001) }), "notes"),
    ] {
        app.admin().post(&format!("{PATH}/file"), &body).await.expect_fault(field);
    }
    assert_eq!((app.dump(), activities(&app).len()), (before, 0));
    // Once, whichever way it came.
    upload(&app, "x", &one).await.expect_status(201);
    assert!(file(&app, "x", "one.cer").await.expect_fault("filePath").contains("stored already"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_folder_it_is_said_what_to_do() {
    let app = TestApp::start().await;
    let fault = file(&app, "x", "one.cer").await.expect_fault("filePath");
    assert!(fault.contains("[files] root"), "{fault}");
}
