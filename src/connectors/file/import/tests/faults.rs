//! What ends an import as a whole, before anything is emitted.

use super::*;

fn refusal(result: Result<Seen, Failure>) -> String {
    match result {
        Err(Failure::Refused(why)) => {
            let rest = why.strip_prefix("File Path \"people.csv\"").expect("the file is named");
            assert!(!why.ends_with('.'), "{why}");
            rest.to_owned()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_cannot_be_understood_is_refused_by_line_and_byte() {
    for (bytes, changes, wanted) in [
        (
            &b"id,name,mail\n1,M\xFCller,\n"[..],
            &[][..],
            ": row 2 is not UTF-8: line 2 holds 0xFC at byte 17 of the file",
        ),
        (b"id,name,mail\n1,\"a\n\xFC\",\n", &[], ": row 2 is not UTF-8: line 3 holds 0xFC at byte 19 of the file"),
        (b"id,name,mail\n1,a,b\n\n\xFC", &[], ": row 4 is not UTF-8: line 4 holds 0xFC at byte 21 of the file"),
        (b"id,name,mail\n1,a,\xC3", &[], "holds 0xC3 at byte 18 of the file, where the file ends"),
        (
            b"id,name,mail\n1,\x81,\n",
            &[(id::ENCODING, "Windows-1252")],
            ": row 2 is not Windows-1252: line 2 holds 0x81",
        ),
        (b"id,name,mail\n1,\x80,\n", &[(id::ENCODING, "ISO-8859-1")], ": row 2 is not ISO-8859-1: line 2 holds 0x80"),
        (b"\xFF\xFEi\0", &[], ": row 1 begins as UTF-16 does; save the file as UTF-8 or set Encoding to UTF-16"),
        (b"\xEF\xBB\xBFid\n", &[(id::ENCODING, "Windows-1252")], ": row 1 begins as UTF-8 does; set Encoding"),
        (b"id,name,mail\n1,\"a,\n2,b,\n", &[], ": row 2 opens a quote that is never closed"),
        (b"id,name,mail\n1,a,b\n2,\"b\n", &[], ": row 3 opens a quote that is never closed"),
        (b"id,name\n1,a\n", &[], " has no column \"mail\", selected of person, but \"id\", \"name\""),
        (b"id;name;mail\n1;a;b\n", &[], "but \"id;name;mail\"; is Delimiter right?"),
        (b"sep=,\nid,name,mail\n", &[], ": row 1 is \"sep=\", which only Excel reads"),
        (b"id,,mail\n", &[], ": column 2 has no name"),
        (b"id,name,mail\n", &BY_KIND, " has no column \"kind\" for Object Type Column"),
    ] {
        let why = refusal(import(bytes, changes));
        assert!(why.contains(wanted), "{why} does not hold {wanted}");
    }
}

#[test]
fn missing_empty_and_without_rows_are_three_things() {
    let why = refusal(Place::new(scope_of(vec![person()]), &[]).import());
    assert!(why.starts_with(" does not exist below the connector files folder"), "{why}");

    for empty in ["", "\u{feff}", "\n\r\n"] {
        let seen = import(empty, &[]).expect("an import");
        let warning = "File Path \"people.csv\" is empty, without even a header".to_owned();
        assert_eq!((&seen.reading.warnings, &seen.reading.notes), (&vec![warning], &Vec::new()));
        assert!(seen.is_complete() && seen.items.is_empty());
    }

    let seen = import("id,name,mail\n", &[]).expect("an import");
    assert_eq!(
        (&seen.reading.warnings, seen.reading.notes.as_slice()),
        (&Vec::new(), &["the file has a header and no rows".to_owned()][..])
    );
    assert!(seen.is_complete() && seen.items.is_empty());
}

#[test]
fn the_first_error_ends_the_run_if_it_is_to() {
    let mut scope = scope_of(vec![person()]);
    scope.types[0].attributes[2].data_type = DataType::Integer;
    for (rows, wanted) in [
        ("1,a,5\n2,b,x\n3,c\n", ": the cell of \"mail\" in line 3 does not fit the type Integer"),
        ("1,a,5\n2,b\n", ": the row in line 3 has 2 cells, but the header has 3 columns"),
        ("1,a,5\n,b,5\n", ": the row in line 3 has no value in \"id\", the external id of person"),
        ("1,a,5\n2,b,5\n1,c,5\n", ": the row in line 2 has the same external id as line 4"),
        ("1,a,5\n(1 rows affected)\n", ": the row in line 3 is \"(1 rows affected)\", which is not data"),
    ] {
        let file = format!("id,name,mail\n{rows}");
        let why = refusal(import_of(scope.clone(), &file, &STOP));
        let rest = "; with Stop On First Error off, the other rows are imported";
        assert_eq!(why, format!("{wanted}{rest}"));
        assert!(import_of(scope.clone(), &file, &[]).is_ok_and(|seen| !seen.items.is_empty()));
    }
    let seen = import_of(scope, "id,name,mail\n1,a,5\n,,\n2,,\n", &STOP).expect("no errors");
    assert_eq!((seen.ids(), seen.is_complete()), (vec!["1", "2"], true));
}

#[test]
fn every_part_of_a_file_has_a_limit() {
    let mut place = Place::new(scope_of(vec![person()]), &[]);
    place.limits = Limits { header: 40, row: 60, rows: 5, ..LIMITS };
    for (file, wanted) in [
        (format!("id,name,mail,{}\n", "x".repeat(30)), ": row 1 is longer than 40 bytes; is a quote not closed?"),
        (format!("id,name,mail\n1,a,b\n2,{},c\n", "x".repeat(60)), ": row 3 is longer than 60 bytes; is a quote"),
        ("id,name,mail\n1,a,b\n2,\"a\n".to_owned() + &"3,a,b\n".repeat(20), ": row 3 is longer than 60 bytes"),
        ("id,name,mail\n".to_owned() + &"1,a,b\n".repeat(6), " has more than 5 rows"),
    ] {
        place.write(file);
        let why = refusal(place.import());
        assert!(why.starts_with(wanted), "{why}");
    }
    place.write("id,name,mail\n".to_owned() + &format!("1,{},b\n", "x".repeat(50)).repeat(5));
    assert!(place.import().is_ok());
}

#[test]
fn a_file_cut_anywhere_removes_nothing_that_it_does_not_show() {
    let rows: String = (0..60).map(|n| format!("E{n},\"Zoë \"\"{n}\"\",\r\nB\",z{n}@example.org\r\n")).collect();
    let file = format!("id,name,mail\r\n{rows}").into_bytes();
    let place = Place::new(scope_of(vec![person()]), &[]);
    let ends: Vec<usize> = (1..=file.len()).filter(|end| file[..*end].ends_with(b"org\r\n")).collect();
    let mut complete = Vec::new();
    for end in file.len() - 2_048..=file.len() {
        place.write(&file[..end]);
        let Ok(seen) = place.import() else { continue };
        assert!(seen.is_complete() || seen.reading.warnings.len() == 1, "{end}: {seen:?}");
        if seen.is_complete() {
            complete.push(end);
            let whole = ends.iter().filter(|row| **row <= end + 1).count();
            assert_eq!(seen.ids().len(), whole, "{end}");
        }
    }
    assert!(complete.len() > 50);
    let at_row_end = |end: &usize| ends.contains(end) || ends.contains(&(end + 1));
    assert!(complete.iter().all(at_row_end), "{complete:?}");
}
