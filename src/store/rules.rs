//! Rules between rows that constraints cannot state, as queries for violations.

use crate::db::check::Rule;

/// Rules for `jim check`, backup and restore.
pub(crate) const RULES: &[Rule] = &[
    (
        "every container is in the partition of its parent",
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
        "no import left a placeholder for a name",
        "SELECT 'partition ' || id FROM partitions WHERE hex(substr(dn_hash, 1, 8)) = '0000000000000000'",
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
        "ids of containers are never reused",
        "SELECT 'container ' || id FROM containers WHERE id >= (SELECT next FROM container_ids)",
    ),
    (
        "every container is selected as its choice, or that of an ancestor, says",
        "WITH RECURSIVE follows (id, choice, hidden) AS (
            SELECT id, choice, hidden FROM containers WHERE parent_id IS NULL
            UNION ALL SELECT c.id, coalesce(c.choice, f.choice), iif(c.choice IS NULL, f.hidden, c.hidden)
                FROM follows f JOIN containers c ON c.parent_id = f.id)
         SELECT 'container ' || c.id FROM follows f JOIN containers c ON c.id = f.id
            WHERE c.selected <> (coalesce(f.choice, 0) AND (f.hidden OR NOT c.hidden))",
    ),
    (
        "the number of selected containers is right",
        "SELECT 'connected system ' || s.id FROM connected_systems s WHERE s.selected_containers <> (
            SELECT count(*) FROM partitions p JOIN containers c ON c.partition_id = p.id
                WHERE p.system_id = s.id AND c.selected = 1)",
    ),
    (
        "every parent of an activity exists and has no parent itself",
        "SELECT 'activity ' || c.id FROM activities c LEFT JOIN activities p ON p.id = c.parent_id
            WHERE c.parent_id IS NOT NULL AND (p.id IS NULL OR p.parent_id IS NOT NULL)",
    ),
];
