//! Paging of lists: query parameters, filter, sort and envelope.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{Errors, Field};
use super::node::Node;
use super::request::query;
use super::text::Text;
use crate::error::{Error, Result};
use crate::store::page;

/// Type of a column, which decides how it is filtered and sorted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Text,
    Integer,
    Flag,
    Guid,
    Date,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T: ToSchema = Value> {
    items: Vec<T>,
    /// After filtering, also past the end
    total_count: usize,
    page: usize,
    page_size: usize,
    total_pages: usize,
    has_next_page: bool,
    has_previous_page: bool,
}

query! {
    #[derive(Default)]
    pub(crate) struct Paging {
        /// Page number from 1; below 1 becomes 1.
        page: Option<i64>,
        /// Items of a page, 25 unless given; below 1 becomes 25, above 100 becomes 100.
        page_size: Option<i64>,
        /// Any property of the list's items, ignoring case. An unknown one means the list's own order.
        sort_by: Option<Text<100>>,
        /// `asc` unless given.
        #[param(value_type = Option<SortDirection>)]
        sort_direction: Option<SortDirection>,
        /// `property:operator:value`, as in `name:startswith:Corp`. Texts know `eq ne contains startswith endswith`, ignoring
        /// case, integers `eq ne gt gte lt lte`, booleans and GUIDs `eq ne`. Any other text is searched in the name.
        filter: Option<Text<500>>,
    }
}

#[derive(PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum SortDirection {
    Asc,
    Desc,
}

impl Field for SortDirection {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        match sent {
            Node::Text(text) if text.eq_ignore_ascii_case("asc") => Some(SortDirection::Asc),
            Node::Text(text) if text.eq_ignore_ascii_case("desc") => Some(SortDirection::Desc),
            _ => errors.refuse(place, "Must be asc or desc."),
        }
    }
}

impl Paging {
    fn page(&self) -> usize {
        usize::try_from(self.page.unwrap_or(1)).unwrap_or(1).max(1)
    }

    fn size(&self) -> usize {
        let size = usize::try_from(self.page_size.unwrap_or(25)).unwrap_or(25);
        if size == 0 { 25 } else { size.min(100) }
    }

    fn offset(&self) -> usize {
        (self.page() - 1).saturating_mul(self.size())
    }

    fn is_descending(&self) -> bool {
        self.sort_direction == Some(SortDirection::Desc)
    }

    /// The page for a list that the store sorts and searches; `sort` gets `sortBy` in lower case.
    pub(crate) fn in_store<S>(&self, sort: fn(&str) -> S, search: Option<Text<500>>) -> page::Page<S> {
        page::Page {
            sort: sort(&self.sort_by.as_ref().map_or_else(String::new, |text| text.0.to_ascii_lowercase())),
            descending: self.is_descending(),
            filter: search.map(|text| text.0).filter(|text| !text.is_empty()),
            offset: self.offset() as u64,
            limit: self.size() as u64,
        }
    }
}

/// Wraps a page that the store made.
pub(crate) fn from_store<R, T: Serialize>(
    found: page::Found<R>,
    item: impl Fn(R) -> T,
    paging: &Paging,
) -> Result<Page> {
    let total_count = usize::try_from(found.total).unwrap_or(usize::MAX);
    Ok(envelope(values(found.items.into_iter().map(item))?, total_count, paging))
}

fn values<T: Serialize>(items: impl Iterator<Item = T>) -> Result<Vec<Value>> {
    items.map(|item| serde_json::to_value(item).map_err(|e| Error::internal("a list cannot be written", e))).collect()
}

fn envelope(items: Vec<Value>, total_count: usize, paging: &Paging) -> Page {
    let (page, page_size) = (paging.page(), paging.size());
    let total_pages = total_count.div_ceil(page_size);
    Page {
        items,
        total_count,
        page,
        page_size,
        total_pages,
        has_next_page: page < total_pages,
        has_previous_page: page > 1 && total_count > 0,
    }
}

