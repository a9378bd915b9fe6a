//! Chapter 13: certificates. Answers never repeat the sent text, because it may hold a private key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;
use warp::http::{HeaderValue, header};
use warp::reply::{Reply, Response};

use crate::domain::text::is_bidi_or_separator;
use crate::error::{Error, Result};
use crate::http::call::Call;
use crate::http::wire::{self, Column, Errors, Field, Name, Node, Page, Paging, Text, choice, paging, request};
use crate::ops::certificates::{self as ops, CertificateChanges, NewCertificate, remaining};
use crate::security::certificate::encoding::only_certificate;
use crate::store::certificates as store;

const RESOURCE: &str = "certificate";
/// Characters of a certificate in base64.
const MAX_CHARACTERS: usize = 1_048_576;

choice! {
    /// Storage of a certificate.
    pub(super) struct CertificateSource: ["Uploaded", "FilePath"];
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    id: Uuid,
    name: String,
    /// SHA-1 in upper-case hex
    #[schema(pattern = "^[0-9A-F]{40}$")]
    thumbprint: String,
    subject: String,
    issuer: String,
    serial_number: String,
    #[schema(format = DateTime)]
    valid_from: String,
    #[schema(format = DateTime)]
    valid_to: String,
    source_type: CertificateSource,
    /// Path below the connector files folder
    file_path: Option<String>,
    is_enabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    /// Name of the API key that added it
    created_by: Option<String>,
    notes: Option<String>,
    is_expired: bool,
    /// Not expired, and fewer than 30 days left
    is_expiring_soon: bool,
    /// Whole days, negative once expired
    days_until_expiry: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CertificateValidity {
    is_valid: bool,
    errors: Vec<String>,
    warnings: Vec<String>,
}

request! {
    pub(super) struct UploadCertificateRequest {
        name: Name<255>,
        /// DER or PEM, base64-encoded as a whole
        certificate_data_base64: Encoded,
        notes: Option<Text<2000>>,
    }

    pub(super) struct AddCertificateFileRequest {
        name: Name<255>,
        /// Path below the connector files folder
        file_path: Text<4096, 1>,
        notes: Option<Text<2000>>,
    }

    pub(super) struct UpdateCertificateRequest {
        name: Option<Name<255>>,
        /// An empty text clears the notes
        notes: Option<Text<2000>>,
        /// Whether it is trusted
        is_enabled: Option<bool>,
    }
}

/// One certificate, sent in base64, kept as DER.
#[derive(ToSchema)]
#[schema(value_type = String, max_length = 1048576, content_encoding = "base64")]
pub(super) struct Encoded(Vec<u8>);

impl Field for Encoded {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        match decode(&String::read(sent, place, errors)?) {
            Ok(der) => Some(Encoded(der)),
            Err(why) => errors.refuse(place, why),
        }
    }
}

const COLUMNS: &[(&str, Column)] = &[
    ("id", Column::Guid),
    ("name", Column::Text),
    ("thumbprint", Column::Text),
    ("subject", Column::Text),
    ("issuer", Column::Text),
    ("serialNumber", Column::Text),
    ("validFrom", Column::Date),
    ("validTo", Column::Date),
    ("sourceType", Column::Text),
    ("filePath", Column::Text),
    ("isEnabled", Column::Flag),
    ("createdAt", Column::Date),
    ("createdBy", Column::Text),
    ("notes", Column::Text),
    ("isExpired", Column::Flag),
    ("isExpiringSoon", Column::Flag),
    ("daysUntilExpiry", Column::Integer),
];

/// Lists certificates.
///
/// One page, by name unless `sortBy` says otherwise.
#[utoipa::path(
    get, path = "/api/v1/certificates",
    tag = "Certificates", operation_id = "listCertificates",
    params(Paging),
    responses((status = 200, description = "One page of certificates.", body = Page<Certificate>))
)]
pub async fn list(call: Call) -> Result<Response> {
    let paging = Paging::read(&call.query)?;
    let certificates = call.app.db.read(store::list).await?;
    let now = OffsetDateTime::now_utc();
    wire::ok(&paging::from_list(certificates.into_iter().map(|c| body(c, now)), COLUMNS, "name", &paging)?)
}

