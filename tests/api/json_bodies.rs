//! How request bodies are read: numbers, switches, lengths, repeated names, odd texts. No error repeats a value or
//! grows with what was sent.

use serde_json::json;

use crate::support::program::Place;
use crate::support::{Client, SYSTEMS, TestApp, client};
use crate::tier;

/// Budget of a body, in KiB of memory.
const MEMORY: u64 = 8 * 1024;

/// In every value that is refused, so that an answer that repeats one is noticed.
const MARK: &str = "s3cr3t";

async fn put(client: &Client, path: &str, body: &str) -> crate::support::Answer {
    let answer = client.send("PUT", path, Some(body.to_owned())).await;
    let text = String::from_utf8_lossy(&answer.raw);
    let shown: String = body.chars().take(200).collect();
    assert!(answer.status < 400 || !text.contains(MARK), "{shown}: {text}");
    assert!(answer.status < 400 || answer.raw.len() <= 64 * 1024, "{shown}: {} bytes", answer.raw.len());
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_taken_as_they_are_agreed_or_refused_by_their_field() {
    let app = TestApp::start().await;
    let id = app.create_system("HR").await;
    let (path, admin) = (format!("{SYSTEMS}/{id}"), app.admin());
    let most = "maxExportParallelism";
    for (body, field, stored) in [
        (r#"{"maxExportParallelism":16}"#, most, json!(16)),
        (r#"{"MAXEXPORTPARALLELISM":"1"}"#, most, json!(1)),
        (r#"{"maxExportParallelism":null}"#, most, json!(1)),
        ("{}", most, json!(1)),
        (" \r\n\t{ } \n", most, json!(1)),
        (r#"{"id":99,"status":"s3cr3t","created":5,"x":{"y":[{}]}}"#, "id", json!(id)),
        (r#"{"name":"  Two  words \u00e9\ud83d\ude00 "}"#, "name", json!("Two  words é😀")),
        (r#"{"description":""}"#, "description", json!("")),
        (r#"{"description":null,"name":null}"#, "description", json!("")),
        // Only names that are known are looked at.
        (r#"{"other":1e400,"nul":"\u0000","half":"\ud800","x":1,"x":2,"X":3}"#, "name", json!("Two  words é😀")),
    ] {
        assert_eq!(put(&admin, &path, body).await.expect_status(200)[field], stored, "{body}");
    }
    let dump = app.dump();
    let port = "settingValues.4";
    let switch = "settingValues.5";
    for (body, field) in [
        (r#"{"maxExportParallelism":1.5}"#, most),
        (r#"{"maxExportParallelism":2.0}"#, most),
        (r#"{"maxExportParallelism":1e0}"#, most),
        (r#"{"maxExportParallelism":"1.5s3cr3t"}"#, most),
        (r#"{"maxExportParallelism":" 1"}"#, most),
        (r#"{"maxExportParallelism":"+1"}"#, most),
        (r#"{"maxExportParallelism":""}"#, most),
        (r#"{"maxExportParallelism":"s3cr3t"}"#, most),
        (r#"{"maxExportParallelism":0}"#, most),
        (r#"{"maxExportParallelism":17}"#, most),
        (r#"{"maxExportParallelism":4294967297}"#, most),
        (r#"{"maxExportParallelism":9223372036854775808}"#, most),
        (r#"{"maxExportParallelism":"99999999999999999999"}"#, most),
        (r#"{"maxExportParallelism":-9223372036854775809}"#, most),
        (r#"{"maxExportParallelism":true}"#, most),
        (r#"{"maxExportParallelism":[1]}"#, most),
        (r#"{"maxExportParallelism":{"s3cr3t":1}}"#, most),
        (r#"{"maxExportParallelism":1,"maxExportParallelism":1}"#, most),
        (r#"{"name":"a","NAME":"s3cr3t"}"#, "name"),
        (r#"{"name":5}"#, "name"),
        (r#"{"name":["s3cr3t"]}"#, "name"),
        (r#"{"name":" \t\n "}"#, "name"),
        (r#"{"name":"s3cr3t\u0000"}"#, "name"),
        (r#"{"description":"s3cr3t\u0000"}"#, "description"),
        (r#"{"description":false}"#, "description"),
        (r#"{"settingValues":[]}"#, "settingValues"),
        (r#"{"settingValues":"s3cr3t"}"#, "settingValues"),
        (r#"{"settingValues":{"4":{"intValue":1.5}}}"#, port),
        (r#"{"settingValues":{"4":{"intValue":"s3cr3t"}}}"#, port),
        (r#"{"settingValues":{"4":{"intValue":65536}}}"#, port),
        (r#"{"settingValues":{"4":{"intValue":1,"IntValue":2}}}"#, port),
        (r#"{"settingValues":{"4":{"intValue":1},"4":{"intValue":2}}}"#, port),
        (r#"{"settingValues":{"4":"s3cr3t"}}"#, port),
        (r#"{"settingValues":{"5":{"checkboxValue":"true"}}}"#, switch),
        (r#"{"settingValues":{"5":{"checkboxValue":1}}}"#, switch),
        (r#"{"settingValues":{"5":{"checkboxValue":"s3cr3t"}}}"#, switch),
        (r#"{"settingValues":{"3":{"stringValue":["s3cr3t"]}}}"#, "settingValues.3"),
        (r#"{"settingValues":{"+4":{"intValue":1}}}"#, "settingValues.+4"),
        (r#"{"settingValues":{"04":{"intValue":1}}}"#, "settingValues.04"),
        (r#"{"settingValues":{"4.0":{"intValue":1}}}"#, "settingValues.4.0"),
        (r#"{"settingValues":{"Port":{"intValue":1}}}"#, "settingValues.Port"),
        (r#"{"settingValues":{"99":{"intValue":1}}}"#, "settingValues.99"),
        (r#"{"maxExportParallelism":1e999}"#, "body"),
        (r#"{"maxExportParallelism":-1e-999}"#, most),
        (r#"{"name":1e999}"#, "body"),
        (r#"{"settingValues":{"4":{"intValue":1e999}}}"#, "body"),
        (r#"{"settingValues":{"4":{"intValue":9223372036854775808}}}"#, port),
        (r#"{"name":"\udc00s3cr3t"}"#, "body"),
        (r#"{"name":"\ud83d\ud83ds3cr3t"}"#, "body"),
        (r#"{"na\u0000me":1,"name":"s3cr3t\u0000"}"#, "name"),
        (r#"{"name":"\ud800s3cr3t"}"#, "body"),
        (r#"{"name":"s3cr3t"#, "body"),
        (r#"{"name":"x"}{}"#, "body"),
        (r#"{"name":"x",}"#, "body"),
        (r#"{'name':'s3cr3t'}"#, "body"),
        (r#"{"name":NaN}"#, "body"),
        ("{\"name\":\"s3cr3t\n\"}", "body"),
        ("\u{feff}\u{feff}{\"name\":\"s3cr3t\"}", "body"),
        ("", "body"),
        ("null", "body"),
        ("[]", "body"),
        (r#"[{"name":"s3cr3t"}]"#, "body"),
        (r#""s3cr3t""#, "body"),
        ("true", "body"),
        ("5", "body"),
    ] {
        put(&admin, &path, body).await.expect_fault(field);
    }
    assert_eq!(app.dump(), dump, "a refused request writes nothing");
    // Every error is in one answer.
    let faults = put(
        &admin,
        &path,
        r#"{"name":5,"description":5,"maxExportParallelism":0,"settingValues":{"4":{"intValue":0}}}"#,
    );
    let faults = faults.await.expect_status(400)["validationErrors"].clone();
    let fields: Vec<&String> = faults.as_object().expect("faults").keys().collect();
    assert_eq!(fields, ["description", most, "name", port]);
    // Numbers as text are taken inside settings as well.
    let taken = put(&admin, &path, r#"{"settingValues":{"4":{"INTVALUE":"0636"}}}"#).await.expect_status(200);
    assert_eq!(taken["settingValues"]["4"]["intValue"], 636);
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_count_code_points_and_depth_counts_brackets() {
    let app = TestApp::start().await;
    let id = app.create_system("HR").await;
    let (path, admin) = (format!("{SYSTEMS}/{id}"), app.admin());
    for letter in ["x", "漢", "😀", "é"] {
        for (field, most) in [("name", 200), ("description", 1000)] {
            let longest = letter.repeat(most);
            // A name is trimmed before it is counted.
            let sent = if field == "name" { format!("  {longest}\n") } else { longest.clone() };
            let answer = admin.put(&path, &json!({ field: sent })).await.expect_status(200);
            assert_eq!(answer[field], longest);
            admin.put(&path, &json!({ field: letter.repeat(most + 1) })).await.expect_fault(field);
        }
        let body = json!({ "name": letter.repeat(201), "connectorDefinitionId": 3 });
        admin.post(SYSTEMS, &body).await.expect_fault("name");
    }
    for (open, close) in [("[", "]"), (r#"{"x":"#, "}")] {
        for (depth, fine) in [(64, true), (65, false), (5000, false)] {
            let inner = if open == "[" { "" } else { "1" };
            let body = format!(r#"{{"x":{}{inner}{}}}"#, open.repeat(depth - 1), close.repeat(depth - 1));
            let answer = put(&admin, &path, &body).await;
            match fine {
                true => drop(answer.expect_status(200)),
                false => drop(answer.expect_fault("body")),
            }
        }
    }
    // Brackets in texts are no depth.
    let text = "[{\\\"".repeat(40);
    put(&admin, &path, &format!(r#"{{"name":"{text}"}}"#)).await.expect_status(200);
}

/// Bodies as large as they may be: many fields, long ones, deep ones, many faults.
#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_cost_little_and_are_answered_in_short() {
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let server = place.serve();
    let client = server.client(&server.key());
    let made = client.post(SYSTEMS, &json!({ "name": "HR", "connectorDefinitionId": 3 })).await.expect_status(201);
    let path = format!("{SYSTEMS}/{}", made["id"]);
    let many = |member: &dyn Fn(u32) -> String, n: u32| (0..n).map(member).collect::<Vec<_>>().join(",");
    let most = 2 * 1024 * 1024 - 100;
    let unknown = many(&|n| format!("\"{n:x}\":0"), 200_000);
    let (long, deep) = ("s3cr3t".repeat(most / 6), "[".repeat(most));
    let cases = [
        ("200,000 unknown fields", format!("{{{unknown},\"name\":\"Renamed\"}}"), ""),
        ("as many unknown settings", format!("{{\"settingValues\":{{{unknown}}}}}"), "settingValues"),
        ("as many of one name", format!("{{{}}}", many(&|_| "\"name\":0".to_owned(), 200_000)), "name"),
        ("a long text", format!("{{\"name\":\"{long}\"}}"), "name"),
        ("a long number", format!("{{\"maxExportParallelism\":{}}}", "1".repeat(most)), "body"),
        (
            "a long number as a text",
            format!("{{\"maxExportParallelism\":\"{}\"}}", "1".repeat(most)),
            "maxExportParallelism",
        ),
        ("a long unknown name", format!("{{\"{long}\":0}}"), ""),
        ("deep brackets", format!("{{\"x\":{deep}"), "body"),
        ("a list where a text belongs", format!("{{\"name\":[{}]}}", many(&|_| "0".to_owned(), 900_000)), "name"),
    ];
    let before = server.quiet_memory();
    let (mut grew, mut longest) = (0, 0);
    for (what, body, fault) in &cases {
        assert!(body.len() <= 2 * 1024 * 1024, "{what}: {}", body.len());
        let answer = put(&client, &path, body).await;
        longest = longest.max(answer.raw.len());
        match fault.is_empty() {
            true => drop(answer.expect_status(200)),
            false => drop(answer.expect_fault(fault)),
        }
        let now = server.memory().saturating_sub(before);
        println!("{what}: memory +{now} KiB");
        if what.contains("unknown fields") {
            tier::budget(now <= MEMORY, format!("{what}: memory +{now} KiB"));
        }
        grew = grew.max(now);
    }
    // A dictionary may have as many members, each of which may be at fault.
    let bulk = format!("{path}/containers/bulk-update");
    let answer = client.send("POST", &bulk, Some(format!("{{\"containers\":{{{unknown}}}}}"))).await;
    longest = longest.max(answer.raw.len());
    answer.expect_fault("containers.0");
    let now = server.memory().saturating_sub(before);
    println!("as many keys of containers: memory +{now} KiB");
    grew = grew.max(now);
    // The name of a setting is a key, which a fault names; a long one is not repeated in full.
    let body = format!("{{\"settingValues\":{{\"{}\":{{}}}}}}", "k".repeat(most));
    let answer = put(&client, &path, &body).await;
    longest = longest.max(answer.raw.len());
    assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some("VALIDATION_ERROR")));
    tier::figure(format!("bodies of up to 2 MiB: memory +{grew} KiB at most, longest answer {longest} bytes"));
    assert_eq!(client.get(&path).await.expect_status(200)["name"], "Renamed");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_are_no_json() {
    let app = TestApp::start().await;
    let id = app.create_system("HR").await;
    let http = client::unchecked();
    for field in ["name", "other"] {
        for bytes in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"] {
            let body = [b"{\"", field.as_bytes(), b"\":\"s3cr3t", bytes, b"\"}"].concat();
            let request = http.put(format!("http://{}{SYSTEMS}/{id}", app.address)).header("X-Api-Key", &app.key);
            let answer = request.body(body).send().await.expect("an answer");
            let (status, text) = (answer.status().as_u16(), answer.text().await.expect("text"));
            assert!(status == 400 && text.contains("VALIDATION_ERROR") && !text.contains(MARK), "{field}: {text}");
        }
    }
}
