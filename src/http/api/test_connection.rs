//! Connection test (chapter 3.6), stage by stage; a failed test is also a 200.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::connected_systems::RESOURCE;
use super::setting_values::{SettingValueRequest, SettingValues};
use crate::connectors::ldap::probe::{self, Outcome, StageReport};
use crate::connectors::ldap::source::Tested;
use crate::error::Result;
use crate::http::call::Call;
use crate::http::wire::{self, SettingId, choice, request};
use crate::ops::test_connection as ops;
use crate::security::certificate::Certificate;

choice! {
    /// A stage of a connection test, in order.
    pub(super) struct StageName: ["resolve", "connect", "tls", "bind", "root", "paging", "partitions", "schema"];

    pub(super) struct StageOutcome: ["ok", "warning", "failed", "skipped"];
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectionTest {
    success: bool,
    /// In order; those after a failed stage are skipped
    stages: Vec<ConnectionTestStage>,
    /// The certificate that the server presented, trusted or not
    certificate: Option<PresentedCertificate>,
    /// Kind and naming contexts of the directory
    directory: Option<DiscoveredDirectory>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectionTestStage {
    name: StageName,
    outcome: StageOutcome,
    milliseconds: u64,
    /// Code of the failure or warning
    code: Option<String>,
    message: Option<String>,
    remedy: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PresentedCertificate {
    subject: String,
    issuer: String,
    /// Host names and addresses
    names: Vec<String>,
    #[schema(format = DateTime)]
    valid_from: String,
    #[schema(format = DateTime)]
    valid_to: String,
    sha256: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DiscoveredDirectory {
    r#type: &'static str,
    vendor: Option<String>,
    host: String,
    port: u16,
    naming_contexts: Vec<NamingContext>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NamingContext {
    name: String,
    /// Whether it holds technical data, such as the schema
    hidden: bool,
    readable: bool,
    /// Why it cannot be read
    reason: Option<String>,
}

request! {
    pub(super) struct TestConnectionRequest {
        /// Settings to test, keyed by setting ID; at most 1000; they are not stored
        #[schema(value_type = Option<BTreeMap<SettingId, SettingValueRequest>>)]
        setting_values: Option<SettingValues>,
    }
}

/// Tests the connection.
///
/// With the stored settings or those in the body, which are not stored. The status is 200 even if the test fails; each
/// stage has its outcome, error and remedy.
#[utoipa::path(
    post, path = "/api/v1/synchronisation/connected-systems/{connectedSystemId}/test-connection",
    tag = "Imports", operation_id = "testConnection",
    request_body(content = Option<TestConnectionRequest>),
    responses(
        (status = 200, description = "The outcome of each stage.", body = ConnectionTest),
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
    let id = call.id(0, RESOURCE)?;
    let Tested { host, port, report } = ops::run(&call.app, id, settings, faults).await?;
    wire::ok(&ConnectionTest {
        success: report.success(),
        stages: report.stages.into_iter().map(stage).collect(),
        certificate: report.certificate.map(certificate),
        directory: report.directory.map(|d| DiscoveredDirectory {
            r#type: d.kind,
            vendor: d.vendor,
            host,
            port,
            naming_contexts: d.naming_contexts.into_iter().map(naming_context).collect(),
        }),
    })
}

fn stage(report: StageReport) -> ConnectionTestStage {
    let (outcome, code, message, remedy) = match report.outcome {
        Outcome::Ok(remark) => ("ok", None, remark, None),
        Outcome::Warning(r) => ("warning", Some(r.code), Some(r.message), Some(r.remedy.to_owned())),
        Outcome::Failed(r) => ("failed", Some(r.code), Some(r.message), Some(r.remedy.to_owned())),
        Outcome::Skipped(why) => ("skipped", None, why, None),
    };
    ConnectionTestStage {
        name: report.name.into(),
        outcome: outcome.into(),
        milliseconds: report.milliseconds,
        code,
        message,
        remedy,
    }
}

fn certificate(c: Certificate) -> PresentedCertificate {
    PresentedCertificate {
        subject: c.subject,
        issuer: c.issuer,
        names: c.names,
        valid_from: wire::date(c.valid_from),
        valid_to: wire::date(c.valid_to),
        sha256: c.sha256,
    }
}

fn naming_context(c: probe::NamingContext) -> NamingContext {
    NamingContext { name: c.name, hidden: c.hidden, readable: c.readable, reason: c.reason }
}
