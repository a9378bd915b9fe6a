//! Rows that become objects, or are refused one by one.

use super::*;

fn typed(columns: &[(&str, DataType, Plurality)]) -> ImportScope {
    let mut person = scope_type(1, "person", &["id"]);
    for (n, (name, data_type, plurality)) in (11..).zip(columns) {
        let column = attribute(n, name);
        person.attributes.push(crate::domain::connector_space::ScopeAttribute {
            data_type: *data_type,
            plurality: *plurality,
            ..column
        });
    }
    scope_of(vec![person])
}

#[test]
fn cells_become_values_of_their_types() {
    use DataType::{Boolean, DateTime, Guid, Integer, LongNumber, Reference, String};
    use Plurality::{Multi, Single};
    let scope = typed(&[
        ("n", Integer, Single),
        ("long", LongNumber, Single),
        ("on", Boolean, Single),
        ("guid", Guid, Single),
        ("day", DateTime, Single),
        ("boss", Reference, Single),
        ("tags", String, Multi),
        ("team", Reference, Multi),
    ]);
    let file = "id,n,long,on,guid,day,boss,tags,team\n \
                007 , 5 ,9223372036854775807,TRUE,{0f8fad5b-d9cb-469f-a165-70867728950e},21.11.2026, E1 ,b| a ||b,z|y|z\n\
                8,,,,,,,|,\n";
    let seen = import_of(scope, file, &[(id::CULTURE, "de-DE")]).expect("an import");
    let [one, empty] = seen.objects()[..] else { panic!("{seen:?}") };
    assert_eq!((&*one.external_id.text, one.external_id.own, one.object_type), ("007", None, 1));
    let value = |attribute, data_type| Value::decode(data_type, one.values.of(attribute)[0]).expect("a value");
    assert_eq!(value(10, String), Value::Text("007".into()));
    assert_eq!(value(11, Integer), Value::Integer(5));
    assert_eq!(value(12, LongNumber), Value::Long(i64::MAX));
    assert_eq!(value(13, Boolean), Value::Boolean(true));
    assert!(matches!(value(14, Guid), Value::Guid([0x0f, 0x8f, ..])));
    assert_eq!(value(15, DateTime), Value::DateTime(1_795_219_200_000_000));
    assert_eq!(texts(one, 17), ["a", "b"]);
    assert_eq!(one.references, [(16, vec!["E1".into()]), (18, vec!["y".into(), "z".into()])]);
    assert_eq!(one.values.attributes().map(|(id, _)| id).collect::<Vec<_>>(), [10, 11, 12, 13, 14, 15, 17]);
    assert_eq!(empty.values.attributes().map(|(id, _)| id).collect::<Vec<_>>(), [10]);
    assert!(one.errors.is_empty() && empty.errors.is_empty() && empty.references.is_empty());
    assert_eq!((seen.is_complete(), seen.reading.warnings), (true, Vec::new()));
}

#[test]
fn a_cell_that_does_not_fit_is_an_error_of_its_attribute_alone() {
    use DataType::{DateTime, Integer, String};
    use Plurality::{Multi, Single};
    let scope =
        typed(&[("n", Integer, Single), ("ns", Integer, Multi), ("day", DateTime, Single), ("a", String, Single)]);
    let file = "id,n,ns,day,a\n1,00123,1|x,31.12.2026,fine\n2,5,6,2026-12-31,a|b\n3,5|5,6|6,2026-12-31,a|a\n";
    let seen = import_of(scope, file, &[]).expect("an import");
    let [one, two, three] = seen.objects()[..] else { panic!("{seen:?}") };
    let errors = |object: &ReadObject| -> Vec<(i64, ErrorType, std::string::String)> {
        object.errors.iter().map(|e| (e.attribute, e.error, e.message.clone())).collect()
    };
    let unexpected = |attribute, what: &str| (attribute, ErrorType::UnexpectedAttribute, what.to_owned());
    assert_eq!(
        errors(one),
        [
            unexpected(11, "the cell of \"n\" in line 2 does not fit the type Integer"),
            unexpected(12, "the cell of \"ns\" in line 2 does not fit the type Integer"),
            unexpected(13, "the cell of \"day\" in line 2 does not fit the type DateTime"),
        ]
    );
    assert_eq!(texts(one, 14), ["fine"]);
    assert!([11, 12, 13].iter().all(|attribute| one.values.of(*attribute).is_empty()), "not even the part that fits");
    let several = "the cell of \"a\" in line 3 holds several values, but the attribute is Single; is Multi-Value \
                   Delimiter right?";
    assert_eq!(errors(two), [unexpected(14, several)]);
    assert!(errors(three).is_empty(), "equal values are one");
    assert!(seen.is_complete(), "the rows were all seen");
}

