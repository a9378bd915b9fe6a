//! Activities: operation, initiator and result, written in the transaction of the change that they record.

pub(crate) mod list;
pub mod retention;
pub(crate) mod run;

use std::borrow::Borrow;

use rusqlite::{Connection, named_params};
use time::OffsetDateTime;
use uuid::Uuid;

use super::sql::{execute, query, to_text};
use crate::db::Tx;
use crate::domain::text::fold;
use crate::error::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
    /// Deletion of the objects of a system.
    Clear,
    ImportHierarchy,
    ImportSchema,
    Revert,
    /// Run of a run profile.
    Execute,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Operation::Create => "Create",
            Operation::Update => "Update",
            Operation::Delete => "Delete",
            Operation::Clear => "Clear",
            Operation::ImportHierarchy => "ImportHierarchy",
            Operation::ImportSchema => "ImportSchema",
            Operation::Revert => "Revert",
            Operation::Execute => "Execute",
        }
    }
}

/// Target of an operation, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Connected system or a part of it, with its id unless it was just created or deleted.
    System(Option<i64>, &'a str),
    /// Run profile, with the id of its system.
    RunProfile(i64, &'a str),
    ServiceSetting(&'a str),
    Certificate(&'a str),
    History,
}

impl<'a> Target<'a> {
    /// Type, name and connected system.
    fn columns(self) -> (&'static str, Option<&'a str>, Option<i64>) {
        match self {
            Target::System(id, name) => ("ConnectedSystem", Some(name), id),
            Target::RunProfile(system, name) => ("ConnectedSystemRunProfile", Some(name), Some(system)),
            Target::ServiceSetting(name) => ("ServiceSetting", Some(name), None),
            Target::Certificate(name) => ("TrustedCertificate", Some(name), None),
            Target::History => ("HistoryRetentionCleanup", None, None),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initiator {
    /// Caller with an API key, which had this name.
    Key { id: Uuid, name: String },
    /// The server itself.
    System,
}

impl Initiator {
    /// Type, id and name.
    fn columns(&self) -> (&'static str, Option<String>, Option<&str>) {
        match self {
            Initiator::Key { id, name } => ("ApiKey", Some(id.to_string()), Some(name)),
            Initiator::System => ("System", None, None),
        }
    }
}

/// Result of an activity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub message: Option<String>,
    pub warning: Option<String>,
    pub error: Option<String>,
    /// Number of requested objects.
    pub to_process: usize,
    pub processed: usize,
}

impl Outcome {
    /// Success with a summary.
    pub fn done(message: impl Into<String>) -> Self {
        Outcome { message: Some(message.into()), ..Outcome::default() }
    }

    /// Success that names the changed fields.
    pub fn changed<S: Borrow<str>>(what: &[S]) -> Self {
        Outcome::done(if what.is_empty() {
            "Nothing changed".to_owned()
        } else {
            format!("Changed: {}", what.join(", "))
        })
    }

    fn status(&self) -> &'static str {
        match (&self.error, &self.warning) {
            (Some(_), _) => "FailedWithError",
            (None, Some(_)) => "CompleteWithWarning",
            (None, None) => "Complete",
        }
    }
}

/// Activity to be recorded.
#[derive(Debug, Clone)]
pub struct New<'a> {
    pub operation: Operation,
    pub target: Target<'a>,
    /// Place of the target, if its name does not identify it.
    pub context: Option<&'a str>,
    pub by: &'a Initiator,
    pub at: OffsetDateTime,
    pub parent: Option<Uuid>,
    /// `None` while it is in progress.
    pub outcome: Option<&'a Outcome>,
}

/// Records a change that is complete with this transaction.
pub fn record(
    tx: &Tx<'_>,
    operation: Operation,
    target: Target<'_>,
    by: &Initiator,
    outcome: &Outcome,
) -> Result<Uuid> {
    let at = OffsetDateTime::now_utc();
    insert(tx, &New { operation, target, context: None, by, at, parent: None, outcome: Some(outcome) })
}

/// Records the start of a long operation.
pub fn open(tx: &Tx<'_>, operation: Operation, target: Target<'_>, by: &Initiator) -> Result<Uuid> {
    let at = OffsetDateTime::now_utc();
    insert(tx, &New { operation, target, context: None, by, at, parent: None, outcome: None })
}

pub fn insert(tx: &Tx<'_>, new: &New<'_>) -> Result<Uuid> {
    const SQL: &str = "INSERT INTO activities (id, parent_id, created, executed, ended, status, target_type,
            target_operation, target_name, target_context, message, warning_message, error_message, initiated_by_type,
            initiated_by_id, initiated_by_name, connected_system_id, objects_to_process, objects_processed,
            target_folded, searched)
        VALUES (:id, :parent, :created, :created, :ended, :status, :type, :operation, :name, :context, :message,
            :warning, :error, :by_type, :by_id, :by_name, :system, :to_process, :processed, :folded, :searched)";
    let id = Uuid::now_v7();
    let created = to_text(new.at);
    let (target_type, target_name, system) = new.target.columns();
    let (by_type, by_id, by_name) = new.by.columns();
    let none = Outcome::default();
    let outcome = new.outcome.unwrap_or(&none);
    let searched = [target_name, new.context, by_name, Some(target_type)].map(Option::unwrap_or_default);
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":id": id.to_string(),
        ":parent": new.parent.map(|parent| parent.to_string()),
        ":created": created,
        ":ended": new.outcome.map(|_| &created),
        ":status": new.outcome.map_or("InProgress", Outcome::status),
        ":type": target_type,
        ":operation": new.operation.name(),
        ":name": target_name,
        ":context": new.context,
        ":message": outcome.message,
        ":warning": outcome.warning,
        ":error": outcome.error,
        ":by_type": by_type,
        ":by_id": by_id,
        ":by_name": by_name,
        ":system": system,
        ":to_process": outcome.to_process as i64,
        ":processed": outcome.processed as i64,
        ":folded": target_name.map(fold),
        // No text of a caller contains NUL, so that no search matches across two of them.
        ":searched": fold(&searched.join("\0")),
    })?;
    Ok(id)
}

