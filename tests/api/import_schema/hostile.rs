//! Schemas with errors: what can be read of them is taken, what cannot is a warning, and nothing is lost.

use serde_json::{Value, json};

use super::declared::{
    NUMBER, TEXT, declare, declared, definition, import, imported, list_of, named, names, own, put, put_type, send,
    shown, stored,
};
use crate::support::case::Case;
use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::outside::Outside;
use crate::support::{Answer, SYSTEMS, TestApp};

const THINGS: [(&str, &str); 2] = [("thing", "STRUCTURAL MUST colour MAY size"), ("tool", "STRUCTURAL MAY colour")];
const ATTRIBUTES: [(&str, &str); 2] = [("colour", TEXT), ("size", NUMBER)];

/// The definitions of [`THINGS`] as text, and more.
fn with(classes: &[&str], attributes: &[&str]) -> (Vec<String>, Vec<String>) {
    let list = |branch: u32, all: &[(&str, &str)], more: &[&str]| -> Vec<String> {
        let own = all.iter().enumerate().map(|(n, d)| definition(&format!("1.3.9.{branch}.{n}"), d.0, d.1));
        own.chain(more.iter().map(|d| (*d).to_owned())).collect()
    };
    (list(1, &THINGS, classes), list(2, &ATTRIBUTES, attributes))
}

async fn with_things(app: &TestApp) -> Case<'_> {
    let case = declared(app, &THINGS, &ATTRIBUTES).await;
    imported(&case).await;
    case
}

