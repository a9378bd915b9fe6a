//! Values of attributes by their type (contract, 21).

use uuid::Uuid;

use super::time::microseconds;
use crate::connectors::ldap::schema::OBJECT_GUID;
use crate::domain::schema::DataType;
use crate::domain::value::Value;

/// Means never, like 0 (MS-ADA1 2.1).
const NEVER: i64 = i64::MAX;
const ACCOUNT_EXPIRES: &str = "accountExpires";

/// What the bytes of a directory mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    Value(Value),
    /// Empty, or a number that stands for none.
    Nothing,
    /// Not of the type.
    Wrong,
}

/// Parses one value of the attribute `name`.
pub(super) fn parse(data_type: DataType, name: &str, bytes: Vec<u8>) -> Parsed {
    if bytes.is_empty() {
        return Parsed::Nothing;
    }
    if data_type == DataType::Binary {
        return Parsed::Value(Value::Binary(bytes.into_boxed_slice()));
    }
    if data_type == DataType::Guid && name.eq_ignore_ascii_case(OBJECT_GUID) {
        // The first three groups are little-endian (MS-DTYP 2.3.4.2).
        let guid = <[u8; 16]>::try_from(bytes).ok().map(|v| Uuid::from_bytes_le(v).into_bytes());
        return guid.map_or(Parsed::Wrong, |guid| Parsed::Value(Value::Guid(guid)));
    }
    let Ok(text) = String::from_utf8(bytes) else { return Parsed::Wrong };
    of_text(data_type, name, text)
}

fn of_text(data_type: DataType, name: &str, text: String) -> Parsed {
    let short = text.trim();
    let value = match data_type {
        DataType::String => return Parsed::Value(Value::Text(text.into_boxed_str())),
        DataType::Reference if short.is_empty() => return Parsed::Nothing,
        DataType::Reference => return Parsed::Value(Value::Reference(text.into_boxed_str())),
        DataType::Integer => short.parse().ok().map(Value::Integer),
        DataType::LongNumber => match short.parse() {
            Ok(0 | NEVER) if name.eq_ignore_ascii_case(ACCOUNT_EXPIRES) => return Parsed::Nothing,
            number => number.ok().map(Value::Long),
        },
        DataType::Boolean if short.eq_ignore_ascii_case("TRUE") => Some(Value::Boolean(true)),
        DataType::Boolean if short.eq_ignore_ascii_case("FALSE") => Some(Value::Boolean(false)),
        DataType::DateTime => microseconds(short).map(Value::DateTime),
        DataType::Guid => Uuid::try_parse(short).ok().map(|guid| Value::Guid(guid.into_bytes())),
        DataType::Boolean | DataType::Binary => None,
    };
    value.map_or(Parsed::Wrong, Parsed::Value)
}

/// Text of a value that identifies an object.
pub(super) fn id_text(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Reference(text) => text.trim().to_owned(),
        Value::Integer(n) => n.to_string(),
        Value::Long(n) | Value::DateTime(n) => n.to_string(),
        Value::Boolean(is) => is.to_string(),
        Value::Guid(bytes) => Uuid::from_bytes(*bytes).to_string(),
        Value::Binary(bytes) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Parsed::{Nothing, Wrong};

    #[test]
    fn values_are_read_by_the_type_of_their_attribute() {
        use DataType as T;
        let value = Parsed::Value;
        let guid = [0x4d, 0xdc, 0x93, 0xfa, 0x8d, 0x1d, 0x3b, 0x4c, 1, 2, 3, 4, 5, 6, 7, 8];
        for (data_type, name, bytes, expected) in [
            (T::Boolean, "a", &b"TRUE"[..], value(Value::Boolean(true))),
            (T::Boolean, "a", b"false", value(Value::Boolean(false))),
            (T::Boolean, "a", b"1", Wrong),
            (T::Integer, "a", b"-2147483648", value(Value::Integer(i32::MIN))),
            (T::Integer, "a", b"2147483648", Wrong),
            (T::Integer, "a", b"1.5", Wrong),
            (T::LongNumber, "pwdLastSet", b"0", value(Value::Long(0))),
            (T::LongNumber, "usn", b"9223372036854775807", value(Value::Long(i64::MAX))),
            (T::LongNumber, "usn", b"9223372036854775808", Wrong),
            (T::LongNumber, "ACCOUNTEXPIRES", b"0", Nothing),
            (T::LongNumber, "accountExpires", b"9223372036854775807", Nothing),
            (T::LongNumber, "accountExpires", b"133500000000000000", value(Value::Long(133_500_000_000_000_000))),
            (T::DateTime, "a", b"19700101000000.5Z", value(Value::DateTime(500_000))),
            (T::DateTime, "a", b"yesterday", Wrong),
            (
                T::Guid,
                "objectguid",
                &guid,
                value(Value::Guid([0xfa, 0x93, 0xdc, 0x4d, 0x1d, 0x8d, 0x4c, 0x3b, 1, 2, 3, 4, 5, 6, 7, 8])),
            ),
            (T::Guid, "objectGUID", &guid[1..], Wrong),
            // Sixteen bytes that are text are no less a GUID.
            (T::Guid, "objectGUID", b"dcbafehg1234wxyz", value(Value::Guid(*b"abcdefgh1234wxyz"))),
            (T::Guid, "entryUUID", b"8C1B0F3E-0000-103E-8000-0123456789AB", {
                let text = "8c1b0f3e-0000-103e-8000-0123456789ab";
                value(Value::Guid(Uuid::try_parse(text).expect("guid").into_bytes()))
            }),
            (T::Guid, "entryUUID", b"x", Wrong),
            (T::Reference, "member", b"CN=A, OU=x", value(Value::Reference("CN=A, OU=x".into()))),
            (T::Reference, "member", b" ", Nothing),
            (T::Reference, "member", b"\xff", Wrong),
            (T::Binary, "objectSid", b"\xff\x00", value(Value::Binary([0xff, 0].into()))),
            (T::String, "a", "Zoë ".as_bytes(), value(Value::Text("Zoë ".into()))),
            (T::String, "a", b"\xe9", Wrong),
            (T::String, "a", b"", Nothing),
            (T::Boolean, "a", b"", Nothing),
            (T::Binary, "a", b"", Nothing),
        ] {
            assert_eq!(parse(data_type, name, bytes.to_vec()), expected, "{data_type:?} {name} {bytes:x?}");
        }
    }

    #[test]
    fn ids_have_one_text() {
        for (value, text) in [
            (Value::Text(" 0042 ".into()), "0042"),
            (Value::Integer(42), "42"),
            (Value::Long(-1), "-1"),
            (Value::Guid([0x11; 16]), "11111111-1111-1111-1111-111111111111"),
            (Value::Binary([1, 0xab].into()), "01ab"),
        ] {
            assert_eq!(id_text(&value), text);
        }
    }
}
