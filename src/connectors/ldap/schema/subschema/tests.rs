//! What attributes are, and what becomes of definitions that cannot be read.

use super::*;
use crate::connectors::ldap::schema::resolve::object_types;
use crate::domain::schema::{SeenAttribute, SeenType};

const SYNTAX: &str = "1.3.6.1.4.1.1466.115.121.1";

fn read(classes: &[&str], attributes: &[&str], auxiliary: bool) -> Model {
    let texts = |list: &[&str]| list.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let (classes, attributes) = (texts(classes), texts(attributes));
    let syntaxes = texts(&[
        "( 1.9.1 DESC 'bytes' X-NOT-HUMAN-READABLE 'TRUE' )",
        "( 1.9.2 DESC 'text' X-NOT-HUMAN-READABLE 'FALSE' )",
        "( 1.9.3 DESC 'broken' X-NOT-HUMAN-READABLE 'TRUE'",
    ]);
    let definitions = Definitions { classes: &classes, attributes: &attributes, rules: &[], syntaxes: &syntaxes };
    model(definitions, auxiliary, Bounds::default()).expect("within all limits")
}

/// One attribute, as a type has it that names it by its first name.
fn attribute(definitions: &[&str]) -> SeenAttribute {
    let name = Definition::parse(definitions[0].as_bytes(), 9_999, 256).expect("good").name().to_owned();
    let class = format!("( 1.1 NAME 'one' MAY {name} )");
    let mut types = object_types(&mut read(&[&class], definitions, false), &[]).expect("types");
    types.remove(0).attributes.remove(0)
}

#[test]
fn an_attribute_is_what_its_definition_says() {
    use DataType::*;
    use Plurality::{Multi, Single};
    use Writability::{ReadOnly, ReadWrite};
    let by_syntax = |number: u32| format!("( 2.1 NAME 'x' SYNTAX {SYNTAX}.{number} )");
    let mut rows: Vec<(std::string::String, DataType, Plurality, Writability)> = vec![
        ("( 2.1 NAME 'x' )".into(), String, Multi, ReadWrite),
        (format!("( 2.1 NAME 'x' SYNTAX '{SYNTAX}.27{{8}}' SINGLE-VALUE )"), Integer, Single, ReadWrite),
        (format!("( 2.1 NAME 'x' SYNTAX {SYNTAX}.24 NO-USER-MODIFICATION )"), DateTime, Multi, ReadOnly),
        ("( 2.1 NAME 'x' COLLECTIVE )".into(), String, Multi, ReadOnly),
        ("( 2.1 NAME 'x' USAGE directoryOperation )".into(), String, Multi, ReadOnly),
        ("( 2.1 NAME 'x' USAGE userApplications SINGLE-VALUE )".into(), String, Single, ReadWrite),
        ("( 2.1 NAME 'x' SYNTAX 1.3.6.1.1.16.1 )".into(), Guid, Multi, ReadWrite),
        // A syntax that is not known here may be described.
        ("( 2.1 NAME 'x' SYNTAX 1.9.1 )".into(), Binary, Multi, ReadWrite),
        ("( 2.1 NAME 'x' SYNTAX 1.9.2 )".into(), String, Multi, ReadWrite),
        ("( 2.1 NAME 'x' SYNTAX 1.9.3 )".into(), String, Multi, ReadWrite),
        // By name, whatever the definition says.
        (format!("( 2.1 NAME 'entryUUID' SYNTAX {SYNTAX}.15 )"), Guid, Single, ReadOnly),
        (format!("( 2.1 NAME 'NSUNIQUEID' SYNTAX {SYNTAX}.40 )"), String, Single, ReadOnly),
        (format!("( 2.1 NAME 'objectGUID' SYNTAX {SYNTAX}.40 )"), Guid, Single, ReadOnly),
        (format!("( 2.1 NAME ( 'distinguishedName' 'dn' ) SYNTAX {SYNTAX}.12 )"), String, Single, ReadWrite),
    ];
    for number in [4, 5, 8, 9, 10, 23, 28, 40, 49] {
        rows.push((by_syntax(number), Binary, Multi, ReadWrite));
    }
    for (number, expected) in [(7, Boolean), (27, Integer), (24, DateTime), (53, DateTime), (12, Reference)] {
        rows.push((by_syntax(number), expected, Multi, ReadWrite));
    }
    for number in [3, 6, 11, 14, 15, 22, 26, 34, 36, 38, 39, 41, 44, 50, 52, 54] {
        rows.push((by_syntax(number), String, Multi, ReadWrite));
    }
    for (text, data_type, plurality, writability) in rows {
        let a = attribute(&[&text]);
        assert_eq!((a.data_type, a.plurality, a.writability), (data_type, plurality, writability), "{text}");
    }
}

