//! Reads of activities: one, its children, and pages of the sorted and filtered list.

use rusqlite::{Connection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::run::{Totals, totals};
use crate::domain::text::fold;
use crate::error::{Error, Result};
use crate::store::page::{Found, Page};
use crate::store::sql::{date, find, optional_date, optional_uuid, query, uuid};

#[derive(Debug, Clone)]
pub(crate) struct Activity {
    pub id: Uuid,
    pub created: OffsetDateTime,
    pub executed: Option<OffsetDateTime>,
    pub ended: Option<OffsetDateTime>,
    pub status: String,
    pub target_type: String,
    pub operation: String,
    pub target_name: Option<String>,
    /// Place of the target, if its name does not identify it.
    pub target_context: Option<String>,
    pub message: Option<String>,
    pub warning: Option<String>,
    pub error: Option<String>,
    pub by_type: String,
    pub by_id: Option<String>,
    /// Name of the initiator at that time.
    pub by_name: Option<String>,
    pub system: Option<i64>,
    pub to_process: i64,
    pub processed: i64,
    pub parent: Option<Uuid>,
    pub children: i64,
    /// Run profile and run type, if it is the run of one.
    pub run: Option<(i64, String)>,
    pub totals: Totals,
}

/// Sort key of the list; equal rows are in the order in which they were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Created,
    Status,
    Type,
    /// Name of the target, ignoring case; rows without one come first.
    Target,
}

impl Sort {
    fn column(self) -> &'static str {
        match self {
            Sort::Created => "created",
            Sort::Status => "status",
            Sort::Type => "target_type",
            Sort::Target => "target_folded",
        }
    }
}

const SELECT: &str = "SELECT id, created, executed, ended, status, target_type, target_operation, target_name,
        target_context, message, warning_message, error_message, initiated_by_type, initiated_by_id, initiated_by_name,
        connected_system_id, objects_to_process, objects_processed, parent_id,
        (SELECT count(*) FROM activities c WHERE c.parent_id = a.id), run_profile_id, run_type,
        objects_processed, added, updated, deleted, errors, object_types, unchanged
    FROM activities a";

impl Activity {
    fn from_row(r: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Activity {
            id: uuid(r, 0)?,
            created: date(r, 1)?,
            executed: optional_date(r, 2)?,
            ended: optional_date(r, 3)?,
            status: r.get(4)?,
            target_type: r.get(5)?,
            operation: r.get(6)?,
            target_name: r.get(7)?,
            target_context: r.get(8)?,
            message: r.get(9)?,
            warning: r.get(10)?,
            error: r.get(11)?,
            by_type: r.get(12)?,
            by_id: r.get(13)?,
            by_name: r.get(14)?,
            system: r.get(15)?,
            to_process: r.get(16)?,
            processed: r.get(17)?,
            parent: optional_uuid(r, 18)?,
            children: r.get(19)?,
            run: r
                .get::<_, Option<i64>>(20)?
                .map(|profile| Ok::<_, rusqlite::Error>((profile, r.get(21)?)))
                .transpose()?,
            totals: totals(r, 22)?,
        })
    }
}

/// One activity, or "not found".
pub(crate) fn get(c: &Connection, id: Uuid) -> Result<Activity> {
    let row = find(c, &format!("{SELECT} WHERE id = ?1"), [id.to_string()], Activity::from_row)?;
    row.ok_or_else(|| Error::not_found("activity", id))
}

/// Children of an activity, oldest first, or "not found".
pub(crate) fn children(c: &Connection, id: Uuid) -> Result<Vec<Activity>> {
    get(c, id)?;
    query(c, &format!("{SELECT} WHERE parent_id = ?1 ORDER BY created, seq"), [id.to_string()], Activity::from_row)
}

/// Newest run of a system: its id, operation, status and end.
#[derive(Debug, Clone)]
pub(crate) struct LastRun {
    pub activity: Uuid,
    pub operation: String,
    pub status: String,
    /// `None` while it is in progress.
    pub ended: Option<OffsetDateTime>,
}

/// Newest run of a system, unless there is none or it is older than the retention of the history.
pub(crate) fn last_run(c: &Connection, system: i64) -> Result<Option<LastRun>> {
    const SQL: &str = "SELECT id, target_operation, status, ended FROM activities
        WHERE connected_system_id = ?1 AND target_operation IN ('ImportHierarchy', 'ImportSchema', 'Execute')
        ORDER BY seq DESC LIMIT 1";
    let run = |r: &Row<'_>| {
        Ok(LastRun { activity: uuid(r, 0)?, operation: r.get(1)?, status: r.get(2)?, ended: optional_date(r, 3)? })
    };
    find(c, SQL, [system], run)
}

/// Page of the activities at the top level.
pub(crate) fn list(c: &Connection, page: &Page<Sort>) -> Result<Found<Activity>> {
    match page.filter.as_deref() {
        Some(text) => search(c, page, &fold(text)),
        None => Ok(Found { items: unfiltered(c, page)?, total: count(c)? }),
    }
}

/// Number of activities at the top level.
pub(crate) fn count(c: &Connection) -> Result<u64> {
    const SQL: &str = "SELECT count(*) FROM activities WHERE parent_id IS NULL";
    let total: i64 = c.prepare_cached(SQL)?.query_row([], |r| r.get(0))?;
    Ok(total.unsigned_abs())
}

/// Reads a page by the index of its sort key, which skips the offset without reading rows.
fn unfiltered(c: &Connection, page: &Page<Sort>) -> Result<Vec<Activity>> {
    let (key, direction) = (page.sort.column(), page.direction());
    let sql =
        format!("{SELECT} WHERE parent_id IS NULL ORDER BY {key} {direction}, seq {direction} LIMIT ?1 OFFSET ?2");
    query(c, &sql, page.bounds(), Activity::from_row)
}

/// Reads a page of the rows that contain the text. One table scan finds page and total; by an index, each row would be a
/// random read.
fn search(c: &Connection, page: &Page<Sort>, text: &str) -> Result<Found<Activity>> {
    let mut found = Found { items: Vec::new(), total: 0 };
    // NUL separates the searched texts.
    if text.contains('\0') {
        return Ok(found);
    }
    let (key, direction) = (page.sort.column(), page.direction());
    let hits = format!(
        "SELECT seq FROM activities NOT INDEXED WHERE parent_id IS NULL AND instr(searched, ?1) > 0
            ORDER BY {key} {direction}, seq {direction}"
    );
    let mut hits = c.prepare_cached(&hits)?;
    let mut hits = hits.query([text])?;
    let mut row = c.prepare_cached(&format!("{SELECT} WHERE seq = ?1"))?;
    let wanted = page.offset..page.offset.saturating_add(page.limit);
    while let Some(hit) = hits.next()? {
        if wanted.contains(&found.total) {
            found.items.push(row.query_row([hit.get::<_, i64>(0)?], Activity::from_row)?);
        }
        found.total += 1;
    }
    Ok(found)
}