#[test]
fn the_shape_of_the_text_changes_nothing() {
    let plain = "id,name,mail\n1,\"An,\r\nna \"\"A\"\"\",a@x\n2,Zoë,\n";
    let wanted = import(plain, &[]).expect("an import");
    assert_eq!(texts(wanted.objects()[0], 11), ["An,\r\nna \"A\""]);
    assert_eq!(wanted.ids(), ["1", "2"]);
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let quoted =
        "\u{feff}\"id\",\"name\",\"mail\"\r\n\"1\",\"An,\r\nna \"\"A\"\"\",\"a@x\"\r\n\"2\",\"Zoë\",\"\"\r\n\r\n";
    for (bytes, changes) in [
        (quoted.as_bytes().to_vec(), &[][..]),
        (b"\n\n id , name ,mail\r1,\"An,\r\nna \"\"A\"\"\", a@x \r\r 2 ,Zo\xC3\xAB,\r".to_vec(), &[]),
        ("mail,x,id,name\na@x,5,1,\"An,\r\nna \"\"A\"\"\"\n,,2,Zoë\n".into(), &[]),
        ("id;name;mail\n1;\"An,\r\nna \"\"A\"\"\";a@x\n2;Zoë;\n".into(), &[(id::DELIMITER, ";")]),
        (b"id,name,mail\n1,\"An,\r\nna \"\"A\"\"\",a@x\n2,Zo\xEB,\n".to_vec(), &[(id::ENCODING, "Windows-1252")]),
        (b"id,name,mail\n1,\"An,\r\nna \"\"A\"\"\",a@x\n2,Zo\xEB,\n".to_vec(), &[(id::ENCODING, "ISO-8859-1")]),
        (utf16(plain), &[(id::ENCODING, "UTF-16")]),
        (utf16(quoted), &[(id::ENCODING, "UTF-16")]),
        ("id,name,mail\n,,\n1,\"An,\r\nna \"\"A\"\"\",a@x\n   \n2,Zoë,\n , ,,,\n(2 rows affected)\n\u{1a}".into(), &[]),
    ] {
        let seen = import(&bytes, changes).expect("an import");
        assert_eq!(seen.items, wanted.items, "{}", String::from_utf8_lossy(&bytes));
        assert_eq!((seen.is_complete(), &seen.reading.warnings), (true, &Vec::new()));
    }
}

#[test]
fn a_row_that_is_no_object_protects_the_one_it_names() {
    use ErrorType::{MissingExternalIdAttributeValue, UnexpectedAttribute, UnsupportedExternalIdAttributeType};
    let long = format!("{},x,y", "1".repeat(1_025));
    for (header, row, error, external_id, message) in [
        ("id,name,mail", "5,Anna", UnexpectedAttribute, Some("5"), "has 2 cells, but the header has 3 columns"),
        ("id,name,mail", "5,An,na,a@x", UnexpectedAttribute, Some("5"), "has 4 cells, but the header has 3 columns"),
        ("name,id,mail", "Anna,5", UnexpectedAttribute, Some("5"), "has 2 cells"),
        ("name,mail,id", "Anna,a@x", UnexpectedAttribute, None, "has 2 cells"),
        // Which cell is the one too many is not known, so that the third may be a name.
        ("name,id,mail", "An,na,5,a@x", UnexpectedAttribute, None, "has 4 cells"),
        ("name,id,mail", "Anna,5,a@x, ,", UnexpectedAttribute, Some("5"), "has 5 cells"),
        (
            "id,name,mail",
            ",Anna,a@x",
            MissingExternalIdAttributeValue,
            None,
            "has no value in \"id\", the external id of",
        ),
        ("id,name,mail", " ,Anna,", MissingExternalIdAttributeValue, None, "has no value in"),
        ("id,name,mail", "|,Anna,", MissingExternalIdAttributeValue, None, "has no value in"),
        (
            "id,name,mail",
            "5|6,Anna,",
            UnsupportedExternalIdAttributeType,
            None,
            "has several values in \"id\", the ext",
        ),
        ("id,name,mail", &long, UnsupportedExternalIdAttributeType, None, "has more than 1024 characters in \"id\""),
    ] {
        let seen = import(format!("{header}\n{row}\n9,9,9\n"), &[]).expect(row);
        let [(found, id, why)] = seen.refused()[..] else { panic!("{row}: {seen:?}") };
        assert_eq!((found, id), (error, external_id), "{row}");
        assert!(why.starts_with("the row in line 2 ") && why.contains(message), "{why} does not hold {message}");
        assert_eq!(seen.ids(), ["9"], "the other row is imported");
        assert_eq!(seen.is_complete(), external_id.is_some(), "{row}");
        let doubt = "File Path \"people.csv\": a row does not say which object it is, in line 2; nothing is removed";
        let warned = seen.reading.warnings.iter().any(|w| w.starts_with(doubt));
        assert_eq!((warned, seen.reading.warnings.len()), (external_id.is_none(), usize::from(warned)), "{row}");
    }
}

