//! From an entry to an object: its type, identity, values and references. Without I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::description::{Description, Part};
use super::types::{TypeOf, Types};
use super::value::{Parsed, id_text, parse};
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::ids::ns_unique_id;
use crate::connectors::ldap::schema::{DISTINGUISHED_NAME, ENTRY_UUID, NS_UNIQUE_ID, OBJECT_GUID};
use crate::connectors::ldap::secrets::is_secret;
use crate::domain::connector_space::{
    AttributeError, ErrorType, ExternalId, ImportScope, ReadItem, ReadObject, Refused, RowId, ScopeAttribute,
    ValuesBuilder,
};
use crate::domain::dn::{DnKey, key_and_name};
use crate::domain::schema::{DataType, Plurality};
use crate::domain::text::one_line;
use crate::domain::value::Value;

/// Characters of an external id, as of a directory's own names.
const MAX_EXTERNAL_ID: usize = 4_096;

/// The selection, prepared for entries.
pub(super) struct Parser<'s> {
    scope: &'s ImportScope,
    types: Types,
    /// Positions of attributes by lower-case name, for each type.
    attributes: Vec<HashMap<String, usize>>,
    /// Member of groups that must not be empty, which is no member.
    placeholder: Option<(String, DnKey)>,
    pub seen: Counts,
}

/// What is normal for a directory, counted for the message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Entries by the class that is not selected.
    pub other_types: BTreeMap<String, u64>,
    /// Entries with options such as `lang-de`.
    pub options: u64,
}

/// An entry as it is taken apart.
pub(super) enum Taken {
    Item(ReadItem),
    /// Of a type that is not selected.
    Other,
    /// Some attributes came in part.
    Ranged(Box<Draft>),
}

/// An object whose values are still raw.
#[derive(Debug)]
pub(super) struct Draft {
    /// Position of the type.
    object_type: usize,
    partition: RowId,
    pub dn: String,
    /// Raw values by position of the attribute.
    values: BTreeMap<usize, Vec<Vec<u8>>>,
    errors: Vec<AttributeError>,
    /// Attributes to be read in ranges: position, and name as sent.
    pub ranged: Vec<(usize, String)>,
    /// `objectGUID` as sent, by which an entry is read whatever its name.
    pub guid: Option<Vec<u8>>,
}

/// Why an entry is no object.
type Refusal = (ErrorType, String);

impl<'s> Parser<'s> {
    pub fn new(scope: &'s ImportScope, types: Types, placeholder: &str) -> Parser<'s> {
        let of_type = |t: &crate::domain::connector_space::ScopeType| {
            let asked = t.attributes.iter().enumerate().filter(|(_, a)| !is_secret(&a.name));
            asked.map(|(at, a)| (a.name.to_ascii_lowercase(), at)).collect()
        };
        Parser {
            scope,
            types,
            attributes: scope.types.iter().map(of_type).collect(),
            placeholder: key_and_name(placeholder).ok().map(|(key, _)| (placeholder.to_owned(), key)),
            seen: Counts::default(),
        }
    }

    pub fn take(&mut self, entry: Entry, partition: RowId) -> Taken {
        match self.types.of(&entry) {
            TypeOf::Selected(position) => self.draft(entry, position, partition),
            TypeOf::Other(class) => {
                // A class of its own for each entry would be no list.
                let known =
                    self.seen.other_types.len() < super::MAX_CLASSES || self.seen.other_types.contains_key(&class);
                *self.seen.other_types.entry(if known { class } else { "other classes".to_owned() }).or_default() += 1;
                Taken::Other
            }
            TypeOf::Unknown => {
                let message = format!("{}: its object classes do not tell its type", one_line(&entry.dn));
                Taken::Item(refused(ErrorType::CouldNotMatchObjectType, message, None, entry.dn))
            }
        }
    }

    fn draft(&mut self, entry: Entry, object_type: usize, partition: RowId) -> Taken {
        let known = self.attributes.get(object_type);
        let guid = entry.first(OBJECT_GUID).map(<[u8]>::to_vec);
        let (dn, attributes) = entry.into_parts();
        let mut draft =
            Draft { object_type, partition, dn, values: BTreeMap::new(), errors: Vec::new(), ranged: Vec::new(), guid };
        let mut options = false;
        for (name, values) in attributes {
            let description = Description::of(&name);
            let lower = description.name.to_ascii_lowercase();
            let Some(at) = known.and_then(|known| known.get(&lower)).copied() else { continue };
            match description.part {
                Part::Whole => draft.values.entry(at).or_default().extend(values),
                Part::Range { first: 0, last: None } => draft.values.entry(at).or_default().extend(values),
                Part::Range { .. } => draft.ranged.push((at, description.name.to_owned())),
                Part::Other => options = true,
            }
        }
        self.seen.options += u64::from(options);
        if draft.ranged.is_empty() { Taken::Item(self.finish(draft)) } else { Taken::Ranged(Box::new(draft)) }
    }

    /// The object of a draft whose ranges were read or have failed.
    pub fn finish(&self, draft: Draft) -> ReadItem {
        let Draft { object_type, partition, dn, mut values, mut errors, .. } = draft;
        let Some(scope_type) = self.scope.types.get(object_type) else {
            return refused(ErrorType::CouldNotMatchObjectType, one_line(&dn).into_owned(), None, dn);
        };
        let (mut builder, mut references, mut identity) = (ValuesBuilder::default(), Vec::new(), None);
        for (at, attribute) in scope_type.attributes.iter().enumerate() {
            let mut raw = values.remove(&at).unwrap_or_default();
            if attribute.name.eq_ignore_ascii_case(DISTINGUISHED_NAME) {
                // Other directories than Active Directory have it as the supertype of all references.
                raw = vec![dn.clone().into_bytes()];
            }
            let parsed = self.values(attribute, raw);
            if attribute.is_external_id {
                identity = Some(external_id(attribute, parsed.as_ref(), &dn));
            }
            match parsed {
                Err(message) => {
                    let error = ErrorType::UnexpectedAttribute;
                    errors.push(AttributeError { attribute: attribute.id, error, message });
                }
                Ok(parsed) if attribute.data_type == DataType::Reference => {
                    references.extend(texts(parsed).map(|texts| (attribute.id, texts)));
                }
                Ok(parsed) => parsed.iter().for_each(|value| {
                    let mut encoded = Vec::new();
                    value.encode(&mut encoded);
                    builder.push(attribute.id, encoded);
                }),
            }
        }
        let missing =
            || (ErrorType::MissingExternalIdAttributeValue, format!("{}: its type has no external id", one_line(&dn)));
        match identity.unwrap_or_else(|| Err(missing())) {
            Err((error, message)) => refused(error, message, Some(scope_type.id), dn),
            Ok(external_id) => {
                references.sort_unstable_by_key(|(attribute, _)| *attribute);
                ReadItem::Object(Box::new(ReadObject {
                    object_type: scope_type.id,
                    partition: Some(partition),
                    external_id,
                    dn: Some(dn.into_boxed_str()),
                    values: builder.build(),
                    references,
                    errors,
                }))
            }
        }
    }

    /// Distinct values of an attribute, ascending.
    fn values(&self, attribute: &ScopeAttribute, raw: Vec<Vec<u8>>) -> Result<BTreeSet<Value>, String> {
        let mut values = BTreeSet::new();
        for bytes in raw {
            match parse(attribute.data_type, &attribute.name, bytes) {
                Parsed::Nothing => {}
                Parsed::Wrong => {
                    return Err(format!("{}: a value is no {}", attribute.name, attribute.data_type.name()));
                }
                Parsed::Value(value) if self.is_placeholder(&value) => {}
                Parsed::Value(value) => drop(values.insert(value)),
            }
        }
        // None of them is the right one.
        if attribute.plurality == Plurality::Single && values.len() > 1 {
            return Err(format!("{}: {} values, but the schema allows one", attribute.name, values.len()));
        }
        Ok(values)
    }

    fn is_placeholder(&self, value: &Value) -> bool {
        let (Value::Reference(text), Some((placeholder, key))) = (value, &self.placeholder) else { return false };
        // Other spellings are not much longer; a group may have a million members.
        text.len() <= placeholder.len() * 3 && key_and_name(text).is_ok_and(|(other, _)| other == *key)
    }
}

impl Draft {
    /// Adds all values of an attribute that came in ranges.
    pub fn add(&mut self, at: usize, values: Vec<Vec<u8>>) {
        self.values.insert(at, values);
    }

