//! Heads of files: what is read of them, what is refused, and how far they are read.

use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::connectors::definitions::file_setting as id;
use crate::connectors::file::tests::values;
use crate::domain::schema::{DataType, Plurality, Writability};

const BY_KIND: [(i64, &str); 2] = [(id::OBJECT_TYPE, ""), (id::OBJECT_TYPE_COLUMN, "kind")];

fn settings(changes: &[(i64, &str)]) -> FileSettings {
    FileSettings::read(&values(changes)).expect("good settings")
}

fn seen(bytes: impl AsRef<[u8]>, changes: &[(i64, &str)]) -> Result<SeenSchema, String> {
    read(bytes.as_ref(), &settings(changes), &Limits::DEFAULT)
}

fn attributes(bytes: impl AsRef<[u8]>, changes: &[(i64, &str)]) -> Vec<(String, DataType)> {
    let seen = seen(bytes, changes).expect("schema");
    let attributes = seen.types.first().expect("a type").attributes.iter();
    attributes.map(|a| (a.name.to_string(), a.data_type)).collect()
}

fn types(seen: &SeenSchema) -> Vec<&str> {
    seen.types.iter().map(|t| t.name.as_ref()).collect()
}

#[test]
fn heads_are_read_in_every_common_shape() {
    use DataType::{Integer, String};
    let wanted = [("id".to_owned(), Integer), ("full name".to_owned(), String)];
    for (text, delimiter) in [
        ("id,full name\n1,Anna\n2,Ben\n", ","),
        ("id,full name\n1,Anna", ","),
        ("id,full name\r\n1,Anna\r\n2,Ben\r\n", ","),
        ("id,full name\r1,Anna\r", ","),
        ("\u{feff}id,full name\n1,Anna\n", ","),
        ("\u{feff}\"id\",\"full name\"\n\"1\",\"Anna\"\n", ","),
        ("\n\r\n\nid,full name\n\n1,Anna\n\n\n", ","),
        (" id ,\tfull name \n1,Anna\n", ","),
        ("id;full name\n1;\"An;na\"\n", ";"),
        ("id\tfull name\n1\tAnna, B.\n", "\t"),
        ("id|full name\n1|Anna\n", "|"),
        ("id,full name\n1,\"An\r\nna, the \"\"first\"\"\"\n2,\"\"\n", ","),
        ("id,full name\n 1 ,5\" pipe\n", ","),
    ] {
        assert_eq!(attributes(text, &[(id::DELIMITER, delimiter)]), wanted, "{text:?}");
    }
    assert_eq!(attributes("id\n", &[]), [("id".to_owned(), String)]);
    assert_eq!(attributes("id\n7", &[]), [("id".to_owned(), Integer)]);
    assert_eq!(attributes("größe\n7\n", &[]), [("größe".to_owned(), Integer)]);
}

#[test]
fn the_encoding_is_the_one_that_is_set() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let wanted = [("größe".to_owned(), DataType::Integer)];
    for (bytes, encoding) in [
        (b"gr\xF6\xDFe\n7\n".to_vec(), "Windows-1252"),
        (b"gr\xF6\xDFe\n7\n".to_vec(), "ISO-8859-1"),
        (utf16("\u{feff}größe\n7\n"), "UTF-16"),
    ] {
        assert_eq!(attributes(&bytes, &[(id::ENCODING, encoding)]), wanted, "{encoding}");
    }
    for (bytes, encoding, wanted) in [
        (&b"id\n1\n\n\x81\n"[..], "Windows-1252", ": row 4 is not Windows-1252: line 4 holds 0x81 at byte 7 of the"),
        (b"id,n\n1,\"a\nb\x80\"\n", "ISO-8859-1", ": row 2 is not ISO-8859-1: line 3 holds 0x80 at byte 12 of the"),
        (b"i\0d\0\n\0a", "UTF-16", "file, where the file ends; check Encoding"),
        (b"\xEF\xBB\xBFid\n", "UTF-16", ": row 1 begins as UTF-8 does; set Encoding to UTF-8"),
        (b"\xFF\xFEi\0", "UTF-8", ": row 1 begins as UTF-16 does; save the file as UTF-8 or set Encoding to UTF-16"),
    ] {
        let why = seen(bytes, &[(id::ENCODING, encoding)]).expect_err(wanted);
        assert!(why.contains(wanted), "{why} does not hold {wanted}");
    }
}

