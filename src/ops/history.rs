//! The past: how long it is kept, and letting go of what is older, on demand and by itself.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Caller;
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::store::activities::retention::{self, Deleted};
use crate::store::activities::{self, Initiator, Operation, Outcome, Target};

/// How long after its start the server first looks for what is too old: a start has better things to do.
pub const FIRST: Duration = Duration::from_secs(60);
/// How often it does so from then on.
pub const EVERY: Duration = Duration::from_secs(60 * 60);
/// How many records of a kind go in one transaction: few, so that other writers come in between.
pub const BATCH: usize = 100;

/// What a cleanup did.
#[derive(Debug)]
pub struct Cleanup {
    /// The activities that went.
    pub activities: Deleted,
    /// What is older than this goes.
    pub cutoff: OffsetDateTime,
    /// How long the past is kept.
    pub kept: time::Duration,
}

/// How long the past is kept; the longest time there is, if that is longer.
fn retention_period(app: &App) -> time::Duration {
    time::Duration::try_from(app.settings.now().history_retention).unwrap_or(time::Duration::MAX)
}

/// Deletes one batch of what is too old, and says so in an activity, whether there was any or not.
pub async fn cleanup(app: &App, caller: &Caller) -> Result<Cleanup> {
    let (by, kept) = (caller.initiator(), retention_period(app));
    app.db
        .write(move |tx| {
            let cleanup = batch(tx, OffsetDateTime::now_utc(), kept)?;
            let outcome = told(&cleanup.activities, cleanup.kept);
            activities::record(tx, Operation::Delete, Target::History, &by, &outcome)?;
            Ok(cleanup)
        })
        .await
}

/// Deletes all that is too old, batch by batch, after so much time and whenever so much has passed again. Never ends by
/// itself.
pub async fn keep_short(app: App, first: Duration, every: Duration) {
    let mut clock = tokio::time::interval_at(tokio::time::Instant::now() + first, every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        match retain(&app).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "activities older than the retention period were deleted"),
            Err(e) => tracing::warn!(error = e.chain(), "old activities were not all deleted; the next run goes on"),
        }
    }
}

/// Deletes all that is too old. It leaves one activity if it found any: made with the first batch and brought up to
/// date with each of the next, so that it is true wherever this is cut off.
pub async fn retain(app: &App) -> Result<usize> {
    let now = OffsetDateTime::now_utc();
    let mut activity: Option<Uuid> = None;
    let mut all = Deleted::default();
    loop {
        let mut sum = all.clone();
        // As it is now: it may be set to longer while old activities go.
        let kept = retention_period(app);
        let (next, id) = app
            .db
            .write(move |tx| {
                let next = batch(tx, now, kept)?.activities;
                sum.add(&next);
                let outcome = told(&sum, kept);
                let id = match activity {
                    _ if next.count == 0 => activity,
                    Some(id) => activities::close(tx, id, &outcome).map(|()| activity)?,
                    None => {
                        let (what, by) = (Operation::Delete, Initiator::System);
                        Some(activities::record(tx, what, Target::History, &by, &outcome)?)
                    }
                };
                Ok((next, id))
            })
            .await?;
        if next.count == 0 {
            return Ok(all.count);
        }
        all.add(&next);
        activity = id;
    }
}

fn batch(tx: &Tx<'_>, now: OffsetDateTime, kept: time::Duration) -> Result<Cleanup> {
    // A period that reaches back further than there were computers, or dates, keeps everything.
    let earliest = OffsetDateTime::UNIX_EPOCH;
    let cutoff = now.checked_sub(kept).unwrap_or(earliest).max(earliest);
    Ok(Cleanup { activities: retention::delete(tx, cutoff, BATCH)?, cutoff, kept })
}

fn told(deleted: &Deleted, kept: time::Duration) -> Outcome {
    let days = kept.whole_days();
    Outcome {
        to_process: deleted.count,
        processed: deleted.count,
        ..Outcome::done(format!("{} activities older than {days} days deleted", deleted.count))
    }
}
