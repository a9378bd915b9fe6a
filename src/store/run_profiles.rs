//! Run profiles of connected systems.

use rusqlite::{Connection, Row, named_params};

use super::sql::{execute, find, query};
use crate::db::Tx;
use crate::domain::run_profile::RunType;
use crate::error::{Error, Result};

#[derive(Debug, Clone)]
pub(crate) struct RunProfile {
    /// Never used twice.
    pub id: i64,
    pub system: i64,
    pub name: String,
    pub run_type: RunType,
    /// Entries of an LDAP page.
    pub page_size: i64,
    /// Only partition that its imports read. It may be gone; then the profile is refused at execution.
    pub partition: Option<i64>,
    /// DN of that partition, as it is now or was last.
    pub partition_name: Option<String>,
    /// File that is read instead of that of the settings.
    pub file_path: Option<String>,
}

/// Columns in the order of [`RunProfile::from_row`].
macro_rules! columns {
    () => {
        "SELECT r.id, r.system_id, r.name, r.run_type, r.page_size, r.partition_id,
            coalesce(p.external_id, r.partition_name), r.file_path
        FROM run_profiles r LEFT JOIN partitions p ON p.id = r.partition_id"
    };
}

impl RunProfile {
    fn from_row(r: &Row<'_>) -> rusqlite::Result<Self> {
        let run_type = r.get_ref(3)?.as_str()?;
        Ok(RunProfile {
            id: r.get(0)?,
            system: r.get(1)?,
            name: r.get(2)?,
            run_type: RunType::parse(run_type).ok_or(rusqlite::Error::InvalidQuery)?,
            page_size: r.get(4)?,
            partition: r.get(5)?,
            partition_name: r.get(6)?,
            file_path: r.get(7)?,
        })
    }
}

/// Profiles of a system in the order of their ids.
pub(crate) fn list(c: &Connection, system: i64) -> Result<Vec<RunProfile>> {
    query(c, concat!(columns!(), " WHERE r.system_id = ?1 ORDER BY r.id"), [system], RunProfile::from_row)
}

/// One profile of a system, or "not found".
pub(crate) fn get(c: &Connection, system: i64, id: i64) -> Result<RunProfile> {
    const SQL: &str = concat!(columns!(), " WHERE r.id = ?1 AND r.system_id = ?2");
    find(c, SQL, (id, system), RunProfile::from_row)?.ok_or_else(|| Error::not_found("run profile", id))
}

/// Stores a profile and returns its id; that of the value is ignored.
pub(crate) fn insert(tx: &Tx<'_>, profile: &RunProfile) -> Result<i64> {
    const SQL: &str = "INSERT INTO run_profiles
            (system_id, name, run_type, page_size, partition_id, partition_name, file_path)
        VALUES (:system, :name, :type, :page_size, :partition, :partition_name, :file_path)";
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":system": profile.system,
        ":name": profile.name,
        ":type": profile.run_type.name(),
        ":page_size": profile.page_size,
        ":partition": profile.partition,
        ":partition_name": profile.partition_name,
        ":file_path": profile.file_path,
    })?;
    Ok(tx.last_insert_rowid())
}

/// Stores everything but the run type.
pub(crate) fn update(tx: &Tx<'_>, profile: &RunProfile) -> Result<()> {
    const SQL: &str = "UPDATE run_profiles SET name = :name, page_size = :page_size, partition_id = :partition,
            partition_name = :partition_name, file_path = :file_path
        WHERE id = :id";
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":id": profile.id,
        ":name": profile.name,
        ":page_size": profile.page_size,
        ":partition": profile.partition,
        ":partition_name": profile.partition_name,
        ":file_path": profile.file_path,
    })?;
    Ok(())
}

pub(crate) fn delete(tx: &Tx<'_>, id: i64) -> Result<()> {
    execute(tx, "DELETE FROM run_profiles WHERE id = ?1", [id])
}

pub(crate) fn count(c: &Connection, system: i64) -> Result<i64> {
    let mut statement = c.prepare_cached("SELECT count(*) FROM run_profiles WHERE system_id = ?1")?;
    Ok(statement.query_row([system], |r| r.get(0))?)
}
