//! Schema partition of the Active Directory family (MS-ADTS 3.1.1.2): an entry for each class and attribute.

use super::bounds::{Bounds, Exceeds};
use super::model::{Model, NewAttribute, NewClass};
use super::types::of_ad_syntax;
use super::{INCOMPLETE, exceeds, unreadable};
use crate::connectors::ldap::Access;
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::failure::{Failure, Stage};
use crate::connectors::ldap::root_dse::RootDse;
use crate::connectors::ldap::session::{End, PAGE_SIZE, Scope, Session};
use crate::domain::schema::{Plurality, Writability};

const NAME: &str = "lDAPDisplayName";
const DEFUNCT: &str = "isDefunct";
/// Values of objectClassCategory (MS-ADTS 3.1.1.2.4).
const STRUCTURAL: &str = "1";
const AUXILIARY: &str = "3";

const ATTRIBUTE: (&str, &[&str]) = (
    "(objectClass=attributeSchema)",
    &[
        NAME,
        "attributeID",
        "attributeSyntax",
        "isSingleValued",
        "systemOnly",
        "systemFlags",
        "linkID",
        "description",
        "adminDescription",
        DEFUNCT,
    ],
);
const CLASS: (&str, &[&str]) = (
    "(objectClass=classSchema)",
    &[
        NAME,
        "governsID",
        "objectClassCategory",
        "defaultHidingValue",
        "subClassOf",
        "auxiliaryClass",
        "systemAuxiliaryClass",
        "mayContain",
        "mustContain",
        "systemMayContain",
        "systemMustContain",
        DEFUNCT,
    ],
);

/// FLAG_ATTR_IS_CONSTRUCTED: computed on read (MS-ADTS 2.2.10).
const CONSTRUCTED: i64 = 4;

/// Classes of the security accounts manager, which accepts one `description` where the schema allows several.
const SAM_CLASSES: [&str; 6] = ["user", "computer", "inetOrgPerson", "group", "samDomain", "samServer"];

pub(super) async fn model(access: &Access, session: &mut Session, root: &RootDse) -> Result<Model, Failure> {
    let base = root.schema.as_deref().ok_or_else(|| unreadable(access, "the root entry names no schema"))?;
    let page = root.paging.then_some(PAGE_SIZE);
    let mut reader = Reader::new(Bounds::default(), access.settings.auxiliary);
    for (class, (filter, attributes)) in [(false, ATTRIBUTE), (true, CLASS)] {
        let search = async {
            let mut take = |entry: Entry| reader.take(&entry, class, |bytes| access.budget.keep(bytes));
            let end = session.search_paged(base, Scope::OneLevel, filter, attributes, page, &mut take).await;
            match end.outcome {
                End::Result { code: 0, .. } if end.skipped == 0 => Ok(()),
                End::Result { code: 0, .. } => Err(unreadable(access, INCOMPLETE)),
                ref other => Err(session.failure(other)),
            }
        };
        access.within(Stage::Schema, search).await?;
    }
    if reader.cut {
        return Err(unreadable(access, INCOMPLETE));
    }
    reader.finish().map_err(|what| exceeds(access, what))
}

struct Reader {
    model: Model,
    auxiliary: bool,
    /// Declared last: a definition in use may have the same name and takes precedence.
    defunct: Vec<(Entry, bool)>,
    /// An entry arrived without some of its values.
    cut: bool,
    exceeded: Option<Exceeds>,
    kept: u64,
}

impl Reader {
    fn new(bounds: Bounds, auxiliary: bool) -> Self {
        Reader { model: Model::new(bounds), auxiliary, defunct: Vec::new(), cut: false, exceeded: None, kept: 0 }
    }

    /// Adds an entry. Once a limit is exceeded, further entries are ignored.
    fn take(&mut self, entry: &Entry, class: bool, keep: impl Fn(u64) -> bool) {
        if self.exceeded.is_some() {
            return;
        }
        // Values beyond a limit come in ranges (MS-ADTS 3.1.1.3.1.3.3); the last range ends in a star.
        let part = |name: &str| name.split_once(";range=").is_some_and(|(_, range)| !range.ends_with("-*"));
        self.cut |= entry.attributes().iter().any(|(name, _)| part(&name.to_ascii_lowercase()));
        let taken = if is_true(entry, DEFUNCT) { self.defer_defunct(entry, class) } else { self.declare(entry, class) };
        let bytes = self.model.bytes() + (self.defunct.len() * size_of::<Entry>()) as u64;
        let kept = keep(bytes.saturating_sub(self.kept));
        self.kept = self.kept.max(bytes);
        self.exceeded = taken.err().or((!kept).then_some(Exceeds("text")));
    }

