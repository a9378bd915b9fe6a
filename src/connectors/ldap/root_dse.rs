//! The root entry of a directory (RFC 4512, section 5.1): which kind of server it is and what it lists.
//!
//! The kind only chooses rules. A wrong guess must never delete anything.

use std::collections::HashSet;

use super::entry::Entry;
use super::failure::{EXCEEDS, Failure, Stage, result_text};
use super::guard::PAGED_RESULTS;
use super::session::{EVERY_ENTRY, Session};
use crate::domain::dn::{Dn, DnKey};

/// Which rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Active Directory.
    ActiveDirectory,
    /// Active Directory Lightweight Directory Services.
    AdLds,
    /// Samba as a domain controller.
    SambaAd,
    /// OpenLDAP.
    OpenLdap,
    /// 389 Directory Server.
    Ds389,
    /// Any other server of RFC 4512.
    Generic,
}

impl Kind {
    /// Whether the rules of Active Directory apply.
    pub fn is_ad_family(self) -> bool {
        matches!(self, Kind::ActiveDirectory | Kind::AdLds | Kind::SambaAd)
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ActiveDirectory => "Active Directory",
            Kind::AdLds => "AD LDS",
            Kind::SambaAd => "Samba AD",
            Kind::OpenLdap => "OpenLDAP",
            Kind::Ds389 => "389 Directory Server",
            Kind::Generic => "Generic LDAP",
        }
    }
}

/// What the root entry said.
#[derive(Debug, Clone)]
pub struct RootDse {
    /// Which rules apply.
    pub kind: Kind,
    /// What the server calls itself, where it does.
    pub vendor: Option<String>,
    /// Whether searches can be paged (RFC 2696).
    pub paging: bool,
    /// The listed naming contexts: DN as sent and its normal form, each once.
    pub contexts: Vec<(String, DnKey)>,
    /// Whether the root of the tree is a naming context itself, or none is listed: then what lies directly below the
    /// root has to be looked for.
    pub open_root: bool,
    /// The configuration naming context of the Active Directory family.
    pub configuration: Option<String>,
    /// Its schema naming context.
    pub schema: Option<String>,
    /// The entry that holds the schema (RFC 4512, section 4.4).
    pub subschema: Option<String>,
    /// Naming contexts that hold no organisation.
    pub(super) technical: Vec<DnKey>,
}

const ATTRIBUTES: &[&str] = &[
    "objectClass",
    "structuralObjectClass",
    "supportedCapabilities",
    "supportedControl",
    "namingContexts",
    "configurationNamingContext",
    "schemaNamingContext",
    "subschemaSubentry",
    "vendorName",
    "vendorVersion",
];
const CAPABILITY_AD: &str = "1.2.840.113556.1.4.800";
const CAPABILITY_AD_LDS: &str = "1.2.840.113556.1.4.1851";
/// A server's name of itself is shown to people, and it is a stranger's text.
const MAX_VENDOR: usize = 100;
/// More naming contexts than any directory has. Each is read by itself and compared with all others.
pub(super) const MAX_CONTEXTS: usize = 1_000;
const TECHNICAL: [&str; 6] = ["cn=config", "cn=schema", "cn=monitor", "cn=changelog", "cn=accesslog", "o=netscaperoot"];

impl RootDse {
    /// A root entry that says nothing but what server it is of.
    #[cfg(test)]
    pub(super) fn of(kind: Kind) -> Self {
        let contexts = Vec::new();
        let technical = Vec::new();
        RootDse {
            kind,
            vendor: None,
            paging: true,
            contexts,
            open_root: false,
            configuration: None,
            schema: None,
            subschema: None,
            technical,
        }
    }

    /// Whether a naming context is technical.
    pub fn is_technical(&self, key: &DnKey) -> bool {
        TECHNICAL.contains(&key.as_str()) || self.technical.contains(key)
    }
}