#[test]
fn a_repeated_header_is_one_attribute_with_many_values() {
    let seen = seen("mail,id,mail,Mail,tags\na,1,5,x,\nb,2,6,y,u|v\n", &[]).expect("schema");
    let attributes = seen.types[0].attributes.iter();
    let found: Vec<(&str, DataType, Plurality)> =
        attributes.map(|a| (a.name.as_ref(), a.data_type, a.plurality)).collect();
    use DataType::{Integer, String};
    use Plurality::{Multi, Single};
    let wanted = [("mail", String, Multi), ("id", Integer, Single), ("Mail", String, Single), ("tags", String, Multi)];
    assert_eq!(found, wanted);
    for attribute in &seen.types[0].attributes {
        assert_eq!((&attribute.description, &attribute.class_name), (&None, &None));
        assert_eq!(attribute.writability, Writability::ReadWrite);
    }
}

#[test]
fn types_are_inferred_from_fifty_rows_and_the_culture() {
    let rows = |late: usize, text: &str| {
        let rows = (1..=60).map(|n| if n == late { format!("{text}\n") } else { format!("{n}\n") });
        "n\n".to_owned() + &rows.collect::<String>()
    };
    assert_eq!(attributes(rows(50, "x"), &[])[0].1, DataType::String);
    assert_eq!(attributes(rows(51, "x"), &[])[0].1, DataType::Integer);
    // Nor is what follows looked at in any other way.
    assert_eq!(attributes(rows(51, "1,2,3"), &[])[0].1, DataType::Integer);
    let german = "day\n21.11.2026\n";
    assert_eq!(attributes(german, &[(id::CULTURE, "de-DE")])[0].1, DataType::DateTime);
    assert_eq!(attributes(german, &[])[0].1, DataType::String);
}

#[test]
fn errors_name_row_and_column() {
    let wide = vec!["c"; 10_001].join(",");
    let long = "é".repeat(257);
    let many: String = (0..1_001).map(|n| format!("k{n}\n")).collect();
    let late: String = (0..51).map(|_| "a\n").collect::<String>() + &long;
    for (bytes, changes, wanted) in [
        (&b""[..], &[][..], " is empty, but its first row"),
        (b"\xEF\xBB\xBF", &[], " is empty"),
        (b"\n\r\n\n", &[], " is empty"),
        (b"id,,name\n", &[], ": column 2 has no name"),
        (b"id,  \n", &[], ": column 2 has no name"),
        (b"   \nid\n", &[], ": column 1 has no name"),
        (long.as_bytes(), &[], ": the name of column 1 has more than 256 characters"),
        (wide.as_bytes(), &[], " has 10001 columns, but at most 10000"),
        (b"sep=;\nid;name\n", &[], ": row 1 is \"sep=;\", which only Excel reads; remove that line"),
        (b"SEP=,\nid,name\n", &[], ": row 1 is \"SEP=\", which only Excel reads"),
        (b"#TYPE System.Object\n\"id\",\"name\"\n", &[], ": row 1 is \"#TYPE System.Object\", which PowerShell's"),
        (b"id\tname\n1\tAnna\n", &[], ": the name of column 1, \"id\\tname\", holds a tab; is Delimiter right?"),
        (b"\n\"id\",\"\nname\"\r\n\n\n\"1,Anna\n", &[], ": row 6 opens a quote that is never closed"),
        (b"\nid,\"name\"\r\n1,\"A\r\nB\"\r\n\r\n\"2,Ben\n", &[], ": row 6 opens a quote that is never closed"),
        (b"id,name\n\"1,Anna\n2,Ben\n", &[], ": row 2 opens a quote that is never closed"),
        (b"id,name\n1,\"Anna\n2,Ben", &[], ": row 2 opens a quote that is never closed"),
        (b"id,\"name\n1,Anna", &[], ": row 1 opens a quote"),
        (b"\"", &[], ": row 1 opens a quote"),
        (b"id,name\n1,M\xFCller\n", &[], ": row 2 is not UTF-8"),
        (b"id,gr\xF6\xDFe\n", &[], ": row 1 is not UTF-8"),
        // Halves of one character in two cells.
        (b"id,name\n\xC3,\xBC\n", &[], ": row 2 is not UTF-8"),
        (b"\xFF\xFEi\0d\0", &[], ": row 1 begins as UTF-16 does"),
        (b"\xFE\xFF\0i\0d", &[], ": row 1 begins as UTF-16 does"),
        (b"i\0d\0,\0n\0", &[], ": the name of column 1 holds a control character"),
        (b"id,name\n", &BY_KIND, " has no column \"kind\" for Object Type Column, but \"id\", \"name\""),
        (b"a,b,c,d,e,f\n", &BY_KIND, "\"e\" and others"),
        (b"id;kind\n", &BY_KIND, "but \"id;kind\"; is Delimiter right?"),
        (b"kind,Kind,kind\n", &BY_KIND, " has several columns \"kind\""),
        (b"Kind\n", &BY_KIND, " has no column \"kind\""),
    ] {
        let why = seen(bytes, changes).expect_err(wanted);
        assert!(why.contains(wanted), "{why} does not hold {wanted}");
        assert!(!why.ends_with('.'), "{why}");
    }
    for (rows, wanted) in [(&many, "more than 1000 different values"), (&late, "256 characters in row 53")] {
        let why = seen(format!("kind\n{rows}"), &BY_KIND).expect_err(wanted);
        assert!(why.contains(wanted) && why.contains("is it the right column?"), "{why}");
    }
    assert!(seen(vec!["c"; 10_000].join(","), &[]).is_ok());
    assert!(seen("é".repeat(256), &[]).is_ok());
}