/// The report of the two good types.
fn good(types: &Value) -> [Vec<String>; 2] {
    let lines = shown(types);
    ["thing", "tool"].map(|name| own(&lines, name))
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_definitions_are_warnings_and_the_rest_is_kept() {
    let app = TestApp::start().await;
    let case = with_things(&app).await;
    let before = good(&stored(&case).await);
    for broken in [
        "",
        "(",
        "()",
        "( )",
        "broken",
        "( 1.2.3 NAME 'broken",
        "( 1.2.3 NAME 'broken' ",
        "( 1.2.3 NAME ( 'broken' STRUCTURAL )",
        "( 1.2.3 NAME 'broken' STRUCTURAL MAY ( colour $ size )",
        "( 1.2.3 NAME 'broken' SUP",
        "1.2.3 NAME 'broken'",
        "\u{0}\u{1}\u{7f}",
        "( 1.2.3 NAME 'bro\u{7}ken' \u{1b}[31m",
    ] {
        let (classes, attributes) = with(&[broken], &[broken]);
        case.sandbox.set_schema(classes, attributes, Vec::new());
        let (types, warning) = import(&case).await;
        assert_eq!(good(&types), before, "{broken:?}");
        let warning = warning.unwrap_or_else(|| panic!("{broken:?} is not told: {:?}", names(&types)));
        assert!(!warning.chars().any(|c| c.is_control() && c != '\n'), "{warning:?}");
        if broken.contains("NAME 'broken") {
            assert!(warning.contains("broken") || warning.contains("1.2.3"), "{warning}");
        }
    }
    // Many are counted, not listed.
    let many: Vec<String> = (0..5_000).map(|n| format!("( 1.2.{n} NAME 'broken{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (classes, attributes) = with(&many, &many);
    case.sandbox.set_schema(classes, attributes, Vec::new());
    let (types, warning) = import(&case).await;
    let warning = warning.expect("a warning");
    assert!(good(&types) == before && warning.contains("5000") && warning.len() < 4_000, "{warning}");
    app.is_sound();
}

/// A definition that cannot be read does not make the row it was read into before look like gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_is_not_gone() {
    let app = TestApp::start().await;
    let case = with_things(&app).await;
    put(&case, "thing", "colour", json!({ "selected": true })).await;
    put_type(&case, "thing", json!({ "selected": true })).await;
    let before = stored(&case).await;
    let (mut classes, attributes) = with(&[], &[]);
    // This one is not selected.
    classes[1].truncate(20);
    case.sandbox.set_schema(classes, attributes, Vec::new());
    let (types, warning) = import(&case).await;
    assert_eq!(types, before);
    assert!(warning.is_some());
    // The same for an attribute: what is chosen stays, whatever becomes of its definition.
    let (classes, mut attributes) = with(&[], &[]);
    attributes[0].truncate(20);
    case.sandbox.set_schema(classes, attributes, Vec::new());
    let (types, warning) = import(&case).await;
    let colour = named(&named(&types, "thing")["attributes"], "colour").clone();
    let was = named(&named(&before, "thing")["attributes"], "colour").clone();
    assert_eq!((&colour["id"], &colour["selected"]), (&was["id"], &json!(true)));
    assert!(warning.is_some());
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn cycles_end() {
    let app = TestApp::start().await;
    let case = with_things(&app).await;
    let before = good(&stored(&case).await);
    let deep: Vec<String> =
        (0..2_000).map(|n| format!("( 1.4.{n} NAME 'deep{n}' SUP deep{} ABSTRACT )", n + 1)).collect();
    let long: Vec<String> = (0..2_000).map(|n| format!("( 1.5.{n} NAME 'long{n}' SUP long{} )", n + 1)).collect();
    let mut classes = vec![
        "( 1.2.1 NAME 'self' SUP self STRUCTURAL MAY colour )",
        "( 1.2.2 NAME 'one' SUP two STRUCTURAL MAY colour )",
        "( 1.2.3 NAME 'two' SUP ( one $ three $ self ) STRUCTURAL MAY size )",
        "( 1.2.4 NAME 'three' SUP one STRUCTURAL MAY ( loop1 $ loop2 $ long0 ) )",
        "( 1.2.5 NAME 'bottom' SUP deep0 STRUCTURAL )",
        "( 1.2.6 NAME 'oids' SUP 1.2.6 STRUCTURAL MAY colour )",
    ];
    classes.extend(deep.iter().map(String::as_str));
    let mut attributes = vec!["( 1.3.1 NAME 'loop1' SUP loop2 )", "( 1.3.2 NAME 'loop2' SUP loop1 )"];
    attributes.extend(long.iter().map(String::as_str));
    let (classes, attributes) = with(&classes, &attributes);
    let rules = vec!["( 1.2.1 NAME 'rule' AUX ( self $ one ) )".to_owned()];
    case.sandbox.set_schema(classes, attributes, rules);
    let (types, _) = import(&case).await;
    assert_eq!(good(&types), before);
    for name in ["self", "one", "two", "three", "bottom", "oids"] {
        assert!(names(&types).iter().any(|n| n == name), "{name}: {:?}", names(&types));
    }
    let one = own(&shown(&types), "one");
    for name in ["colour", "size", "loop1"] {
        assert!(one.iter().any(|l| l.starts_with(&format!(" {name} "))), "{name}: {one:?}");
    }
    assert!(own(&shown(&types), "bottom").is_empty(), "{:?}", own(&shown(&types), "bottom"));
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_there_twice() {
    let app = TestApp::start().await;
    let case = with_things(&app).await;
    put(&case, "thing", "colour", json!({ "selected": true })).await;
    let thing = put_type(&case, "thing", json!({ "selected": true })).await;
    for (classes, attributes) in [
        // The same again, the same name for something else, the same but for its case, the same OID.
        (
            vec!["( 1.3.9.1.0 NAME 'thing' STRUCTURAL MUST colour MAY size )"],
            vec!["( 1.3.9.2.0 NAME 'colour' SYNTAX 1.2 )"],
        ),
        (vec!["( 1.2.1 NAME 'thing' STRUCTURAL )"], vec!["( 1.3.1 NAME 'colour' SYNTAX 1.2 SINGLE-VALUE )"]),
        (vec!["( 1.2.1 NAME 'THING' STRUCTURAL )"], vec!["( 1.3.1 NAME 'Colour' SYNTAX 1.2 )"]),
        (vec!["( 1.3.9.1.0 NAME 'other' STRUCTURAL )"], vec!["( 1.3.9.2.0 NAME 'other' SYNTAX 1.2 )"]),
        (vec!["( 1.2.1 NAME ( 'other' 'thing' ) STRUCTURAL )"], vec!["( 1.3.1 NAME ( 'other' 'colour' ) SYNTAX 1.2 )"]),
        (vec!["( 1.2.1 NAME ( 'x' 'x' 'X' ) STRUCTURAL MAY ( colour $ COLOUR $ colour $ 1.3.9.2.0 ) )"], vec![]),
        (vec!["( 1.2.1 NAME '' STRUCTURAL )", "( 1.2.2 NAME ' ' STRUCTURAL )"], vec!["( 1.3.1 NAME '' SYNTAX 1.2 )"]),
    ] {
        let (all, types) = with(&classes, &attributes);
        // In either order.
        for turn in [false, true] {
            let (mut all, mut types) = (all.clone(), types.clone());
            if turn {
                all.reverse();
                types.reverse();
            }
            case.sandbox.set_schema(all, types, Vec::new());
            let (first, _) = import(&case).await;
            let kept: Vec<&Value> = list_of(&first).filter(|t| t["id"] == thing["id"]).collect();
            assert_eq!((kept.len(), &kept[0]["selected"]), (1, &json!(true)), "{classes:?}");
            let blank =
                |list: &Value| list_of(list).any(|row| row["name"].as_str().is_none_or(|n| n.trim().is_empty()));
            assert!(!blank(&first), "{classes:?}: {:?}", names(&first));
            let (second, _) = import(&case).await;
            assert_eq!(second, first, "a second import changes nothing: {classes:?}");
        }
    }
    app.is_sound();
}

/// What is odd but readable is read.
#[tokio::test(flavor = "multi_thread")]
async fn odd_texts() {
    let app = TestApp::start().await;
    let case = with_things(&app).await;
    let long = "n".repeat(3_000);
    let attributes = [
        "( 1.3.1 NAME 'ünïcödé' DESC 'Größe' SYNTAX 1.2 )".to_owned(),
        format!("( 1.3.2 NAME '{long}' SYNTAX 1.2 )"),
        "( 1.3.3 NAME 'text' DESC '<script>alert(1)</script> \\5c \\27 \u{202e}' SYNTAX 1.2 )".to_owned(),
        "( 1.3.4 NAME 'sql''; DROP TABLE attributes; --' SYNTAX 1.2 )".to_owned(),
        format!("( 1.3.5 NAME 'wordy' DESC '{}' SYNTAX 1.2 )", "ü".repeat(500_000)),
        format!("( 1.3.6 NAME 'large' X-MORE '{}' SYNTAX 1.2 )", "x".repeat(1 << 20)),
    ];
    let may = format!("( ünïcödé $ {long} $ text $ wordy $ large $ colour )");
    let classes =
        [format!("( 1.2.1 NAME 'odd' STRUCTURAL MAY {may} )"), format!("( 1.2.2 NAME 'l{long}' STRUCTURAL )")];
    let (all, types) = with(&classes.each_ref().map(String::as_str), &attributes.each_ref().map(String::as_str));
    case.sandbox.set_schema(all, types, Vec::new());
    let before = good(&stored(&case).await);
    let (types, _) = import(&case).await;
    assert_eq!(good(&types), before);
    let odd = named(&types, "odd");
    let text = named(&odd["attributes"], "text")["description"].clone();
    let text = text.as_str().expect("a description");
    assert!(text.starts_with("<script>alert(1)</script> \\ ' "), "{text}");
    assert!(types.to_string().len() < 200_000, "{}", types.to_string().len());
    assert_eq!(stored(&case).await, types);
    app.is_sound();
}

/// A system outside, at a sandbox that declares this.
async fn outside(outside: &Outside, classes: Vec<String>, attributes: Vec<String>) -> (Answer, Sandbox, i64) {
    let sandbox = Sandbox::start(Options::with_tree(Tree::new().suffix("dc=x"))).await.expect("the sandbox starts");
    let id = outside.imported(&sandbox, 120, &[]).await;
    sandbox.set_schema(classes, attributes, Vec::new());
    let path = format!("{SYSTEMS}/{id}/import-schema");
    (outside.client.send("POST", &path, None).await, sandbox, id)
}

/// A schema that is far too large ends the import, or is read; it ends nothing else, and nothing is kept in part.
#[tokio::test(flavor = "multi_thread")]
async fn schemas_without_measure() {
    let program = Outside::start();
    let numbered = |branch: u32, count: usize, name: &str, rest: &str| -> Vec<String> {
        (0..count).map(|n| format!("( 1.{branch}.{n} NAME '{name}{n}' {rest})")).collect()
    };
    let mentions = |count: usize| (0..count).map(|n| format!("a{n}")).collect::<Vec<_>>().join("$");
    let one = || vec!["( 1.2.1 NAME 'thing' STRUCTURAL )".to_owned()];
    let chained = (0..3_000).map(|n| format!("( 1.4.{n} NAME 'c{n}' SUP c{} STRUCTURAL MAY a{n} )", n + 1)).collect();
    let mut inherited = vec![format!("( 1.2.1 NAME 'base' ABSTRACT MAY ( {} ) )", mentions(3_000))];
    inherited.extend(numbered(4, 3_000, "c", "SUP base STRUCTURAL "));
    let wide: Vec<String> = (0..2_000)
        .map(|n| format!("( 1.4.{n} NAME 'c{n}' SUP ( {} ) ABSTRACT )", mentions(200).replace('a', "c")))
        .collect();
    for (what, classes, attributes) in [
        ("a hundred thousand classes", numbered(4, 100_000, "c", "STRUCTURAL "), Vec::new()),
        ("a hundred thousand short attributes", one(), numbered(5, 100_000, "a", "")),
        ("a hundred thousand broken ones", numbered(4, 100_000, "c", "MAY ( "), Vec::new()),
        ("nine million attributes by inheritance", inherited, numbered(5, 3_000, "a", "")),
        ("a chain of classes with an attribute each", chained, numbered(5, 3_000, "a", "")),
        ("classes of many classes", wide, Vec::new()),
        ("an entry of 4 MiB", vec!["x".repeat(4 << 20)], Vec::new()),
        (
            "a definition of 1 MiB",
            vec![format!("( 1.2 NAME 'c' DESC '{}' )", "y".repeat(1 << 20)), one().remove(0)],
            Vec::new(),
        ),
        ("a million parentheses", vec!["(".repeat(1 << 20), one().remove(0)], Vec::new()),
    ] {
        let memory = program.watch();
        let (answer, sandbox, id) = outside(&program, classes, attributes).await;
        let path = format!("{SYSTEMS}/{id}/object-types");
        let stored = program.client.get(&path).await.expect_status(200);
        let growth = memory.growth();
        let said = match answer.status {
            200 => {
                assert_eq!(answer.body["objectTypes"], stored, "{what}");
                format!("{} types", list_of(&stored).count())
            }
            _ => {
                assert_eq!(stored, json!([]), "{what}");
                let message = answer.expect_error(500, "INTERNAL_ERROR");
                assert!(message.contains(&format!("schema at {}: ", sandbox.addr())), "{what}: {message}");
                message
            }
        };
        println!("{what}: memory +{growth} KiB: {said}");
        assert!(growth <= 128 * 1024, "{what}: {growth} KiB");
        // The same system, with a schema that can be read.
        declare(&sandbox, &THINGS, &ATTRIBUTES);
        let path = format!("{SYSTEMS}/{id}/import-schema");
        let after = program.client.send("POST", &path, None).await.expect_status(200);
        assert_eq!(names(&after["objectTypes"]), ["thing", "tool"], "{what}");
    }
    program.is_unharmed();
}

/// A large schema: all of it, at once, and again without a change.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_schema() {
    let app = TestApp::start().await;
    let case = declared(&app, &[], &[]).await;
    let attributes: Vec<String> = (0..1_500).map(|n| format!("( 1.5.{n} NAME 'a{n}' {TEXT} )")).collect();
    let class = |n: usize| {
        let may: Vec<String> = (0..80).map(|i| format!("a{}", (n * 7 + i * 13) % 1_500)).collect();
        format!("( 1.4.{n} NAME 'c{n}' STRUCTURAL MAY ( {} ) )", may.join(" $ "))
    };
    case.sandbox.set_schema((0..300).map(class).collect(), attributes, Vec::new());
    let (types, warning) = import(&case).await;
    assert_eq!((list_of(&types).count(), warning), (300, None));
    let again = send(&case).await.expect_status(200);
    assert_eq!(again["objectTypes"], types);
    app.is_sound();
}