/// Filters, sorts and cuts a whole list. Rows with equal keys are sorted by id.
pub(crate) fn from_list<T: Serialize>(
    items: impl Iterator<Item = T>,
    columns: &[(&'static str, Column)],
    default_sort: &'static str,
    paging: &Paging,
) -> Result<Page> {
    let mut rows = values(items)?;
    if let Some(Text(filter)) = paging.filter.as_ref().filter(|text| !text.0.is_empty()) {
        rows.retain(|row| matches(row, filter, columns));
    }
    let find = |wanted: &str| columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).copied();
    let sort_by = paging.sort_by.as_ref().and_then(|text| find(&text.0)).or_else(|| find(default_sort));
    let (column, kind) = sort_by.unwrap_or((default_sort, Column::Text));
    rows.sort_by_cached_key(|row| {
        let mut key = sort_key(&row[column]);
        if kind == Column::Date {
            // Fractions have no trailing zeros, so the final `Z` must not be compared.
            key.1.pop();
        }
        (key, sort_key(&row["id"]))
    });
    if paging.is_descending() {
        rows.reverse();
    }
    let total_count = rows.len();
    let items = rows.into_iter().skip(paging.offset()).take(paging.size()).collect();
    Ok(envelope(items, total_count, paging))
}

fn sort_key(value: &Value) -> (Option<i64>, String) {
    let number = value.as_i64().or(value.as_bool().map(i64::from));
    (number, value.as_str().map(str::to_lowercase).unwrap_or_default())
}

/// Applies `property:operator:value`; any other text is searched in the name.
fn matches(row: &Value, filter: &str, columns: &[(&'static str, Column)]) -> bool {
    let mut parts = filter.splitn(3, ':');
    if let (Some(property), Some(operator), Some(value)) = (parts.next(), parts.next(), parts.next()) {
        let column = columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(property));
        let answer = column.and_then(|(name, kind)| compare(&row[*name], *kind, &operator.to_ascii_lowercase(), value));
        if let Some(answer) = answer {
            return answer;
        }
    }
    let name = row["name"].as_str().unwrap_or_default();
    name.to_lowercase().contains(&filter.to_lowercase())
}

/// `None` for an operator that the column does not support.
fn compare(cell: &Value, kind: Column, operator: &str, wanted: &str) -> Option<bool> {
    if kind == Column::Integer {
        let known = ["eq", "ne", "gt", "gte", "lt", "lte"].contains(&operator);
        let (Some(cell), Ok(wanted)) = (cell.as_i64(), wanted.parse::<i64>()) else {
            return known.then_some(operator == "ne");
        };
        return Some(match operator {
            "eq" => cell == wanted,
            "ne" => cell != wanted,
            "gt" => cell > wanted,
            "gte" => cell >= wanted,
            "lt" => cell < wanted,
            "lte" => cell <= wanted,
            _ => return None,
        });
    }
    if kind == Column::Flag || kind == Column::Guid {
        let cell = cell.as_bool().map(|b| b.to_string()).or_else(|| cell.as_str().map(str::to_owned));
        let equal = cell.is_some_and(|cell| cell.eq_ignore_ascii_case(wanted));
        return match operator {
            "eq" => Some(equal),
            "ne" => Some(!equal),
            _ => None,
        };
    }
    let wanted = wanted.to_lowercase();
    let cell = cell.as_str().map(str::to_lowercase);
    let with = |test: fn(&str, &str) -> bool| Some(cell.as_deref().is_some_and(|c| test(c, &wanted)));
    match operator {
        "eq" => with(|c, w| c == w),
        "ne" => Some(cell.as_deref() != Some(&wanted)),
        "contains" => with(|c, w| c.contains(w)),
        "startswith" => with(|c, w| c.starts_with(w)),
        "endswith" => with(|c, w| c.ends_with(w)),
        _ => None,
    }
}