#[test]
fn equal_external_ids_are_all_refused_and_name_each_other() {
    let file = "id,name,mail\nE1,a,\n2,b,\n\"e1\n\",c,\nÄ,d,\nE1,short\nä,e,\n02,f,\n";
    let seen = import(file, &[]).expect("an import");
    assert_eq!(seen.ids(), ["2", "02"]);
    let duplicate = ErrorType::DuplicateObject;
    assert_eq!(
        seen.refused(),
        [
            (duplicate, Some("E1"), "the row in line 2 has the same external id as lines 4 and 7"),
            (duplicate, Some("e1"), "the row in line 4 has the same external id as lines 2 and 7"),
            (duplicate, Some("Ä"), "the row in line 6 has the same external id as line 8"),
            (ErrorType::UnexpectedAttribute, Some("E1"), "the row in line 7 has 2 cells, but the header has 3 columns"),
            (duplicate, Some("ä"), "the row in line 8 has the same external id as line 6"),
        ]
    );
    assert!(seen.is_complete(), "each protects its object");
}

#[test]
fn a_column_says_which_type_a_row_is() {
    let group = scope_type(2, "Group", &["id", "name"]);
    let scope = scope_of(vec![person(), group]);
    let file = "kind,id,name,mail\nperson,1,a,\nGROUP,1,b,\nroom,1,c,\nRoom,2,d,\npersn,3,e,\n,4,f,\nperson,1\n";
    let seen = import_of(scope.clone(), file, &BY_KIND).expect("an import");
    assert_eq!(
        seen.refused()[1..3],
        [
            (
                ErrorType::CouldNotMatchObjectType,
                Some("3"),
                "the row in line 6 is of the object type \"persn\", which is not in the schema; import the schema"
            ),
            (
                ErrorType::CouldNotMatchObjectType,
                Some("4"),
                "the row in line 7 names no object type in column \"kind\""
            ),
        ]
    );
    assert_eq!(seen.objects().iter().map(|o| (o.object_type, &*o.external_id.text)).collect::<Vec<_>>(), [(2, "1")]);
    let (error, id, why) = seen.refused()[0];
    assert_eq!((error, id), (ErrorType::DuplicateObject, Some("1")));
    assert_eq!(why, "the row in line 2 has the same external id as line 8");
    assert_eq!(seen.reading.notes, ["2 rows of room are not selected", "1 column is not selected"]);
    let doubt = "File Path \"people.csv\": 2 rows do not say which objects they are, in lines 6, 7; nothing is removed";
    assert!(!seen.is_complete() && seen.reading.warnings[0].starts_with(doubt), "{:?}", seen.reading.warnings);

    // Where the types have their ids in different columns, a row of no type names no object.
    let mut other = scope;
    other.types[1] = scope_type(2, "Group", &["name"]);
    let seen = import_of(other, "kind,id,name,mail\npersn,3,e,\nperson,1,a,\n", &BY_KIND).expect("an import");
    assert_eq!(seen.refused()[0].1, None);
    assert!(!seen.is_complete());
}
