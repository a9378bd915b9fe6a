//! Built-in connectors: ids, settings and capabilities. All are interface and never change.

use crate::domain::setting::{Category, Kind, Preset, Setting};

pub mod ldap_setting {
    pub const HOST: i64 = 1;
    pub const USERNAME: i64 = 2;
    pub const PASSWORD: i64 = 3;
    pub const PORT: i64 = 4;
    pub const SKIP_HIDDEN_PARTITIONS: i64 = 5;
    pub const CERTIFICATE_VALIDATION: i64 = 6;
    pub const CONNECTION_TIMEOUT: i64 = 7;
    pub const AUTHENTICATION_TYPE: i64 = 8;
    pub const SEARCH_TIMEOUT: i64 = 9;
    pub const MAXIMUM_RETRIES: i64 = 11;
    pub const RETRY_DELAY: i64 = 12;
    pub const INCLUDE_AUXILIARY_CLASSES: i64 = 13;
    pub const START_TLS: i64 = 15;
    pub const GROUP_PLACEHOLDER: i64 = 20;
    pub const LDAPS: i64 = 21;
}

pub mod file_setting {
    pub const FILE_PATH: i64 = 101;
    pub const MODE: i64 = 102;
    pub const OBJECT_TYPE_COLUMN: i64 = 103;
    pub const OBJECT_TYPE: i64 = 104;
    pub const CULTURE: i64 = 105;
    pub const STOP_ON_FIRST_ERROR: i64 = 106;
    pub const DELIMITER: i64 = 107;
    pub const MULTI_VALUE_DELIMITER: i64 = 108;
    pub const ENCODING: i64 = 109;
}

pub const LDAP: i64 = 3;
pub const FILE: i64 = 1;

#[derive(Debug, Clone, Copy, Default)]
pub struct Capabilities {
    pub full_import: bool,
    pub delta_import: bool,
    pub export: bool,
    pub partitions: bool,
    pub partition_containers: bool,
    pub secondary_external_id: bool,
    pub user_selected_external_id: bool,
    pub user_selected_attribute_types: bool,
    pub auto_confirm_export: bool,
    pub parallel_export: bool,
    pub paging: bool,
    pub file_paths: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectorKind {
    File,
    Ldap,
}

#[derive(Debug)]
pub struct Definition {
    pub id: i64,
    pub kind: ConnectorKind,
    /// Case-sensitive in look-ups.
    pub name: &'static str,
    pub description: &'static str,
    pub capabilities: Capabilities,
    /// In the order of ids.
    pub settings: &'static [Setting],
}

impl Definition {
    pub fn setting(&self, id: i64) -> Option<&'static Setting> {
        self.settings.iter().find(|s| s.id == id)
    }
}

pub static ALL: [Definition; 2] = [
    Definition {
        id: FILE,
        kind: ConnectorKind::File,
        name: "JIM File Connector",
        description: "Reads and writes delimited text files",
        capabilities: Capabilities {
            full_import: true,
            export: true,
            user_selected_external_id: true,
            user_selected_attribute_types: true,
            auto_confirm_export: true,
            file_paths: true,
            ..NONE
        },
        settings: &FILE_SETTINGS,
    },
    Definition {
        id: LDAP,
        kind: ConnectorKind::Ldap,
        name: "JIM LDAP Connector",
        description: "Connects to LDAP directories: OpenLDAP, Active Directory, Samba AD, 389 Directory Server",
        capabilities: Capabilities {
            full_import: true,
            delta_import: true,
            export: true,
            partitions: true,
            partition_containers: true,
            secondary_external_id: true,
            parallel_export: true,
            paging: true,
            ..NONE
        },
        settings: &LDAP_SETTINGS,
    },
];

pub fn by_id(id: i64) -> Option<&'static Definition> {
    ALL.iter().find(|d| d.id == id)
}

pub fn by_name(name: &str) -> Option<&'static Definition> {
    ALL.iter().find(|d| d.name == name)
}

const NONE: Capabilities = Capabilities {
    full_import: false,
    delta_import: false,
    export: false,
    partitions: false,
    partition_containers: false,
    secondary_external_id: false,
    user_selected_external_id: false,
    user_selected_attribute_types: false,
    auto_confirm_export: false,
    parallel_export: false,
    paging: false,
    file_paths: false,
};

use Category::{Connectivity, Export, General, Import};

const fn setting(id: i64, name: &'static str, category: Category, kind: Kind, description: &'static str) -> Setting {
    Setting {
        id,
        name,
        description,
        category,
        kind,
        required: false,
        preset: Preset::Unset,
        range: None,
        choices: &[],
        trimmed: !matches!(kind, Kind::Secret),
        target: false,
    }
}

const fn text(id: i64, name: &'static str, category: Category, description: &'static str) -> Setting {
    setting(id, name, category, Kind::Text, description)
}

