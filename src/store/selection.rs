//! Choices of containers, and the selection that follows from them.

use std::collections::BTreeMap;

use super::hierarchy::touch;
use super::sql::{execute, query};
use crate::db::Tx;
use crate::domain::hierarchy::RowId;
use crate::domain::hierarchy::scope::{Choice, Chooser};
use crate::error::Result;

/// Stores choices of containers of one system, in any order, and the selection of everything that follows them.
pub(crate) fn choose(tx: &Tx<'_>, system: i64, choices: &BTreeMap<RowId, Choice>) -> Result<()> {
    let mut store = tx.prepare_cached("UPDATE containers SET choice = ?2 WHERE id = ?1")?;
    for (id, choice) in choices {
        store.execute((id, choice.stored()))?;
    }
    for id in choices.keys() {
        let line = line(tx, *id)?;
        // What it follows was changed too, and its branch takes in this one.
        if line.iter().any(|above| above.id != *id && choices.contains_key(&above.id)) {
            continue;
        }
        spread(tx, *id, line.iter().find_map(|above| above.chooser))?;
    }
    touch(tx, system)
}

/// Stores the selection of a container that has another parent now.
pub(crate) fn follow(tx: &Tx<'_>, system: i64, id: RowId) -> Result<()> {
    let line = line(tx, id)?;
    spread(tx, id, line.iter().find_map(|above| above.chooser))?;
    touch(tx, system)
}

/// A container, or an ancestor, with its choice.
struct Above {
    id: RowId,
    chooser: Option<Chooser>,
}

/// A container and its ancestors up to the first with a choice. `UNION` ends even a ring.
fn line(tx: &Tx<'_>, id: RowId) -> Result<Vec<Above>> {
    const SQL: &str = "WITH RECURSIVE line (id, parent_id, choice, hidden) AS (
            SELECT id, parent_id, choice, hidden FROM containers WHERE id = ?1
            UNION SELECT c.id, c.parent_id, c.choice, c.hidden FROM line l JOIN containers c ON c.id = l.parent_id
                WHERE l.choice IS NULL)
        SELECT id, choice, hidden FROM line";
    query(tx, SQL, [id], |r| {
        let (choice, hidden): (Option<bool>, _) = (r.get(1)?, r.get(2)?);
        Ok(Above { id: r.get(0)?, chooser: choice.map(|selected| Chooser { selected, hidden }) })
    })
}

/// Stores the selection of a container and of what follows it, by [`Chooser::selects`]. In one statement: a branch can
/// have 100,000 containers.
fn spread(tx: &Tx<'_>, id: RowId, chooser: Option<Chooser>) -> Result<()> {
    const SQL: &str = "UPDATE containers SET selected = ?2 AND (?3 OR NOT hidden)
        WHERE selected <> (?2 AND (?3 OR NOT hidden)) AND id IN (
            WITH RECURSIVE branch (id) AS (
                VALUES (?1)
                UNION ALL SELECT c.id FROM branch b JOIN containers c ON c.parent_id = b.id WHERE c.choice IS NULL)
            SELECT id FROM branch)";
    let Chooser { selected, hidden } = chooser.unwrap_or(Chooser { selected: false, hidden: false });
    execute(tx, SQL, (id, selected, hidden))
}
