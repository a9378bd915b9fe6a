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
    let working = Progress::of("sealing every secret anew");
    let done = rotate_key::run(&config).await.map_err(|fault| match fault {
        StartError::Database(OpenError::Locked(who)) => {
            Exit::locked(format!("{who}; stop it first, a rotation needs the files to itself"))
        }
        other => other.into(),
    })?;
    drop(working);
    let (resealed, all) = done.resealed;
    if done.finished {
        say!("finished the rotation to key {:08x} that was begun earlier", done.kid);
    } else {
        say!("made key {:08x}", done.kid);
    }
    say!("sealed {resealed} of {all} secrets anew; none is under an older key");
    say!(
        "the keyring {} holds {} keys now: copy it anew to where you keep it, an older copy does not open them",
        config.keyring.display(),
        done.keys
    );
    say!("older keys stay in it, because older backups need them; API keys go on working");
    Ok(())
}
