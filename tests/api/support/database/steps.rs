//! Steps of an upgrade that no version of the program has.

use std::path::Path;

use jim::db::upgrade::{self, Step};

use super::{Database, invariants};

/// A column for each container, and a table that others refer to replaced.
pub const STEPS: [Step; 2] = [
    Step {
        from: 1,
        sql: "ALTER TABLE containers ADD COLUMN colour TEXT;
              UPDATE containers SET colour = 'red ' || name;
              CREATE INDEX containers_by_colour ON containers (colour);",
    },
    Step {
        from: 2,
        sql: "CREATE TABLE keys_anew (
                id TEXT PRIMARY KEY, name TEXT NOT NULL, name_folded TEXT NOT NULL UNIQUE, description TEXT,
                key_prefix TEXT NOT NULL, lookup BLOB NOT NULL UNIQUE, hash TEXT NOT NULL, pepper_kid INTEGER NOT NULL,
                created_at TEXT NOT NULL, expires_at TEXT, last_used_at TEXT, last_used_from_ip TEXT,
                is_enabled INTEGER NOT NULL, is_infrastructure INTEGER NOT NULL) STRICT, WITHOUT ROWID;
              INSERT INTO keys_anew SELECT id, name, name_folded, description, key_prefix, lookup, hash, pepper_kid,
                created_at, expires_at, last_used_at, last_used_from_ip, is_enabled, is_infrastructure FROM api_keys;
              DROP TABLE api_keys;
              ALTER TABLE keys_anew RENAME TO api_keys;",
    },
];

/// Takes the first so many steps.
pub fn upgrade(file: &Path, known: usize) {
    let Database(mut c) = Database::writable(file);
    c.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON").expect("set");
    upgrade::run(file, &mut c, &STEPS[..known]).expect("an upgrade");
}

/// The version of a file, and all that it holds, with its form.
pub fn content(file: &Path) -> (i64, String) {
    let database = Database::open(file);
    let broken = invariants::broken(&database);
    assert!(broken.is_empty(), "{}: {broken:#?}", file.display());
    let tables = database.all("SELECT name, sql FROM sqlite_schema ORDER BY name", [], |r| {
        Ok((r.get::<_, String>(0)?, r.get::<_, Option<String>>(1)?.unwrap_or_default()))
    });
    let mut text = String::new();
    for (name, sql) in tables {
        text.push_str(&format!("{name}: {sql}\n"));
        if sql.starts_with("CREATE TABLE") {
            let mut rows = database.rows(&format!("\"{name}\""));
            rows.sort();
            text.push_str(&rows.join("\n"));
        }
    }
    (database.0.pragma_query_value(None, "user_version", |r| r.get(0)).expect("a version"), text)
}