#[test]
fn a_header_that_was_not_split_is_doubted() {
    let file = "File Path \"people.csv\"";
    let of_one = |name: &str, held: char| {
        format!("{file} has one column, {name:?}, whose name holds {held:?}; is Delimiter right?")
    };
    for (text, delimiter, warning) in [
        ("id;name\n1;Anna\n", ",", of_one("id;name", ';')),
        ("id|name\n1|Anna\n", ",", of_one("id|name", '|')),
        ("id,name\n1,Anna\n", ";", of_one("id,name", ',')),
        (
            "id, \"full name\"\n1,Anna\n",
            ",",
            format!(
                "{file}: the name \"\\\"full name\\\"\" holds a quote; the header was read as \"id\", \"\\\"full \
                 name\\\"\"; a quote stands only around a whole name, directly behind Delimiter"
            ),
        ),
    ] {
        let seen = seen(text, &[(id::DELIMITER, delimiter)]).expect("schema");
        assert_eq!((seen.warnings, seen.complete), (vec![warning], true), "{text:?}");
    }
}

const STOP: [(i64, &str); 1] = [(id::STOP_ON_FIRST_ERROR, "true")];

#[test]
fn a_short_row_has_empty_cells_at_its_end() {
    for changes in [&[][..], &STOP] {
        let seen = seen("id,day,name\n1\n2,2026-11-21\n,,Anna\n", changes).expect("schema");
        let found: Vec<DataType> = seen.types[0].attributes.iter().map(|a| a.data_type).collect();
        assert_eq!(found, [DataType::Integer, DataType::DateTime, DataType::String]);
        assert!(seen.warnings.is_empty() && seen.complete, "{:?}", seen.warnings);
    }
}

#[test]
fn a_bad_row_is_skipped_and_counted_or_ends_the_import_by_its_line() {
    for (text, count, first, wide) in [
        ("id,n\n1,Anna,x\n2,Ben\n", "1 row was", "row 2 has 3 columns, but the header has 2", true),
        ("id,n\r\n1,\"An\r\nna\"\r\n\r\n2,b,c\r\n3,d,e,f\r\n", "2 rows were", "row 5 has 3 columns", true),
        ("id,n\r1,a\r\r2,b,c\r", "1 row was", "row 4 has 3 columns", true),
        ("\u{feff}\n\nid,n\n1,Anna\n\n(2 rows affected)\n", "1 row was", "row 6 is \"(2 rows affected)\"", false),
        ("id,n\n1,Anna\n(1 row affected)", "1 row was", "row 3 is \"(1 row affected)\"", false),
        ("id,n\n1,Anna\n(2 Zeilen betroffen)\n", "1 row was", "row 3 is", false),
        ("id,n\r\n1,Anna\r\n\u{1a}", "1 row was", "row 3 is \"\\u{1a}\", which is not data", false),
        ("id\n1\n(1 rows)\n", "1 row was", "row 3 is \"(1 rows)\"", false),
    ] {
        let good = seen(text, &[]).expect(text);
        assert_eq!(good.types[0].attributes[0].data_type, DataType::Integer, "{text:?}");
        let [warning] = good.warnings.as_slice() else { panic!("{:?}", good.warnings) };
        assert!(warning.contains(&format!(": {count} skipped, the first since {first}")), "{warning}");
        assert_eq!(warning.contains("the header was read as \"id\""), wide, "{warning}");
        assert!(good.complete || !text.contains("Ben"));
        let why = seen(text, &STOP).expect_err(text);
        assert!(why.contains(&format!(": {first}")) && why.contains("Stop On First Error"), "{why}");
    }
    // A parenthesis alone is none, nor is a line of that kind among other cells.
    for text in ["id,n\n(a),b\n", "id,n\n(2 rows affected),b\n", "id,n\n(x y)\n"] {
        assert!(seen(text, &STOP).expect(text).warnings.is_empty(), "{text:?}");
    }
}

