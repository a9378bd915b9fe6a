//! Deletion and clearing of connected systems, with a preview.

use uuid::Uuid;

use super::{Caller, run};
use crate::app::{App, RunLock};
use crate::error::Result;
use crate::store::activities::{self, Operation, Outcome, Target};
use crate::store::connected_systems::{self as systems, System};
use crate::store::deletion;

/// Preview of a deletion.
#[derive(Debug)]
pub struct Preview {
    pub system: System,
    pub counts: deletion::Counts,
    /// An import is running.
    pub is_busy: bool,
    pub warnings: Vec<String>,
}

/// Counts what a deletion would remove.
pub async fn preview(app: &App, id: i64) -> Result<Preview> {
    let (system, counts) = app.db.read(move |c| Ok((systems::get(c, id)?, deletion::counts(c, id)?))).await?;
    let is_busy = app.imports.is_running(id);
    let mut warnings = Vec::new();
    if is_busy {
        warnings.push("An import is running on this system; it has to end first.".to_owned());
    }
    if system.is_deleting() {
        warnings.push("This system is already being deleted.".to_owned());
    }
    Ok(Preview { system, counts, is_busy, warnings })
}

/// Removes the objects of a system. Schema, partitions, containers, selections and settings stay.
pub async fn clear(app: &App, id: i64, caller: &Caller) -> Result<()> {
    let _lock = quiet(app, id).await?;
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let system = systems::active(tx, id)?;
            // Objects come with their import; until then there are none to remove.
            let done = Outcome::done("Cleared: 0 objects removed");
            activities::record(tx, Operation::Clear, Target::System(Some(id), &system.name), &by, &done)
        })
        .await?;
    Ok(())
}

/// Deletes a system with everything below it and returns the activity that records it.
pub async fn delete(app: &App, id: i64, caller: &Caller) -> Result<Uuid> {
    let _lock = quiet(app, id).await?;
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let system = systems::active(tx, id)?;
            systems::delete(tx, id)?;
            let done = Outcome::done("Deleted with its settings, object types, partitions and containers");
            activities::record(tx, Operation::Delete, Target::System(None, &system.name), &by, &done)
        })
        .await
}

/// Lock that keeps imports from starting meanwhile.
async fn quiet(app: &App, id: i64) -> Result<RunLock> {
    app.db.read_few(move |c| systems::active(c, id).map(drop)).await?;
    run::lock(app, id)
}
