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
        "numbers of objects are those of the rows",
        "SELECT 'objects of system ' || system_id FROM (
            SELECT system_id, partition_id, type_id, status, n FROM connector_counts WHERE n > 0
            EXCEPT SELECT id >> 40, coalesce(partition_id, 0), type_id, status, count(*) FROM connector_objects
                GROUP BY id >> 40, coalesce(partition_id, 0), type_id, status)
         UNION SELECT 'objects of system ' || s FROM (
            SELECT id >> 40 AS s, coalesce(partition_id, 0), type_id, status, count(*) FROM connector_objects
                GROUP BY id >> 40, coalesce(partition_id, 0), type_id, status
            EXCEPT SELECT system_id, partition_id, type_id, status, n FROM connector_counts)",
    ),
    (
        "every object belongs to a system",
        "SELECT 'object ' || o.id FROM connector_objects o LEFT JOIN connected_systems s ON s.id = o.id >> 40
            WHERE s.id IS NULL",
    ),
    (
        "every object below the mark has a head",
        "SELECT 'object ' || o.id FROM connector_objects o JOIN connector_ids i ON i.system_id = o.id >> 40
            WHERE o.id <= i.indexed_to AND o.id NOT IN (SELECT object_id FROM connector_heads)",
    ),
    (
        "every head leads to an object of its system",
        "SELECT 'head of object ' || h.object_id FROM connector_heads h LEFT JOIN connector_objects o ON o.id = h.object_id
            WHERE o.id IS NULL OR h.system_id <> h.object_id >> 40",
    ),
    (
        "every name leads to an object that is there",
        "SELECT 'name of object ' || n.object_id FROM connector_names n LEFT JOIN connector_objects o ON o.id = n.object_id
            WHERE o.id IS NULL OR o.status = 1",
    ),
    (
        "every reference belongs to an object",
        "SELECT 'references of object ' || object_id FROM connector_references
            WHERE object_id NOT IN (SELECT id FROM connector_objects)
         UNION SELECT 'references of object ' || object_id FROM connector_unresolved
            WHERE object_id NOT IN (SELECT id FROM connector_objects)",
    ),
    (
        "no id of an object is used twice",
        "SELECT 'object ' || o.id FROM connector_objects o JOIN connector_ids i ON i.system_id = o.id >> 40
            WHERE o.id >= i.next",
    ),
    (
        "every held removal is one of an object that is there",
        "SELECT 'held removal ' || h.id FROM held_removals h LEFT JOIN connector_objects o ON o.id = h.object_id
            WHERE o.id IS NULL OR o.status = 1",
    ),
    (
        "every queued run has an activity in progress",
        "SELECT 'run ' || r.id FROM runs r LEFT JOIN activities a ON a.id = r.activity_id
            WHERE a.id IS NULL OR a.status <> 'InProgress'",
    ),
    (
        "every item belongs to an activity",
        "SELECT 'item ' || activity_seq || '-' || n FROM activity_items
            WHERE activity_seq NOT IN (SELECT seq FROM activities)",
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
