//! `jim check`: checks database and keyring, and prints the last activities. Writes nothing.

use std::path::Path;

use jim::ops::check;

use super::progress::Progress;
use super::{Exit, load_config, plain};

pub async fn run(named: Option<&Path>) -> Result<(), Exit> {
    let config = load_config(named)?;
    let progress = Progress::of("checking the database");
    let report = check::run(&config.database, &config.keyring)?;
    drop(progress);
    for line in &report.checked {
        say!("ok      {}", plain::one_line(line));
    }
    for line in report.damaged.iter().chain(&report.misconfigured) {
        say!("ERROR   {}", plain::one_line(line));
    }
    say!("last {} activities, newest first:", report.activities.len());
    for a in &report.activities {
        let target = plain::one_line(a.target.as_deref().unwrap_or("-"));
        let message = a.message.as_deref().unwrap_or_default().replace('\n', "; ");
        say!("  {}  {:<19}  {:<15}  {target}: {}", a.created, a.status, a.operation, plain::one_line(&message));
    }
    if !report.damaged.is_empty() {
        return Err(Exit::damaged("the database is damaged; restore it from a backup"));
    }
    if !report.misconfigured.is_empty() {
        return Err(Exit::configuration("the keyring cannot be used with the database; see the lines with ERROR"));
    }
    Ok(())
}
