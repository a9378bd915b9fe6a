//! A connected system with a directory of its own, and imports that are held against everything that is true of
//! each of them: the preview, the counts, the row ids, the flags, the activity.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::directory::{Options, Sandbox, Tree};
use super::{SYSTEMS, TestApp, containers};

/// An activity of an import: status, message, warningMessage, errorMessage.
pub type Activity = (String, Option<String>, Option<String>, Option<String>);

pub struct Case<'a> {
    pub app: &'a TestApp,
    pub sandbox: Sandbox,
    pub id: i64,
}

impl<'a> Case<'a> {
    /// A system at a sandbox with this tree; nothing is imported yet.
    pub async fn new(app: &'a TestApp, tree: Tree) -> Case<'a> {
        Case::with(app, Options::with_tree(tree)).await
    }

    pub async fn with(app: &'a TestApp, options: Options) -> Case<'a> {
        let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
        let id = app.connected_to(&sandbox).await;
        Case { app, sandbox, id }
    }

    /// The same, imported, with these containers selected.
    pub async fn imported(app: &'a TestApp, tree: Tree, selected: &[&str]) -> Case<'a> {
        let case = Case::new(app, tree).await;
        case.import("").await;
        for dn in selected {
            app.select(case.id, dn).await;
        }
        case
    }

    /// An import that answers 200, held against its preview and against the state before and after.
    pub async fn import(&self, query: &str) -> Value {
        import(self.app, self.id, query).await
    }

    /// What an import changes, in short; a second import must change nothing.
    pub async fn changes(&self, query: &str) -> Vec<String> {
        let result = self.import(query).await;
        assert_eq!(result["success"], true, "{result}");
        let tree = self.tree().await;
        let again = self.import(query).await;
        assert_eq!(told(&again), [""; 0], "a second import");
        let summary = again["summary"].as_str().unwrap_or_default();
        assert!(summary.starts_with("No changes detected"), "{summary}");
        assert_eq!(self.tree().await, tree);
        told(&result)
    }

    pub async fn tree(&self) -> Vec<String> {
        tree(&self.app.partitions(self.id).await)
    }

    pub async fn set(&self, values: Value) {
        self.app.set(self.id, &values).await.expect_status(200);
    }
}

/// See [`Case::import`].
pub async fn import(app: &TestApp, id: i64, query: &str) -> Value {
    let (before, dump, activities) = (rows(app, id).await, app.dump(), self::activities(app, id));
    let joint = if query.is_empty() { "?" } else { "&" };
    let preview = app.import(id, &format!("{query}{joint}preview=true")).await.expect_status(200);
    same(&app.dump(), &dump, "a preview changes nothing");
    assert_eq!(self::activities(app, id).len(), activities.len(), "a preview leaves no activity");
    let detail = app.admin().get(&format!("{SYSTEMS}/{id}")).await.expect_status(200);

    let result = app.import(id, query).await.expect_status(200);
    assert_eq!(preview["preview"], true);
    assert!(result.get("preview").is_none());
    let (mut expected, shown) = (result.clone(), result["summary"].as_str().expect("a summary"));
    let bare = shown.strip_prefix("Not applied: ").map_or(format!("Preview: {shown}"), |_| shown.to_owned());
    expected["preview"] = json!(true);
    expected["summary"] = json!(bare);
    assert_eq!(preview, expected, "the preview says what the import does");

    let now = app.admin().get(&format!("{SYSTEMS}/{id}")).await.expect_status(200);
    let after = rows(app, id).await;
    let closed = self::activities(app, id);
    assert_eq!(closed.len(), activities.len() + 1, "one activity");
    let (status, message, warning, error) = closed.last().expect("an activity").clone();
    assert_eq!(message.as_deref(), Some(shown));
    let told = told(&result);
    if result["success"] == false {
        same(&app.dump(), &dump, "a guard stop changes nothing");
        assert!(result["errorMessage"].as_str().is_some_and(|m| m.contains("acceptRemovals=true")), "{result}");
        assert!(shown.starts_with("Not applied: "), "{shown}");
        assert_eq!((status.as_str(), error.as_deref()), ("FailedWithError", result["errorMessage"].as_str()));
        assert_eq!(now["settingValuesValid"], detail["settingValuesValid"]);
        assert_eq!(now["lastUpdated"], detail["lastUpdated"]);
    } else {
        assert_eq!(result["errorMessage"], Value::Null);
        assert_eq!(now["settingValuesValid"], true);
        assert_ne!(now["lastUpdated"], detail["lastUpdated"]);
        let remark = |w: &&Value| {
            let text = w.as_str().expect("text");
            !(text.starts_with("certificate validation is off") || text.starts_with("the password was sent"))
        };
        let real = result["warnings"].as_array().expect("warnings").iter().filter(remark).count();
        let expected = if real > 0 { "CompleteWithWarning" } else { "Complete" };
        assert_eq!((status.as_str(), warning.is_some(), error), (expected, real > 0, None), "{result}");
    }
    assert_eq!(result["totalContainers"], after.len());
    assert_eq!(result["totalPartitions"], app.partitions(id).await.as_array().map(Vec::len).expect("a list"));
    // A row keeps its id for as long as it lives, and no id is used again.
    let added: BTreeSet<&str> = texts(&result["addedContainers"], "externalId").collect();
    for (row, (dn, choice)) in after.iter().filter(|_| result["success"] == true) {
        assert_eq!(before.contains_key(row), !added.contains(dn.as_str()), "row {row} of {dn}: {told:?}");
        assert_eq!(before.get(row).and_then(|b| b.1), *choice, "the choice of {dn}");
    }
    follows(&app.partitions(id).await);
    result
}

/// Two dumps are equal; if not, the first row that differs is shown.
#[track_caller]
pub fn same(now: &str, before: &str, what: &str) {
    let differs = now.lines().zip(before.lines()).find(|(a, b)| a != b);
    assert!(now == before, "{what}: {:?}", differs.map(|(a, b)| [a.to_owned(), b.to_owned()]));
}

/// Every container is selected as its own choice says, or that of the nearest container above with one.
pub fn follows(partitions: &Value) {
    let list = |rows: &Value| rows.as_array().expect("rows").clone();
    let roots = list(partitions).into_iter().flat_map(|p| list(&p["containers"]));
    let mut open: Vec<(Value, (bool, bool))> = roots.map(|c| (c, (false, false))).collect();
    while let Some((row, above)) = open.pop() {
        let [selected, hidden, inherited] = ["selected", "hidden", "selectionInherited"].map(|name| row[name] == true);
        let (choice, by_hidden) = if inherited { above } else { (selected, hidden) };
        assert_eq!(selected, choice && (by_hidden || !hidden), "{}", row["externalId"]);
        open.extend(list(&row["childContainers"]).into_iter().map(|c| (c, (choice, by_hidden))));
    }
}

/// Row id to DN and own choice.
async fn rows(app: &TestApp, id: i64) -> BTreeMap<i64, (String, Option<bool>)> {
    let partitions = app.partitions(id).await;
    let row = |c: &&Value| {
        let dn = c["externalId"].as_str().expect("a DN").to_owned();
        (c["id"].as_i64().expect("an id"), (dn, (c["selectionInherited"] == false).then(|| c["selected"] == true)))
    };
    containers(&partitions).iter().map(row).collect()
}

fn texts<'v>(array: &'v Value, field: &'static str) -> impl Iterator<Item = &'v str> {
    array.as_array().expect("an array").iter().map(move |e| e[field].as_str().expect("text"))
}

/// The arrays of a result in short, in their order: `+` added, `-` removed, `~` renamed, `>` moved, `!` a partition,
/// `*` selected. Counts, flags and summary are compared with them.
pub fn told(result: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let counts = ["Partitions", "Containers"].into_iter().flat_map(|kind| {
        let mark = if kind == "Partitions" { "!" } else { "" };
        ["added", "removed", "renamed", "moved"].into_iter().map(move |verb| (mark, verb, format!("{verb}{kind}")))
    });
    let (mut added, mut removed, mut updated, mut selected) = (0, 0, 0, false);
    for (mark, verb, array) in counts.filter(|(mark, verb, _)| (*mark, *verb) != ("!", "moved")) {
        for element in result[&array].as_array().unwrap_or_else(|| panic!("{array} in {result}")) {
            let text = |name: &str| element[name].as_str().unwrap_or_else(|| panic!("{name} of {array}: {element}"));
            let parent = |name: &str| element.get(name).expect(name).as_str().unwrap_or("root").to_owned();
            assert_eq!(element["itemType"], if mark.is_empty() { "Container" } else { "Partition" }, "{element}");
            let star = if element["wasSelected"].as_bool().expect("wasSelected") { " *" } else { "" };
            let dn = text("externalId");
            lines.push(match verb {
                "added" => {
                    added += 1;
                    assert!(star.is_empty() && !text("name").is_empty(), "{element}");
                    format!("{mark}+ {dn}")
                }
                "removed" => {
                    removed += 1;
                    selected |= !star.is_empty();
                    assert!(!text("name").is_empty(), "{element}");
                    format!("{mark}- {dn}{star}")
                }
                "renamed" => {
                    updated += 1;
                    format!("{mark}~ {dn}: {} to {}{star}", text("oldName"), text("newName"))
                }
                _ => {
                    updated += 1;
                    assert!(!text("name").is_empty(), "{element}");
                    format!("> {dn}: {} to {}{star}", parent("oldParentExternalId"), parent("newParentExternalId"))
                }
            });
        }
    }
    assert_eq!(result["hasChanges"], !lines.is_empty(), "{result}");
    assert_eq!(result["hasSelectedItemsRemoved"], selected, "{result}");
    let summary = result["summary"].as_str().expect("a summary");
    let bare = summary.rsplit(": ").next().unwrap_or_default();
    // What could not be read stands behind.
    let bare = bare.split_once("; ").map_or(bare, |(changes, _)| changes);
    let expected = match lines.is_empty() {
        true => "No changes detected".to_owned(),
        false => format!("{added} added, {removed} removed, {updated} updated"),
    };
    assert_eq!(bare, expected);
    lines
}

/// The stored tree: a line per row, a blank per level, the DN, `*` for selected, `h` for hidden.
pub fn tree(partitions: &Value) -> Vec<String> {
    let mark = |row: &Value| match (row["selected"] == true, row["hidden"] == true) {
        (true, true) => " *h",
        (true, false) => " *",
        (false, true) => " h",
        (false, false) => "",
    };
    let mut lines = Vec::new();
    let list = |rows: &Value| rows.as_array().expect("rows").iter().rev().cloned().collect::<Vec<_>>();
    let mut open: Vec<(usize, Value)> = list(partitions).into_iter().map(|p| (0, p)).collect();
    while let Some((level, row)) = open.pop() {
        lines.push(format!("{}{}{}", " ".repeat(level), row["externalId"].as_str().expect("a DN"), mark(&row)));
        let below = if level == 0 { &row["containers"] } else { &row["childContainers"] };
        open.extend(list(below).into_iter().map(|c| (level + 1, c)));
    }
    lines
}

/// The activities of the hierarchy imports of a system, oldest first.
pub fn activities(app: &TestApp, id: i64) -> Vec<Activity> {
    activities_of(app, id, "ImportHierarchy")
}

/// The activities of one operation on a system, oldest first.
pub fn activities_of(app: &TestApp, id: i64, operation: &str) -> Vec<Activity> {
    let all = app.activities().into_iter().filter(|a| a.system == Some(id) && a.operation == operation);
    all.map(|a| (a.status, a.message, a.warning, a.error)).collect()
}

/// The warnings of a result as one text.
pub fn warnings(result: &Value) -> String {
    texts_of(&result["warnings"])
}

fn texts_of(array: &Value) -> String {
    array.as_array().expect("an array").iter().map(|w| w.as_str().expect("text")).collect::<Vec<_>>().join("\n")
}
