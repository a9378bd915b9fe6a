//! Conversions of columns that SQLite keeps as text.

use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};
use time::OffsetDateTime;
use uuid::Uuid;

use super::timestamp::from_text;

/// Text without the copy that `get::<String>` makes.
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
