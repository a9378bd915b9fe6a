//! Paged lists: query parameters, filter, order and envelope, the same for every list.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{Errors, Field};
use super::node::Node;
use super::request::query;
use super::text::Text;
use crate::error::{Error, Result};

/// How a column compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ignoring case.
    Text,
    /// By value.
    Integer,
    /// `true` or `false`.
    Flag,
    /// In one spelling.
    Guid,
    /// In its order in time; compared as a text.
    Date,
}

/// What a caller asked for, brought into range.
#[derive(Debug, PartialEq, Eq)]
pub struct Paging {
    page: usize,
    size: usize,
    sort_by: Option<String>,
    descending: bool,
    filter: Option<String>,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T: ToSchema = Value> {
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
    pub(crate) struct PagingQuery {
        /// Page number from 1; below 1 becomes 1.
        #[param(inline)]
        page: Option<i64>,
        /// Items of a page, 25 unless given; below 1 becomes 25, above 100 becomes 100.
        #[param(inline)]
        page_size: Option<i64>,
        /// Any property of the list's items, ignoring case. An unknown one means the list's own order.
        #[param(inline)]
        sort_by: Option<Text<100>>,
        /// `asc` unless given.
        sort_direction: Option<SortDirection>,
        /// `property:operator:value`, as in `name:startswith:Corp`. Texts know `eq ne contains startswith endswith`, ignoring
        /// case, integers `eq ne gt gte lt lte`, booleans and GUIDs `eq ne`. Any other text is looked for in the name.
        #[param(inline)]
        filter: Option<Text<500>>,
    }
}

/// Direction of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
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

impl From<PagingQuery> for Paging {
    fn from(query: PagingQuery) -> Self {
        let size = match query.page_size.unwrap_or(25) {
            n if n < 1 => 25,
            n => n.min(100),
        };
        Paging {
            page: usize::try_from(query.page.unwrap_or(1).max(1)).unwrap_or(1),
            size: usize::try_from(size).unwrap_or(25),
            sort_by: query.sort_by.map(|t| t.0).filter(|t| !t.is_empty()),
            descending: query.sort_direction == Some(SortDirection::Desc),
            filter: query.filter.map(|t| t.0).filter(|t| !t.is_empty()),
        }
    }
}

impl Paging {
    /// The property that the list is to be sorted by.
    pub fn sort_by(&self) -> Option<&str> {
        self.sort_by.as_deref()
    }

    /// Whether the order is turned round.
    pub fn descending(&self) -> bool {
        self.descending
    }

    /// How many items come before the page.
    pub fn skip(&self) -> usize {
        (self.page - 1).saturating_mul(self.size)
    }

    /// How many items a page has at most.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// The envelope of a page that was cut where the list is stored.
pub fn of<T: Serialize>(items: impl Iterator<Item = T>, total_count: usize, paging: &Paging) -> Result<Page> {
    let to_value = |item: T| serde_json::to_value(item).map_err(|e| Error::internal("a list cannot be written", e));
    Ok(envelope(items.map(to_value).collect::<Result<_>>()?, total_count, paging))
}

fn envelope(items: Vec<Value>, total_count: usize, paging: &Paging) -> Page {
    let total_pages = total_count.div_ceil(paging.size);
    Page {
        items,
        total_count,
        page: paging.page,
        page_size: paging.size,
        total_pages,
        has_next_page: paging.page < total_pages,
        has_previous_page: paging.page > 1 && total_count > 0,
    }
}

/// Filters, orders and cuts a list. `own_order` is the column of the list's own order; ties go by id.
pub fn page<T: Serialize>(
    items: impl Iterator<Item = T>,
    columns: &[(&'static str, Kind)],
    own_order: &'static str,
    paging: &Paging,
) -> Result<Page> {
    let to_value = |item: T| serde_json::to_value(item).map_err(|e| Error::internal("a list cannot be written", e));
    let mut rows = items.map(to_value).collect::<Result<Vec<Value>>>()?;
    if let Some(filter) = &paging.filter {
        rows.retain(|row| matches(row, filter, columns));
    }
    let wanted = paging.sort_by.as_deref().unwrap_or(own_order);
    let known = |wanted: &str| columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).copied();
    let (column, kind) = known(wanted).or_else(|| known(own_order)).unwrap_or((own_order, Kind::Text));
    rows.sort_by_cached_key(|row| {
        let mut key = sort_key(&row[column]);
        if kind == Kind::Date {
            // Fractions are written without trailing zeros: the mark behind them must not take part.
            key.1.pop();
        }
        (key, sort_key(&row["id"]))
    });
    if paging.descending {
        rows.reverse();
    }
    let total_count = rows.len();
    let items = rows.into_iter().skip(paging.skip()).take(paging.size).collect();
    Ok(envelope(items, total_count, paging))
}

fn sort_key(value: &Value) -> (Option<i64>, String) {
    let number = value.as_i64().or(value.as_bool().map(i64::from));
    (number, value.as_str().map(str::to_lowercase).unwrap_or_default())
}

/// `property:operator:value` with a known property and operator; any other text is looked for in the name.
fn matches(row: &Value, filter: &str, columns: &[(&'static str, Kind)]) -> bool {
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

/// `None` for an operator that the column does not know.
fn compare(cell: &Value, kind: Kind, operator: &str, wanted: &str) -> Option<bool> {
    if kind == Kind::Integer {
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
    if kind == Kind::Flag || kind == Kind::Guid {
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
