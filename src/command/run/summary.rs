//! Result of a run: message, totals, warnings, the first errors, and where the rest is.

use jim::domain::connector_space::ErrorType;
use jim::domain::time_span;
use serde_json::Value;

use crate::command::plain::one_line;
use crate::command::remote::{Failure, Remote};

/// Objects with errors that are printed.
const MAX_SHOWN: usize = 10;

/// Prints what an activity says of a run that has ended.
pub async fn print(server: &Remote, title: &str, warnings: &Value, activity: &Value) {
    let text = |name: &str| activity[name].as_str().unwrap_or_default();
    say!("{title}: {}", text("status"));
    say!("{}", text("message"));
    say!("\n{}", totals(activity));
    let early = warnings.as_array().into_iter().flatten().filter_map(Value::as_str);
    for warning in early.chain(text("warningMessage").lines()) {
        say!("warning: {}", one_line(warning));
    }
    for error in text("errorMessage").lines() {
        say!("error: {}", one_line(error));
    }
    let id = text("id");
    let errors = activity["executionStats"]["totalObjectErrors"].as_u64().unwrap_or_default();
    if errors > 0 {
        match first_errors(server, id).await {
            Ok(items) => print_errors(&items, errors),
            Err(failure) => say!("the objects with errors cannot be listed: {failure}"),
        }
    }
    say!();
    for line in way_on(text("status"), text("message")) {
        say!("{line}");
    }
    let more = if errors > 0 { "/items" } else { "" };
    say!("More: {}", server.address(&format!("/api/v1/activities/{id}{more}")));
}

/// Totals as a small table.
fn totals(activity: &Value) -> String {
    let stat = |name: &str| activity["executionStats"][name].as_u64().unwrap_or_default().to_string();
    let seconds = activity["executionTime"].as_str().and_then(time_span::parse).unwrap_or_default();
    let columns = [
        ("read", stat("totalObjectsProcessed")),
        ("added", stat("totalCsoAdds")),
        ("updated", stat("totalCsoUpdates")),
        ("removed", stat("totalCsoDeletes")),
        ("errors", stat("totalObjectErrors")),
        ("seconds", format!("{:.1}", seconds.as_secs_f64())),
    ];
    let width = |(name, value): &(&str, String)| name.len().max(value.len()).max(8);
    let line = |cell: fn(&(&'static str, String)) -> String| {
        columns.iter().map(|column| format!("{:>1$}", cell(column), width(column))).collect::<Vec<_>>().join("  ")
    };
    format!("{}\n{}", line(|(name, _)| (*name).to_owned()), line(|(_, value)| value.clone()))
}

/// The first objects with errors, by kind of error: there may be a hundred thousand others.
async fn first_errors(server: &Remote, id: &str) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    for error in ErrorType::ALL {
        let path = format!("/api/v1/activities/{id}/items?errorType={}&pageSize={MAX_SHOWN}", error.name());
        if let Value::Array(items) = server.get(&path).await?["items"].take() {
            found.extend(items);
        }
        if found.len() >= MAX_SHOWN {
            break;
        }
    }
    found.truncate(MAX_SHOWN);
    Ok(found)
}

fn print_errors(items: &[Value], errors: u64) {
    if items.is_empty() {
        say!("\n{errors} errors; this server keeps no items of runs");
        return;
    }
    let of = if errors > items.len() as u64 { format!(", the first {}", items.len()) } else { String::new() };
    say!("\nObjects with errors: {errors}{of}");
    for item in items {
        let text = |name: &str| item[name].as_str().filter(|text| !text.is_empty());
        let object = text("externalIdValue").or(text("displayName")).unwrap_or("no id");
        let (error, message) = (text("errorType").unwrap_or("?"), text("errorMessage").unwrap_or("no message"));
        say!("  {}", one_line(&format!("{error}: {object}: {message}")));
    }
}

/// What an administrator can do next, where that is not plain.
fn way_on(status: &str, message: &str) -> Vec<&'static str> {
    let mut lines = Vec::new();
    if message.contains("acceptRemovals=true") {
        lines.push("If the objects are really gone, run it again with --accept-removals.");
    }
    if matches!(status, "FailedWithError" | "Cancelled") {
        lines.push("Nothing was taken for missing; the next run does what this one did not.");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn totals_stand_below_their_names() {
        let activity = json!({ "executionTime": "00:01:02.5400000", "executionStats": {
            "totalObjectsProcessed": 1_234_567_890, "totalCsoAdds": 5, "totalCsoDeletes": 1 } });
        let expected = "      read     added   updated   removed    errors   seconds\n\
                        1234567890         5         0         1         0      62.5";
        assert_eq!(totals(&activity), expected);
    }

    #[test]
    fn the_way_on_fits_the_end() {
        assert_eq!(way_on("Complete", "3 read").len(), 0);
        assert!(way_on("CompleteWithError", "held; run with acceptRemovals=true")[0].contains("--accept-removals"));
        assert!(way_on("FailedWithError", "x")[0].contains("next run"));
    }
}
