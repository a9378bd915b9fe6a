//! Connected systems and their setting values.

use rusqlite::{Connection, Row, named_params};
use time::OffsetDateTime;

use super::sql::{date, execute, find, optional_date, query, to_text};
use crate::db::Tx;
use crate::domain::connected_system::{Fields, Settings, StoredValue};
use crate::domain::setting::Value;
use crate::error::{Error, Result};

/// Connected system without its settings.
#[derive(Debug, Clone)]
pub struct System {
    /// Never reused.
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    pub connector_id: i64,
    pub created: OffsetDateTime,
    /// Last update or import.
    pub last_updated: Option<OffsetDateTime>,
    pub status: String,
    /// Whether the connector has accepted the current settings.
    pub setting_values_valid: bool,
    /// Number of accepted changes of the settings.
    pub settings_revision: i64,
    /// Number of changes of partitions and containers.
    pub hierarchy_revision: i64,
    pub selected_containers: i64,
    /// `None` for sequential.
    pub max_export_parallelism: Option<i64>,
    pub has_schema: bool,
}

/// Columns in the order of [`System::from_row`].
macro_rules! columns {
    () => {
        "SELECT id, name, description, connector_id, created, last_updated, status, setting_values_valid,
            settings_revision, hierarchy_revision, selected_containers, max_export_parallelism,
            EXISTS (SELECT 1 FROM object_types WHERE system_id = connected_systems.id) FROM connected_systems"
    };
}
const GET: &str = concat!(columns!(), " WHERE id = ?1");
const LIST: &str = concat!(columns!(), " ORDER BY id");

impl System {
    pub fn is_deleting(&self) -> bool {
        self.status == "Deleting"
    }

    fn from_row(r: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(System {
            id: r.get(0)?,
            name: r.get(1)?,
            description: r.get(2)?,
            connector_id: r.get(3)?,
            created: date(r, 4)?,
            last_updated: optional_date(r, 5)?,
            status: r.get(6)?,
            setting_values_valid: r.get(7)?,
            settings_revision: r.get(8)?,
            hierarchy_revision: r.get(9)?,
            selected_containers: r.get(10)?,
            max_export_parallelism: r.get(11)?,
            has_schema: r.get(12)?,
        })
    }
}

/// One system, or "not found".
pub fn get(c: &Connection, id: i64) -> Result<System> {
    find(c, GET, [id], System::from_row)?.ok_or_else(|| Error::not_found("connected system", id))
}

/// One system, or "bad request" once it is being deleted.
pub fn active(c: &Connection, id: i64) -> Result<System> {
    let system = get(c, id)?;
    if system.is_deleting() {
        return Err(Error::BadRequest("this system is already being deleted".to_owned()));
    }
    Ok(system)
}

/// Fails with "not found" unless the system exists.
pub fn require(c: &Connection, id: i64) -> Result<()> {
    let found = c.prepare_cached("SELECT 1 FROM connected_systems WHERE id = ?1")?.exists([id])?;
    if found { Ok(()) } else { Err(Error::not_found("connected system", id)) }
}

/// All systems, in the order of their ids.
pub fn list(c: &Connection) -> Result<Vec<System>> {
    query(c, LIST, [], System::from_row)
}

/// Ids of the connectors that systems use.
pub fn connectors_in_use(c: &Connection) -> Result<Vec<i64>> {
    query(c, "SELECT DISTINCT connector_id FROM connected_systems", [], |r| r.get(0))
}

/// Stores a new system and returns its id.
pub fn insert(tx: &Tx<'_>, name: &str, description: Option<&str>, connector_id: i64) -> Result<i64> {
    const SQL: &str =
        "INSERT INTO connected_systems (name, description, connector_id, created) VALUES (?1, ?2, ?3, ?4)";
    tx.prepare_cached(SQL)?.execute((name, description, connector_id, to_text(OffsetDateTime::now_utc())))?;
    Ok(tx.last_insert_rowid())
}

/// Stores the given fields and sets `last_updated`. With settings, `resets_validity` marks them as not validated.
pub fn update(tx: &Tx<'_>, id: i64, fields: &Fields, resets_validity: bool) -> Result<()> {
    const SQL: &str = "UPDATE connected_systems SET
            name = coalesce(:name, name),
            description = coalesce(:description, description),
            max_export_parallelism = coalesce(:parallelism, max_export_parallelism),
            setting_values_valid = CASE WHEN :resets THEN 0 ELSE setting_values_valid END,
            settings_revision = settings_revision + :resets,
            last_updated = :now
        WHERE id = :id";
    execute(
        tx,
        SQL,
        named_params! {
            ":id": id,
            ":name": fields.name,
            ":description": fields.description,
            ":parallelism": fields.max_export_parallelism,
            ":resets": resets_validity,
            ":now": to_text(OffsetDateTime::now_utc()),
        },
    )
}

pub fn hierarchy_imported(tx: &Tx<'_>, id: i64, settings_revision: i64) -> Result<()> {
    imported(tx, id, settings_revision, true)
}

pub fn schema_imported(tx: &Tx<'_>, id: i64, settings_revision: i64) -> Result<()> {
    imported(tx, id, settings_revision, false)
}

