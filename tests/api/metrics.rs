//! Metrics: what is counted, read as a scraper reads it, and who may read it.

use std::collections::BTreeMap;

use prometheus_parse::{Scrape, Value};
use serde_json::json;

use crate::support::directory::Faults;
use crate::support::program::Place;
use crate::support::{Client, SYSTEMS, TestApp, people, sample};

const METRICS: &str = "/metrics";

/// Samples by name and labels, `name{a="b"}` with the labels in order.
type Samples = BTreeMap<String, f64>;

fn read(text: &[u8]) -> Samples {
    let text = std::str::from_utf8(text).expect("text");
    assert!(text.ends_with('\n'));
    // The parser takes the first closing brace for the end of the labels, and templates have some.
    let mut pieces = text.split("/{");
    let first = pieces.next().unwrap_or_default().to_owned();
    let text = pieces.fold(first, |text, piece| format!("{text}/<{}", piece.replacen('}', ">", 1)));
    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("the text format");
    let mut samples = Samples::new();
    for sample in &scrape.samples {
        let labels: BTreeMap<_, _> = sample.labels.iter().collect();
        let labels: Vec<String> = labels.into_iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let name = format!("{}{{{}}}", sample.metric, labels.join(","));
        // Sum and count of a histogram are read as samples of their own.
        let family = sample.metric.strip_suffix("_sum").or_else(|| sample.metric.strip_suffix("_count"));
        assert!(scrape.docs.contains_key(family.unwrap_or(&sample.metric)), "{name} has no help");
        match &sample.value {
            Value::Counter(value) | Value::Gauge(value) => {
                assert!(samples.insert(name.clone(), *value).is_none(), "{name} twice");
            }
            Value::Histogram(buckets) => {
                assert!(buckets.windows(2).all(|b| b[0].count <= b[1].count && b[0].less_than < b[1].less_than));
                let all = buckets.last().expect("a last bucket");
                assert!(all.less_than.is_infinite(), "{name}");
                samples.insert(name, all.count);
            }
            Value::Untyped(value) if family.is_some() => drop(samples.insert(name, *value)),
            _ => panic!("{name} is of no kind that there is"),
        }
    }
    samples
}

async fn metrics(client: &Client) -> Samples {
    let answer = client.get(METRICS).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    read(&answer.raw)
}

