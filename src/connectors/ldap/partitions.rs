//! Partitions of a directory: cross-references of the Active Directory family, elsewhere naming contexts.

use std::collections::HashSet;
use std::sync::Arc;

use super::Access;
use super::entry::Entry;
use super::failure::{EXCEEDS, Failure, Stage, result_text};
use super::root_dse::{Kind, MAX_CONTEXTS, RootDse};
use super::session::{EVERY_ENTRY, End, PAGE_SIZE, Scope, Session};
use crate::domain::dn::{Dn, DnKey};

const CROSS_REFERENCES: &str = "(objectClass=crossRef)";
const ATTRIBUTES: &[&str] = &["nCName", "systemFlags", "Enabled"];
/// FLAG_CR_NTDS_NC: a partition of this forest, not of another directory (MS-ADTS 2.2.10).
const OF_THIS_FOREST: i32 = 1;
const DOMAIN: i32 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub dn: Arc<str>,
    pub key: DnKey,
    /// Technical: holds no organisation.
    pub hidden: bool,
    /// This server holds a replica.
    pub held: bool,
}

#[derive(Debug, Default)]
pub struct Listing {
    pub partitions: Vec<Listed>,
    pub remark: Option<String>,
}

/// Lists the partitions, each once. Fails on an incomplete list, since the missing half would look removed.
pub async fn list(access: &Access, session: &mut Session, root: &RootDse) -> Result<Listing, Failure> {
    if !root.kind.is_ad_family() {
        let named = root.contexts.iter().map(|(dn, key)| Listed {
            dn: Arc::from(dn.as_str()),
            key: key.clone(),
            hidden: root.is_technical(key),
            held: true,
        });
        let mut listing = Listing { partitions: named.collect(), remark: None };
        if root.open_root {
            below_root(access, session, root, &mut listing).await?;
        }
        return Ok(listing);
    }
    session.enter(Stage::Partitions);
    let failure = |why: &str| Failure::new(Stage::Partitions, &access.label(), why);
    let configuration =
        root.configuration.as_deref().ok_or_else(|| failure("the root entry names no configuration naming context"))?;
    let base = format!("CN=Partitions,{configuration}");
    // Entries are not kept: their size is up to the directory.
    let (mut known, mut listed) = (HashSet::new(), Vec::new());
    let search = async {
        let page = root.paging.then_some(PAGE_SIZE);
        let end = session
            .search_paged(&base, Scope::OneLevel, CROSS_REFERENCES, ATTRIBUTES, page, &mut |entry| {
                if listed.len() <= MAX_CONTEXTS {
                    listed.extend(cross_reference(&entry, root).filter(|p| known.insert(p.key.clone())));
                }
            })
            .await;
        match end.outcome {
            End::Result { code: 0, .. } if end.skipped == 0 => Ok(()),
            End::Result { code: 0, .. } => Err(failure("the list of partitions cannot be read as a whole")),
            ref other => Err(session.failure(other)),
        }
    };
    access.within(Stage::Partitions, search).await?;
    if listed.len() > MAX_CONTEXTS {
        return Err(failure(EXCEEDS));
    }
    Ok(Listing { partitions: listed, remark: None })
}

/// Adds the entries directly below the root of the tree if that is a naming context (RFC 4512, section 5.1). A refused
/// search is a remark only: stored partitions are looked up before they are removed.
async fn below_root(
    access: &Access,
    session: &mut Session,
    root: &RootDse,
    listing: &mut Listing,
) -> Result<(), Failure> {
    session.enter(Stage::Partitions);
    let listed: Vec<DnKey> = listing.partitions.iter().map(|p| p.key.clone()).collect();
    let within = |key: &DnKey| listed.iter().any(|context| key == context || key.is_below(context.as_str()));
    let mut known = HashSet::new();
    let partitions = &mut listing.partitions;
    let search = async {
        let page = root.paging.then_some(PAGE_SIZE);
        let mut take = |entry: Entry| {
            let Some(key) = Dn::parse(&entry.dn).ok().filter(|dn| !dn.rdns().is_empty()).map(|dn| dn.key()) else {
                return;
            };
            if partitions.len() <= MAX_CONTEXTS
                && !root.is_technical(&key)
                && !within(&key)
                && known.insert(key.clone())
            {
                partitions.push(Listed { dn: Arc::from(entry.dn.as_str()), key, hidden: false, held: true });
            }
        };
        let end = session.search_paged("", Scope::OneLevel, EVERY_ENTRY, &["1.1"], page, &mut take).await;
        match end.outcome {
            End::Result { code: 0, .. } => Ok(None),
            // A server without listed naming contexts need not hold the root.
            End::Result { code: 32, .. } if root.contexts.is_empty() => Ok(None),
            End::Result { code, ref diagnostic, .. } => Ok(Some(result_text(code, diagnostic))),
            ref other => Err(session.failure(other)),
        }
    };
    let refused = access.within(Stage::Partitions, search).await?;
    if listing.partitions.len() > MAX_CONTEXTS {
        return Err(Failure::new(Stage::Partitions, &access.label(), EXCEEDS));
    }
    let remark = |why| format!("the entries directly below the root of the tree cannot be listed: {why}");
    listing.remark = refused.map(remark);
    Ok(())
}

