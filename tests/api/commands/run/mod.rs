//! `jim run`: how it ends, what it prints and refuses, and what a signal or an outage of the server does to it.

mod ends;
mod interrupted;
mod refused;

use crate::support::TestApp;
use crate::support::program::Place;

/// A place whose commands call a server with its Administrator key.
fn caller(app: &TestApp) -> Place {
    let url = format!("http://{}", app.address);
    Place::bare().with("JIM_URL", &url).with("JIM_API_KEY", &app.key)
}

/// The row of totals below its names: read, added, updated, removed, errors. The seconds are left out.
#[track_caller]
fn totals(out: &str) -> Vec<u64> {
    let mut lines = out.lines().skip_while(|line| !line.trim_start().starts_with("read "));
    let names: Vec<&str> = lines.next().expect("a table").split_whitespace().collect();
    assert_eq!(names, ["read", "added", "updated", "removed", "errors", "seconds"]);
    let row = lines.next().expect("a row").split_whitespace().take(5);
    row.map(|cell| cell.parse().expect("a number")).collect()
}
