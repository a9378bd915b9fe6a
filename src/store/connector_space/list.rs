//! Pages of the connector space.

use rusqlite::Connection;

use super::{StoredObject, count_of, object, range_of};
use crate::domain::connector_space::{RowId, Status};
use crate::domain::text::fold;
use crate::error::Result;
use crate::store::page::{Found, Page};
use crate::store::sql::query;

/// Objects of a system that a caller looks for.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub object_type: Option<RowId>,
    pub status: Option<Status>,
    /// Nothing is looked for: no object is joined before its first synchronisation.
    pub nothing: bool,
    /// Its text is looked for in external id, secondary id and display name. Always sorted by id.
    pub page: Page<()>,
}

/// Page of the objects of a system. With a filter one scan finds the rows and their number.
pub(crate) fn list(c: &Connection, system: i64, search: &Search) -> Result<Found<StoredObject>> {
    let page = &search.page;
    if search.nothing {
        return Ok(Found { items: Vec::new(), total: 0 });
    }
    let (first, last) = range_of(system);
    let direction = page.direction();
    let row = "SELECT id, type_id, partition_id, status, created, updated, external_id, secondary_id, display_name,
            attributes FROM connector_objects";
    let wanted = page.filter.as_deref().map(fold);
    if wanted.is_none() && search.object_type.is_none() && search.status.is_none() {
        let (limit, offset) = page.bounds();
        let sql = format!("{row} WHERE id BETWEEN ?1 AND ?2 ORDER BY id {direction} LIMIT ?3 OFFSET ?4");
        let items = query(c, &sql, (first, last, limit, offset), object)?;
        return Ok(Found { items, total: count_of(c, system)?.unsigned_abs() });
    }
    let hits = format!(
        "SELECT id, external_id, secondary_id, display_name FROM connector_objects
        WHERE id BETWEEN ?1 AND ?2 AND (?3 IS NULL OR type_id = ?3) AND (?4 IS NULL OR status = ?4)
        ORDER BY id {direction}"
    );
    let mut hits = c.prepare_cached(&hits)?;
    let mut hits = hits.query((first, last, search.object_type, search.status.map(|s| s as i64)))?;
    let mut get = c.prepare_cached(&format!("{row} WHERE id = ?1"))?;
    let mut found = Found { items: Vec::new(), total: 0 };
    let range = page.offset..page.offset.saturating_add(page.limit);
    while let Some(hit) = hits.next()? {
        let holds = |column| -> rusqlite::Result<bool> {
            let Some(wanted) = &wanted else { return Ok(true) };
            Ok(hit.get_ref(column)?.as_str_or_null()?.is_some_and(|text| fold(text).contains(wanted)))
        };
        if !holds(1)? && !holds(2)? && !holds(3)? {
            continue;
        }
        if range.contains(&found.total) {
            found.items.push(get.query_row([hit.get::<_, i64>(0)?], object)?);
        }
        found.total += 1;
    }
    Ok(found)
}
