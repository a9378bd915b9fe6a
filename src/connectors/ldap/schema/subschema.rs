//! Subschema entry of OpenLDAP, 389 Directory Server and others (RFC 4512, section 4.2): each value is a definition.

use std::borrow::Cow;
use std::collections::HashSet;

use super::bounds::{Bounds, Exceeds};
use super::definition::{ClassKind, Definition};
use super::model::{Model, NewAttribute, NewClass, NewRule};
use super::types::of_syntax;
use super::unreadable;
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::failure::{Failure, Stage};
use crate::connectors::ldap::root_dse::RootDse;
use crate::connectors::ldap::session::{BaseRead, EVERY_ENTRY, End, Session};
use crate::connectors::ldap::{Access, partitions};
use crate::domain::schema::{DataType, Plurality, Writability};

/// Naming contexts whose entry is searched for its subschema.
const MAX_CONTEXTS: usize = 10;

const CLASSES: &str = "objectClasses";
const ATTRIBUTES: &str = "attributeTypes";
const RULES: &str = "dITContentRules";
const SYNTAXES: &str = "ldapSyntaxes";

/// Attributes of subschema entries and subentries (RFC 4512, section 4.2; RFC 3672): classes mention them, and a server
/// need not declare what only it writes. OpenLDAP does not.
const SERVER_ATTRIBUTES: [&str; 8] = [
    "( 2.5.18.6 NAME 'subtreeSpecification' SYNTAX 1.3.6.1.4.1.1466.115.121.1.45 SINGLE-VALUE USAGE directoryOperation )",
    "( 2.5.21.1 NAME 'dITStructureRules' SYNTAX 1.3.6.1.4.1.1466.115.121.1.17 USAGE directoryOperation )",
    "( 2.5.21.2 NAME 'dITContentRules' SYNTAX 1.3.6.1.4.1.1466.115.121.1.16 USAGE directoryOperation )",
    "( 2.5.21.4 NAME 'matchingRules' SYNTAX 1.3.6.1.4.1.1466.115.121.1.30 USAGE directoryOperation )",
    "( 2.5.21.5 NAME 'attributeTypes' SYNTAX 1.3.6.1.4.1.1466.115.121.1.3 USAGE directoryOperation )",
    "( 2.5.21.6 NAME 'objectClasses' SYNTAX 1.3.6.1.4.1.1466.115.121.1.37 USAGE directoryOperation )",
    "( 2.5.21.7 NAME 'nameForms' SYNTAX 1.3.6.1.4.1.1466.115.121.1.35 USAGE directoryOperation )",
    "( 2.5.21.8 NAME 'matchingRuleUse' SYNTAX 1.3.6.1.4.1.1466.115.121.1.31 USAGE directoryOperation )",
];

/// Values of a subschema entry.
#[derive(Debug, Clone, Copy, Default)]
pub struct Definitions<'a> {
    pub classes: &'a [Vec<u8>],
    pub attributes: &'a [Vec<u8>],
    pub rules: &'a [Vec<u8>],
    pub syntaxes: &'a [Vec<u8>],
}

pub(super) async fn entry(access: &Access, session: &mut Session, root: &RootDse) -> Result<Entry, Failure> {
    let named = match &root.subschema {
        Some(dn) => Some(dn.clone()),
        None => named_by_partition(access, session, root).await?,
    };
    let dn = &*named.ok_or_else(|| unreadable(access, "the server shows no schema: no entry names its own"))?;
    let wanted = [CLASSES, ATTRIBUTES, RULES, SYNTAXES];
    let mut answer = access.within(Stage::Schema, session.read(dn, "(objectClass=subschema)", &wanted)).await?;
    if answer.code == 0 && answer.entry.is_none() && !answer.skipped {
        // The entry may lack the object class.
        answer = access.within(Stage::Schema, session.read(dn, EVERY_ENTRY, &wanted)).await?;
    }
    match answer.entry {
        Some(entry) if answer.code == 0 => Ok(entry),
        _ if answer.code == 0 && answer.skipped => Err(unreadable(access, super::INCOMPLETE)),
        _ if answer.code == 0 => Err(unreadable(access, "no entry")),
        _ => {
            let BaseRead { code, matched, diagnostic, .. } = answer;
            Err(session.failure(&End::Result { code, matched, diagnostic }))
        }
    }
}

