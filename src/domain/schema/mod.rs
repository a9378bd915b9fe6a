//! Schemas: the object types and attributes that a connected system declares, and the plan of a schema import.

mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::names::wire_names;

pub use plan::{Addition, Counts, Plan, TypeChange, TypeRef, plan};

pub type RowId = i64;

wire_names! {
    /// Data type of an attribute. The database stores its position in this order.
    pub enum DataType {
        /// Text, and all values of no other type.
        String,
        /// 32 bits.
        Integer,
        /// 64 bits.
        LongNumber,
        Boolean,
        DateTime,
        Guid,
        /// Name of another object.
        Reference,
        Binary,
    }
}

wire_names! {
    pub enum Plurality {
        Single,
        Multi,
    }
}

wire_names! {
    pub enum Writability {
        ReadWrite,
        /// Maintained by the connected system.
        ReadOnly,
    }
}

/// An attribute declared for one type. Texts are shared: many types have the same definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAttribute {
    /// Unique within the type.
    pub name: Arc<str>,
    pub description: Option<Arc<str>>,
    pub class_name: Option<Arc<str>>,
    pub data_type: DataType,
    pub plurality: Plurality,
    pub writability: Writability,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenType {
    /// Unique within the schema.
    pub name: Arc<str>,
    /// Each once, in any order. Empty means unknown: every type of a directory has attributes, and every file a header.
    pub attributes: Vec<SeenAttribute>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenSchema {
    pub types: Vec<SeenType>,
    /// Whether these are all types. If not, a stored type that is missing here is kept.
    pub complete: bool,
    /// Attributes that connectors flag as external ids by themselves: such a flag is not the administrator's choice.
    pub id_attributes: &'static [&'static str],
    /// Recommended external id of every type.
    pub external_id: Option<Arc<str>>,
    pub secondary_external_id: Option<Arc<str>>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttribute {
    pub id: RowId,
    pub name: Box<str>,
    pub description: Option<Box<str>>,
    pub class_name: Option<Box<str>>,
    pub data_type: DataType,
    pub plurality: Plurality,
    pub writability: Writability,
    /// Always set while one of the flags below is.
    pub selected: bool,
    /// Identifies an object permanently; at most one of a type.
    pub is_external_id: bool,
    /// Identifies an object until it moves; at most one of a type.
    pub is_secondary_external_id: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredType {
    pub id: RowId,
    pub name: Box<str>,
    pub selected: bool,
    pub attributes: Vec<StoredAttribute>,
}

impl StoredAttribute {
    /// Whether a flag locks its selection.
    pub fn is_locked(&self) -> bool {
        self.is_external_id || self.is_secondary_external_id
    }
}
