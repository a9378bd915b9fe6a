//! Entries of a schema partition, as Active Directory and Samba show them.

use super::*;
use crate::connectors::ldap::schema::resolve::object_types;
use crate::domain::schema::{DataType, SeenType};

type Values<'a> = &'a [(&'a str, &'a str)];

/// An entry; values of one name may stand in several places.
fn entry(values: Values<'_>) -> Entry {
    let mut attributes: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    for (name, value) in values {
        match attributes.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value.as_bytes().to_vec()),
            None => attributes.push(((*name).to_owned(), vec![value.as_bytes().to_vec()])),
        }
    }
    Entry::new("CN=Some-Entry,CN=Schema,CN=Configuration,DC=lab,DC=test", attributes)
}

fn class<'a>(name: &'a str, category: &'a str, rest: Values<'a>) -> Entry {
    entry(&[&[("lDAPDisplayName", name), ("objectClassCategory", category)], rest].concat())
}

fn attribute<'a>(name: &'a str, rest: Values<'a>) -> Entry {
    entry(&[&[("lDAPDisplayName", name), ("isSingleValued", "FALSE")], rest].concat())
}

fn reader(attributes: &[Entry], classes: &[Entry], auxiliary: bool) -> Reader {
    let mut reader = Reader::new(Bounds::default(), auxiliary);
    attributes.iter().for_each(|entry| reader.take(entry, false, |_| true));
    classes.iter().for_each(|entry| reader.take(entry, true, |_| true));
    reader
}

/// Types with their attributes and the classes that name them, and the warnings.
fn types(attributes: &[Entry], classes: &[Entry], auxiliary: bool) -> (Vec<SeenType>, Vec<String>) {
    let mut model = reader(attributes, classes, auxiliary).finish().expect("within all limits");
    let types = object_types(&mut model, &[]).expect("within all limits");
    (types, model.findings.warnings(str::to_owned))
}

fn lines(types: &[SeenType]) -> Vec<String> {
    let row =
        |a: &crate::domain::schema::SeenAttribute| format!(" {}:{}", a.name, a.class_name.as_deref().unwrap_or("-"));
    types.iter().map(|t| t.name.to_string() + &t.attributes.iter().map(row).collect::<String>()).collect()
}

fn few() -> Vec<Entry> {
    ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| attribute(name, &[])).to_vec()
}

#[test]
fn attributes_come_from_all_lists_of_all_classes() {
    let classes = [
        class("top", "2", &[("subClassOf", "top"), ("systemMustContain", "a"), ("auxiliaryClass", "late")]),
        class("person", "0", &[("subClassOf", "top"), ("mustContain", "b"), ("systemAuxiliaryClass", "mail")]),
        class(
            "user",
            "1",
            &[
                ("subClassOf", "person"),
                ("mayContain", "C"),
                ("systemMayContain", "d"),
                ("systemMayContain", "b"),
                ("auxiliaryClass", "posix"),
                ("governsID", "1.5.9"),
            ],
        ),
        class("computer", "1", &[("subClassOf", "1.5.9"), ("mayContain", "a")]),
        class("posix", "3", &[("subClassOf", "base"), ("mayContain", "e"), ("auxiliaryClass", "posix")]),
        class("base", "2", &[("subClassOf", "top"), ("systemMustContain", "f")]),
        class("mail", "3", &[("subClassOf", "top"), ("mayContain", "g"), ("mayContain", "e")]),
        class("late", "3", &[("mayContain", "h")]),
    ];
    let (found, warnings) = types(&few(), &classes, false);
    assert_eq!(
        lines(&found),
        [
            "user c:user d:user b:user a:top e:posix g:mail h:late f:base",
            "computer a:computer c:user d:user b:user e:posix g:mail h:late f:base",
        ]
    );
    assert_eq!(warnings, [""; 0]);
    let (found, _) = types(&few(), &classes, true);
    assert_eq!(
        lines(&found).iter().map(|l| l.split(' ').next().unwrap_or_default()).collect::<Vec<_>>(),
        ["user", "computer", "posix", "mail", "late"]
    );
}