#[test]
fn a_header_that_no_row_fits_takes_nothing_away() {
    let title = seen("Export of today\nid,name\n1,Anna\n", &[]).expect("schema");
    assert!(!title.complete);
    let [warning] = title.warnings.as_slice() else { panic!("{:?}", title.warnings) };
    assert!(warning.contains("2 rows were skipped") && warning.contains("read as \"Export of today\""), "{warning}");
}

#[test]
fn a_column_names_the_types_wherever_its_values_stand() {
    let mut text = "id,kind\n".to_owned();
    for n in 0..5_000 {
        text += &format!("{n},{}\n", ["person", " person ", "", "group"][usize::from(n % 100 == 0) * (n % 4)]);
    }
    text += "1,Person\n2,\n3,  \n4,room";
    let seen = seen(&text, &BY_KIND).expect("schema");
    assert_eq!(types(&seen), ["Person", "person", "room"]);
    assert!(seen.complete);
    assert_eq!(seen.warnings, ["File Path \"people.csv\": 2 rows name no object type in column \"kind\"; skipped"]);
    let names: Vec<&str> = seen.types[2].attributes.iter().map(|a| a.name.as_ref()).collect();
    assert_eq!(names, ["id", "kind"], "the column is an attribute like any other");
    assert!(seen.types.iter().all(|t| t.attributes == seen.types[0].attributes));
}

#[test]
fn a_file_without_types_leaves_the_known_ones_alone() {
    for text in ["id,kind\n", "id,kind\n1,\n"] {
        let seen = seen(text, &BY_KIND).expect("schema");
        assert!(seen.types.is_empty() && !seen.complete, "{text}");
        assert!(seen.warnings.iter().any(|w| w.contains("names no object types in column \"kind\"")), "{text}");
    }
    let many: String = (0..101).map(|n| format!("k{n}\n")).collect();
    let header: String = (0..1_000).map(|n| format!(",c{n}")).collect();
    let rows = many.replace('\n', &(",".repeat(1_000) + "\n"));
    let why = seen(format!("kind{header}\n{rows}"), &BY_KIND).expect_err("too many attributes");
    assert!(why.contains("101 different values, each a type with 1001 attributes"), "{why}");
}

#[test]
fn bad_rows_behind_the_head_only_end_the_search() {
    let good: String = (0..60).map(|n| format!("{n},person\n")).collect();
    let small = Limits { header: 100, head: 1_000, row: 300, search: 2_000 };
    let long = format!("61,{}\n", "x".repeat(400));
    for (bad, wanted) in [
        (&b"61,\xFF\n"[..], ": row 62 is not UTF-8: line 62 holds 0xFF at byte 602 of the file; save"),
        (b"61,\"person\n", ": row 62 opens a quote that is never closed; object types"),
        (long.as_bytes(), ": row 62 is longer than 300 bytes; object types"),
        (&b"61,person\n".repeat(200), " was read as far as 2000 bytes; object types"),
    ] {
        let file = [b"id,kind\n", good.as_bytes(), bad, b"62,late\n"].concat();
        let seen = read(file.as_slice(), &settings(&BY_KIND), &small).expect(wanted);
        assert_eq!(types(&seen), ["person"], "{wanted}");
        assert!(!seen.complete, "{wanted}");
        let warning = seen.warnings.first().expect(wanted);
        assert!(warning.contains(wanted) && warning.ends_with("were not seen"), "{warning}");
        assert_eq!(seen.warnings.len(), 1);
        // With one fixed type nothing behind the head is read at all.
        let fixed = read(file.as_slice(), &settings(&[]), &small).expect(wanted);
        assert!(fixed.complete && fixed.warnings.is_empty(), "{wanted}");
    }
}

