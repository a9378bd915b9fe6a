//! `jim backup`: copies the database, also beside a running server.

use std::path::Path;

use jim::ops::backup;

use super::progress::Progress;
use super::{Exit, load_config};

pub fn run(named: Option<&Path>, folder: &Path) -> Result<(), Exit> {
    let config = load_config(named)?;
    let progress = Progress::of("copying and checking the database");
    let done = backup::run(&config, folder)?;
    drop(progress);
    let kids: Vec<String> = done.kids.iter().map(|kid| format!("{kid:08x}")).collect();
    let keys = if kids.len() == 1 { "key" } else { "keys" };
    say!(
        "{}: {} KiB, {} rows; needs {keys} {} of the keyring {}, which is not in it: keep a copy elsewhere",
        done.folder.display(),
        done.size.div_ceil(1024),
        done.rows,
        kids.join(", "),
        config.keyring.display()
    );
    Ok(())
}
