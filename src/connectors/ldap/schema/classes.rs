//! Object classes with their superclasses: which of the classes of an entry is its most specific one.

use std::collections::HashMap;

use super::bounds::Bounds;
use super::definition::{ClassKind, Definition};
use super::subschema;
use crate::connectors::ldap::Access;
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::failure::{Failure, Stage, result_text};
use crate::connectors::ldap::root_dse::RootDse;
use crate::connectors::ldap::session::{End, PAGE_SIZE, Scope, Session};

/// Superclasses followed upwards; the deepest chains in use have about ten.
const MAX_CHAIN: usize = 64;

const AD_CLASSES: &str = "(objectClass=classSchema)";
const AD_NAME: &str = "lDAPDisplayName";
const AD_CATEGORY: &str = "objectClassCategory";
const AD_SUPERIOR: &str = "subClassOf";

/// Classes by each of their names, in lower case.
#[derive(Debug, Default)]
pub struct Classes {
    numbers: HashMap<String, usize>,
    classes: Vec<Class>,
}

#[derive(Debug)]
struct Class {
    name: String,
    kind: ClassKind,
    superiors: Vec<String>,
}

/// Reads the classes that the directory declares.
pub async fn classes(access: &Access, session: &mut Session, root: &RootDse) -> Result<Classes, Failure> {
    session.enter(Stage::Schema);
    if root.kind.is_ad_family() {
        return of_schema_partition(access, session, root).await;
    }
    let entry = subschema::entry(access, session, root).await?;
    // A large schema takes a while; other requests must not wait.
    Ok(tokio::task::block_in_place(|| Classes::of_subschema(&entry)))
}

async fn of_schema_partition(access: &Access, session: &mut Session, root: &RootDse) -> Result<Classes, Failure> {
    let base = root.schema.as_deref().ok_or_else(|| super::unreadable(access, "the root entry names no schema"))?;
    let page = root.paging.then_some(PAGE_SIZE);
    let mut classes = Classes::default();
    let mut take = |entry: Entry| classes.add_entry(&entry);
    let wanted = [AD_NAME, AD_CATEGORY, AD_SUPERIOR];
    let end = session.search_paged(base, Scope::OneLevel, AD_CLASSES, &wanted, page, &mut take).await;
    match end.outcome {
        End::Result { code: 0, .. } => Ok(classes),
        End::Result { code, ref diagnostic, .. } => Err(super::unreadable(access, &result_text(code, diagnostic))),
        ref other => Err(session.failure(other)),
    }
}

impl Classes {
    /// Classes of a subschema entry (RFC 4512, section 4.1.1); what is not understood is left out.
    pub fn of_subschema(entry: &Entry) -> Classes {
        let (bounds, mut classes) = (Bounds::default(), Classes::default());
        for value in entry.get("objectClasses") {
            let Ok(definition) = Definition::parse(value, bounds.definition, bounds.name) else { continue };
            let kind = definition.kind.unwrap_or(ClassKind::Structural);
            let superiors = definition.superiors.iter().map(|s| s.to_ascii_lowercase()).collect();
            let names = definition.names.iter().map(|n| n.to_string()).chain([definition.oid.to_owned()]);
            classes.add(definition.name().to_owned(), names, kind, superiors);
        }
        classes
    }

    fn add_entry(&mut self, entry: &Entry) {
        let Some(name) = entry.first_text(AD_NAME) else { return };
        // 0 (of 1993) and 1 are structural, 2 is abstract (MS-ADTS 3.1.1.2.4.4).
        let kind = match entry.first_text(AD_CATEGORY) {
            Some("2") => ClassKind::Abstract,
            Some("3") => ClassKind::Auxiliary,
            _ => ClassKind::Structural,
        };
        let superiors = entry.texts(AD_SUPERIOR).map(str::to_ascii_lowercase).filter(|s| s != "top").collect();
        self.add(name.to_owned(), [name.to_owned()].into_iter(), kind, superiors);
    }

