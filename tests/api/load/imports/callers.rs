//! Callers that hang up at random moments. What they asked for is done or not, never by half.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::case::{Case, activities};
use crate::support::directory::Tree;
use crate::support::program::Dice;
use crate::support::{SYSTEMS, TestApp};
use crate::tier;

/// Budget from the caller's end until the system is free.
const FREE_WITHIN: Duration = Duration::from_secs(1);

const MOMENTS: usize = 100;

/// Sends a request and hangs up: now and then before it is whole, else at once or a moment later.
async fn hang_up(app: &TestApp, method: &str, path: &str, body: &str, dice: &mut Dice) {
    let mut caller = TcpStream::connect(app.address).await.expect("connected");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        app.key,
        body.len()
    );
    let request = [head.as_bytes(), body.as_bytes()].concat();
    let whole = dice.below(4) > 0;
    let sent = if whole { request.len() } else { dice.below(request.len() as u64) as usize };
    caller.write_all(&request[..sent]).await.expect("sent");
    let pause = [0, 300, 3_000, 20_000][dice.below(4) as usize];
    tokio::time::sleep(Duration::from_micros(dice.below(pause))).await;
    if dice.below(2) == 0 {
        let _ = caller.set_zero_linger();
    }
}

fn running(app: &TestApp) -> bool {
    app.activities().iter().any(|a| a.status == "InProgress")
}

fn updates(app: &TestApp) -> usize {
    app.activities().iter().filter(|a| a.operation == "Update").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_without_their_caller() {
    let app = TestApp::start().await;
    let id = app.create_system("tag 0").await;
    let path = format!("{SYSTEMS}/{id}");
    let mut dice = Dice::new("CALLERS_SEED");
    let (begun, mut last) = (updates(&app), 0);
    for moment in 1..=MOMENTS {
        let body = json!({
            "name": format!("tag {moment}"),
            "description": format!("tag {moment}"),
            "settingValues": { "2": { "stringValue": format!("tag {moment}") }, "9": { "intValue": moment } },
        });
        hang_up(&app, "PUT", &path, &body.to_string(), &mut dice).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let shown = app.admin().get(&path).await.expect_status(200);
        let values = &shown["settingValues"];
        let tag = shown["name"].as_str().and_then(|n| n.strip_prefix("tag ")).and_then(|n| n.parse().ok());
        let tag: usize = tag.unwrap_or_else(|| panic!("moment {moment}: {shown}"));
        // One that was on its way at the last look may have arrived since.
        assert!((last..=moment).contains(&tag), "moment {moment}: {shown}");
        if tag > 0 {
            let whole = [&shown["description"], &values["2"]["stringValue"]].iter().all(|t| **t == shown["name"]);
            assert!(whole && values["9"]["intValue"] == tag, "moment {moment}: {shown}");
        } else {
            assert_eq!(
                (&shown["description"], &values["2"]["stringValue"]),
                (&Value::Null, &Value::Null),
                "{moment}: {shown}"
            );
        }
        last = tag;
    }
    let applied = updates(&app) - begun;
    tier::figure(format!("{MOMENTS} writes without their caller: {applied} applied, 0 by half"));
    assert!(applied > 0 && applied < MOMENTS, "callers hung up neither before nor after the request was whole");
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_without_their_caller() {
    const UNITS: usize = 40;
    let app = TestApp::start().await;
    let sides = ["ou=L,dc=x", "ou=R,dc=x"];
    let unit = |n: usize, round: usize| format!("ou=u{n:02}-{round},{}", sides[(n + round) % 2]);
    let model = |round: usize| -> BTreeSet<String> {
        (0..UNITS).map(|n| unit(n, round)).chain(sides.map(str::to_owned)).collect()
    };
    let tree = Tree::new().suffix("dc=x").ou(sides[0]).ou(sides[1]);
    let tree = (0..UNITS).fold(tree, |t, n| t.ou(&unit(n, 0)));
    let case = Case::imported(&app, tree, &[&unit(0, 0), &unit(7, 0)]).await;
    let stored = || -> (BTreeSet<String>, usize) {
        let rows = app.stored().containers();
        let selected = rows.iter().filter(|row| row.selected).count();
        (rows.into_iter().map(|row| row.dn).collect(), selected)
    };
    let path = format!("{SYSTEMS}/{}/import-hierarchy", case.id);
    let mut dice = Dice::new("CALLERS_SEED");
    let (mut applied, mut last, mut slowest) = (0, 0, Duration::ZERO);
    for round in 1..=MOMENTS {
        for n in 0..UNITS {
            let to = unit(n, round);
            let (rdn, side) = to.split_once(',').expect("two parts");
            case.sandbox.rename(&unit(n, round - 1), rdn, Some(side)).expect("a move");
        }
        hang_up(&app, "POST", &path, "", &mut dice).await;
        tokio::time::sleep(Duration::from_millis(15)).await;
        while running(&app) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (now, selected) = stored();
        // One that was still on its way at the last look may have read an earlier round, or this one.
        let of = (last..=round).rev().find(|r| now == model(*r));
        let of = of.unwrap_or_else(|| panic!("round {round}: half of an import: {now:?}"));
        assert_eq!(selected, 2, "round {round}");
        applied += usize::from(of > last);
        last = of;
        // The run is free as soon as the import has ended.
        let begun = Instant::now();
        loop {
            let answer = app.import(case.id, "?preview=true").await;
            if answer.status == 200 {
                break;
            }
            answer.expect_error(409, "CONFLICT");
        }
        slowest = slowest.max(begun.elapsed());
    }
    let told = format!("{MOMENTS} imports without their caller: {applied} applied, 0 by half; free after {slowest:?}");
    tier::budget(slowest <= FREE_WITHIN, told);
    assert!(slowest < Duration::from_secs(10));
    assert!(activities(&app, case.id).iter().all(|a| a.0 == "Complete"), "{:?}", activities(&app, case.id));
    app.is_sound();
}
