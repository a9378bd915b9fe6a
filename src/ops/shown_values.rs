//! Attribute values as text, for people.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::value::Value;
use crate::store::to_text;

/// Values of an attribute that are shown of one change.
pub(crate) const MAX_SHOWN: usize = 20;
/// Characters of one shown value.
const MAX_TEXT: usize = 1_000;

/// Text of a value; long ones are cut.
pub(crate) fn text_of(value: &Value) -> String {
    let text = match value {
        Value::Text(text) | Value::Reference(text) => text.to_string(),
        Value::Integer(n) => n.to_string(),
        Value::Long(n) => n.to_string(),
        Value::Boolean(is) => is.to_string(),
        Value::DateTime(micros) => date_of(*micros).map(to_text).unwrap_or_default(),
        Value::Guid(bytes) => Uuid::from_bytes(*bytes).to_string(),
        Value::Binary(bytes) => BASE64_STANDARD.encode(bytes.get(..MAX_TEXT).unwrap_or(bytes)),
    };
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Moment of a stored date; `None` beyond the calendar.
pub(crate) fn date_of(micros: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()
}