/// Stores the result of an activity that [`open`] began or that is closed.
pub fn close(tx: &Tx<'_>, id: Uuid, outcome: &Outcome) -> Result<()> {
    const SQL: &str = "UPDATE activities SET ended = :now, status = :status, message = :message,
            warning_message = :warning, error_message = :error, objects_to_process = :to_process,
            objects_processed = :processed
        WHERE id = :id";
    execute(
        tx,
        SQL,
        named_params! {
            ":id": id.to_string(),
            ":now": to_text(OffsetDateTime::now_utc()),
            ":status": outcome.status(),
            ":message": outcome.message,
            ":warning": outcome.warning,
            ":error": outcome.error,
            ":to_process": outcome.to_process as i64,
            ":processed": outcome.processed as i64,
        },
    )
}

/// Closes activities that a crash left in progress, but for runs that still wait. Returns their number.
pub fn close_orphans(tx: &Tx<'_>) -> Result<usize> {
    const SQL: &str = "UPDATE activities SET ended = ?1, status = 'FailedWithError', error_message = 'server stopped'
        WHERE status = 'InProgress' AND executed IS NOT NULL";
    Ok(tx.execute(SQL, [to_text(OffsetDateTime::now_utc())])?)
}

/// Short form of an activity, with its error in place of its message.
#[derive(Debug, Clone)]
pub struct Line {
    pub created: String,
    pub status: String,
    pub operation: String,
    pub target: Option<String>,
    pub message: Option<String>,
}

/// The newest activities, newest first.
pub fn latest(c: &Connection, count: usize) -> Result<Vec<Line>> {
    const SQL: &str = "SELECT created, status, target_operation, target_name, coalesce(error_message, message)
        FROM activities ORDER BY seq DESC LIMIT ?1";
    query(c, SQL, [count as i64], |r| {
        Ok(Line { created: r.get(0)?, status: r.get(1)?, operation: r.get(2)?, target: r.get(3)?, message: r.get(4)? })
    })
}
