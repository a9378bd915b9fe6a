//! Timestamps as stored: UTC text of one fixed width, which sorts as text.

use rusqlite::types::Type;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");

pub fn to_text(at: OffsetDateTime) -> String {
    // The format has no part that can fail for a date that exists.
    at.to_offset(UtcOffset::UTC).format(FORMAT).unwrap_or_default()
}

/// Reads what [`to_text`] wrote.
pub fn from_text(text: &str) -> rusqlite::Result<OffsetDateTime> {
    PrimitiveDateTime::parse(text, FORMAT)
        .map(PrimitiveDateTime::assume_utc)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(e)))
}