#[test]
fn bad_rows_behind_the_head_are_skipped_too() {
    let good: String = (0..60).map(|n| format!("{n},person\n")).collect();
    let text = format!("id,kind\n{good}60,a,b\n61\n62,late\n(62 rows affected)\n");
    let by_kind = seen(&text, &BY_KIND).expect("schema");
    assert_eq!((types(&by_kind), by_kind.complete), (vec!["late", "person"], true));
    assert!(by_kind.warnings.iter().any(|w| w.contains("1 row names no object type")), "{:?}", by_kind.warnings);
    assert!(by_kind.warnings.iter().any(|w| w.contains("2 rows were skipped, the first since row 62 has 3")));
    let why = seen(&text, &[&BY_KIND[..], &STOP].concat()).expect_err("stops");
    assert!(why.starts_with(": row 62 has 3 columns, but the header has 2"), "{why}");
}

/// Counts what is read of a pattern without end, or of one that ends after so many bytes.
struct Counted {
    start: &'static [u8],
    pattern: &'static [u8],
    length: u64,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let at = self.read.get();
        let left = usize::try_from(self.length - at).unwrap_or(usize::MAX).min(into.len());
        for (n, byte) in into.iter_mut().take(left).enumerate() {
            let n = usize::try_from(at).expect("small") + n;
            let behind = || self.pattern[(n - self.start.len()) % self.pattern.len()];
            *byte = self.start.get(n).copied().unwrap_or_else(behind);
        }
        self.read.set(at + left as u64);
        Ok(left)
    }
}

#[test]
fn a_gigabyte_is_read_no_further_than_it_must_be() {
    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;
    let tell = |start, pattern, length, changes: &[(i64, &str)], limits: &Limits| {
        let read_bytes = Rc::new(Cell::new(0));
        let file = Counted { start, pattern, length, read: Rc::clone(&read_bytes) };
        (read(file, &settings(changes), limits), read_bytes.get())
    };
    let refused = |start, pattern| {
        let (result, bytes) = tell(start, pattern, GIB, &[], &Limits::DEFAULT);
        (result.expect_err("too long"), bytes)
    };
    let (why, bytes) = refused(b"", b"x");
    assert_eq!(why, ": row 1 does not end within the first 1 MiB; is a quote not closed?");
    assert!(bytes <= MIB + 1, "{bytes}");
    let (why, bytes) = refused(b"id,name\n1,\"", b"Anna\n");
    assert_eq!(why, ": row 2 does not end within the first 8 MiB; is a quote not closed?");
    assert!(bytes <= 8 * MIB + 1, "{bytes}");
    let (why, bytes) = refused(b"", b"\n");
    assert_eq!(why, ": row 1 does not end within the first 1 MiB; is a quote not closed?");
    assert!(bytes <= MIB + 1, "{bytes}");

    let (result, bytes) = tell(b"id,kind\n", b"1,person\n", GIB, &[], &Limits::DEFAULT);
    assert!(result.is_ok_and(|seen| seen.complete));
    assert!(bytes <= MIB, "{bytes}");

    let small = Limits { search: 2 * MIB, ..Limits::DEFAULT };
    let (result, bytes) = tell(b"id,kind\n", b"1,person\n", GIB, &BY_KIND, &small);
    let seen = result.expect("schema");
    assert!(!seen.complete && seen.warnings[0].contains("was read as far as 2 MiB"), "{:?}", seen.warnings);
    assert!(bytes <= 2 * MIB + 1, "{bytes}");

    // A file that ends exactly at the limit was seen as a whole.
    let pattern = b"1,person\n";
    for (rows, complete) in [(1_000, true), (1_001, false)] {
        let exact = Limits { header: 100, head: 500, search: 8 + 1_000 * pattern.len() as u64, ..Limits::DEFAULT };
        let length = 8 + rows * pattern.len() as u64;
        let (result, _) = tell(b"id,kind\n", pattern, length, &BY_KIND, &exact);
        assert_eq!(result.expect("schema").complete, complete, "{rows}");
    }
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_is_an_error() {
    struct Failing(&'static [u8]);
    impl Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() { Err(std::io::ErrorKind::TimedOut.into()) } else { self.0.read(into) }
        }
    }
    for start in [&b""[..], b"id,name\n1,An"] {
        let why = read(Failing(start), &settings(&[]), &Limits::DEFAULT).expect_err("fails");
        assert_eq!(why, " cannot be read: timed out");
    }
}
