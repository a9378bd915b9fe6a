//! Items of runs: one row per object that changed or failed.

use rusqlite::{Connection, Row, named_params};
use uuid::Uuid;

use super::guid::{Guids, Tag};
use super::page::{Found, Page};
use super::sql::{find, query};
use crate::db::Tx;
use crate::domain::connector_space::{ChangeType, ErrorType, Item, Outcome, OutcomeKind, ShownChange};
use crate::domain::text::fold;
use crate::domain::value::{read_varint, write_varint};
use crate::error::{Error, Result};

/// Bits of the number of an item in its GUID; an activity has fewer items.
const NUMBER_BITS: u32 = 18;

/// An item with its GUID.
#[derive(Debug, Clone)]
pub(crate) struct StoredItem {
    pub id: Uuid,
    pub item: Item,
}

/// Items of an activity that a caller looks for.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub change: Option<ChangeType>,
    pub error: Option<ErrorType>,
    /// Its text is looked for in external id and display name. Always sorted by number.
    pub page: Page<()>,
}

/// Appends an item as number `n` of its activity.
pub(crate) fn insert(tx: &Tx<'_>, activity: i64, n: i64, item: &Item) -> Result<()> {
    const SQL: &str =
        "INSERT INTO activity_items (activity_seq, n, object_id, change, error, external_id, display_name,
            type_name, message, outcomes, changes)
        VALUES (:activity, :n, :object, :change, :error, :external, :display, :type, :message, :outcomes, :changes)";
    let (mut outcomes, mut changes) = (Vec::new(), Vec::new());
    write_outcomes(&item.outcomes, &mut outcomes);
    item.changes.iter().for_each(|change| write_change(change, &mut changes));
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":activity": activity,
        ":n": n,
        ":object": item.object,
        ":change": item.change as i64,
        ":error": item.error.map(|e| e as i64),
        ":external": item.external_id,
        ":display": item.display_name,
        ":type": item.type_name,
        ":message": item.message,
        ":outcomes": outcomes,
        ":changes": (!changes.is_empty()).then_some(changes),
    })?;
    Ok(())
}

/// Columns in the order of [`stored`].
macro_rules! columns {
    () => {
        "SELECT activity_seq, n, object_id, change, error, external_id, display_name, type_name, message, outcomes, changes
        FROM activity_items WHERE activity_seq = ?1"
    };
}

/// Page of the items of an activity, in the order in which they were written.
pub(crate) fn list(c: &Connection, activity: i64, search: &Search) -> Result<Found<StoredItem>> {
    let guids = Guids::load(c)?;
    let page = &search.page;
    let (limit, offset) = page.bounds();
    let read = |r: &Row<'_>| stored(guids, r);
    let filter = " AND (?2 IS NULL OR change = ?2) AND (?3 IS NULL OR error = ?3)";
    let (change, error) = (search.change.map(|c| c as i64), search.error.map(|e| e as i64));
    let Some(wanted) = page.filter.as_deref().map(fold) else {
        let sql = format!("{}{filter} ORDER BY n {} LIMIT ?4 OFFSET ?5", columns!(), page.direction());
        let total = format!("SELECT count(*) FROM activity_items WHERE activity_seq = ?1{filter}");
        let total: i64 = c.prepare_cached(&total)?.query_row((activity, change, error), |r| r.get(0))?;
        let items = query(c, &sql, (activity, change, error, limit, offset), read)?;
        return Ok(Found { items, total: total.unsigned_abs() });
    };
    let sql = format!("{}{filter} ORDER BY n {}", columns!(), page.direction());
    let mut statement = c.prepare_cached(&sql)?;
    let mut rows = statement.query((activity, change, error))?;
    let mut found = Found { items: Vec::new(), total: 0 };
    let range = page.offset..page.offset.saturating_add(page.limit);
    while let Some(row) = rows.next()? {
        let holds = |column| -> rusqlite::Result<bool> {
            Ok(row.get_ref(column)?.as_str_or_null()?.is_some_and(|text| fold(text).contains(&wanted)))
        };
        if holds(5)? || holds(6)? {
            if range.contains(&found.total) {
                found.items.push(read(row)?);
            }
            found.total += 1;
        }
    }
    Ok(found)
}

/// One item of an activity, or "not found".
pub(crate) fn get(c: &Connection, activity: i64, guid: Uuid) -> Result<StoredItem> {
    let guids = Guids::load(c)?;
    let missing = || Error::NotFound { what: "activity item", id: guid.to_string() };
    let id = guids.id(Tag::ActivityItem, guid).filter(|id| id >> NUMBER_BITS == activity).ok_or_else(missing)?;
    const SQL: &str = concat!(columns!(), " AND n = ?2");
    let n = id & ((1 << NUMBER_BITS) - 1);
    find(c, SQL, (activity, n), |r| stored(guids, r))?.ok_or_else(missing)
}

