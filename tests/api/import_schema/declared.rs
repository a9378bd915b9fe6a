//! Schemas that a test writes, imports of them that are held against everything that is true of each, and what is
//! stored afterwards in short.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::case::{Activity, Case, activities_of};
use crate::support::directory::{Faults, Sandbox, Tree};
use crate::support::{Answer, SYSTEMS, TestApp};

/// Where the sandbox declares its schema.
pub const SUBSCHEMA: &str = "cn=Subschema";
/// Syntaxes, without what all have in common.
pub const TEXT: &str = "SYNTAX 1.3.6.1.4.1.1466.115.121.1.15";
pub const NUMBER: &str = "SYNTAX 1.3.6.1.4.1.1466.115.121.1.27";

/// A definition: its OID, its name, and what follows.
pub fn definition(oid: &str, name: &str, rest: &str) -> String {
    format!("( {oid} NAME '{name}' {rest} )")
}

/// Declares `top` and these classes, `objectClass` and these attributes; each is a name and what follows it.
pub fn declare(sandbox: &Sandbox, classes: &[(&str, &str)], attributes: &[(&str, &str)]) {
    let numbered = |branch: u32, list: &[(&str, &str)]| -> Vec<String> {
        list.iter()
            .enumerate()
            .map(|(n, (name, rest))| definition(&format!("1.3.9.{branch}.{n}"), name, rest))
            .collect()
    };
    let mut all = vec![definition("2.5.6.0", "top", "ABSTRACT MUST objectClass")];
    all.extend(numbered(1, classes));
    let mut types = vec![definition("2.5.4.0", "objectClass", "SYNTAX 1.3.6.1.4.1.1466.115.121.1.38")];
    types.extend(numbered(2, attributes));
    sandbox.set_schema(all, types, Vec::new());
}

/// A system at a sandbox that declares this; nothing is imported yet.
pub async fn declared<'a>(app: &'a TestApp, classes: &[(&str, &str)], attributes: &[(&str, &str)]) -> Case<'a> {
    let case = Case::new(app, Tree::new().suffix("dc=x")).await;
    declare(&case.sandbox, classes, attributes);
    case
}

pub fn path(case: &Case<'_>) -> String {
    format!("{SYSTEMS}/{}", case.id)
}

/// The request itself.
pub async fn send(case: &Case<'_>) -> Answer {
    case.app.admin().send("POST", &format!("{}/import-schema", path(case)), None).await
}

pub async fn detail(case: &Case<'_>) -> Value {
    case.app.admin().get(&path(case)).await.expect_status(200)
}

/// The object types as they are stored.
pub async fn stored(case: &Case<'_>) -> Value {
    case.app.admin().get(&format!("{}/object-types", path(case))).await.expect_status(200)
}

pub fn closed(case: &Case<'_>) -> Vec<Activity> {
    activities_of(case.app, case.id, "ImportSchema")
}

/// An import that answers 200: its object types, and what its activity warns of.
pub async fn import(case: &Case<'_>) -> (Value, Option<String>) {
    let (before, dated, count) = (stored(case).await, detail(case).await["lastUpdated"].clone(), closed(case).len());
    let result = send(case).await.expect_status(200);
    assert_eq!(result, detail(case).await, "the answer is the detail");
    assert_eq!(result["settingValuesValid"], true);
    assert!(result["lastUpdated"].is_string() && result["lastUpdated"] != dated, "{}", result["lastUpdated"]);
    let types = stored(case).await;
    assert_eq!(result["objectTypes"], types);
    let all = closed(case);
    assert_eq!(all.len(), count + 1, "one activity");
    let (status, message, warning, error) = all.last().expect("an activity").clone();
    assert!(message.is_some_and(|m| !m.is_empty()) && error.is_none(), "{error:?}");
    assert_eq!(status, if warning.is_some() { "CompleteWithWarning" } else { "Complete" }, "{warning:?}");
    is_well_formed(&types);
    keeps(&rows(&before), &rows(&types));
    (types, warning)
}

/// One that warns of nothing; what is stored in short.
pub async fn imported(case: &Case<'_>) -> Vec<String> {
    let (types, warning) = import(case).await;
    assert_eq!(warning, None);
    shown(&types)
}

