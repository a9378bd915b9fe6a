//! Deletion and clearing of connected systems, with a preview.

use uuid::Uuid;

use super::{Caller, run};
use crate::app::{App, RunLock};
use crate::db::{Connection, Tx};
use crate::error::{Error, Result};
use crate::store::activities::{self, Operation, Outcome, Target};
use crate::store::connected_systems::{self as systems, System};
use crate::store::guid::{Guids, Tag};
use crate::store::{connector_space, runs};

/// Objects that a deletion removes within the request; more are removed in the background.
pub const MAX_AT_ONCE: i64 = 10_000;
/// Objects of one transaction.
const STEP: i64 = 5_000;

/// A deletion that is done, or goes on in the background.
pub struct Deletion {
    pub activity: Uuid,
    /// Set while it goes on.
    pub task: Option<Uuid>,
}

/// Preview of a deletion.
#[derive(Debug)]
pub struct Preview {
    pub system: System,
    /// Objects in its connector space.
    pub objects: i64,
    pub counts: systems::DeletionCounts,
    /// An import is running.
    pub is_busy: bool,
    pub warnings: Vec<String>,
}

/// Counts what a deletion would remove.
pub async fn preview(app: &App, id: i64) -> Result<Preview> {
    let read = move |c: &Connection| {
        Ok((systems::get(c, id)?, connector_space::count_of(c, id)?, systems::deletion_counts(c, id)?))
    };
    let (system, objects, counts) = app.db.read(read).await?;
    let is_busy = app.imports.is_running(id);
    let mut warnings = Vec::new();
    if is_busy {
        warnings.push("An import is running on this system; it has to end first.".to_owned());
    }
    if system.is_deleting() {
        warnings.push("This system is already being deleted.".to_owned());
    }
    Ok(Preview { system, objects, counts, is_busy, warnings })
}

/// Removes the objects of a system. Schema, partitions, containers, selections and settings stay.
pub async fn clear(app: &App, id: i64, caller: &Caller) -> Result<()> {
    let _lock = quiet(app, id).await?;
    let by = caller.initiator();
    let mut removed = 0;
    loop {
        let step = app.db.write(move |tx| {
            systems::active(tx, id)?;
            connector_space::remove_some(tx, id, STEP)
        });
        match step.await? {
            0 => break,
            n => removed += n,
        }
    }
    let record = move |tx: &Tx<'_>| {
        let system = systems::active(tx, id)?;
        let done = Outcome::done(format!("Cleared: {removed} objects removed"));
        activities::record(tx, Operation::Clear, Target::System(Some(id), &system.name), &by, &done)
    };
    app.db.write(record).await.map(drop)
}

/// Deletes a system with everything below it; one with many objects in the background.
pub async fn delete(app: &App, id: i64, caller: &Caller) -> Result<Deletion> {
    let lock = quiet(app, id).await?;
    let by = caller.initiator();
    let begun = app.db.write(move |tx| {
        let system = systems::active(tx, id)?;
        let target = Target::System(None, &system.name);
        if connector_space::count_of(tx, id)? > MAX_AT_ONCE {
            systems::mark_deleting(tx, id)?;
            let activity = activities::open(tx, Operation::Delete, target, &by)?;
            return Ok(Deletion { activity, task: Some(Guids::load(tx)?.of(Tag::Deletion, id)) });
        }
        while connector_space::remove_some(tx, id, STEP)? > 0 {}
        connector_space::forget(tx, id)?;
        systems::delete(tx, id)?;
        Ok(Deletion { activity: activities::record(tx, Operation::Delete, target, &by, &deleted())?, task: None })
    });
    let begun = begun.await?;
    if begun.task.is_some() {
        let (app, activity) = (app.clone(), begun.activity);
        tokio::spawn(async move { finish(&app, id, Some(activity), lock).await });
    }
    Ok(begun)
}

/// Goes on with deletions that a stop of the server interrupted.
pub async fn resume(app: &App) -> Result<()> {
    let deleting = app.db.read(|c| Ok(systems::list(c)?.into_iter().filter(System::is_deleting).collect::<Vec<_>>()));
    for system in deleting.await? {
        let Some(lock) = app.imports.take(system.id) else { continue };
        let app = app.clone();
        tokio::spawn(async move { finish(&app, system.id, None, lock).await });
    }
    Ok(())
}

/// Removes a system that is marked for deletion, in bounded transactions.
async fn finish(app: &App, id: i64, activity: Option<Uuid>, _lock: RunLock) {
    let removed = async {
        while app.db.write(move |tx| connector_space::remove_some(tx, id, STEP)).await? > 0 {
            if app.runs.stopping.is_cancelled() {
                return Ok(());
            }
        }
        let end = move |tx: &Tx<'_>| {
            connector_space::forget(tx, id)?;
            systems::delete(tx, id)?;
            activity.map_or(Ok(()), |activity| activities::close(tx, activity, &deleted()))
        };
        app.db.write(end).await
    };
    if let Err(e) = removed.await {
        tracing::error!(
            connected_system.id = id,
            error = e.chain(),
            "a deletion stopped; the next start goes on with it"
        );
    }
}

fn deleted() -> Outcome {
    Outcome::done("Deleted with its settings, object types, partitions, containers and objects")
}

/// Lock that keeps imports and runs from starting meanwhile.
async fn quiet(app: &App, id: i64) -> Result<RunLock> {
    let waiting = app.db.read_few(move |c| {
        systems::active(c, id)?;
        runs::of_system(c, id)
    });
    if waiting.await? != (0, 0) {
        return Err(Error::Conflict("a run of this system waits or goes on; cancel it, or let it end".to_owned()));
    }
    run::lock(app, id)
}
