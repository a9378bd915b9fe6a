//! Reads of the connector space.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::shown_values::text_of;
use crate::app::App;
use crate::db::Connection;
use crate::domain::connector_space::RowId;
use crate::domain::schema::{DataType, StoredAttribute};
use crate::domain::text::fold;
use crate::domain::value::Value;
use crate::error::{Error, Result};
use crate::store::connected_systems as systems;
use crate::store::connector_space::{self as rows, Search, StoredObject};
use crate::store::guid::Guids;
use crate::store::page::{Found, Page};
use crate::store::schema;

/// Values of one attribute in a detail.
const MAX_VALUES: usize = 10;

/// An object with the names of what it belongs to.
pub(crate) struct Object {
    pub id: Uuid,
    pub system: i64,
    pub system_name: String,
    /// `None` once the type is gone.
    pub type_name: Option<String>,
    pub stored: StoredObject,
}

/// One value as it is shown.
pub(crate) struct ShownValue {
    /// Names the value within the object.
    pub id: String,
    pub attribute: RowId,
    pub attribute_name: String,
    pub value: Value,
    /// Object that a reference leads to.
    pub target: Option<Uuid>,
}

/// An object with some of its values.
pub(crate) struct Detail {
    pub object: Object,
    pub values: Vec<ShownValue>,
    /// Attributes with more values: name, number of all, and of those shown.
    pub cut: Vec<(String, usize, usize)>,
}

/// Page of the objects of a system.
pub(crate) async fn list(app: &App, system: i64, search: Search) -> Result<Found<Object>> {
    let read = move |c: &Connection| {
        let system = systems::get(c, system)?;
        let types: BTreeMap<RowId, String> =
            schema::load(c, system.id)?.into_iter().map(|t| (t.id, t.name.into())).collect();
        let guids = Guids::load(c)?;
        let found = rows::list(c, system.id, &search)?;
        let object = |stored: StoredObject| Object {
            id: rows::guid_of(guids, stored.id),
            system: system.id,
            system_name: system.name.clone(),
            type_name: types.get(&stored.object_type).cloned(),
            stored,
        };
        Ok(Found { items: found.items.into_iter().map(object).collect(), total: found.total })
    };
    app.db.read(read).await
}

/// One object, or "not found" if it is not one of the system.
pub(crate) async fn get(app: &App, system: i64, id: Uuid) -> Result<Detail> {
    let read = move |c: &Connection| {
        let (object, attributes) = load(c, system, id)?;
        let guids = Guids::load(c)?;
        let (mut values, mut cut) = (Vec::new(), Vec::new());
        for attribute in attributes {
            let all = encoded(c, &object.stored, &attribute)?;
            if all.len() > MAX_VALUES {
                cut.push((attribute.name.to_string(), all.len(), MAX_VALUES));
            }
            let shown = all.into_iter().take(MAX_VALUES).map(|raw| raw.shown(c, guids, &attribute));
            values.extend(shown.collect::<Result<Vec<_>>>()?);
        }
        Ok(Detail { object, values, cut })
    };
    app.db.read(read).await
}

/// Page of the values that an object has of one attribute.
pub(crate) async fn values(
    app: &App,
    system: i64,
    id: Uuid,
    name: String,
    page: Page<()>,
) -> Result<Found<ShownValue>> {
    let read = move |c: &Connection| {
        let (object, attributes) = load(c, system, id)?;
        let found = attributes.into_iter().find(|a| a.name.eq_ignore_ascii_case(&name));
        let attribute = found.ok_or_else(|| Error::not_found("attribute", crate::domain::text::one_line(&name)))?;
        let guids = Guids::load(c)?;
        let all = encoded(c, &object.stored, &attribute)?;
        let [skip, take] = [page.offset, page.limit].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let Some(wanted) = page.filter.as_deref().map(fold) else {
            let total = all.len() as u64;
            let items = all.into_iter().skip(skip).take(take).map(|raw| raw.shown(c, guids, &attribute));
            return Ok(Found { items: items.collect::<Result<_>>()?, total });
        };
        let mut hits = Vec::new();
        for raw in all {
            let shown = raw.shown(c, guids, &attribute)?;
            if fold(&text_of(&shown.value)).contains(&wanted) {
                hits.push(shown);
            }
        }
        let total = hits.len() as u64;
        Ok(Found { items: hits.into_iter().skip(skip).take(take).collect(), total })
    };
    app.db.read(read).await
}

/// Number of references of a system that lead to no object.
pub(crate) async fn unresolved(app: &App, system: i64) -> Result<i64> {
    let read = move |c: &Connection| {
        systems::require(c, system)?;
        rows::unresolved_count(c, system)
    };
    app.db.read(read).await
}

/// Object with the attributes of its type, by name.
fn load(c: &Connection, system: i64, id: Uuid) -> Result<(Object, Vec<StoredAttribute>)> {
    let system = systems::get(c, system)?;
    let stored = rows::by_guid(c, system.id, id)?;
    let types = schema::load(c, system.id)?;
    let object_type = types.into_iter().find(|t| t.id == stored.object_type);
    let type_name = object_type.as_ref().map(|t| t.name.to_string());
    let mut attributes = object_type.map(|t| t.attributes).unwrap_or_default();
    attributes.sort_by_cached_key(|a| a.name.to_lowercase());
    Ok((Object { id, system: system.id, system_name: system.name, type_name, stored }, attributes))
}

/// A value before its reference is looked up.
enum Raw {
    Value(Value),
    Target(RowId),
    Open(String),
}

impl Raw {
    fn shown(self, c: &Connection, guids: Guids, attribute: &StoredAttribute) -> Result<ShownValue> {
        let (id, value, target) = match self {
            Raw::Value(value) => {
                let mut bytes = Vec::new();
                value.encode(&mut bytes);
                (format!("{}-{:08x}", attribute.id, crc32fast::hash(&bytes)), value, None)
            }
            Raw::Target(object) => {
                let name = rows::get(c, object)?.map(|o| o.secondary_id.unwrap_or(o.external_id)).unwrap_or_default();
                let guid = rows::guid_of(guids, object);
                (format!("{}-{guid}", attribute.id), Value::Reference(name.into()), Some(guid))
            }
            Raw::Open(name) => {
                let id = format!("{}-u{:08x}", attribute.id, crc32fast::hash(name.as_bytes()));
                (id, Value::Reference(name.into()), None)
            }
        };
        Ok(ShownValue { id, attribute: attribute.id, attribute_name: attribute.name.to_string(), value, target })
    }
}

/// Values of one attribute in the order in which they are stored: resolved references, then the others.
fn encoded(c: &Connection, object: &StoredObject, attribute: &StoredAttribute) -> Result<Vec<Raw>> {
    if attribute.data_type == DataType::Reference {
        let ids = rows::references(c, object.id)?.remove(&attribute.id).unwrap_or_default();
        let open = rows::unresolved_of_object(c, object.id)?.into_iter().filter(|u| u.attribute == attribute.id);
        return Ok(ids.into_iter().map(Raw::Target).chain(open.map(|u| Raw::Open(u.name))).collect());
    }
    let values = object.values.of(attribute.id).into_iter();
    Ok(values.filter_map(|bytes| Value::decode(attribute.data_type, bytes)).map(Raw::Value).collect())
}
