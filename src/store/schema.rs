//! Object types and their attributes: read as a whole or by row, written by a plan in one transaction.

use std::collections::HashMap;

use rusqlite::{Connection, Row, named_params};
use time::OffsetDateTime;

use super::sql::{date, execute, find, from_text, query, text, to_text};
use crate::db::Tx;
use crate::domain::schema::{
    DataType, Plan, Plurality, RowId, SeenAttribute, SeenSchema, StoredAttribute, StoredType, TypeChange, TypeRef,
    Writability,
};
use crate::error::{Error, Result};

/// Object type for lists.
#[derive(Debug, Clone)]
pub struct ListedType {
    /// With attributes in no particular order.
    pub stored: StoredType,
    pub created: OffsetDateTime,
    /// Whether contributed values are removed from the metaverse when a rule no longer applies.
    pub remove_contributed: bool,
    /// Creation of each attribute, in their order.
    pub attributes_created: Vec<OffsetDateTime>,
}

#[derive(Debug, Clone)]
pub struct ListedAttribute {
    pub stored: StoredAttribute,
    pub created: OffsetDateTime,
}

/// Columns in the order of [`attribute_row`] and its callers.
macro_rules! attribute_columns {
    () => {
        "SELECT id, name, description, class_name, data_type, multi_valued, read_only, selected, is_external,
            is_secondary, created FROM attributes WHERE object_type_id = ?1"
    };
}
/// Columns in the order of [`type_row`].
macro_rules! type_columns {
    () => {
        "SELECT id, name, created, selected, remove_contributed FROM object_types WHERE system_id = ?1"
    };
}
const ATTRIBUTES: &str = attribute_columns!();
const ATTRIBUTE: &str = concat!(attribute_columns!(), " AND id = ?2");
const TYPES: &str = concat!(type_columns!(), " ORDER BY id");
const TYPE: &str = concat!(type_columns!(), " AND id = ?2");

/// Flag that one attribute of a type may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// Identifies objects permanently.
    External,
    /// Identifies objects until they are moved.
    Secondary,
}

/// Whole stored schema of a system, for a plan.
pub fn load(c: &Connection, system: i64) -> Result<Vec<StoredType>> {
    Ok(list(c, system)?.into_iter().map(|listed| listed.stored).collect())
}

/// Whole stored schema of a system, for lists.
pub fn list(c: &Connection, system: i64) -> Result<Vec<ListedType>> {
    let mut types: Vec<ListedType> = query(c, TYPES, [system], type_row)?;
    types.iter_mut().try_for_each(|t| fill(c, t))?;
    Ok(types)
}

/// One type with its attributes, or "not found" if it is not of this system.
pub fn object_type(c: &Connection, system: i64, id: RowId) -> Result<ListedType> {
    let mut found = type_head(c, system, id)?;
    fill(c, &mut found)?;
    Ok(found)
}

/// One type without its attributes, or "not found" if it is not of this system.
pub fn type_head(c: &Connection, system: i64, id: RowId) -> Result<ListedType> {
    find(c, TYPE, (system, id), type_row)?.ok_or_else(|| Error::not_found("object type", id))
}

/// One attribute of a type, if there is one of that id.
pub fn attribute(c: &Connection, object_type: RowId, id: RowId) -> Result<Option<ListedAttribute>> {
    let listed = |r: &Row<'_>| Ok(ListedAttribute { stored: attribute_row(r)?, created: date(r, 10)? });
    find(c, ATTRIBUTE, (object_type, id), listed)
}

/// Stores the flags of a type; `None` keeps the stored value.
pub fn update_type(tx: &Tx<'_>, id: RowId, selected: Option<bool>, remove_contributed: Option<bool>) -> Result<()> {
    const SQL: &str = "UPDATE object_types SET selected = coalesce(?2, selected),
        remove_contributed = coalesce(?3, remove_contributed) WHERE id = ?1";
    execute(tx, SQL, (id, selected, remove_contributed))
}

/// Stores selection and flags of an attribute. No other attribute of its type may have the same flag.
pub fn update_attribute(tx: &Tx<'_>, attribute: &StoredAttribute) -> Result<()> {
    const SQL: &str = "UPDATE attributes SET selected = ?2, is_external = ?3, is_secondary = ?4 WHERE id = ?1";
    let StoredAttribute { id, selected, is_external_id, is_secondary_external_id, .. } = attribute;
    execute(tx, SQL, (id, selected, is_external_id, is_secondary_external_id))
}

/// Clears a flag on all attributes of a type but one. Returns the names of those that had it.
pub fn clear(tx: &Tx<'_>, flag: Flag, object_type: RowId, but: RowId) -> Result<Vec<String>> {
    let column = match flag {
        Flag::External => "is_external",
        Flag::Secondary => "is_secondary",
    };
    let sql = format!(
        "UPDATE attributes SET {column} = 0 WHERE object_type_id = ?1 AND id <> ?2 AND {column} = 1 RETURNING name"
    );
    query(tx, &sql, (object_type, but), |r| r.get(0))
}

/// Applies the plan of an import.
pub fn apply(tx: &Tx<'_>, system: i64, seen: &SeenSchema, plan: &Plan) -> Result<()> {
    for id in &plan.removed {
        execute(tx, "DELETE FROM object_types WHERE id = ?1", [id])?;
    }
    let now = to_text(OffsetDateTime::now_utc());
    plan.changes.iter().try_for_each(|change| apply_change(tx, system, seen, change, &now))
}

