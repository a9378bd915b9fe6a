//! What activities speak of: the texts that a search looks at and lists are sorted by, stored once for all activities
//! that have them in common, and counted.

use rusqlite::{OptionalExtension, named_params};

use super::{Initiator, Target};
use crate::db::Tx;
use crate::error::{Error, Result};

/// To what and by whom.
pub struct Subject<'a> {
    target_type: &'static str,
    target_name: Option<&'a str>,
    target_context: Option<&'a str>,
    by_type: &'static str,
    by_id: Option<String>,
    by_name: Option<&'a str>,
    system: Option<i64>,
}

impl<'a> Subject<'a> {
    /// Puts together what an activity is about.
    pub fn new(target: Target<'a>, target_context: Option<&'a str>, by: &'a Initiator) -> Self {
        let (target_type, target_name, system) = target.columns();
        let (by_type, by_id, by_name) = match by {
            Initiator::Key { id, name } => ("ApiKey", Some(id.to_string()), Some(name.as_str())),
            Initiator::System => ("System", None, None),
        };
        Subject { target_type, target_name, target_context, by_type, by_id, by_name, system }
    }

    /// What a search looks at. No text of a caller contains NUL, so that nothing is found across two of them.
    fn searched(&self) -> String {
        let texts = [self.target_name, self.target_context, self.by_name, Some(self.target_type)];
        fold(&texts.map(Option::unwrap_or_default).join("\0"))
    }
}

/// A text without its case, also beyond ASCII: what differs in case alone is equal afterwards.
pub fn fold(text: &str) -> String {
    // By way of capitals, of which letters with two small forms have one.
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Finds or stores the subject and counts one more activity of it. Returns its number.
pub fn count_up(tx: &Tx<'_>, subject: &Subject<'_>, listed: bool) -> Result<u32> {
    const FIND: &str = "SELECT id FROM activity_subjects WHERE target_type = :type
        AND ifnull(target_name, x'') = ifnull(:name, x'') AND ifnull(target_context, x'') = ifnull(:context, x'')
        AND initiated_by_type = :by AND ifnull(initiated_by_id, x'') = ifnull(:by_id, x'')
        AND ifnull(initiated_by_name, x'') = ifnull(:by_name, x'')
        AND ifnull(connected_system_id, x'') = ifnull(:system, x'')";
    const ADD: &str = "INSERT INTO activity_subjects (id, target_type, target_name, target_context, initiated_by_type,
            initiated_by_id, initiated_by_name, connected_system_id, target_folded, searched)
        VALUES ((SELECT min(id) FROM activity_free_subjects), :type, :name, :context, :by, :by_id, :by_name, :system,
            :folded, :searched) RETURNING id";
    const USED: &str = "DELETE FROM activity_free_subjects WHERE id = ?1";
    const COUNT: &str = "INSERT INTO activity_counts (subject, listed, below) VALUES (?1, ?2, 1 - ?2)
        ON CONFLICT (subject) DO UPDATE SET listed = listed + ?2, below = below + 1 - ?2";
    let mut find = tx.prepare_cached(FIND)?;
    let known = find.query_row(
        named_params! {
            ":type": subject.target_type,
            ":name": subject.target_name,
            ":context": subject.target_context,
            ":by": subject.by_type,
            ":by_id": subject.by_id,
            ":by_name": subject.by_name,
            ":system": subject.system,
        },
        |r| r.get(0),
    );
    let id: i64 = match known.optional()? {
        Some(id) => id,
        None => {
            let mut add = tx.prepare_cached(ADD)?;
            let values = named_params! {
                ":type": subject.target_type,
                ":name": subject.target_name,
                ":context": subject.target_context,
                ":by": subject.by_type,
                ":by_id": subject.by_id,
                ":by_name": subject.by_name,
                ":system": subject.system,
                ":folded": subject.target_name.map(fold),
                ":searched": subject.searched(),
            };
            let id = add.query_row(values, |r| r.get(0))?;
            tx.prepare_cached(USED)?.execute([id])?;
            id
        }
    };
    tx.prepare_cached(COUNT)?.execute((id, listed))?;
    u32::try_from(id).map_err(|e| Error::internal("there are too many subjects of activities", e))
}

/// Counts one activity of a subject less, and removes the subject with its last one.
pub fn count_down(tx: &Tx<'_>, subject: u32, listed: bool) -> Result<()> {
    const LAST: &str = "DELETE FROM activity_counts WHERE subject = ?1 AND listed + below = 1";
    const COUNT: &str = "UPDATE activity_counts SET listed = listed - ?2, below = below - (1 - ?2) WHERE subject = ?1";
    if tx.prepare_cached(LAST)?.execute([subject])? == 1 {
        tx.prepare_cached("DELETE FROM activity_subjects WHERE id = ?1")?.execute([subject])?;
        tx.prepare_cached("INSERT INTO activity_free_subjects (id) VALUES (?1)")?.execute([subject])?;
    } else {
        tx.prepare_cached(COUNT)?.execute((subject, listed))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn case_is_folded_beyond_ascii() {
        for (a, b) in [("HR", "hr"), ("ÄÖÜ", "äöü"), ("ΟΔΟΣ", "οδος"), ("Straße", "STRASSE"), ("ДА", "да")]
        {
            assert_eq!(fold(a), fold(b));
        }
        assert_ne!(fold("a"), fold("ä"));
    }
}
