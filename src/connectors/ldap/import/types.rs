//! Object type of an entry: its most specific structural class, else a selected auxiliary one (contract, 21).

use std::collections::{HashMap, HashSet};

use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::schema::Classes;
use crate::connectors::ldap::schema::definition::ClassKind::{Auxiliary, Structural};
use crate::domain::connector_space::ImportScope;

/// Object type of an entry, as its position among those selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TypeOf {
    Selected(usize),
    /// Of this class, which is not selected.
    Other(String),
    /// Its classes do not tell.
    Unknown,
}

pub(super) struct Types {
    /// Positions of the selected types by lower-case name.
    selected: HashMap<String, usize>,
    /// All declared types in lower case.
    declared: HashSet<String>,
    /// `None` if they could not be read.
    classes: Option<Classes>,
    /// The last value of `objectClass` is the structural one (MS-ADTS 3.1.1.1.4).
    ordered: bool,
}

impl Types {
    pub fn new(scope: &ImportScope, classes: Option<Classes>, ordered: bool) -> Types {
        let selected: HashMap<String, usize> =
            scope.types.iter().enumerate().map(|(at, t)| (t.name.to_ascii_lowercase(), at)).collect();
        let others = scope.other_types.iter().map(|name| name.to_ascii_lowercase());
        let declared = others.chain(selected.keys().cloned()).collect();
        Types { selected, declared, classes, ordered }
    }

    fn position(&self, class: &str) -> Option<usize> {
        self.selected.get(class.to_ascii_lowercase().as_str()).copied()
    }

    /// Position of a type by any of its names.
    fn selected(&self, class: &str) -> Option<usize> {
        self.position(class).or_else(|| self.position(self.classes.as_ref()?.name(class)?))
    }

    pub fn of(&self, entry: &Entry) -> TypeOf {
        let structural = self.structural(entry);
        match structural.iter().find_map(|class| self.selected(class)).or_else(|| self.auxiliary(entry)) {
            Some(position) => TypeOf::Selected(position),
            None => structural.first().map_or(TypeOf::Unknown, |class| TypeOf::Other((*class).to_owned())),
        }
    }

    /// Most specific of the auxiliary classes that are selected: a subclass that is not does not hide one that is.
    fn auxiliary(&self, entry: &Entry) -> Option<usize> {
        let selected = entry.texts("objectClass").filter(|class| self.selected(class).is_some());
        let classes = self.classes.as_ref()?.most_specific(selected, Auxiliary);
        classes.into_iter().find_map(|class| self.position(class))
    }

    /// Structural classes without a subclass: one, but for directories that allow several.
    fn structural<'e>(&'e self, entry: &'e Entry) -> Vec<&'e str> {
        if self.ordered {
            return entry.texts("objectClass").last().into_iter().collect();
        }
        if let Some(class) = entry.first_text("structuralObjectClass") {
            return vec![class];
        }
        if let Some(classes) = &self.classes {
            return classes.most_specific(entry.texts("objectClass"), Structural);
        }
        let is_declared = |class: &&str| self.declared.contains(class.to_ascii_lowercase().as_str());
        let declared: Vec<&str> = entry.texts("objectClass").filter(is_declared).collect();
        if declared.len() == 1 { declared } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::connector_space::ScopeType;

    const CLASSES: [&str; 9] = [
        "( 1.0 NAME 'top' ABSTRACT )",
        "( 1.1 NAME 'person' SUP top STRUCTURAL )",
        "( 1.2 NAME 'user' SUP person STRUCTURAL )",
        "( 1.3 NAME 'computer' SUP user STRUCTURAL )",
        "( 1.4 NAME 'posix' SUP top AUXILIARY )",
        "( 1.5 NAME 'shadow' SUP posix AUXILIARY )",
        "( 1.6 NAME 'mail' SUP top AUXILIARY )",
        "( 1.7 NAME ( 'group' 'grp' ) SUP top STRUCTURAL )",
        "( 1.8 NAME 'nsPerson' SUP top STRUCTURAL )",
    ];

    fn entry(classes: &str, structural: Option<&str>) -> Entry {
        let values = |texts: &str| texts.split(' ').map(|t| t.as_bytes().to_vec()).collect();
        let mut attributes = vec![("objectClass".to_owned(), values(classes))];
        attributes.extend(structural.map(|class| ("structuralObjectClass".to_owned(), values(class))));
        Entry::new("cn=x", attributes)
    }

    fn types(selected: &str, with_classes: bool, ordered: bool) -> Types {
        let of = |name: &str| ScopeType { id: 1, name: name.into(), attributes: Vec::new() };
        let scope = ImportScope {
            types: selected.split(' ').map(of).collect(),
            other_types: ["person", "user", "computer", "group"].map(Box::from).into(),
            ..ImportScope::default()
        };
        let values = CLASSES.iter().map(|d| d.as_bytes().to_vec()).collect();
        let subschema = Entry::new("cn=Subschema", vec![("objectClasses".to_owned(), values)]);
        Types::new(&scope, with_classes.then(|| Classes::of_subschema(&subschema)), ordered)
    }

    #[test]
    fn the_most_specific_structural_class_is_the_type() {
        let other = |class: &str| TypeOf::Other(class.to_owned());
        for (selected, classes, expected) in [
            ("user", "top person user", TypeOf::Selected(0)),
            ("user", "user person top", TypeOf::Selected(0)),
            ("user", "top person user computer", other("computer")),
            ("user computer", "top person user computer", TypeOf::Selected(1)),
            ("person", "top person user", other("user")),
            ("group", "top GRP", TypeOf::Selected(0)),
            ("user", "top unknown", TypeOf::Unknown),
            // With auxiliary types selected.
            ("posix", "top person posix", TypeOf::Selected(0)),
            ("posix user", "top person user posix", TypeOf::Selected(1)),
            ("posix shadow", "top person posix shadow", TypeOf::Selected(1)),
            ("posix", "top person posix shadow", TypeOf::Selected(0)),
            ("mail", "top person posix", other("person")),
            // Two chains, which some directories allow.
            ("nsPerson", "top person user nsPerson", TypeOf::Selected(0)),
            ("user nsPerson", "top person user nsPerson", TypeOf::Selected(0)),
        ] {
            assert_eq!(types(selected, true, false).of(&entry(classes, None)), expected, "{selected} | {classes}");
        }
    }

    #[test]
    fn what_the_directory_says_about_the_class_counts() {
        let other = |class: &str| TypeOf::Other(class.to_owned());
        let named = entry("computer user person top", Some("user"));
        assert_eq!(types("user", false, false).of(&named), TypeOf::Selected(0));
        assert_eq!(types("person", false, false).of(&named), other("user"));
        let ordered = entry("top person user computer", None);
        assert_eq!(types("user", false, true).of(&ordered), other("computer"));
        assert_eq!(types("computer", false, true).of(&ordered), TypeOf::Selected(0));
        // Nothing is guessed.
        assert_eq!(types("user", false, false).of(&ordered), TypeOf::Unknown);
        assert_eq!(types("user", false, false).of(&entry("top user x", None)), TypeOf::Selected(0));
    }
}
