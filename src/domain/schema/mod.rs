//! Schemas: the object types and attributes that an outside system declares.
//!
//! Owns what a schema is and how a new reading of one is merged into what is stored. How a directory or a file
//! declares its schema is the connectors' knowledge, and nothing of it appears here.

mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::names::wire_names;

pub use plan::{Addition, Counts, Plan, TypeChange, TypeRef, plan};

/// Id of a stored row.
pub type RowId = i64;

wire_names! {
    /// Type of an attribute's values. Its place in the order is what the database stores.
    pub enum DataType {
        /// Text, and everything that is nothing else.
        String,
        /// A whole number of 32 bits.
        Integer,
        /// A whole number of 64 bits.
        LongNumber,
        /// True or false.
        Boolean,
        /// A point in time.
        DateTime,
        /// A UUID.
        Guid,
        /// The name of another object.
        Reference,
        /// Bytes.
        Binary,
    }
}

wire_names! {
    /// Number of values that an attribute may have.
    pub enum Plurality {
        /// One at most.
        Single,
        /// Any number.
        Multi,
    }
}

wire_names! {
    /// Whether values can be written.
    pub enum Writability {
        /// Read and written.
        ReadWrite,
        /// Kept by the system itself.
        ReadOnly,
    }
}

/// An attribute as a system declares it for one type. Texts are shared: the same definition stands in many types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAttribute {
    /// Its name, unique within the type.
    pub name: Arc<str>,
    /// What the system says it is.
    pub description: Option<Arc<str>>,
    /// The class that declares it.
    pub class_name: Option<Arc<str>>,
    /// What its values are.
    pub data_type: DataType,
    /// How many there may be.
    pub plurality: Plurality,
    /// Whether they can be written.
    pub writability: Writability,
}

/// A type of objects with all its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenType {
    /// Its name, unique within the schema.
    pub name: Arc<str>,
    /// Each once, in any order. None at all means that nothing is known of them: every type of a directory has
    /// attributes, and every file a header.
    pub attributes: Vec<SeenAttribute>,
}

/// A schema as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenSchema {
    /// Each once, in any order.
    pub types: Vec<SeenType>,
    /// Whether these are all there are. If not, nothing that is stored is gone for not being among them.
    pub complete: bool,
    /// Attributes that the connector itself makes external ids, now or in other circumstances: that they carry a flag is
    /// nobody's choice.
    pub id_attributes: &'static [&'static str],
    /// The attribute that the connector recommends as external id of every type.
    pub external_id: Option<Arc<str>>,
    /// The one it recommends as secondary external id.
    pub secondary_external_id: Option<Arc<str>>,
    /// What an administrator should know.
    pub warnings: Vec<String>,
}

/// A stored attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttribute {
    /// Row.
    pub id: RowId,
    /// Its name.
    pub name: Box<str>,
    /// What the system says it is.
    pub description: Option<Box<str>>,
    /// The class that declares it.
    pub class_name: Option<Box<str>>,
    /// What its values are.
    pub data_type: DataType,
    /// How many there may be.
    pub plurality: Plurality,
    /// Whether they can be written.
    pub writability: Writability,
    /// Takes part in synchronisation. Always, while it carries one of the flags below.
    pub selected: bool,
    /// Names an object for good; at most one of a type.
    pub is_external_id: bool,
    /// Names an object while it stays where it is; at most one of a type.
    pub is_secondary_external_id: bool,
}

/// A stored object type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredType {
    /// Row.
    pub id: RowId,
    /// Its name.
    pub name: Box<str>,
    /// Takes part in synchronisation.
    pub selected: bool,
    /// Its attributes.
    pub attributes: Vec<StoredAttribute>,
}

impl StoredAttribute {
    /// Whether it carries one of the two flags, which locks its selection.
    pub fn is_locked(&self) -> bool {
        self.is_external_id || self.is_secondary_external_id
    }
}
