//! Five thousand units of a real OpenLDAP that are renamed, moved, deleted and added, held against a model of
//! them; an account that may read nothing; and a server that goes away in the middle of an import.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::{changes, stored, system};
use crate::support::case::{same, told, warnings};
use crate::support::program::Dice;
use crate::support::slapd::{PARTNERS, SUFFIX, Setup, Slapd};
use crate::support::{SYSTEMS, TestApp, containers};
use crate::tier;

const UNITS: usize = 5_000;

/// A unit of the model: names are used once, so that no edit can be refused.
struct Unit {
    name: String,
    above: Option<usize>,
    selected: bool,
    gone: bool,
}

/// What the directory holds.
#[derive(Default)]
struct Model {
    units: Vec<Unit>,
    names: usize,
}

impl Model {
    /// A tree of this many units, a few levels deep.
    fn grown(dice: &mut Dice, count: usize) -> Model {
        let mut model = Model::default();
        for n in 0..count {
            let above = (n >= 40).then(|| dice.below(n as u64 / 2) as usize);
            model.add(above);
        }
        model
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    fn add(&mut self, above: Option<usize>) -> usize {
        let name = self.name();
        self.units.push(Unit { name, above, selected: false, gone: false });
        self.units.len() - 1
    }

    fn dn(&self, unit: usize) -> String {
        let above = self.units[unit].above.map_or(SUFFIX.to_owned(), |above| self.dn(above));
        format!("ou={},{above}", self.units[unit].name)
    }

    fn is_below(&self, unit: usize, top: usize) -> bool {
        unit == top || self.units[unit].above.is_some_and(|above| self.is_below(above, top))
    }

    /// By its own choice or that of a unit above.
    fn is_selected(&self, unit: usize) -> bool {
        self.units[unit].selected || self.units[unit].above.is_some_and(|above| self.is_selected(above))
    }

    /// A unit and all below it, the deepest first.
    fn subtree(&self, top: usize) -> Vec<usize> {
        let mut all: Vec<usize> = self.there().filter(|n| self.is_below(*n, top)).collect();
        all.sort_by_key(|n| std::cmp::Reverse(self.dn(*n).len()));
        all
    }

    fn there(&self) -> impl Iterator<Item = usize> {
        (0..self.units.len()).filter(|n| !self.units[*n].gone)
    }

    fn any(&self, dice: &mut Dice) -> usize {
        let there: Vec<usize> = self.there().collect();
        there[dice.below(there.len() as u64) as usize]
    }

    /// As `stored` shows it, sorted.
    fn lines(&self) -> Vec<String> {
        let line = |n: usize| {
            let (dn, star) = (self.dn(n), if self.is_selected(n) { " *" } else { "" });
            format!("{}{dn}{star}", " ".repeat(dn.matches("ou=").count()))
        };
        let mut lines: Vec<String> = self.there().map(line).chain([SUFFIX, PARTNERS].map(str::to_owned)).collect();
        lines.sort_unstable();
        lines
    }

    fn ldif(&self, folder: &std::path::Path) -> PathBuf {
        let unit = |n| format!("dn: {}\nobjectClass: organizationalUnit\n\n", self.dn(n));
        let path = folder.join("units.ldif");
        std::fs::write(&path, self.there().map(unit).collect::<String>()).expect("written");
        path
    }

    /// Changes one thing here and there; says what.
    async fn edit(&mut self, slapd: &Slapd, dice: &mut Dice) -> usize {
        let unit = self.any(dice);
        let dn = self.dn(unit);
        match dice.below(10) {
            0..4 => {
                let name = self.name();
                slapd.rename(&dn, &format!("ou={name}"), None).await;
                self.units[unit].name = name;
                0
            }
            4..7 => {
                let to = self.any(dice);
                if self.is_below(to, unit) {
                    return 4;
                }
                let rdn = format!("ou={}", self.units[unit].name);
                slapd.rename(&dn, &rdn, Some(&self.dn(to))).await;
                self.units[unit].above = Some(to);
                1
            }
            7..9 => {
                let all = self.subtree(unit);
                // So few that no confirmation is asked for.
                if all.len() > 4 {
                    return 4;
                }
                for n in all {
                    slapd.delete(&self.dn(n)).await;
                    self.units[n].gone = true;
                }
                2
            }
            _ => {
                let fresh = self.add(Some(unit));
                slapd.add_ou(&self.dn(fresh)).await;
                3
            }
        }
    }
}

async fn sorted(app: &TestApp, id: i64) -> Vec<String> {
    let mut lines = stored(app, id).await;
    lines.sort_unstable();
    lines
}

/// What is stored is what the model says; if not, the first line that differs is shown.
async fn equals(app: &TestApp, id: i64, model: &Model, what: &str) {
    same(&sorted(app, id).await.join("\n"), &model.lines().join("\n"), what);
}

/// A slapd with the units of the model, imported, and some of them selected.
async fn imported(app: &TestApp, model: &mut Model, dice: &mut Dice) -> (Slapd, i64) {
    let folder = tempfile::tempdir().expect("a folder");
    let slapd = Slapd::start_with(Setup { ldif: vec![model.ldif(folder.path())], ..Setup::default() });
    let id = system(app, &slapd).await;
    let result = app.import(id, "").await.expect_status(200);
    assert_eq!(told(&result).len(), model.units.len() + 2, "with the naming contexts");
    let partitions = app.partitions(id).await;
    let all = containers(&partitions);
    for _ in 0..60 {
        let unit = model.any(dice);
        let dn = model.dn(unit);
        let row = all.iter().find(|c| c["externalId"] == dn.as_str()).expect("stored");
        let path = format!("{SYSTEMS}/{id}/containers/{}", row["id"]);
        app.admin().put(&path, &json!({ "selected": true })).await.expect_status(200);
        model.units[unit].selected = true;
    }
    equals(app, id, model, "after the first import").await;
    (slapd, id)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn five_thousand_units_follow_a_model() {
    let (rounds, edits) = tier::size((2, 60), (10, 200));
    let (app, mut dice) = (TestApp::start().await, Dice::new("UNITS_SEED"));
    let mut model = Model::grown(&mut dice, UNITS);
    let (slapd, id) = imported(&app, &mut model, &mut dice).await;
    let mut made = [0; 5];
    for round in 0..rounds {
        for _ in 0..edits {
            made[model.edit(&slapd, &mut dice).await] += 1;
        }
        let result = app.import(id, "").await.expect_status(200);
        assert_eq!(result["success"], true, "{}", result["summary"]);
        assert!(warnings(&result).lines().all(|w| w.contains("by inheritance")), "{}", result["warnings"]);
        equals(&app, id, &model, &format!("round {round}")).await;
        let again = app.import(id, "").await.expect_status(200);
        assert_eq!(again["hasChanges"], false, "{}", again["summary"]);
    }
    let [renamed, moved, deleted, added, _] = made;
    tier::figure(format!(
        "{UNITS} units, {rounds} imports of {renamed} renames, {moved} moves, {deleted} \
        deletes and {added} additions: equal to the model"
    ));
    assert!(made.iter().all(|n| *n > 0), "{made:?}");
    app.is_sound();
}

/// Killed in the middle of a search: what was read may be stored, and nothing is taken for removed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_restart_during_an_import_removes_nothing() {
    let pages = tier::size(vec![2, 7], (1..=9).collect());
    let (app, mut dice) = (TestApp::start().await, Dice::new("UNITS_SEED"));
    let mut model = Model::grown(&mut dice, UNITS);
    let (mut slapd, id) = imported(&app, &mut model, &mut dice).await;
    let (mut partly, mut refused) = (0, 0);
    for page in pages {
        for _ in 0..20 {
            model.edit(&slapd, &mut dice).await;
        }
        let chosen = || app.stored().containers().iter().filter(|row| row.choice.is_some()).count();
        let (dump, before, chosen_before) = (app.dump(), sorted(&app, id).await, chosen());
        let said = slapd.log().len();
        let search = format!("SRCH base=\"{SUFFIX}\" scope=2");
        let killed = async {
            while slapd.log()[said..].matches(&search).count() < page {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::task::block_in_place(|| slapd.stop());
        };
        let (answer, ()) = tokio::join!(app.import(id, ""), killed);
        match answer.status {
            500 => {
                refused += 1;
                same(&app.dump(), &dump, "an import that failed writes nothing");
            }
            _ => {
                partly += 1;
                let result = answer.expect_status(200);
                assert_eq!(result["removedContainers"], json!([]), "page {page}");
                assert!(warnings(&result).contains(SUFFIX), "{}", result["warnings"]);
                let now = sorted(&app, id).await;
                assert!(now.len() >= before.len() && chosen() == chosen_before, "page {page}");
            }
        }
        slapd.resume();
        let result = app.import(id, "").await.expect_status(200);
        assert_eq!(result["success"], true, "{}", result["summary"]);
        equals(&app, id, &model, &format!("after page {page}")).await;
    }
    tier::figure(format!(
        "slapd killed in the middle of {} imports of {UNITS} units: {refused} failed, {partly} \
        kept what they had read, 0 removals; the next one equal to the model",
        partly + refused
    ));
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn an_account_without_rights_removes_nothing() {
    let (app, mut slapd) = (TestApp::start().await, Slapd::start());
    let all = ["ou=A", "ou=B,ou=A", "ou=C"].map(|rdns| format!("{rdns},{SUFFIX}"));
    for dn in &all {
        slapd.add_ou(dn).await;
    }
    let id = system(&app, &slapd).await;
    changes(&app, id, "").await;
    app.select(id, &all[1]).await;
    let before = stored(&app, id).await;
    let units: Vec<&str> = all.iter().map(String::as_str).collect();
    // It sees the naming contexts and nothing in them, then one of them, then none.
    for hidden in [units.clone(), [&units[..], &[SUFFIX]].concat(), [&units[..], &[SUFFIX, PARTNERS]].concat()] {
        slapd.restart_hiding(&hidden);
        let dump = app.dump();
        let answer = app.import(id, "").await;
        let what = format!("{hidden:?}: {}", answer.body);
        if hidden.contains(&PARTNERS) {
            answer.expect_error(500, "INTERNAL_ERROR");
            same(&app.dump(), &dump, &what);
        } else {
            let result: Value = answer.expect_status(200);
            assert_eq!(told(&result), [""; 0], "{what}");
            assert!(!warnings(&result).is_empty(), "{what}");
        }
        assert_eq!(stored(&app, id).await, before, "{what}");
    }
    slapd.restart_hiding(&[]);
    assert_eq!(changes(&app, id, "").await, [""; 0]);
    tier::figure("an account that may read nothing, one of two naming contexts or no entry: 0 removals");
}
