//! Root entry of a directory (RFC 4512, section 5.1), and the kind of server detected from it.
//!
//! The kind only selects rules; a wrong guess must never remove a row.

use std::collections::HashSet;

use super::entry::Entry;
use super::failure::{EXCEEDS, Failure, Stage, result_text};
use super::guard::PAGED_RESULTS;
use super::session::{EVERY_ENTRY, Session};
use crate::domain::dn::{Dn, DnKey};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    ActiveDirectory,
    AdLds,
    SambaAd,
    OpenLdap,
    Ds389,
    /// Another server of RFC 4512.
    Generic,
}

impl Kind {
    pub fn is_ad_family(self) -> bool {
        matches!(self, Kind::ActiveDirectory | Kind::AdLds | Kind::SambaAd)
    }

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

#[derive(Debug, Clone)]
pub struct RootDse {
    pub kind: Kind,
    /// Name and version that the server claims, sanitised.
    pub vendor: Option<String>,
    /// Support of paged searches (RFC 2696).
    pub paging: bool,
    /// Naming contexts: DN as sent and key, each once.
    pub contexts: Vec<(String, DnKey)>,
    /// The root of the tree is a naming context, or none is listed: the entries directly below the root must be listed.
    pub open_root: bool,
    pub configuration: Option<String>,
    pub schema: Option<String>,
    pub subschema: Option<String>,
    /// Naming contexts without an organisation.
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
const MAX_VENDOR: usize = 100;
/// Each naming context costs a search and a comparison with all others.
pub(super) const MAX_CONTEXTS: usize = 1_000;
const TECHNICAL: [&str; 6] = ["cn=config", "cn=schema", "cn=monitor", "cn=changelog", "cn=accesslog", "o=netscaperoot"];

impl RootDse {
    #[cfg(test)]
    pub(super) fn of(kind: Kind) -> Self {
        RootDse {
            kind,
            vendor: None,
            paging: true,
            contexts: Vec::new(),
            open_root: false,
            configuration: None,
            schema: None,
            subschema: None,
            technical: Vec::new(),
        }
    }

    pub fn is_technical(&self, key: &DnKey) -> bool {
        TECHNICAL.contains(&key.as_str()) || self.technical.contains(key)
    }
}

pub async fn read(session: &mut Session) -> Result<RootDse, Failure> {
    let answer = session.read("", EVERY_ENTRY, ATTRIBUTES).await?;
    let Some(entry) = answer.entry.filter(|_| answer.code == 0) else {
        let reason =
            if answer.code == 0 { "no entry".to_owned() } else { result_text(answer.code, &answer.diagnostic) };
        let failure = Failure::new(Stage::Root, session.label(), reason);
        return Err(if matches!(answer.code, 51 | 52) { failure.as_transient() } else { failure });
    };
    let has = |name: &str, value: &str| entry.texts(name).any(|v| v.eq_ignore_ascii_case(value));
    let text = |name: &str| entry.first_text(name).map(str::to_owned).filter(|t| !t.trim().is_empty());
    let (mut contexts, mut known, mut unreadable) = (Vec::new(), HashSet::new(), 0);
    let mut open_root = entry.get("namingContexts").is_empty();
    for dn in entry.texts("namingContexts") {
        if dn.trim().is_empty() {
            // RFC 4512, section 5.1: an empty name is the root of the tree.
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
        tracing::warn!(unreadable, "naming contexts with malformed names are skipped");
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