/// What is true of every list of object types.
fn is_well_formed(types: &Value) {
    let names = |list: &Value| -> Vec<String> { list_of(list).map(|row| text(row, "name")).collect() };
    let sorted = |list: &Value| {
        let all = names(list);
        let mut lower: Vec<String> = all.iter().map(|n| n.to_lowercase()).collect();
        assert!(lower.is_sorted() || all.is_sorted(), "by name: {all:?}");
        lower.sort();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "each once: {all:?}");
    };
    sorted(types);
    for object in list_of(types) {
        let attributes = &object["attributes"];
        sorted(attributes);
        assert_eq!(object["attributeCount"], list_of(attributes).count(), "{}", object["name"]);
        for flag in ["isExternalId", "isSecondaryExternalId"] {
            assert!(list_of(attributes).filter(|a| a[flag] == true).count() <= 1, "{flag} of {}", object["name"]);
        }
        for attribute in list_of(attributes) {
            let flagged = attribute["isExternalId"] == true || attribute["isSecondaryExternalId"] == true;
            assert_eq!(attribute["selectionLocked"], flagged, "{attribute}");
            assert!(!flagged || attribute["selected"] == true, "{attribute}");
        }
    }
}

/// A stored row: its id, when it was made, and its flags.
type Row = (i64, String, [bool; 4]);

fn rows(types: &Value) -> BTreeMap<String, Row> {
    let flag = |row: &Value, name: &str| row[name] == true;
    let row = |row: &Value, second: &str, more: [&str; 2]| {
        let flags = [flag(row, "selected"), flag(row, second), flag(row, more[0]), flag(row, more[1])];
        (row["id"].as_i64().expect("an id"), text(row, "created"), flags)
    };
    let mut all = Vec::new();
    for object in list_of(types) {
        let name = text(object, "name").to_lowercase();
        for attribute in list_of(&object["attributes"]) {
            let key = format!("{name}/{}", text(attribute, "name").to_lowercase());
            all.push((key, row(attribute, "isExternalId", ["isSecondaryExternalId", "-"])));
        }
        all.push((name, row(object, "removeContributedAttributesOnObsoletion", ["-", "-"])));
    }
    // Of names that differ in case only the oldest counts.
    all.sort_by_key(|(_, row)| std::cmp::Reverse(row.0));
    all.into_iter().collect()
}

/// Rows keep their ids, dates and flags; an id that had to be recommended again may be added to the flags.
fn keeps(before: &BTreeMap<String, Row>, after: &BTreeMap<String, Row>) {
    for (name, (id, created, flags)) in after {
        match before.get(name) {
            Some((old, since, had)) => {
                assert_eq!((id, created), (old, since), "{name}");
                let lost = had.iter().zip(flags).any(|(had, has)| *had && !has);
                assert!(!lost, "{name} had {had:?} and has {flags:?}");
            }
            None => {
                let kind = |key: &str| key.contains('/');
                let again = before.iter().find(|(key, row)| kind(key) == kind(name) && row.0 == *id);
                assert!(again.is_none(), "{name} has the id of {again:?}");
            }
        }
    }
}

pub fn list_of(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().expect("an array").iter()
}

pub fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_else(|| panic!("{name} in {row}")).to_owned()
}

/// The row of this name.
#[track_caller]
pub fn named<'v>(list: &'v Value, name: &str) -> &'v Value {
    let found = list_of(list).find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} among {:?}", list_of(list).map(|r| &r["name"]).collect::<Vec<_>>()))
}

/// A line per object type (`*` selected, `r` contributed attributes are removed), below it a line per attribute: name,
/// type, plurality, writability, class, and `*` selected, `1` external id, `2` secondary external id.
pub fn shown(types: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for object in list_of(types) {
        let mark = |name: &str, mark: &str| if object[name] == true { mark.to_owned() } else { String::new() };
        let flags = mark("selected", " *") + &mark("removeContributedAttributesOnObsoletion", " r");
        lines.push(format!("{}{flags}", text(object, "name")));
        lines.extend(list_of(&object["attributes"]).map(attribute));
    }
    lines
}