fn requests(method: &str, route: &str, status: u16) -> String {
    format!("jim_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_template_and_nothing_a_caller_wrote_is_a_label() {
    let app = TestApp::start().await;
    let admin = app.admin();
    for _ in 0..3 {
        admin.get(&format!("{SYSTEMS}/77")).await.expect_error(404, "NOT_FOUND");
    }
    admin.get(SYSTEMS).await.expect_status(200);
    app.stranger().get(SYSTEMS).await.expect_error(401, "UNAUTHORISED");
    for path in ["/nothing", "/api/v1/else\"{}"] {
        admin.send("INVENTED", path, None).await.expect_error(404, "NOT_FOUND");
    }
    let seen = metrics(&admin).await;
    let template = format!("{SYSTEMS}/<connectedSystemId>");
    assert_eq!(seen[&requests("GET", &template, 404)], 3.0);
    assert_eq!((seen[&requests("GET", SYSTEMS, 200)], seen[&requests("GET", SYSTEMS, 401)]), (1.0, 1.0));
    assert_eq!(seen[&requests("any", "unmatched", 404)], 2.0);
    let took = format!("jim_http_request_duration_seconds{{method=\"GET\",route=\"{template}\"}}");
    assert_eq!(seen[&took], 3.0);
    assert!(!seen.keys().any(|name| name.contains("77") || name.contains("nothing") || name.contains("INVENTED")));
    // Asking is a request as well.
    assert_eq!(metrics(&admin).await[&requests("GET", METRICS, 200)], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_sizes_and_imports_are_counted() {
    let (app, sandbox) = (TestApp::start().await, sample().await);
    let admin = app.admin();
    let empty = metrics(&admin).await;
    assert_eq!((empty["jim_connected_systems{}"], empty["jim_containers{}"]), (0.0, 0.0));
    assert!(!empty.keys().any(|name| name.contains("connected_system=")), "there is no system");
    assert_eq!(empty["jim_argon2_runs_total{}"], app.app.keys.argon2_runs() as f64);
    assert!(empty["process_resident_memory_bytes{}"] > 1e6 && empty["process_open_fds{}"] > 3.0);
    let cpu = |seen: &Samples| seen["process_cpu_seconds_total{}"];
    assert!(cpu(&empty) > 0.0 && cpu(&empty) < 3600.0);
    let version = format!("jim_build_info{{version={:?}}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(empty[&version], 1.0);
    let file = std::fs::metadata(app.database()).expect("the database").len();
    assert!(empty["jim_database_bytes{}"] <= file as f64 && empty["jim_database_bytes{}"] > 0.0);

    let id = app.connected_to(&sandbox).await;
    let report = app.import(id, "").await.expect_status(200);
    app.import(id, "?preview=true").await.expect_status(200);
    app.import_schema(id).await.expect_status(200);
    let seen = metrics(&admin).await;
    assert!(cpu(&seen) >= cpu(&empty));
    assert_eq!(seen["jim_connected_systems{}"], 1.0);
    assert_eq!(seen["jim_partitions{}"], report["totalPartitions"].as_f64().expect("a number"));
    assert_eq!(seen["jim_containers{}"], report["totalContainers"].as_f64().expect("a number"));
    let activities = admin.get("/api/v1/activities").await.expect_status(200)["totalCount"].as_f64();
    assert_eq!(Some(seen["jim_activities{}"]), activities);
    let imports = |kind: &str| -> f64 {
        let of = format!("kind={kind:?}");
        seen.iter().filter(|(n, _)| n.starts_with("jim_imports_total") && n.contains(&of)).map(|(_, v)| v).sum()
    };
    // A preview leaves no activity and is not counted.
    assert_eq!((imports("hierarchy"), imports("schema")), (1.0, 1.0));
    let took = format!("jim_import_duration_seconds{{connected_system=\"{id}\",kind=\"hierarchy\"}}");
    assert_eq!(seen[&took], 1.0);
    let last = |seen: &Samples, kind: &str| {
        let name = format!("jim_last_successful_import_timestamp_seconds{{connected_system=\"{id}\",kind={kind:?}}}");
        seen[&name]
    };
    let now = time::OffsetDateTime::now_utc().unix_timestamp() as f64;
    assert!((now - 60.0..=now).contains(&last(&seen, "hierarchy")) && last(&seen, "schema") <= now);

    // What fails is told as that, and does not count as applied.
    drop(sandbox);
    app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
    let failed = metrics(&admin).await;
    assert_eq!(failed[&import(id, "hierarchy", "failed")], 1.0);
    assert_eq!(last(&failed, "hierarchy"), last(&seen, "hierarchy"));
    // It is known after a restart too; counters begin anew.
    let app = app.restart().await;
    let anew = metrics(&app.admin()).await;
    assert_eq!(last(&anew, "hierarchy"), last(&seen, "hierarchy"));
    assert!(anew.iter().all(|(name, count)| !name.starts_with("jim_imports_total") || *count == 0.0));
}

fn import(system: i64, kind: &str, outcome: &str) -> String {
    format!("jim_imports_total{{connected_system=\"{system}\",kind={kind:?},outcome={outcome:?}}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_known_series_is_there_from_the_start_and_goes_with_its_system() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let body = json!({ "name": "Files", "connectorDefinitionId": 1 });
    let file = admin.post(SYSTEMS, &body).await.expect_status(201)["id"].as_i64().expect("an id");
    let ldap = app.create_system("Directory").await;
    let seen = metrics(&admin).await;
    for outcome in ["complete", "warning", "failed"] {
        assert_eq!(seen[&import(ldap, "hierarchy", outcome)], 0.0);
        assert_eq!((seen[&import(ldap, "schema", outcome)], seen[&import(file, "schema", outcome)]), (0.0, 0.0));
        assert!(!seen.contains_key(&import(file, "hierarchy", outcome)), "a file has no hierarchy");
    }
    for kind in ["hierarchy", "schema"] {
        let of = format!("{{connected_system=\"{ldap}\",kind={kind:?}}}");
        for name in ["jim_import_duration_seconds", "jim_last_successful_import_timestamp_seconds"] {
            assert_eq!(seen[&format!("{name}{of}")], 0.0, "{name} {kind}");
        }
    }
    for (method, path, status) in [
        ("GET", "/api/v1/health/ready", 503),
        ("PUT", "/api/v1/service-settings/<key>", 200),
        ("DELETE", "/api/v1/apikeys/<apiKeyId>", 204),
        ("POST", "/api/v1/apikeys", 201),
        ("POST", "/api/v1/apikeys", 500),
        ("any", "unmatched", 404),
    ] {
        assert_eq!(seen.get(&requests(method, path, status)), Some(&0.0), "{method} {path} {status}");
    }
    admin.send("DELETE", &format!("{SYSTEMS}/{ldap}"), None).await.expect_status(200);
    let seen = metrics(&admin).await;
    assert!(!seen.keys().any(|name| name.contains(&format!("connected_system=\"{ldap}\""))));
    assert_eq!(seen[&import(file, "schema", "failed")], 0.0);
}

fn runs(system: i64, status: &str) -> String {
    format!("jim_runs_total{{connected_system=\"{system}\",run_type=\"FullImport\",status={status:?}}}")
}

fn objects(seen: &Samples, system: i64) -> [f64; 6] {
    ["read", "added", "updated", "removed", "failed", "held"].map(|change| {
        let labels = format!("change={change:?},connected_system=\"{system}\",run_type=\"FullImport\"");
        seen[&format!("jim_run_objects_total{{{labels}}}")]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_and_their_objects_are_counted_from_their_profile_on() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let bare = app.create_system("Bare").await;
    let (case, profile) = people::system(&app, 30).await;
    let id = case.id;
    let last = format!("jim_last_complete_import_timestamp_seconds{{connected_system=\"{id}\"}}");
    let took = format!("jim_run_duration_seconds{{connected_system=\"{id}\",run_type=\"FullImport\"}}");
    let seen = metrics(&admin).await;
    assert_eq!((seen[&last], seen[&took], seen["jim_runs_waiting{}"]), (0.0, 0.0, 0.0));
    assert_eq!(objects(&seen, id), [0.0; 6]);
    for status in ["Complete", "CompleteWithWarning", "CompleteWithError", "FailedWithError", "Cancelled"] {
        assert_eq!(seen[&runs(id, status)], 0.0);
        assert!(!seen.contains_key(&runs(bare, status)), "it has no profile");
    }
    let execute = async |ended: usize| {
        admin.send("POST", &format!("{SYSTEMS}/{id}/run-profiles/{profile}/execute"), None).await.expect_status(202);
        loop {
            let seen = metrics(&admin).await;
            if seen[&took] == ended as f64 {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let seen = execute(1).await;
    assert_eq!((seen[&runs(id, "Complete")], objects(&seen, id)), (1.0, [30.0, 30.0, 0.0, 0.0, 0.0, 0.0]));
    let now = time::OffsetDateTime::now_utc().unix_timestamp() as f64;
    assert!((now - 60.0..=now).contains(&seen[&last]));
    case.sandbox.remove(&people::dn(0)).expect("removed");
    assert_eq!(objects(&execute(2).await, id), [59.0, 30.0, 0.0, 1.0, 0.0, 0.0]);
    for n in 1..20 {
        case.sandbox.remove(&people::dn(n)).expect("removed");
    }
    let held = execute(3).await;
    assert_eq!((held[&runs(id, "CompleteWithError")], objects(&held, id)), (1.0, [69.0, 30.0, 0.0, 1.0, 0.0, 19.0]));
    let seen = execute(4).await;
    drop(case);
    let failed = execute(5).await;
    assert_eq!((failed[&runs(id, "FailedWithError")], failed[&last]), (1.0, seen[&last]));
    admin.send("DELETE", &format!("{SYSTEMS}/{id}"), None).await.expect_status(200);
    let label = format!("connected_system=\"{id}\"");
    assert!(!metrics(&admin).await.keys().any(|name| name.contains(&label)));
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_wait_are_a_gauge_and_count_once_cancelled() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let (case, profile) = people::system(&app, 1).await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    case.sandbox.set_faults(Faults { gate: Some(gate.clone()), ..Faults::default() });
    let path = format!("{SYSTEMS}/{}/run-profiles/{profile}/execute", case.id);
    admin.send("POST", &path, None).await.expect_status(202);
    while case.sandbox.waiting() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let waiting = admin.send("POST", &path, None).await.expect_status(202)["activityId"].clone();
    assert_eq!(metrics(&admin).await["jim_runs_waiting{}"], 1.0);
    let cancel = format!("/api/v1/activities/{}/cancel", waiting.as_str().expect("an id"));
    assert_eq!(admin.send("POST", &cancel, None).await.status, 202);
    let seen = metrics(&admin).await;
    assert_eq!((seen["jim_runs_waiting{}"], seen[&runs(case.id, "Cancelled")]), (0.0, 1.0));
    gate.close();
}

/// The names of series in an expression, with the labels that they must have.
fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in expression.match_indices("jim_").chain(expression.match_indices("process_")) {
        let name: String = expression[at..].chars().take_while(|c| is_name(*c)).collect();
        let behind = &expression[at + name.len()..];
        let labels = behind.strip_prefix('{').and_then(|l| l.split_once('}')).map_or("", |(labels, _)| labels);
        found.push((name, labels.split(',').filter(|l| !l.is_empty()).map(str::to_owned).collect()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alerts_of_the_page_name_series_that_a_fresh_server_has() {
    let app = TestApp::start().await;
    let id = app.create_system("Directory").await;
    people::profile(&app, id, "Full").await;
    let seen = metrics(&app.admin()).await;
    let text = include_str!("../../src/guide/monitoring.md").split("\n## Alerts\n").nth(1).expect("alerts");
    let text = text.split("\n#").next().expect("a chapter");
    let expressions: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let wanted: Vec<_> = expressions.iter().flat_map(|e| selectors(e)).collect();
    assert!(wanted.len() >= 2, "{expressions:?}");
    for (name, labels) in wanted {
        let fits = |series: &&String| {
            series.split('{').next() == Some(name.as_str())
                && labels.iter().all(|label| series.contains(label.as_str()))
        };
        assert!(seen.keys().any(|series| fits(&series)), "{name} {labels:?} is not there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_come_as_a_bearer_token_here_and_nowhere_else() {
    let app = TestApp::start().await;
    let (reader, nobody) = (app.with_roles("reader", &[2]).await, app.with_roles("nobody", &[]).await);
    let bearer = async |path: &str, value: &str| {
        app.stranger().send_with("GET", path, None, &[("Authorization", value)]).await.status
    };
    for (value, status) in [
        (format!("Bearer {}", reader.key()), 200),
        (format!("bearer  {}", reader.key()), 200),
        (format!("Bearer {}", nobody.key()), 403),
        (format!("Bearer {}x", reader.key()), 401),
        (format!("Basic {}", reader.key()), 401),
        (reader.key().to_owned(), 401),
        ("Bearer".to_owned(), 401),
        ("Bearer ".to_owned(), 401),
    ] {
        assert_eq!(bearer(METRICS, &value).await, status, "{}", value.split(' ').next().unwrap_or_default());
    }
    assert_eq!(bearer(SYSTEMS, &format!("Bearer {}", reader.key())).await, 401);
    // With both headers the other one decides.
    let both = [("Authorization", "Bearer nonsense")];
    assert_eq!(reader.send_with("GET", METRICS, None, &both).await.status, 200);
    let right = format!("Bearer {}", reader.key());
    let wrong = app.stranger().with_key("jim_nonsense");
    assert_eq!(wrong.send_with("GET", METRICS, None, &[("Authorization", &right)]).await.status, 401);
    for method in ["POST", "PUT", "DELETE"] {
        reader.send(method, METRICS, None).await.expect_error(405, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_its_own_needs_no_key_and_has_nothing_else() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let place = Place::new().with("JIM_METRICS_LISTEN", &free.to_string());
    let server = place.serve();
    let api = server.client(&server.key());
    let alone = Client::new(free);
    api.get(SYSTEMS).await.expect_status(200);
    let seen = metrics(&alone).await;
    assert_eq!(seen[&requests("GET", SYSTEMS, 200)], 1.0);
    for path in [SYSTEMS, "/api/v1/health", "/"] {
        alone.clone().with_key(api.key()).get(path).await.expect_error(404, "NOT_FOUND");
    }
    assert_eq!(server.stop().code, Some(0));
    for address in ["0.0.0.0:9464", "192.0.2.1:9464", "9464"] {
        let place = Place::new().with("JIM_METRICS_LISTEN", address);
        assert!(place.run(&["serve"]).refused(78).contains("JIM_METRICS_LISTEN must be a loopback address"));
    }
}