/// Partition of a cross-reference; `None` if of another forest or disabled.
fn cross_reference(entry: &Entry, root: &RootDse) -> Option<Listed> {
    let flags = entry.first_text("systemFlags").and_then(|v| v.trim().parse::<i32>().ok()).unwrap_or(0);
    let enabled = !entry.first_text("Enabled").is_some_and(|v| v.trim().eq_ignore_ascii_case("FALSE"));
    let dn = entry.first_text("nCName").filter(|_| flags & OF_THIS_FOREST != 0 && enabled)?;
    let key = match Dn::parse(dn) {
        Ok(parsed) if !parsed.rdns().is_empty() => parsed.key(),
        _ => {
            tracing::warn!(cross_reference = entry.dn, "the name of a listed partition is malformed");
            return None;
        }
    };
    let hidden = match root.kind {
        Kind::AdLds => root.is_technical(&key),
        _ => flags & DOMAIN == 0,
    };
    let held = root.contexts.iter().any(|(_, context)| *context == key);
    Some(Listed { dn: Arc::from(dn), key, hidden, held })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(nc: &str, flags: &str, enabled: Option<&str>) -> Entry {
        let value = |name: &str, v: &str| (name.to_owned(), vec![v.as_bytes().to_vec()]);
        let mut attributes = vec![value("nCName", nc), value("systemFlags", flags)];
        attributes.extend(enabled.map(|e| value("Enabled", e)));
        Entry::new("CN=x,CN=Partitions,CN=Configuration,DC=lab,DC=test", attributes)
    }

    fn root(kind: Kind) -> RootDse {
        let context = |dn: &str| (dn.to_owned(), Dn::parse(dn).expect("dn").key());
        RootDse {
            contexts: vec![context("DC=lab,DC=test"), context("CN=Configuration,DC=lab,DC=test"), context("O=app")],
            technical: vec![Dn::parse("cn=configuration,dc=lab,dc=test").expect("dn").key()],
            ..RootDse::of(kind)
        }
    }

    #[test]
    fn cross_references_say_what_is_technical_held_and_ours() {
        for (kind, nc, flags, enabled, expected) in [
            (Kind::ActiveDirectory, "DC=lab,DC=test", "3", None, Some((false, true))),
            (Kind::SambaAd, "CN=Configuration,DC=lab,DC=test", "1", None, Some((true, true))),
            (Kind::SambaAd, "DC=DomainDnsZones,DC=lab,DC=test", "5", None, Some((true, false))),
            (Kind::ActiveDirectory, "DC=child,DC=lab,DC=test", "3", Some("TRUE"), Some((false, false))),
            // Other bits may be set, the sign bit too.
            (Kind::ActiveDirectory, "DC=lab,DC=test", "-2147483645", None, Some((false, true))),
            (Kind::ActiveDirectory, "DC=elsewhere", "0", None, None),
            (Kind::ActiveDirectory, "DC=elsewhere", "two", None, None),
            (Kind::ActiveDirectory, "DC=lab,DC=test", "3", Some("FALSE"), None),
            (Kind::ActiveDirectory, "no name", "3", None, None),
            (Kind::AdLds, "O=app", "5", None, Some((false, true))),
            (Kind::AdLds, "CN=Configuration,DC=lab,DC=test", "1", None, Some((true, true))),
        ] {
            let listed = cross_reference(&entry(nc, flags, enabled), &root(kind));
            assert_eq!(listed.map(|l| (l.hidden, l.held)), expected, "{kind:?} {nc} {flags}");
        }
    }
}
