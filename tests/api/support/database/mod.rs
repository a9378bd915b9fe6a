//! The database file of a server, read beside it. All SQL of these tests is in this folder, so that a renamed column
//! touches nothing else.

pub mod control;
pub mod damage;
pub mod invariants;
pub mod steps;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jim::store::activities::{self, Initiator, New, Operation, Outcome, Target};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Params, Row};

pub struct Database(Connection);

/// A stored activity.
#[derive(Debug, Clone)]
pub struct Activity {
    pub target_type: String,
    pub operation: String,
    pub target_name: Option<String>,
    pub system: Option<i64>,
    pub status: String,
    pub message: Option<String>,
    pub warning: Option<String>,
    pub error: Option<String>,
    pub to_process: i64,
    pub processed: i64,
    pub by_type: String,
    pub by_id: Option<String>,
    pub by_name: Option<String>,
    pub executed: bool,
}

/// A stored connected system.
#[derive(Debug, Clone)]
pub struct System {
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    pub max_export_parallelism: Option<i64>,
}

/// A stored container.
#[derive(Debug, Clone)]
pub struct Container {
    pub id: i64,
    pub system: i64,
    pub parent: Option<i64>,
    pub dn: String,
    pub name: String,
    /// What was chosen for this row itself.
    pub choice: Option<bool>,
    pub selected: bool,
}

/// A stored API key.
#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: String,
    pub name: String,
    pub lookup: Vec<u8>,
    pub hash: String,
    /// The master key that its hash is made with.
    pub kid: u32,
    pub infrastructure: bool,
    pub used_after_creation: Option<bool>,
    pub used_from: Option<String>,
    pub roles: i64,
}

/// A stored value of a setting.
#[derive(Debug, Clone)]
pub struct Setting {
    pub system: i64,
    pub id: i64,
    pub text: Option<String>,
    pub int: Option<i64>,
    pub sealed: Option<Vec<u8>>,
}