/// Lists enabled certificates.
///
/// All of them, by name.
#[utoipa::path(
    get, path = "/api/v1/certificates/enabled",
    tag = "Certificates", operation_id = "listEnabledCertificates",
    responses((status = 200, description = "All enabled certificates.", body = Vec<Certificate>))
)]
pub async fn enabled(call: Call) -> Result<Response> {
    let mut certificates = call.app.db.read(store::list).await?;
    certificates.retain(|c| c.is_enabled);
    certificates.sort_by_cached_key(|c| (c.name.to_lowercase(), c.id));
    let now = OffsetDateTime::now_utc();
    wire::ok(&certificates.into_iter().map(|c| body(c, now)).collect::<Vec<_>>())
}

/// Retrieves a certificate.
#[utoipa::path(
    get, path = "/api/v1/certificates/{certificateId}",
    tag = "Certificates", operation_id = "getCertificate",
    responses((status = 200, description = "The certificate.", body = Certificate))
)]
pub async fn get(call: Call) -> Result<Response> {
    let id = call.guid(0, RESOURCE)?;
    wire::ok(&body(call.app.db.read_few(move |c| store::get(c, id)).await?, OffsetDateTime::now_utc()))
}

/// Adds a certificate.
///
/// DER or PEM in the body, base64-encoded as a whole file. The certificate is enabled, and while it is valid trusted
/// for LDAPS and StartTLS from the next connection on.
#[utoipa::path(
    post, path = "/api/v1/certificates/upload",
    tag = "Certificates", operation_id = "uploadCertificate",
    request_body(content = UploadCertificateRequest),
    responses((status = 201, description = "The added certificate.", body = Certificate))
)]
pub async fn upload(mut call: Call) -> Result<Response> {
    let request: UploadCertificateRequest = call.read().await?;
    let UploadCertificateRequest { name, certificate_data_base64: Encoded(der), notes } = request;
    let new = NewCertificate { name: name.0, notes: notes.map(|text| text.0), der, file_path: None };
    add(&call, new).await
}

/// Adds a certificate from a file.
///
/// The file in the connector files folder is read at each connection and must still hold the same certificate.
#[utoipa::path(
    post, path = "/api/v1/certificates/file",
    tag = "Certificates", operation_id = "addCertificateFile",
    request_body(content = AddCertificateFileRequest),
    responses((status = 201, description = "The added certificate.", body = Certificate))
)]
pub async fn from_file(mut call: Call) -> Result<Response> {
    let AddCertificateFileRequest { name, file_path: Text(path), notes } = call.read().await?;
    let der = ops::read_file(&call.app, &path).await.map_err(|why| Error::field("filePath", why))?;
    add(&call, NewCertificate { name: name.0, notes: notes.map(|text| text.0), der, file_path: Some(path) }).await
}

/// Updates a certificate.
///
/// All fields are optional.
#[utoipa::path(
    patch, path = "/api/v1/certificates/{certificateId}",
    tag = "Certificates", operation_id = "updateCertificate",
    request_body(content = UpdateCertificateRequest),
    responses((status = 204, description = "Updated."))
)]
pub async fn update(mut call: Call) -> Result<Response> {
    let UpdateCertificateRequest { name, notes, is_enabled } = call.read().await?;
    let changes = CertificateChanges { name: name.map(|name| name.0), notes: notes.map(|text| text.0), is_enabled };
    ops::update(&call.app, call.guid(0, RESOURCE)?, changes, call.caller()?).await?;
    Ok(wire::no_content())
}

/// Deletes a certificate.
///
/// It is no longer trusted from the next connection on.
#[utoipa::path(
    delete, path = "/api/v1/certificates/{certificateId}",
    tag = "Certificates", operation_id = "deleteCertificate",
    responses((status = 204, description = "Deleted."))
)]
pub async fn delete(call: Call) -> Result<Response> {
    ops::delete(&call.app, call.guid(0, RESOURCE)?, call.caller()?).await?;
    Ok(wire::no_content())
}

/// Validates a certificate.
///
/// Checks whether it is expired, expires soon or cannot be used.
#[utoipa::path(
    get, path = "/api/v1/certificates/{certificateId}/validate",
    tag = "Certificates", operation_id = "validateCertificate",
    responses((status = 200, description = "Errors and warnings.", body = CertificateValidity))
)]
pub async fn validate(call: Call) -> Result<Response> {
    let ops::Validity { errors, warnings } = ops::validate(&call.app, call.guid(0, RESOURCE)?).await?;
    wire::ok(&CertificateValidity { is_valid: errors.is_empty(), errors, warnings })
}