#[test]
fn the_syntax_comes_from_the_superior_and_nothing_else() {
    let boolean = format!("( 2.99 NAME ( 'last' 'end' ) SYNTAX {SYNTAX}.7 SINGLE-VALUE NO-USER-MODIFICATION )");
    let chain = |steps: usize| -> Vec<String> {
        let link = |i| {
            format!("( 2.{i} NAME 'a{i}' SUP {} )", if i == steps { "END".to_owned() } else { format!("A{}", i + 1) })
        };
        (1..=steps).map(link).chain([boolean.clone()]).collect()
    };
    let of = |chain: &[String]| attribute(&chain.iter().map(String::as_str).collect::<Vec<_>>());
    for (steps, expected) in [(1, DataType::Boolean), (15, DataType::Boolean), (17, DataType::String)] {
        let a = of(&chain(steps));
        assert_eq!((a.data_type, a.plurality, a.writability), (expected, Plurality::Multi, Writability::ReadWrite));
    }
    // An own syntax comes first.
    assert_eq!(attribute(&["( 2.1 NAME 'a' SUP b SYNTAX 1.9.1 )", &boolean]).data_type, DataType::Binary);
    // Circles, and superiors that nothing declares.
    let attributes = [
        "( 2.1 NAME 'a' SUP b )",
        "( 2.2 NAME 'b' SUP a )",
        "( 2.3 NAME 'c' SUP c )",
        "( 2.4 NAME 'd' SUP nowhere )",
        "( 2.5 NAME 'e' )",
        "( 2.6 NAME 'f' SUP nowhere SYNTAX 1.9.1 )",
    ];
    let mut model = read(&["( 1.1 NAME 'one' MAY ( a $ b $ c $ d $ e $ f ) )"], &attributes, false);
    let types = object_types(&mut model, &[]).expect("types");
    assert_eq!(types[0].attributes.len(), 6);
    let warning = "4 attribute types without a declared syntax, treated as text: a, b, c, d";
    assert_eq!(model.findings.warnings(str::to_owned), [warning]);
}

#[test]
fn structural_classes_are_types_and_auxiliary_ones_if_asked_for() {
    let classes = [
        "( 1.1 NAME 'abstract' ABSTRACT )",
        "( 1.2 NAME 'structural' STRUCTURAL )",
        "( 1.3 NAME 'auxiliary' AUXILIARY )",
        "( 1.4 NAME 'unsaid' )",
        "( 1.5 MUST a )",
        "( 1.6 NAME 'old' STRUCTURAL OBSOLETE )",
        "( 1.7 NAME 'oldest' AUXILIARY OBSOLETE )",
    ];
    let names = |auxiliary| {
        let types = object_types(&mut read(&classes, &["( 2.1 NAME 'a' )"], auxiliary), &[]).expect("types");
        types.iter().map(|t: &SeenType| t.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(false), ["structural", "unsaid", "1.5"]);
    assert_eq!(names(true), ["structural", "auxiliary", "unsaid", "1.5"]);
}

#[test]
fn broken_definitions_are_warnings_and_the_rest_is_kept() {
    let classes = ["( 1.1 NAME 'good' MUST a )", "( 1.2 NAME 'bad' MUST (", "nothing", "( 1.3 NAME 'fine' )"];
    let attributes = ["( 2.1 NAME 'a' )", "( 2.2 NAME 'b' DESC 'no end )", "( 2.3 NAME ( 'A' 'c' ) )"];
    let texts = |list: &[&str]| list.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let (classes, mut attributes, rules) = (texts(&classes), texts(&attributes), texts(&["( 1.1 AUX ( )"]));
    attributes.push(b"( 2.4 NAME '\xff' )".to_vec());
    let definitions = Definitions { classes: &classes, attributes: &attributes, rules: &rules, syntaxes: &[] };
    let mut model = model(definitions, false, Bounds::default()).expect("within all limits");
    let types = object_types(&mut model, &[]).expect("types");
    assert_eq!(types.iter().map(|t| &*t.name).collect::<Vec<_>>(), ["good", "fine"]);
    assert_eq!(
        model.findings.warnings(str::to_owned),
        [
            "2 object classes left out as unreadable: bad, nothing",
            "2 attribute types left out as unreadable: b, \u{fffd}",
            "1 content rule left out as unreadable: 1.1",
            "1 attribute type left out because of a name that is taken: A",
        ]
    );
}

#[test]
fn descriptions_are_kept_as_far_as_they_can_be_shown() {
    let long = format!("( 2.1 NAME 'x' DESC '{}' )", "é".repeat(3_000));
    assert_eq!(attribute(&[&long]).description.map(|d| d.chars().count()), Some(1_024));
    assert_eq!(attribute(&["( 2.1 NAME 'x' DESC 'it\\27s (x)' )"]).description.as_deref(), Some("it's (x)"));
    assert_eq!(attribute(&["( 2.1 NAME 'x' DESC ' ' )"]).description, None);
}

#[test]
fn what_only_the_server_writes_need_not_be_declared() {
    let class = "( 2.5.17.0 NAME 'subentry' SUP top STRUCTURAL MUST ( cn $ subtreeSpecification ) )";
    let top = "( 2.5.6.0 NAME 'top' ABSTRACT )";
    let mut undeclared = read(&[top, class], &["( 2.5.4.3 NAME 'cn' )"], false);
    let types = object_types(&mut undeclared, &[]).expect("types");
    let a = &types[0].attributes[1];
    assert_eq!(
        (&*a.name, a.plurality, a.writability),
        ("subtreeSpecification", Plurality::Single, Writability::ReadOnly)
    );
    assert_eq!(undeclared.findings.warnings(str::to_owned), [""; 0]);
    // What is declared counts.
    let own = "( 2.5.18.6 NAME 'SubtreeSpecification' SYNTAX 1.9.1 )";
    let mut declared = read(&[top, class], &["( 2.5.4.3 NAME 'cn' )", own], false);
    assert_eq!(object_types(&mut declared, &[]).expect("types")[0].attributes[1].data_type, DataType::Binary);
    assert_eq!(declared.findings.warnings(str::to_owned), [""; 0]);
}
