//! API keys and their roles. The clear key is never here.

use rusqlite::{Connection, Row, named_params};
use time::OffsetDateTime;
use uuid::Uuid;

use super::sql::{date, execute, find as find_row, optional_date, query, to_text, uuid};
use crate::db::Tx;
use crate::error::{Error, Result};

#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: Uuid,
    /// Unique ignoring case.
    pub name: String,
    pub description: Option<String>,
    /// Its first characters, for display.
    pub key_prefix: String,
    /// PHC string of argon2id.
    pub hash: String,
    /// Master key from which the pepper of the hash was derived.
    pub pepper_kid: u32,
    pub created_at: OffsetDateTime,
    pub expires_at: Option<OffsetDateTime>,
    /// Stored up to a minute late.
    pub last_used_at: Option<OffsetDateTime>,
    pub last_used_from_ip: Option<String>,
    pub is_enabled: bool,
    /// Created from the operator's environment.
    pub is_infrastructure: bool,
    /// Ascending.
    pub roles: Vec<i64>,
}

const BY_ID: &str =
    "SELECT k.id, k.name, k.description, k.key_prefix, k.hash, k.pepper_kid, k.created_at, k.expires_at,
        k.last_used_at, k.last_used_from_ip, k.is_enabled, k.is_infrastructure,
        (SELECT group_concat(role_id) FROM (SELECT role_id FROM api_key_roles WHERE key_id = k.id ORDER BY role_id))
    FROM api_keys k WHERE k.id = ?1";
const BY_LOOKUP: &str = "SELECT id FROM api_keys WHERE lookup = ?1";
const LIST: &str = "SELECT id FROM api_keys ORDER BY name_folded";

fn from_row(r: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let roles: Option<String> = r.get(12)?;
    Ok(ApiKey {
        id: uuid(r, 0)?,
        name: r.get(1)?,
        description: r.get(2)?,
        key_prefix: r.get(3)?,
        hash: r.get(4)?,
        pepper_kid: r.get(5)?,
        created_at: date(r, 6)?,
        expires_at: optional_date(r, 7)?,
        last_used_at: optional_date(r, 8)?,
        last_used_from_ip: r.get(9)?,
        is_enabled: r.get(10)?,
        is_infrastructure: r.get(11)?,
        roles: roles.unwrap_or_default().split(',').filter_map(|id| id.parse().ok()).collect(),
    })
}

pub fn find(c: &Connection, id: Uuid) -> Result<Option<ApiKey>> {
    find_row(c, BY_ID, [id.to_string()], from_row)
}

/// One key, or "not found".
pub fn get(c: &Connection, id: Uuid) -> Result<ApiKey> {
    find(c, id)?.ok_or_else(|| Error::not_found("API key", id))
}

/// Id of the key with one of these lookups, tried in order.
pub fn by_lookups(c: &Connection, lookups: &[Vec<u8>]) -> Result<Option<Uuid>> {
    lookups.iter().find_map(|lookup| find_row(c, BY_LOOKUP, [lookup], |r| uuid(r, 0)).transpose()).transpose()
}

/// All keys, by name.
pub fn list(c: &Connection) -> Result<Vec<ApiKey>> {
    let ids: Vec<Uuid> = query(c, LIST, [], |r| uuid(r, 0))?;
    ids.into_iter().map(|id| get(c, id)).collect()
}

pub fn none_exist(c: &Connection) -> Result<bool> {
    Ok(!c.prepare_cached("SELECT 1 FROM api_keys")?.exists([])?)
}

/// Whether another key has this name, ignoring case.
pub fn name_taken(c: &Connection, name: &str, except: Option<Uuid>) -> Result<bool> {
    const SQL: &str = "SELECT 1 FROM api_keys WHERE name_folded = ?1 AND id IS NOT ?2";
    Ok(c.prepare_cached(SQL)?.exists((name.to_lowercase(), except.map(|id| id.to_string())))?)
}