impl Database {
    /// For reading, also beside a server.
    #[track_caller]
    pub fn open(file: &Path) -> Database {
        let c = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY);
        Database(c.unwrap_or_else(|e| panic!("{}: {e}", file.display())))
    }

    /// For writing: merges the write-ahead file of a server that was killed, and leaves no file behind.
    #[track_caller]
    pub fn writable(file: &Path) -> Database {
        Database(Connection::open(file).unwrap_or_else(|e| panic!("{}: {e}", file.display())))
    }

    /// A copy in a backup, without leaving a file beside it.
    #[track_caller]
    pub fn immutable(file: &Path) -> Database {
        let uri = format!("file:{}?immutable=1", file.display());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        Database(Connection::open_with_flags(uri, flags).expect("the copy opens"))
    }

    fn all<T>(&self, sql: &str, parameters: impl Params, of: impl Fn(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let mut statement = self.0.prepare(sql).expect("a query");
        let rows = statement.query_map(parameters, |row| of(row)).expect("rows");
        rows.collect::<rusqlite::Result<_>>().expect("rows")
    }

    fn number(&self, sql: &str) -> i64 {
        self.0.query_row(sql, [], |r| r.get(0)).expect("a number")
    }

    /// All activities, oldest first.
    pub fn activities(&self) -> Vec<Activity> {
        let sql = "SELECT target_type, target_operation, target_name, connected_system_id, status, message,
                warning_message, error_message, objects_to_process, objects_processed, initiated_by_type,
                initiated_by_id, initiated_by_name, executed IS NOT NULL
            FROM activities ORDER BY created, seq";
        self.all(sql, [], |r| {
            Ok(Activity {
                target_type: r.get(0)?,
                operation: r.get(1)?,
                target_name: r.get(2)?,
                system: r.get(3)?,
                status: r.get(4)?,
                message: r.get(5)?,
                warning: r.get(6)?,
                error: r.get(7)?,
                to_process: r.get(8)?,
                processed: r.get(9)?,
                by_type: r.get(10)?,
                by_id: r.get(11)?,
                by_name: r.get(12)?,
                executed: r.get(13)?,
            })
        })
    }

    pub fn systems(&self) -> Vec<System> {
        let sql = "SELECT id, name, description, max_export_parallelism FROM connected_systems ORDER BY id";
        self.all(sql, [], |r| {
            let (id, name, description) = (r.get(0)?, r.get(1)?, r.get(2)?);
            Ok(System { id, name, description, max_export_parallelism: r.get(3)? })
        })
    }

    pub fn containers(&self) -> Vec<Container> {
        let sql = "SELECT c.id, p.system_id, c.parent_id, c.external_id, c.name, c.choice, c.selected
            FROM containers c JOIN partitions p ON p.id = c.partition_id ORDER BY c.id";
        self.all(sql, [], |r| {
            let (id, system, parent) = (r.get(0)?, r.get(1)?, r.get(2)?);
            Ok(Container { id, system, parent, dn: r.get(3)?, name: r.get(4)?, choice: r.get(5)?, selected: r.get(6)? })
        })
    }

    pub fn api_keys(&self) -> Vec<ApiKey> {
        let sql = "SELECT id, name, lookup, hash, pepper_kid, is_infrastructure, last_used_at > created_at,
                last_used_from_ip, (SELECT count(*) FROM api_key_roles WHERE key_id = id)
            FROM api_keys ORDER BY id";
        self.all(sql, [], |r| {
            Ok(ApiKey {
                id: r.get(0)?,
                name: r.get(1)?,
                lookup: r.get(2)?,
                hash: r.get(3)?,
                kid: r.get(4)?,
                infrastructure: r.get(5)?,
                used_after_creation: r.get(6)?,
                used_from: r.get(7)?,
                roles: r.get(8)?,
            })
        })
    }

    /// The values of the settings of connected systems.
    pub fn settings(&self) -> Vec<Setting> {
        let sql = "SELECT system_id, setting_id, text_value, int_value, sealed FROM setting_values ORDER BY 1, 2";
        self.all(sql, [], |r| {
            let (system, id) = (r.get(0)?, r.get(1)?);
            Ok(Setting { system, id, text: r.get(2)?, int: r.get(3)?, sealed: r.get(4)? })
        })
    }

    /// The sealed values of settings.
    pub fn sealed(&self) -> Vec<Vec<u8>> {
        self.settings().into_iter().filter_map(|setting| setting.sealed).collect()
    }

    /// The stored settings of the service, by key.
    pub fn service_settings(&self) -> BTreeMap<String, String> {
        self.all("SELECT key, value FROM service_settings", [], |r| Ok((r.get(0)?, r.get(1)?))).into_iter().collect()
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}"))
    }

    /// How many rows of each table belong to a row that is not there.
    pub fn orphans(&self) -> [(&'static str, i64); 5] {
        [
            ("setting_values", "system_id NOT IN (SELECT id FROM connected_systems)"),
            ("partitions", "system_id NOT IN (SELECT id FROM connected_systems)"),
            ("containers", "partition_id NOT IN (SELECT id FROM partitions)"),
            ("object_types", "system_id NOT IN (SELECT id FROM connected_systems)"),
            ("attributes", "object_type_id NOT IN (SELECT id FROM object_types)"),
        ]
        .map(|(table, lost)| (table, self.number(&format!("SELECT count(*) FROM {table} WHERE {lost}"))))
    }

    /// What SQLite says of the structure, and how many references are broken.
    pub fn integrity(&self) -> (String, i64) {
        let found = self.0.query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("a check");
        (found, self.number("SELECT count(*) FROM pragma_foreign_key_check"))
    }

    /// The pages where a table and its indexes begin.
    pub fn root_pages(&self, table: &str) -> Vec<i64> {
        self.all("SELECT rootpage FROM sqlite_schema WHERE tbl_name = ?1", [table], |r| r.get(0))
    }

    /// Rows as text.
    fn rows(&self, from: &str) -> Vec<String> {
        let mut statement = self.0.prepare(&format!("SELECT * FROM {from}")).expect("a table");
        let columns = statement.column_count();
        let text = |row: &Row<'_>, i| {
            Ok(match row.get_ref(i)? {
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            })
        };
        let line = |row: &Row<'_>| (0..columns).map(|i| text(row, i)).collect::<rusqlite::Result<Vec<_>>>();
        let rows = statement.query_map([], line).expect("rows");
        rows.map(|row| row.expect("a row").join("|")).collect()
    }

    /// The connector space as text, without what only makes comparisons fast.
    pub fn space(&self) -> Vec<String> {
        let tables = [
            "connector_objects",
            "connector_references",
            "connector_unresolved",
            "connector_names",
            "connector_counts",
        ];
        tables.iter().flat_map(|table| self.rows(&format!("{table} ORDER BY 1, 2, 3"))).collect()
    }

    /// Every table but activities and API keys as text: equal dumps mean that nothing was changed.
    pub fn dump(&self) -> String {
        let mut out = String::new();
        for table in [
            "connected_systems",
            "setting_values",
            "partitions",
            "containers",
            "object_types",
            "attributes",
            "run_profiles",
            "certificates",
            "keyring_checks",
            "service_settings",
        ] {
            for row in self.rows(&format!("{table} ORDER BY 1, 2")) {
                out.push_str(&format!("{table}: {row}\n"));
            }
        }
        out
    }

    /// The last activities with all that they hold, as text.
    pub fn last_activities(&self) -> Vec<String> {
        self.rows("activities ORDER BY created DESC LIMIT 500")
    }

    /// Takes the write lock for as long as the answer lives.
    pub fn lock(self) -> Database {
        self.0.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        self
    }

    /// Makes the file refuse every change of these tables, or allow them again.
    pub fn refuse_changes(&self, tables: &[&str], refuse: bool) {
        self.0.busy_timeout(Duration::from_secs(5)).expect("a timeout");
        for table in tables {
            for verb in ["INSERT", "UPDATE", "DELETE"] {
                let name = format!("refuse_{verb}_{table}");
                let sql = match refuse {
                    true => {
                        format!("CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END")
                    }
                    false => format!("DROP TRIGGER {name}"),
                };
                self.0.execute_batch(&sql).expect("a trigger");
            }
        }
    }

    /// Marks a system as one whose deletion has begun.
    pub fn mark_deleting(&self, system: i64) {
        let sql = "UPDATE connected_systems SET status = 'Deleting' WHERE id = ?1";
        assert_eq!(self.0.execute(sql, [system]).expect("updated"), 1);
    }

    /// Marks a container and all below it as technical.
    pub fn mark_hidden(&self, container: i64) {
        let sql = "WITH RECURSIVE below (id) AS (
                VALUES (?1) UNION SELECT c.id FROM containers c JOIN below b ON c.parent_id = b.id)
            UPDATE containers SET hidden = 1 WHERE id IN (SELECT id FROM below)";
        assert!(self.0.execute(sql, [container]).expect("updated") > 0);
    }

    /// Replaces the sealed value of a setting.
    pub fn seal(&self, system: i64, setting: i64, value: &[u8]) {
        let sql = "UPDATE setting_values SET sealed = ?3 WHERE system_id = ?1 AND setting_id = ?2";
        assert_eq!(self.0.execute(sql, (system, setting, value)).expect("changed"), 1);
    }

    /// Makes the value of a setting one of another setting.
    pub fn move_setting(&self, system: i64, from: i64, to: i64) {
        let sql = "UPDATE setting_values SET setting_id = ?3 WHERE system_id = ?1 AND setting_id = ?2";
        assert_eq!(self.0.execute(sql, (system, from, to)).expect("moved"), 1);
    }

    /// Adds activities until the file has this size.
    pub fn fill(&mut self, size: i64) {
        self.0.execute_batch("PRAGMA synchronous = OFF").expect("set");
        let by = Initiator::Key { id: uuid::Uuid::new_v4(), name: "Nightly".to_owned() };
        while self.number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size") < size {
            let tx = self.0.transaction().expect("a transaction");
            for n in 0..1_000 {
                let said = Outcome::done(format!("Changed: description {n} {}", "x".repeat(500)));
                let new = New {
                    operation: Operation::Update,
                    target: Target::System(Some(1), "Imported"),
                    context: None,
                    by: &by,
                    at: time::OffsetDateTime::now_utc(),
                    parent: None,
                    outcome: Some(&said),
                };
                activities::insert(&tx, &new).expect("recorded");
            }
            tx.commit().expect("committed");
        }
    }
}

/// Deletes all systems in a transaction of the server.
pub fn delete_systems(tx: &jim::db::Tx<'_>) {
    // A reader's connection refuses it.
    let _ = tx.execute("DELETE FROM connected_systems", []);
}