fn apply_change(tx: &Tx<'_>, system: i64, seen: &SeenSchema, change: &TypeChange, now: &str) -> Result<()> {
    const ADD_TYPE: &str = "INSERT INTO object_types (system_id, name, created) VALUES (?1, ?2, ?3)";
    const ADD: &str = "INSERT INTO attributes (object_type_id, name, description, class_name, created, data_type,
            multi_valued, read_only, selected, is_external, is_secondary)
        VALUES (:type, :name, :description, :class, :now, :data_type, :multi, :read_only, :selected, :external,
            :secondary)";
    const REFRESH: &str = "UPDATE attributes SET name = :name, description = :description, class_name = :class,
            data_type = :data_type, multi_valued = :multi, read_only = :read_only
        WHERE id = :id";
    let broken = || Error::internal("the plan of an import is inconsistent", "a type or attribute is missing");
    let seen = seen.types.get(change.seen).ok_or_else(broken)?;
    let id = match change.row {
        TypeRef::Row(id) => id,
        TypeRef::New => {
            execute(tx, ADD_TYPE, (system, &*seen.name, now))?;
            tx.last_insert_rowid()
        }
    };
    if change.respelled {
        execute(tx, "UPDATE object_types SET name = ?2 WHERE id = ?1", (id, &*seen.name))?;
    }
    for row in &change.removed {
        execute(tx, "DELETE FROM attributes WHERE id = ?1", [row])?;
    }
    let mut refresh = tx.prepare_cached(REFRESH)?;
    for (row, place) in &change.updated {
        let a = seen.attributes.get(*place).ok_or_else(broken)?;
        refresh.execute(named_params! {
            ":id": row, ":name": &*a.name, ":description": a.description.as_deref(), ":class": a.class_name.as_deref(),
            ":data_type": number(a.data_type), ":multi": is_multi(a), ":read_only": is_read_only(a),
        })?;
    }
    let mut add = tx.prepare_cached(ADD)?;
    for addition in &change.added {
        let a = seen.attributes.get(addition.attribute).ok_or_else(broken)?;
        add.execute(named_params! {
            ":type": id, ":name": &*a.name, ":description": a.description.as_deref(),
            ":class": a.class_name.as_deref(), ":now": now, ":data_type": number(a.data_type), ":multi": is_multi(a),
            ":read_only": is_read_only(a), ":selected": addition.external || addition.secondary,
            ":external": addition.external, ":secondary": addition.secondary,
        })?;
    }
    let flags = [
        (change.external, "UPDATE attributes SET is_external = 1, selected = 1 WHERE id = ?1"),
        (change.secondary, "UPDATE attributes SET is_secondary = 1, selected = 1 WHERE id = ?1"),
    ];
    for (row, sql) in flags {
        if let Some(row) = row {
            execute(tx, sql, [row])?;
        }
    }
    Ok(())
}

/// Number of selected object types of each system that has any.
pub fn selected_types(c: &Connection) -> Result<HashMap<i64, i64>> {
    const SQL: &str = "SELECT system_id, count(*) FROM object_types WHERE selected = 1 GROUP BY system_id";
    query(c, SQL, [], |r| Ok((r.get(0)?, r.get(1)?)))
}

fn fill(c: &Connection, t: &mut ListedType) -> Result<()> {
    let mut statement = c.prepare_cached(ATTRIBUTES)?;
    let mut rows = statement.query([t.stored.id])?;
    // Most have the time of one import, which is parsed once.
    let (mut last, mut created) = (String::new(), t.created);
    while let Some(row) = rows.next()? {
        let now = text(row, 10)?;
        if now != last {
            created = from_text(now)?;
            now.clone_into(&mut last);
        }
        t.stored.attributes.push(attribute_row(row)?);
        t.attributes_created.push(created);
    }
    Ok(())
}

fn type_row(r: &Row<'_>) -> rusqlite::Result<ListedType> {
    let stored = StoredType { id: r.get(0)?, name: r.get(1)?, selected: r.get(3)?, attributes: Vec::new() };
    let created = date(r, 2)?;
    Ok(ListedType { stored, created, remove_contributed: r.get(4)?, attributes_created: Vec::new() })
}

fn attribute_row(r: &Row<'_>) -> rusqlite::Result<StoredAttribute> {
    let number = usize::try_from(r.get::<_, i64>(4)?).unwrap_or_default();
    Ok(StoredAttribute {
        id: r.get(0)?,
        name: r.get(1)?,
        description: r.get(2)?,
        class_name: r.get(3)?,
        data_type: DataType::ALL.get(number.wrapping_sub(1)).copied().unwrap_or(DataType::String),
        plurality: if r.get(5)? { Plurality::Multi } else { Plurality::Single },
        writability: if r.get(6)? { Writability::ReadOnly } else { Writability::ReadWrite },
        selected: r.get(7)?,
        is_external_id: r.get(8)?,
        is_secondary_external_id: r.get(9)?,
    })
}

/// Stored number of a data type.
fn number(data_type: DataType) -> i64 {
    DataType::ALL.iter().zip(1..).find(|(t, _)| **t == data_type).map_or(1, |(_, n)| n)
}

fn is_multi(a: &SeenAttribute) -> bool {
    a.plurality == Plurality::Multi
}

fn is_read_only(a: &SeenAttribute) -> bool {
    a.writability == Writability::ReadOnly
}
