//! Helpers for cached statements, and conversions of columns that SQLite keeps as text.

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};
use uuid::Uuid;

use crate::error::Result;

/// Timestamps are UTC texts of fixed width, which sort as texts.
const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");

/// All rows of a query.
pub(super) fn query<T, C: FromIterator<T>>(
    c: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<C> {
    Ok(c.prepare_cached(sql)?.query_map(parameters, read)?.collect::<rusqlite::Result<_>>()?)
}

/// The row of a query by a unique key, if it exists.
pub(super) fn find<T>(
    c: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    Ok(c.prepare_cached(sql)?.query_row(parameters, read).optional()?)
}

/// Executes a change.
pub(super) fn execute(c: &Connection, sql: &str, parameters: impl Params) -> Result<()> {
    c.prepare_cached(sql)?.execute(parameters)?;
    Ok(())
}

/// Borrowed text, without the copy of `get::<String>`.
pub(super) fn text<'r>(r: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    Ok(r.get_ref(column)?.as_str()?)
}

pub(super) fn date(r: &Row<'_>, column: usize) -> rusqlite::Result<OffsetDateTime> {
    from_text(text(r, column)?)
}

pub(super) fn optional_date(r: &Row<'_>, column: usize) -> rusqlite::Result<Option<OffsetDateTime>> {
    r.get_ref(column)?.as_str_or_null()?.map(from_text).transpose()
}

pub(super) fn uuid(r: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    Uuid::parse_str(text(r, column)?)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))
}

pub(super) fn optional_uuid(r: &Row<'_>, column: usize) -> rusqlite::Result<Option<Uuid>> {
    if r.get_ref(column)? == ValueRef::Null { Ok(None) } else { uuid(r, column).map(Some) }
}

pub(crate) fn to_text(at: OffsetDateTime) -> String {
    // No part of the format fails for an existing date.
    at.to_offset(UtcOffset::UTC).format(TIMESTAMP).unwrap_or_default()
}

/// Parses a text of [`to_text`].
pub(super) fn from_text(text: &str) -> rusqlite::Result<OffsetDateTime> {
    PrimitiveDateTime::parse(text, TIMESTAMP)
        .map(PrimitiveDateTime::assume_utc)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(e)))
}