    fn add(&mut self, name: String, names: impl Iterator<Item = String>, kind: ClassKind, superiors: Vec<String>) {
        if self.classes.len() >= Bounds::default().classes {
            return;
        }
        let number = self.classes.len();
        for name in names.filter(|name| !name.is_empty()) {
            self.numbers.entry(name.to_ascii_lowercase()).or_insert(number);
        }
        self.classes.push(Class { name, kind, superiors });
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name.to_ascii_lowercase().as_str()).copied()
    }

    /// Preferred name of a class.
    pub fn name(&self, name: &str) -> Option<&str> {
        Some(self.classes.get(self.number(name)?)?.name.as_str())
    }

    /// Those of a kind without a subclass among them, by their preferred names. With the longest chain of superclasses
    /// first; usually one.
    pub fn most_specific<'n>(&self, names: impl Iterator<Item = &'n str>, kind: ClassKind) -> Vec<&str> {
        let of_kind = |number: &usize| self.classes.get(*number).is_some_and(|class| class.kind == kind);
        let numbers: Vec<usize> = names.filter_map(|name| self.number(name)).filter(of_kind).collect();
        let above: Vec<Vec<usize>> = numbers.iter().map(|number| self.above(*number)).collect();
        let is_above = |number: &usize| above.iter().any(|above| above.contains(number));
        let alone = numbers.iter().zip(&above).filter(|(number, _)| !is_above(number));
        let mut found: Vec<(usize, &str)> =
            alone.filter_map(|(number, above)| Some((above.len(), self.classes.get(*number)?.name.as_str()))).collect();
        found.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        found.dedup();
        found.into_iter().map(|(_, name)| name).collect()
    }

    /// Superclasses, each once.
    fn above(&self, number: usize) -> Vec<usize> {
        let (mut found, mut open) = (Vec::new(), vec![number]);
        while let Some(next) = open.pop() {
            let superiors = self.classes.get(next).map(|class| class.superiors.as_slice()).unwrap_or_default();
            for above in superiors.iter().filter_map(|name| self.number(name)) {
                if above != number && !found.contains(&above) && found.len() < MAX_CHAIN {
                    found.push(above);
                    open.push(above);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Classes {
        let definitions = [
            "( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
            "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) )",
            "( 2.5.6.7 NAME ( 'organizationalPerson' 'orgPerson' ) SUP person STRUCTURAL )",
            "( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP orgPerson STRUCTURAL )",
            "( 2.16.840.1.113730.3.2.327 NAME 'nsPerson' SUP top STRUCTURAL )",
            "( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY )",
            "( 9.1 NAME 'posixLab' SUP posixAccount AUXILIARY )",
            "( 9.2 NAME 'snake' SUP tail STRUCTURAL )",
            "( 9.3 NAME 'tail' SUP snake STRUCTURAL )",
            "not a class",
        ];
        let values = definitions.iter().map(|d| d.as_bytes().to_vec()).collect();
        Classes::of_subschema(&Entry::new("cn=Subschema", vec![("objectClasses".to_owned(), values)]))
    }

    #[test]
    fn the_most_specific_class_has_no_subclass_in_the_entry() {
        use ClassKind::{Auxiliary, Structural};
        for (classes, kind, expected) in [
            ("top person orgperson INETORGPERSON posixAccount", Structural, "inetOrgPerson"),
            ("inetOrgPerson organizationalPerson person top", Structural, "inetOrgPerson"),
            ("top person", Structural, "person"),
            ("top nsPerson person organizationalPerson", Structural, "organizationalPerson nsPerson"),
            ("top person posixLab posixAccount", Auxiliary, "posixLab"),
            ("2.5.6.6 2.5.6.7", Structural, "organizationalPerson"),
            ("top unknown", Structural, ""),
            ("snake tail", Structural, ""),
        ] {
            assert_eq!(usual().most_specific(classes.split(' '), kind).join(" "), expected, "{classes}");
        }
        assert_eq!(usual().name("ORGPERSON"), Some("organizationalPerson"));
    }

    #[test]
    fn classes_of_active_directory_are_read_from_their_entries() {
        let mut classes = Classes::default();
        for (name, category, superior) in
            [("top", "2", "top"), ("person", "0", "top"), ("user", "1", "person"), ("mailRecipient", "3", "top")]
        {
            let one = |name: &str, value: &str| (name.to_owned(), vec![value.as_bytes().to_vec()]);
            classes.add_entry(&Entry::new(
                "CN=x",
                vec![one(AD_NAME, name), one(AD_CATEGORY, category), one(AD_SUPERIOR, superior)],
            ));
        }
        let of = |kind| classes.most_specific("top person user mailRecipient".split(' '), kind);
        assert_eq!(of(ClassKind::Structural), ["user"]);
        assert_eq!(of(ClassKind::Auxiliary), ["mailRecipient"]);
    }
}
