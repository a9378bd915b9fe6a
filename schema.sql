-- The whole of a new jim database. Until the first release this file is edited freely; after it every edit comes
-- with an upgrade step in src/db/upgrade.rs.
--
-- Conventions: STRICT tables; timestamps are UTC text of one fixed width (2026-04-05T10:30:00.0000000Z), so that
-- they sort as text; switches are 0 or 1; every enum and range of the API is checked here once more, so that a
-- fault of ours cannot be stored. Ids of things that others may remember are never used twice (AUTOINCREMENT).

PRAGMA application_id = 0x4a494d31; -- "JIM1": a file of another program is refused untouched
PRAGMA user_version = 1;

-- An outside system that takes part in synchronisation.
CREATE TABLE connected_systems (
    id                     INTEGER PRIMARY KEY AUTOINCREMENT,
    name                   TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description            TEXT             CHECK (length(description) <= 1000),
    connector_id           INTEGER NOT NULL CHECK (connector_id IN (1, 3)),  -- fixed ids of the built-in connectors
    created                TEXT    NOT NULL,
    last_updated           TEXT,             -- null until the first accepted change
    status                 TEXT    NOT NULL DEFAULT 'Active' CHECK (status IN ('Active', 'Deleting')),
    setting_values_valid   INTEGER NOT NULL DEFAULT 0 CHECK (setting_values_valid IN (0, 1)),
    settings_revision      INTEGER NOT NULL DEFAULT 0,  -- counts accepted settings; an import validates only what it read
    hierarchy_imported     TEXT,             -- when a hierarchy was last imported and applied, for monitoring
    schema_imported        TEXT,             -- the same of a schema
    objects_imported       TEXT,             -- end of the last full or delta import that read everything, for monitoring
    hierarchy_revision     INTEGER NOT NULL DEFAULT 0,  -- counts changes below; tells an import that its plan is still good
    selected_containers    INTEGER NOT NULL DEFAULT 0 CHECK (selected_containers >= 0),  -- kept, since answers show it
    max_export_parallelism INTEGER          CHECK (max_export_parallelism BETWEEN 1 AND 16)
) STRICT;

