//! Frame of the run of a profile: activity, progress, log, metrics and end. A verb never touches activities.

use std::time::Duration;

use tracing::Instrument;

use super::frame::{ProfileRun, Subject, close};
use super::{full_import, shown};
use crate::db::Tx;
use crate::domain::run_profile::RunType;
use crate::domain::text::one_line;
use crate::error::{Error, Result};
use crate::metrics::Ran;
use crate::store::activities::run::{self as run_activities, RunEnd, RunStatus, Totals};
use crate::store::connected_systems as systems;
use crate::store::{held_removals, run_profiles};

/// Age of the progress that an activity shows at most.
const PROGRESS: Duration = Duration::from_secs(1);

/// Does the work of a run and ends it. `hold` is the lock of the system and the permit.
pub(super) async fn carry_out(run: ProfileRun, hold: impl Send + 'static) {
    let span = tracing::error_span!(
        "run",
        connected_system.id = run.queued.system,
        run_profile.id = run.queued.profile,
        activity.id = %run.queued.activity
    );
    // A task of its own: a panic of the LDAP library over what a directory sent is one failed run.
    let task = tokio::spawn(work(run.clone()).instrument(span.clone()));
    let result = {
        let reported = report(&run);
        tokio::pin!(reported);
        tokio::select! {
            done = task => done.unwrap_or_else(|panic| Err(Error::internal("a run panicked", panic))),
            () = &mut reported => Err(Error::internal("a run has no progress", "the reports ended")),
        }
    };
    finish(&run, result).instrument(span).await;
    run.app.runs.leave(run.queued.activity);
    drop(hold);
}

async fn work(run: ProfileRun) -> Result<RunEnd> {
    let (system, profile) = (run.queued.system, run.queued.profile);
    let read = move |c: &crate::db::Connection| {
        Ok(Subject { system: systems::get(c, system)?, profile: run_profiles::get(c, system, profile)? })
    };
    let subject = run.app.db.read(read).await?;
    tracing::info!(
        connected_system.name = &*one_line(&subject.system.name),
        run_profile.name = &*one_line(&subject.profile.name),
        "{} started",
        run.queued.run_type.name()
    );
    match run.queued.run_type {
        RunType::FullImport => full_import::run(&run, subject).await,
        other => Err(Error::BadRequest(super::validate::not_built(other))),
    }
}

/// Stores the progress of a run about once a second, for as long as it is polled.
async fn report(run: &ProfileRun) {
    let mut stored = (String::new(), 0);
    loop {
        tokio::time::sleep(PROGRESS).await;
        let now = (run.progress.phase(), run.progress.read());
        if now == stored {
            continue;
        }
        stored = now.clone();
        let activity = run.queued.activity;
        let write = run.app.db.write(move |tx| run_activities::progress(tx, activity, &now.0, now.1, 0));
        if let Err(e) = write.await {
            tracing::debug!(error = e.chain(), "the progress of a run was not stored");
        }
    }
}

async fn finish(run: &ProfileRun, result: Result<RunEnd>) {
    let end = match result {
        Ok(end) => stopped(run, end),
        Err(error) => {
            if let Error::Internal { .. } | Error::Damaged { .. } = &error {
                tracing::error!(error = error.chain(), "a run failed");
            }
            let totals = Totals { processed: run.progress.read(), ..Totals::default() };
            let error = if run.app.runs.stopping.is_cancelled() { SERVER_STOPPED.to_owned() } else { shown(&error) };
            let message = "Failed; what was written before stays".to_owned();
            RunEnd { status: RunStatus::FailedWithError, message, warning: None, error: Some(error), totals }
        }
    };
    log_end(run, &end);
    let (queued, status, totals) = (run.queued.clone(), end.status.name(), end.totals);
    let close = move |tx: &Tx<'_>| {
        close(tx, &queued, &end)?;
        held_removals::of_activity(tx, queued.activity)
    };
    let held = run.app.db.write(close).await.unwrap_or_else(|e| {
        // It stays active and is closed at the next start.
        tracing::error!(error = e.chain(), "the end of a run could not be recorded");
        0
    });
    let objects = [totals.processed, totals.added, totals.updated, totals.deleted, totals.errors, held];
    let (system, run_type, took) = (run.queued.system, run.queued.run_type.name(), Some(run.begun.elapsed()));
    run.app.metrics.runs.ran(&Ran { system, run_type, status, objects, took });
}

fn log_end(run: &ProfileRun, end: &RunEnd) {
    let (totals, phases) = (end.totals, run.progress.phases());
    tracing::info!(
        status = end.status.name(),
        seconds = run.begun.elapsed().as_secs_f64(),
        reading_seconds = phases.reading.as_secs_f64(),
        looking_up_seconds = phases.looking_up.as_secs_f64(),
        references_seconds = phases.references.as_secs_f64(),
        writing_seconds = phases.writing.as_secs_f64(),
        read = totals.processed,
        added = totals.added,
        updated = totals.updated,
        deleted = totals.deleted,
        errors = totals.errors,
        error = end.error.as_deref().map(|text| one_line(text).into_owned()),
        "{} ended: {}",
        run.queued.run_type.name(),
        one_line(&end.message)
    );
}

const SERVER_STOPPED: &str = "server stopped";

/// A run that ends because the server stops has failed (contract, 19).
fn stopped(run: &ProfileRun, end: RunEnd) -> RunEnd {
    if end.status == RunStatus::Cancelled && run.app.runs.stopping.is_cancelled() {
        return RunEnd { status: RunStatus::FailedWithError, error: Some(SERVER_STOPPED.to_owned()), ..end };
    }
    end
}
