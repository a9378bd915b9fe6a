//! Values of cells, by the type of their column. What is inferred as a type is read as that type, and nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::culture::Culture;
use super::date::date_time;
use crate::domain::schema::DataType;
use crate::domain::value::Value;

/// Value of a trimmed text; `None` if it is not of this type.
pub(super) fn value(text: &str, data_type: DataType, culture: Culture) -> Option<Value> {
    Some(match data_type {
        DataType::String => Value::Text(text.into()),
        DataType::Reference => Value::Reference(text.into()),
        DataType::Integer => Value::Integer(canonical(text)?.parse().ok()?),
        DataType::LongNumber => Value::Long(canonical(text)?.parse().ok()?),
        DataType::Boolean if text.eq_ignore_ascii_case("true") => Value::Boolean(true),
        DataType::Boolean if text.eq_ignore_ascii_case("false") => Value::Boolean(false),
        DataType::Boolean => return None,
        DataType::Guid => Value::Guid(guid(text)?),
        DataType::DateTime => Value::DateTime(date_time(text, culture)?),
        DataType::Binary => Value::Binary(STANDARD.decode(text).ok()?.into()),
    })
}

/// The values that a cell holds, trimmed; empty ones are none.
pub(super) fn parts<'c>(cell: &'c str, value_delimiter: Option<&'c str>) -> impl Iterator<Item = &'c str> {
    // Without a delimiter, the cell is the one part.
    let (split, whole) = match value_delimiter {
        Some(delimiter) => (Some(cell.split(delimiter)), None),
        None => (None, Some(cell)),
    };
    split.into_iter().flatten().chain(whole).map(str::trim).filter(|part| !part.is_empty())
}

/// With braces or without.
fn guid(text: &str) -> Option<[u8; 16]> {
    let bare = text.strip_prefix('{').and_then(|v| v.strip_suffix('}')).unwrap_or(text);
    // Of the forms that the library parses, only the hyphenated one has this length.
    let id = Uuid::try_parse(bare).ok().filter(|_| bare.len() == 36)?;
    Some(id.into_bytes())
}

/// A number that formatting would give the same text. "00123" and "+4930123456" are staff and telephone numbers: texts.
fn canonical(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is = match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [first, ..] => (b'1'..=b'9').contains(first),
        [] => false,
    };
    is.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_by_the_type_of_their_column() {
        const ID: &str = "0F8FAD5B-d9cb-469f-a165-70867728950e";
        const BYTES: [u8; 16] = [15, 143, 173, 91, 217, 203, 70, 159, 161, 101, 112, 134, 119, 40, 149, 14];
        let german = Culture::named("de-DE").expect("culture");
        for (text, data_type, wanted) in [
            ("00123", DataType::String, Value::Text("00123".into())),
            ("E42", DataType::Reference, Value::Reference("E42".into())),
            ("-2147483648", DataType::Integer, Value::Integer(i32::MIN)),
            ("9223372036854775807", DataType::LongNumber, Value::Long(i64::MAX)),
            ("5", DataType::LongNumber, Value::Long(5)),
            ("TRUE", DataType::Boolean, Value::Boolean(true)),
            ("False", DataType::Boolean, Value::Boolean(false)),
            (ID, DataType::Guid, Value::Guid(BYTES)),
            ("{0f8fad5b-d9cb-469f-a165-70867728950e}", DataType::Guid, Value::Guid(BYTES)),
            ("21.11.2026", DataType::DateTime, Value::DateTime(1_795_219_200_000_000)),
            ("2026-11-21", DataType::DateTime, Value::DateTime(1_795_219_200_000_000)),
            ("AP+A", DataType::Binary, Value::Binary([0, 255, 128].into())),
        ] {
            assert_eq!(value(text, data_type, german), Some(wanted), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_values_of_a_type() {
        for (data_type, texts) in [
            (DataType::Integer, &["00123", "+5", "2147483648", "1.5", "1,000", "x", "-0", "٣"][..]),
            (DataType::LongNumber, &["9223372036854775808", "007", "1e3"]),
            (DataType::Boolean, &["1", "yes", "t", "wahr"]),
            (DataType::Guid, &["0f8fad5bd9cb469fa16570867728950e", "{0f8fad5b-d9cb-469f-a165-70867728950e"]),
            (DataType::DateTime, &["5", "31.12.2026", "tomorrow"]),
            (DataType::Binary, &["AP+", "AP-A", "A P+A"]),
        ] {
            for text in texts {
                assert_eq!(value(text, data_type, Culture::INVARIANT), None, "{text} as {data_type:?}");
            }
        }
    }

    #[test]
    fn a_cell_is_split_and_empty_parts_are_dropped() {
        let split = |cell, delimiter| parts(cell, delimiter).collect::<Vec<_>>();
        assert_eq!(split(" a | b||", Some("|")), ["a", "b"]);
        assert_eq!(split(" a | b||", None), ["a | b||"]);
        assert_eq!(split(" // ", Some("//")), [""; 0]);
        assert_eq!(split("  ", None), [""; 0]);
    }
}
