//! Trusted certificates for connections to directories: add, change, delete, validate.
//!
//! A change is published to [`ClientTrust`] before it is answered, so that it acts on the next connection.

use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Caller;
use crate::app::App;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::security::certificate::Certificate as Content;
use crate::security::certificate::signature::{self, Signed};
use crate::security::certificate::strength::Strength;
use crate::security::tls::stored::StoredCertificate;
use crate::security::tls::{self, ClientTrust};
use crate::store::activities::{self, Operation, Outcome, Target};
use crate::store::certificates::{self as store, Certificate};

/// Stored certificates: each connection searches all of them.
const MAX_CERTIFICATES: i64 = 1_000;
/// Remaining time below which a warning asks for renewal.
const SOON: Duration = Duration::days(30);

/// Validated input for a new certificate.
pub struct NewCertificate {
    /// 1-255 code points.
    pub name: String,
    /// At most 2000 code points.
    pub notes: Option<String>,
    pub der: Vec<u8>,
    /// The file that it comes from, if it was not uploaded.
    pub file_path: Option<String>,
}

/// Validated changes; what is absent stays unchanged.
#[derive(Default)]
pub struct CertificateChanges {
    /// 1-255 code points.
    pub name: Option<String>,
    /// At most 2000 code points; empty for none.
    pub notes: Option<String>,
    pub is_enabled: Option<bool>,
}

/// Findings about a certificate.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Validity {
    /// Reasons why it cannot be used.
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

/// Remaining validity of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    pub expired: bool,
    /// Expires within 30 days.
    pub soon: bool,
    /// Whole days left, negative after the end.
    pub days: i64,
}

pub fn remaining(end: OffsetDateTime, now: OffsetDateTime) -> Remaining {
    let left = end - now;
    let expired = left.is_negative();
    let days = left.whole_nanoseconds().div_euclid(Duration::DAY.whole_nanoseconds());
    Remaining { expired, soon: !expired && left < SOON, days: i64::try_from(days).unwrap_or(i64::MIN) }
}

/// The one certificate in a file below the connector files folder, in DER form.
pub async fn read_file(app: &App, path: &str) -> Result<Vec<u8>, String> {
    let unset = "No connector files folder is configured; set [files] root in jim.toml.";
    let files = app.trust.files().ok_or(unset)?;
    files.certificates(vec![path.to_owned()]).await.pop().unwrap_or_else(|| Err(unset.to_owned()))
}

/// Adds a certificate, switched on.
pub async fn add(app: &App, new: NewCertificate, caller: &Caller) -> Result<Certificate> {
    let field = if new.file_path.is_some() { "filePath" } else { "certificateDataBase64" };
    let content = Content::read(&new.der)
        .ok_or_else(|| Error::internal("a certificate that was read cannot be read", "its form changed"))?;
    let certificate = Certificate {
        id: Uuid::new_v4(),
        name: new.name,
        thumbprint: content.thumbprint,
        subject: content.subject,
        issuer: content.issuer,
        serial_number: content.serial,
        valid_from: content.valid_from,
        valid_to: content.valid_to,
        is_authority: content.is_authority,
        file_path: new.file_path,
        is_enabled: true,
        created_at: OffsetDateTime::now_utc(),
        created_by: Some(caller.key.name.clone()),
        notes: new.notes.filter(|notes| !notes.is_empty()),
    };
    let warnings = Strength::read(&new.der).warnings();
    let warning = (!warnings.is_empty()).then(|| warnings.join(" "));
    let remark = warning.clone();
    let (added, by, trust, der) = (certificate.clone(), caller.initiator(), app.trust.clone(), new.der);
    let published = app
        .db
        .write(move |tx| {
            if store::is_stored(tx, &added.thumbprint)? {
                return Err(Error::field(field, "This certificate is stored already."));
            }
            if store::count(tx)? >= MAX_CERTIFICATES {
                return Err(Error::BadRequest(format!(
                    "there are {MAX_CERTIFICATES} certificates already; delete one first"
                )));
            }
            store::insert(tx, &added, &der)?;
            let done = Outcome { warning, ..Outcome::done(format!("Added, thumbprint {}", added.thumbprint)) };
            activities::record(tx, Operation::Create, Target::Certificate(&added.name), &by, &done)?;
            stored(tx, &trust)
        })
        .await?;
    published.go(&app.trust);
    tracing::info!(certificate.id = %certificate.id, certificate.thumbprint = certificate.thumbprint,
        by = %caller.key.id, from = %caller.from,
        request.id = %caller.request, "audit: certificate added");
    if let Some(remark) = remark {
        tracing::warn!(certificate.id = %certificate.id, remark, "connections may not be able to use a certificate");
    }
    Ok(certificate)
}

