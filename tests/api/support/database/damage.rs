//! Changes to a stored file that no version of the program makes.

use std::path::Path;

use super::Database;

/// Statements, for a database with an imported hierarchy.
#[derive(Debug, Clone, Copy)]
pub struct Damage(&'static str);

pub const MISSING_PARENT: Damage = Damage("UPDATE containers SET parent_id = 999999 WHERE id = 5");
pub const MISSING_SYSTEM: Damage = Damage("UPDATE partitions SET system_id = 77");
pub const MISSING_ROLE_HOLDER: Damage = Damage("INSERT INTO api_key_roles VALUES ('nothing', 1)");
pub const NO_ROLES: Damage = Damage("DELETE FROM api_key_roles");
pub const ANOTHER_KEY_CHECK: Damage = Damage("INSERT INTO keyring_checks VALUES (77, x'00')");
pub const WRONG_KEY_CHECK: Damage = Damage("UPDATE keyring_checks SET value = zeroblob(length(value))");
pub const OTHER_APPLICATION: Damage = Damage("PRAGMA application_id = 7");
pub const NEWER_VERSION: Damage = Damage("PRAGMA user_version = 4711");
pub const SEALED_VALUE_OF_ANOTHER_ROW: Damage = Damage(
    "UPDATE setting_values SET sealed = (SELECT sealed FROM setting_values WHERE system_id = 1 AND setting_id = 3)
        WHERE system_id = 2 AND setting_id = 3",
);
pub const PART_OF_NOTHING: Damage =
    Damage("UPDATE activities SET parent_id = 'nothing' WHERE seq = (SELECT min(seq) FROM activities)");
/// The newest container is in a partition of another system.
pub const PARTITION_OF_ANOTHER_SYSTEM: Damage = Damage(
    "INSERT INTO partitions (system_id, external_id, dn_hash, hidden) VALUES (2, 'dc=other', zeroblob(16), 0);
     UPDATE containers SET partition_id = (SELECT max(id) FROM partitions)
        WHERE id = (SELECT max(id) FROM containers)",
);
/// The newest container that has a parent is in another partition than its parent.
pub const PARTITION_OF_NO_PARENT: Damage = Damage(
    "UPDATE containers SET partition_id = (SELECT id FROM partitions WHERE id <> containers.partition_id LIMIT 1)
        WHERE id = (SELECT c.id FROM containers c JOIN containers p ON p.id = c.parent_id ORDER BY c.id DESC LIMIT 1)",
);
/// A container and the newest one are each other's parent.
pub const CIRCLE_WITH_THE_NEWEST: Damage = Damage(
    "UPDATE containers SET parent_id = (SELECT max(id) FROM containers) WHERE id = 2;
     UPDATE containers SET parent_id = 2 WHERE id = (SELECT max(id) FROM containers)",
);
/// A container is the parent of its parent.
pub const CIRCLE: Damage = Damage(
    "WITH child (id, parent) AS (
        SELECT c.id, p.id FROM containers c JOIN containers p ON p.id = c.parent_id ORDER BY c.id DESC LIMIT 1)
     UPDATE containers SET parent_id = (SELECT id FROM child) WHERE id = (SELECT parent FROM child)",
);
pub const ONE_NAME_TWICE: Damage =
    Damage("UPDATE containers SET external_id = (SELECT external_id FROM containers WHERE id = 3) WHERE id = 2");
pub const ONE_ID_TWICE: Damage = Damage(
    "UPDATE containers SET (id_kind, id_value) = (SELECT id_kind, id_value FROM containers WHERE id = 3)
        WHERE id = 2",
);
pub const ONE_ENTRY_TWICE: Damage = Damage(
    "UPDATE containers SET (id_kind, id_value) = (SELECT id_kind, id_value FROM containers WHERE id = 5) WHERE id = 6",
);
pub const SELECTED_WITHOUT_A_CHOICE: Damage =
    Damage("UPDATE containers SET selected = 1, choice = NULL WHERE parent_id IS NULL");
pub const WRONG_NUMBER_OF_SELECTED: Damage =
    Damage("UPDATE connected_systems SET selected_containers = selected_containers + 1");
pub const SYSTEM_LOST: Damage = Damage("DELETE FROM connected_systems WHERE id = 3");
pub const CREATIONS_LOST: Damage = Damage("DELETE FROM activities WHERE target_operation = 'Create'");
pub const CREATION_TWICE: Damage = Damage(
    "INSERT INTO activities (id, created, ended, status, target_type, target_operation, initiated_by_type, searched)
        SELECT 'another', created, ended, status, target_type, target_operation, initiated_by_type, searched
        FROM activities WHERE target_operation = 'Create' LIMIT 1",
);
pub const IMPORTS_LOST: Damage = Damage("DELETE FROM activities WHERE target_operation = 'ImportHierarchy'");

impl Damage {
    /// Does it to a file. Nothing is left beside the file, and its journal mode stays.
    #[track_caller]
    pub fn apply(self, file: &Path) {
        let Database(c) = Database::writable(file);
        let mode: String = c.pragma_query_value(None, "journal_mode", |r| r.get(0)).expect("a mode");
        c.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA journal_mode = DELETE").expect("set");
        let before = std::fs::read(file).expect("a file");
        c.execute_batch(self.0).unwrap_or_else(|e| panic!("{}: {e}", self.0));
        assert_ne!(std::fs::read(file).expect("a file"), before, "{}: nothing was changed", self.0);
        c.pragma_update(None, "journal_mode", mode).expect("set");
        c.close().expect("closes");
    }
}

/// Sets a number in the head of a file.
pub fn set_pragma(file: &Path, pragma: &str, value: i64) {
    let Database(c) = Database::writable(file);
    c.pragma_update(None, pragma, value).expect("set");
    c.close().expect("closes");
}

/// Makes a file as a later version would have it.
pub fn later_version(file: &Path) {
    let Database(c) = Database::writable(file);
    c.execute_batch("PRAGMA application_id = 0x4a494d31; PRAGMA user_version = 99; CREATE TABLE t (x)").expect("made");
    c.close().expect("closes");
}