-- One value per setting that has one. Which column is filled follows from the setting's kind.
CREATE TABLE setting_values (
    system_id     INTEGER NOT NULL REFERENCES connected_systems (id) ON DELETE CASCADE,
    setting_id    INTEGER NOT NULL,
    text_value    TEXT    CHECK (length(text_value) <= 4096),
    int_value     INTEGER,
    flag_value    INTEGER CHECK (flag_value IN (0, 1)),
    sealed        BLOB,                       -- a secret, encrypted and bound to this row; never in any other column
    needs_reentry INTEGER NOT NULL DEFAULT 0 CHECK (needs_reentry IN (0, 1)),
    PRIMARY KEY (system_id, setting_id),
    CHECK ((text_value IS NOT NULL) + (int_value IS NOT NULL) + (flag_value IS NOT NULL) + (sealed IS NOT NULL) = 1),
    CHECK (needs_reentry = 0 OR sealed IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- A naming context. dn_hash stands for the normalised DN: two spellings of one name have the same, and no two rows
-- of a system may. The name itself is read from external_id, which costs less than keeping it twice.
CREATE TABLE partitions (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    system_id   INTEGER NOT NULL REFERENCES connected_systems (id) ON DELETE CASCADE,
    external_id TEXT    NOT NULL,
    dn_hash     BLOB    NOT NULL CHECK (length(dn_hash) = 16),
    id_kind     INTEGER CHECK (id_kind IN (1, 2, 3)),   -- objectGUID, entryUUID, nsUniqueId
    id_value    BLOB    CHECK (length(id_value) = 16),
    hidden      INTEGER NOT NULL CHECK (hidden IN (0, 1)),
    selected    INTEGER NOT NULL DEFAULT 0 CHECK (selected IN (0, 1)),
    UNIQUE (system_id, dn_hash),
    CHECK ((id_kind IS NULL) = (id_value IS NULL))
) STRICT;

-- Where the ids of containers go on. AUTOINCREMENT would do the same, at a tenth of the time of a large import.
CREATE TABLE container_ids (
    next INTEGER NOT NULL CHECK (next > 0)
) STRICT;
INSERT INTO container_ids (next) VALUES (1);

-- An organisational unit or another container. parent_id is null directly below the partition. Foreign keys are
-- checked at commit, so that a whole subtree can be written in any order. That an entry has one row is not a
-- constraint: names may swap within one import, and an import that met two rows for one entry would mend that.
CREATE TABLE containers (
    id           INTEGER PRIMARY KEY,         -- from container_ids, never used twice
    partition_id INTEGER NOT NULL REFERENCES partitions (id) ON DELETE CASCADE,
    parent_id    INTEGER REFERENCES containers (id) DEFERRABLE INITIALLY DEFERRED,
    external_id  TEXT    NOT NULL,
    id_kind      INTEGER CHECK (id_kind IN (1, 2, 3)),
    id_value     BLOB    CHECK (length(id_value) = 16),
    name         TEXT    NOT NULL,
    description  TEXT,
    hidden       INTEGER NOT NULL CHECK (hidden IN (0, 1)),
    choice       INTEGER CHECK (choice IN (0, 1)),  -- stored by an administrator; null: it follows its ancestors
    selected     INTEGER NOT NULL DEFAULT 0 CHECK (selected IN (0, 1)),  -- what the choices give, for every reader
    CHECK ((id_kind IS NULL) = (id_value IS NULL)),
    CHECK (parent_id <> id)
) STRICT;
CREATE INDEX containers_by_partition ON containers (partition_id);         -- a partition's rows, in the order of the table
CREATE INDEX containers_by_parent ON containers (parent_id, choice);       -- subtrees, what of them follows a choice
CREATE INDEX containers_selected ON containers (partition_id) WHERE selected = 1;  -- their number, after each change

-- A run of a connected system as it can be executed. A partition that is gone keeps the profile, hence no foreign key:
-- it is then refused at execution, by the name kept here, and never widens to all partitions.
CREATE TABLE run_profiles (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    system_id      INTEGER NOT NULL REFERENCES connected_systems (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    run_type       TEXT    NOT NULL CHECK (run_type IN ('FullImport', 'DeltaImport', 'FullSynchronisation',
                                                        'DeltaSynchronisation', 'Export')),
    page_size      INTEGER NOT NULL CHECK (page_size BETWEEN 1 AND 10000),
    partition_id   INTEGER,
    partition_name TEXT,
    file_path      TEXT             CHECK (length(file_path) BETWEEN 1 AND 500)
) STRICT;
CREATE INDEX run_profiles_by_system ON run_profiles (system_id);

-- A kind of object that an outside system declares, such as user.
CREATE TABLE object_types (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    system_id          INTEGER NOT NULL REFERENCES connected_systems (id) ON DELETE CASCADE,
    name               TEXT    NOT NULL,
    created            TEXT    NOT NULL,
    selected           INTEGER NOT NULL DEFAULT 0 CHECK (selected IN (0, 1)),
    remove_contributed INTEGER NOT NULL DEFAULT 0 CHECK (remove_contributed IN (0, 1)),
    UNIQUE (system_id, name)
) STRICT;

-- An attribute of an object type. Most are declared once and stand in many types; each has a row of its own in each,
-- because choices are made by type. Enums are numbers, since there are tens of thousands of rows.
CREATE TABLE attributes (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    object_type_id INTEGER NOT NULL REFERENCES object_types (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    description    TEXT,
    class_name     TEXT,                     -- the class that declares it, where there are classes
    created        TEXT    NOT NULL,
    data_type      INTEGER NOT NULL CHECK (data_type BETWEEN 1 AND 8),     -- in the order of DataType::ALL
    multi_valued   INTEGER NOT NULL CHECK (multi_valued IN (0, 1)),
    read_only      INTEGER NOT NULL CHECK (read_only IN (0, 1)),
    selected       INTEGER NOT NULL CHECK (selected IN (0, 1)),
    is_external    INTEGER NOT NULL CHECK (is_external IN (0, 1)),
    is_secondary   INTEGER NOT NULL CHECK (is_secondary IN (0, 1)),
    CHECK (selected = 1 OR (is_external = 0 AND is_secondary = 0)),       -- what names objects takes part
    UNIQUE (object_type_id, name)
) STRICT;
CREATE UNIQUE INDEX one_external_id ON attributes (object_type_id) WHERE is_external = 1;
CREATE UNIQUE INDEX one_secondary_id ON attributes (object_type_id) WHERE is_secondary = 1;

-- API keys. The clear key is never here: own keys are found by the id within (public), operator's keys by a keyed
-- digest, and both are verified against the argon2id hash.
CREATE TABLE api_keys (
    id                TEXT    PRIMARY KEY,
    name              TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    name_folded       TEXT    NOT NULL UNIQUE,   -- names are unique ignoring case, beyond ASCII too
    description       TEXT             CHECK (length(description) <= 1000),
    key_prefix        TEXT    NOT NULL,          -- for people
    lookup            BLOB    NOT NULL UNIQUE,
    hash              TEXT    NOT NULL,          -- PHC string: parameters, salt, hash
    pepper_kid        INTEGER NOT NULL,          -- which master key the pepper was derived from
    created_at        TEXT    NOT NULL,
    expires_at        TEXT,
    last_used_at      TEXT,
    last_used_from_ip TEXT,
    is_enabled        INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    is_infrastructure INTEGER NOT NULL DEFAULT 0 CHECK (is_infrastructure IN (0, 1)) -- exempt from the rate limit
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key_roles (
    key_id  TEXT    NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    role_id INTEGER NOT NULL CHECK (role_id IN (1, 2)),  -- Administrator, Reader
    PRIMARY KEY (key_id, role_id)
) STRICT, WITHOUT ROWID;

-- Which master keys this file was written with: a sealed constant per key, so that a wrong keyring is told from a
-- damaged value.
CREATE TABLE keyring_checks (
    kid   INTEGER PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- Settings of the service that differ from their defaults, which are part of the program.
CREATE TABLE service_settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL CHECK (length(value) BETWEEN 1 AND 2000)
) STRICT, WITHOUT ROWID;

-- Certificates that count for connections to directories beside those of the system. Those from a file are kept whole
-- too: the file must still hold exactly what was looked at when it was named.
CREATE TABLE certificates (
    id            TEXT    PRIMARY KEY,
    name          TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    thumbprint    TEXT    NOT NULL UNIQUE CHECK (length(thumbprint) = 40),   -- SHA-1: no certificate is here twice
    der           BLOB    NOT NULL CHECK (length(der) BETWEEN 1 AND 65536),
    subject       TEXT    NOT NULL,                -- for people, as are issuer and serial_number
    issuer        TEXT    NOT NULL,
    serial_number TEXT    NOT NULL,
    valid_from    TEXT    NOT NULL,
    valid_to      TEXT    NOT NULL,
    is_authority  INTEGER NOT NULL CHECK (is_authority IN (0, 1)),           -- may vouch for others
    file_path     TEXT             CHECK (length(file_path) BETWEEN 1 AND 4096),  -- null: it was uploaded
    is_enabled    INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
    created_at    TEXT    NOT NULL,
    created_by    TEXT,                            -- the name of the API key at that time
    notes         TEXT             CHECK (length(notes) BETWEEN 1 AND 2000)
) STRICT;

-- What was done, by whom and with which result. Rows outlive what they refer to, hence no foreign keys.
CREATE TABLE activities (
    seq                 INTEGER PRIMARY KEY,     -- order of recording, by which equal rows of a list are sorted
    id                  TEXT    NOT NULL UNIQUE, -- UUID version 7
    parent_id           TEXT,                    -- null at the top level, which is what the list shows
    created             TEXT    NOT NULL,
    executed            TEXT,                    -- null while it waits for its turn
    ended               TEXT,
    status              TEXT    NOT NULL CHECK (status IN ('Cancelled', 'Complete', 'CompleteWithError',
                                                          'CompleteWithWarning', 'FailedWithError', 'InProgress')),
    target_type         TEXT    NOT NULL CHECK (target_type IN ('ConnectedSystem', 'ConnectedSystemRunProfile',
                                                               'HistoryRetentionCleanup', 'ServiceSetting',
                                                               'TrustedCertificate')),
    target_operation    TEXT    NOT NULL CHECK (target_operation IN ('Create', 'Update', 'Delete', 'Clear', 'Revert',
                                                                    'ImportHierarchy', 'ImportSchema', 'Execute')),
    target_name         TEXT,
    target_context      TEXT,
    message             TEXT,
    warning_message     TEXT,
    error_message       TEXT,
    initiated_by_type   TEXT    NOT NULL CHECK (initiated_by_type IN ('NotSet', 'User', 'ApiKey', 'System')),
    initiated_by_id     TEXT,
    initiated_by_name   TEXT,
    connected_system_id INTEGER,
    objects_to_process  INTEGER NOT NULL DEFAULT 0,
    objects_processed   INTEGER NOT NULL DEFAULT 0,
    run_profile_id      INTEGER,                 -- null unless it is the run of a profile, as is all that follows
    run_type            TEXT CHECK (run_type IN ('FullImport', 'DeltaImport', 'FullSynchronisation',
                                                 'DeltaSynchronisation', 'Export')),
    added INTEGER, updated INTEGER, deleted INTEGER, projected INTEGER, joined INTEGER, attribute_flows INTEGER,
    disconnected INTEGER, disconnected_out_of_scope INTEGER, out_of_scope_retain_join INTEGER,
    drift_corrections INTEGER, provisioned INTEGER, exported INTEGER, deprovisioned INTEGER, objects_created INTEGER,
    pending_exports INTEGER, errors INTEGER, object_types INTEGER,
    unchanged INTEGER,
    target_folded       TEXT,                    -- the name as it is sorted
    searched            TEXT    NOT NULL,        -- the texts that a search looks at, case folded, NUL between them
    CHECK ((status = 'InProgress') = (ended IS NULL)),
    CHECK (parent_id <> id)
) STRICT;
CREATE INDEX activities_by_created ON activities (created) WHERE parent_id IS NULL;
CREATE INDEX activities_by_status ON activities (status) WHERE parent_id IS NULL;
CREATE INDEX activities_by_type ON activities (target_type) WHERE parent_id IS NULL;
CREATE INDEX activities_by_target ON activities (target_folded) WHERE parent_id IS NULL;
CREATE INDEX activities_by_parent ON activities (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX activities_by_system ON activities (connected_system_id) WHERE connected_system_id IS NOT NULL;
CREATE INDEX activities_of_runs ON activities (connected_system_id) 
    WHERE target_operation IN ('ImportHierarchy', 'ImportSchema', 'Execute');
CREATE INDEX activities_in_progress ON activities (status) WHERE status = 'InProgress';  -- closed at the next start

-- Runs of run profiles that wait or go on, in the order in which they were asked for. An ended run has no row.
CREATE TABLE runs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    activity_id     TEXT    NOT NULL UNIQUE,
    system_id       INTEGER NOT NULL REFERENCES connected_systems (id) ON DELETE CASCADE,
    run_profile_id  INTEGER NOT NULL REFERENCES run_profiles (id) ON DELETE CASCADE,
    run_type        TEXT    NOT NULL,
    accept_removals INTEGER NOT NULL CHECK (accept_removals IN (0, 1)),
    active          INTEGER NOT NULL DEFAULT 0 CHECK (active IN (0, 1))
) STRICT;
CREATE INDEX runs_by_system ON runs (system_id);

-- One object of a run that changed or failed. Texts are copies: the object may go.
CREATE TABLE activity_items (
    activity_seq INTEGER NOT NULL,           -- activities.seq
    n            INTEGER NOT NULL,           -- from 1
    object_id    INTEGER,                    -- connector_objects.id
    change       INTEGER NOT NULL,           -- in the order of ChangeType::ALL
    error        INTEGER,                    -- in the order of ErrorType::ALL
    external_id  TEXT,
    display_name TEXT,
    type_name    TEXT,
    message      TEXT,
    outcomes     BLOB    NOT NULL,           -- store/items.rs: the tree of what happened
    changes      BLOB,                       -- attributes before and after
    PRIMARY KEY (activity_seq, n)
) STRICT, WITHOUT ROWID;

-- Random parts of this database: of the GUIDs of objects and items, which are computed from the id of the row and stored
-- nowhere, and of the hashes below, so that nothing outside can be made to collide in them.
CREATE TABLE random_parts (
    guid_prefix INTEGER NOT NULL CHECK (guid_prefix BETWEEN 0 AND 281474976710655),
    hash_key    BLOB    NOT NULL CHECK (length(hash_key) = 16)
) STRICT;
INSERT INTO random_parts (guid_prefix, hash_key) VALUES (random() & 281474976710655, randomblob(16));

-- Connector space: objects of outside systems as they were last read. An id is the id of the system, shifted by 40 bits,
-- and a sequence, so that the objects of a system are one range. Nothing refers to these tables by foreign keys: a check
-- per row costs more than the rows.
CREATE TABLE connector_objects (
    id            INTEGER PRIMARY KEY,       -- never used twice
    type_id       INTEGER NOT NULL,
    partition_id  INTEGER,                   -- null: the system has no partitions
    status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),       -- in the order of Status::ALL
    created       INTEGER NOT NULL,          -- microseconds since 1970 UTC, as is updated
    updated       INTEGER,
    external_id   TEXT    NOT NULL,          -- as shown
    secondary_id  TEXT,                      -- DN as received
    display_name  TEXT    NOT NULL,
    attributes    BLOB    NOT NULL           -- domain/connector_space/values.rs; no references in it
) STRICT;

-- What an import compares, by external id: loaded by one scan. The hash is that of the object as it was read; 0 means
-- that it is compared value by value.
CREATE TABLE connector_heads (
    system_id    INTEGER NOT NULL,
    external_key BLOB    NOT NULL CHECK (length(external_key) = 16),
    object_id    INTEGER NOT NULL,
    hash         INTEGER NOT NULL,
    PRIMARY KEY (system_id, external_key)
) STRICT, WITHOUT ROWID;

-- Objects by the name that references use: a hash of the normalised DN, or of the folded external id.
CREATE TABLE connector_names (
    system_id INTEGER NOT NULL,
    name_hash INTEGER NOT NULL,
    object_id INTEGER NOT NULL,
    PRIMARY KEY (system_id, name_hash, object_id)
) STRICT, WITHOUT ROWID;

-- Objects that lost their name in a run that has not settled the references on it. After a stop, the next run compares the
-- holders of such references value by value.
CREATE TABLE connector_freed (
    object_id INTEGER PRIMARY KEY,
    system_id INTEGER NOT NULL
) STRICT;

-- References to objects of the same system: at most 1,000 ascending ids a row, as differences from the first.
CREATE TABLE connector_references (
    object_id    INTEGER NOT NULL,
    attribute_id INTEGER NOT NULL,
    first        INTEGER NOT NULL,
    ids          BLOB    NOT NULL,
    PRIMARY KEY (object_id, attribute_id, first)
) STRICT, WITHOUT ROWID;

-- References to names that no object of the system has.
CREATE TABLE connector_unresolved (
    system_id    INTEGER NOT NULL,
    name_hash    INTEGER NOT NULL,
    object_id    INTEGER NOT NULL,
    attribute_id INTEGER NOT NULL,
    name         TEXT    NOT NULL,           -- as received
    PRIMARY KEY (system_id, name_hash, object_id, attribute_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX connector_unresolved_by_object ON connector_unresolved (object_id);

-- Objects that changed since their last synchronisation.
CREATE TABLE connector_waiting (object_id INTEGER PRIMARY KEY) STRICT;

-- Ids of objects: the next one, and the last whose head and name are written. Those above it get theirs at the next import.
CREATE TABLE connector_ids (
    system_id  INTEGER PRIMARY KEY,
    next       INTEGER NOT NULL,
    indexed_to INTEGER NOT NULL
) STRICT;

-- Numbers of objects, kept in the transactions that change them. A partition of 0 means none.
CREATE TABLE connector_counts (
    system_id    INTEGER NOT NULL,
    partition_id INTEGER NOT NULL,
    type_id      INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    n            INTEGER NOT NULL CHECK (n >= 0),
    PRIMARY KEY (system_id, partition_id, type_id, status)
) STRICT, WITHOUT ROWID;

-- Removals that the brake held back. A row goes when its object is seen again or the removal is applied.
CREATE TABLE held_removals (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    system_id      INTEGER NOT NULL,
    object_id      INTEGER NOT NULL,
    attribute_id   INTEGER,                  -- null: the object itself
    activity_id    TEXT    NOT NULL,         -- the latest run that held it
    region         TEXT    NOT NULL,         -- for people
    held_since     TEXT    NOT NULL,
    approved_by    TEXT,
    approved_until TEXT,
    UNIQUE (object_id, attribute_id)
) STRICT;
CREATE INDEX held_removals_by_system ON held_removals (system_id);
CREATE INDEX held_removals_by_activity ON held_removals (activity_id);

-- Removals applied without an approval, for the limits of a day.
CREATE TABLE applied_removals (
    system_id    INTEGER NOT NULL,
    partition_id INTEGER NOT NULL,           -- 0 means none
    type_id      INTEGER NOT NULL,
    applied_at   TEXT    NOT NULL,
    n            INTEGER NOT NULL,
    PRIMARY KEY (system_id, partition_id, type_id, applied_at)
) STRICT, WITHOUT ROWID;
