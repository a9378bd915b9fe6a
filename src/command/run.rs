//! `jim run`: has a running server execute a run profile, waits for the end and prints the result.

use serde_json::Value;

use jim::domain::text::fold;

use super::remote::{self, Remote};
use super::{Exit, plain, stop_signal};

mod bar;
mod follow;
mod summary;

const SYSTEMS: &str = "/api/v1/synchronisation/connected-systems";
/// Pages of 100 systems that are looked through.
const MAX_PAGES: usize = 1_000;
/// Names that an error lists.
const MAX_NAMES: usize = 20;

#[derive(clap::Args)]
pub struct Arguments {
    /// Connected system: its name, in any case, or its id.
    system: String,
    /// Run profile of the system: its name, in any case, or its id.
    profile: String,
    /// Let this run remove whatever is missing, also more than the removal limits allow.
    #[arg(long)]
    accept_removals: bool,
    #[command(flatten)]
    remote: remote::ServerArguments,
}

/// Runs a profile to its end; the error has the exit code of how it ended.
pub async fn run(arguments: Arguments) -> Result<(), Exit> {
    let server = arguments.remote.open()?;
    let system = find(&systems(&server).await?, "connected system", &arguments.system)?;
    let profiles = server.get(&format!("{SYSTEMS}/{}/run-profiles", system.id)).await?;
    let profile = find(&list(profiles), "run profile", &arguments.profile)?;
    let title = format!("{}, {}", system.name, profile.name);
    // From here on a signal cancels the run.
    let signal = stop_signal()?;
    let query = if arguments.accept_removals { "?acceptRemovals=true" } else { "" };
    let path = format!("{SYSTEMS}/{}/run-profiles/{}/execute{query}", system.id, profile.id);
    let begun = server.send("POST", &path, None).await?.body;
    let activity = begun["activityId"].as_str().unwrap_or_default();
    let ended = follow::to_the_end(&server, activity, &title, signal).await?;
    let code = if ended.interrupted { 2 } else { exit_code(&ended.activity) };
    summary::print(&server, &title, &begun["warnings"], &ended.activity).await;
    if code == 0 { Ok(()) } else { Err(Exit::of_run(code)) }
}

/// Exit code of a run by its status.
fn exit_code(activity: &Value) -> u8 {
    match activity["status"].as_str() {
        Some("Complete") => 0,
        Some("CompleteWithWarning") => 1,
        _ => 2,
    }
}

/// System or profile that an argument names.
struct Named {
    id: i64,
    name: String,
}

async fn systems(server: &Remote) -> Result<Vec<Value>, Exit> {
    let mut all = Vec::new();
    for page in 1..=MAX_PAGES {
        let mut found = server.get(&format!("{SYSTEMS}?pageSize=100&page={page}")).await?;
        all.extend(list(found["items"].take()));
        if found["hasNextPage"] != true {
            break;
        }
    }
    Ok(all)
}

fn list(value: Value) -> Vec<Value> {
    if let Value::Array(items) = value { items } else { Vec::new() }
}

/// The one item that has this name or id.
fn find(items: &[Value], what: &str, asked: &str) -> Result<Named, Exit> {
    let (asked, id) = (asked.trim(), asked.trim().parse::<i64>().ok());
    let named = |item: &Value| Named {
        id: item["id"].as_i64().unwrap_or_default(),
        name: item["name"].as_str().map(|name| plain::one_line(name).into_owned()).unwrap_or_default(),
    };
    let fits = |item: &&Value| {
        let same = item["name"].as_str().is_some_and(|name| fold(name.trim()) == fold(asked));
        same || (id.is_some() && item["id"].as_i64() == id)
    };
    let mut found: Vec<Named> = items.iter().filter(fits).map(named).collect();
    let asked = plain::one_line(asked).into_owned();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(last), false) => {
            found.push(last);
            let all = names(found.iter());
            Err(Exit::usage(format!("{asked} names more than one {what}; say which one by its id: {all}")))
        }
        (None, _) if items.is_empty() => Err(Exit::usage(format!("there is no {what} yet"))),
        (None, _) => {
            let all = names(items.iter().map(named).collect::<Vec<_>>().iter());
            Err(Exit::usage(format!("no {what} has the name or id {asked}; there are: {all}")))
        }
    }
}

/// Ids with names, at most [`MAX_NAMES`] of them.
fn names<'a>(items: impl ExactSizeIterator<Item = &'a Named>) -> String {
    let more = items.len().saturating_sub(MAX_NAMES);
    let mut texts: Vec<String> = items.take(MAX_NAMES).map(|item| format!("{} ({})", item.id, item.name)).collect();
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn systems() -> Vec<Value> {
        [(1, "HR"), (2, "Ördner"), (3, "hr"), (4, "2"), (5, "Other")]
            .map(|(id, name)| json!({ "id": id, "name": name }))
            .into()
    }

    #[test]
    fn a_name_in_any_case_or_an_id_finds_one() {
        for (asked, id) in [("ÖRDNER", 2), (" other ", 5), ("3", 3), ("5", 5)] {
            assert_eq!(find(&systems(), "system", asked).ok().map(|found| found.id), Some(id), "{asked}");
        }
    }

    #[test]
    fn what_is_not_one_is_refused_with_the_ids() {
        for (asked, holds) in [
            ("HR", "1 (HR), 3 (hr)"),
            ("2", "2 (Ördner), 4 (2)"),
            ("x\n", "no system has the name or id x; there are: 1 (HR), 2 ("),
        ] {
            let error = find(&systems(), "system", asked).err().expect("an error");
            assert!(error.message.contains(holds) && error.code == 64, "{}", error.message);
        }
        let many: Vec<Value> = (0..30).map(|id| json!({ "id": id, "name": "x" })).collect();
        assert!(find(&many, "system", "x").err().expect("an error").message.ends_with("19 (x), and 10 more"));
    }
}