#[test]
fn hidden_and_defunct_classes_are_no_types() {
    let (found, warnings) = types(
        &few(),
        &[
            class("shown", "1", &[("defaultHidingValue", "FALSE"), ("isDefunct", "FALSE"), ("mayContain", "a")]),
            class("plain", "1", &[("mayContain", "a")]),
            class("hidden", "1", &[("defaultHidingValue", "TRUE"), ("mayContain", "a")]),
            class("helper", "3", &[("defaultHidingValue", "TRUE"), ("mayContain", "a")]),
            class("shown-helper", "3", &[("mayContain", "a")]),
            class("unused", "3", &[("defaultHidingValue", "FALSE"), ("isDefunct", "TRUE")]),
            class("defunct", "1", &[("isDefunct", "TRUE"), ("mayContain", "a")]),
            class("older", "0", &[("mayContain", "a")]),
            class("abstract", "2", &[("mayContain", "a")]),
            class("odd", "one", &[("mayContain", "a")]),
            entry(&[("lDAPDisplayName", "unsaid"), ("mayContain", "a")]),
        ],
        true,
    );
    assert_eq!(lines(&found), ["shown a:shown", "plain a:plain", "shown-helper a:shown-helper"]);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn a_name_that_is_in_use_again_is_its_new_owners() {
    let defunct: Values<'_> = &[("isDefunct", "TRUE"), ("attributeSyntax", "2.5.5.8"), ("attributeID", "1.1")];
    let attributes = [
        attribute("a", defunct),
        attribute("b", defunct),
        attribute("a", &[("attributeSyntax", "2.5.5.16")]),
        attribute("c", &[]),
    ];
    let classes = [
        class("one", "1", &[("isDefunct", "TRUE"), ("governsID", "1.2")]),
        class("one", "1", &[("mayContain", "a"), ("mayContain", "b"), ("mayContain", "c")]),
        class("two", "1", &[("subClassOf", "gone"), ("mayContain", "c")]),
        class("gone", "1", &[("isDefunct", "TRUE"), ("subClassOf", "one"), ("mayContain", "c")]),
    ];
    let (found, warnings) = types(&attributes, &classes, false);
    // What is defunct is no attribute of any type, and no reason to warn.
    assert_eq!(lines(&found), ["one a:one c:one", "two c:two a:one"]);
    assert_eq!(found[0].attributes[0].data_type, DataType::LongNumber);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn an_attribute_is_what_its_entry_says() {
    use DataType::*;
    use Plurality::{Multi, Single};
    use Writability::{ReadOnly, ReadWrite};
    let rows: [(Values<'_>, DataType, Plurality, Writability); 17] = [
        (&[("attributeSyntax", "2.5.5.8"), ("isSingleValued", "TRUE")], Boolean, Single, ReadWrite),
        (&[("attributeSyntax", "2.5.5.9"), ("isSingleValued", "FALSE"), ("oMSyntax", "10")], Integer, Multi, ReadWrite),
        (&[("attributeSyntax", "2.5.5.16"), ("isSingleValued", "maybe")], LongNumber, Single, ReadWrite),
        (&[("attributeSyntax", "2.5.5.11"), ("systemOnly", "TRUE")], DateTime, Single, ReadOnly),
        (
            &[("attributeSyntax", "2.5.5.1"), ("systemOnly", "FALSE"), ("systemFlags", "16")],
            Reference,
            Single,
            ReadWrite,
        ),
        (&[("attributeSyntax", "2.5.5.10"), ("systemFlags", "20")], Binary, Single, ReadOnly),
        (&[("attributeSyntax", "2.5.5.15"), ("systemFlags", "-2147483644")], Binary, Single, ReadOnly),
        (&[("attributeSyntax", "2.5.5.17"), ("linkID", "2")], Binary, Single, ReadWrite),
        (&[("attributeSyntax", "2.5.5.12"), ("linkID", "3")], String, Single, ReadOnly),
        (&[("attributeSyntax", "2.5.5.12"), ("linkID", "0")], String, Single, ReadWrite),
        (&[("attributeSyntax", "2.5.5.7"), ("linkID", "x"), ("systemFlags", "x")], String, Single, ReadWrite),
        (&[("attributeSyntax", "9.9")], String, Single, ReadWrite),
        (&[], String, Single, ReadWrite),
        (&[("lDAPDisplayName", "objectGUID"), ("attributeSyntax", "2.5.5.10")], Guid, Single, ReadOnly),
        (&[("lDAPDisplayName", "distinguishedName"), ("systemOnly", "TRUE")], String, Single, ReadWrite),
        (&[("lDAPDisplayName", "entryUUID"), ("isSingleValued", "FALSE")], Guid, Single, ReadOnly),
        (&[("lDAPDisplayName", "nsUniqueId"), ("attributeSyntax", "2.5.5.10")], String, Single, ReadOnly),
    ];
    for (values, data_type, plurality, writability) in rows {
        let declared = entry(&[values, &[("lDAPDisplayName", "x")]].concat());
        let name = declared.first_text("lDAPDisplayName").expect("a name").to_owned();
        let (found, _) = types(&[declared], &[class("one", "1", &[("mayContain", &name)])], false);
        let a = &found[0].attributes[0];
        assert_eq!((a.data_type, a.plurality, a.writability), (data_type, plurality, writability), "{values:?}");
    }
}

#[test]
fn descriptions_and_the_description() {
    let attributes = [
        attribute("a", &[("adminDescription", "for administrators"), ("description", "for all")]),
        attribute("b", &[("adminDescription", "for administrators")]),
        attribute("description", &[]),
    ];
    let all: Values<'_> = &[("mayContain", "a"), ("mayContain", "b"), ("mayContain", "description")];
    let accounts = ["user", "COMPUTER", "inetOrgPerson", "group", "samDomain", "samServer"];
    let classes: Vec<Entry> = accounts.iter().chain(&["contact"]).map(|name| class(name, "1", all)).collect();
    let (found, _) = types(&attributes, &classes, false);
    for seen in &found {
        let of = |name: &str| seen.attributes.iter().find(|a| &*a.name == name).expect("an attribute");
        assert_eq!(of("a").description.as_deref(), Some("for all"));
        assert_eq!(of("b").description.as_deref(), Some("for administrators"));
        assert_eq!(of("b").plurality, Plurality::Multi);
        let several = if &*seen.name == "contact" { Plurality::Multi } else { Plurality::Single };
        assert_eq!(of("description").plurality, several, "{}", seen.name);
    }
    assert_eq!(found.len(), 7);
}

#[test]
fn entries_without_a_good_name_are_told() {
    let long = "n".repeat(257);
    let attributes = [attribute(&long, &[]), attribute(" a ", &[]), entry(&[("attributeSyntax", "2.5.5.8")])];
    let classes = [class("one\ntwo", "1", &[]), class("", "1", &[]), class("good", "1", &[("mayContain", "A")])];
    let (found, warnings) = types(&attributes, &classes, false);
    assert_eq!(lines(&found), ["good a:good"]);
    let dn = "CN=Some-Entry,CN=Schema,CN=Configuration,DC=lab,DC=test";
    assert_eq!(
        warnings,
        [
            format!("2 object classes left out as unreadable: one\ntwo, {dn}"),
            format!("2 attribute types left out as unreadable: {}, {dn}", "n".repeat(100)),
        ]
    );
}

#[test]
fn what_is_cut_or_too_much_is_noticed() {
    let cut = |name: &str| reader(&few(), &[class("one", "1", &[(name, "a")])], false).cut;
    assert!(cut("systemMayContain;range=0-1499") && cut("mayContain;Range=0-9"));
    assert!(!cut("mayContain;range=1500-*") && !cut("mayContain"));

    let mut full = Reader::new(Bounds { attributes: 3, ..Bounds::default() }, false);
    few().iter().for_each(|entry| full.take(entry, false, |_| true));
    assert_eq!(full.finish().err(), Some(Exceeds("attribute types")));

    // What is kept is counted once.
    let (mut kept, mut rich) = (std::cell::Cell::new(0), Reader::new(Bounds::default(), false));
    few().iter().for_each(|entry| rich.take(entry, false, |bytes| kept.replace(kept.get() + bytes) < 1_000_000));
    assert_eq!(*kept.get_mut(), rich.model.bytes());
    assert!((24..200).contains(kept.get_mut()));
    let mut poor = Reader::new(Bounds::default(), false);
    few().iter().for_each(|entry| poor.take(entry, false, |_| false));
    assert_eq!(poor.finish().err(), Some(Exceeds("text")));
}
