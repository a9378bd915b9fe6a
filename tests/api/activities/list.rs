//! The list against a plain model of it: every order, every search, every page; and the errors of its query.

use std::collections::BTreeMap;

use jim::store::activities::{Initiator, Outcome, Target};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{ACTIVITIES, Past, all, column, page, record};
use crate::support::{Client, SYSTEMS, TestApp};

const NAMES: [&str; 8] = ["HR", "hr", "Größe", "GRÖSSE 2", "Ωmega", "a\u{1f}b", "Zeta", "ΟΔΟΣ"];

/// A few hundred activities of every kind, not in the order of their times.
fn many(count: usize) -> Vec<Past> {
    let start = OffsetDateTime::now_utc() - Duration::days(10);
    let keys: Vec<Initiator> = ["Ada", "ÄDA", "zoë"]
        .into_iter()
        .map(|name| Initiator::Key { id: Uuid::new_v4(), name: name.to_owned() })
        .collect();
    let outcome = |n: usize| match n % 5 {
        0 => None,
        1 => Some(Outcome { warning: Some("w".to_owned()), ..Outcome::default() }),
        2 => Some(Outcome { error: Some("e".to_owned()), ..Outcome::default() }),
        _ => Some(Outcome::done("done")),
    };
    let one = |n: usize| Past {
        target: match n % 7 {
            0 => Target::History,
            1 => Target::ServiceSetting("Instance name"),
            2 => Target::Certificate("hr"),
            _ => Target::System(Some(1), NAMES[n * n % NAMES.len()]),
        },
        context: n.is_multiple_of(11).then_some("Context of Ж"),
        by: match n % 4 {
            3 => Initiator::System,
            k => keys[k].clone(),
        },
        at: match n % 10 {
            // The clock was set back for these, and two are of one instant.
            7 => start + Duration::seconds((n / 2) as i64),
            8 => start + Duration::seconds(n as i64 - 1),
            _ => start + Duration::seconds(n as i64),
        },
        parent: None,
        outcome: outcome(n),
    };
    (0..count).map(one).collect()
}

