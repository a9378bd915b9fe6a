//! Raw values of file and environment before validation: the known keys, and the origin of each value.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::INFRASTRUCTURE_KEY;

pub(super) const KEYS: [(&str, &str); 19] = [
    ("server", "listen"),
    ("server", "insecure_http"),
    ("server", "tls_certificate"),
    ("server", "tls_key"),
    ("server", "trusted_proxies"),
    ("database", "path"),
    ("keys", "path"),
    ("ldap", "trust_dir"),
    ("ldap", "allow"),
    ("files", "root"),
    ("docs", "enabled"),
    ("limits", "connections"),
    ("limits", "connections_per_address"),
    ("limits", "import_entries"),
    ("limits", "import_mib"),
    ("runs", "parallel"),
    ("metrics", "listen"),
    ("log", "format"),
    ("log", "filter"),
];

pub(super) type RawValues = BTreeMap<(&'static str, &'static str), Given>;

/// Raw value, with the origin that an error message names.
pub(super) struct Given {
    pub(super) value: RawValue,
    pub(super) origin: String,
    pub(super) from_environment: bool,
}

pub(super) enum RawValue {
    Text(String),
    Flag(bool),
    Number(u64),
    List(Vec<String>),
    Other,
}

impl From<&DeValue<'_>> for RawValue {
    fn from(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => RawValue::Text(text.as_ref().to_owned()),
            DeValue::Boolean(flag) => RawValue::Flag(*flag),
            DeValue::Integer(number) => {
                u64::from_str_radix(number.as_str(), number.radix()).map_or(RawValue::Other, RawValue::Number)
            }
            DeValue::Array(values) => {
                let texts = values.iter().map(|v| v.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map_or(RawValue::Other, RawValue::List)
            }
            _ => RawValue::Other,
        }
    }
}

/// Reads the file; an unknown key is an error.
pub(super) fn read_file(file: &Path, bytes: &[u8], given: &mut RawValues, problems: &mut Vec<String>) {
    let line = |at: usize| bytes.iter().take(at).filter(|b| **b == b'\n').count() + 1;
    let place = |at: usize| format!("{}:{}", file.display(), line(at));
    let text = std::str::from_utf8(bytes).map_err(|e| format!("{}: is not valid UTF-8", place(e.valid_up_to())));
    let syntax = |e: toml::de::Error| format!("{}: {}", place(e.span().map_or(0, |s| s.start)), e.message());
    let table = match text.and_then(|text| DeTable::parse(text).map_err(syntax)) {
        Ok(table) => table.into_inner(),
        Err(problem) => return problems.push(problem),
    };
    for (name, keys) in &table {
        let (section, at) = (name.get_ref().as_ref(), place(name.span().start));
        let Some(keys) = keys.get_ref().as_table() else {
            problems.push(format!("{at}: {section} is in no section; write it below [server] or another"));
            continue;
        };
        let known: Vec<_> = KEYS.iter().filter(|(s, _)| *s == section).collect();
        if known.is_empty() {
            let mut sections: Vec<&str> = KEYS.iter().map(|(s, _)| *s).collect();
            sections.dedup();
            problems.push(format!("{at}: unknown section [{section}]; there are {}", sections.join(", ")));
            continue;
        }
        for (key, value) in keys {
            let (key, at) = (key.get_ref().as_ref(), place(value.span().start));
            if let Some(known) = known.iter().find(|(_, k)| *k == key) {
                let origin = format!("{at}: [{section}] {key}");
                given.insert(**known, Given { value: value.get_ref().into(), origin, from_environment: false });
            } else {
                let known = known.iter().map(|(_, k)| *k).collect::<Vec<_>>().join(", ");
                problems.push(format!("{at}: unknown key {key} in [{section}]; there are {known}"));
            }
        }
    }
}

/// Name of the environment variable of a key.
pub(super) fn variable(section: &str, key: &str) -> String {
    format!("JIM_{}_{}", section.to_uppercase(), key.to_uppercase())
}

/// Reads the environment, which overrides the file; returns the unknown `JIM_*` variables.
pub(super) fn read_environment(
    environment: impl Iterator<Item = (String, String)>,
    given: &mut RawValues,
) -> Vec<String> {
    let mut unknown = Vec::new();
    for (name, value) in environment.filter(|(n, _)| n.starts_with("JIM_") && n != INFRASTRUCTURE_KEY) {
        match KEYS.iter().find(|(section, key)| variable(section, key) == name) {
            Some(key) => {
                given.insert(*key, Given { value: RawValue::Text(value), origin: name, from_environment: true });
            }
            None => unknown.push(name),
        }
    }
    unknown
}
