//! Reading activities: one, its parts, and any page of the list in any order, searched or not.

use rusqlite::{Connection, OptionalExtension, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::cut::{Cut, Subjects, TARGETS, TYPES};
use super::id::{self, Id};
use crate::error::{Error, Result};
use crate::store::columns::optional_date;

/// An activity as it is read.
#[derive(Debug, Clone)]
pub struct Activity {
    /// The id.
    pub id: Uuid,
    /// When it was recorded.
    pub created: OffsetDateTime,
    /// When it ended, if it has.
    pub ended: Option<OffsetDateTime>,
    /// How it stands.
    pub status: String,
    /// The kind of what it was done to.
    pub target_type: String,
    /// What was done.
    pub operation: String,
    /// The name of what it was done to.
    pub target_name: Option<String>,
    /// Where that is.
    pub target_context: Option<String>,
    /// One line of what happened.
    pub message: Option<String>,
    /// What deserves attention.
    pub warning: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The kind of who caused it.
    pub by_type: String,
    /// The id of who caused it.
    pub by_id: Option<String>,
    /// The name of who caused it, at that time.
    pub by_name: Option<String>,
    /// The connected system.
    pub system: Option<i64>,
    /// How many things were asked for.
    pub to_process: i64,
    /// How many of them were done.
    pub processed: i64,
    /// What it is a part of.
    pub parent: Option<Uuid>,
    /// How many parts it has.
    pub children: i64,
}

/// What a list is sorted by; equal ones by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// When it was created. What is written so far is executed as soon as it is created.
    Created,
    /// The name of the status.
    Status,
    /// The target's type.
    Type,
    /// The target's name, ignoring case; those without come first.
    Target,
}

/// Which part of the list is wanted.
#[derive(Debug, Clone)]
pub struct Query {
    /// A text that one of the searched ones contains, ignoring case.
    pub search: Option<String>,
    /// The order.
    pub sort: Sort,
    /// The order turned round.
    pub descending: bool,
    /// Activities before the page.
    pub skip: u64,
    /// Activities of the page.
    pub take: u64,
}

/// A page of the list.
#[derive(Debug)]
pub struct Found {
    /// The page.
    pub items: Vec<Activity>,
    /// How many there are on all pages.
    pub total: u64,
}

const ROW: &str = "SELECT l.tick, l.tail, l.ended, l.status, s.target_type, l.operation, s.target_name,
        s.target_context, l.message, l.warning_message, l.error_message, s.initiated_by_type, s.initiated_by_id,
        s.initiated_by_name, s.connected_system_id, l.objects_to_process, l.objects_processed, p.tick, p.tail,
        (SELECT count(*) FROM activity_log c WHERE c.parent = l.tick)
    FROM activity_log l JOIN activity_subjects s ON s.id = l.subject LEFT JOIN activity_log p ON p.tick = l.parent
    WHERE l.tick = ?1";

impl Activity {
    fn from_row(r: &Row<'_>) -> rusqlite::Result<Self> {
        let id = Id { tick: r.get(0)?, tail: r.get(1)? };
        let parent: Option<(i64, i64)> = r.get::<_, Option<i64>>(17)?.zip(r.get(18)?);
        Ok(Activity {
            id: id.uuid(),
            created: id.created(),
            ended: optional_date(r, 2)?,
            status: r.get(3)?,
            target_type: r.get(4)?,
            operation: r.get(5)?,
            target_name: r.get(6)?,
            target_context: r.get(7)?,
            message: r.get(8)?,
            warning: r.get(9)?,
            error: r.get(10)?,
            by_type: r.get(11)?,
            by_id: r.get(12)?,
            by_name: r.get(13)?,
            system: r.get(14)?,
            to_process: r.get(15)?,
            processed: r.get(16)?,
            parent: parent.map(|(tick, tail)| Id { tick, tail }.uuid()),
            children: r.get(19)?,
        })
    }
}

/// One activity, or "not found".
pub fn get(c: &Connection, id: Uuid) -> Result<Activity> {
    let row = match Id::read(id) {
        Some(own) => c.prepare_cached(ROW)?.query_row([own.tick], Activity::from_row).optional()?,
        None => None,
    };
    row.filter(|a| a.id == id).ok_or_else(|| Error::not_found("activity", id))
}

/// The parts of an activity, oldest first, or "not found".
pub fn children(c: &Connection, id: Uuid) -> Result<Vec<Activity>> {
    const SQL: &str = "SELECT tick FROM activity_log WHERE parent = ?1 ORDER BY tick";
    let tick = id::tick(get(c, id)?.created);
    let mut statement = c.prepare_cached(SQL)?;
    let ticks = statement.query_map([tick], |r| r.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    fetch(c, &ticks)
}

/// A page of the activities that are no part of another.
pub fn list(c: &Connection, query: &Query) -> Result<Found> {
    let by_subject = matches!(query.sort, Sort::Type | Sort::Target);
    let subjects = match &query.search {
        None if !by_subject => None,
        search => Some(Subjects::read(c, search.as_deref())?),
    };
    let total = match &subjects {
        Some(subjects) => subjects.total(),
        None => all(c)?,
    };
    let (skip, end) = (query.skip.min(total), query.skip.saturating_add(query.take).min(total));
    if skip == end {
        return Ok(Found { items: Vec::new(), total });
    }
    // The order that is turned round is the same list seen from its end.
    let range = if query.descending { total - end..total - skip } else { skip..end };
    let cut = match (query.sort, subjects) {
        (Sort::Created, subjects) => Cut::by_age(subjects, total, range),
        (Sort::Status, subjects) => Cut::by_status(c, subjects, range)?,
        (Sort::Type, Some(subjects)) => Cut::by_subject(c, &subjects, TYPES, range)?,
        (Sort::Target, Some(subjects)) => Cut::by_subject(c, &subjects, TARGETS, range)?,
        (Sort::Type | Sort::Target, None) => Cut::default(),
    };
    let mut ticks = cut.ticks(c)?;
    if query.descending {
        ticks.reverse();
    }
    Ok(Found { items: fetch(c, &ticks)?, total })
}

/// How long the whole list is.
fn all(c: &Connection) -> Result<u64> {
    const SQL: &str = "SELECT ifnull(sum(listed), 0) FROM activity_counts";
    let total: i64 = c.prepare_cached(SQL)?.query_row([], |r| r.get(0))?;
    Ok(u64::try_from(total).unwrap_or_default())
}

fn fetch(c: &Connection, ticks: &[i64]) -> Result<Vec<Activity>> {
    let mut statement = c.prepare_cached(ROW)?;
    let rows = ticks.iter().map(|tick| statement.query_row([tick], Activity::from_row));
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
