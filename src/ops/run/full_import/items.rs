//! Items of an import: what changed on an object, as people read it.

use std::collections::BTreeMap;

use super::Import;
use crate::db::Connection;
use crate::domain::connector_space::{
    AttributeChange, ChangeType, Item, Outcome, RowId, ScopeType, ShownChange, Values,
};
use crate::domain::schema::DataType;
use crate::domain::value::Value;
use crate::error::Result;
use crate::ops::shown_values::{MAX_SHOWN, text_of};
use crate::store::connector_space::{self as rows, StoredObject, Unresolved};

/// What an import needs to know of a selected type.
pub(super) struct TypeInfo {
    pub name: String,
    pub attributes: BTreeMap<RowId, (String, DataType)>,
    /// Attributes that name an object for people, best first.
    display: Vec<RowId>,
}

impl TypeInfo {
    pub(super) fn new(scope: &ScopeType) -> TypeInfo {
        let named = |name: &str| scope.attributes.iter().find(|a| a.name.eq_ignore_ascii_case(name)).map(|a| a.id);
        TypeInfo {
            name: scope.name.to_string(),
            attributes: scope.attributes.iter().map(|a| (a.id, (a.name.to_string(), a.data_type))).collect(),
            display: ["displayName", "cn", "name"].into_iter().filter_map(named).collect(),
        }
    }

    /// Name for people: the first value of the best attribute that has one, else the external id.
    pub(super) fn display_name(&self, values: &Values, external_id: &str) -> String {
        let first =
            self.display.iter().find_map(|id| values.of(*id).first().map(|v| String::from_utf8_lossy(v).into()));
        first.unwrap_or_else(|| external_id.to_owned())
    }
}

impl Import {
    /// Changes of selected attributes, and whether there are others: values of a deselected attribute go without an item
    /// (contract, 17).
    pub(super) fn split(&self, of_type: RowId, changes: Vec<AttributeChange>) -> (Vec<AttributeChange>, bool) {
        let info = self.types.get(&of_type);
        let is_selected = |change: &AttributeChange| info.is_some_and(|i| i.attributes.contains_key(&change.attribute));
        let all = changes.len();
        let selected: Vec<AttributeChange> = changes.into_iter().filter(is_selected).collect();
        let silent = selected.len() < all;
        (selected, silent)
    }

    /// Changes of references of selected attributes; others have no name here.
    pub(super) fn shown_only(&self, of_type: RowId, references: Vec<ShownChange>) -> Vec<ShownChange> {
        let info = self.types.get(&of_type);
        let is_selected = |change: &ShownChange| {
            info.is_some_and(|info| info.attributes.values().any(|(name, _)| *name == change.attribute))
        };
        references.into_iter().filter(is_selected).collect()
    }

    pub(super) fn new_item(&self, object: &StoredObject, change: ChangeType, outcomes: Vec<Outcome>) -> Item {
        Item {
            object: Some(object.id),
            change,
            error: None,
            external_id: Some(object.external_id.clone()),
            display_name: Some(object.display_name.clone()),
            type_name: self.types.get(&object.object_type).map(|info| info.name.clone()),
            message: None,
            outcomes,
            changes: Vec::new(),
        }
    }

    pub(super) fn shown_changes(
        &self,
        before: &StoredObject,
        after: &StoredObject,
        changes: &[AttributeChange],
        references: Vec<ShownChange>,
    ) -> Vec<ShownChange> {
        let info = self.types.get(&after.object_type);
        let named = |id| info.and_then(|info| info.attributes.get(&id));
        let values = changes.iter().map(|change| {
            let (name, data_type) = named(change.attribute).cloned().unwrap_or(("?".to_owned(), DataType::String));
            let texts = |values: Vec<&[u8]>| -> Vec<String> {
                values
                    .into_iter()
                    .take(MAX_SHOWN)
                    .filter_map(|v| Value::decode(data_type, v))
                    .map(|v| text_of(&v))
                    .collect()
            };
            let (old, new) = (before.values.of(change.attribute), after.values.of(change.attribute));
            let (before_count, after_count) = (old.len() as u64, new.len() as u64);
            ShownChange { attribute: name, before: texts(old), after: texts(new), before_count, after_count }
        });
        let mut all: Vec<ShownChange> = values.collect();
        all.extend(references);
        if before.secondary_id != after.secondary_id {
            let text = |o: &StoredObject| o.secondary_id.clone().into_iter().collect::<Vec<_>>();
            let (before, after) = (text(before), text(after));
            all.push(ShownChange { attribute: "DN".to_owned(), before, after, before_count: 1, after_count: 1 });
        }
        all
    }

    /// References that changed, by the names of their targets.
    pub(super) fn shown_references(
        &self,
        c: &Connection,
        attribute: RowId,
        [before, after]: [&Vec<RowId>; 2],
        [lost, gained]: [&[Unresolved]; 2],
    ) -> Result<ShownChange> {
        let texts = |ids: &[RowId], others: &[RowId], open: &[Unresolved]| -> Result<Vec<String>> {
            let mut texts: Vec<String> = open.iter().take(MAX_SHOWN).map(|u| u.name.clone()).collect();
            for id in ids.iter().filter(|id| others.binary_search(id).is_err()).take(MAX_SHOWN - texts.len()) {
                let name = rows::get(c, *id)?.map(|o| o.secondary_id.unwrap_or(o.external_id));
                texts.extend(name);
            }
            Ok(texts)
        };
        let name = self.types.values().find_map(|info| info.attributes.get(&attribute)).map(|(name, _)| name.clone());
        Ok(ShownChange {
            attribute: name.unwrap_or_default(),
            before: texts(before, after, lost)?,
            after: texts(after, before, gained)?,
            before_count: (before.len() + lost.len()) as u64,
            after_count: (after.len() + gained.len()) as u64,
        })
    }
}
