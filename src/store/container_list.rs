//! Search for containers by text, in pages.

use rusqlite::Connection;

use super::columns::text;
use super::hierarchy::{Node, node};
use super::page::{self, Page};
use crate::domain::hierarchy::RowId;
use crate::domain::text::fold;
use crate::error::Result;

/// Containers of a system that a caller looks for.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub selected: Option<bool>,
    /// Its text is looked for in name, DN and description.
    pub page: Page<Sort>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Ignoring case; equal names are in the order of their DNs.
    Name,
    /// Ignoring case.
    Dn,
    Id,
}

/// Container of a page.
#[derive(Debug)]
pub(crate) struct Found {
    pub node: Node,
    /// Names from below the partition to the container itself.
    pub path: Vec<String>,
}

/// Page of the containers of a system. One scan finds the rows and their number: SQLite ignores case in ASCII only.
pub(crate) fn find(c: &Connection, system: i64, search: &Search) -> Result<page::Found<Found>> {
    const SQL: &str = "SELECT c.id, c.name, c.external_id, c.description
        FROM partitions p JOIN containers c ON c.partition_id = p.id
        WHERE p.system_id = ?1 AND (?2 IS NULL OR c.selected = ?2)";
    let page = &search.page;
    let wanted = page.filter.as_deref().map(fold);
    let mut statement = c.prepare_cached(SQL)?;
    let mut rows = statement.query((system, search.selected))?;
    let mut hits: Vec<(String, String, RowId)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, dn) = (text(row, 1)?, text(row, 2)?);
        let holds = |text: &str| wanted.as_ref().is_none_or(|wanted| fold(text).contains(wanted));
        if holds(dn) || holds(name) || row.get::<_, Option<String>>(3)?.is_some_and(|text| holds(&text)) {
            let (name, dn) = match page.sort {
                Sort::Name => (fold(name), fold(dn)),
                Sort::Dn => (String::new(), fold(dn)),
                Sort::Id => Default::default(),
            };
            hits.push((name, dn, row.get(0)?));
        }
    }
    hits.sort_unstable();
    if page.descending {
        hits.reverse();
    }
    let total = hits.len() as u64;
    let [skip, take] = [page.offset, page.limit].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let found = |(.., id): (String, String, RowId)| Ok(Found { node: node(c, id)?, path: path(c, id)? });
    Ok(page::Found { items: hits.into_iter().skip(skip).take(take).map(found).collect::<Result<_>>()?, total })
}

/// Names from below the partition to a container.
fn path(c: &Connection, id: RowId) -> Result<Vec<String>> {
    const SQL: &str = "WITH RECURSIVE above (id, parent_id, name, height) AS (
            SELECT id, parent_id, name, 0 FROM containers WHERE id = ?1
            UNION ALL SELECT c.id, c.parent_id, c.name, height + 1 FROM containers c JOIN above a ON c.id = a.parent_id)
        SELECT name FROM above ORDER BY height DESC";
    let mut statement = c.prepare_cached(SQL)?;
    let names = statement.query_map([id], |r| r.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}
