//! What the demonstration shows of answers: short lists and trees instead of the JSON. Nothing is asked for here.

use std::fmt::Write as _;

use serde_json::Value;

/// How many rows of a list are shown.
const SHOWN: usize = 12;
/// How wide a list of names is.
const WIDTH: usize = 100;

/// What an import of the hierarchy found.
pub fn report(result: &Value) {
    say!(
        "  -> {}: {} partitions, {} containers",
        result["summary"].as_str().unwrap_or_default(),
        result["totalPartitions"],
        result["totalContainers"]
    );
    for (kind, sign) in [("addedPartitions", "+"), ("addedContainers", "+"), ("removedContainers", "-")] {
        let items = result[kind].as_array().map(Vec::as_slice).unwrap_or_default();
        for item in items.iter().take(SHOWN) {
            say!("     {sign} {}", item["externalId"].as_str().unwrap_or_default());
        }
        if items.len() > SHOWN {
            say!("     {sign} and {} more", items.len() - SHOWN);
        }
    }
    for item in result["renamedContainers"].as_array().into_iter().flatten() {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let selected = if item["wasSelected"] == true { "selected, stays selected" } else { "not selected" };
        say!("     ~ {} -> {} ({selected})", text("oldName"), text("newName"));
    }
    say!();
}

/// The partitions with their containers, with a tick on what is selected.
pub fn tree(partitions: &Value) -> String {
    let mut out = String::new();
    for partition in partitions.as_array().into_iter().flatten() {
        let _ = writeln!(out, "  {} {}", tick(partition), partition["name"].as_str().unwrap_or_default());
        let mut open: Vec<(&Value, usize)> = Vec::new();
        push_children(&mut open, &partition["containers"], 1);
        while let Some((node, depth)) = open.pop() {
            let _ =
                writeln!(out, "  {}{} {}", "    ".repeat(depth), tick(node), node["name"].as_str().unwrap_or_default());
            push_children(&mut open, &node["childContainers"], depth + 1);
        }
    }
    out
}

fn push_children<'a>(open: &mut Vec<(&'a Value, usize)>, children: &'a Value, depth: usize) {
    open.extend(children.as_array().into_iter().flatten().rev().map(|child| (child, depth)));
}

fn tick(node: &Value) -> &'static str {
    if node["selected"] == true { "[x]" } else { "[ ]" }
}

/// How many object types there are, and the names of some.
pub fn types(list: &Value) -> String {
    let types: Vec<&Value> = list.as_array().into_iter().flatten().collect();
    let attributes: i64 = types.iter().filter_map(|t| t["attributeCount"].as_i64()).sum();
    let mut out = format!("  -> 200: {} object types with {attributes} attributes in all\n", types.len());
    let mut line = "    ".to_owned();
    for name in types.iter().take(SHOWN).filter_map(|t| t["name"].as_str()) {
        if line.len() + name.len() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = "    ".to_owned();
        }
        let _ = write!(line, " {name},");
    }
    line.truncate(line.trim_end_matches(',').len());
    if types.len() > SHOWN {
        let _ = write!(line, " and {} more", types.len() - SHOWN);
    }
    let _ = writeln!(out, "{line}");
    out
}

/// An object type with those of its attributes that are selected.
pub fn choice(object_type: &Value) -> String {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let all: Vec<&Value> = object_type["attributes"].as_array().into_iter().flatten().collect();
    let selected: Vec<&&Value> = all.iter().filter(|a| a["selected"] == true).collect();
    let name = text(object_type, "name");
    let mut out = format!("  {} {name}: {} of {} attributes\n", tick(object_type), selected.len(), all.len());
    let width = selected.iter().map(|a| text(a, "name").len()).max().unwrap_or_default();
    for attribute in selected {
        let marks = [("isExternalId", "external id"), ("isSecondaryExternalId", "secondary external id")];
        let mut marks: Vec<&str> = marks.into_iter().filter(|m| attribute[m.0] == true).map(|m| m.1).collect();
        if attribute["writability"] == "ReadOnly" {
            marks.push("read only");
        }
        let line = format!(
            "      {} {:width$}  {:9}  {:6}  {}",
            tick(attribute),
            text(attribute, "name"),
            text(attribute, "type"),
            text(attribute, "attributePlurality"),
            marks.join(", ")
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}
