//! Trying out settings (chapter 3.6): stage by stage, whatever comes of it answered with 200.

use serde::Serialize;
use warp::reply::Response;

use super::connected_systems::{WHAT, setting_values};
use super::filters::Call;
use super::json;
use crate::connectors::ldap::probe::{NamingContext, Outcome, StageReport};
use crate::error::Result;
use crate::ops::test_connection as ops;
use crate::security::certificate::Certificate;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestBody {
    success: bool,
    stages: Vec<StageBody>,
    certificate: Option<CertificateBody>,
    directory: Option<DirectoryBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StageBody {
    name: &'static str,
    outcome: &'static str,
    milliseconds: u64,
    code: Option<String>,
    message: Option<String>,
    remedy: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateBody {
    subject: String,
    issuer: String,
    names: Vec<String>,
    valid_from: String,
    valid_to: String,
    sha256: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DirectoryBody {
    r#type: &'static str,
    vendor: Option<String>,
    host: String,
    port: u16,
    naming_contexts: Vec<ContextBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextBody {
    name: String,
    hidden: bool,
    readable: bool,
    reason: Option<String>,
}

pub async fn test(mut call: Call) -> Result<Response> {
    let (settings, faults) = match call.json_if_any(&["settingValues"]).await? {
        Some(mut body) => (setting_values(&mut body), body.faults),
        None => Default::default(),
    };
    let id = call.id(0, WHAT)?;
    let ops::Tested { host, port, report } = ops::run(&call.app, id, settings, faults).await?;
    json::ok(&TestBody {
        success: report.success(),
        stages: report.stages.into_iter().map(stage).collect(),
        certificate: report.certificate.map(certificate),
        directory: report.directory.map(|d| DirectoryBody {
            r#type: d.kind,
            vendor: d.vendor,
            host,
            port,
            naming_contexts: d.naming_contexts.into_iter().map(context).collect(),
        }),
    })
}

fn stage(report: StageReport) -> StageBody {
    let (outcome, code, message, remedy) = match report.outcome {
        Outcome::Ok(remark) => ("ok", None, remark, None),
        Outcome::Failed { code, message, remedy } => ("failed", Some(code), Some(message), Some(remedy)),
        Outcome::Skipped(why) => ("skipped", None, why, None),
    };
    StageBody { name: report.name, outcome, milliseconds: report.milliseconds, code, message, remedy }
}

fn certificate(c: Certificate) -> CertificateBody {
    CertificateBody {
        subject: c.subject,
        issuer: c.issuer,
        names: c.names,
        valid_from: json::date(c.valid_from),
        valid_to: json::date(c.valid_to),
        sha256: c.sha256,
    }
}

fn context(c: NamingContext) -> ContextBody {
    ContextBody { name: c.name, hidden: c.hidden, readable: c.readable, reason: c.reason }
}
