//! Queue of runs: kept in the database, first come, first served, one run per connected system at a time.

use std::time::Duration;

use uuid::Uuid;

use super::frame::{ProfileRun, close};
use super::{profile_run, validate};
use crate::app::App;
use crate::error::{Error, Result};
use crate::metrics::Ran;
use crate::ops::{Caller, deletion};
use crate::store::activities::list as activity_list;
use crate::store::activities::run::{self as run_activities, RunEnd, RunStatus, Totals};
use crate::store::connected_systems as systems;
use crate::store::guid::{Guids, Tag};
use crate::store::run_profiles;
use crate::store::runs::{self, QueuedRun};

/// Waiting runs of one system at most.
const MAX_WAITING: i64 = 100;
/// Interval at which the queue is looked at even if nothing woke it: a write may have failed.
const TICK: Duration = Duration::from_secs(15);
/// Time that active runs get to end when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A run that was accepted.
pub(crate) struct Accepted {
    pub activity: Uuid,
    /// GUID of its place in the queue.
    pub task: Uuid,
    pub warnings: Vec<String>,
}

/// Queues a run of a profile.
///
/// # Errors
/// The profile cannot be run now: settings, selection or the connector do not allow it, the system is being deleted, or
/// too many of its runs wait.
pub(crate) async fn execute(
    app: &App,
    system: i64,
    profile: i64,
    accept_removals: bool,
    caller: &Caller,
) -> Result<Accepted> {
    let warnings = validate::profile(app, system, profile).await?;
    let by = caller.initiator();
    let accepted = app.db.write(move |tx| {
        let system = systems::get(tx, system)?;
        if system.is_deleting() {
            return Err(Error::Conflict("this system is being deleted".to_owned()));
        }
        let profile = run_profiles::get(tx, system.id, profile)?;
        if runs::of_system(tx, system.id)?.0 >= MAX_WAITING {
            return Err(Error::Conflict(format!("{MAX_WAITING} runs of this system are waiting already")));
        }
        let named = (profile.id, profile.name.as_str());
        let activity = run_activities::queue(tx, (system.id, &system.name), named, profile.run_type, &by)?;
        let run = QueuedRun {
            id: 0,
            activity,
            system: system.id,
            profile: profile.id,
            run_type: profile.run_type,
            accept_removals,
            active: false,
        };
        let task = Guids::load(tx)?.of(Tag::Run, runs::insert(tx, &run)?);
        Ok(Accepted { activity, task, warnings })
    });
    let accepted = accepted.await?;
    app.imports.wake();
    Ok(accepted)
}

/// Cancels a run that waits or goes on. An active one ends after the transaction in hand.
///
/// # Errors
/// There is no such activity, it is not the run of a profile, or it has ended.
pub(crate) async fn cancel(app: &App, activity: Uuid) -> Result<()> {
    if app.runs.cancel(activity) {
        return Ok(());
    }
    let ended = || Error::BadRequest("this activity is no run that waits or goes on".to_owned());
    let waiting = app.db.write(move |tx| {
        activity_list::get(tx, activity)?;
        let run = runs::by_activity(tx, activity)?.ok_or_else(ended)?;
        if !run.active {
            let cancelled = RunEnd {
                status: RunStatus::Cancelled,
                message: "Cancelled before it began".to_owned(),
                warning: None,
                error: None,
                totals: Totals::default(),
            };
            close(tx, &run, &cancelled)?;
        }
        Ok((!run.active).then_some(run))
    });
    if let Some(run) = waiting.await? {
        let (run_type, status) = (run.run_type.name(), RunStatus::Cancelled.name());
        app.metrics.runs.ran(&Ran { system: run.system, run_type, status, objects: [0; 6], took: None });
        return Ok(());
    }
    // It may have begun meanwhile.
    if app.runs.cancel(activity) { Ok(()) } else { Err(ended()) }
}

/// Starts runs as they may start, until the server stops; then waits for those that are active.
pub async fn serve(app: App) {
    let stopping = app.runs.stopping.clone();
    if let Err(e) = deletion::resume(&app).await {
        tracing::warn!(error = e.chain(), "deletions that a stop interrupted do not go on");
    }
    loop {
        if let Err(e) = start_waiting(&app).await {
            tracing::warn!(error = e.chain(), "the queue of runs could not be read");
        }
        tokio::select! {
            () = stopping.cancelled() => break,
            () = app.imports.released() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
    let idle = async {
        while !app.runs.is_idle() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(STOP_TIMEOUT, idle).await.is_err() {
        tracing::warn!("a run did not end with the server; the next start closes its activity");
    }
}

async fn start_waiting(app: &App) -> Result<()> {
    for run in app.db.read(runs::all).await? {
        if run.active || app.runs.stopping.is_cancelled() {
            continue;
        }
        let Ok(permit) = app.runs.parallel.clone().try_acquire_owned() else { break };
        let Some(lock) = app.imports.take(run.system) else { continue };
        let (id, activity) = (run.id, run.activity);
        let cancel = app.runs.enter(activity);
        let begun = app.db.write(move |tx| {
            // It may have been cancelled meanwhile.
            if runs::by_activity(tx, activity)?.is_none() {
                return Ok(None);
            }
            runs::activate(tx, id)?;
            run_activities::begin(tx, activity)?;
            run_activities::number(tx, activity)
        });
        match begun.await {
            Ok(Some(number)) => {
                let run = ProfileRun::new(app.clone(), run, number, cancel);
                tokio::spawn(profile_run::carry_out(run, (lock, permit)));
            }
            Ok(None) => app.runs.leave(activity),
            Err(e) => {
                app.runs.leave(activity);
                return Err(e);
            }
        }
    }
    Ok(())
}
