//! Certificates that are trusted for connections to directories. Their private keys are never here.

use rusqlite::{Connection, Row, named_params};
use time::OffsetDateTime;
use uuid::Uuid;

use super::sql::{date, execute, find, query, to_text, uuid};
use crate::db::Tx;
use crate::error::{Error, Result};

/// Certificate without its DER form.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub id: Uuid,
    /// Not unique.
    pub name: String,
    /// SHA-1 in upper-case hexadecimal, unique.
    pub thumbprint: String,
    pub subject: String,
    pub issuer: String,
    pub serial_number: String,
    pub valid_from: OffsetDateTime,
    pub valid_to: OffsetDateTime,
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
    query(c, LIST, [], from_row)
}

/// One certificate, or "not found".
pub fn get(c: &Connection, id: Uuid) -> Result<Certificate> {
    find(c, BY_ID, [id.to_string()], from_row)?.ok_or_else(|| Error::not_found("certificate", id))
}

/// DER form of a certificate, or "not found".
pub fn der(c: &Connection, id: Uuid) -> Result<Vec<u8>> {
    let found = find(c, "SELECT der FROM certificates WHERE id = ?1", [id.to_string()], |r| r.get(0))?;
    found.ok_or_else(|| Error::not_found("certificate", id))
}

/// DER forms of the certificates of a subject, by its text.
pub fn of_subject(c: &Connection, subject: &str) -> Result<Vec<Vec<u8>>> {
    query(c, "SELECT der FROM certificates WHERE subject = ?1", [subject], |r| r.get(0))
}

/// Enabled certificates with their DER forms.
pub fn in_use(c: &Connection) -> Result<Vec<(Certificate, Vec<u8>)>> {
    query(c, IN_USE, [], |r| Ok((from_row(r)?, r.get(14)?)))
}

pub fn count(c: &Connection) -> Result<i64> {
    Ok(c.prepare_cached("SELECT count(*) FROM certificates")?.query_row([], |r| r.get(0))?)
}

pub fn is_stored(c: &Connection, thumbprint: &str) -> Result<bool> {
    Ok(c.prepare_cached("SELECT 1 FROM certificates WHERE thumbprint = ?1")?.exists([thumbprint])?)
}

pub fn insert(tx: &Tx<'_>, certificate: &Certificate, der: &[u8]) -> Result<()> {
    const SQL: &str = "INSERT INTO certificates (id, name, thumbprint, der, subject, issuer, serial_number, valid_from,
            valid_to, is_authority, file_path, is_enabled, created_at, created_by, notes)
        VALUES (:id, :name, :thumbprint, :der, :subject, :issuer, :serial, :from, :to, :authority, :path, :enabled,
            :created, :by, :notes)";
    execute(
        tx,
        SQL,
        named_params! {
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
        },
    )
}

/// Stores name, notes and enabled flag.
pub fn update(tx: &Tx<'_>, certificate: &Certificate) -> Result<()> {
    const SQL: &str = "UPDATE certificates SET name = ?2, notes = ?3, is_enabled = ?4 WHERE id = ?1";
    let c = certificate;
    execute(tx, SQL, (c.id.to_string(), &c.name, &c.notes, c.is_enabled))
}

pub fn delete(tx: &Tx<'_>, id: Uuid) -> Result<()> {
    execute(tx, "DELETE FROM certificates WHERE id = ?1", [id.to_string()])
}