/// Subschema named by the entry of a naming context, if the root entry names none (RFC 4512, section 4.2).
async fn named_by_partition(access: &Access, session: &mut Session, root: &RootDse) -> Result<Option<String>, Failure> {
    let listed = partitions::list(access, session, root).await?.partitions;
    session.enter(Stage::Schema);
    for partition in listed.iter().filter(|p| p.held && !p.hidden).take(MAX_CONTEXTS) {
        let read = session.read(&partition.dn, EVERY_ENTRY, &["subschemaSubentry"]);
        let entry = access.within(Stage::Schema, read).await?.entry;
        if let Some(dn) =
            entry.as_ref().and_then(|e| e.first_text("subschemaSubentry")).filter(|t| !t.trim().is_empty())
        {
            return Ok(Some(dn.to_owned()));
        }
    }
    Ok(None)
}

pub(super) fn of_entry(entry: &Entry, auxiliary: bool) -> Result<Model, Exceeds> {
    let definitions = Definitions {
        classes: entry.get(CLASSES),
        attributes: entry.get(ATTRIBUTES),
        rules: entry.get(RULES),
        syntaxes: entry.get(SYNTAXES),
    };
    model(definitions, auxiliary, Bounds::default())
}

/// Parses all definitions; unreadable ones become findings.
pub fn model(definitions: Definitions<'_>, auxiliary: bool, bounds: Bounds) -> Result<Model, Exceeds> {
    let Definitions { classes, attributes, rules, syntaxes } = definitions;
    Bounds::check(classes.len(), bounds.classes, "object classes")?;
    Bounds::check(attributes.len(), bounds.attributes, "attribute types")?;
    Bounds::check(rules.len(), bounds.classes, "content rules")?;
    Bounds::check(syntaxes.len(), bounds.attributes, "syntaxes")?;
    let parse = |value| Definition::parse(value, bounds.definition, bounds.name);
    let bytes: HashSet<&str> =
        syntaxes.iter().filter_map(|v| parse(v).ok()).filter(|d| d.not_readable).map(|d| d.oid).collect();
    let mut model = Model::new(bounds);
    for value in attributes {
        match parse(value) {
            Ok(definition) => declare_attribute(&mut model, &definition, &bytes)?,
            Err(broken) => model.findings.broken_attributes.add(&broken.0),
        }
    }
    // Without any declared attribute the schema must count as empty.
    let shown = model.counts().0 > 0;
    for definition in SERVER_ATTRIBUTES.iter().filter_map(|text| parse(text.as_bytes()).ok()) {
        if shown && !model.knows_attribute(definition.name()) {
            declare_attribute(&mut model, &definition, &bytes)?;
        }
    }
    for value in classes {
        match parse(value) {
            Ok(definition) => declare_class(&mut model, &definition, auxiliary)?,
            Err(broken) => model.findings.broken_classes.add(&broken.0),
        }
    }
    for value in rules {
        match parse(value) {
            Ok(d) if !d.obsolete => {
                let (auxiliaries, attributes, precluded) = (&d.auxiliaries, &d.attributes, &d.precluded);
                model.declare_rule(d.oid, &NewRule { auxiliaries, attributes, precluded })?;
            }
            Ok(_) => {}
            Err(broken) => model.findings.broken_rules.add(&broken.0),
        }
    }
    Ok(model)
}

fn declare_attribute(model: &mut Model, d: &Definition<'_>, bytes: &HashSet<&str>) -> Result<(), Exceeds> {
    let of = |oid| of_syntax(oid).unwrap_or(if bytes.contains(oid) { DataType::Binary } else { DataType::String });
    let attribute = NewAttribute {
        description: d.description.as_deref(),
        data_type: d.syntax.map(of),
        superior: d.superiors.first().copied(),
        plurality: if d.single_value { Plurality::Single } else { Plurality::Multi },
        writability: if d.read_only { Writability::ReadOnly } else { Writability::ReadWrite },
        defunct: false,
    };
    model.declare_attribute(&names(d), &attribute)
}

fn declare_class(model: &mut Model, d: &Definition<'_>, auxiliary: bool) -> Result<(), Exceeds> {
    let offered = match d.kind {
        None | Some(ClassKind::Structural) => true,
        Some(ClassKind::Auxiliary) => auxiliary,
        Some(ClassKind::Abstract) => false,
    };
    let class = NewClass {
        offered: offered && !d.obsolete,
        superiors: &d.superiors,
        attributes: &d.attributes,
        ..NewClass::default()
    };
    model.declare_class(&names(d), &class)
}

/// Names of a definition, then its OID.
fn names<'d>(definition: &'d Definition<'_>) -> Vec<&'d str> {
    definition.names.iter().map(Cow::as_ref).map(str::trim).chain([definition.oid]).collect()
}

#[cfg(test)]
mod tests;
