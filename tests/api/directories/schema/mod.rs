//! The schemas of real directories, counted another way: `ldapsearch` reads them, and a plain reading that shares
//! nothing with the program says which attributes each type has.

mod definitions;
mod ds389;
mod known;
mod openldap;
mod samba;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::{SYSTEMS, TestApp};

/// Types with the names of their attributes.
type Types = BTreeMap<String, BTreeSet<String>>;

/// A system at a directory, its schema imported.
struct Imported<'a> {
    app: &'a TestApp,
    id: i64,
    stored: Value,
}

impl<'a> Imported<'a> {
    async fn new(app: &'a TestApp, server: &Server) -> Imported<'a> {
        let id = app.create_system("Directory").await;
        app.set(id, &server.settings()).await.expect_status(200);
        Imported::again(app, id).await
    }

    /// With auxiliary classes as well.
    async fn with_auxiliary(&self) -> Imported<'a> {
        self.app.set(self.id, &json!({ "13": { "checkboxValue": true } })).await.expect_status(200);
        Imported::again(self.app, self.id).await
    }

    async fn again(app: &'a TestApp, id: i64) -> Imported<'a> {
        app.import_schema(id).await.expect_status(200);
        let (status, warning, error) = last_activity(app);
        assert_eq!((status.as_str(), warning, error), ("Complete", None, None));
        let imported = Imported { app, id, stored: app.object_types(id).await };
        imported.is_what_a_test_says().await;
        imported
    }

    /// A test of the connection counts as many types.
    async fn is_what_a_test_says(&self) {
        let path = format!("{}/{}/test-connection", SYSTEMS, self.id);
        let answer = self.app.admin().send("POST", &path, None).await.expect_status(200);
        let stage = list(&answer["stages"]).last().expect("a stage").clone();
        let expected = format!("{} object types", list(&self.stored).len());
        assert_eq!([&stage["name"], &stage["outcome"], &stage["message"]], ["schema", "ok", &expected], "{stage}");
    }

    /// A second import changes nothing and reports nothing.
    async fn stays(&self) {
        let rows = schema_rows(self.app);
        let again = Imported::again(self.app, self.id).await;
        assert_eq!(schema_rows(self.app), rows);
        assert!(again.stored == self.stored, "a second import");
    }

    fn types(&self) -> Types {
        let names = |t: &Value| attributes(t).map(|a| text(a, "name")).collect();
        list(&self.stored).iter().map(|t| (text(t, "name"), names(t))).collect()
    }

    /// The types are these, with these attributes, none of them twice.
    fn are(&self, expected: &Types) {
        let types = self.types();
        let names = |types: &Types| types.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&types), names(expected));
        for (name, expected) in expected {
            assert_eq!(&types[name], expected, "attributes of {name}");
        }
        for seen in list(&self.stored) {
            let name = text(seen, "name");
            assert_eq!(attributes(seen).count(), expected[&name].len(), "attributes of {name}");
            assert_eq!(seen["attributeCount"], expected[&name].len(), "{name}");
        }
    }

    /// Which attributes of each type carry the flags, and are locked by them: everywhere the same.
    fn told_apart_by(&self, external: &str, secondary: &str) {
        for seen in list(&self.stored) {
            let with =
                |flag: &str| attributes(seen).filter(|a| a[flag] == true).map(|a| text(a, "name")).collect::<Vec<_>>();
            assert_eq!(with("isExternalId"), [external], "{}", seen["name"]);
            assert_eq!(with("isSecondaryExternalId"), [secondary], "{}", seen["name"]);
            assert_eq!(with("selected").len(), 2, "{}", seen["name"]);
        }
    }

    /// One attribute of one type: class, type, plurality, writability.
    fn attribute(&self, of: &str, name: &str) -> [Value; 4] {
        let seen = list(&self.stored).iter().find(|t| t["name"] == of).unwrap_or_else(|| panic!("no type {of}"));
        let found = attributes(seen).find(|a| a["name"] == name);
        let found = found.unwrap_or_else(|| panic!("no {name} in {of}"));
        ["className", "type", "attributePlurality", "writability"].map(|field| found[field].clone())
    }
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array")
}

fn attributes(seen: &Value) -> impl Iterator<Item = &Value> {
    list(&seen["attributes"]).iter()
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}

/// The stored types and attributes, row by row.
fn schema_rows(app: &TestApp) -> Vec<String> {
    let rows = app.dump();
    let own = |line: &&str| line.starts_with("object_types: ") || line.starts_with("attributes: ");
    rows.lines().filter(own).map(str::to_owned).collect()
}

/// Status, warning and error of the last schema import.
fn last_activity(app: &TestApp) -> (String, Option<String>, Option<String>) {
    let mut imports = app.activities().into_iter().filter(|a| a.operation == "ImportSchema");
    imports.next_back().map(|a| (a.status, a.warning, a.error)).expect("an activity")
}

/// An entry: values by attribute, in lower case. Values in base64 are left as they are.
type Found = BTreeMap<String, Vec<String>>;

/// What `ldapsearch` finds.
fn ldapsearch(server: &Server, scope: &str, base: &str, filter: &str, attributes: &[&str]) -> Vec<Found> {
    let settings = server.settings();
    let setting = |id: &str| text(&settings[id], "stringValue");
    let run = Command::new("ldapsearch")
        .args(["-LLL", "-x", "-o", "ldif-wrap=no", "-H", &setting("1"), "-D", &setting("2")])
        .args(if scope == "base" { &[][..] } else { &["-E", "pr=500/noprompt"] })
        .args(["-w", &setting("3"), "-s", scope, "-b", base, filter])
        .args(attributes)
        .output()
        .expect("ldapsearch");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let out = String::from_utf8(run.stdout).expect("LDIF");
    let mut entries: Vec<Found> = Vec::new();
    for line in out.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name == "dn" {
            entries.push(Found::new());
        }
        let entry = entries.last_mut().expect("an entry");
        entry.entry(name.to_lowercase()).or_default().push(value.trim_start_matches([':', ' ']).to_owned());
    }
    entries
}
