//! Selections for the unit tests of this folder.

use crate::domain::connector_space::{ImportScope, ScopeAttribute, ScopeType};
use crate::domain::schema::{DataType, Plurality};

pub(super) fn attribute(id: i64, name: &str) -> ScopeAttribute {
    ScopeAttribute {
        id,
        name: name.into(),
        data_type: DataType::String,
        plurality: Plurality::Single,
        is_external_id: false,
    }
}

/// A type whose attributes have the ids `10 * id`, `10 * id + 1` and so on; the first is the external id.
pub(super) fn scope_type(id: i64, name: &str, attributes: &[&str]) -> ScopeType {
    let mut attributes: Vec<ScopeAttribute> = (10 * id..).zip(attributes).map(|(n, name)| attribute(n, name)).collect();
    attributes[0].is_external_id = true;
    ScopeType { id, name: name.into(), attributes }
}

/// These types selected, beside `room`, which is not.
pub(super) fn scope_of(types: Vec<ScopeType>) -> ImportScope {
    let mut other_types: Vec<Box<str>> = types.iter().map(|t| t.name.clone()).collect();
    other_types.push("room".into());
    ImportScope { types, other_types, ..ImportScope::default() }
}
