//! Attribute values of eight types: equality, and one compact encoding per type.

use super::schema::DataType;

/// One value of an attribute. References are the text by which the outside system names the other object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value {
    Text(Box<str>),
    Integer(i32),
    Long(i64),
    Boolean(bool),
    /// Microseconds since 1970-01-01 UTC.
    DateTime(i64),
    /// In the order of the text form.
    Guid([u8; 16]),
    Reference(Box<str>),
    Binary(Box<[u8]>),
}

impl Value {
    #[cfg(test)]
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Value::Text(_) => DataType::String,
            Value::Integer(_) => DataType::Integer,
            Value::Long(_) => DataType::LongNumber,
            Value::Boolean(_) => DataType::Boolean,
            Value::DateTime(_) => DataType::DateTime,
            Value::Guid(_) => DataType::Guid,
            Value::Reference(_) => DataType::Reference,
            Value::Binary(_) => DataType::Binary,
        }
    }

    /// Appends the canonical encoding: equal values of one type have equal bytes.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Value::Text(text) | Value::Reference(text) => into.extend_from_slice(text.as_bytes()),
            Value::Integer(n) => write_varint(zigzag(i64::from(*n)), into),
            Value::Long(n) | Value::DateTime(n) => write_varint(zigzag(*n), into),
            Value::Boolean(is) => into.push(u8::from(*is)),
            Value::Guid(bytes) => into.extend_from_slice(bytes),
            Value::Binary(bytes) => into.extend_from_slice(bytes),
        }
    }

    /// Value of the encoding; `None` if the bytes are not one of this type.
    pub(crate) fn decode(data_type: DataType, bytes: &[u8]) -> Option<Value> {
        let text = || std::str::from_utf8(bytes).ok().map(Box::from);
        let number = || {
            let mut rest = bytes;
            let n = read_varint(&mut rest)?;
            rest.is_empty().then_some(unzigzag(n))
        };
        Some(match data_type {
            DataType::String => Value::Text(text()?),
            DataType::Integer => Value::Integer(i32::try_from(number()?).ok()?),
            DataType::LongNumber => Value::Long(number()?),
            DataType::Boolean => match bytes {
                [0] => Value::Boolean(false),
                [1] => Value::Boolean(true),
                _ => return None,
            },
            DataType::DateTime => Value::DateTime(number()?),
            DataType::Guid => Value::Guid(bytes.try_into().ok()?),
            DataType::Reference => Value::Reference(text()?),
            DataType::Binary => Value::Binary(bytes.into()),
        })
    }
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)).cast_unsigned()
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -(n & 1).cast_signed()
}

/// Appends a number in groups of seven bits, the lowest first (LEB128).
pub(crate) fn write_varint(mut n: u64, into: &mut Vec<u8>) {
    while n >= 0x80 {
        into.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    into.push(n as u8);
}

/// Reads a number and moves past it; `None` at the end or beyond 64 bits.
pub(crate) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let group = u64::from(first & 0x7f);
        if shift == 63 && group > 1 {
            return None;
        }
        n |= group << shift;
        if first & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_its_encoding() {
        let values = [
            Value::Text("Zoë".into()),
            Value::Integer(i32::MIN),
            Value::Integer(i32::MAX),
            Value::Integer(-1),
            Value::Long(i64::MIN),
            Value::Long(i64::MAX),
            Value::Boolean(true),
            Value::Boolean(false),
            Value::DateTime(-62_135_596_800_000_000),
            Value::Guid([7; 16]),
            Value::Reference("cn=a,dc=b".into()),
            Value::Binary([0, 255, 128].into()),
        ];
        for value in values {
            let mut bytes = Vec::new();
            value.encode(&mut bytes);
            assert_eq!(Value::decode(value.data_type(), &bytes), Some(value));
        }
    }

    #[test]
    fn foreign_bytes_are_no_value() {
        for (data_type, bytes) in [
            (DataType::String, &[0xff_u8][..]),
            (DataType::Integer, &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            (DataType::LongNumber, &[0x80]),
            (DataType::LongNumber, &[1, 1]),
            (DataType::Boolean, &[2]),
            (DataType::Guid, &[0; 15]),
            (DataType::DateTime, &[0xff; 11]),
        ] {
            assert_eq!(Value::decode(data_type, bytes), None, "{data_type:?} {bytes:?}");
        }
    }
}
