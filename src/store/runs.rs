//! Queue of runs: those that wait and those that go on.

use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::sql::{execute, find, query, uuid};
use crate::db::Tx;
use crate::domain::run_profile::RunType;
use crate::error::Result;

/// A run that waits or goes on.
#[derive(Debug, Clone)]
pub(crate) struct QueuedRun {
    /// Order in which runs were asked for.
    pub id: i64,
    pub activity: Uuid,
    pub system: i64,
    pub profile: i64,
    pub run_type: RunType,
    /// The administrator accepts all removals of this run.
    pub accept_removals: bool,
    pub active: bool,
}

macro_rules! columns {
    () => {
        "SELECT id, activity_id, system_id, run_profile_id, run_type, accept_removals, active FROM runs"
    };
}

impl QueuedRun {
    fn from_row(r: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(QueuedRun {
            id: r.get(0)?,
            activity: uuid(r, 1)?,
            system: r.get(2)?,
            profile: r.get(3)?,
            run_type: RunType::parse(r.get_ref(4)?.as_str()?).ok_or(rusqlite::Error::InvalidQuery)?,
            accept_removals: r.get(5)?,
            active: r.get(6)?,
        })
    }
}

/// All runs in the order in which they were asked for.
pub(crate) fn all(c: &Connection) -> Result<Vec<QueuedRun>> {
    query(c, concat!(columns!(), " ORDER BY id"), [], QueuedRun::from_row)
}

pub(crate) fn by_activity(c: &Connection, activity: Uuid) -> Result<Option<QueuedRun>> {
    find(c, concat!(columns!(), " WHERE activity_id = ?1"), [activity.to_string()], QueuedRun::from_row)
}

/// Appends a run; id and state of the value are ignored. Returns its id.
pub(crate) fn insert(tx: &Tx<'_>, run: &QueuedRun) -> Result<i64> {
    const SQL: &str = "INSERT INTO runs (activity_id, system_id, run_profile_id, run_type, accept_removals)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let QueuedRun { activity, system, profile, run_type, accept_removals, .. } = run;
    execute(tx, SQL, (activity.to_string(), system, profile, run_type.name(), accept_removals))?;
    Ok(tx.last_insert_rowid())
}

pub(crate) fn activate(tx: &Tx<'_>, id: i64) -> Result<()> {
    execute(tx, "UPDATE runs SET active = 1 WHERE id = ?1", [id])
}

pub(crate) fn delete(tx: &Tx<'_>, id: i64) -> Result<()> {
    execute(tx, "DELETE FROM runs WHERE id = ?1", [id])
}

/// Removes the runs that a stop of the server ended.
pub(crate) fn delete_active(tx: &Tx<'_>) -> Result<()> {
    execute(tx, "DELETE FROM runs WHERE active = 1", [])
}

/// Numbers of waiting and active runs of a system.
pub(crate) fn of_system(c: &Connection, system: i64) -> Result<(i64, i64)> {
    const SQL: &str = "SELECT count(*) FILTER (WHERE active = 0), count(*) FILTER (WHERE active = 1) FROM runs
        WHERE system_id = ?1";
    Ok(c.prepare_cached(SQL)?.query_row([system], |r| Ok((r.get(0)?, r.get(1)?)))?)
}

/// Whether a run of a profile waits or goes on.
pub(crate) fn names_profile(c: &Connection, profile: i64) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM runs WHERE run_profile_id = ?1)";
    Ok(c.prepare_cached(SQL)?.query_row([profile], |r| r.get(0))?)
}
