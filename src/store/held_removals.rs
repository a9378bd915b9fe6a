//! Removals that the brake held back, and those that were applied in the last day.

use rusqlite::{Connection, Row};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::page::{Found, Page};
use super::sql::{date, execute, find, optional_date, query, to_text, uuid};
use crate::db::Tx;
use crate::domain::connector_space::RowId;
use crate::error::Result;

/// Period in which removals without an approval count together.
const DAY: Duration = Duration::hours(24);

/// A removal that the brake held back.
#[derive(Debug, Clone)]
pub(crate) struct HeldRemoval {
    pub id: i64,
    pub object: RowId,
    /// The latest run that held it.
    pub activity: Uuid,
    /// For people.
    pub region: String,
    pub held_since: OffsetDateTime,
    pub approved_by: Option<String>,
    pub approved_until: Option<OffsetDateTime>,
    pub external_id: Option<String>,
    pub display_name: Option<String>,
}

/// Records a held removal; one that is held again belongs to the later run.
pub(crate) fn hold(
    tx: &Tx<'_>,
    system: i64,
    object: RowId,
    attribute: Option<RowId>,
    activity: Uuid,
    region: &str,
) -> Result<()> {
    const AGAIN: &str = "UPDATE held_removals SET activity_id = ?3, region = ?4
        WHERE object_id = ?1 AND attribute_id IS ?2";
    const SQL: &str = "INSERT INTO held_removals (system_id, object_id, attribute_id, activity_id, region, held_since)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let activity = activity.to_string();
    if tx.prepare_cached(AGAIN)?.execute((object, attribute, &activity, region))? == 0 {
        let now = to_text(OffsetDateTime::now_utc());
        execute(tx, SQL, (system, object, attribute, &activity, region, now))?;
    }
    Ok(())
}

/// Removes the rows of an object that was seen again, or is gone.
pub(crate) fn release(tx: &Tx<'_>, object: RowId) -> Result<()> {
    execute(tx, "DELETE FROM held_removals WHERE object_id = ?1", [object])
}

/// Objects of a system whose removal is held, with the name of who approved it, while the approval holds.
pub(crate) fn held_objects(c: &Connection, system: i64) -> Result<Vec<(RowId, Option<String>)>> {
    const SQL: &str = "SELECT object_id, iif(approved_until > ?2, approved_by, NULL) FROM held_removals
        WHERE system_id = ?1 AND attribute_id IS NULL ORDER BY object_id";
    query(c, SQL, (system, to_text(OffsetDateTime::now_utc())), |r| Ok((r.get(0)?, r.get(1)?)))
}

/// Removals of attributes that are held, by object and attribute, with whether an approval holds.
pub(crate) fn held_attributes(c: &Connection, system: i64) -> Result<Vec<(RowId, RowId, bool)>> {
    const SQL: &str = "SELECT object_id, attribute_id, coalesce(approved_until, '') > ?2 FROM held_removals
        WHERE system_id = ?1 AND attribute_id IS NOT NULL ORDER BY object_id, attribute_id";
    query(c, SQL, (system, to_text(OffsetDateTime::now_utc())), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
}

/// Approves the removals that an activity held, unless they are approved already. Returns their number.
pub(crate) fn approve(tx: &Tx<'_>, activity: Uuid, by: &str) -> Result<usize> {
    const SQL: &str = "UPDATE held_removals SET approved_by = ?2, approved_until = ?3
        WHERE activity_id = ?1 AND coalesce(approved_until, '') <= ?4";
    let now = OffsetDateTime::now_utc();
    Ok(tx.prepare_cached(SQL)?.execute((activity.to_string(), by, to_text(now + DAY), to_text(now)))?)
}

/// Number of removals that an activity held.
pub(crate) fn of_activity(c: &Connection, activity: Uuid) -> Result<u64> {
    const SQL: &str = "SELECT count(*) FROM held_removals WHERE activity_id = ?1";
    Ok(find(c, SQL, [activity.to_string()], |r| r.get::<_, i64>(0))?.unwrap_or(0).unsigned_abs())
}

/// Page of the held removals of a system, in the order in which they were held.
pub(crate) fn list(c: &Connection, system: i64, page: &Page<()>) -> Result<Found<HeldRemoval>> {
    let sql = format!(
        "SELECT h.id, h.object_id, h.activity_id, h.region, h.held_since, h.approved_by,
            h.approved_until, o.external_id, o.display_name
        FROM held_removals h LEFT JOIN connector_objects o ON o.id = h.object_id
        WHERE h.system_id = ?1 ORDER BY h.id {} LIMIT ?2 OFFSET ?3",
        page.direction()
    );
    let (limit, offset) = page.bounds();
    let total: Option<i64> =
        find(c, "SELECT count(*) FROM held_removals WHERE system_id = ?1", [system], |r| r.get(0))?;
    Ok(Found { items: query(c, &sql, (system, limit, offset), held)?, total: total.unwrap_or(0).unsigned_abs() })
}

fn held(r: &Row<'_>) -> rusqlite::Result<HeldRemoval> {
    Ok(HeldRemoval {
        id: r.get(0)?,
        object: r.get(1)?,
        activity: uuid(r, 2)?,
        region: r.get(3)?,
        held_since: date(r, 4)?,
        approved_by: r.get(5)?,
        approved_until: optional_date(r, 6)?,
        external_id: r.get(7)?,
        display_name: r.get(8)?,
    })
}

/// Counts removals that were applied without an approval.
pub(crate) fn add_applied(
    tx: &Tx<'_>,
    system: i64,
    partition: Option<RowId>,
    object_type: RowId,
    n: u64,
) -> Result<()> {
    const SQL: &str = "INSERT INTO applied_removals (system_id, partition_id, type_id, applied_at, n)
        VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET n = n + ?5";
    let now = OffsetDateTime::now_utc();
    execute(tx, "DELETE FROM applied_removals WHERE applied_at < ?1", [to_text(now - DAY)])?;
    execute(tx, SQL, (system, partition.unwrap_or_default(), object_type, to_text(now), n.cast_signed()))
}

/// Removals of a region in the last day without an approval.
pub(crate) fn applied(c: &Connection, system: i64, partition: Option<RowId>, object_type: RowId) -> Result<u64> {
    const SQL: &str = "SELECT coalesce(sum(n), 0) FROM applied_removals
        WHERE system_id = ?1 AND partition_id = ?2 AND type_id = ?3 AND applied_at >= ?4";
    let since = to_text(OffsetDateTime::now_utc() - DAY);
    let n: Option<i64> = find(c, SQL, (system, partition.unwrap_or_default(), object_type, since), |r| r.get(0))?;
    Ok(n.unwrap_or(0).unsigned_abs())
}
