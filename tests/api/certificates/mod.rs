//! Chapter 13: certificates, their endpoints and what connections make of them.

mod endpoints;
mod files;
pub mod made;
mod reasons;
mod refused;
mod trust;
mod validate;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::database::Activity;
use crate::support::{Answer, TestApp};

pub const PATH: &str = "/api/v1/certificates";

fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Uploads a certificate.
pub async fn upload(app: &TestApp, name: &str, bytes: impl AsRef<[u8]>) -> Answer {
    let body = json!({ "name": name, "certificateDataBase64": base64(bytes) });
    app.admin().post(&format!("{PATH}/upload"), &body).await
}

/// The path of one that is accepted.
pub async fn uploaded(app: &TestApp, name: &str, bytes: impl AsRef<[u8]>) -> String {
    path(&upload(app, name, bytes).await.expect_status(201))
}

/// Names a file.
async fn file(app: &TestApp, name: &str, file: &str) -> Answer {
    app.admin().post(&format!("{PATH}/file"), &json!({ "name": name, "filePath": file })).await
}

fn path(certificate: &Value) -> String {
    format!("{PATH}/{}", certificate["id"].as_str().expect("an id"))
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("an array").iter().map(|c| c["name"].as_str().expect("a name")).collect()
}

/// Operation, target and initiator of the activities of certificates, oldest first.
fn activities(app: &TestApp) -> Vec<[String; 4]> {
    let own = |a: &Activity| a.target_type == "TrustedCertificate" && a.system.is_none();
    let all = app.activities().into_iter().filter(own);
    all.map(|a| [a.operation, a.target_name.expect("a name"), a.by_name.expect("a name"), a.status]).collect()
}
