//! Activities: what happened, who did it and how it ended. Written in the transaction of the change they tell of.
//!
//! Five tables hold together, and only the functions here write them: the log with a row for each, the subjects that
//! rows have in common, their counts, and the list in short. `jim check` holds them against each other.

pub mod blocks;
mod cut;
mod id;
pub mod list;
pub mod retention;
mod subjects;

use std::borrow::Borrow;

use rusqlite::{Connection, OptionalExtension, named_params};
use time::OffsetDateTime;
use uuid::Uuid;

use super::timestamp::to_text;
use crate::db::Tx;
use crate::error::Result;
use id::Id;

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

    /// An update of these.
    pub fn changed<S: Borrow<str>>(what: &[S]) -> Self {
        Outcome::done(match what.is_empty() {
            true => "Nothing changed".to_owned(),
            false => format!("Changed: {}", what.join(", ")),
        })
    }

    fn status(&self) -> Status {
        match (&self.error, &self.warning) {
            (Some(_), _) => Status::FailedWithError,
            (None, Some(_)) => Status::CompleteWithWarning,
            (None, None) => Status::Complete,
        }
    }
}

/// How an activity stands, in the order of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Was stopped.
    Cancelled,
    /// Succeeded.
    Complete,
    /// Parts of it failed.
    CompleteWithError,
    /// Succeeded, and something deserves attention.
    CompleteWithWarning,
    /// Failed as a whole.
    FailedWithError,
    /// Has not ended.
    InProgress,
}

impl Status {
    /// All of them, in the order of the names.
    pub const ALL: [(Status, &'static str); 6] = [
        (Status::Cancelled, "Cancelled"),
        (Status::Complete, "Complete"),
        (Status::CompleteWithError, "CompleteWithError"),
        (Status::CompleteWithWarning, "CompleteWithWarning"),
        (Status::FailedWithError, "FailedWithError"),
        (Status::InProgress, "InProgress"),
    ];

    fn name(self) -> &'static str {
        Status::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }
}

/// An activity to be recorded, with what most do not need to say.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// What was done.
    pub operation: Operation,
    /// To what.
    pub target: Target<'a>,
    /// Where the target is, if its name does not tell.
    pub context: Option<&'a str>,
    /// By whom.
    pub by: &'a Initiator,
    /// When it was created.
    pub at: OffsetDateTime,
    /// The activity that it is a part of.
    pub parent: Option<Uuid>,
    /// How it ended; `None` while it has not.
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
    let now = OffsetDateTime::now_utc();
    insert(tx, &New { operation, target, context: None, by, at: now, parent: None, outcome: Some(outcome) })
}

/// Records the start of something that takes its time.
pub fn open(tx: &Tx<'_>, operation: Operation, target: Target<'_>, by: &Initiator) -> Result<Uuid> {
    let now = OffsetDateTime::now_utc();
    insert(tx, &New { operation, target, context: None, by, at: now, parent: None, outcome: None })
}

/// Records an activity, at the next free tick.
pub fn insert(tx: &Tx<'_>, new: &New<'_>) -> Result<Uuid> {
    const SQL: &str = "INSERT INTO activity_log (tick, tail, parent, subject, operation, status, ended,
            message, warning_message, error_message, objects_to_process, objects_processed)
        VALUES (:tick, :tail, :parent, :subject, :operation, :status, :ended, :message, :warning, :error, :to_process,
            :processed)";
    let mut id = Id::new(new.at);
    let mut taken = tx.prepare_cached("SELECT 1 FROM activity_log WHERE tick = ?1")?;
    while taken.exists([id.tick])? {
        id.tick += 1;
    }
    let parent = new.parent.and_then(Id::read).map(|parent| parent.tick);
    let subject = subjects::Subject::new(new.target, new.context, new.by);
    let subject = subjects::count_up(tx, &subject, parent.is_none())?;
    let status = new.outcome.map_or(Status::InProgress, Outcome::status);
    let nothing = Outcome::default();
    let outcome = new.outcome.unwrap_or(&nothing);
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":tick": id.tick,
        ":tail": id.tail,
        ":parent": parent,
        ":subject": subject,
        ":operation": new.operation.name(),
        ":status": status.name(),
        ":ended": new.outcome.map(|_| to_text(id.created())),
        ":message": outcome.message,
        ":warning": outcome.warning,
        ":error": outcome.error,
        ":to_process": outcome.to_process as i64,
        ":processed": outcome.processed as i64,
    })?;
    if parent.is_none() {
        blocks::insert(tx, blocks::Entry { tick: id.tick, subject, status: status as u8 })?;
    }
    Ok(id.uuid())
}

/// Closes what [`open`] began, or tells how far something went on that has ended before.
pub fn close(tx: &Tx<'_>, id: Uuid, outcome: &Outcome) -> Result<()> {
    const SQL: &str = "UPDATE activity_log SET ended = :now, status = :status, message = :message,
            warning_message = :warning, error_message = :error, objects_to_process = :to_process,
            objects_processed = :processed
        WHERE tick = :tick AND tail = :tail RETURNING parent IS NULL";
    let Some(Id { tick, tail }) = Id::read(id) else { return Ok(()) };
    let status = outcome.status();
    let values = named_params! {
        ":tick": tick,
        ":tail": tail,
        ":now": to_text(OffsetDateTime::now_utc()),
        ":status": status.name(),
        ":message": outcome.message,
        ":warning": outcome.warning,
        ":error": outcome.error,
        ":to_process": outcome.to_process as i64,
        ":processed": outcome.processed as i64,
    };
    let listed: Option<bool> = tx.prepare_cached(SQL)?.query_row(values, |r| r.get(0)).optional()?;
    match listed {
        Some(true) => blocks::set_status(tx, tick, status as u8),
        _ => Ok(()),
    }
}

/// Closes what a crash left open. Returns how many there were.
pub fn close_orphans(tx: &Tx<'_>) -> Result<usize> {
    const SQL: &str = "UPDATE activity_log SET ended = ?1, status = 'FailedWithError', error_message = 'server stopped'
        WHERE status = 'InProgress' RETURNING tick, parent IS NULL";
    let mut statement = tx.prepare(SQL)?;
    let rows = statement.query_map([to_text(OffsetDateTime::now_utc())], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let closed: Vec<(i64, bool)> = rows.collect::<rusqlite::Result<_>>()?;
    for (tick, listed) in &closed {
        if *listed {
            blocks::set_status(tx, *tick, Status::FailedWithError as u8)?;
        }
    }
    Ok(closed.len())
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
        FROM activities ORDER BY tick DESC LIMIT ?1";
    let mut statement = c.prepare(SQL)?;
    let rows = statement.query_map([count as i64], |r| {
        Ok(Line { created: r.get(0)?, status: r.get(1)?, operation: r.get(2)?, target: r.get(3)?, message: r.get(4)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
