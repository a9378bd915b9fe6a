//! `jim rotate-key`: a new master key on the files of a stopped server.

use std::path::Path;

use jim::db::OpenError;
use jim::ops::rotate_key;
use jim::ops::start::StartError;

use super::progress::Progress;
use super::{Exit, load_config};

/// Rotates the key and prints what to do about copies of the keyring.
pub async fn run(named: Option<&Path>) -> Result<(), Exit> {
    let config = load_config(named)?;
    let progress = Progress::of("sealing every secret again");
    let done = rotate_key::run(&config).await.map_err(|error| match error {
        StartError::Database(OpenError::Locked(text)) => {
            Exit::locked(format!("{text}; stop it first, a rotation needs exclusive access"))
        }
        other => other.into(),
    })?;
    drop(progress);
    let (resealed, all) = done.resealed;
    if done.finished {
        say!("finished the interrupted rotation to key {:08x}", done.kid);
    } else {
        say!("created key {:08x}", done.kid);
    }
    say!("sealed {resealed} of {all} secrets with it; none is under an older key");
    say!(
        "the keyring {} holds {} keys now: renew your copy of it, an older copy does not open the secrets",
        config.keyring.display(),
        done.keys
    );
    say!("older keys stay in it, because older backups need them; API keys remain valid");
    Ok(())
}