/// Downloads a certificate.
///
/// In DER. A certificate from a file is answered with 404.
#[utoipa::path(
    get, path = "/api/v1/certificates/{certificateId}/download",
    tag = "Certificates", operation_id = "downloadCertificate",
    responses((
        status = 200, description = "The certificate in DER.",
        body = Vec<u8>, content_type = "application/x-x509-ca-cert"
    ))
)]
pub async fn download(call: Call) -> Result<Response> {
    let (certificate, der) = ops::download(&call.app, call.guid(0, RESOURCE)?).await?;
    let mut response = der.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-x509-ca-cert"));
    let disposition = HeaderValue::from_str(&attachment(&certificate.name))
        .map_err(|e| Error::internal("a file name cannot be written", e))?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

async fn add(call: &Call, new: NewCertificate) -> Result<Response> {
    let certificate = ops::add(&call.app, new, call.caller()?).await?;
    let location = format!("/api/v1/certificates/{}", certificate.id);
    Ok(wire::created(wire::ok(&body(certificate, OffsetDateTime::now_utc()))?, &location))
}

fn body(c: store::Certificate, now: OffsetDateTime) -> Certificate {
    let left = remaining(c.valid_to, now);
    Certificate {
        id: c.id,
        name: c.name,
        thumbprint: c.thumbprint,
        subject: c.subject,
        issuer: c.issuer,
        serial_number: c.serial_number,
        valid_from: wire::date(c.valid_from),
        valid_to: wire::date(c.valid_to),
        source_type: if c.file_path.is_some() { "FilePath".into() } else { "Uploaded".into() },
        file_path: c.file_path,
        is_enabled: c.is_enabled,
        created_at: wire::date(c.created_at),
        created_by: c.created_by,
        notes: c.notes,
        is_expired: left.expired,
        is_expiring_soon: left.soon,
        days_until_expiry: left.days,
    }
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    if text.chars().count() > MAX_CHARACTERS {
        return Err(format!("Must be at most {MAX_CHARACTERS} characters."));
    }
    if text.trim_start().starts_with("-----BEGIN ") {
        return Err("Is not base64: a PEM file must be base64-encoded as a whole.".to_owned());
    }
    let packed: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(packed).map_err(|_| "Is not valid base64.".to_owned())?;
    only_certificate(&bytes)
}

/// Characters that RFC 5987 values need not encode.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// Content-Disposition with a file name (RFC 6266): in ASCII, and in UTF-8 if that differs.
fn attachment(name: &str) -> String {
    let safe = |c: char| {
        let hostile = c.is_control() || "/\\:*?\"<>|%".contains(c);
        // Invisible characters could disguise the file name.
        let invisible =
            is_bidi_or_separator(c) || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hostile || invisible { '_' } else { c }
    };
    let mut file: String = name.chars().map(safe).collect();
    if file.starts_with('.') {
        file.replace_range(..1, "_");
    }
    file.push_str(".cer");
    let ascii: String = file.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    if ascii == file {
        return format!("attachment; filename=\"{file}\"");
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", utf8_percent_encode(&file, PLAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_is_safe() {
        for (name, wanted) in [
            ("Corporate CA", "attachment; filename=\"Corporate CA.cer\""),
            ("a/../b\\c\"d\r\nX: y%41", "attachment; filename=\"a_.._b_c_d__X_ y_41.cer\""),
            ("../.bashrc", "attachment; filename=\"_._.bashrc.cer\""),
            ("Zürich", "attachment; filename=\"Z_rich.cer\"; filename*=UTF-8''Z%C3%BCrich.cer"),
            ("a\u{202e}b; c'", "attachment; filename=\"a_b; c'.cer\""),
            ("é; x='1'", "attachment; filename=\"_; x='1'.cer\"; filename*=UTF-8''%C3%A9%3B%20x%3D%271%27.cer"),
        ] {
            assert_eq!(attachment(name), wanted, "{name}");
        }
    }

    #[test]
    fn invalid_base64_and_invalid_certificates_have_their_own_errors() {
        let too_long = "A".repeat(MAX_CHARACTERS + 1);
        for (text, why) in [
            ("", "Must hold exactly one certificate"),
            ("AAAA", "Must hold exactly one certificate"),
            ("AA AA\r\n", "Must hold exactly one certificate"),
            ("AAA", "Is not valid base64."),
            ("_-__", "Is not valid base64."),
            ("-----BEGIN CERTIFICATE-----\nMAA=\n", "Is not base64: a PEM file"),
            (too_long.as_str(), "Must be at most 1048576 characters."),
        ] {
            let error = decode(text).expect_err("refused");
            assert!(error.starts_with(why), "{error}");
        }
    }
}
