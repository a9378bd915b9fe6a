//! GUIDs of rows: version 8 (RFC 9562, 5.8) of 48 random bits of the database, a tag of the table, and the id of the row.

use rusqlite::Connection;
use uuid::Uuid;

use crate::error::Result;

const LOW_62: u64 = (1 << 62) - 1;

/// Table of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    ConnectorObject = 1,
    Run = 2,
    ActivityItem = 3,
    Deletion = 4,
}

/// GUIDs of one database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guids {
    prefix: u64,
}

impl Guids {
    pub(crate) fn load(c: &Connection) -> Result<Guids> {
        let mut statement = c.prepare_cached("SELECT guid_prefix FROM random_parts")?;
        let prefix: i64 = statement.query_row([], |r| r.get(0))?;
        Ok(Guids { prefix: prefix.cast_unsigned() })
    }

    /// GUID of a row, whose id has at most 62 bits.
    pub(crate) fn of(self, tag: Tag, id: i64) -> Uuid {
        let high = self.prefix << 16 | 8 << 12 | tag as u64;
        Uuid::from_u64_pair(high, 0b10 << 62 | id.cast_unsigned() & LOW_62)
    }

    /// Id of the row of a GUID, unless it is one of another database, table or kind.
    pub(crate) fn id(self, tag: Tag, guid: Uuid) -> Option<i64> {
        let id = (guid.as_u64_pair().1 & LOW_62).cast_signed();
        (self.of(tag, id) == guid).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_leads_back_to_its_row_only() {
        let guids = Guids { prefix: 0xabcd_ef01_2345 };
        for id in [0, 1, 1 << 40 | 7, (1 << 62) - 1] {
            let guid = guids.of(Tag::ConnectorObject, id);
            assert_eq!((guid.get_version_num(), guid.get_variant()), (8, uuid::Variant::RFC4122));
            assert_eq!(guids.id(Tag::ConnectorObject, guid), Some(id));
            assert_eq!(guids.id(Tag::ActivityItem, guid), None);
            assert_eq!(Guids { prefix: 1 }.id(Tag::ConnectorObject, guid), None);
        }
        assert_eq!(guids.id(Tag::Run, Uuid::nil()), None);
    }
}
