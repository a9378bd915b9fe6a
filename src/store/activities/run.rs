//! Activities of runs: queued, in progress, ended with totals.

use rusqlite::{Connection, Row, named_params};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Initiator, New, Operation, Target, insert};
use crate::db::Tx;
use crate::domain::run_profile::RunType;
use crate::error::Result;
use crate::store::sql::{execute, find, to_text};

/// Status at the end of a run (contract, 19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunStatus {
    Complete,
    CompleteWithWarning,
    CompleteWithError,
    FailedWithError,
    Cancelled,
}

impl RunStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            RunStatus::Complete => "Complete",
            RunStatus::CompleteWithWarning => "CompleteWithWarning",
            RunStatus::CompleteWithError => "CompleteWithError",
            RunStatus::FailedWithError => "FailedWithError",
            RunStatus::Cancelled => "Cancelled",
        }
    }
}

/// Numbers of a run, which add up to the objects that it looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub processed: u64,
    pub unchanged: u64,
    pub added: u64,
    pub updated: u64,
    /// Objects that became Obsolete or were deleted.
    pub deleted: u64,
    pub errors: u64,
    /// Object types of the objects.
    pub object_types: u64,
}

/// Result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunEnd {
    pub status: RunStatus,
    pub message: String,
    pub warning: Option<String>,
    pub error: Option<String>,
    pub totals: Totals,
}

/// Records a run that waits for its turn.
pub(crate) fn queue(
    tx: &Tx<'_>,
    system: (i64, &str),
    profile: (i64, &str),
    run_type: RunType,
    by: &Initiator,
) -> Result<Uuid> {
    let target = Target::RunProfile(system.0, profile.1);
    let (operation, at) = (Operation::Execute, OffsetDateTime::now_utc());
    let id = insert(tx, &New { operation, target, context: Some(system.1), by, at, parent: None, outcome: None })?;
    const SQL: &str = "UPDATE activities SET executed = NULL, message = 'Queued', run_profile_id = ?2, run_type = ?3
        WHERE id = ?1";
    execute(tx, SQL, (id.to_string(), profile.0, run_type.name()))?;
    Ok(id)
}

/// Records that a run begins.
pub(crate) fn begin(tx: &Tx<'_>, id: Uuid) -> Result<()> {
    const SQL: &str = "UPDATE activities SET executed = ?2, message = 'Starting' WHERE id = ?1";
    execute(tx, SQL, (id.to_string(), to_text(OffsetDateTime::now_utc())))
}

/// Stores what a run does now.
pub(crate) fn progress(tx: &Tx<'_>, id: Uuid, message: &str, processed: u64, to_process: u64) -> Result<()> {
    const SQL: &str = "UPDATE activities SET message = ?2, objects_processed = ?3, objects_to_process = ?4
        WHERE id = ?1 AND status = 'InProgress'";
    execute(tx, SQL, (id.to_string(), message, processed.cast_signed(), to_process.cast_signed()))
}

/// Stores the end of a run.
pub(crate) fn end(tx: &Tx<'_>, id: Uuid, end: &RunEnd) -> Result<()> {
    const SQL: &str = "UPDATE activities SET ended = :now, status = :status, message = :message,
            warning_message = :warning, error_message = :error, objects_processed = :processed,
            objects_to_process = :processed, added = :added, updated = :updated, deleted = :deleted, errors = :errors,
            object_types = :types, unchanged = :unchanged
        WHERE id = :id";
    let totals = &end.totals;
    let changes = named_params! {
        ":id": id.to_string(),
        ":now": to_text(OffsetDateTime::now_utc()),
        ":status": end.status.name(),
        ":message": end.message,
        ":warning": end.warning,
        ":error": end.error,
        ":processed": totals.processed.cast_signed(),
        ":added": totals.added.cast_signed(),
        ":updated": totals.updated.cast_signed(),
        ":deleted": totals.deleted.cast_signed(),
        ":errors": totals.errors.cast_signed(),
        ":unchanged": totals.unchanged.cast_signed(),
        ":types": totals.object_types.cast_signed(),
    };
    execute(tx, SQL, changes)
}

/// Totals of an ended run, in the order of the columns that [`end`] writes.
pub(super) fn totals(r: &Row<'_>, first: usize) -> rusqlite::Result<Totals> {
    let n = |i: usize| -> rusqlite::Result<u64> { Ok(r.get::<_, Option<i64>>(first + i)?.unwrap_or(0).unsigned_abs()) };
    Ok(Totals {
        processed: n(0)?,
        added: n(1)?,
        updated: n(2)?,
        deleted: n(3)?,
        errors: n(4)?,
        object_types: n(5)?,
        unchanged: n(6)?,
    })
}

/// Number by which items name their activity.
pub(crate) fn number(c: &Connection, id: Uuid) -> Result<Option<i64>> {
    find(c, "SELECT seq FROM activities WHERE id = ?1", [id.to_string()], |r| r.get(0))
}