/// Reads the root entry.
pub async fn read(session: &mut Session) -> Result<RootDse, Failure> {
    let answer = session.read("", EVERY_ENTRY, ATTRIBUTES).await?;
    let Some(entry) = answer.entry.filter(|_| answer.code == 0) else {
        let reason =
            if answer.code == 0 { "no entry".to_owned() } else { result_text(answer.code, &answer.diagnostic) };
        let failure = Failure::new(Stage::Root, session.label(), reason);
        return Err(if matches!(answer.code, 51 | 52) { failure.worth_a_retry() } else { failure });
    };
    let has = |name: &str, value: &str| entry.texts(name).any(|v| v.eq_ignore_ascii_case(value));
    let text = |name: &str| entry.first_text(name).map(str::to_owned).filter(|t| !t.trim().is_empty());
    let (mut contexts, mut known, mut unreadable) = (Vec::new(), HashSet::new(), 0);
    let mut open_root = entry.get("namingContexts").is_empty();
    for dn in entry.texts("namingContexts") {
        if dn.trim().is_empty() {
            // RFC 4512, section 5.1: a server that holds the root of the tree lists an empty name.
            open_root = true;
            continue;
        }
        match Dn::parse(dn).map(|dn| dn.key()) {
            Ok(key) => {
                if known.insert(key.clone()) {
                    contexts.push((dn.to_owned(), key));
                }
                if contexts.len() > MAX_CONTEXTS {
                    return Err(Failure::new(Stage::Root, session.label(), EXCEEDS));
                }
            }
            Err(_) => unreadable += 1,
        }
    }
    if unreadable > 0 {
        tracing::warn!(unreadable, "naming contexts whose names cannot be read are left out");
    }
    let (configuration, schema) = (text("configurationNamingContext"), text("schemaNamingContext"));
    let technical =
        [&configuration, &schema].into_iter().filter_map(|dn| Some(Dn::parse(dn.as_ref()?).ok()?.key())).collect();
    Ok(RootDse {
        kind: kind(&entry),
        vendor: vendor(&entry).map(|text| session.clean(&text)),
        paging: has("supportedControl", PAGED_RESULTS),
        contexts,
        open_root,
        configuration,
        schema,
        subschema: text("subschemaSubentry"),
        technical,
    })
}

/// Which rules apply; the first that fits.
fn kind(entry: &Entry) -> Kind {
    let has = |name: &str, value: &str| entry.texts(name).any(|v| v.eq_ignore_ascii_case(value));
    let starts =
        |name: &str, prefix: &str| entry.first_text(name).is_some_and(|v| v.to_ascii_lowercase().starts_with(prefix));
    let samba = || entry.first_text("vendorName").is_some_and(|v| v.to_ascii_lowercase().contains("samba"));
    if has("supportedCapabilities", CAPABILITY_AD) && samba() {
        Kind::SambaAd
    } else if has("supportedCapabilities", CAPABILITY_AD_LDS) {
        Kind::AdLds
    } else if has("supportedCapabilities", CAPABILITY_AD) {
        Kind::ActiveDirectory
    } else if has("objectClass", "OpenLDAProotDSE") || has("structuralObjectClass", "OpenLDAProotDSE") {
        Kind::OpenLdap
    } else if starts("vendorName", "389") || starts("vendorVersion", "389-directory") {
        Kind::Ds389
    } else {
        Kind::Generic
    }
}

/// Name and version as the server tells them.
fn vendor(entry: &Entry) -> Option<String> {
    let parts: Vec<&str> = ["vendorName", "vendorVersion"].iter().filter_map(|name| entry.first_text(name)).collect();
    let text: String = parts.join(", ").chars().take(MAX_VENDOR).collect();
    Some(text).filter(|t| !t.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_what_its_root_entry_says() {
        let attribute = |(name, values): &(&str, &[&str])| {
            ((*name).to_owned(), values.iter().map(|v| v.as_bytes().to_vec()).collect())
        };
        let ad: &[&str] = &["1.2.840.113556.1.4.1670", CAPABILITY_AD];
        for (attributes, expected) in [
            (vec![("supportedCapabilities", ad)], Kind::ActiveDirectory),
            (
                vec![("SUPPORTEDCAPABILITIES", ad), ("vendorName", &["Samba Team (https://www.samba.org)"])],
                Kind::SambaAd,
            ),
            (vec![("supportedCapabilities", &[CAPABILITY_AD_LDS])], Kind::AdLds),
            (vec![("objectClass", &["top", "openldaprootdse"])], Kind::OpenLdap),
            (vec![("structuralObjectClass", &["OpenLDAProotDSE"])], Kind::OpenLdap),
            (vec![("vendorName", &["389 Project"])], Kind::Ds389),
            (vec![("vendorVersion", &["389-Directory/2.3.1"])], Kind::Ds389),
            (vec![("vendorName", &["Samba Team"])], Kind::Generic),
            (vec![], Kind::Generic),
        ] {
            let attributes: Vec<(&str, &[&str])> = attributes;
            let entry = Entry::new("", attributes.iter().map(attribute).collect());
            assert_eq!(kind(&entry), expected, "{attributes:?}");
        }
    }

    #[test]
    fn what_a_server_calls_itself_is_short() {
        let of = |name: &str| vendor(&Entry::new("", vec![("vendorName".to_owned(), vec![name.as_bytes().to_vec()])]));
        assert_eq!(of("389 Project"), Some("389 Project".to_owned()));
        assert_eq!(of(&"x".repeat(500)).map(|v| v.len()), Some(MAX_VENDOR));
        assert_eq!(of(" "), None);
    }
}
