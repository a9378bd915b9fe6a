//! Definitions in every spelling that servers are known for, and broken in every way.

use super::*;

fn parse(text: &str) -> Result<Definition<'_>, Broken> {
    Definition::parse(text.as_bytes(), 64 * 1024, 256)
}

/// What matters of a class: names, kind, superiors, attributes.
fn class(text: &str) -> String {
    let d = parse(text).unwrap_or_else(|broken| panic!("{text}: {broken:?}"));
    let kind = match d.kind {
        None => "-",
        Some(ClassKind::Abstract) => "abstract",
        Some(ClassKind::Structural) => "structural",
        Some(ClassKind::Auxiliary) => "auxiliary",
    };
    let marks = if d.obsolete { " obsolete" } else { "" };
    let lists = [&d.superiors, &d.attributes, &d.auxiliaries, &d.precluded].map(|list| list.join(","));
    format!("{} {} {kind}{marks} {}", d.name(), d.names.len(), lists.join("|"))
}

/// What matters of an attribute: name, description, syntax, marks.
fn attribute(text: &str) -> String {
    let d = parse(text).unwrap_or_else(|broken| panic!("{text}: {broken:?}"));
    let mark = |is: bool, mark: &'static str| if is { mark } else { "" };
    let marks = [mark(d.single_value, "S"), mark(d.read_only, "R"), mark(d.obsolete, "O")].concat();
    let description = d.description.as_deref().unwrap_or("-");
    format!("{}: {description} {} {} {marks}", d.name(), d.syntax.unwrap_or("-"), d.superiors.join(","))
}

#[test]
fn classes_in_every_spelling() {
    for (text, expected) in [
        // As RFC 4512 has them.
        ("( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )", "top 1 abstract |objectClass||"),
        (
            "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) MAY ( userPassword $ seeAlso ) )",
            "person 1 structural top|sn,cn,userPassword,seeAlso||",
        ),
        // Several names, the first of which counts; several superclasses.
        ("( 1.2 NAME ( 'a' 'b' 'c' ) SUP ( x $ y $ 1.2.3 ) )", "a 3 - x,y,1.2.3|||"),
        // No name, no kind.
        ("( 1.2 MUST cn )", "1.2 0 - |cn||"),
        ("( 1.2 )", "1.2 0 - |||"),
        ("( nsTask-oid NAME 'nsTask' SUP top MAY x X-ORIGIN 'Netscape' )", "nsTask 1 - top|x||"),
        // As Samba writes lists.
        ("( 1.2 NAME 'a' SUP top AUXILIARY MUST (ou ) MAY (st $ l ) )", "a 1 auxiliary top|ou,st,l||"),
        // Blanks missing and too many, line breaks, a trailing NUL.
        ("(1.2 NAME('a''b')SUP(top)STRUCTURAL MUST(a$b)MAY(c))\0", "a 2 structural top|a,b,c||"),
        ("(\r\n 1.2\n NAME\t'a'\n  SUP top\n  MUST\n( a\n$\nb )\n)\n", "a 1 - top|a,b||"),
        // Lists without parentheses, without `$`, with too many of either.
        ("( 1.2 NAME 'a' MUST b $ c MAY ( d e f ) )", "a 1 - |b,c,d,e,f||"),
        ("( 1.2 NAME 'a' MUST ( ) MAY ( $ d $ $ e $ ) )", "a 1 - |d,e||"),
        ("( 1.2 NAME 'a' MUST ( ( b ) $ ( c ) ) )", "a 1 - |b,c||"),
        ("( 1.2 NAME 'a' MUST ( 'b' $ 'c' ) SUP 'top' )", "a 1 - top|b,c||"),
        // Any order, any case, any extension.
        ("( 1.2 may b structural must c sup top name 'a' )", "a 1 structural top|b,c||"),
        ("( 1.2 NAME 'a' X-A 'x' X-B ( 'MUST' ( 'z' ) ) FUTURE MUST b X-C )", "a 1 - |b||"),
        ("( 1.2 NAME 'a' OBSOLETE MUST b )", "a 1 - obsolete |b||"),
        ("( 1.2 NAME 'a' MUST b MUST c MAY b )", "a 1 - |b,c,b||"),
        ("( 1.2 NAME a SUP top )", "a 1 - top|||"),
        ("( '1.2' NAME \"a\" SUP \"top\" )", "a 1 - top|||"),
        ("( ' 1.2 ' SUP ' top ' MUST ( ' a ' $ b ) )", "1.2 0 - top|a,b||"),
        // Keywords that are names.
        ("( 1.2 NAME 'must' SUP name MUST may MAY must )", "must 1 - name|may,must||"),
        // Text first: what looks like more is in the description.
        ("( 1.2 NAME 'a' DESC 'the MUST (x) $ y' MUST b )", "a 1 - |b||"),
        ("( 1.2 NAME 'a' DESC 'a MUST ( \\27x\\27 ' MUST b )", "a 1 - |b||"),
        // Quotes that are not escaped.
        ("( 1.2 NAME 'a' DESC 'the user's name' MUST b )", "a 1 - |b||"),
        ("( 1.2 NAME 'a' DESC 'the user's ( or group's name' MUST b X-ORIGIN 'me' )", "a 1 - |b||"),
        // Content rules.
        ("( 1.2 NAME 'a' AUX ( b $ c ) MUST d MAY ( e ) NOT ( f $ g ) )", "a 1 - |d,e|b,c|f,g"),
        ("( 1.2 ) behind the end", "1.2 0 - |||"),
    ] {
        assert_eq!(class(text), expected, "{text}");
    }
}