/// CertificateChanges a certificate: only what is given.
pub async fn update(app: &App, id: Uuid, changes: CertificateChanges, caller: &Caller) -> Result<()> {
    let (by, trust) = (caller.initiator(), app.trust.clone());
    let published = app
        .db
        .write(move |tx| {
            let mut certificate = store::get(tx, id)?;
            let was_enabled = certificate.is_enabled;
            let mut changed = Vec::new();
            let mut note = |differs: bool, what: &'static str| differs.then(|| changed.push(what));
            if let Some(name) = changes.name {
                note(certificate.name != name, "name");
                certificate.name = name;
            }
            if let Some(notes) = changes.notes {
                let notes = Some(notes).filter(|notes| !notes.is_empty());
                note(certificate.notes != notes, "notes");
                certificate.notes = notes;
            }
            if let Some(enabled) = changes.is_enabled {
                note(certificate.is_enabled != enabled, if enabled { "enabled" } else { "disabled" });
                certificate.is_enabled = enabled;
            }
            store::update(tx, &certificate)?;
            let target = Target::Certificate(&certificate.name);
            activities::record(tx, Operation::Update, target, &by, &Outcome::changed(&changed))?;
            // Connections know nothing of names and notes.
            (certificate.is_enabled != was_enabled).then(|| stored(tx, &trust)).transpose()
        })
        .await?;
    if let Some(published) = published {
        published.go(&app.trust);
    }
    tracing::info!(certificate.id = %id, by = %caller.key.id, from = %caller.from,
        request.id = %caller.request, "audit: certificate changed");
    Ok(())
}

/// Deletes a certificate.
pub async fn delete(app: &App, id: Uuid, caller: &Caller) -> Result<()> {
    let (by, trust) = (caller.initiator(), app.trust.clone());
    let published = app
        .db
        .write(move |tx| {
            let certificate = store::get(tx, id)?;
            store::delete(tx, id)?;
            let done = Outcome::done(format!("Deleted, thumbprint {}", certificate.thumbprint));
            activities::record(tx, Operation::Delete, Target::Certificate(&certificate.name), &by, &done)?;
            stored(tx, &trust)
        })
        .await?;
    published.go(&app.trust);
    tracing::info!(certificate.id = %id, by = %caller.key.id, from = %caller.from,
        request.id = %caller.request, "audit: certificate deleted");
    Ok(())
}

/// An uploaded certificate and its DER form.
pub async fn download(app: &App, id: Uuid) -> Result<(Certificate, Vec<u8>)> {
    let found = app.db.read_few(move |c| Ok((store::get(c, id)?, store::der(c, id)?))).await?;
    match found.0.file_path {
        None => Ok(found),
        Some(_) => Err(Error::not_found("uploaded certificate", id)),
    }
}

