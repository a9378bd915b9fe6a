//! Selections that are made while an import reads or writes. None is lost, whatever the import does to the row.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::case::Case;
use crate::support::directory::Tree;
use crate::support::program::Dice;
use crate::support::{SYSTEMS, TestApp};
use crate::tier;

const UNITS: usize = 5;
const SYSTEMS_AT_ONCE: usize = 4;

/// Row id to choice.
fn choices(app: &TestApp, id: i64) -> BTreeMap<i64, Option<bool>> {
    let rows = app.stored().containers().into_iter().filter(|row| row.system == id);
    rows.map(|row| (row.id, row.choice)).collect()
}

/// Imports that rename and move what is selected at the same moment. Answers how many selections were made while an
/// import ran.
async fn race(app: &TestApp, rounds: usize, seed: u64) -> (usize, usize) {
    let sides = Tree::new().suffix("dc=x").ou("ou=L,dc=x").ou("ou=R,dc=x");
    let side = |n: usize| if n.is_multiple_of(2) { "ou=L,dc=x" } else { "ou=R,dc=x" };
    let name = |unit: usize, round: usize| format!("ou=u{unit}-{round},{}", side(unit + round));
    let tree = (0..UNITS).fold(sides, |t, unit| t.ou(&name(unit, 0)));
    let case = Case::new(app, tree).await;
    app.import(case.id, "").await.expect_status(200);
    let mut model = choices(app, case.id);
    let rows: Vec<i64> = model.keys().copied().collect();
    let mut dice = Dice::seeded(seed);
    let client = app.admin();
    let (mut made, mut beside) = (0, 0);
    for round in 0..rounds {
        for unit in 0..UNITS {
            let to = name(unit, round + 1);
            let (rdn, above) = to.split_once(',').expect("two parts");
            case.sandbox.rename(&name(unit, round), rdn, Some(above)).expect("a move");
        }
        let over = Cell::new(false);
        let put = async {
            for _ in 0..2 {
                tokio::time::sleep(Duration::from_micros(dice.below(4_000))).await;
                let row = rows[dice.below(rows.len() as u64) as usize];
                let selected = dice.below(2) == 1;
                let path = format!("{SYSTEMS}/{}/containers/{row}", case.id);
                client.put(&path, &json!({ "selected": selected })).await.expect_status(200);
                model.insert(row, Some(selected));
                made += 1;
                beside += usize::from(!over.get());
            }
        };
        let import = async {
            let answer = app.import(case.id, "").await;
            over.set(true);
            answer
        };
        let (answer, ()) = tokio::join!(import, put);
        let result = answer.expect_status(200);
        assert_eq!((&result["addedContainers"], &result["removedContainers"]), (&json!([]), &json!([])), "{result}");
        assert_eq!(result["movedContainers"].as_array().map(Vec::len), Some(UNITS), "{result}");
        assert_eq!(choices(app, case.id), model, "round {round}");
    }
    (made, beside)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn selections_beside_imports() {
    let rounds = tier::size(1_000, 5_000);
    let app = TestApp::start().await;
    let mut dice = Dice::new("SELECTIONS_SEED");
    let seeds: Vec<u64> = (0..SYSTEMS_AT_ONCE).map(|_| dice.below(u64::MAX)).collect();
    let made = join_all(seeds.into_iter().map(|seed| race(&app, rounds / SYSTEMS_AT_ONCE, seed))).await;
    let (made, beside) = made.into_iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    tier::figure(format!("{rounds} imports, {made} selections, {beside} of them while the import ran, 0 lost"));
    assert!(beside > made / 10, "the selections did not meet the imports: {beside} of {made}");
    app.is_sound();
}
