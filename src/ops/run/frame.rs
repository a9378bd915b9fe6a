//! What a verb knows of the run of a profile that it carries out.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::connectors::import::Progress;
use crate::db::Tx;
use crate::error::Result;
use crate::store::activities::run::{self as run_activities, RunEnd, RunStatus};
use crate::store::connected_systems::{self as systems, System};
use crate::store::run_profiles::RunProfile;
use crate::store::runs::{self, QueuedRun};

/// Run of a profile that has begun. Clones are the same run.
#[derive(Clone)]
pub(super) struct ProfileRun {
    pub app: App,
    pub queued: Arc<QueuedRun>,
    /// Number by which items name the activity.
    pub activity: i64,
    pub cancel: CancellationToken,
    pub progress: Progress,
    pub begun: Instant,
}

/// System and profile of a run, as they are when it begins.
pub(super) struct Subject {
    pub system: System,
    pub profile: RunProfile,
}

impl ProfileRun {
    pub(super) fn new(app: App, queued: QueuedRun, activity: i64, cancel: CancellationToken) -> Self {
        let (queued, progress, begun) = (Arc::new(queued), Progress::default(), Instant::now());
        ProfileRun { app, queued, activity, cancel, progress, begun }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

/// Closes the activity of a run and takes it out of the queue.
pub(super) fn close(tx: &Tx<'_>, run: &QueuedRun, end: &RunEnd) -> Result<()> {
    run_activities::end(tx, run.activity, end)?;
    if run.run_type.is_import() && matches!(end.status, RunStatus::Complete | RunStatus::CompleteWithWarning) {
        systems::objects_imported(tx, run.system)?;
    }
    runs::delete(tx, run.id)
}
