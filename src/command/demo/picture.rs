//! Short lists and trees that the demonstration shows instead of JSON. Nothing is requested here.

use serde_json::Value;

use super::lines;

/// Number of object types that are named.
const SHOWN: usize = 12;

/// The changes of an import of the hierarchy with the selection as it is stored now.
pub fn report(result: &Value, partitions: &Value) -> String {
    let mut out = Vec::new();
    let list = |name: &str| result[name].as_array().into_iter().flatten();
    let stored = all(partitions);
    let ticked = |item: &Value| {
        let row = stored.iter().find(|row| row["externalId"] == item["externalId"]);
        row.map_or("   ", |row| tick(row))
    };
    let mut line = |what: &str, item: &Value, words: &str| {
        out.push(lines::text(words, &format!("     {what:8} {} ", ticked(item))));
    };
    for item in list("addedContainers") {
        line("added", item, text(item, "externalId"));
    }
    for item in list("removedContainers") {
        line("removed", item, text(item, "externalId"));
    }
    for item in list("renamedContainers") {
        line("renamed", item, &format!("{} -> {}", text(item, "oldName"), text(item, "newName")));
    }
    for item in list("movedContainers") {
        let parent = |name: &str| item[name].as_str().unwrap_or("the partition").to_owned();
        let (old, new) = (parent("oldParentExternalId"), parent("newParentExternalId"));
        line("moved", item, &format!("{} from {old} to {new}", text(item, "name")));
    }
    out.join("\n")
}

/// Partitions or containers with what is below, to a depth, with a tick on what is selected.
pub fn tree<'a>(roots: impl DoubleEndedIterator<Item = &'a Value>, levels: usize) -> String {
    let mut out = Vec::new();
    let mut open: Vec<(&Value, usize)> = roots.rev().map(|root| (root, 1)).collect();
    while let Some((node, level)) = open.pop() {
        let deeper = if level < levels { 0 } else { below(node).len() };
        let more = if deeper > 0 { format!("  + {deeper} below") } else { String::new() };
        out.push(format!("  {}{}{more}", "    ".repeat(level), row(node)));
        if level < levels {
            open.extend(children(node).rev().map(|child| (child, level + 1)));
        }
    }
    out.join("\n")
}

/// One row with a tick if it is selected.
pub fn row(row: &Value) -> String {
    format!("{} {}", tick(row), text(row, "name"))
}

/// All partitions with their containers, each parent before its children.
pub fn all(partitions: &Value) -> Vec<&Value> {
    partitions.as_array().into_iter().flatten().flat_map(|p| std::iter::once(p).chain(below(p))).collect()
}

/// All containers below a partition or a container.
pub fn below(node: &Value) -> Vec<&Value> {
    let mut found: Vec<&Value> = children(node).collect();
    let mut next = 0;
    while let Some(node) = found.get(next).copied() {
        found.extend(children(node));
        next += 1;
    }
    found
}

fn children(node: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    ["containers", "childContainers"].into_iter().filter_map(|name| node[name].as_array()).flatten()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

fn tick(node: &Value) -> &'static str {
    if node["selected"] == true { "[x]" } else { "[ ]" }
}

/// Number of object types, and the names of some.
pub fn types(list: &Value) -> String {
    let types: Vec<&Value> = list.as_array().into_iter().flatten().collect();
    let attributes: i64 = types.iter().filter_map(|t| t["attributeCount"].as_i64()).sum();
    let names: Vec<&str> = types.iter().take(SHOWN).map(|t| text(t, "name")).collect();
    let more = types.len() - names.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names = lines::text(&format!("{}{more}", names.join(", ")), "     ");
    format!("{} object types with {attributes} attributes in all\n{names}", types.len())
}

/// An object type with those of its attributes that are selected.
pub fn selection(object_type: &Value) -> String {
    let all: Vec<&Value> = object_type["attributes"].as_array().into_iter().flatten().collect();
    let selected: Vec<String> = all.iter().filter(|a| a["selected"] == true).map(|a| attribute(a)).collect();
    let head = format!("{}: {} of {} attributes: ", row(object_type), selected.len(), all.len());
    lines::fill(selected.join(", ").split(' '), &format!("      {head}"), "          ", "")
}

/// Name of an attribute, with what is special about it.
fn attribute(attribute: &Value) -> String {
    let marks = [("isExternalId", "external id"), ("isSecondaryExternalId", "secondary external id")];
    let mut marks: Vec<&str> = marks.into_iter().filter(|m| attribute[m.0] == true).map(|m| m.1).collect();
    if attribute["type"] == "Reference" {
        marks.push("reference");
    }
    let name = text(attribute, "name");
    if marks.is_empty() { name.to_owned() } else { format!("{name} ({})", marks.join(", ")) }
}

/// How a run ended.
pub fn counts(status: u16, activity: &Value) -> String {
    lines::text(&format!("{}: {}", text(activity, "status"), text(activity, "message")), &format!("  -> {status}: "))
}

/// An imported object with the values of some attributes; a reference shows the id that it leads to.
pub fn object(detail: &Value, names: &[&str]) -> String {
    let values = detail["attributeValues"].as_array();
    let mut out = vec![lines::text(text(detail, "secondaryExternalId"), "     ")];
    for value in values.into_iter().flatten().filter(|v| names.contains(&text(v, "attributeName"))) {
        let shown = match value["referenceValueId"].as_str() {
            Some(id) => format!("-> {id}"),
            None => text(value, "stringValue").to_owned(),
        };
        out.push(format!("         {}: {shown}", text(value, "attributeName")));
    }
    out.join("\n")
}

/// Display names of objects.
pub fn names(objects: &Value) -> String {
    let names: Vec<&str> = objects.as_array().into_iter().flatten().map(|o| text(o, "displayName")).collect();
    names.join(", ")
}

/// An item of a run.
pub fn item(row: &Value) -> String {
    format!("     {:8} {}", text(row, "objectChangeType"), text(row, "displayName"))
}

/// Attributes that a run changed in an object.
pub fn changes(detail: &Value) -> String {
    let list = |values: &Value| {
        let values: Vec<&str> = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        values.join(", ")
    };
    let changes = detail["attributeChanges"].as_array().into_iter().flatten().map(|change| {
        let (before, after) = (list(&change["before"]), list(&change["after"]));
        format!("     {}: {before} -> {after}", text(change, "attributeName"))
    });
    changes.collect::<Vec<_>>().join("\n")
}