    /// Attributes whose ranges could not be read keep their stored values.
    pub fn fail(&mut self, at: usize, scope: &ImportScope, why: &str) {
        self.values.remove(&at);
        if let Some(attribute) = scope.types.get(self.object_type).and_then(|t| t.attributes.get(at)) {
            let message = format!("{}: {why}", attribute.name);
            self.errors.push(AttributeError {
                attribute: attribute.id,
                error: ErrorType::UnexpectedAttribute,
                message,
            });
        }
    }
}

fn texts(values: BTreeSet<Value>) -> Option<Vec<Box<str>>> {
    let texts: Vec<Box<str>> = values
        .into_iter()
        .filter_map(|value| if let Value::Reference(text) = value { Some(text) } else { None })
        .collect();
    (!texts.is_empty()).then_some(texts)
}

fn external_id(
    attribute: &ScopeAttribute,
    parsed: Result<&BTreeSet<Value>, &String>,
    dn: &str,
) -> Result<ExternalId, Refusal> {
    let (name, dn) = (&attribute.name, one_line(dn));
    let unsupported = |why: &str| (ErrorType::UnsupportedExternalIdAttributeType, format!("{dn}: {why}"));
    let values = parsed.map_err(|why| unsupported(why))?;
    let missing = || (ErrorType::MissingExternalIdAttributeValue, format!("{dn}: {name} is missing or empty"));
    let value = values.first().ok_or_else(missing)?;
    if values.len() > 1 {
        return Err(unsupported(&format!("{name} has {} values", values.len())));
    }
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let (text, own) = match value {
        Value::Guid(bytes) if is(OBJECT_GUID) || is(ENTRY_UUID) => (id_text(value), Some(*bytes)),
        Value::Text(text) if is(NS_UNIQUE_ID) => {
            let id = ns_unique_id(text.trim()).ok_or_else(|| unsupported(&format!("{name} is not of its form")))?;
            (id.text(), Some(id.value))
        }
        _ => (id_text(value), None),
    };
    match text.len() {
        0 => Err(missing()),
        1..=MAX_EXTERNAL_ID => Ok(ExternalId { text: text.into_boxed_str(), own }),
        _ => Err(unsupported(&format!("{name} is longer than {MAX_EXTERNAL_ID} bytes"))),
    }
}

fn refused(error: ErrorType, message: String, object_type: Option<RowId>, dn: String) -> ReadItem {
    let dn = Some(dn.into_boxed_str());
    ReadItem::Refused(Box::new(Refused { error, message, object_type, external_id: None, dn }))
}

#[cfg(test)]
mod tests;
