//! Tests of the reader.

use crate::domain::connector_space::{ScopeAttribute, ScopeType};
use crate::domain::schema::{DataType, Plurality};

/// A type whose attributes are numbered from its id times 100; the first is the external id, all are texts.
pub fn object_type(id: i64, name: &str, attributes: &[&str]) -> ScopeType {
    let attribute = |(at, name): (usize, &&str)| ScopeAttribute {
        id: id * 100 + at as i64,
        name: (*name).into(),
        data_type: DataType::String,
        plurality: Plurality::Multi,
        is_external_id: at == 0,
        is_secondary_external_id: false,
    };
    ScopeType { id, name: name.into(), attributes: attributes.iter().enumerate().map(attribute).collect() }
}
