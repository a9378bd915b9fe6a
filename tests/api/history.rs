//! Chapter 14: the history. Its queries, the cleanup on demand, and the one that the server does by itself.

use std::time::Duration as Wait;

use jim::ops::history;
use jim::store::activities::{Outcome, Target};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::activities::{ACTIVITIES, Past, all, page, record};
use crate::support::{SYSTEMS, TestApp};

const DELETED: &str = "/api/v1/history/deleted-objects";
const CLEANUP: &str = "/api/v1/history/cleanup";

fn ago(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() - Duration::days(days)
}

/// So many, a minute apart, the oldest of that age.
fn old(count: usize, days: i64) -> Vec<Past> {
    (0..count).map(|n| Past::at(ago(days) + Duration::minutes(n as i64))).collect()
}

async fn cleanup(app: &TestApp) -> Value {
    app.admin().send("POST", CLEANUP, None).await.expect_status(200)
}

async fn exists(app: &TestApp, id: Uuid) -> bool {
    app.admin().get(&format!("{ACTIVITIES}/{id}")).await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_objects_are_none_and_their_queries_are_checked() {
    let app = TestApp::start().await;
    let reader = app.with_roles("reader", &[2]).await;
    let envelope = |page: i64, size: i64| json!({ "items": [], "totalCount": 0, "page": page, "pageSize": size });
    let long = "x".repeat(501);
    for (kind, owner, search) in
        [("cso", "connectedSystemId", "externalIdSearch"), ("mvo", "objectTypeId", "displayNameSearch")]
    {
        let path = format!("{DELETED}/{kind}");
        for (query, expected) in [
            ("", envelope(1, 50)),
            ("page=3&pageSize=7", envelope(3, 7)),
            ("PAGE=0&PageSize=0", envelope(1, 1)),
            ("page=-5&pageSize=-1", envelope(1, 1)),
            ("pageSize=1000", envelope(1, 1000)),
            ("pageSize=1001", envelope(1, 1000)),
            ("page=9223372036854775807", envelope(i64::MAX, 50)),
            ("fromDate=2026-04-05&toDate=2026-04-05T10:30:00Z", envelope(1, 50)),
            ("fromDate=2026-04-05T10:30:00.1234567%2B02:00&toDate=2026-04-05T10:30:00", envelope(1, 50)),
            ("fromDate=2026-04-05T10:30:00.1234567+02:00", envelope(1, 50)),
            ("nothing=x&externalIdSearch=%25&displayNameSearch=", envelope(1, 50)),
            (&format!("{owner}=999"), envelope(1, 50)),
            (&format!("{search}={}", &long[1..]), envelope(1, 50)),
        ] {
            assert_eq!(reader.get(&format!("{path}?{query}")).await.expect_status(200), expected, "{query}");
        }
        for (parameter, value) in [
            ("page", "x"),
            ("page", ""),
            ("page", "1.0"),
            ("pageSize", "9223372036854775808"),
            ("pageSize", "ten"),
            (owner, "x"),
            (owner, ""),
            (search, long.as_str()),
            ("fromDate", "yesterday"),
            ("fromDate", ""),
            ("fromDate", "2026-02-30"),
            ("toDate", "2026-04-05T10:30:00.12345678Z"),
            ("toDate", "05.04.2026"),
            ("toDate", "2026-W01-1"),
            ("toDate", "2026-04-05%2010:30:00"),
        ] {
            reader.get(&format!("{path}?{}={value}", parameter.to_uppercase())).await.expect_fault(parameter);
        }
        let both = reader.get(&format!("{path}?page=x&toDate=y&{owner}=z")).await;
        let faults = both.body["validationErrors"].as_object().expect("faults").len();
        assert_eq!((both.status, faults), (400, 3), "all faults together");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_has_a_count() {
    let app = TestApp::start().await;
    let reader = app.with_roles("reader", &[2]).await;
    let id = app.create_system("Größe").await;
    let path = |id: &str| format!("/api/v1/history/connected-systems/{id}/count");
    let expected = json!({ "connectedSystemId": id, "connectedSystemName": "Größe", "changeRecordCount": 0 });
    assert_eq!(reader.get(&path(&id.to_string())).await.expect_status(200), expected);
    for none in ["999", "x", "-1", "9223372036854775808"] {
        reader.get(&path(none)).await.expect_error(404, "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleanup_deletes_a_hundred_of_the_oldest_and_leaves_an_activity() {
    let app = TestApp::start().await;
    app.create_system("HR").await;
    let mut past = old(250, 100);
    past.push(Past { target: Target::Certificate("only of old"), ..Past::at(ago(99)) });
    past.extend(old(5, 89));
    // Told in any order, they go in the order of their times.
    past.reverse();
    let ids: Vec<Uuid> = record(&app, past).await.into_iter().rev().collect();
    let before = all(&app.admin()).await;
    assert_eq!(before.len(), 257);
    let mut left = before.clone();
    for (deleted, bodies) in [(100, ""), (100, "{"), (51, "[1]"), (0, "x")] {
        let kind = [("Content-Type", "text/plain")];
        let answer = app.admin().send_with("POST", CLEANUP, Some(bodies.to_owned()), &kind).await.expect_status(200);
        let gone: Vec<Value> = left.drain(..deleted).collect();
        let date = |a: Option<&Value>| a.map_or(Value::Null, |a| a["created"].clone());
        let cutoff = answer["cutoffDate"].as_str().expect("a date");
        let cutoff = OffsetDateTime::parse(cutoff, &Rfc3339).expect("a date");
        assert!((ago(90) - cutoff).abs() < Duration::minutes(5), "{answer}");
        let expected = json!({
            "csoChangesDeleted": 0, "mvoChangesDeleted": 0, "activitiesDeleted": deleted,
            "oldestRecordDeleted": date(gone.first()), "newestRecordDeleted": date(gone.last()),
            "cutoffDate": answer["cutoffDate"], "retentionPeriodDays": 90, "batchSize": 100,
        });
        assert_eq!(answer, expected);
        // What is left is what was there, and the activity of the cleanup, even of one that found nothing.
        let now = all(&app.admin()).await;
        let own = &now[now.len() - 1];
        left.push(own.clone());
        assert_eq!(now, left);
        let told = json!([
            own["targetType"],
            own["targetOperationType"],
            own["targetName"],
            own["initiatedByName"],
            own["status"],
            own["objectsProcessed"]
        ]);
        let expected = json!(["HistoryRetentionCleanup", "Delete", null, "Bootstrap Key", "Complete", deleted]);
        assert_eq!(told, expected);
        app.is_sound();
    }
    assert!(!exists(&app, ids[250]).await && exists(&app, ids[251]).await);
    assert_eq!(page(&app.admin(), "search=only%20of%20old").await["totalCount"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_ended_stays_with_all_that_belongs_to_it() {
    let app = TestApp::start().await;
    let open = |days| Past { outcome: None, ..Past::at(ago(days)) };
    let ids = record(&app, vec![open(400), Past::at(ago(399)), Past::at(ago(398)), Past::at(ago(80))]).await;
    let [running, whole, busy, young] = ids[..] else { panic!("four") };
    let part = |of, days, outcome| Past {
        parent: Some(of),
        outcome,
        target: Target::Certificate("part"),
        ..Past::at(ago(days))
    };
    let done = || Some(Outcome::done("done"));
    let parts = record(
        &app,
        vec![
            part(whole, 397, done()),
            part(whole, 10, done()),
            part(busy, 396, done()),
            part(busy, 395, None),
            part(young, 394, done()),
            part(running, 393, done()),
        ],
    )
    .await;
    let answer = cleanup(&app).await;
    assert_eq!(answer["activitiesDeleted"], 3, "one and its two parts: {answer}");
    for (id, stays) in [
        (running, true),
        (whole, false),
        (busy, true),
        (young, true),
        (parts[0], false),
        (parts[1], false),
        (parts[2], true),
        (parts[3], true),
        (parts[4], true),
        (parts[5], true),
    ] {
        assert_eq!(exists(&app, id).await, stays);
    }
    app.is_sound();
    // Once they have ended, they go.
    let close = move |tx: &jim::db::Tx<'_>| {
        [running, parts[3]].iter().try_for_each(|id| jim::store::activities::close(tx, *id, &Outcome::done("late")))
    };
    app.app.db.write(close).await.expect("closed");
    assert_eq!(cleanup(&app).await["activitiesDeleted"], 5);
    let left = all(&app.admin()).await;
    assert_eq!((left.len(), left[0]["id"].as_str()), (3, Some(young.to_string().as_str())));
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_may_be_kept_for_longer_than_there_are_dates() {
    let app = TestApp::start().await;
    record(&app, old(3, 30)).await;
    let path = "/api/v1/service-settings/History.RetentionPeriod";
    for (value, days) in [("10675199.02:48:05.4775807", 10_675_199), ("1000000.00:00:00", 1_000_000)] {
        app.admin().put(path, &json!({ "value": value })).await.expect_status(200);
        let answer = cleanup(&app).await;
        let told = [&answer["activitiesDeleted"], &answer["retentionPeriodDays"], &answer["cutoffDate"]];
        assert_eq!(told, [&json!(0), &json!(days), &json!("1970-01-01T00:00:00Z")]);
        assert_eq!(history::retain(&app.app).await.expect("a run"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_cleans_up_by_itself_in_small_steps() {
    let app = TestApp::start().await;
    let id = app.create_system("HR").await;
    let first = all(&app.admin()).await;
    assert_eq!(history::retain(&app.app).await.expect("a run"), 0);
    assert_eq!(all(&app.admin()).await, first, "what finds nothing leaves nothing");

    record(&app, old(1050, 200)).await;
    let task = tokio::spawn(history::keep_short(app.app.clone(), Wait::ZERO, Wait::from_millis(50)));
    // Others write meanwhile.
    let mut renamed = 0;
    while page(&app.admin(), "search=nothing").await["totalCount"] != 0 || older(&app).await {
        app.admin().put(&format!("{SYSTEMS}/{id}"), &json!({ "name": "HR" })).await.expect_status(200);
        renamed += 1;
    }
    let left = all(&app.admin()).await;
    let own: Vec<&Value> = left.iter().filter(|a| a["targetType"] == "HistoryRetentionCleanup").collect();
    assert_eq!((own.len(), left.len()), (1, 2 + renamed), "{own:?}");
    let told = json!([
        own[0]["targetOperationType"],
        own[0]["initiatedByType"],
        own[0]["initiatedById"],
        own[0]["initiatedByName"],
        own[0]["status"],
        own[0]["objectsToProcess"],
        own[0]["objectsProcessed"]
    ]);
    assert_eq!(told, json!(["Delete", "System", null, null, "Complete", 1050, 1050]));
    // It goes on by itself, and each run leaves its activity.
    record(&app, old(3, 91)).await;
    while older(&app).await {
        tokio::time::sleep(Wait::from_millis(5)).await;
    }
    let cleanups = page(&app.admin(), "search=historyretention&sortDirection=desc").await;
    assert_eq!((&cleanups["totalCount"], &cleanups["items"][0]["objectsProcessed"]), (&json!(2), &json!(3)));
    task.abort();
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_the_past_is_kept_is_a_setting() {
    let app = TestApp::start().await;
    record(&app, old(4, 10)).await;
    assert_eq!(cleanup(&app).await["activitiesDeleted"], 0);
    let path = "/api/v1/service-settings/History.RetentionPeriod";
    app.admin().put(path, &json!({ "value": "9.00:00:00" })).await.expect_status(200);
    let answer = cleanup(&app).await;
    assert_eq!([&answer["activitiesDeleted"], &answer["retentionPeriodDays"]], [4, 9], "{answer}");
    record(&app, old(2, 10)).await;
    assert_eq!(history::retain(&app.app).await.expect("a run"), 2);
    app.is_sound();
}

/// Whether the oldest activity is older than allowed.
async fn older(app: &TestApp) -> bool {
    let oldest = page(&app.admin(), "pageSize=1").await;
    let created = oldest["items"][0]["created"].as_str().expect("a date").to_owned();
    OffsetDateTime::parse(&created, &Rfc3339).expect("a date") < ago(90)
}