fn stored(guids: Guids, r: &Row<'_>) -> rusqlite::Result<StoredItem> {
    let invalid = || rusqlite::Error::InvalidQuery;
    let (activity, n): (i64, i64) = (r.get(0)?, r.get(1)?);
    let blob = |column| -> rusqlite::Result<&[u8]> { Ok(r.get_ref(column)?.as_blob_or_null()?.unwrap_or_default()) };
    let (mut outcomes, mut changes) = (blob(9)?, blob(10)?);
    let error: Option<u8> = r.get(4)?;
    Ok(StoredItem {
        id: guids.of(Tag::ActivityItem, activity << NUMBER_BITS | n),
        item: Item {
            object: r.get(2)?,
            change: ChangeType::ALL.get(usize::from(r.get::<_, u8>(3)?)).copied().ok_or_else(invalid)?,
            error: error.map(|e| ErrorType::ALL.get(usize::from(e)).copied().ok_or_else(invalid)).transpose()?,
            external_id: r.get(5)?,
            display_name: r.get(6)?,
            type_name: r.get(7)?,
            message: r.get(8)?,
            outcomes: read_outcomes(&mut outcomes, MAX_DEPTH).ok_or_else(invalid)?,
            changes: std::iter::from_fn(|| read_change(&mut changes)).collect(),
        },
    })
}

/// Levels of a tree of outcomes at most.
const MAX_DEPTH: u32 = 8;

fn write_outcomes(outcomes: &[Outcome], into: &mut Vec<u8>) {
    write_varint(outcomes.len() as u64, into);
    for Outcome { kind, count, detail, children } in outcomes {
        write_varint(*kind as u64, into);
        write_varint(*count, into);
        write_text(detail.as_deref().unwrap_or_default(), into);
        write_outcomes(children, into);
    }
}

/// Reads a list of outcomes with their children; `None` for a damaged one.
fn read_outcomes(bytes: &mut &[u8], depth: u32) -> Option<Vec<Outcome>> {
    let depth = depth.checked_sub(1)?;
    let mut outcomes = Vec::new();
    for _ in 0..read_varint(bytes)? {
        let kind = OutcomeKind::ALL.get(usize::try_from(read_varint(bytes)?).ok()?).copied()?;
        let (count, detail) = (read_varint(bytes)?, read_text(bytes)?);
        let detail = (!detail.is_empty()).then_some(detail);
        outcomes.push(Outcome { kind, count, detail, children: read_outcomes(bytes, depth)? });
    }
    Some(outcomes)
}

fn write_change(change: &ShownChange, into: &mut Vec<u8>) {
    write_text(&change.attribute, into);
    for (count, texts) in [(change.before_count, &change.before), (change.after_count, &change.after)] {
        write_varint(count, into);
        write_varint(texts.len() as u64, into);
        texts.iter().for_each(|text| write_text(text, into));
    }
}

fn read_change(bytes: &mut &[u8]) -> Option<ShownChange> {
    let attribute = read_text(bytes)?;
    let mut side = || -> Option<(u64, Vec<String>)> {
        let (count, shown) = (read_varint(bytes)?, read_varint(bytes)?);
        Some((count, (0..shown).map(|_| read_text(bytes)).collect::<Option<_>>()?))
    };
    let ((before_count, before), (after_count, after)) = (side()?, side()?);
    Some(ShownChange { attribute, before, after, before_count, after_count })
}

fn write_text(text: &str, into: &mut Vec<u8>) {
    write_varint(text.len() as u64, into);
    into.extend_from_slice(text.as_bytes());
}

fn read_text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(read_varint(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(std::str::from_utf8(text).ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_survives_the_store() {
        let mut c = Connection::open_in_memory().expect("database");
        c.execute_batch(include_str!("../../schema.sql")).expect("schema");
        let tx = c.transaction().expect("transaction");
        let child = Outcome { detail: Some("left the scope".to_owned()), ..Outcome::once(OutcomeKind::AttributeFlow) };
        let item = Item {
            object: Some(1 << 40 | 1),
            change: ChangeType::Updated,
            error: Some(ErrorType::UnexpectedAttribute),
            external_id: Some("Zoë".to_owned()),
            display_name: None,
            type_name: Some("person".to_owned()),
            message: Some("why".to_owned()),
            outcomes: vec![Outcome { children: vec![child], ..Outcome::once(OutcomeKind::CsoUpdated) }],
            changes: vec![ShownChange {
                attribute: "mail".to_owned(),
                before: vec![],
                after: vec!["a@b".to_owned()],
                before_count: 0,
                after_count: 1,
            }],
        };
        insert(&tx, 7, 1, &item).expect("insert");
        insert(&tx, 7, 2, &Item { error: None, external_id: None, ..item.clone() }).expect("insert");
        let page = Page { sort: (), descending: false, filter: None, offset: 0, limit: 10 };
        let search = |filter: Option<&str>, error| Search {
            change: Some(ChangeType::Updated),
            error,
            page: Page { filter: filter.map(str::to_owned), ..page.clone() },
        };
        let found = list(&tx, 7, &search(None, None)).expect("list");
        assert_eq!((found.total, &found.items[0].item), (2, &item));
        assert_eq!(list(&tx, 7, &search(Some("ZOË"), None)).expect("list").total, 1);
        assert_eq!(list(&tx, 7, &search(None, Some(ErrorType::DuplicateObject))).expect("list").total, 0);
        assert_eq!(get(&tx, 7, found.items[0].id).expect("get").item, item);
        assert!(get(&tx, 8, found.items[0].id).is_err());
    }
}