/// Checks a certificate, its file if it has one, and its issuer.
pub async fn validate(app: &App, id: Uuid) -> Result<Validity> {
    let (certificate, der, issuers) = app
        .db
        .read(move |c| {
            let certificate = store::get(c, id)?;
            let issuers = store::of_subject(c, &certificate.issuer)?;
            let der = store::der(c, id)?;
            Ok((certificate, der, issuers))
        })
        .await?;
    let mut validity = Validity { warnings: Strength::read(&der).warnings(), ..Validity::default() };
    validity.check_period(&certificate, OffsetDateTime::now_utc());
    if !tls::is_readable(&der) {
        validity.warnings.push("The certificate is written in a way that connections cannot use.".to_owned());
    }
    if let Some(path) = &certificate.file_path {
        match read_file(app, path).await {
            Ok(found) if found == der => {}
            Ok(_) => validity.errors.push("The file holds a different certificate now.".to_owned()),
            Err(why) => validity.errors.push(format!("The certificate cannot be taken from its file. {why}")),
        }
    }
    let roots = app.trust.roots().await.map_err(|e| Error::internal("the system's certificates cannot be read", e))?;
    validity
        .add_signature(tokio::task::block_in_place(|| signature::check(&der, &issuers, &roots)), &certificate.issuer);
    Ok(validity)
}

impl Validity {
    fn check_period(&mut self, certificate: &Certificate, now: OffsetDateTime) {
        let left = remaining(certificate.valid_to, now);
        if left.expired {
            self.errors.push("The certificate has expired.".to_owned());
        } else if now < certificate.valid_from {
            self.errors.push("The certificate is not valid yet.".to_owned());
        }
        if left.soon {
            self.warnings.push("The certificate expires within 30 days.".to_owned());
        }
    }

    fn add_signature(&mut self, signed: Signed, issuer: &str) {
        match signed {
            Signed::Yes => {}
            Signed::No => self.errors.push(format!("The signature does not match its issuer, {issuer}.")),
            Signed::IssuerUnknown => {
                self.warnings.push(format!("The issuer, {issuer}, is neither stored nor in the system store."));
            }
            Signed::Unclear => self.warnings.push("The signature is of a kind that cannot be checked here.".to_owned()),
        }
    }
}

/// Publishes the stored certificates to connections, at the start.
pub async fn publish(db: &Db, trust: &ClientTrust) -> Result<()> {
    let revision = trust.stored().next_revision();
    let certificates = db.read(store::in_use).await?;
    Published { revision, certificates }.go(trust);
    Ok(())
}

/// Certificates to publish once the transaction is committed.
struct Published {
    revision: u64,
    certificates: Vec<(Certificate, Vec<u8>)>,
}

/// The certificates as of this transaction.
fn stored(tx: &Tx<'_>, trust: &ClientTrust) -> Result<Published> {
    Ok(Published { revision: trust.stored().next_revision(), certificates: store::in_use(tx)? })
}

impl Published {
    fn go(self, trust: &ClientTrust) {
        let certificates = self.certificates.into_iter().map(|(certificate, der)| StoredCertificate {
            id: certificate.id,
            der: Arc::from(der),
            valid_from: certificate.valid_from,
            valid_to: certificate.valid_to,
            is_authority: certificate.is_authority,
            file: certificate.file_path,
        });
        trust.stored().publish(self.revision, certificates.collect());
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn days_are_whole_and_negative_once_it_ended() {
        let end = datetime!(2026-04-05 10:30:00 UTC);
        for (now, expired, soon, days) in [
            (datetime!(2026-03-05 10:30:00 UTC), false, false, 31),
            (datetime!(2026-03-06 10:30:00 UTC), false, false, 30),
            (datetime!(2026-03-06 10:30:01 UTC), false, true, 29),
            (datetime!(2026-04-04 10:30:00 UTC), false, true, 1),
            (datetime!(2026-04-04 10:30:01 UTC), false, true, 0),
            (end, false, true, 0),
            (datetime!(2026-04-05 10:30:00.1 UTC), true, false, -1),
            (datetime!(2026-04-06 10:30:00 UTC), true, false, -1),
            (datetime!(2026-04-06 10:30:01 UTC), true, false, -2),
        ] {
            assert_eq!(remaining(end, now), Remaining { expired, soon, days }, "{now}");
        }
    }
}
