//! Objects by the name that references use.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use crate::db::Tx;
use crate::domain::connector_space::RowId;
use crate::error::Result;
use crate::store::sql::{execute, query};

/// Names of a system: stored ones sorted, those of the run in hand beside them.
#[derive(Debug, Default)]
pub(crate) struct Names {
    stored: Vec<(i64, RowId)>,
    added: HashMap<i64, RowId>,
    removed: HashSet<(i64, RowId)>,
}

impl Names {
    pub(crate) fn add(&mut self, name: i64, object: RowId) {
        self.removed.remove(&(name, object));
        self.added.insert(name, object);
    }

    pub(crate) fn remove(&mut self, name: i64, object: RowId) {
        if self.added.get(&name) == Some(&object) {
            self.added.remove(&name);
        }
        self.removed.insert((name, object));
    }

    /// Holder of a name; the one of the run in hand if it gave the name anew.
    pub(crate) fn get(&self, name: i64) -> Option<RowId> {
        if let Some(object) = self.added.get(&name) {
            return Some(*object);
        }
        let first = self.stored.partition_point(|(n, _)| *n < name);
        let holders = self.stored.iter().skip(first).take_while(|(n, _)| *n == name);
        holders.map(|(_, object)| *object).find(|object| !self.removed.contains(&(name, *object)))
    }
}

/// All names of a system.
pub(crate) fn names(c: &Connection, system: i64) -> Result<Names> {
    const SQL: &str = "SELECT name_hash, object_id FROM connector_names WHERE system_id = ?1
        ORDER BY name_hash, object_id";
    Ok(Names { stored: query(c, SQL, [system], |r| Ok((r.get(0)?, r.get(1)?)))?, ..Names::default() })
}

pub(crate) fn add_name(tx: &Tx<'_>, system: i64, name: i64, object: RowId) -> Result<()> {
    const SQL: &str = "INSERT OR IGNORE INTO connector_names (system_id, name_hash, object_id) VALUES (?1, ?2, ?3)";
    execute(tx, SQL, (system, name, object))
}

pub(crate) fn remove_name(tx: &Tx<'_>, system: i64, name: i64, object: RowId) -> Result<()> {
    const SQL: &str = "DELETE FROM connector_names WHERE system_id = ?1 AND name_hash = ?2 AND object_id = ?3";
    execute(tx, SQL, (system, name, object))
}

/// Notes that an object lost its name, until [`forget_freed`].
pub(crate) fn note_freed(tx: &Tx<'_>, system: i64, object: RowId) -> Result<()> {
    execute(tx, "INSERT OR IGNORE INTO connector_freed (object_id, system_id) VALUES (?1, ?2)", (object, system))
}

/// Objects whose references a run did not settle.
pub(crate) fn freed(c: &Connection, system: i64) -> Result<HashSet<RowId>> {
    query(c, "SELECT object_id FROM connector_freed WHERE system_id = ?1", [system], |r| r.get(0))
}

pub(crate) fn forget_freed(tx: &Tx<'_>, system: i64) -> Result<()> {
    execute(tx, "DELETE FROM connector_freed WHERE system_id = ?1", [system])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_present_holder() {
        let mut names = Names { stored: vec![(1, 10), (2, 20), (2, 21)], ..Names::default() };
        assert_eq!([names.get(1), names.get(2), names.get(3)], [Some(10), Some(20), None]);
        names.remove(2, 20);
        assert_eq!(names.get(2), Some(21));
        // The two swap their names.
        names.remove(1, 10);
        names.add(2, 10);
        names.remove(2, 21);
        names.add(1, 21);
        assert_eq!([names.get(1), names.get(2)], [Some(21), Some(10)]);
        names.remove(2, 10);
        assert_eq!(names.get(2), None);
    }
}
