//! The settings of the service: what there is, what each accepts, when a change acts and what it leaves behind.

use serde_json::{Value, json};

use crate::support::program::Place;
use crate::support::{Client, TestApp};

const SETTINGS: &str = "/api/v1/service-settings";

/// key, display name, category, type, default.
const ALL: [[&str; 5]; 10] = [
    ["Instance.Name", "Instance Name", "Maintenance", "String", "JIM"],
    ["History.RetentionPeriod", "History Retention Period", "History", "TimeSpan", "90.00:00:00"],
    ["RateLimiting.Enabled", "Rate Limiting Enabled", "Security", "Boolean", "true"],
    ["RateLimiting.AuthenticatedPerMinute", "Authenticated Requests Per Minute", "Security", "Integer", "60000"],
    ["RateLimiting.UnauthenticatedPerMinute", "Unauthenticated Requests Per Minute", "Security", "Integer", "600"],
    ["Sync.PartitionValidationMode", "Partition Validation Mode", "Synchronisation", "String", "Error"],
    ["ChangeTracking.SyncOutcomes.Level", "Sync Outcome Level", "Synchronisation", "String", "Detailed"],
    ["Guard.RemovalMinimum", "Removal Minimum", "Guard", "Integer", "5"],
    ["Guard.RemovalPercent", "Removal Percent", "Guard", "Integer", "10"],
    ["Guard.RemovalMaximum", "Removal Maximum", "Guard", "Integer", "500"],
];

fn path(key: &str) -> String {
    format!("{SETTINGS}/{key}")
}

async fn put(client: &Client, key: &str, value: Value) -> Value {
    client.put(&path(key), &json!({ "value": value })).await.expect_status(200)
}

/// Value, effective value, whether it is overridden.
fn state(setting: &Value) -> (&Value, &Value, &Value) {
    (&setting["value"], &setting["effectiveValue"], &setting["isOverridden"])
}

