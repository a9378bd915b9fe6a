//! Trying out settings (chapter 3.6): stage by stage, whatever comes of it answered with 200.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::WHAT;
use super::setting_values::{SettingValueRequest, SettingValues};
use crate::connectors::ldap::probe::{NamingContext, Outcome, StageReport};
use crate::connectors::ldap::source::Tested;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, SettingId, choice, request};
use crate::ops::test_connection as ops;
use crate::security::certificate::Certificate;

choice! {
    /// A stage of a connection test, in order.
    pub(super) struct StageName: ["resolve", "connect", "tls", "bind", "root", "paging", "partitions", "schema"];
}

choice! {
    pub(super) struct StageOutcome: ["ok", "warning", "failed", "skipped"];
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectionTest)]
struct TestBody {
    /// Whether no stage failed
    success: bool,
    /// In order; after a failed stage the rest is skipped
    stages: Vec<StageBody>,
    /// The certificate that the server presented, trusted or not
    certificate: Option<CertificateBody>,
    /// What the directory says of itself
    directory: Option<DirectoryBody>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConnectionTestStage)]
struct StageBody {
    name: StageName,
    outcome: StageOutcome,
    milliseconds: u64,
    /// Kind of failure or warning
    code: Option<String>,
    message: Option<String>,
    /// What to do about it
    remedy: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PresentedCertificate)]
struct CertificateBody {
    subject: String,
    issuer: String,
    /// Host names and addresses that it covers
    names: Vec<String>,
    #[schema(format = DateTime)]
    valid_from: String,
    #[schema(format = DateTime)]
    valid_to: String,
    sha256: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DiscoveredDirectory)]
struct DirectoryBody {
    /// Kind of directory
    r#type: &'static str,
    vendor: Option<String>,
    host: String,
    port: u16,
    naming_contexts: Vec<ContextBody>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NamingContext)]
struct ContextBody {
    name: String,
    /// Whether it is a technical one
    hidden: bool,
    readable: bool,
    /// Why it cannot be read
    reason: Option<String>,
}

request! {
    pub(super) struct TestConnectionRequest {
        /// Settings to try without storing them, keyed by setting ID; at most 1000
        #[schema(value_type = Option<BTreeMap<SettingId, SettingValueRequest>>)]
        setting_values: Option<SettingValues>,
    }
}

/// Tries the connection.
///
/// Stage by stage, with the stored settings or with those in the body, which are not stored. Answered with 200 whatever
/// comes of it: the stages tell what works, what does not and what to do about it.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/test-connection",
    tag = "Imports", operation_id = "testConnection",
    request_body(content = Option<TestConnectionRequest>),
    responses(
        (status = 200, description = "What each stage found.", body = TestBody),
        (status = 400, description = "The body or the settings are invalid."),
    )
)]
pub async fn test(mut call: Call) -> Result<Response> {
    let (settings, faults) = match call.read_if_any::<TestConnectionRequest>().await? {
        Some((body, errors)) => {
            let values = body.and_then(|body| body.setting_values).map(|values| values.0);
            (values, errors.into_faults())
        }
        None => Default::default(),
    };
    let id = call.id(0, WHAT)?;
    let Tested { host, port, report } = ops::run(&call.app, id, settings, faults).await?;
    wire::ok(&TestBody {
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
        Outcome::Warning(r) => ("warning", Some(r.code), Some(r.message), Some(r.remedy.to_owned())),
        Outcome::Failed(r) => ("failed", Some(r.code), Some(r.message), Some(r.remedy.to_owned())),
        Outcome::Skipped(why) => ("skipped", None, why, None),
    };
    StageBody {
        name: report.name.into(),
        outcome: outcome.into(),
        milliseconds: report.milliseconds,
        code,
        message,
        remedy,
    }
}

fn certificate(c: Certificate) -> CertificateBody {
    CertificateBody {
        subject: c.subject,
        issuer: c.issuer,
        names: c.names,
        valid_from: wire::date(c.valid_from),
        valid_to: wire::date(c.valid_to),
        sha256: c.sha256,
    }
}

fn context(c: NamingContext) -> ContextBody {
    ContextBody { name: c.name, hidden: c.hidden, readable: c.readable, reason: c.reason }
}
