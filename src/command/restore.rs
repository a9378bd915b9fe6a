//! `jim restore`: restores a backup for a stopped server without a database.

use std::path::Path;

use jim::db::OpenError;
use jim::ops::restore;
use jim::ops::start::StartError;

use super::progress::Progress;
use super::{Exit, load_config};

pub fn run(named: Option<&Path>, folder: &Path) -> Result<(), Exit> {
    let config = load_config(named)?;
    let progress = Progress::of("restoring and checking the database");
    let done = restore::run(&config, folder).map_err(|error| match error {
        StartError::Database(OpenError::Locked(text)) => {
            Exit::locked(format!("{text}; stop it first, a restore needs exclusive access"))
        }
        other => other.into(),
    })?;
    drop(progress);
    say!(
        "{}: {} KiB, {} rows, as of {}; the keyring {} opens it",
        config.database.display(),
        done.size.div_ceil(1024),
        done.rows,
        done.created,
        config.keyring.display()
    );
    Ok(())
}