/// Records a run that read everything.
pub(crate) fn objects_imported(tx: &Tx<'_>, id: i64) -> Result<()> {
    const SQL: &str = "UPDATE connected_systems SET objects_imported = ?2 WHERE id = ?1";
    execute(tx, SQL, (id, to_text(OffsetDateTime::now_utc())))
}

/// Records an applied import. The settings are valid if they are still those that it read.
fn imported(tx: &Tx<'_>, id: i64, settings_revision: i64, hierarchy: bool) -> Result<()> {
    const SQL: &str = "UPDATE connected_systems SET
            last_updated = :now,
            hierarchy_imported = iif(:hierarchy, :now, hierarchy_imported),
            schema_imported = iif(:hierarchy, schema_imported, :now),
            setting_values_valid = CASE WHEN settings_revision = :revision THEN 1 ELSE setting_values_valid END
        WHERE id = :id";
    execute(
        tx,
        SQL,
        named_params! {
            ":id": id,
            ":revision": settings_revision,
            ":hierarchy": hierarchy,
            ":now": to_text(OffsetDateTime::now_utc()),
        },
    )
}

/// Marks a system as one that is being deleted.
pub(crate) fn mark_deleting(tx: &Tx<'_>, id: i64) -> Result<()> {
    execute(tx, "UPDATE connected_systems SET status = 'Deleting' WHERE id = ?1", [id])
}

/// Deletes a system with all rows below it.
pub fn delete(tx: &Tx<'_>, id: i64) -> Result<()> {
    execute(tx, "DELETE FROM connected_systems WHERE id = ?1", [id])
}

/// Rows that are deleted with a system, and its activities, which stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeletionCounts {
    pub partitions: i64,
    pub containers: i64,
    pub run_profiles: i64,
    pub activities: i64,
}

pub fn deletion_counts(c: &Connection, id: i64) -> Result<DeletionCounts> {
    const SQL: &str = "SELECT
            (SELECT count(*) FROM partitions WHERE system_id = ?1),
            (SELECT count(*) FROM partitions p JOIN containers c ON c.partition_id = p.id WHERE p.system_id = ?1),
            (SELECT count(*) FROM run_profiles WHERE system_id = ?1),
            (SELECT count(*) FROM activities WHERE connected_system_id = ?1)";
    let counts = c.prepare_cached(SQL)?.query_row([id], |r| {
        let (partitions, containers, run_profiles) = (r.get(0)?, r.get(1)?, r.get(2)?);
        Ok(DeletionCounts { partitions, containers, run_profiles, activities: r.get(3)? })
    });
    Ok(counts?)
}

pub fn settings(c: &Connection, id: i64) -> Result<Settings> {
    const SQL: &str = "SELECT setting_id, text_value, int_value, flag_value, sealed, needs_reentry
        FROM setting_values WHERE system_id = ?1";
    let values = query(c, SQL, [id], |r| {
        let value = if let Some(text) = r.get(1)? {
            StoredValue::Open(Value::Text(text))
        } else if let Some(n) = r.get(2)? {
            StoredValue::Open(Value::Integer(n))
        } else if let Some(flag) = r.get(3)? {
            StoredValue::Open(Value::Flag(flag))
        } else {
            StoredValue::Sealed { sealed: r.get(4)?, needs_reentry: r.get(5)? }
        };
        Ok((r.get(0)?, value))
    })?;
    Ok(Settings(values))
}

/// Stores or replaces one value.
pub fn set_value(tx: &Tx<'_>, system: i64, setting: i64, value: &StoredValue) -> Result<()> {
    const SQL: &str = "INSERT OR REPLACE INTO setting_values
            (system_id, setting_id, text_value, int_value, flag_value, sealed, needs_reentry)
        VALUES (:system, :setting, :text, :int, :flag, :sealed, :reentry)";
    let (mut text, mut int, mut flag, mut sealed, mut reentry) = (None, None, None, None, false);
    match value {
        StoredValue::Open(Value::Text(t)) => text = Some(t),
        StoredValue::Open(Value::Integer(n)) => int = Some(n),
        StoredValue::Open(Value::Flag(f)) => flag = Some(f),
        StoredValue::Sealed { sealed: s, needs_reentry } => {
            sealed = Some(s);
            reentry = *needs_reentry;
        }
    }
    execute(
        tx,
        SQL,
        named_params! {
            ":system": system, ":setting": setting, ":text": text, ":int": int, ":flag": flag, ":sealed": sealed,
            ":reentry": reentry,
        },
    )
}

pub fn clear_value(tx: &Tx<'_>, system: i64, setting: i64) -> Result<()> {
    const SQL: &str = "DELETE FROM setting_values WHERE system_id = ?1 AND setting_id = ?2";
    execute(tx, SQL, (system, setting))
}

/// Marks every secret of a system as one that must be entered again.
pub fn require_reentry(tx: &Tx<'_>, system: i64) -> Result<()> {
    const SQL: &str = "UPDATE setting_values SET needs_reentry = 1 WHERE system_id = ?1 AND sealed IS NOT NULL";
    execute(tx, SQL, [system])
}
