//! Retention of the history: deletes old activities, on request and periodically.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Caller;
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::store::activities::retention::{self, Deleted};
use crate::store::activities::{self, Initiator, Operation, Outcome, Target};

/// Delay of the first run after the start of the server.
pub const FIRST: Duration = Duration::from_secs(60);
/// Interval of the runs.
pub const EVERY: Duration = Duration::from_secs(60 * 60);
/// Activities deleted in one transaction: few, so that other writers do not wait.
pub const BATCH: usize = 100;

/// Result of a cleanup.
#[derive(Debug)]
pub struct Cleanup {
    pub activities: Deleted,
    /// Older activities are deleted.
    pub cutoff: OffsetDateTime,
    /// Retention period.
    pub kept: time::Duration,
}

fn retention_period(app: &App) -> time::Duration {
    time::Duration::try_from(app.settings.now().history_retention).unwrap_or(time::Duration::MAX)
}

/// Deletes one batch of old activities. Records an activity also when there were none.
pub async fn cleanup(app: &App, caller: &Caller) -> Result<Cleanup> {
    let (by, kept) = (caller.initiator(), retention_period(app));
    app.db
        .write(move |tx| {
            let cleanup = batch(tx, OffsetDateTime::now_utc(), kept)?;
            let outcome = outcome(&cleanup.activities, cleanup.kept);
            activities::record(tx, Operation::Delete, Target::History, &by, &outcome)?;
            Ok(cleanup)
        })
        .await
}

/// Deletes old activities periodically. Never returns.
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

/// Deletes all old activities and returns their number. Records one activity if there were any; each batch updates it, so
/// that it is correct when a crash interrupts this.
pub async fn retain(app: &App) -> Result<usize> {
    let now = OffsetDateTime::now_utc();
    let mut activity: Option<Uuid> = None;
    let mut all = Deleted::default();
    loop {
        let mut sum = all.clone();
        // Read anew for each batch: it may be raised meanwhile.
        let kept = retention_period(app);
        let (next, id) = app
            .db
            .write(move |tx| {
                let next = batch(tx, now, kept)?.activities;
                sum.add(&next);
                let outcome = outcome(&sum, kept);
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
    // A period that reaches back before 1970 keeps everything.
    let earliest = OffsetDateTime::UNIX_EPOCH;
    let cutoff = now.checked_sub(kept).unwrap_or(earliest).max(earliest);
    Ok(Cleanup { activities: retention::delete(tx, cutoff, BATCH)?, cutoff, kept })
}

fn outcome(deleted: &Deleted, kept: time::Duration) -> Outcome {
    let days = kept.whole_days();
    Outcome {
        to_process: deleted.count,
        processed: deleted.count,
        ..Outcome::done(format!("{} activities older than {days} days deleted", deleted.count))
    }
}
