//! What is so of every database: each rule finds what breaks it.

use rusqlite::Connection;

use super::workload::Workload;
use crate::bars;
use crate::support::invariants;

/// What breaks rules of a database with an imported hierarchy, and a word of the rule.
const BREAKS: [(&str, &str); 9] = [
    ("UPDATE containers SET parent_id = 4711 WHERE id = 2", "reference"),
    (
        "INSERT INTO partitions (system_id, external_id, dn_hash, hidden) VALUES (2, 'dc=other', zeroblob(16), 0);
         UPDATE containers SET partition_id = (SELECT max(id) FROM partitions)
            WHERE id = (SELECT max(id) FROM containers)",
        "partition",
    ),
    (
        "UPDATE containers SET parent_id = (SELECT max(id) FROM containers) WHERE id = 2;
         UPDATE containers SET parent_id = 2 WHERE id = (SELECT max(id) FROM containers)",
        "parents lead",
    ),
    ("UPDATE containers SET external_id = (SELECT external_id FROM containers WHERE id = 3) WHERE id = 2", "one row"),
    (
        "UPDATE containers SET (id_kind, id_value) = (SELECT id_kind, id_value FROM containers WHERE id = 3)
            WHERE id = 2",
        "one row",
    ),
    ("DELETE FROM connected_systems WHERE id = 3", "one activity"),
    ("DELETE FROM activities WHERE target_operation = 'Create'", "one activity"),
    (
        "INSERT INTO activities (id, created, ended, status, target_type, target_operation, initiated_by_type, searched)
            SELECT 'another', created, ended, status, target_type, target_operation, initiated_by_type, searched
            FROM activities WHERE target_operation = 'Create' LIMIT 1",
        "one activity",
    ),
    ("DELETE FROM activities WHERE target_operation = 'ImportHierarchy'", "imported"),
];

#[tokio::test(flavor = "multi_thread")]
async fn b8_every_rule_of_what_is_stored_finds_what_breaks_it() {
    let workload = Workload::new().await;
    let database = workload.place.path("jim.db");
    invariants::hold(&database, "before");
    for (sql, rule) in BREAKS {
        workload.reset();
        let c = Connection::open(&database).expect("opens");
        c.execute_batch("PRAGMA foreign_keys = OFF").expect("set");
        c.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let found = invariants::broken(&c);
        assert!(found.iter().any(|f| f.contains(rule)), "{sql}: {found:?}");
    }
    bars::figure("B8", format!("{} ways to break the rules, each found", BREAKS.len()));
}
