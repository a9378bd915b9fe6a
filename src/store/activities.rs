//! Activities: what happened, who did it and how it ended. Written in the transaction of the change they tell of.

use rusqlite::{Connection, named_params};
use time::OffsetDateTime;
use uuid::Uuid;

use super::to_text;
use crate::error::Result;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Created.
    Create,
    /// Changed in any way.
    Update,
    /// Deleted.
    Delete,
    /// Emptied of its objects.
    Clear,
    /// Its hierarchy was imported.
    ImportHierarchy,
    /// Its schema was imported.
    ImportSchema,
    /// Put back to its default.
    Revert,
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
        }
    }
}

/// To what it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A connected system or a part of it: its id, unless the activity tells of its beginning or end, and its name.
    System(Option<i64>, &'a str),
    /// A service setting by its display name.
    ServiceSetting(&'a str),
    /// A certificate by its name.
    Certificate(&'a str),
    /// The history, of which the oldest part goes.
    History,
}

impl<'a> Target<'a> {
    /// Its type, its name, the connected system.
    fn columns(self) -> (&'static str, Option<&'a str>, Option<i64>) {
        match self {
            Target::System(id, name) => ("ConnectedSystem", Some(name), id),
            Target::ServiceSetting(name) => ("ServiceSetting", Some(name), None),
            Target::Certificate(name) => ("TrustedCertificate", Some(name), None),
            Target::History => ("HistoryRetentionCleanup", None, None),
        }
    }
}

/// Who caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initiator {
    /// Somebody with an API key.
    Key {
        /// The API key's id.
        id: Uuid,
        /// The key's name at that time.
        name: String,
    },
    /// The server itself.
    System,
}

/// How it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One line of what happened.
    pub message: Option<String>,
    /// What deserves attention although it succeeded.
    pub warning: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// How many things were asked for.
    pub to_process: usize,
    /// How many of them were done.
    pub processed: usize,
}

impl Outcome {
    /// Done, told in one line.
    pub fn done(message: impl Into<String>) -> Self {
        Outcome { message: Some(message.into()), ..Outcome::default() }
    }

    fn status(&self) -> &'static str {
        match (&self.error, &self.warning) {
            (Some(_), _) => "FailedWithError",
            (None, Some(_)) => "CompleteWithWarning",
            (None, None) => "Complete",
        }
    }
}

/// Records a change that is complete with this transaction.
pub fn record(
    tx: &Connection,
    operation: Operation,
    target: Target<'_>,
    by: &Initiator,
    outcome: &Outcome,
) -> Result<Uuid> {
    let id = open(tx, operation, target, by)?;
    close(tx, id, outcome)?;
    Ok(id)
}

/// Records the start of something that takes its time.
pub fn open(tx: &Connection, operation: Operation, target: Target<'_>, by: &Initiator) -> Result<Uuid> {
    const SQL: &str = "INSERT INTO activities (id, created, executed, status, target_type, target_operation,
            target_name, initiated_by_type, initiated_by_id, initiated_by_name, connected_system_id)
        VALUES (:id, :now, :now, 'InProgress', :target, :operation, :name, :by, :key, :key_name, :system)";
    let id = Uuid::new_v4();
    let (target, name, system) = target.columns();
    let (by, key, key_name) = match by {
        Initiator::Key { id, name } => ("ApiKey", Some(id.to_string()), Some(name)),
        Initiator::System => ("System", None, None),
    };
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":id": id.to_string(),
        ":now": to_text(OffsetDateTime::now_utc()),
        ":target": target,
        ":operation": operation.name(),
        ":name": name,
        ":by": by,
        ":key": key,
        ":key_name": key_name,
        ":system": system,
    })?;
    Ok(id)
}

/// Closes what [`open`] began.
pub fn close(tx: &Connection, id: Uuid, outcome: &Outcome) -> Result<()> {
    const SQL: &str = "UPDATE activities SET ended = :now, status = :status, message = :message,
            warning_message = :warning, error_message = :error, objects_to_process = :to_process,
            objects_processed = :processed
        WHERE id = :id";
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":id": id.to_string(),
        ":now": to_text(OffsetDateTime::now_utc()),
        ":status": outcome.status(),
        ":message": outcome.message,
        ":warning": outcome.warning,
        ":error": outcome.error,
        ":to_process": outcome.to_process as i64,
        ":processed": outcome.processed as i64,
    })?;
    Ok(())
}

/// Closes what a crash left open. Returns how many there were.
pub fn close_orphans(tx: &Connection) -> Result<usize> {
    const SQL: &str = "UPDATE activities SET ended = ?1, status = 'FailedWithError', error_message = 'server stopped'
        WHERE status = 'InProgress'";
    Ok(tx.execute(SQL, [to_text(OffsetDateTime::now_utc())])?)
}

/// One line of the record, for people.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it was created.
    pub created: String,
    /// How it stands.
    pub status: String,
    /// What was done.
    pub operation: String,
    /// To what.
    pub target: Option<String>,
    /// The message or the error.
    pub message: Option<String>,
}

/// The newest activities, newest first.
pub fn latest(c: &Connection, count: usize) -> Result<Vec<Line>> {
    const SQL: &str = "SELECT created, status, target_operation, target_name, coalesce(error_message, message)
        FROM activities ORDER BY created DESC, id LIMIT ?1";
    let mut statement = c.prepare(SQL)?;
    let rows = statement.query_map([count as i64], |r| {
        Ok(Line { created: r.get(0)?, status: r.get(1)?, operation: r.get(2)?, target: r.get(3)?, message: r.get(4)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
