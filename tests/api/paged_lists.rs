//! The paged list of connected systems: every query parameter, in range and out of it, and the envelope.

use serde_json::{Value, json};

use crate::support::{Client, SYSTEMS, TestApp};

/// The names of a page, and its envelope without them.
async fn page(client: &Client, query: &str) -> (Vec<String>, Value) {
    let mut body = client.get(&format!("{SYSTEMS}?{query}")).await.expect_status(200);
    let items = body.as_object_mut().expect("an object").remove("items").expect("items");
    let name = |item: &Value| item["name"].as_str().expect("a name").to_owned();
    (items.as_array().expect("an array").iter().map(name).collect(), body)
}

async fn create(app: &TestApp, name: &str, description: Option<&str>, connector: i64) -> i64 {
    let body = json!({ "name": name, "description": description, "connectorDefinitionId": connector });
    app.admin().post(SYSTEMS, &body).await.expect_status(201)["id"].as_i64().expect("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_their_envelope() {
    let app = TestApp::start().await;
    let reader = app.with_roles("reader", &[2]).await;
    let envelope = |total: usize, page: i64, size: usize, next: bool, previous: bool| {
        json!({
            "totalCount": total, "page": page, "pageSize": size, "totalPages": total.div_ceil(size),
            "hasNextPage": next, "hasPreviousPage": previous,
        })
    };
    assert_eq!(page(&reader, "").await, (vec![], envelope(0, 1, 25, false, false)));
    let mut names = Vec::new();
    for n in 0..105 {
        names.push(format!("System {n:03}"));
        create(&app, &names[n], None, 3).await;
    }
    for (query, range, expected) in [
        ("", 0..25, envelope(105, 1, 25, true, false)),
        ("page=2", 25..50, envelope(105, 2, 25, true, true)),
        ("page=5", 100..105, envelope(105, 5, 25, false, true)),
        ("PAGE=2&pagesize=50", 50..100, envelope(105, 2, 50, true, true)),
        ("page=0", 0..25, envelope(105, 1, 25, true, false)),
        ("page=-7&pageSize=0", 0..25, envelope(105, 1, 25, true, false)),
        ("pageSize=-1", 0..25, envelope(105, 1, 25, true, false)),
        ("pageSize=1", 0..1, envelope(105, 1, 1, true, false)),
        ("pageSize=100", 0..100, envelope(105, 1, 100, true, false)),
        ("pageSize=101", 0..100, envelope(105, 1, 100, true, false)),
        ("pageSize=1000&page=2", 100..105, envelope(105, 2, 100, false, true)),
        ("pageSize=21&page=5", 84..105, envelope(105, 5, 21, false, true)),
        ("page=6", 0..0, envelope(105, 6, 25, false, true)),
        ("page=9223372036854775807&pageSize=100", 0..0, envelope(105, i64::MAX, 100, false, true)),
        ("filter=System%2010&pageSize=2&page=2", 102..104, envelope(5, 2, 2, true, true)),
        ("filter=System%2010&page=9", 0..0, envelope(5, 9, 25, false, true)),
        ("filter=none%20of%20them", 0..0, envelope(0, 1, 25, false, false)),
    ] {
        assert_eq!(page(&reader, query).await, (names[range].to_vec(), expected), "{query}");
    }
    for parameter in ["page", "pageSize"] {
        for value in ["", "x", "1.5", "1e1", "%201", "9223372036854775808"] {
            reader.get(&format!("{SYSTEMS}?{parameter}={value}")).await.expect_fault(parameter);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_and_filter() {
    let app = TestApp::start().await;
    let b = create(&app, "beta", Some("Second"), 3).await;
    let a = create(&app, "Alpha", None, 1).await;
    let g = create(&app, "GAMMA ß", Some("first"), 3).await;
    let twin = create(&app, "alpha", Some("id:above:1"), 1).await;
    let odd = create(&app, "id:above:1 id:gt:x id:contains:x nothing:eq:x", Some(""), 3).await;
    let reader = app.with_roles("reader", &[2]).await;
    let ids = async |query: &str| -> Vec<i64> {
        let body = reader.get(&format!("{SYSTEMS}?{query}")).await.expect_status(200);
        body["items"].as_array().expect("items").iter().filter_map(|i| i["id"].as_i64()).collect()
    };
    let own = vec![a, twin, b, g, odd];
    let down: Vec<i64> = own.iter().rev().copied().collect();
    let long = format!("sortBy={}", "x".repeat(100));
    for (query, expected) in [
        ("", &own),
        ("sortBy=", &own),
        ("sortBy=NAME", &own),
        ("sortBy=unknown", &own),
        (long.as_str(), &own),
        ("sortDirection=ASC", &own),
        ("sortDirection=desc", &down),
        ("SORTBY=unknown&SORTDIRECTION=Desc", &down),
        ("sortBy=id", &vec![b, a, g, twin, odd]),
        ("sortBy=created", &vec![b, a, g, twin, odd]),
        ("sortBy=ID&sortDirection=DESC", &vec![odd, twin, g, a, b]),
        ("sortBy=connectorName", &vec![a, twin, b, g, odd]),
        ("sortBy=connectorId", &vec![a, twin, b, g, odd]),
        ("sortBy=objectCount", &vec![b, a, g, twin, odd]),
        ("sortBy=status", &vec![b, a, g, twin, odd]),
        ("filter=", &own),
        // Any text that is no comparison is looked for in the name.
        ("filter=LPH", &vec![a, twin]),
        ("filter=%C3%9F", &vec![g]),
        ("filter=id:above:1", &vec![odd]),
        ("filter=id:contains:x", &vec![odd]),
        ("filter=nothing:eq:x", &vec![odd]),
        ("filter=id:gt", &vec![odd]),
        ("filter=:", &vec![odd]),
        ("filter=Second", &vec![]),
        // Texts ignore case; null matches only ne.
        ("filter=name:eq:ALPHA", &vec![a, twin]),
        ("filter=NAME:NE:alpha", &vec![b, g, odd]),
        ("filter=name:contains:MM", &vec![g]),
        ("filter=name:startswith:al", &vec![a, twin]),
        ("filter=name:EndsWith:ta", &vec![b]),
        ("filter=name:eq:id:above:1%20id:gt:x%20id:contains:x%20nothing:eq:x", &vec![odd]),
        ("filter=description:eq:", &vec![odd]),
        ("filter=description:ne:FIRST", &vec![a, twin, b, odd]),
        ("filter=description:contains:", &vec![twin, b, g, odd]),
        ("filter=description:startswith:s", &vec![b]),
        ("filter=connectorName:contains:file", &vec![a, twin]),
        ("filter=status:eq:active", &own),
        ("filter=connectorId:eq:3", &vec![b, g, odd]),
        ("filter=connectorId:ne:3", &vec![a, twin]),
        ("filter=connectorid:gt:1", &vec![b, g, odd]),
        ("filter=connectorId:gte:1", &own),
        ("filter=connectorId:lt:3", &vec![a, twin]),
        ("filter=connectorId:LTE:1&sortDirection=desc", &vec![twin, a]),
        ("filter=selectedContainerCount:gt:0", &vec![]),
        ("filter=objectCount:eq:0&sortBy=id&pageSize=2&page=2", &vec![g, twin]),
    ] {
        assert_eq!(&ids(query).await, expected, "{query}");
    }
    let filter = |n| format!("filter={}", "%E6%BC%A2".repeat(n));
    assert_eq!(ids(&filter(500)).await, [0; 0]);
    for (query, field) in [
        (filter(501), "filter"),
        (format!("sortBy={}", "x".repeat(101)), "sortBy"),
        ("sortDirection=".to_owned(), "sortDirection"),
        ("sortDirection=up".to_owned(), "sortDirection"),
        ("sortDirection=ascending".to_owned(), "sortDirection"),
    ] {
        reader.get(&format!("{SYSTEMS}?{query}")).await.expect_fault(field);
    }
    let item = reader.get(&format!("{SYSTEMS}?filter=id:eq:{a}")).await.expect_status(200)["items"][0].clone();
    let created = item["created"].clone();
    let expected = json!({
        "id": a, "name": "Alpha", "description": null, "created": created, "status": "Active", "objectCount": 0,
        "pendingExportObjectsCount": 0, "connectorsCount": 0, "selectedContainerCount": 0, "connectorName": "JIM File Connector",
        "connectorId": 1, "lastRun": null,
    });
    assert_eq!(item, expected);
}
