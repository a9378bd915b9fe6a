//! A connected system as everybody but the store and the wire sees it.

use super::setting::{Value, Values};

/// The fields that creating and updating share, already checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// 1-200 code points, trimmed.
    pub name: Option<String>,
    /// At most 1000 code points.
    pub description: Option<String>,
    /// 1-16.
    pub max_export_parallelism: Option<i64>,
}

/// A stored setting. What is sealed stays sealed until a bind needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredValue {
    /// An open value.
    Open(Value),
    /// A secret.
    Sealed {
        /// The sealed bytes.
        sealed: Vec<u8>,
        /// The target changed since it was stored: it must be sent again before it is used.
        needs_reentry: bool,
    },
}

/// The stored settings of one system by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(pub std::collections::BTreeMap<i64, StoredValue>);

impl Settings {
    /// The open values.
    pub fn values(&self) -> Values {
        let open = |(id, v): (&i64, &StoredValue)| match v {
            StoredValue::Open(value) => Some((*id, value.clone())),
            StoredValue::Sealed { .. } => None,
        };
        Values(self.0.iter().filter_map(open).collect())
    }

    /// A sealed value and whether it must be sent again.
    pub fn sealed(&self, id: i64) -> Option<(&[u8], bool)> {
        match self.0.get(&id) {
            Some(StoredValue::Sealed { sealed, needs_reentry }) => Some((sealed, *needs_reentry)),
            _ => None,
        }
    }
}
