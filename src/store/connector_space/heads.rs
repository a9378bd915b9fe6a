//! Heads: external key and hash of each object, which an import loads with one scan.

use std::collections::HashSet;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{Ids, StoredObject, object, range_of, set_ids};
use crate::db::Tx;
use crate::domain::connector_space::{ExternalId, ReadObject, RowId};
use crate::domain::dn::DnKey;
use crate::domain::text::fold;
use crate::error::Result;
use crate::store::sql::{execute, query};

/// What an import knows of a stored object before it reads the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub key: [u8; 16],
    pub object: RowId,
    /// 0: the object is compared value by value.
    pub hash: i64,
}

/// Head of a new object, and the hash of the name that references use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NewHead {
    pub head: Head,
    pub name: i64,
}

/// Hashes of keys, names and objects, which depend on a secret of the database.
#[derive(Clone)]
pub(crate) struct Hasher {
    keyed: Sha256,
}

impl Hasher {
    pub(crate) fn load(c: &Connection) -> Result<Hasher> {
        let mut statement = c.prepare_cached("SELECT hash_key FROM random_parts")?;
        let key: [u8; 16] = statement.query_row([], |r| r.get(0))?;
        Ok(Hasher { keyed: Sha256::new().chain_update(key) })
    }

    /// Key of an identity (contract, 21): the directory's own id, else type and folded text.
    pub(crate) fn external_key(&self, object_type: RowId, id: &ExternalId) -> [u8; 16] {
        if let Some(own) = id.own {
            return own_id(&id.text).unwrap_or(own);
        }
        let digest = self.keyed.clone().chain_update(object_type.to_be_bytes()).chain_update(fold(&id.text)).finalize();
        *digest.first_chunk().unwrap_or(&[0; 16])
    }

    /// Hash of a name as references use it: the DN, or for a file the external id.
    pub(crate) fn dn(&self, dn: &DnKey) -> i64 {
        self.short(|hash| hash.update(dn.as_str()))
    }

    pub(crate) fn text(&self, text: &str) -> i64 {
        self.short(|hash| hash.update(fold(text)))
    }

    /// Hash of all that was read of an object; never 0.
    pub(crate) fn object(&self, object: &ReadObject) -> i64 {
        let hash = self.short(|hash| {
            let part = |hash: &mut Sha256, bytes: &[u8]| {
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            };
            hash.update(object.object_type.to_be_bytes());
            hash.update(object.partition.unwrap_or_default().to_be_bytes());
            part(hash, object.external_id.text.as_bytes());
            part(hash, object.dn.as_deref().unwrap_or_default().as_bytes());
            part(hash, object.values.as_bytes());
            for (attribute, names) in &object.references {
                hash.update(attribute.to_be_bytes());
                hash.update((names.len() as u64).to_be_bytes());
                names.iter().for_each(|name| part(hash, name.as_bytes()));
            }
        });
        if hash == 0 { 1 } else { hash }
    }

    fn short(&self, feed: impl FnOnce(&mut Sha256)) -> i64 {
        let mut hash = self.keyed.clone();
        feed(&mut hash);
        i64::from_be_bytes(*hash.finalize().first_chunk().unwrap_or(&[0; 8]))
    }
}

/// Bytes of the text form of a directory's own id, with or without hyphens.
pub(crate) fn own_id(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    u128::from_str_radix(&digits, 16).ok().filter(|_| plain).map(u128::to_be_bytes)
}

/// Heads of a system, ascending by key.
pub(crate) fn heads(c: &Connection, system: i64) -> Result<Vec<Head>> {
    const SQL: &str = "SELECT external_key, object_id, hash FROM connector_heads WHERE system_id = ?1
        ORDER BY external_key";
    query(c, SQL, [system], |r| Ok(Head { key: r.get(0)?, object: r.get(1)?, hash: r.get(2)? }))
}

/// Inserts heads and names of new objects, sorted, and records how far they go.
pub(crate) fn add_heads(tx: &Tx<'_>, system: i64, new: &mut [NewHead], ids: Ids) -> Result<()> {
    const HEAD: &str = "INSERT OR REPLACE INTO connector_heads (system_id, external_key, object_id, hash)
        VALUES (?1, ?2, ?3, ?4)";
    const NAME: &str = "INSERT OR IGNORE INTO connector_names (system_id, name_hash, object_id) VALUES (?1, ?2, ?3)";
    new.sort_unstable_by_key(|n| n.head.key);
    let mut insert = tx.prepare_cached(HEAD)?;
    for NewHead { head, .. } in new.iter() {
        insert.execute((system, head.key, head.object, head.hash))?;
    }
    new.sort_unstable_by_key(|n| (n.name, n.head.object));
    let mut insert = tx.prepare_cached(NAME)?;
    for NewHead { head, name } in new.iter() {
        insert.execute((system, name, head.object))?;
    }
    set_ids(tx, system, ids)
}

/// Stores the hash of an object.
pub(crate) fn set_hash(tx: &Tx<'_>, system: i64, key: &[u8; 16], hash: i64) -> Result<()> {
    execute(tx, "UPDATE connector_heads SET hash = ?3 WHERE system_id = ?1 AND external_key = ?2", (system, key, hash))
}

/// Marks objects as ones that are compared value by value.
pub(crate) fn clear_hashes(tx: &Tx<'_>, system: i64, objects: &HashSet<RowId>) -> Result<()> {
    let mut clear =
        tx.prepare_cached("UPDATE connector_heads SET hash = 0 WHERE system_id = ?1 AND external_key = ?2")?;
    for head in heads(tx, system)?.iter().filter(|head| objects.contains(&head.object)) {
        clear.execute((system, head.key))?;
    }
    Ok(())
}

/// Objects of a system whose heads and names a crash lost.
pub(crate) fn unindexed(c: &Connection, system: i64, indexed_to: RowId) -> Result<Vec<StoredObject>> {
    const SQL: &str = "SELECT id, type_id, partition_id, status, created, updated, external_id, secondary_id,
            display_name, attributes
        FROM connector_objects WHERE id > ?1 AND id <= ?2 ORDER BY id";
    query(c, SQL, (indexed_to, range_of(system).1), object)
}