/// Operation, target name, key's name and connected system of every activity, oldest first.
fn activities(app: &TestApp) -> Vec<[Option<String>; 6]> {
    let system = |id: Option<i64>| id.map(|n| n.to_string());
    let all = app.activities().into_iter();
    all.map(|a| [Some(a.target_type), Some(a.operation), a.target_name, Some(a.status), a.by_name, system(a.system)])
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_listed_in_their_order() {
    let app = TestApp::start().await;
    let list = app.admin().get(SETTINGS).await.expect_status(200);
    let list = list.as_array().expect("a bare array");
    assert_eq!(list.len(), ALL.len());
    for (setting, [key, display_name, category, value_type, default]) in list.iter().zip(ALL) {
        let mut seen = setting.clone();
        assert!(seen["description"].take().as_str().is_some_and(|d| !d.is_empty()), "{key}");
        let expected = json!({ "key": key, "displayName": display_name, "category": category, "description": null,
            "valueType": value_type, "defaultValue": default, "value": null, "effectiveValue": default,
            "isReadOnly": false, "isOverridden": false });
        assert_eq!(seen, expected);
        assert_eq!(app.admin().get(&path(key)).await.expect_status(200), *setting);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_accepts_what_its_type_allows() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let [name, retention, enabled, per_key, per_address, check, level, minimum, percent, maximum] = ALL.map(|s| s[0]);
    let hundred = "é".repeat(100);
    for (key, sent, stored) in [
        (name, "x", "x"),
        (name, &hundred, &hundred),
        (name, " Lab \r\n\u{1b}[31m", " Lab \r\n\u{1b}[31m"),
        (retention, "1.00:00:00", "1.00:00:00"),
        (retention, "0400.12:30:15.25", "400.12:30:15.2500000"),
        (enabled, "True", "true"),
        (enabled, "FALSE", "false"),
        // Nothing is counted now.
        (per_key, "1", "1"),
        (per_address, "1000000", "1000000"),
        (per_address, "0600", "600"),
        (check, "warning", "Warning"),
        (level, "STANDARD", "Standard"),
        (minimum, "0", "0"),
        (percent, "100", "100"),
        (maximum, "1000000", "1000000"),
    ] {
        let put = put(&admin, key, json!(sent)).await;
        let overridden = json!(stored != put["defaultValue"]);
        assert_eq!(state(&put), (&json!(stored), &json!(stored), &overridden), "{key}: {sent}");
        assert_eq!(admin.get(&path(key)).await.expect_status(200), put);
    }
    let (before, told) = (admin.get(SETTINGS).await.expect_status(200), activities(&app).len());
    let long = "1".repeat(2_001);
    for (key, wrong) in [
        (name, json!("é".repeat(101))),
        (name, json!("a\u{0}b")),
        (name, json!(5)),
        (name, json!(["x"])),
        (name, json!(long)),
        (retention, json!("0.23:59:59")),
        (retention, json!("90")),
        (retention, json!("-90.00:00:00")),
        (retention, json!("99999999.00:00:00")),
        (enabled, json!(true)),
        (enabled, json!("yes")),
        (enabled, json!(" true")),
        (per_key, json!("0")),
        (per_key, json!("1000001")),
        (per_key, json!("-1")),
        (per_key, json!("+1")),
        (per_key, json!("1.0")),
        (per_key, json!("1e3")),
        (per_key, json!(" 1")),
        (per_key, json!(7)),
        (per_address, json!("99999999999999999999")),
        (check, json!("Ignore")),
        (level, json!("All")),
        (percent, json!("101")),
        (maximum, json!("-1")),
    ] {
        admin.put(&path(key), &json!({ "value": wrong })).await.expect_fault("value");
    }
    admin.send("PUT", &path(name), None).await.expect_fault("body");
    admin.put(&path(name), &json!([])).await.expect_fault("body");
    admin.send("PUT", &path(name), Some("{\"value\":\"a\",\"Value\":\"b\"}".to_owned())).await.expect_fault("value");
    assert_eq!(admin.get(SETTINGS).await.expect_status(200), before, "a refused value changes nothing");
    assert_eq!(activities(&app).len(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_clears_and_delete_reverts() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let default = admin.get(&path("Instance.Name")).await.expect_status(200);
    for body in [json!({ "value": "" }), json!({ "value": null }), json!({}), json!({ "other": "x" })] {
        put(&admin, "Instance.Name", json!("Lab")).await;
        assert_eq!(admin.put(&path("Instance.Name"), &body).await.expect_status(200), default, "{body}");
    }
    // Set to what it is anyway: it has a value and is not overridden.
    let same = put(&admin, "Instance.Name", json!("JIM")).await;
    assert_eq!(state(&same), (&json!("JIM"), &json!("JIM"), &json!(false)));
    let named = admin.send("PUT", &path("Instance.Name"), Some("{\"VALUE\":\"Lab\"}".to_owned())).await;
    assert_eq!(named.expect_status(200)["isOverridden"], true);
    for _ in 0..2 {
        assert_eq!(admin.delete(&path("Instance.Name")).await.expect_status(200), default);
    }
    let line = |operation: &str| {
        ["ServiceSetting", operation, "Instance Name", "Complete", "Bootstrap Key"].map(|t| Some(t.to_owned()))
    };
    let mut expected = vec![line("Update"); 10];
    expected.extend(vec![line("Revert"); 2]);
    let seen = activities(&app);
    assert!(seen.iter().all(|a| a[5].is_none()));
    let seen: Vec<_> = seen.into_iter().map(|[a, b, c, d, e, _]| [a, b, c, d, e]).collect();
    assert_eq!(seen, expected, "one activity for each accepted change, also for those that change nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_taken_by_their_letters() {
    let app = TestApp::start().await;
    let admin = app.admin();
    for unknown in ["instance.name", "INSTANCE.NAME", "Instance.Name%20", "Instance", "x", "%0D%0A"] {
        admin.get(&path(unknown)).await.expect_error(404, "NOT_FOUND");
        admin.delete(&path(unknown)).await.expect_error(404, "NOT_FOUND");
        admin.put(&path(unknown), &json!({ "value": "x" })).await.expect_error(404, "NOT_FOUND");
        // The form of the body comes first.
        admin.put(&path(unknown), &json!({ "value": 1 })).await.expect_fault("value");
    }
    admin.get("/API/V1/Service-Settings/Instance%2EName/").await.expect_status(200);
    admin.post(SETTINGS, &json!({})).await.expect_error(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_in_force_and_on_disk_when_it_is_answered() {
    let app = TestApp::start().await;
    let admin = app.admin();
    // Changes at once: whichever was answered last is what every caller sees, here and after a restart.
    for round in 0..10 {
        let changes = (0..8).map(|n| {
            let admin = admin.clone();
            tokio::spawn(async move {
                let sent = format!("{round} {n}");
                assert_eq!(put(&admin, "Instance.Name", json!(sent)).await["value"], sent);
            })
        });
        for change in changes.collect::<Vec<_>>() {
            change.await.expect("an answer");
        }
        let stored = app.stored().service_settings();
        assert!(stored.values().eq([&app.app.settings.now().instance_name]), "{stored:?}");
    }
    put(&admin, "History.RetentionPeriod", json!("2.00:00:00")).await;
    put(&admin, "RateLimiting.AuthenticatedPerMinute", json!("7000")).await;
    let before = admin.get(SETTINGS).await.expect_status(200);
    let app = app.restart().await;
    assert_eq!(app.admin().get(SETTINGS).await.expect_status(200), before);
    let now = app.app.settings.now();
    assert_eq!((now.history_retention.as_secs(), now.per_key, now.per_address), (2 * 86_400, 7_000, 600));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleanup_keeps_what_the_retention_period_says() {
    let app = TestApp::start().await;
    let cleanup = async || {
        let done = app.admin().send("POST", "/api/v1/history/cleanup", None).await.expect_status(200);
        // As dates are written, and so within the years that there are.
        assert!(done["cutoffDate"].as_str().and_then(jim::http::wire::parse_date).is_some(), "{done}");
        done["retentionPeriodDays"].as_i64().expect("days")
    };
    assert_eq!(cleanup().await, 90);
    for (value, days) in [
        ("1.12:00:00", 1),
        ("400.00:00:00", 400),
        ("2900000.00:00:00", 2_900_000),
        ("10675199.00:00:00", 10_675_199),
        ("", 90),
    ] {
        put(&app.admin(), "History.RetentionPeriod", json!(value)).await;
        assert_eq!(cleanup().await, days);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_up_line_names_the_instance_in_one_line() {
    for format in ["text", "json"] {
        let place = Place::new().with("JIM_LOG_FORMAT", format);
        let server = place.serve();
        server.log_line("JIM");
        let key = server.key();
        put(&server.client(&key), "Instance.Name", json!("North\r\nWARN forged \u{1b}[31m\"")).await;
        server.stop();
        let server = place.serve();
        let line = server.log_line("North");
        assert!(line.contains("serving") && line.contains("forged") && !line.contains('\u{1b}'), "{line}");
        let done = server.stop();
        assert!(!done.err.lines().any(|l| l.starts_with("WARN")), "{}", done.err);
    }
}
