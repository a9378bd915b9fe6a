//! Which attributes types come to, and what happens where classes mention each other in a circle, or nothing.

use super::super::bounds::{Bounds, Exceeds};
use super::super::model::Model;
use super::super::subschema::{Definitions, model};
use super::object_types;
use crate::domain::schema::{DataType, Plurality, SeenAttribute, Writability};

fn texts(definitions: &[&str]) -> Vec<Vec<u8>> {
    definitions.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Attributes `a` to `h`, and these classes and rules.
fn read(classes: &[&str], rules: &[&str], bounds: Bounds) -> Result<Model, Exceeds> {
    let attributes: Vec<Vec<u8>> = ('a'..='h').map(|c| format!("( 9.{c} NAME '{c}' )").into_bytes()).collect();
    let (classes, rules) = (texts(classes), texts(rules));
    model(Definitions { classes: &classes, attributes: &attributes, rules: &rules, syntaxes: &[] }, false, bounds)
}

/// Each type with its attributes and the classes that name them, in order, and the warnings.
fn types(classes: &[&str], rules: &[&str]) -> (Vec<String>, Vec<String>) {
    let mut model = read(classes, rules, Bounds::default()).expect("within all limits");
    let types = object_types(&mut model, &[]).expect("within all limits");
    let row = |a: &SeenAttribute| format!(" {}:{}", a.name, a.class_name.as_deref().unwrap_or("-"));
    let line =
        |t: &crate::domain::schema::SeenType| t.name.to_string() + &t.attributes.iter().map(row).collect::<String>();
    (types.iter().map(line).collect(), model.findings.warnings(str::to_owned))
}

#[test]
fn attributes_come_from_the_nearest_class_once() {
    let (found, warnings) = types(
        &[
            "( 1.1 NAME 'top' ABSTRACT MUST a )",
            "( 1.2 NAME ( 'person' 'human' ) SUP top MUST ( b $ a ) MAY ( c $ B ) )",
            "( 1.3 NAME 'user' SUP HUMAN STRUCTURAL MAY ( d $ 9.E ) )",
            "( 1.4 NAME 'both' SUP ( 1.3 $ top $ device ) MAY c )",
            "( 1.5 NAME 'device' SUP top MAY ( f $ c ) )",
            "( 1.6 NAME 'helper' AUXILIARY MAY g )",
            "( 1.7 NAME 'old' OBSOLETE SUP top MAY a )",
        ],
        &[],
    );
    assert_eq!(
        found,
        [
            "person b:person a:person c:person",
            "user d:user e:user b:person a:person c:person",
            "both c:both d:user e:user a:top f:device b:person",
            "device f:device c:device a:top",
        ]
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn content_rules_add_and_take_away_for_one_class_only() {
    let classes = [
        "( 1.1 NAME 'top' ABSTRACT MUST a )",
        "( 1.2 NAME 'person' SUP top MAY ( b $ c ) )",
        "( 1.3 NAME 'user' SUP person MAY d )",
        "( 1.4 NAME 'base' ABSTRACT MAY e )",
        "( 1.5 NAME 'mail' SUP base AUXILIARY MAY ( f $ b ) )",
    ];
    let rule = "( 1.2 NAME 'rule' AUX ( MAIL $ nothing ) MUST g MAY ( h $ a ) NOT ( C $ unheard ) )";
    let (found, warnings) = types(&classes, &[rule]);
    assert_eq!(
        found,
        ["person b:person a:top f:mail e:base g:person h:person", "user d:user b:person c:person a:top",]
    );
    assert_eq!(warnings, ["1 class mentioned but not declared: nothing (named by person)"]);
    // A rule that is obsolete, or of no class, rules nothing; the first one of a class counts.
    for rules in [
        ["( 1.2 OBSOLETE AUX mail )", "( 7.7 AUX mail )", "( 1.3 )"],
        ["( 1.2 )", "( 1.2 AUX mail )", "( person NOT b )"],
    ] {
        let (found, warnings) = types(&classes, &rules);
        assert_eq!(found, ["person b:person c:person a:top", "user d:user b:person c:person a:top"]);
        assert_eq!(warnings, [""; 0]);
    }
}

#[test]
fn circles_end() {
    let (found, warnings) = types(
        &[
            "( 1.1 NAME 'one' SUP two MAY a )",
            "( 1.2 NAME 'two' SUP three MAY b )",
            "( 1.3 NAME 'three' SUP ( one $ three ) MAY c )",
            "( 1.4 NAME 'self' SUP self AUXILIARY MAY d )",
            "( 1.5 NAME 'ruled' MAY e )",
        ],
        &["( 1.5 AUX ( ruled $ self $ one ) )"],
    );
    assert_eq!(
        found,
        [
            "one a:one b:two c:three",
            "two b:two c:three a:one",
            "three c:three a:one b:two",
            "ruled e:ruled d:self a:one b:two c:three",
        ]
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn undeclared_names_are_warnings_and_lose_no_class() {
    let (found, warnings) = types(
        &[
            "( 1.1 NAME 'one' SUP ( gone $ GONE ) MUST ( x $ a ) MAY X )",
            "( 1.2 NAME 'two' SUP ( one $ away ) MAY ( y $ x ) )",
            "( 1.3 NAME 'unused' ABSTRACT SUP lost MAY z )",
        ],
        &[],
    );
    assert_eq!(found, ["one a:one", "two a:one"]);
    assert_eq!(
        warnings,
        [
            "2 classes mentioned but not declared: gone (named by one), away (named by two)",
            "2 attributes mentioned but not declared, left out: x (named by one), y (named by two)",
        ]
    );
}

#[test]
fn of_two_definitions_with_one_name_the_first_counts() {
    let (found, warnings) = types(
        &[
            "( 1.1 NAME ( 'one' 'uno' ) MAY a )",
            "( 1.2 NAME 'ONE' MAY b )",
            "( 1.3 NAME 'uno' MAY c )",
            "( 1.1 NAME ( 'other' 'uno' ) MAY d )",
            "( 1.4 NAME 'five' SUP uno )",
            "( 1.5 NAME 'six' SUP 1.1 )",
        ],
        &[],
    );
    assert_eq!(found, ["one a:one", "other d:other", "five a:one", "six a:one"]);
    assert_eq!(warnings, ["2 object classes left out because of a name that is taken: ONE, uno"]);
}

#[test]
fn attributes_that_every_type_gets_are_not_doubled() {
    let mut model = read(
        &["( 1.1 NAME 'one' MAY a )", "( 1.2 NAME 'two' MAY b )", "( 1.3 NAME 'three' )"],
        &["( 1.1 NOT a )"],
        Bounds::default(),
    )
    .expect("read");
    let added = |name: &str| SeenAttribute {
        name: name.into(),
        description: None,
        class_name: None,
        data_type: DataType::Guid,
        plurality: Plurality::Single,
        writability: Writability::ReadOnly,
    };
    let types = object_types(&mut model, &[added("A"), added("B")]).expect("types");
    let names = |i: usize| types[i].attributes.iter().map(|a| &*a.name).collect::<Vec<_>>().join(" ");
    // A precluded attribute stays if it is an id attribute.
    assert_eq!([names(0), names(1), names(2)], ["A B", "b A", "A B"]);
    assert_eq!(types[1].attributes[0].class_name.as_deref(), Some("two"));
    assert_eq!(types[2].attributes[0].class_name, None);
}

#[test]
fn every_limit_holds() {
    let classes = ["( 1.1 NAME 'one' MAY ( a $ b ) )", "( 1.2 NAME 'two' SUP one MAY ( b $ c ) )"];
    let outcome = |bounds: Bounds| {
        read(&classes, &["( 1.2 NOT a )"], bounds)
            .and_then(|mut model| object_types(&mut model, &[]))
            .map(|types| types.len())
    };
    let all = Bounds {
        classes: 2,
        // Eight of the test, and those that servers need not declare.
        attributes: 16,
        rows: 4,
        // Attributes and classes with a number each.
        names: 36,
        mentions: 6,
        steps: 18,
        ..Bounds::default()
    };
    assert_eq!(outcome(all), Ok(2));
    for (less, what) in [
        (Bounds { classes: 1, ..all }, "object classes"),
        (Bounds { attributes: 15, ..all }, "attribute types"),
        (Bounds { rows: 3, ..all }, "attributes of all object types"),
        (Bounds { names: 35, ..all }, "names"),
        (Bounds { mentions: 5, ..all }, "names that are mentioned"),
        (Bounds { steps: 17, ..all }, "superclasses of all classes"),
    ] {
        assert_eq!(outcome(less), Err(Exceeds(what)));
    }
}

#[test]
fn a_long_chain_is_given_up_before_it_takes_long() {
    let classes: Vec<String> = (0..10_000).map(|i| format!("( 1.{i} NAME 'c{i}' SUP c{} )", i + 1)).collect();
    let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
    let mut model = read(&classes, &[], Bounds::default()).expect("read");
    assert_eq!(object_types(&mut model, &[]).expect_err("too much"), Exceeds("superclasses of all classes"));
}
