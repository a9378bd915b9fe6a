//! What is so of every database that the program has written, whatever happened meanwhile. One list, for every test
//! that ends with a database file; asked of the file itself, beside what `jim check` says of it.

use std::path::Path;

use rusqlite::types::ValueRef;

use super::Database;

/// Each with a query for what breaks it.
const RULES: [(&str, &str); 7] = [
    ("the file is sound", "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
    (
        "every reference leads somewhere",
        "SELECT \"table\" || ' row ' || coalesce(rowid, '?') FROM pragma_foreign_key_check",
    ),
    (
        "every container is in the partition, and so in the system, of its parent",
        "SELECT c.external_id FROM containers c JOIN containers p ON p.id = c.parent_id
            WHERE p.partition_id <> c.partition_id",
    ),
    (
        "from every container the parents lead to its partition",
        "WITH RECURSIVE reached (id) AS (
            SELECT id FROM containers WHERE parent_id IS NULL
            UNION SELECT c.id FROM containers c JOIN reached r ON c.parent_id = r.id)
         SELECT external_id FROM containers WHERE id NOT IN (SELECT id FROM reached)",
    ),
    (
        "what a directory calls by one name or id has one row",
        "SELECT p.system_id || ' ' || c.external_id FROM containers c JOIN partitions p ON p.id = c.partition_id
            GROUP BY p.system_id, c.external_id HAVING count(*) > 1
         UNION ALL SELECT p.system_id || ' ' || hex(c.id_value) FROM containers c JOIN partitions p ON p.id = c.partition_id
            WHERE c.id_kind IS NOT NULL GROUP BY p.system_id, c.id_kind, c.id_value HAVING count(*) > 1
         UNION ALL SELECT system_id || ' ' || external_id FROM partitions GROUP BY 1 HAVING count(*) > 1",
    ),
    (
        "what was created or deleted has one activity",
        "WITH told (type, number) AS (
            SELECT target_type, sum((target_operation = 'Create') - (target_operation = 'Delete')) FROM activities
                WHERE target_type IN ('ConnectedSystem', 'TrustedCertificate') GROUP BY 1),
         kept (type, number) AS (
            SELECT 'ConnectedSystem', count(*) FROM connected_systems
            UNION ALL SELECT 'TrustedCertificate', count(*) FROM certificates)
         SELECT kept.type || ': ' || kept.number || ' rows, ' || coalesce(told.number, 0) || ' by the activities'
            FROM kept LEFT JOIN told USING (type) WHERE kept.number <> coalesce(told.number, 0)
                AND NOT EXISTS (SELECT 1 FROM activities WHERE target_type = 'HistoryRetentionCleanup')",
    ),
    (
        "what was imported has an activity that is complete",
        "SELECT s.id FROM connected_systems s WHERE s.hierarchy_imported IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM activities a WHERE a.connected_system_id = s.id
                AND a.target_operation = 'ImportHierarchy' AND a.status LIKE 'Complete%')
            AND NOT EXISTS (SELECT 1 FROM activities WHERE target_type = 'HistoryRetentionCleanup')",
    ),
];

/// What is broken in a database that is open.
pub fn broken(database: &Database) -> Vec<String> {
    let mut found = Vec::new();
    for (rule, sql) in RULES {
        let offenders = database.0.prepare(sql).and_then(|mut statement| {
            let rows = statement.query_map([], |r| {
                Ok(match r.get_ref(0)? {
                    ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    other => format!("{other:?}"),
                })
            })?;
            rows.take(5).collect::<rusqlite::Result<Vec<String>>>()
        });
        match offenders {
            Ok(offenders) => found.extend(offenders.into_iter().map(|o| format!("{rule}: {o}"))),
            Err(e) => found.push(format!("{rule}: {e}")),
        }
    }
    found
}

/// Nothing is broken in this file.
#[track_caller]
pub fn hold(database: &Path, at: &str) {
    let broken = broken(&Database::open(database));
    assert!(broken.is_empty(), "{at}: {broken:#?}");
}
