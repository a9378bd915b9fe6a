//! The root entry of a directory (RFC 4512, section 5.1): which kind of server it is and what it lists.
//!
//! The kind only chooses rules. A wrong guess must never delete anything.

use super::failure::{Failure, Stage, result_name};
use super::session::Session;
use crate::domain::dn::{Dn, DnKey};

/// Which rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Active Directory, AD LDS or Samba AD.
    ActiveDirectory,
    /// OpenLDAP.
    OpenLdap,
    /// 389 Directory Server.
    Ds389,
    /// Any other server of RFC 4512.
    Generic,
}

/// What the root entry said.
#[derive(Debug, Clone)]
pub struct RootDse {
    /// Which rules apply.
    pub kind: Kind,
    /// Whether searches can be paged (RFC 2696).
    pub paging: bool,
    /// The listed naming contexts: DN as sent and its normal form, each once.
    pub contexts: Vec<(String, DnKey)>,
    /// Naming contexts that hold no organisation.
    technical: Vec<DnKey>,
}

const ATTRIBUTES: &[&str] = &[
    "objectClass",
    "structuralObjectClass",
    "supportedCapabilities",
    "supportedControl",
    "namingContexts",
    "configurationNamingContext",
    "schemaNamingContext",
    "vendorName",
    "vendorVersion",
];
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
const CAPABILITY_AD: &str = "1.2.840.113556.1.4.800";
const CAPABILITY_AD_LDS: &str = "1.2.840.113556.1.4.1851";
const TECHNICAL: [&str; 6] = ["cn=config", "cn=schema", "cn=monitor", "cn=changelog", "cn=accesslog", "o=netscaperoot"];

impl RootDse {
    /// Whether a naming context is technical.
    pub fn is_technical(&self, key: &DnKey) -> bool {
        TECHNICAL.contains(&key.as_str()) || self.technical.contains(key)
    }
}

/// Reads the root entry.
pub async fn read(session: &mut Session) -> Result<RootDse, Failure> {
    let answer = session.read("", "(objectClass=*)", ATTRIBUTES).await?;
    let Some(entry) = answer.entry.filter(|_| answer.code == 0) else {
        let reason = if answer.code == 0 { "no entry".to_owned() } else { result_name(answer.code) };
        let failure = Failure::new(Stage::Root, session.target(), reason);
        return Err(if matches!(answer.code, 51 | 52) { failure.worth_a_retry() } else { failure });
    };
    let has = |name: &str, value: &str| entry.texts(name).any(|v| v.eq_ignore_ascii_case(value));
    let starts =
        |name: &str, prefix: &str| entry.first_text(name).is_some_and(|v| v.to_ascii_lowercase().starts_with(prefix));
    let kind = if has("supportedCapabilities", CAPABILITY_AD) || has("supportedCapabilities", CAPABILITY_AD_LDS) {
        Kind::ActiveDirectory
    } else if has("objectClass", "OpenLDAProotDSE") || has("structuralObjectClass", "OpenLDAProotDSE") {
        Kind::OpenLdap
    } else if starts("vendorName", "389") || starts("vendorVersion", "389-directory") {
        Kind::Ds389
    } else {
        Kind::Generic
    };
    let mut contexts: Vec<(String, DnKey)> = Vec::new();
    for dn in entry.texts("namingContexts").filter(|dn| !dn.trim().is_empty()) {
        match Dn::parse(dn) {
            Ok(parsed) => {
                let key = parsed.key();
                if !contexts.iter().any(|(_, k)| *k == key) {
                    contexts.push((dn.to_owned(), key));
                }
            }
            Err(fault) => tracing::warn!(%fault, "a listed naming context is not readable and is left out"),
        }
    }
    let technical = ["configurationNamingContext", "schemaNamingContext"]
        .iter()
        .filter_map(|name| Some(Dn::parse(entry.first_text(name)?).ok()?.key()))
        .collect();
    Ok(RootDse { kind, paging: has("supportedControl", PAGED_RESULTS), contexts, technical })
}
