//! What each endpoint answers, and what it leaves behind.

use serde_json::{Value, json};

use super::made::{AUTHORITY, SERVER, Wish, own, pem};
use super::{PATH, activities, base64, names, path, upload, uploaded};
use crate::support::TestApp;

/// Made by OpenSSL, as is what is said of it below.
const KNOWN: &str = include_str!("known.pem");

/// The DER form of one block of PEM.
fn der(pem: &str) -> Vec<u8> {
    use base64::Engine;
    let text: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}

async fn list(app: &TestApp, query: &str) -> Value {
    app.admin().get(&format!("{PATH}?{query}")).await.expect_status(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_as_openssl_shows_it() {
    let app = TestApp::start().await;
    // DER, and PEM with lines around it and base64 in lines.
    let around = format!("subject=somebody\r\n{}\r\n", KNOWN.replace('\n', "\r\n"));
    let folded: Vec<String> =
        base64(&around).as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l).into()).collect();
    let mut kept = None;
    for text in [base64(der(KNOWN)), base64(KNOWN), folded.join("\r\n")] {
        let body =
            json!({ "NAME": "  Beispiel ", "certificateDataBase64": text, "notes": "from HR", "isEnabled": false });
        let answer = app.admin().post(&format!("{PATH}/upload"), &body).await;
        let location = answer.header("location").to_owned();
        let mut made = answer.expect_status(201);
        assert_eq!(location, path(&made));
        assert_eq!(app.admin().get(&location).await.expect_status(200), made);
        assert_eq!(app.admin().get(&location.to_uppercase()).await.expect_status(200), made);
        let content = app.admin().get(&format!("{location}/download")).await;
        assert_eq!(content.raw, der(KNOWN), "PEM is kept as DER");
        assert!(made["createdAt"].take().as_str().is_some_and(|c| c.ends_with('Z')));
        assert!(made["daysUntilExpiry"].take().as_i64().is_some_and(|days| days > 30_000));
        let id = made["id"].take();
        assert!(id.as_str().is_some_and(|id| id.len() == 36 && id.to_lowercase() == id), "{id}");
        let expected = json!({ "id": null, "name": "Beispiel",
            "thumbprint": "A6C2AFB52273DFFF3A0179364E8D55CFA695320F",
            "subject": "C=DE, O=Beispiel GmbH, CN=Beispiel Root CA",
            "issuer": "C=DE, O=Beispiel GmbH, CN=Beispiel Root CA",
            "serialNumber": "E1D2C3B4A5", "validFrom": "2026-11-21T18:42:44Z", "validTo": "2126-10-28T18:42:44Z",
            "sourceType": "Uploaded", "filePath": null, "isEnabled": true, "createdAt": null,
            "createdBy": "Bootstrap Key", "notes": "from HR", "isExpired": false, "isExpiringSoon": false,
            "daysUntilExpiry": null });
        assert_eq!(made, expected);
        if let Some(before) = kept.replace(id.clone()) {
            assert_ne!(before, id, "ids are never used twice");
        }
        app.admin().delete(&location).await.expect_status(204);
        app.admin().get(&location).await.expect_error(404, "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_shown_in_days() {
    let app = TestApp::start().await;
    for (end, expired, soon, days) in
        [(-10, true, false, -10), (0, true, false, -1), (10, false, true, 9), (31, false, false, 30)]
    {
        let made = upload(&app, "x", own(Wish { days: (-20, end), ..SERVER })).await.expect_status(201);
        // A second may have gone by since it was made, and more on a busy machine.
        let told = made["daysUntilExpiry"].as_i64().expect("days");
        let near = told == days || (end == -10 && told == -11);
        assert!(near, "{end}: {told}");
        assert_eq!((&made["isExpired"], &made["isExpiringSoon"]), (&json!(expired), &json!(soon)), "{end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_filtered_and_in_order() {
    let app = TestApp::start().await;
    assert_eq!(list(&app, "").await["totalCount"], 0);
    let mut paths = Vec::new();
    for (n, name) in ["bravo", "Alpha", "charlie", "Alpha"].iter().enumerate() {
        let wish = Wish { days: (-1, 40 - 10 * n as i64), ..AUTHORITY };
        paths.push(uploaded(&app, name, own(wish)).await);
    }
    app.admin().patch(&paths[2], &json!({ "isEnabled": false })).await.expect_status(204);
    let ids: Vec<&str> = paths.iter().map(|p| p.rsplit('/').next().expect("an id")).collect();
    let by_id = |query: &'static str| {
        let app = &app;
        async move {
            let page = list(app, query).await;
            let items = page["items"].as_array().expect("items").clone();
            items.iter().map(|c| c["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
        }
    };
    let (mut alphas, order) =
        (vec![ids[1], ids[3]], |list: &[&str]| list.iter().map(|&i| i.to_owned()).collect::<Vec<_>>());
    alphas.sort();
    assert_eq!(by_id("").await, order(&[alphas[0], alphas[1], ids[0], ids[2]]), "by name, ties by id");
    assert_eq!(by_id("sortDirection=desc").await, order(&[ids[2], ids[0], alphas[1], alphas[0]]));
    assert_eq!(by_id("pageSize=1&page=3").await, order(&[ids[0]]));
    assert_eq!(by_id("pageSize=1000").await.len(), 4);
    for sort in ["validTo", "DAYSUNTILEXPIRY"] {
        let query: &'static str = Box::leak(format!("sortBy={sort}").into_boxed_str());
        assert_eq!(by_id(query).await, order(&[ids[3], ids[2], ids[1], ids[0]]), "{sort}");
    }
    assert_eq!(by_id("sortBy=createdAt&sortDirection=DESC").await, order(&[ids[3], ids[2], ids[1], ids[0]]));
    assert_eq!(by_id("sortBy=isEnabled").await[0], ids[2]);
    assert_eq!(by_id("filter=isEnabled:eq:False").await, order(&[ids[2]]));
    assert_eq!(by_id("filter=isEnabled:ne:false").await.len(), 3);
    assert_eq!(by_id("filter=isExpiringSoon:eq:true").await.len(), 3);
    let upper: &'static str = Box::leak(format!("filter=ID:EQ:{}", ids[1].to_uppercase()).into_boxed_str());
    assert_eq!(by_id(upper).await, order(&[ids[1]]));
    assert_eq!(by_id("filter=sourceType:eq:uploaded").await.len(), 4);
    assert_eq!(by_id("filter=isEnabled:gt:false").await.len(), 0, "no operator of a switch: looked for in the name");
    assert_eq!(by_id("filter=LPH").await.len(), 2);
    for query in ["page=x", "pageSize=1.5", "sortDirection=up"] {
        let field = query.split('=').next().expect("a name");
        app.admin().get(&format!("{PATH}?{query}")).await.expect_fault(field);
    }
    let page = list(&app, "pageSize=3").await;
    assert_eq!((&page["totalCount"], &page["totalPages"], &page["hasNextPage"]), (&json!(4), &json!(2), &json!(true)));
    let first = app.admin().get(&paths[0]).await.expect_status(200);
    assert_eq!(page["items"][2], first, "whole objects");
    let enabled = app.admin().get(&format!("{PATH}/enabled")).await.expect_status(200);
    assert_eq!(names(&enabled), ["Alpha", "Alpha", "bravo"]);
    assert_eq!(enabled[2], first);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_partial() {
    let app = TestApp::start().await;
    let path = uploaded(&app, "One", own(AUTHORITY)).await;
    let mut expected = app.admin().get(&path).await.expect_status(200);
    let long = "ü".repeat(255);
    for (body, field, value) in [
        (json!({}), "name", json!("One")),
        (json!({ "name": null, "notes": null, "isEnabled": null }), "name", json!("One")),
        (json!({ "name": "  Two " }), "name", json!("Two")),
        (json!({ "Notes": " why " }), "notes", json!(" why ")),
        (json!({ "isEnabled": false }), "isEnabled", json!(false)),
        (json!({ "name": long }), "name", json!(long)),
        (json!({ "notes": "" }), "notes", json!(null)),
        (json!({ "notes": "n".repeat(2000) }), "notes", json!("n".repeat(2000))),
        (json!({ "isEnabled": true, "thumbprint": "x", "filePath": "x" }), "isEnabled", json!(true)),
    ] {
        assert!(app.admin().patch(&path, &body).await.expect_status(204).is_null());
        expected[field] = value;
        assert_eq!(app.admin().get(&path).await.expect_status(200), expected, "{body}");
    }
    let before = app.dump();
    for (body, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "  " }), "name"),
        (json!({ "name": "n".repeat(256) }), "name"),
        (json!({ "name": 5 }), "name"),
        (json!({ "notes": "n".repeat(2001) }), "notes"),
        (json!({ "notes": [] }), "notes"),
        (json!({ "isEnabled": "true" }), "isEnabled"),
        (json!({ "isEnabled": 1, "name": "fine" }), "isEnabled"),
        (json!([]), "body"),
    ] {
        app.admin().patch(&path, &body).await.expect_fault(field);
    }
    app.admin().send("PATCH", &path, None).await.expect_fault("body");
    assert_eq!(app.dump(), before, "a refused request changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_404() {
    let app = TestApp::start().await;
    uploaded(&app, "One", own(AUTHORITY)).await;
    for id in ["00000000-0000-0000-0000-000000000000", "1", "nonsense"] {
        let path = format!("{PATH}/{id}");
        for (method, path) in [
            ("GET", path.clone()),
            ("PATCH", path.clone()),
            ("DELETE", path.clone()),
            ("GET", format!("{path}/validate")),
            ("GET", format!("{path}/download")),
        ] {
            let body = (method == "PATCH").then(|| "{}".to_owned());
            let answer = app.admin().send(method, &path, body).await;
            // What takes a POST is there, and is no certificate.
            match path.ends_with("/upload") || path.ends_with("/file") {
                true => answer.expect_error(405, "METHOD_NOT_ALLOWED"),
                false => answer.expect_error(404, "NOT_FOUND"),
            };
        }
    }
    // A path that is said literally is no id.
    for (name, verb) in [("upload", "POST"), ("file", "POST"), ("enabled", "GET, HEAD")] {
        let wrong = app.admin().send("PATCH", &format!("{PATH}/{name}"), Some("{}".to_owned())).await;
        assert_eq!(wrong.header("allow"), verb, "{name}");
        wrong.expect_error(405, "METHOD_NOT_ALLOWED");
    }
    let wrong = app.admin().send("PUT", &format!("{PATH}/00000000-0000-0000-0000-000000000000"), None).await;
    let allowed = wrong.header("allow").to_owned();
    assert!(allowed.contains("PATCH") && allowed.contains("DELETE"), "{allowed}");
    wrong.expect_error(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_a_file() {
    let app = TestApp::start().await;
    let certificate = own(SERVER);
    let path = uploaded(&app, "Root", pem("CERTIFICATE", &certificate)).await;
    let download = format!("{path}/download");
    for (name, disposition) in [
        ("Root", "attachment; filename=\"Root.cer\""),
        ("../a\"b\r\nX: y", "attachment; filename=\"_._a_b__X_ y.cer\""),
        ("Wurzel Ö", "attachment; filename=\"Wurzel _.cer\"; filename*=UTF-8''Wurzel%20%C3%96.cer"),
    ] {
        app.admin().patch(&path, &json!({ "name": name })).await.expect_status(204);
        let answer = app.admin().get(&download).await;
        assert_eq!((answer.status, answer.header("content-disposition")), (200, disposition));
        assert_eq!(answer.header("content-type"), "application/x-x509-ca-cert");
        assert_eq!(answer.raw, certificate);
    }
    let head = app.admin().send("HEAD", &download, None).await;
    assert_eq!((head.status, head.raw.len(), head.header("x-powered-by")), (200, 0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_an_activity() {
    let app = TestApp::start().await;
    let certificate = own(SERVER);
    let path = uploaded(&app, "One", &certificate).await;
    upload(&app, "Again", &certificate).await.expect_fault("certificateDataBase64");
    app.admin().patch(&path, &json!({})).await.expect_status(204);
    app.admin().patch(&path, &json!({ "name": "Two" })).await.expect_status(204);
    app.admin().patch(&path, &json!({ "name": "" })).await.expect_fault("name");
    app.admin().get(&format!("{path}/validate")).await.expect_status(200);
    app.admin().get(&format!("{path}/download")).await;
    app.admin().delete(&path).await.expect_status(204);
    app.admin().delete(&path).await.expect_error(404, "NOT_FOUND");
    let expected = [("Create", "One"), ("Update", "One"), ("Update", "Two"), ("Delete", "Two")];
    let expected = expected.map(|(what, name)| [what, name, "Bootstrap Key", "Complete"].map(str::to_owned));
    assert_eq!(activities(&app), expected);
}
