//! Schema published in `cn=Subschema`. Definitions are text, neither parsed nor enforced.

use super::ber::Attribute;

pub(super) const SUBSCHEMA_DN: &str = "cn=Subschema";

const SAMPLE: &str = include_str!("schema.ldif");

#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub classes: Vec<String>,
    pub attributes: Vec<String>,
    pub rules: Vec<String>,
    pub syntaxes: Vec<String>,
}

impl Schema {
    /// A small part of OpenLDAP's schema, with its definitions.
    pub fn sample() -> Schema {
        let mut schema = Schema::default();
        for line in unfolded(SAMPLE) {
            let Some((name, definition)) = line.split_once(": ") else { continue };
            if let Some(list) = schema.list(name) {
                list.push(definition.to_owned());
            }
        }
        schema
    }

    fn list(&mut self, name: &str) -> Option<&mut Vec<String>> {
        match name {
            "objectClasses" => Some(&mut self.classes),
            "attributeTypes" => Some(&mut self.attributes),
            "dITContentRules" => Some(&mut self.rules),
            "ldapSyntaxes" => Some(&mut self.syntaxes),
            _ => None,
        }
    }

    /// Attributes of the schema entry, without empty ones.
    pub(super) fn attributes(&self) -> impl Iterator<Item = Attribute> {
        let kinds = [
            ("ldapSyntaxes", &self.syntaxes),
            ("attributeTypes", &self.attributes),
            ("objectClasses", &self.classes),
            ("dITContentRules", &self.rules),
        ];
        let values = |list: &Vec<String>| list.iter().map(|text| text.clone().into_bytes()).collect();
        kinds.into_iter().filter(|(_, list)| !list.is_empty()).map(move |(name, list)| (name.to_owned(), values(list)))
    }
}

/// Unfolds the lines of an LDIF text (RFC 2849).
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        match (line.strip_prefix(' '), lines.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn names(definition: &str) -> Vec<&str> {
        let (_, rest) = definition.split_once(" NAME ").expect("a name");
        let end = if rest.starts_with('(') { ")" } else { "' " };
        rest.split(end).next().expect("names").split('\'').skip(1).step_by(2).collect()
    }

    /// Names after a keyword, one or several in parentheses.
    fn named<'a>(definition: &'a str, keyword: &str) -> Vec<&'a str> {
        let Some((_, rest)) = definition.split_once(&format!(" {keyword} ")) else { return Vec::new() };
        let list = match rest.strip_prefix("( ") {
            Some(several) => several.split_once(')').expect("an end").0,
            None => rest.split(' ').next().expect("a name"),
        };
        list.split('$').map(str::trim).collect()
    }

    #[test]
    fn whatever_the_sample_names_is_defined() {
        let schema = Schema::sample();
        assert_eq!((schema.classes.len(), schema.attributes.len(), schema.rules.len()), (31, 92, 0));
        let lower = |list: &[String]| -> HashSet<String> {
            list.iter().flat_map(|d| names(d)).map(str::to_lowercase).collect()
        };
        let (classes, attributes) = (lower(&schema.classes), lower(&schema.attributes));
        assert!(attributes.contains("commonname") && attributes.contains("x500uniqueidentifier"), "{attributes:?}");
        for class in &schema.classes {
            for above in named(class, "SUP") {
                assert!(classes.contains(&above.to_lowercase()), "{above} of {class}");
            }
            // OpenLDAP, too, names in the classes for subentries what it does not list.
            let listed = |a: &&str| !names(class).iter().any(|n| n.starts_with("sub")) || *a == "cn";
            for attribute in ["MUST", "MAY"].iter().flat_map(|k| named(class, k)).filter(listed) {
                assert!(attributes.contains(&attribute.to_lowercase()), "{attribute} of {class}");
            }
        }
        let oid = |d: &String| d.split(' ').nth(1).expect("an OID").to_owned();
        let syntaxes: HashSet<String> = schema.syntaxes.iter().map(oid).collect();
        for attribute in &schema.attributes {
            assert!(attribute.starts_with("( ") && attribute.ends_with(" )"), "{attribute}");
            for above in named(attribute, "SUP") {
                assert!(attributes.contains(&above.to_lowercase()), "{above} of {attribute}");
            }
            assert!(attribute.contains(" SYNTAX ") || attribute.contains(" SUP "), "{attribute}");
        }
        assert!(syntaxes.contains("1.3.6.1.1.16.1"));
    }
}
