//! Object types with their attributes, sorted for answers; a directory can have tens of thousands of attributes.

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::domain::schema::{DataType, Plurality, StoredAttribute, Writability};
use crate::http::wire::{self, choice};
use crate::store::schema::ListedType;

choice! {
    /// Type of the values of an attribute.
    pub(crate) struct AttributeType: DataType::ALL.iter().map(|kind| kind.name());

    /// Whether an attribute has one value or many.
    pub(crate) struct AttributePlurality: Plurality::ALL.iter().map(|plurality| plurality.name());

    /// Whether LDAP clients may write an attribute.
    pub(crate) struct AttributeWritability: Writability::ALL.iter().map(|writability| writability.name());
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObjectType {
    id: i64,
    name: Box<str>,
    /// Time of its discovery
    #[schema(format = DateTime)]
    created: String,
    selected: bool,
    /// Remove contributed attributes when a sync rule no longer applies
    remove_contributed_attributes_on_obsoletion: bool,
    attribute_count: usize,
    #[schema(value_type = Vec<Attribute>)]
    attributes: Attributes,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attribute<'a> {
    id: i64,
    name: &'a str,
    description: Option<&'a str>,
    /// Class that declares it
    class_name: Option<&'a str>,
    /// Time of its discovery
    #[schema(format = DateTime)]
    created: String,
    r#type: AttributeType,
    attribute_plurality: AttributePlurality,
    selected: bool,
    /// Whether it identifies objects, immutably
    is_external_id: bool,
    is_secondary_external_id: bool,
    /// Whether an external id flag forbids to unselect it
    selection_locked: bool,
    writability: AttributeWritability,
}

/// Object types sorted by name.
pub(crate) fn object_types(mut types: Vec<ListedType>) -> Vec<ObjectType> {
    types.sort_by_cached_key(|t| (t.stored.name.to_lowercase(), t.stored.name.clone(), t.stored.id));
    types.into_iter().map(ObjectType::new).collect()
}

impl ObjectType {
    pub(crate) fn new(listed: ListedType) -> Self {
        let stored = listed.stored;
        let mut attributes: Vec<_> = stored.attributes.into_iter().zip(listed.attributes_created).collect();
        attributes.sort_by_cached_key(|(a, _)| (a.name.to_lowercase(), a.name.clone(), a.id));
        ObjectType {
            id: stored.id,
            name: stored.name,
            created: wire::date(listed.created),
            selected: stored.selected,
            remove_contributed_attributes_on_obsoletion: listed.remove_contributed,
            attribute_count: attributes.len(),
            attributes: Attributes(attributes),
        }
    }
}

impl<'a> Attribute<'a> {
    pub(crate) fn new(a: &'a StoredAttribute, created: OffsetDateTime) -> Self {
        Attribute {
            id: a.id,
            name: &a.name,
            description: a.description.as_deref(),
            class_name: a.class_name.as_deref(),
            created: wire::date(created),
            r#type: a.data_type.name().into(),
            attribute_plurality: a.plurality.name().into(),
            selected: a.selected,
            is_external_id: a.is_external_id,
            is_secondary_external_id: a.is_secondary_external_id,
            selection_locked: a.is_locked(),
            writability: a.writability.name().into(),
        }
    }
}

/// Attributes with the time of their discovery.
struct Attributes(Vec<(StoredAttribute, OffsetDateTime)>);

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(attribute, created)| Attribute::new(attribute, *created)))
    }
}
