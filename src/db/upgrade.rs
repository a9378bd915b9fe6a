//! From an older file to this version's, one step and one transaction per version.
//!
//! `schema.sql` is the whole of a new file. Before the first release there is nothing older; from then on every
//! edit of it appends a step here, and a test holds upgraded and fresh equal.
//!
//! Before the first step the file as it is is copied beside itself. A crash leaves the old version, a later one or the
//! last one, each whole, and the next start goes on from there.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::fault::OpenFault;
use super::version::version;
use super::{backup, place};

/// The way from the oldest version to this one.
pub const STEPS: &[Step] = &[];

const SCHEMA: &str = include_str!("../../schema.sql");

/// What makes a file of one version one of the next.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The version that it starts from. It ends with the one after that.
    pub from: i32,
    /// Run in one transaction, with foreign keys off: a table that is replaced takes nothing with it.
    pub sql: &'static str,
}

/// Fills an empty file. All or nothing.
pub fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.commit()
}

/// Takes the steps that are due on the file at `path`, whose lock the caller holds, and leaves a copy of what it was
/// before. Does nothing to a file that is up to date.
pub fn run(path: &Path, connection: &mut Connection, steps: &[Step]) -> Result<(), OpenFault> {
    let version = version(connection).map_err(|e| OpenFault::sqlite(path, &e))?;
    let mut due = steps.iter().filter(|step| step.from >= version).peekable();
    if due.peek().is_none() {
        return Ok(());
    }
    let copy = keep_a_copy(path, connection, version)?;
    // Not changed within a transaction.
    let foreign_keys =
        |c: &Connection, on: bool| c.pragma_update(None, "foreign_keys", on).map_err(|e| OpenFault::sqlite(path, &e));
    foreign_keys(connection, false)?;
    let taken = due.try_for_each(|step| {
        take(connection, step).map_err(|why| why.told(path, step.from, &copy))?;
        tracing::info!(database = %path.display(), copy = %copy.display(), to = step.from + 1, "the database was upgraded");
        Ok(())
    });
    foreign_keys(connection, true)?;
    taken
}

/// Copies the file to `jim.db.version-N`. Under that name there is never a piece of a copy.
fn keep_a_copy(path: &Path, connection: &Connection, version: i32) -> Result<PathBuf, OpenFault> {
    let copy = path.with_added_extension(format!("version-{version}"));
    let part = path.with_added_extension("part");
    let io = |e: std::io::Error| OpenFault::io(&format!("cannot make {}", copy.display()), e);
    // What an earlier attempt left, which the lock says is over.
    let _ = std::fs::remove_file(&part);
    let made = backup::copy_of(connection, &part).and_then(|()| {
        let c = Connection::open_with_flags(place::plain(&part), OpenFlags::SQLITE_OPEN_READ_ONLY);
        let broken = c.and_then(|c| Ok((fault(&c, "PRAGMA integrity_check(1)")?, fault(&c, REFERENCES)?)));
        match broken.map_err(|e| OpenFault::sqlite(&part, &e))? {
            (None, None) => Ok(()),
            (Some(what), _) | (_, Some(what)) => Err(OpenFault::Damaged(format!(
                "{} is damaged and was not upgraded; nothing was changed: {what}",
                path.display()
            ))),
        }
    });
    let named = made.and_then(|()| place::put(&part, &copy).map_err(io));
    named.inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })?;
    Ok(copy)
}

const REFERENCES: &str =
    "SELECT 'a reference of ' || \"table\" || ' leads nowhere' FROM pragma_foreign_key_check LIMIT 1";

/// The first line of a check, unless it says that all is well.
fn fault(connection: &Connection, check: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare(check)?;
    let mut rows = statement.query([])?;
    let line: Option<String> = rows.next()?.map(|r| r.get(0)).transpose()?;
    Ok(line.filter(|line| line != "ok"))
}

/// Why a step was not taken. Nothing of it was.
enum Refusal {
    Statement(rusqlite::Error),
    Reference(String),
}

impl Refusal {
    fn told(self, path: &Path, from: i32, copy: &Path) -> OpenFault {
        let at = path.display();
        let what = format!("{at} cannot be upgraded from version {from} to {}", from + 1);
        match self {
            Refusal::Statement(e) => match e.sqlite_error_code() {
                Some(
                    ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::OutOfMemory,
                ) => OpenFault::io(&what, e),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenFault::sqlite(path, &e),
                _ => OpenFault::Damaged(format!("{what}: {e}; it is of version {from} still, see {}", copy.display())),
            },
            Refusal::Reference(why) => {
                OpenFault::Damaged(format!("{what}: {why}; it is of version {from} still, see {}", copy.display()))
            }
        }
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(e: rusqlite::Error) -> Self {
        Refusal::Statement(e)
    }
}

fn take(connection: &mut Connection, step: &Step) -> Result<(), Refusal> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(step.sql)?;
    transaction.pragma_update(None, "user_version", step.from + 1)?;
    if let Some(why) = fault(&transaction, REFERENCES)? {
        return Err(Refusal::Reference(why));
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::super::version::{APPLICATION_ID, OLDEST, VERSION};
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
        let references = "INSERT INTO api_key_roles (key_id, role_id) VALUES ('nobody', 1)";
        for (sql, why) in [("CREATE TABLE x (y); nonsense", "syntax"), (references, "api_key_roles")] {
            let Err(OpenFault::Damaged(told)) = run(&path, &mut c, &[good, Step { from: 2, sql }]) else {
                panic!("{sql} is taken")
            };
            assert!(
                told.contains(why) && told.contains("version 2 still") && told.contains("jim.db.version-"),
                "{told}"
            );
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
