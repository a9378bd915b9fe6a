//! Looking at a database file without changing it, beside a running server or alone.

use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, OpenFlags};

use super::activities::blocks;
use super::lock::{FileLock, Look};
use super::open::{self, OpenFault};
use super::place;

/// A database that is being looked at.
pub struct Inspection {
    connection: Connection,
    /// Who else uses it.
    pub beside: Option<Beside>,
    // Keeps a server from starting in the middle of the check.
    _lock: Option<FileLock>,
}

/// Another process that uses a database, with its id if it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beside(pub Option<u32>);

/// Rules of our own that SQL cannot state, as queries that find offenders.
const RULES: [(&str, &str); 9] = [
    (
        "every container hangs in the partition of its parent",
        "SELECT 'container ' || c.id FROM containers c JOIN containers p ON p.id = c.parent_id
            WHERE p.partition_id <> c.partition_id",
    ),
    (
        "every container is reached from its partition",
        "WITH RECURSIVE reached (id) AS (
            SELECT id FROM containers WHERE parent_id IS NULL
            UNION SELECT c.id FROM containers c JOIN reached r ON c.parent_id = r.id)
         SELECT 'container ' || id FROM containers WHERE id NOT IN (SELECT id FROM reached)",
    ),
    (
        "no import left a name out of the way",
        "SELECT 'partition ' || id FROM partitions WHERE hex(substr(dn_print, 1, 8)) = '0000000000000000'",
    ),
    (
        "an entry has one row",
        "SELECT 'containers of ' || p.external_id FROM containers c JOIN partitions p ON p.id = c.partition_id
            WHERE c.id_kind IS NOT NULL GROUP BY p.system_id, c.id_kind, c.id_value HAVING count(*) > 1",
    ),
    (
        "a name has one row",
        "SELECT 'containers of partition ' || partition_id FROM containers
            GROUP BY partition_id, external_id HAVING count(*) > 1",
    ),
    (
        "ids of containers are never used twice",
        "SELECT 'container ' || id FROM containers WHERE id >= (SELECT next FROM container_ids)",
    ),
    (
        "activities are counted by what they are about",
        "WITH counted AS (SELECT subject, sum(parent IS NULL) AS listed, sum(parent IS NOT NULL) AS below
            FROM activity_log GROUP BY subject)
         SELECT 'subject ' || coalesce(s.id, n.subject, counted.subject) FROM counted
            FULL JOIN activity_counts n ON n.subject = counted.subject
            FULL JOIN activity_subjects s ON s.id = coalesce(n.subject, counted.subject)
            WHERE s.id IS NULL OR n.listed IS NOT counted.listed OR n.below IS NOT counted.below
                OR counted.listed IS NULL",
    ),
    (
        "numbers of subjects are in use or free",
        "WITH numbers (id) AS (
            SELECT id FROM activity_subjects UNION ALL SELECT id FROM activity_free_subjects)
         SELECT 'subject ' || id FROM numbers GROUP BY id HAVING count(*) > 1
            OR id > (SELECT count(*) FROM activity_subjects) + (SELECT count(*) FROM activity_free_subjects)",
    ),
    (
        "a part of an activity is part of one that is there and is no part itself",
        "SELECT 'activity ' || c.tick FROM activity_log c LEFT JOIN activity_log p ON p.tick = c.parent
            WHERE c.parent IS NOT NULL AND (p.tick IS NULL OR p.parent IS NOT NULL)",
    ),
];

impl Inspection {
    /// Opens the file for reading. Beside a server no lock is taken; alone the lock is held.
    pub fn open(path: &Path) -> Result<Inspection, OpenFault> {
        place::refuse_missing(path)?;
        Inspection::beside(path)
    }

    /// Opens the file for reading for longer than a look. Beside a server no lock is taken; alone the lock is, under
    /// the name of this process, so that a server that is started meanwhile can say what keeps it from starting.
    pub fn hold(path: &Path) -> Result<Inspection, OpenFault> {
        place::refuse_missing(path)?;
        match FileLock::take(path) {
            Ok(lock) => Inspection::connect(path, Some(lock), None),
            Err(OpenFault::Locked(_)) => Inspection::beside(path),
            Err(other) => Err(other),
        }
    }

    fn beside(path: &Path) -> Result<Inspection, OpenFault> {
        match FileLock::look(path)? {
            Look::Absent => Inspection::connect(path, None, None),
            Look::Taken(lock) => Inspection::connect(path, Some(lock), None),
            Look::Held(pid) => Inspection::connect(path, None, Some(Beside(pid))),
        }
    }

    fn connect(path: &Path, lock: Option<FileLock>, beside: Option<Beside>) -> Result<Inspection, OpenFault> {
        let wal = place::sidecar(path, "wal");
        let settled = std::fs::metadata(&wal).map_or(true, |m| m.len() == 0);
        let connection = if beside.is_none() && settled {
            // Nobody else can write: the file is all there is, and SQLite needs no files of its own beside it.
            let name = utf8_percent_encode(&path.to_string_lossy(), NON_ALPHANUMERIC).to_string();
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(format!("file:{}?immutable=1", name.replace("%2F", "/")), flags)
        } else {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(path, flags)
        };
        let connection = connection.map_err(|e| open::classify(path, &e))?;
        // It may be a file that somebody else has put together, and nothing of it belongs in a temporary folder.
        connection
            .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY")
            .map_err(|e| open::classify(path, &e))?;
        open::verify(path, &connection)?;
        Ok(Inspection { connection, beside, _lock: lock })
    }

    /// The reading connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What was checked, each with what is wrong about it.
    pub fn faults(&self) -> Result<Vec<(&'static str, Vec<String>)>, OpenFault> {
        let mut checked = vec![("application id and schema version", Vec::new())];
        let mut integrity = self.column("PRAGMA integrity_check(20)")?;
        integrity.retain(|line| line != "ok");
        checked.push(("structure of the file", integrity));
        checked.push((
            "references between tables",
            self.column("SELECT \"table\" || ' row ' || coalesce(rowid, '?') FROM pragma_foreign_key_check LIMIT 20")?,
        ));
        for (what, sql) in RULES {
            checked.push((what, self.column(&format!("SELECT * FROM ({sql}) LIMIT 20"))?));
        }
        let list = blocks::faults(&self.connection, 20);
        checked.push(("the list of activities is true to the log", list.map_err(|e| OpenFault::Damaged(e.chain()))?));
        Ok(checked)
    }

    fn column(&self, sql: &str) -> Result<Vec<String>, OpenFault> {
        let broken = |e: rusqlite::Error| OpenFault::Damaged(format!("a check could not be carried out: {e}"));
        let mut statement = self.connection.prepare(sql).map_err(broken)?;
        let rows = statement.query_map([], |r| r.get(0)).map_err(broken)?;
        rows.collect::<rusqlite::Result<_>>().map_err(broken)
    }
}