#[test]
fn attributes_in_every_spelling() {
    for (text, expected) in [
        (
            "( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'RFC4519: common name(s)' SUP name )",
            "cn: RFC4519: common name(s) - name ",
        ),
        ("( 1.2 NAME 'a' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{64} )", "a: - 1.3.6.1.4.1.1466.115.121.1.15  "),
        (
            "( 1.2 NAME 'a' SYNTAX '1.3.6.1.4.1.1466.115.121.1.26{8}' SINGLE-VALUE)",
            "a: - 1.3.6.1.4.1.1466.115.121.1.26  S",
        ),
        ("( 1.2 NAME 'a' SYNTAX 1.2.3 {64} SINGLE-VALUE )", "a: - 1.2.3  S"),
        ("( 1.2 NAME 'a' SYNTAX '' )", "a: - -  "),
        ("( 1.2 NAME 'a' EQUALITY SINGLE-VALUE SUBSTR x ORDERING y SYNTAX 1.2.3 )", "a: - 1.2.3  "),
        ("( 1.2 NAME 'a' NO-USER-MODIFICATION )", "a: - -  R"),
        ("( 1.2 NAME 'a' single-value collective )", "a: - -  SR"),
        ("( 1.2 NAME 'a' USAGE userApplications )", "a: - -  "),
        ("( 1.2 NAME 'a' USAGE USERAPPLICATIONS )", "a: - -  "),
        ("( 1.2 NAME 'a' USAGE directoryOperation )", "a: - -  R"),
        ("( 1.2 NAME 'a' USAGE distributedOperation )", "a: - -  R"),
        ("( 1.2 NAME 'a' USAGE dSAOperation )", "a: - -  R"),
        ("( 1.2 NAME 'a' DESC 'it\\27s \\5c \\5C' OBSOLETE )", "a: it's \\ \\ -  O"),
        ("( 1.2 NAME 'a' DESC '' )", "a: - -  "),
        ("( 1.2 NAME 'a' DESC 'x' DESC 'y' SYNTAX 1.1 SYNTAX 1.2 )", "a: x 1.1  "),
    ] {
        assert_eq!(attribute(text), expected, "{text}");
    }
    let bytes = |text: &str| parse(text).expect("good").not_readable;
    assert!(bytes("( 1.2 DESC 'x' X-NOT-HUMAN-READABLE 'TRUE' )"));
    assert!(!bytes("( 1.2 DESC 'x' X-NOT-HUMAN-READABLE 'FALSE' )"));
    assert!(!bytes("( 1.2 DESC 'X-NOT-HUMAN-READABLE' )"));
}

#[test]
fn broken_definitions_are_named_by_their_readable_part() {
    let long = format!("( 1.2 NAME '{}' )", "n".repeat(257));
    let opened = "(".repeat(60_000);
    let quotes = "'".repeat(60_001);
    let huge = "(".repeat(1024 * 1024);
    let large = format!("( 1.2 NAME 'large' DESC '{}' )", "x".repeat(64 * 1024));
    for (text, name) in [
        ("", ""),
        ("   ", ""),
        ("text", "text"),
        ("( )", "( )"),
        ("()", "()"),
        ("( 1.2", "1.2"),
        ("( 1.2 NAME", "1.2"),
        ("( 1.2 NAME 'a'", "a"),
        ("( 1.2 NAME ( 'a' 'b' )", "a"),
        ("( 1.2 NAME ( 'a' 'b' MUST c )", "a"),
        ("( 1.2 NAME 'a' MUST ( b $ c )", "a"),
        ("( 1.2 NAME 'a' ) )", "a"),
        ("( 1.2 NAME 'a' ) ( 1.3 NAME 'b' )", "a"),
        ("1.2 NAME 'a' )", "1.2 NAME 'a' )"),
        ("( 1.2 NAME 'a' DESC 'never ends )", "a"),
        ("( 1.2 NAME 'never ends )", "1.2"),
        ("( NAME 'a' MUST b )", "a"),
        ("( 1.2 NAME 'a\0' )", "a\0"),
        ("( 1.2 NAME 'a\nb' )", "a\nb"),
        ("( 1.2 NAME '' )", "( 1.2 NAME '' )"),
        ("( '' NAME 'a' )", "a"),
        (&long, &"n".repeat(40)),
        (&opened, &opened[..40]),
        (&quotes, &quotes[..40]),
        (&huge, &huge[..40]),
        (&large, "large"),
    ] {
        assert_eq!(parse(text), Err(Broken(name.to_owned())), "{:?}", text.get(..60).unwrap_or(text));
    }
    assert_eq!(Definition::parse(b"( 1.2 NAME 'a\xff' )", 100, 256), Err(Broken("a\u{fffd}".to_owned())));
    let most = format!("( 1.2 NAME '{}' )", "é".repeat(256));
    assert_eq!(parse(&most).map(|d| d.name().chars().count()), Ok(256));
}