    /// Keeps the names of a defunct definition, which others may still mention.
    fn defer_defunct(&mut self, entry: &Entry, class: bool) -> Result<(), Exceeds> {
        Bounds::check(self.defunct.len() + 1, self.model.bounds.attributes, "defunct definitions")?;
        let wanted = [NAME, "attributeID", "governsID", "subClassOf", DEFUNCT];
        let short = |name: &&str| {
            let value = entry.first(name).filter(|v| v.len() <= self.model.bounds.name * 4)?;
            Some(((*name).to_owned(), vec![value.to_vec()]))
        };
        self.defunct.push((Entry::new("", wanted.iter().filter_map(short).collect()), class));
        Ok(())
    }

    fn declare(&mut self, entry: &Entry, class: bool) -> Result<(), Exceeds> {
        if class { self.declare_class(entry) } else { self.declare_attribute(entry) }
    }

    fn declare_attribute(&mut self, entry: &Entry) -> Result<(), Exceeds> {
        let Some(names) = names(entry, "attributeID", self.model.bounds.name) else {
            self.model.findings.broken_attributes.add(display_name(entry));
            return Ok(());
        };
        let number = |name: &str| entry.first_text(name).and_then(|text| text.trim().parse::<i64>().ok());
        let constructed = number("systemFlags").is_some_and(|flags| flags & CONSTRUCTED != 0);
        let back_link = number("linkID").is_some_and(|id| id & 1 == 1);
        let read_only = is_true(entry, "systemOnly") || constructed || back_link;
        let several = entry.first_text("isSingleValued").is_some_and(|text| text.trim().eq_ignore_ascii_case("FALSE"));
        let attribute = NewAttribute {
            description: entry.first_text("description").or_else(|| entry.first_text("adminDescription")),
            data_type: Some(of_ad_syntax(entry.first_text("attributeSyntax").unwrap_or_default().trim())),
            superior: None,
            plurality: if several { Plurality::Multi } else { Plurality::Single },
            writability: if read_only { Writability::ReadOnly } else { Writability::ReadWrite },
            defunct: is_true(entry, DEFUNCT),
        };
        self.model.declare_attribute(&names, &attribute)
    }

    fn declare_class(&mut self, entry: &Entry) -> Result<(), Exceeds> {
        let Some(names) = names(entry, "governsID", self.model.bounds.name) else {
            self.model.findings.broken_classes.add(display_name(entry));
            return Ok(());
        };
        let wanted = match entry.first_text("objectClassCategory").map(str::trim) {
            Some(STRUCTURAL) => true,
            Some(AUXILIARY) => self.auxiliary,
            // Abstract, older than categories (88 classes), or unknown.
            _ => false,
        };
        let all = |several: &[&str]| several.iter().flat_map(|name| entry.texts(name)).map(str::trim).collect();
        let superiors: Vec<&str> = all(&["subClassOf"]);
        let auxiliaries: Vec<&str> = all(&["auxiliaryClass", "systemAuxiliaryClass"]);
        let attributes: Vec<&str> = all(&["mustContain", "systemMustContain", "mayContain", "systemMayContain"]);
        let name = names.first().copied().unwrap_or_default();
        let class = NewClass {
            offered: wanted && !is_true(entry, "defaultHidingValue") && !is_true(entry, DEFUNCT),
            single_description: SAM_CLASSES.iter().any(|known| known.eq_ignore_ascii_case(name)),
            superiors: &superiors,
            auxiliaries: &auxiliaries,
            attributes: &attributes,
        };
        self.model.declare_class(&names, &class)
    }

    /// The model, with defunct definitions whose names are not in use again.
    fn finish(mut self) -> Result<Model, Exceeds> {
        if let Some(exceeded) = self.exceeded {
            return Err(exceeded);
        }
        for (entry, class) in std::mem::take(&mut self.defunct) {
            let taken = entry.first_text(NAME).is_some_and(|name| {
                if class { self.model.knows_class(name.trim()) } else { self.model.knows_attribute(name.trim()) }
            });
            if !taken {
                self.declare(&entry, class)?;
            }
        }
        Ok(self.model)
    }
}

fn is_true(entry: &Entry, name: &str) -> bool {
    entry.first_text(name).is_some_and(|text| text.trim().eq_ignore_ascii_case("TRUE"))
}

/// Name and OID; `None` if the name cannot be displayed and stored.
fn names<'e>(entry: &'e Entry, oid: &str, max: usize) -> Option<Vec<&'e str>> {
    let name = entry.first_text(NAME)?.trim();
    let good = !name.is_empty() && !name.contains(char::is_control) && name.chars().nth(max).is_none();
    good.then(|| [name].into_iter().chain(entry.first_text(oid).map(str::trim)).collect())
}

/// Name of an entry for a warning.
fn display_name(entry: &Entry) -> &str {
    entry.first_text(NAME).map(str::trim).filter(|name| !name.is_empty()).unwrap_or(&entry.dn)
}

#[cfg(test)]
mod tests;
