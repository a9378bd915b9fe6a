//! Certificates that count for connections to directories. A certificate is public; its private key is never here.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use time::OffsetDateTime;
use uuid::Uuid;

use super::columns::{date, uuid};
use super::timestamp::to_text;
use crate::db::Tx;
use crate::error::{Error, Result};

/// Certificate without its DER form.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub id: Uuid,
    /// For people; need not be unique.
    pub name: String,
    /// SHA-1 in upper-case hexadecimal, unique.
    pub thumbprint: String,
    pub subject: String,
    pub issuer: String,
    /// Upper-case hexadecimal.
    pub serial_number: String,
    pub valid_from: OffsetDateTime,
    pub valid_to: OffsetDateTime,
    /// Certificate authority.
    pub is_authority: bool,
    /// File that must still hold it; `None` if it was uploaded.
    pub file_path: Option<String>,
    pub is_enabled: bool,
    pub created_at: OffsetDateTime,
    /// Name of the API key that added it.
    pub created_by: Option<String>,
    pub notes: Option<String>,
}

/// Columns in the order of [`from_row`].
macro_rules! columns {
    () => {
        "SELECT id, name, thumbprint, subject, issuer, serial_number, valid_from, valid_to, is_authority, file_path,
            is_enabled, created_at, created_by, notes"
    };
}
const LIST: &str = concat!(columns!(), " FROM certificates ORDER BY created_at, id");
const BY_ID: &str = concat!(columns!(), " FROM certificates WHERE id = ?1");
const IN_USE: &str = concat!(columns!(), ", der FROM certificates WHERE is_enabled = 1");

fn from_row(r: &Row<'_>) -> rusqlite::Result<Certificate> {
    Ok(Certificate {
        id: uuid(r, 0)?,
        name: r.get(1)?,
        thumbprint: r.get(2)?,
        subject: r.get(3)?,
        issuer: r.get(4)?,
        serial_number: r.get(5)?,
        valid_from: date(r, 6)?,
        valid_to: date(r, 7)?,
        is_authority: r.get(8)?,
        file_path: r.get(9)?,
        is_enabled: r.get(10)?,
        created_at: date(r, 11)?,
        created_by: r.get(12)?,
        notes: r.get(13)?,
    })
}

/// All certificates, oldest first.
pub fn list(c: &Connection) -> Result<Vec<Certificate>> {
    let mut statement = c.prepare_cached(LIST)?;
    let rows = statement.query_map([], from_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One certificate, or "not found".
pub fn get(c: &Connection, id: Uuid) -> Result<Certificate> {
    let found = c.prepare_cached(BY_ID)?.query_row([id.to_string()], from_row).optional()?;
    found.ok_or_else(|| Error::not_found("certificate", id))
}

/// DER form of a certificate.
pub fn der(c: &Connection, id: Uuid) -> Result<Vec<u8>> {
    const SQL: &str = "SELECT der FROM certificates WHERE id = ?1";
    let found = c.prepare_cached(SQL)?.query_row([id.to_string()], |r| r.get(0)).optional()?;
    found.ok_or_else(|| Error::not_found("certificate", id))
}

/// DER forms of the certificates of a subject, by its text.
pub fn of_subject(c: &Connection, subject: &str) -> Result<Vec<Vec<u8>>> {
    let mut statement = c.prepare_cached("SELECT der FROM certificates WHERE subject = ?1")?;
    let rows = statement.query_map([subject], |r| r.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Enabled certificates with their DER forms.
pub fn in_use(c: &Connection) -> Result<Vec<(Certificate, Vec<u8>)>> {
    let mut statement = c.prepare_cached(IN_USE)?;
    let rows = statement.query_map([], |r| Ok((from_row(r)?, r.get(14)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub fn count(c: &Connection) -> Result<i64> {
    Ok(c.prepare_cached("SELECT count(*) FROM certificates")?.query_row([], |r| r.get(0))?)
}

/// Whether a certificate with this thumbprint is stored.
pub fn is_stored(c: &Connection, thumbprint: &str) -> Result<bool> {
    Ok(c.prepare_cached("SELECT 1 FROM certificates WHERE thumbprint = ?1")?.exists([thumbprint])?)
}

pub fn insert(tx: &Tx<'_>, certificate: &Certificate, der: &[u8]) -> Result<()> {
    const SQL: &str = "INSERT INTO certificates (id, name, thumbprint, der, subject, issuer, serial_number, valid_from,
            valid_to, is_authority, file_path, is_enabled, created_at, created_by, notes)
        VALUES (:id, :name, :thumbprint, :der, :subject, :issuer, :serial, :from, :to, :authority, :path, :enabled,
            :created, :by, :notes)";
    tx.prepare_cached(SQL)?.execute(named_params! {
        ":id": certificate.id.to_string(),
        ":name": certificate.name,
        ":thumbprint": certificate.thumbprint,
        ":der": der,
        ":subject": certificate.subject,
        ":issuer": certificate.issuer,
        ":serial": certificate.serial_number,
        ":from": to_text(certificate.valid_from),
        ":to": to_text(certificate.valid_to),
        ":authority": certificate.is_authority,
        ":path": certificate.file_path,
        ":enabled": certificate.is_enabled,
        ":created": to_text(certificate.created_at),
        ":by": certificate.created_by,
        ":notes": certificate.notes,
    })?;
    Ok(())
}

/// Stores name, notes and enabled flag.
pub fn update(tx: &Tx<'_>, certificate: &Certificate) -> Result<()> {
    const SQL: &str = "UPDATE certificates SET name = ?2, notes = ?3, is_enabled = ?4 WHERE id = ?1";
    let c = certificate;
    tx.prepare_cached(SQL)?.execute((c.id.to_string(), &c.name, &c.notes, c.is_enabled))?;
    Ok(())
}

pub fn delete(tx: &Tx<'_>, id: Uuid) -> Result<()> {
    tx.prepare_cached("DELETE FROM certificates WHERE id = ?1")?.execute([id.to_string()])?;
    Ok(())
}
