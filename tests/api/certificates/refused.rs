//! What is not taken, and that nothing of it stays or comes back.

use jim::store::certificates::{self as store, Certificate};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::made::{AUTHORITY, Party, SERVER, own, pem};
use super::{PATH, activities, base64, upload, uploaded};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_accepted() {
    let app = TestApp::start().await;
    let data = base64(own(SERVER));
    let before = app.dump();
    for (body, fields) in [
        (json!({}), &["name", "certificateDataBase64"][..]),
        (json!({ "name": null, "certificateDataBase64": null }), &["name", "certificateDataBase64"]),
        (json!({ "name": "", "certificateDataBase64": data }), &["name"]),
        (json!({ "name": " ", "certificateDataBase64": data }), &["name"]),
        (json!({ "name": "n".repeat(256), "certificateDataBase64": data }), &["name"]),
        (json!({ "name": 1, "certificateDataBase64": 1, "notes": 1 }), &["name", "certificateDataBase64", "notes"]),
        (json!({ "name": "x", "certificateDataBase64": data, "notes": "n".repeat(2001) }), &["notes"]),
        (json!({ "name": "x", "certificateDataBase64": "" }), &["certificateDataBase64"]),
        (json!({ "name": "x", "certificateDataBase64": "%%%" }), &["certificateDataBase64"]),
        (json!({ "name": "x", "certificateDataBase64": format!("{data}A") }), &["certificateDataBase64"]),
        (
            json!({ "name": "x", "certificateDataBase64": data.trim_end_matches('=').to_owned() + "=A" }),
            &["certificateDataBase64"],
        ),
        (json!({ "name": "x", "certificateDataBase64": "A".repeat(1_048_580) }), &["certificateDataBase64"]),
        (json!("x"), &["body"]),
    ] {
        let answer = app.admin().post(&format!("{PATH}/upload"), &body).await;
        let faults = answer.body["validationErrors"].clone();
        let said: Vec<String> = faults.as_object().expect("faults").keys().cloned().collect();
        let mut wanted: Vec<&str> = fields.to_vec();
        wanted.sort();
        assert_eq!(said, wanted, "{faults}");
        answer.expect_error(400, "VALIDATION_ERROR");
    }
    app.admin().send("POST", &format!("{PATH}/upload"), None).await.expect_fault("body");
    assert_eq!((app.dump(), activities(&app).len()), (before, 0));
    // At the limits it is taken.
    let padded = format!("{}{}", " ".repeat(1_048_576 - data.len()), data);
    let body = json!({ "name": "ü".repeat(255), "certificateDataBase64": padded, "notes": "ü".repeat(2000) });
    let made = app.admin().post(&format!("{PATH}/upload"), &body).await.expect_status(201);
    assert_eq!(made["name"].as_str().map(|n| n.chars().count()), Some(255));
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_but_one_certificate() {
    let app = TestApp::start().await;
    let (one, other, party) = (own(SERVER), own(AUTHORITY), Party::new("x"));
    let block = |label: &str| format!("{}{}", pem("CERTIFICATE", &one), pem(label, &party.private()));
    let one_text = "exactly one certificate";
    let key_text = "private key";
    let private_der = base64(party.private());
    let before = app.dump();
    for (what, bytes, said) in [
        ("nothing", vec![0], one_text),
        ("text", b"a certificate, honestly".to_vec(), one_text),
        ("an empty sequence", vec![0x30, 0], one_text),
        ("half of one", one[..one.len() / 2].to_vec(), one_text),
        ("one and a byte", [&one[..], &[0]].concat(), one_text),
        ("two in DER", [&one[..], &other].concat(), one_text),
        ("two in PEM", [pem("CERTIFICATE", &one), pem("CERTIFICATE", &other)].concat().into_bytes(), one_text),
        ("the same twice", pem("CERTIFICATE", &one).repeat(2).into_bytes(), one_text),
        ("no certificate in PEM", pem("PUBLIC KEY", &[0x30, 0]).into_bytes(), one_text),
        ("something else of that name", pem("CERTIFICATE", &party.private()).into_bytes(), key_text),
        ("broken PEM", pem("CERTIFICATE", &one).replace("-----END", "-----FIN").into_bytes(), "not valid PEM"),
        ("a key beside it", block("PRIVATE KEY").into_bytes(), key_text),
        ("an encrypted key beside it", block("ENCRYPTED PRIVATE KEY").into_bytes(), key_text),
        ("an EC key beside it", block("EC PRIVATE KEY").into_bytes(), key_text),
        ("a key alone", pem("RSA PRIVATE KEY", &party.private()).into_bytes(), key_text),
        ("a key in DER", party.private(), key_text),
        ("nested without end", [0x30, 0x82, 0xff, 0xff].repeat(10_000), one_text),
    ] {
        let answer = upload(&app, "x", &bytes).await;
        assert!(!String::from_utf8_lossy(&answer.raw).contains(&private_der), "{what}");
        let fault = answer.expect_fault("certificateDataBase64");
        assert!(fault.contains(said), "{what}: {fault}");
    }
    assert_eq!((app.dump(), activities(&app).len()), (before, 0));
    for file in std::fs::read_dir(app.folder()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).unwrap_or_default();
        assert!(!bytes.windows(48).any(|w| w == &party.private()[..48]), "a private key was written down");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_stored_once_when_sixteen_send_it_at_once() {
    let app = TestApp::start().await;
    let certificate = own(SERVER);
    let calls = (0..16).map(|n| {
        let bytes = if n % 2 == 0 { certificate.clone() } else { pem("CERTIFICATE", &certificate).into_bytes() };
        let body = json!({ "name": format!("number {n}"), "certificateDataBase64": base64(bytes) });
        let client = app.admin();
        tokio::spawn(async move { client.post(&format!("{PATH}/upload"), &body).await })
    });
    let mut accepted = 0;
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.expect("an answer");
        if answer.status == 201 {
            accepted += 1;
        } else {
            assert!(answer.expect_fault("certificateDataBase64").contains("stored already"));
        }
    }
    let list = app.admin().get(PATH).await.expect_status(200);
    assert_eq!((accepted, &list["totalCount"], activities(&app).len()), (1, &json!(1), 1));
    // A disabled one is stored too; a deleted one is not.
    let path = super::path(&list["items"][0]);
    app.admin().patch(&path, &json!({ "isEnabled": false })).await.expect_status(204);
    upload(&app, "again", &certificate).await.expect_fault("certificateDataBase64");
    app.admin().delete(&path).await.expect_status(204);
    uploaded(&app, "again", &certificate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_are_enough() {
    let app = TestApp::start().await;
    let row = |n: usize| Certificate {
        id: Uuid::new_v4(),
        name: format!("number {n}"),
        thumbprint: format!("{n:040X}"),
        subject: "CN=x".to_owned(),
        issuer: "CN=x".to_owned(),
        serial_number: "01".to_owned(),
        valid_from: OffsetDateTime::UNIX_EPOCH,
        valid_to: OffsetDateTime::UNIX_EPOCH,
        is_authority: true,
        file_path: None,
        is_enabled: true,
        created_at: OffsetDateTime::now_utc(),
        created_by: None,
        notes: None,
    };
    let filled = app.app.db.write(move |tx| (0..999).try_for_each(|n| store::insert(tx, &row(n), &[0x30, 0])));
    filled.await.expect("written");
    uploaded(&app, "the last", own(SERVER)).await;
    let message = upload(&app, "one more", own(SERVER)).await.expect_error(400, "BAD_REQUEST");
    assert!(message.contains("1000 certificates"), "{message}");
    assert_eq!(app.admin().get(PATH).await.expect_status(200)["totalCount"], 1000);
    let enabled = app.admin().get(&format!("{PATH}/enabled")).await.expect_status(200);
    assert_eq!(enabled.as_array().map(Vec::len), Some(1000));
}
