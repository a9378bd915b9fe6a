//! Settings of a connected system, independent of store and JSON.

use super::setting::{Value, Values};

/// Fields common to creation and update, already validated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    pub name: Option<String>,
    pub description: Option<String>,
    pub max_export_parallelism: Option<i64>,
}

/// A stored setting. A secret stays sealed until a bind needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredValue {
    Open(Value),
    Sealed {
        sealed: Vec<u8>,
        /// The connection target changed since it was stored: it must be entered again before use.
        needs_reentry: bool,
    },
}

/// Stored settings of one connected system, by setting id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(pub std::collections::BTreeMap<i64, StoredValue>);

impl Settings {
    pub fn values(&self) -> Values {
        let open = |(id, v): (&i64, &StoredValue)| match v {
            StoredValue::Open(value) => Some((*id, value.clone())),
            StoredValue::Sealed { .. } => None,
        };
        Values(self.0.iter().filter_map(open).collect())
    }

    /// A sealed value, and whether it must be entered again.
    pub fn sealed(&self, id: i64) -> Option<(&[u8], bool)> {
        match self.0.get(&id) {
            Some(StoredValue::Sealed { sealed, needs_reentry }) => Some((sealed, *needs_reentry)),
            _ => None,
        }
    }
}