const fn number(
    id: i64,
    name: &'static str,
    category: Category,
    preset: i64,
    range: (i64, i64),
    description: &'static str,
) -> Setting {
    let s = setting(id, name, category, Kind::Integer, description);
    Setting { preset: Preset::Integer(preset), range: Some(range), ..s }
}

const fn switch(id: i64, name: &'static str, category: Category, on: bool, description: &'static str) -> Setting {
    Setting { preset: Preset::Flag(on), ..setting(id, name, category, Kind::CheckBox, description) }
}

const fn choice(
    id: i64,
    name: &'static str,
    category: Category,
    choices: &'static [&'static str],
    description: &'static str,
) -> Setting {
    Setting { choices, ..setting(id, name, category, Kind::DropDown, description) }
}

const fn required(s: Setting) -> Setting {
    Setting { required: true, ..s }
}

const fn target(s: Setting) -> Setting {
    Setting { target: true, ..s }
}

const fn preset(s: Setting, value: &'static str) -> Setting {
    Setting { preset: Preset::Text(value), ..s }
}

const fn untrimmed(s: Setting) -> Setting {
    Setting { trimmed: false, ..s }
}

static LDAP_SETTINGS: [Setting; 21] = [
    target(required(text(1, "Host", Connectivity, "Server name, address or URL of the directory"))),
    target(required(text(2, "Username", Connectivity, "Bind identity: a DN, a UPN or DOMAIN\\user"))),
    required(setting(3, "Password", Connectivity, Kind::Secret, "Bind password")),
    target(required(number(4, "Port", Connectivity, 389, (1, 65535), "389 chooses the port by the transport"))),
    switch(5, "Skip Hidden Partitions", General, true, "Do not add technical partitions"),
    target(choice(
        6,
        "Certificate Validation",
        Connectivity,
        &["Full Validation", "Skip Validation (Not Recommended)"],
        "None means full validation",
    )),
    required(number(7, "Connection Timeout", Connectivity, 10, (1, 300), "Seconds to connect, secure and bind")),
    preset(
        required(choice(8, "Authentication Type", Connectivity, &["Simple", "NTLM"], "How the bind is made")),
        "Simple",
    ),
    number(9, "Search Timeout", General, 300, (1, 3600), "Seconds for a whole import"),
    number(10, "Import Concurrency", General, 4, (1, 64), "Parallel connections on object import"),
    number(11, "Maximum Retries", General, 3, (0, 10), "For transient faults only"),
    number(12, "Retry Delay (ms)", General, 1000, (0, 60000), "First delay; it doubles"),
    switch(13, "Include Auxiliary Classes", General, false, "Auxiliary classes become object types too"),
    switch(14, "Create containers as needed?", General, false, "Create missing parents on export"),
    target(switch(15, "Use StartTLS?", Connectivity, false, "TLS upgrade on the plain port")),
    choice(16, "Delete Behaviour", Export, &["Delete", "Disable"], "None means delete"),
    preset(text(17, "Disable Attribute", Export, "Attribute set when the behaviour is Disable"), "userAccountControl"),
    number(18, "Export Concurrency", Export, 4, (1, 64), "Parallel operations on export"),
    number(19, "Modify Batch Size", Export, 100, (1, 5000), "Values per modify request"),
    preset(
        text(
            ldap_setting::GROUP_PLACEHOLDER,
            "Group Placeholder Member DN",
            Export,
            "Member for groups that must not be empty",
        ),
        "cn=placeholder",
    ),
    target(switch(21, "Use Secure Connection (LDAPS)?", Connectivity, false, "TLS from the first byte")),
];

static FILE_SETTINGS: [Setting; 9] = [
    required(setting(101, "File Path", General, Kind::File, "Path below the connector files folder")),
    preset(
        required(choice(102, "Mode", General, &["Import Only", "Export Only", "Bidirectional"], "Direction of use")),
        "Import Only",
    ),
    text(103, "Object Type Column", General, "Column that names each row's type"),
    text(104, "Object Type", General, "One fixed type name; wins over Object Type Column"),
    text(105, "Culture", General, "How numbers and dates are read; none means invariant"),
    switch(file_setting::STOP_ON_FIRST_ERROR, "Stop On First Error", Import, false, "Stop at the first bad row"),
    preset(untrimmed(text(107, "Delimiter", General, "Column separator")), ","),
    preset(untrimmed(text(108, "Multi-Value Delimiter", General, "Separates values in a cell")), "|"),
    preset(
        choice(
            file_setting::ENCODING,
            "Encoding",
            General,
            &["UTF-8", "Windows-1252", "ISO-8859-1", "UTF-16"],
            "How characters are written; none means UTF-8",
        ),
        "UTF-8",
    ),
];