/// Stores a new key with its lookup value.
pub fn insert(tx: &Tx<'_>, key: &ApiKey, lookup: &[u8]) -> Result<()> {
    const SQL: &str = "INSERT INTO api_keys (id, name, name_folded, description, key_prefix, lookup, hash, pepper_kid,
            created_at, expires_at, is_enabled, is_infrastructure)
        VALUES (:id, :name, :folded, :description, :prefix, :lookup, :hash, :kid, :created, :expires, :enabled, :infra)";
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":id": key.id.to_string(),
        ":name": key.name,
        ":folded": key.name.to_lowercase(),
        ":description": key.description,
        ":prefix": key.key_prefix,
        ":lookup": lookup,
        ":hash": key.hash,
        ":kid": key.pepper_kid,
        ":created": to_text(key.created_at),
        ":expires": key.expires_at.map(to_text),
        ":enabled": key.is_enabled,
        ":infra": key.is_infrastructure,
    })?;
    set_roles(tx, key.id, &key.roles)
}

/// Stores name, description, expiry, enabled flag and roles.
pub fn update(tx: &Tx<'_>, key: &ApiKey) -> Result<()> {
    const SQL: &str =
        "UPDATE api_keys SET name = ?2, name_folded = ?3, description = ?4, expires_at = ?5, is_enabled = ?6
        WHERE id = ?1";
    let (folded, expires) = (key.name.to_lowercase(), key.expires_at.map(to_text));
    execute(tx, SQL, (key.id.to_string(), &key.name, folded, &key.description, expires, key.is_enabled))?;
    set_roles(tx, key.id, &key.roles)
}

fn set_roles(tx: &Tx<'_>, id: Uuid, roles: &[i64]) -> Result<()> {
    const INSERT: &str = "INSERT INTO api_key_roles (key_id, role_id) VALUES (?1, ?2)";
    execute(tx, "DELETE FROM api_key_roles WHERE key_id = ?1", [id.to_string()])?;
    roles.iter().try_for_each(|role| execute(tx, INSERT, (id.to_string(), role)))
}

/// Replaces hash and lookup value of a key, unless the hash has changed meanwhile.
pub fn rehash(tx: &Tx<'_>, id: Uuid, old: &str, hash: &str, kid: u32, lookup: &[u8]) -> Result<()> {
    const SQL: &str = "UPDATE api_keys SET hash = ?3, pepper_kid = ?4, lookup = ?5 WHERE id = ?1 AND hash = ?2";
    execute(tx, SQL, (id.to_string(), old, hash, kid, lookup))
}

pub fn delete(tx: &Tx<'_>, id: Uuid) -> Result<()> {
    execute(tx, "DELETE FROM api_keys WHERE id = ?1", [id.to_string()])
}

/// Number of enabled, unexpired keys with this role.
pub fn usable_holders(c: &Connection, role: i64, now: OffsetDateTime) -> Result<i64> {
    const SQL: &str = "SELECT count(*) FROM api_keys k JOIN api_key_roles r ON r.key_id = k.id
        WHERE r.role_id = ?1 AND k.is_enabled = 1 AND (k.expires_at IS NULL OR k.expires_at > ?2)";
    Ok(c.prepare_cached(SQL)?.query_row((role, to_text(now)), |r| r.get(0))?)
}

/// Number of keys with this role.
pub fn holders(c: &Connection, role: i64) -> Result<i64> {
    Ok(c.prepare_cached("SELECT count(*) FROM api_key_roles WHERE role_id = ?1")?.query_row([role], |r| r.get(0))?)
}

/// Stores the last use of a key.
pub fn used(tx: &Tx<'_>, id: Uuid, at: OffsetDateTime, from: &str) -> Result<()> {
    const SQL: &str = "UPDATE api_keys SET last_used_at = ?2, last_used_from_ip = ?3 WHERE id = ?1";
    execute(tx, SQL, (id.to_string(), to_text(at), from))
}
