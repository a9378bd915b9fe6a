//! Schema migrations: one step and one transaction per version.
//!
//! `schema.sql` creates a new file. From the first release on every edit of it appends a step here, and a test holds
//! upgraded and new files equal. The file is copied before the first step. After a crash it has one of the versions, and
//! the next start continues from there.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, ReadOnly, SystemIoFailure};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::connect::version;
use super::error::OpenError;
use super::{backup, place};

/// Steps from the oldest version to this one.
pub const STEPS: &[Step] = &[];

const SCHEMA: &str = include_str!("../../schema.sql");

/// Migration from one version to the next.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub from: i32,
    /// Run with foreign keys off, so that replacing a table deletes no rows of others.
    pub sql: &'static str,
}

/// Creates the tables in an empty file, atomically.
pub fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.commit()
}

/// Runs the steps that are due after copying the file. Does nothing to a current file. The caller holds the lock.
pub fn run(path: &Path, connection: &mut Connection, steps: &[Step]) -> Result<(), OpenError> {
    let version = version(connection).map_err(|e| OpenError::sqlite(path, &e))?;
    let mut due = steps.iter().filter(|step| step.from >= version).peekable();
    if due.peek().is_none() {
        return Ok(());
    }
    let copy = keep_a_copy(path, connection, version)?;
    // Before the transactions, in which SQLite ignores it.
    let foreign_keys =
        |c: &Connection, on: bool| c.pragma_update(None, "foreign_keys", on).map_err(|e| OpenError::sqlite(path, &e));
    foreign_keys(connection, false)?;
    let upgraded = due.try_for_each(|step| {
        take(path, connection, step, &copy)?;
        tracing::info!(database = %path.display(), copy = %copy.display(), to = step.from + 1, "database upgraded");
        Ok(())
    });
    foreign_keys(connection, true)?;
    upgraded
}

/// Copies the file to `jim.db.version-N`, which never is a partial copy.
fn keep_a_copy(path: &Path, connection: &Connection, version: i32) -> Result<PathBuf, OpenError> {
    let copy = path.with_added_extension(format!("version-{version}"));
    let part = path.with_added_extension("part");
    // Left by an interrupted attempt; we hold the lock.
    let _ = std::fs::remove_file(&part);
    let made = backup::copy(connection, &part).and_then(|()| {
        let c = Connection::open_with_flags(place::sqlite_name(&part), OpenFlags::SQLITE_OPEN_READ_ONLY);
        let broken = c.and_then(|c| Ok(violation(&c, "PRAGMA integrity_check(1)")?.or(violation(&c, REFERENCES)?)));
        match broken.map_err(|e| OpenError::sqlite(&part, &e))? {
            None => Ok(()),
            Some(what) => {
                let at = path.display();
                Err(OpenError::Damaged(format!("{at} is damaged and was not upgraded; nothing was changed: {what}")))
            }
        }
    });
    let renamed =
        made.and_then(|()| place::rename_synced(&part, &copy).map_err(|e| OpenError::cannot("create", &copy, e)));
    renamed.inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })?;
    Ok(copy)
}

const REFERENCES: &str =
    "SELECT 'a reference of ' || \"table\" || ' leads nowhere' FROM pragma_foreign_key_check LIMIT 1";

/// First violation that a check finds.
fn violation(connection: &Connection, check: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare(check)?;
    let mut rows = statement.query([])?;
    let line: Option<String> = rows.next()?.map(|r| r.get(0)).transpose()?;
    Ok(line.filter(|line| line != "ok"))
}

/// Runs a step; its error explains what the file and its copy are now.
fn take(path: &Path, connection: &mut Connection, step: &Step, copy: &Path) -> Result<(), OpenError> {
    let from = step.from;
    let what = format!("{} cannot be upgraded from version {from} to {}", path.display(), from + 1);
    let why = match commit(connection, step) {
        Ok(None) => return Ok(()),
        Ok(Some(violation)) => violation,
        Err(e) => match e.sqlite_error_code() {
            Some(DiskFull | SystemIoFailure | CannotOpen | ReadOnly | OutOfMemory) => {
                return Err(OpenError::io(&what, e));
            }
            Some(DatabaseBusy | DatabaseLocked) => return Err(OpenError::sqlite(path, &e)),
            _ => e.to_string(),
        },
    };
    Err(OpenError::Damaged(format!("{what}: {why}; it still has version {from}, see {}", copy.display())))
}

/// Commits a step, or returns the reference that it would break and rolls back.
fn commit(connection: &mut Connection, step: &Step) -> rusqlite::Result<Option<String>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(step.sql)?;
    transaction.pragma_update(None, "user_version", step.from + 1)?;
    let broken = violation(&transaction, REFERENCES)?;
    if broken.is_none() {
        transaction.commit()?;
    }
    Ok(broken)
}

#[cfg(test)]
mod tests {
    use super::super::connect::{APPLICATION_ID, OLDEST, VERSION};
    use super::*;

    #[test]
    fn the_schema_stamps_the_file() {
        let mut connection = Connection::open_in_memory().expect("memory");
        create(&mut connection).expect("schema");
        let pragma = |name| connection.pragma_query_value(None, name, |r| r.get::<_, i32>(0)).expect("pragma");
        assert_eq!((pragma("application_id"), pragma("user_version")), (APPLICATION_ID, VERSION));
    }

    #[test]
    fn the_steps_lead_from_the_oldest_version_to_this_one() {
        let from: Vec<i32> = STEPS.iter().map(|step| step.from).collect();
        assert_eq!(from, (OLDEST..VERSION).collect::<Vec<_>>());
    }

    #[test]
    fn a_step_that_fails_changes_nothing_and_names_the_copy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("jim.db");
        let mut c = Connection::open(&path).expect("opens");
        create(&mut c).expect("schema");
        let good = Step { from: 1, sql: "CREATE TABLE more (x TEXT) STRICT" };
        let references = "INSERT INTO api_key_roles (key_id, role_id) VALUES ('unknown', 1)";
        for (sql, why) in [("CREATE TABLE x (y); nonsense", "syntax"), (references, "api_key_roles")] {
            let Err(OpenError::Damaged(error)) = run(&path, &mut c, &[good, Step { from: 2, sql }]) else {
                panic!("{sql} is run")
            };
            let words = [why, "still has version 2", "jim.db.version-"];
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
            assert_eq!(version(&c).expect("a version"), 2, "{sql}");
            let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'x'";
            assert_eq!(c.query_row(tables, [], |r| r.get::<_, i32>(0)).expect("a number"), 0);
            assert_eq!(c.query_row("SELECT count(*) FROM api_key_roles", [], |r| r.get::<_, i32>(0)).expect("rows"), 0);
            assert_eq!(c.pragma_query_value(None, "foreign_keys", |r| r.get::<_, i32>(0)).expect("on"), 1);
        }
        run(&path, &mut c, &[good]).expect("nothing is due");
        let copy = Connection::open(folder.path().join("jim.db.version-1")).expect("opens");
        assert_eq!(version(&copy).expect("a version"), 1);
    }
}
