//! Chapter 7: how a new reading of a schema is merged into what is stored, row by row of the table.

use serde_json::{Value, json};

use super::declared::{
    COMMON, NUMBER, TEXT, closed, declare, declared, import, imported, list_of, named, names, own, path, put, put_type,
    shown, stored,
};
use crate::support::TestApp;
use crate::support::case::Case;
use crate::support::directory::Sandbox;

const THING: (&str, &str) = ("thing", "SUP top STRUCTURAL MUST colour MAY size");

/// A type with two attributes of its own.
async fn thing(app: &TestApp) -> Case<'_> {
    let case = declared(app, &[THING], &[("colour", TEXT), ("size", NUMBER)]).await;
    let first = imported(&case).await;
    assert_eq!(own(&first, "thing"), [" colour String Multi ReadWrite thing", " size Integer Multi ReadWrite thing"]);
    case
}

fn on() -> Value {
    json!({ "selected": true })
}

fn off() -> Value {
    json!({ "selected": false })
}

async fn attribute(case: &Case<'_>, object: &str, name: &str) -> Value {
    let types = stored(case).await;
    named(&named(&types, object)["attributes"], name).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_directory_says_is_refreshed_and_what_the_user_said_is_kept() {
    let app = TestApp::start().await;
    let case = thing(&app).await;
    assert_eq!(attribute(&case, "thing", "colour").await["description"], Value::Null);
    put_type(&case, "thing", json!({ "selected": true, "removeContributedAttributesOnObsoletion": true })).await;
    put(&case, "thing", "colour", on()).await;
    put(&case, "thing", "size", json!({ "isExternalId": true })).await;
    put(&case, "thing", "colour", json!({ "isSecondaryExternalId": true })).await;
    let before = stored(&case).await;
    let colour = attribute(&case, "thing", "colour").await;
    // Another class, another description, another type, one value, read only; and the other way about.
    let classes = [("body", "SUP top ABSTRACT MAY colour"), ("thing", "SUP body STRUCTURAL MAY size")];
    let other = [
        ("colour", "DESC 'the hue' SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 SINGLE-VALUE NO-USER-MODIFICATION"),
        ("size", TEXT),
    ];
    declare(&case.sandbox, &classes, &other);
    let lines = imported(&case).await;
    assert_eq!(lines[0], "thing * r");
    let refreshed = [
        " colour Reference Single ReadOnly body *2",
        " distinguishedName String Single ReadWrite - *",
        " entryUUID Guid Single ReadOnly - *",
        " size String Multi ReadWrite thing *1",
    ];
    assert_eq!(own(&lines, "thing"), refreshed);
    let now = attribute(&case, "thing", "colour").await;
    assert_eq!(now["description"], "the hue");
    assert_eq!((&now["id"], &now["created"]), (&colour["id"], &colour["created"]));
    declare(&case.sandbox, &[THING], &[("colour", TEXT), ("size", NUMBER)]);
    imported(&case).await;
    assert_eq!(stored(&case).await, before, "everything is as it was, descriptions taken back too");
    assert_eq!(imported(&case).await, shown(&before), "a third import changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_is_unselected() {
    let app = TestApp::start().await;
    let case = thing(&app).await;
    put_type(&case, "thing", json!({ "selected": true, "removeContributedAttributesOnObsoletion": true })).await;
    put(&case, "thing", "colour", on()).await;
    put(&case, "thing", "size", on()).await;
    let classes =
        [("thing", "SUP top STRUCTURAL MUST colour MAY ( size $ weight )"), ("tool", "SUP thing STRUCTURAL MAY price")];
    let more = [("colour", TEXT), ("size", NUMBER), ("weight", NUMBER), ("price", TEXT)];
    declare(&case.sandbox, &classes, &more);
    let lines = imported(&case).await;
    assert_eq!(lines.iter().filter(|l| !l.starts_with(' ')).collect::<Vec<_>>(), ["thing * r", "tool"]);
    let expected = [
        " colour String Multi ReadWrite thing *",
        " size Integer Multi ReadWrite thing *",
        " weight Integer Multi ReadWrite thing",
    ];
    assert_eq!(own(&lines, "thing"), expected);
    let expected = [
        " colour String Multi ReadWrite thing",
        " price String Multi ReadWrite tool",
        " size Integer Multi ReadWrite thing",
        " weight Integer Multi ReadWrite thing",
    ];
    assert_eq!(own(&lines, "tool"), expected);
    for common in COMMON {
        assert_eq!(lines.iter().filter(|l| *l == common).count(), 2, "{common}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_that_are_gone() {
    let app = TestApp::start().await;
    let all = [THING, ("tool", "SUP top STRUCTURAL MUST colour"), ("toy", "SUP top STRUCTURAL MUST colour")];
    let attributes = [("colour", TEXT), ("size", NUMBER)];
    let case = declared(&app, &all, &attributes).await;
    imported(&case).await;
    let toy = put_type(&case, "toy", on()).await;
    put(&case, "toy", "colour", on()).await;
    // One is taken out, one is declared obsolete, which is no longer a type either.
    declare(&case.sandbox, &[THING, ("toy", "OBSOLETE SUP top STRUCTURAL MUST colour")], &attributes);
    for _ in 0..2 {
        let (types, warning) = import(&case).await;
        assert_eq!(names(&types), ["thing", "toy"], "the one that is not selected is deleted");
        let warning = warning.expect("a warning");
        assert!(warning.contains("toy") && !warning.contains("tool"), "{warning}");
        let kept = named(&types, "toy");
        assert_eq!((&kept["id"], &kept["selected"]), (&toy["id"], &json!(true)));
        assert_eq!(own(&shown(&types), "toy"), [" colour String Multi ReadWrite toy *"]);
    }
    // It comes back as the one it was.
    declare(&case.sandbox, &all, &attributes);
    let (types, warning) = import(&case).await;
    assert_eq!((names(&types), warning), (["thing", "tool", "toy"].map(str::to_owned).to_vec(), None));
    assert_eq!(named(&types, "toy")["id"], toy["id"]);
    // A choice of one of its attributes is a choice as well. Given up by its user and by the directory, it goes.
    declare(&case.sandbox, &[THING], &attributes);
    put_type(&case, "toy", off()).await;
    let (types, warning) = import(&case).await;
    assert!(names(&types).len() == 2 && warning.is_some_and(|w| w.contains("toy")));
    put(&case, "toy", "colour", off()).await;
    let (types, warning) = import(&case).await;
    assert_eq!((names(&types), warning), (vec!["thing".to_owned()], None));
    let gone = format!("{}/object-types/{}", path(&case), toy["id"]);
    app.admin().put(&gone, &on()).await.expect_error(404, "NOT_FOUND");
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_that_are_gone() {
    let app = TestApp::start().await;
    let case = declared(
        &app,
        &[("thing", "SUP top STRUCTURAL MAY ( colour $ size $ weight $ price )")],
        &[("colour", TEXT), ("size", NUMBER), ("weight", NUMBER), ("price", TEXT)],
    )
    .await;
    imported(&case).await;
    put(&case, "thing", "size", on()).await;
    put(&case, "thing", "weight", json!({ "isExternalId": true })).await;
    declare(&case.sandbox, &[("thing", "SUP top STRUCTURAL MAY colour")], &[("colour", TEXT)]);
    let kept = [
        " colour String Multi ReadWrite thing",
        " entryUUID Guid Single ReadOnly - *",
        " size Integer Multi ReadWrite thing *",
        " weight Integer Multi ReadWrite thing *1",
    ];
    for _ in 0..2 {
        let (types, warning) = import(&case).await;
        assert_eq!(own(&shown(&types), "thing"), kept, "the one that is not selected is deleted");
        let warning = warning.expect("a warning");
        for (name, told) in [("size", true), ("weight", true), ("price", false), ("colour", false)] {
            assert_eq!(warning.contains(name), told, "{name}: {warning}");
        }
        assert!(warning.contains("thing"), "{warning}");
    }
    put(&case, "thing", "size", off()).await;
    put(&case, "thing", "weight", json!({ "isExternalId": false })).await;
    put(&case, "thing", "weight", off()).await;
    // Nothing keeps them, and the type is without an external id: it gets the recommended one.
    assert_eq!(own(&imported(&case).await, "thing"), [" colour String Multi ReadWrite thing"]);
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_without_an_external_id_gets_the_recommended_one() {
    let app = TestApp::start().await;
    let case = thing(&app).await;
    for (flag, recommended) in [("isExternalId", "entryUUID"), ("isSecondaryExternalId", "distinguishedName")] {
        // A user's choice is never replaced, whether it is selected as well or not.
        put(&case, "thing", "colour", json!({ flag: true })).await;
        let chosen = stored(&case).await;
        imported(&case).await;
        assert_eq!(stored(&case).await, chosen, "{flag}");
        put(&case, "thing", recommended, off()).await;
        imported(&case).await;
        assert_eq!(attribute(&case, "thing", recommended).await["selected"], false, "{flag}");
        // Without any choice the recommendation is made again.
        put(&case, "thing", "colour", json!({ flag: false })).await;
        imported(&case).await;
        let again = attribute(&case, "thing", recommended).await;
        assert_eq!((&again[flag], &again["selected"]), (&json!(true), &json!(true)), "{again}");
        put(&case, "thing", "colour", off()).await;
    }
    // Both flags on one attribute are a choice like any other.
    put(&case, "thing", "size", json!({ "isExternalId": true, "isSecondaryExternalId": true })).await;
    let lines = imported(&case).await;
    assert!(lines.contains(&" size Integer Multi ReadWrite thing *12".to_owned()), "{lines:?}");
    // The one that was deleted and comes back is a new row.
    let second = ("tool", "SUP top STRUCTURAL MUST colour");
    declare(&case.sandbox, &[THING, second], &[("colour", TEXT), ("size", NUMBER)]);
    let lines = imported(&case).await;
    assert_eq!(own(&lines, "tool"), [" colour String Multi ReadWrite tool"], "its flags are in their usual places");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_match_ignoring_case() {
    let app = TestApp::start().await;
    let case = thing(&app).await;
    let before = put_type(&case, "thing", on()).await;
    let colour = put(&case, "thing", "colour", on()).await;
    declare(
        &case.sandbox,
        &[("Thing", "SUP top STRUCTURAL MUST COLOUR MAY size")],
        &[("Colour", TEXT), ("size", NUMBER)],
    );
    let (types, warning) = import(&case).await;
    assert_eq!(warning, None);
    let [now] = list_of(&types).collect::<Vec<_>>()[..] else { panic!("one type: {types}") };
    assert!(now["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case("thing")), "{}", now["name"]);
    assert_eq!((&now["id"], &now["created"], &now["selected"]), (&before["id"], &before["created"], &json!(true)));
    assert_eq!(now["attributeCount"], before["attributeCount"]);
    let kept = list_of(&now["attributes"]).find(|a| a["id"] == colour["id"]).expect("the same row");
    assert!(kept["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case("colour")), "{kept}");
    assert_eq!((&kept["created"], &kept["selected"]), (&colour["created"], &json!(true)));
    // Two that fit: the one that is equal is the same, and the other one, if it is taken at all, is new.
    declare(
        &case.sandbox,
        &[("THING", "SUP top STRUCTURAL MUST size"), THING, ("Thing", "SUP top STRUCTURAL MUST size")],
        &[("colour", TEXT), ("size", NUMBER)],
    );
    let (types, _) = import(&case).await;
    let same: Vec<_> = list_of(&types).filter(|t| t["id"] == before["id"]).collect();
    assert!(same.len() == 1 && same[0]["selected"] == true, "{:?}", names(&types));
    assert!(list_of(&types).all(|t| t["id"] == before["id"] || t["selected"] == false), "{:?}", names(&types));
    app.is_sound();
}

/// Everything about a schema that can change at once, with many rows; nothing gets in the way of anything else.
#[tokio::test(flavor = "multi_thread")]
async fn many_come_go_and_change_names_at_once() {
    let app = TestApp::start().await;
    let case = declared(&app, &[], &[]).await;
    let put_up = |sandbox: &Sandbox, round: usize| {
        // Of three hundred attributes a hundred stay, a hundred go and a hundred come; every second name changes case.
        let name =
            |n: usize| if (n + round).is_multiple_of(2) { format!("attribute{n}") } else { format!("ATTRIBUTE{n}") };
        let all: Vec<String> = (round * 100..round * 100 + 300).map(name).collect();
        let may = format!("SUP top STRUCTURAL MAY ( {} )", all.join(" $ "));
        let classes: Vec<String> = (round..round + 4).map(|n| format!("class{n}")).collect();
        let classes: Vec<(&str, &str)> = classes.iter().map(|n| (n.as_str(), may.as_str())).collect();
        let attributes: Vec<(&str, &str)> =
            all.iter().map(|n| (n.as_str(), if round.is_multiple_of(2) { TEXT } else { NUMBER })).collect();
        declare(sandbox, &classes, &attributes);
    };
    for round in 0..4 {
        put_up(&case.sandbox, round);
        let (types, warning) = import(&case).await;
        assert_eq!(warning, None, "{round}");
        let expected: Vec<String> = (round..round + 4).map(|n| format!("class{n}")).collect();
        assert_eq!(names(&types), expected);
        for object in list_of(&types) {
            assert_eq!(object["attributeCount"], 303, "{round}");
            let kind = if round.is_multiple_of(2) { "String" } else { "Integer" };
            let of_kind = list_of(&object["attributes"]).filter(|a| {
                a["name"].as_str().is_some_and(|n| n.to_lowercase().starts_with("attribute")) && a["type"] == kind
            });
            assert_eq!(of_kind.count(), 300, "{round}");
        }
    }
    assert_eq!(closed(&case).len(), 4);
    app.is_sound();
}

/// A name that was an alias becomes an attribute of its own, and the other way about.
#[tokio::test(flavor = "multi_thread")]
async fn an_alias_is_no_name_of_a_row() {
    let app = TestApp::start().await;
    let case = Case::new(&app, crate::support::directory::Tree::new().suffix("dc=x")).await;
    let classes = || vec!["( 1.3.9.1.1 NAME 'thing' STRUCTURAL MAY ( b $ 1.3.9.2.2 ) )".to_owned()];
    let both = |first: &str, second: &str| vec![first.to_owned(), second.to_owned()];
    let one = both("( 1.3.9.2.1 NAME ( 'a' 'b' ) SYNTAX 1.2 )", "( 1.3.9.2.2 NAME 'c' SYNTAX 1.2 )");
    case.sandbox.set_schema(classes(), one, Vec::new());
    let lines = imported(&case).await;
    assert_eq!(own(&lines, "thing"), [" a String Multi ReadWrite thing", " c String Multi ReadWrite thing"]);
    put(&case, "thing", "a", on()).await;
    let other = both("( 1.3.9.2.1 NAME ( 'b' 'a' ) SYNTAX 1.2 )", "( 1.3.9.2.2 NAME 'c' SYNTAX 1.2 )");
    case.sandbox.set_schema(classes(), other, Vec::new());
    let (types, warning) = import(&case).await;
    let expected =
        [" a String Multi ReadWrite thing *", " b String Multi ReadWrite thing", " c String Multi ReadWrite thing"];
    assert_eq!(own(&shown(&types), "thing"), expected);
    assert!(warning.is_some_and(|w| w.contains("thing")));
}