/// See [`shown`].
pub fn attribute(row: &Value) -> String {
    let word = |name: &str| text(row, name);
    let class = row["className"].as_str().unwrap_or("-").to_owned();
    let mut line = [word("name"), word("type"), word("attributePlurality"), word("writability"), class].join(" ");
    for (flag, mark) in [("selected", " *"), ("isExternalId", "1"), ("isSecondaryExternalId", "2")] {
        if row[flag] == true {
            line.push_str(mark);
        }
    }
    format!(" {line}")
}

/// The attributes that every type of an OpenLDAP has, in the places where the alphabet puts them.
pub const COMMON: [&str; 3] = [
    " distinguishedName String Single ReadWrite - *2",
    " entryUUID Guid Single ReadOnly - *1",
    " objectClass String Multi ReadWrite top",
];

/// The lines of one type, without those of [`COMMON`].
pub fn own(lines: &[String], name: &str) -> Vec<String> {
    let begins = |line: &&String| line.split(' ').next() == Some(name);
    let from = lines.iter().position(|line| begins(&line)).unwrap_or_else(|| panic!("no {name} in {lines:?}"));
    let rest = lines[from + 1..].iter().take_while(|line| line.starts_with(' '));
    rest.filter(|line| !COMMON.contains(&line.as_str())).cloned().collect()
}

/// The names of the types.
pub fn names(types: &Value) -> Vec<String> {
    list_of(types).map(|row| text(row, "name")).collect()
}

/// Changes an object type.
pub async fn put_type(case: &Case<'_>, name: &str, body: Value) -> Value {
    let id = named(&stored(case).await, name)["id"].clone();
    case.app.admin().put(&format!("{}/object-types/{id}", path(case)), &body).await.expect_status(200)
}

/// Changes an attribute.
pub async fn put(case: &Case<'_>, object: &str, name: &str, body: Value) -> Value {
    let types = stored(case).await;
    let (object, id) = (named(&types, object), &named(&named(&types, object)["attributes"], name)["id"]);
    let path = format!("{}/object-types/{}/attributes/{id}", path(case), object["id"]);
    case.app.admin().put(&path, &body).await.expect_status(200)
}

/// An import that is refused and changes nothing: its message. A failure after connecting began leaves an activity that
/// tells the same.
pub async fn fails(case: &Case<'_>, status: u16, opened: bool) -> String {
    let code = if status == 400 { "BAD_REQUEST" } else { "INTERNAL_ERROR" };
    let (dump, types, mut before) = (case.app.dump(), stored(case).await, detail(case).await);
    let count = closed(case).len();
    let message = send(case).await.expect_error(status, code);
    crate::support::case::same(&case.app.dump(), &dump, &message);
    assert_eq!(stored(case).await, types, "{message}");
    // Dates and flags are part of it: what was valid stays valid, what was not does not become so.
    let mut after = detail(case).await;
    let (run, earlier) = (after["lastRun"].take(), before["lastRun"].take());
    assert_eq!(after, before, "{message}");
    if opened {
        assert_eq!(run["status"], "FailedWithError", "{message}");
    } else {
        assert_eq!(run, earlier, "{message}");
    }
    let password = case.sandbox.password();
    assert!(password.len() > 3 && !message.contains(password), "{message}");
    let all = closed(case);
    assert_eq!(all.len() - count, usize::from(opened), "activities after: {message}");
    if opened {
        let (status, _, _, error) = all.last().expect("an activity").clone();
        let bare = |text: &str| text.trim_end_matches('.').to_lowercase();
        assert_eq!((status.as_str(), bare(&error.expect("an errorMessage"))), ("FailedWithError", bare(&message)));
    }
    message
}

/// An import under these faults that fails like this at the schema; afterwards all is as before.
pub async fn fails_under(case: &Case<'_>, faults: Faults, reason: &str) {
    let what = format!("{faults:?}").chars().take(400).collect::<String>();
    case.sandbox.set_faults(faults);
    let message = fails(case, 500, true).await;
    let said = format!("Connection to the external store failed: schema at {}: {reason}", case.sandbox.addr());
    assert!(message.starts_with(&said), "{said}: {message}: {what}");
    case.sandbox.set_faults(Faults::default());
}