fn folded(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_uppercase().to_lowercase().replace('ς', "σ")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_and_search_is_what_a_plain_list_would_give() {
    let app = TestApp::start().await;
    let reader = app.with_roles("reader", &[2]).await;
    record(&app, many(1000)).await;
    let everything = all(&reader).await;
    assert_eq!(everything.len(), 1000);
    assert!(everything.is_sorted_by_key(|a| (a["created"].as_str().map(padded), a["id"].as_str().map(str::to_owned))));
    app.is_sound();

    let sorts: [(&str, &str); 8] = [
        ("", "created"),
        ("sortBy=created", "created"),
        ("sortBy=EXECUTED", "executed"),
        ("sortBy=status", "status"),
        ("sortBy=type", "targetType"),
        ("sortBy=Target", "targetName"),
        ("sortBy=message", "created"),
        ("sortBy=created&sortBy=status&filter=status:eq:Complete", "created"),
    ];
    let searches = [
        "",
        "hr",
        "Hr",
        "GRÖSSE",
        "größe",
        "ω",
        "e",
        "ж",
        "connectedsystem",
        "äda",
        "ADA",
        "\u{1f}",
        "οδος",
        "ΟΔΟΣ",
        "b",
        "ServiceSetting",
        "no such text",
        "HR\0",
        "\0",
        "a\0",
        "%",
        "_",
        "'",
        "hr ",
    ];
    for search in searches {
        let wanted = folded(&json!(search));
        let hits = |a: &&Value| {
            let texts = ["targetName", "targetContext", "initiatedByName", "targetType"];
            texts.iter().any(|t| folded(&a[t]).contains(&wanted))
        };
        let found: Vec<&Value> = everything.iter().filter(hits).collect();
        for (order, property) in sorts {
            let mut expected = found.clone();
            let key = |a: &&Value| match property {
                "targetName" => folded(&a[property]),
                "created" | "executed" => padded(a[property].as_str().expect("a date")),
                _ => a[property].as_str().unwrap_or_default().to_owned(),
            };
            expected.sort_by_key(|a| (key(a), a["id"].as_str().map(str::to_owned)));
            for direction in ["asc", "DESC"] {
                let query = format!("{order}&sortDirection={direction}&search={}", encoded(search));
                let last = found.len().div_ceil(100);
                let pages = [(1, 25), (last / 2, 100), (last, 100), (last + 1, 100), (found.len(), 1)];
                for (number, size) in pages {
                    check_page(&reader, &query, &expected, number.max(1), size).await;
                }
            }
        }
    }

    async fn check_page(reader: &Client, query: &str, expected: &[&Value], number: usize, size: usize) {
        let mut expected = expected.to_vec();
        if query.contains("DESC") {
            expected.reverse();
        }
        let found = page(reader, &format!("{query}&page={number}&pageSize={size}")).await;
        let cut: Vec<&Value> = expected.iter().skip((number - 1) * size).take(size).copied().collect();
        let items: Vec<&Value> = found["items"].as_array().expect("items").iter().collect();
        assert_eq!(items, cut, "{query} page {number} of {size}");
        let pages = expected.len().div_ceil(size);
        let envelope = json!({ "items": found["items"], "totalCount": expected.len(), "page": number, "pageSize": size,
            "totalPages": pages, "hasNextPage": number < pages,
            "hasPreviousPage": number > 1 && !expected.is_empty() });
        assert_eq!(found, envelope, "{query} page {number} of {size}");
    }
}

/// Dates are written without the zeros at the end of their fraction.
fn padded(date: &str) -> String {
    let (seconds, fraction) = date.trim_end_matches('Z').split_once('.').unwrap_or((date.trim_end_matches('Z'), ""));
    format!("{seconds}.{fraction:0<7}")
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_of_the_query() {
    let app = TestApp::start().await;
    let reader = app.with_roles("reader", &[2]).await;
    app.create_system("HR").await;
    let long = |n: usize| "ä".repeat(n);
    let table = [
        ("page", "x".to_owned(), true),
        ("page", "1.5".to_owned(), true),
        ("page", String::new(), true),
        ("page", "-3".to_owned(), false),
        ("pageSize", "1e1".to_owned(), true),
        ("pageSize", "9223372036854775808".to_owned(), true),
        ("pageSize", "0".to_owned(), false),
        ("pageSize", "1000".to_owned(), false),
        ("sortBy", long(101), true),
        ("sortBy", long(100), false),
        ("sortDirection", "down".to_owned(), true),
        ("sortDirection", String::new(), true),
        ("sortDirection", "Asc".to_owned(), false),
        ("filter", long(501), true),
        ("filter", "targetName:eq:nothing".to_owned(), false),
        ("search", long(501), true),
        ("search", String::new(), false),
    ];
    for (parameter, value, refused) in table {
        let answer = reader.get(&format!("{ACTIVITIES}?{}={}", parameter.to_uppercase(), encoded(&value))).await;
        match refused {
            true => drop(answer.expect_fault(parameter)),
            false => assert_eq!(answer.expect_status(200)["totalCount"], 1, "{parameter}={value}"),
        }
    }
    let nothing = page(&reader, &format!("search={}", encoded(&long(500)))).await;
    assert_eq!((&nothing["totalCount"], &nothing["totalPages"]), (&json!(0), &json!(0)));
    assert_eq!(page(&reader, "page=9223372036854775807&pageSize=100").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_follows_what_happens() {
    let app = TestApp::start().await;
    let admin = app.admin();
    assert_eq!(page(&admin, "").await["totalCount"], 0);
    let mut expected = BTreeMap::new();
    for n in 0..30 {
        let id = app.create_system(&format!("System {}", n % 7)).await;
        if n % 3 == 0 {
            admin.delete(&format!("{SYSTEMS}/{id}")).await.expect_status(200);
            *expected.entry(format!("System {}", n % 7)).or_insert(0) += 1;
        }
        *expected.entry(format!("System {}", n % 7)).or_insert(0) += 1;
        let newest = page(&admin, "sortDirection=desc&pageSize=1").await;
        assert_eq!(column(&newest, "targetName"), [format!("System {}", n % 7)]);
    }
    for (name, count) in &expected {
        assert_eq!(page(&admin, &format!("search={}", encoded(name))).await["totalCount"], *count, "{name}");
    }
    let sorted = page(&admin, "sortBy=target&pageSize=100").await;
    let names: Vec<String> = expected.iter().flat_map(|(name, n)| std::iter::repeat_n(name.clone(), *n)).collect();
    assert_eq!(column(&sorted, "targetName"), names);
    app.is_sound();
}
