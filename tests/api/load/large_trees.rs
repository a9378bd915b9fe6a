//! A hundred thousand containers in three shapes. All are stored where they belong, and others are served
//! meanwhile.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::database::{Container, Database};
use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::outside::Outside;
use crate::support::{SYSTEMS, client, sandbox_settings};
use crate::tier;

/// Budgets of an import, of the memory in MiB, and of reads and writes meanwhile.
const IMPORTED_WITHIN: Duration = Duration::from_secs(30);
const MEMORY: u64 = 128;
const READ_WITHIN: Duration = Duration::from_millis(250);
const WRITTEN_WITHIN: Duration = Duration::from_secs(3);

const COUNT: usize = 100_000;
/// Nothing here takes a tenth of it, in a build that is not optimised either.
const HANG: Duration = Duration::from_secs(1_200);

/// The DNs of a shape, parents first.
fn names(shape: &str) -> Vec<String> {
    match shape {
        "10 x 10,000" => (0..COUNT)
            .map(|n| match n {
                0..10 => format!("ou=p{n},dc=x"),
                _ => format!("ou=n{n},ou=p{},dc=x", n % 10),
            })
            .collect(),
        "flat" => (0..COUNT).map(|n| format!("ou=n{n},dc=x")).collect(),
        _ => (0..COUNT / 100)
            .flat_map(|chain| {
                (0..100).scan("dc=x".to_owned(), move |above, level| {
                    let name = if level == 0 { format!("c{chain}") } else { format!("l{level}") };
                    *above = format!("ou={name},{above}");
                    Some(above.clone())
                })
            })
            .collect(),
    }
}

fn stored(outside: &Outside, id: i64) -> Vec<Container> {
    let all = Database::open(&outside.place.path("jim.db")).containers();
    all.into_iter().filter(|row| row.system == id).collect()
}

/// How many containers there are at each depth, as the rows' parents say.
fn depths(rows: &[Container]) -> BTreeMap<i64, i64> {
    let parents: HashMap<i64, Option<i64>> = rows.iter().map(|row| (row.id, row.parent)).collect();
    let mut known: HashMap<i64, i64> = HashMap::new();
    let mut found = BTreeMap::new();
    for row in rows {
        let (mut above, mut at) = (Vec::new(), Some(row.id));
        while let Some(id) = at.filter(|id| !known.contains_key(id)) {
            above.push(id);
            at = parents[&id];
        }
        let mut depth = at.map_or(0, |id| known[&id]);
        for id in above.into_iter().rev() {
            depth += 1;
            known.insert(id, depth);
        }
        *found.entry(known[&row.id]).or_default() += 1;
    }
    found
}

/// Asks over and over until it is dropped, and writes down how long each answer took.
async fn keep_asking(ask: impl AsyncFn(usize), every: Duration, took: &Mutex<Vec<Duration>>) {
    for n in 0.. {
        let begun = Instant::now();
        ask(n).await;
        took.lock().expect("times").push(begun.elapsed());
        tokio::time::sleep(every).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "three hundred thousand containers"]
async fn a_hundred_thousand_containers_in_full() {
    for shape in ["10 x 10,000", "flat", "1,000 x depth 100"] {
        let names = names(shape);
        let tree = names.iter().fold(Tree::new().suffix("dc=x"), |tree, name| tree.ou(name));
        let sandbox = Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts");
        let outside = Outside::start();
        let mut ids = Vec::new();
        for name in ["Large", "Another"] {
            let body = json!({ "name": name, "connectorDefinitionId": 3 });
            let made = outside.client.post(SYSTEMS, &body).await.expect_status(201);
            ids.push(made["id"].as_i64().expect("an id"));
        }
        let mut values = sandbox_settings(&sandbox);
        values["9"] = json!({ "intValue": HANG.as_secs() });
        outside.set(ids[0], values).await;
        let other = format!("{SYSTEMS}/{}", ids[1]);

        // Read by a client that does not look into it: it is part of the time.
        let http = client::unchecked();
        let path = format!("http://{}{SYSTEMS}/{}/import-hierarchy", outside.server.address(), ids[0]);
        let import = async || {
            let begun = Instant::now();
            let request = http.post(&path).header("X-Api-Key", outside.client.key()).timeout(HANG);
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
            let body = answer.bytes().await.expect("a whole answer");
            (begun.elapsed(), body)
        };
        let (reads, writes) = (Mutex::default(), Mutex::default());
        let (before, memory) = (outside.server.memory(), outside.watch());
        let read = async |_| drop(outside.client.get(&other).await.expect_status(200));
        let write = async |n| {
            let body = json!({ "description": format!("as of {n}") });
            outside.client.put(&other, &body).await.expect_status(200);
        };
        let (took, body) = tokio::select! {
            done = import() => done,
            () = keep_asking(read, Duration::from_millis(10), &reads) => unreachable!("it goes on for ever"),
            () = keep_asking(write, Duration::from_millis(50), &writes) => unreachable!("it goes on for ever"),
        };
        let most = (before + memory.growth()) / 1024;
        let result: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(result["totalContainers"], COUNT, "{shape}: {}", result["summary"]);
        assert_eq!((&result["success"], &result["warnings"]), (&json!(true), &json!([])), "{shape}");

        let mut expected = BTreeMap::new();
        names.iter().for_each(|name| *expected.entry(name.matches("ou=").count() as i64).or_default() += 1);
        let rows = stored(&outside, ids[0]);
        assert_eq!(depths(&rows), expected, "{shape}");
        let (mut stored, mut known) = (rows.into_iter().map(|row| row.dn).collect::<Vec<_>>(), names);
        stored.sort_unstable();
        known.sort_unstable();
        assert!(stored == known, "{shape}: other names are stored than the directory has");
        let again: Value = serde_json::from_slice(&import().await.1).expect("JSON");
        assert_eq!(again["hasChanges"], false, "{shape}: {}", again["summary"]);
        outside.is_unharmed();

        let [mut reads, writes] = [reads, writes].map(|took| took.into_inner().expect("times"));
        reads.sort_unstable();
        let p99 = reads[reads.len() * 99 / 100];
        let held = writes.into_iter().max().expect("some were written");
        let within = took <= IMPORTED_WITHIN && most <= MEMORY && p99 <= READ_WITHIN && held <= WRITTEN_WITHIN;
        let told = format!(
            "{shape}: {took:.1?}, memory {most} MiB; meanwhile GET p99 {p99:.1?} of {}, the longest \
            write {held:.1?}",
            reads.len()
        );
        tier::budget(within, told);
    }
}
