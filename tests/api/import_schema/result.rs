//! Chapter 7: what an import of a schema makes of the definitions, and the settings it is refused for.

use serde_json::{Value, json};

use super::declared::{
    COMMON, TEXT, attribute, closed, declared, definition, detail, fails, import, imported, list_of, named, names, own,
    path, put_type, send, shown, stored,
};
use crate::support::case::Case;
use crate::support::directory::{Answer, Faults, Options, Tree};
use crate::support::{SYSTEMS, TestApp};

fn on() -> Value {
    json!({ "checkboxValue": true })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_the_sample() {
    let app = TestApp::start().await;
    let case = Case::with(&app, Options::sample()).await;
    assert_eq!(stored(&case).await, json!([]));
    assert!(detail(&case).await["lastUpdated"].is_string(), "by the PUT of the settings");
    let (types, warning) = import(&case).await;
    assert_eq!(warning, None);
    let all = names(&types);
    for (name, there) in [
        ("inetOrgPerson", true),
        ("person", true),
        ("organizationalUnit", true),
        ("groupOfNames", true),
        ("OpenLDAProotDSE", true),
        ("RFC822localPart", true),
        ("top", false),
        ("LDAProotDSE", false),
        ("dcObject", false),
        ("simpleSecurityObject", false),
        ("extensibleObject", false),
        ("subschema", false),
    ] {
        assert_eq!(all.iter().any(|n| n == name), there, "{name}: {all:?}");
    }
    for object in list_of(&types) {
        let lines: Vec<String> = list_of(&object["attributes"]).map(attribute).collect();
        assert!(COMMON.iter().all(|c| lines.iter().any(|l| l == c)), "{}: {lines:?}", object["name"]);
        let flags = (&object["selected"], &object["removeContributedAttributesOnObsoletion"]);
        assert_eq!(flags, (&json!(false), &json!(false)), "{}", object["name"]);
        assert!(object["created"].as_str().is_some_and(|c| c.ends_with('Z')), "{}", object["created"]);
    }
    let person = own(&shown(&types), "inetOrgPerson");
    for line in [
        " cn String Multi ReadWrite person",
        " sn String Multi ReadWrite person",
        " userPassword Binary Multi ReadWrite person",
        " seeAlso Reference Multi ReadWrite person",
        // The nearest class that names it, not the first.
        " telephoneNumber String Multi ReadWrite organizationalPerson",
        " title String Multi ReadWrite organizationalPerson",
        " preferredDeliveryMethod String Single ReadWrite organizationalPerson",
        " displayName String Single ReadWrite inetOrgPerson",
        " manager Reference Multi ReadWrite inetOrgPerson",
        " jpegPhoto Binary Multi ReadWrite inetOrgPerson",
        " audio Binary Multi ReadWrite inetOrgPerson",
        " photo Binary Multi ReadWrite inetOrgPerson",
        " userCertificate Binary Multi ReadWrite inetOrgPerson",
        " userPKCS12 Binary Multi ReadWrite inetOrgPerson",
        // Spelt differently where it is named and where it is defined.
        " x500UniqueIdentifier String Multi ReadWrite inetOrgPerson",
    ] {
        assert!(person.iter().any(|l| l == line), "{line}: {person:?}");
    }
    // Named by another of its names.
    let domain = own(&shown(&types), "domain");
    assert!(domain.contains(&" dc String Single ReadWrite domain".to_owned()), "{domain:?}");
    let referral = own(&shown(&types), "referral");
    assert_eq!(referral, [" ref String Multi ReadOnly referral"], "operational");
    let unique = own(&shown(&types), "groupOfUniqueNames");
    assert!(unique.contains(&" uniqueMember String Multi ReadWrite groupOfUniqueNames".to_owned()), "{unique:?}");
    let attributes = &named(&types, "person")["attributes"];
    assert_eq!(named(attributes, "cn")["description"], "common name");
    assert_eq!(named(attributes, "description")["description"], "free text (what it is, what it isn't)");
    let external = named(attributes, "entryUUID");
    assert_eq!((&external["selectionLocked"], &external["className"]), (&json!(true), &Value::Null));
    assert_eq!(shown(&import(&case).await.0), shown(&types), "a second import changes nothing");
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_syntax_has_its_type() {
    let app = TestApp::start().await;
    let rfc = |n: u32| format!("SYNTAX 1.3.6.1.4.1.1466.115.121.1.{n}");
    let mut rows: Vec<(String, String)> = vec![("SYNTAX 1.3.6.1.1.16.1".to_owned(), "Guid Multi ReadWrite".to_owned())];
    for n in 1..=58 {
        let kind = match n {
            7 => "Boolean",
            27 => "Integer",
            24 | 53 => "DateTime",
            12 => "Reference",
            4 | 5 | 8 | 9 | 10 | 23 | 28 | 40 | 49 => "Binary",
            _ => "String",
        };
        rows.push((rfc(n), format!("{kind} Multi ReadWrite")));
    }
    for (rest, expected) in [
        (format!("{}{{64}}", rfc(27)), "Integer Multi ReadWrite"),
        ("SYNTAX '1.3.6.1.4.1.1466.115.121.1.27'".to_owned(), "Integer Multi ReadWrite"),
        ("SYNTAX 1.2.3.4".to_owned(), "String Multi ReadWrite"),
        (String::new(), "String Multi ReadWrite"),
        ("SUP a27".to_owned(), "Integer Multi ReadWrite"),
        ("SUP A12 SINGLE-VALUE".to_owned(), "Reference Single ReadWrite"),
        (format!("SUP a12 {}", rfc(7)), "Boolean Multi ReadWrite"),
        ("SUP missing".to_owned(), "String Multi ReadWrite"),
        (format!("{} SINGLE-VALUE", rfc(15)), "String Single ReadWrite"),
        (format!("{} NO-USER-MODIFICATION", rfc(15)), "String Multi ReadOnly"),
        (format!("{} COLLECTIVE", rfc(15)), "String Multi ReadOnly"),
        (format!("{} USAGE directoryOperation", rfc(15)), "String Multi ReadOnly"),
        (format!("{} USAGE dSAOperation", rfc(15)), "String Multi ReadOnly"),
        (format!("{} USAGE userApplications", rfc(15)), "String Multi ReadWrite"),
        (format!("single-value x-own 'MUST (a)' DESC '\\27)' {}", rfc(27)), "Integer Single ReadWrite"),
    ] {
        rows.push((rest, expected.to_owned()));
    }
    // The n-th row is attribute `a<n>`, and for the syntaxes of the RFC that is their number.
    let named: Vec<String> = (0..rows.len()).map(|n| format!("a{n}")).collect();
    let attributes: Vec<(&str, &str)> = named.iter().zip(&rows).map(|(n, r)| (n.as_str(), r.0.as_str())).collect();
    let may = format!("STRUCTURAL MAY ( {} )", named.join(" $ "));
    let case = declared(&app, &[("thing", &may)], &attributes).await;
    let lines = own(&shown(&import(&case).await.0), "thing");
    assert_eq!(lines.iter().filter(|l| l.starts_with(" a")).count(), rows.len(), "{lines:?}");
    for (name, (rest, expected)) in named.iter().zip(&rows) {
        assert!(lines.contains(&format!(" {name} {expected} thing")), "{rest} should be {expected}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn classes_inherit_and_content_rules_add_and_take_away() {
    let app = TestApp::start().await;
    let case = declared(&app, &[], &[]).await;
    let attributes = ["own", "must", "left", "right", "far", "aux", "deep", "extra", "needed", "unwanted"];
    let types: Vec<String> =
        attributes.iter().enumerate().map(|(n, name)| definition(&format!("1.3.9.2.{n}"), name, TEXT)).collect();
    let classes = [
        // Out of order, with several superclasses, one of them by its OID, and one that is not there.
        "( 1.3.9.1.1 NAME ( 'leaf' 'blatt' ) SUP ( LEFT $ 1.3.9.1.3 $ lost ) MUST (must ) MAY ( own ) )",
        "( 1.3.9.1.2 NAME 'left' SUP base ABSTRACT MAY ( left$far ) )",
        "( 1.3.9.1.3 NAME 'right' SUP base ABSTRACT MAY ( right $ unwanted $ 1.3.9.2.4 ) )",
        "( 1.3.9.1.4 NAME 'base' ABSTRACT MAY far )",
        "( 1.3.9.1.5 NAME 'more' SUP most AUXILIARY MAY aux )",
        "( 1.3.9.1.6 NAME 'most' AUXILIARY MUST deep )",
        "( 1.3.9.1.7 STRUCTURAL MAY own )",
    ];
    let classes: Vec<String> = classes.iter().map(|c| (*c).to_owned()).collect();
    let rule = "( 1.3.9.1.1 NAME 'rule' AUX more MUST needed MAY ( extra $ own ) NOT unwanted )".to_owned();
    case.sandbox.set_schema(classes.clone(), types.clone(), Vec::new());
    let line = |name: &str, class: &str| format!(" {name} String Multi ReadWrite {class}");
    let (found, _) = import(&case).await;
    assert_eq!(names(&found), ["1.3.9.1.7", "leaf"]);
    let leaf = own(&shown(&found), "leaf");
    let (far, rest): (Vec<String>, Vec<String>) = leaf.into_iter().partition(|l| l.starts_with(" far "));
    // The nearest class that names it, on either way up.
    assert!(far == [line("far", "left")] || far == [line("far", "right")], "{far:?}");
    let plain = [("left", "left"), ("must", "leaf"), ("own", "leaf"), ("right", "right"), ("unwanted", "right")];
    assert_eq!(rest, plain.map(|(n, c)| line(n, c)));
    case.sandbox.set_schema(classes, types, vec![rule]);
    let (found, _) = import(&case).await;
    let leaf = own(&shown(&found), "leaf");
    for (name, class) in [("must", "leaf"), ("own", "leaf"), ("aux", "more"), ("deep", "most")] {
        assert!(leaf.contains(&line(name, class)), "{name}: {leaf:?}");
    }
    for (name, there) in [("needed", true), ("extra", true), ("unwanted", false)] {
        assert_eq!(leaf.iter().any(|l| l.starts_with(&format!(" {name} "))), there, "{name}: {leaf:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn auxiliary_classes_are_types_on_request() {
    let app = TestApp::start().await;
    let classes = [("thing", "STRUCTURAL MAY colour"), ("paint", "AUXILIARY MAY colour"), ("idea", "ABSTRACT")];
    let case = declared(&app, &classes, &[("colour", TEXT)]).await;
    imported(&case).await;
    assert_eq!(names(&stored(&case).await), ["thing"]);
    case.set(json!({ "13": on() })).await;
    imported(&case).await;
    assert_eq!(names(&stored(&case).await), ["paint", "thing"]);
    case.set(json!({ "13": { "checkboxValue": false } })).await;
    put_type(&case, "paint", json!({ "selected": true })).await;
    let (types, warning) = import(&case).await;
    assert_eq!(names(&types), ["paint", "thing"]);
    assert!(warning.is_some_and(|w| w.contains("paint")));
    put_type(&case, "paint", json!({ "selected": false })).await;
    imported(&case).await;
    assert_eq!(names(&stored(&case).await), ["thing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_body_is_ignored_and_the_system_must_be_there() {
    let app = TestApp::start().await;
    let case = declared(&app, &[("thing", "STRUCTURAL")], &[]).await;
    let here = format!("{}/import-schema", path(&case));
    for (kind, body) in [
        ("application/json", ""),
        ("application/json", "{ \"preview\": true"),
        ("text/plain", "not JSON"),
        ("application/json", "{}"),
    ] {
        let headers = [("Content-Type", kind)];
        let answer = app.admin().send_with("POST", &here, Some(body.to_owned()), &headers).await;
        assert_eq!(answer.expect_status(200)["objectTypes"][0]["name"], "thing", "{kind} {body}");
    }
    for query in ["?preview=true", "?preview=maybe&preview"] {
        app.admin().send("POST", &format!("{here}{query}"), None).await.expect_fault("preview");
    }
    assert_eq!(closed(&case).len(), 4, "there is no preview");
    for unknown in ["4711", "x", "99999999999999999999"] {
        let path = format!("{SYSTEMS}/{unknown}/import-schema");
        app.admin().send("POST", &path, None).await.expect_error(404, "NOT_FOUND");
    }
    app.admin().get(&here).await.expect_error(405, "METHOD_NOT_ALLOWED");
    app.stranger().send("POST", &here, None).await.expect_error(401, "UNAUTHORISED");
    for roles in [&[][..], &[2]] {
        let client = app.with_roles(&format!("{roles:?}"), roles).await;
        client.send("POST", &here, None).await.expect_error(403, "FORBIDDEN");
    }
    assert_eq!(closed(&case).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_at_fault_are_refused_before_anything_is_opened() {
    let app = TestApp::start().await;
    let text = |value: &str| json!({ "stringValue": value });
    for (changed, said) in [
        (json!({ "1": text("") }), "Host"),
        (json!({ "2": text("") }), "Username"),
        (json!({ "3": text("") }), "Password"),
        (json!({ "8": text("NTLM") }), "NTLM"),
        (json!({ "1": text("http://localhost") }), "Host"),
        (json!({ "1": text("ldap://localhost"), "21": on() }), "Use Secure Connection (LDAPS)?"),
        (json!({ "15": on(), "21": on(), "1": text("localhost") }), "Use StartTLS?"),
        (json!({ "1": text("localhost"), "3": null }), "must be re-entered because the connection target changed"),
    ] {
        let case = declared(&app, &[("thing", "STRUCTURAL")], &[]).await;
        imported(&case).await;
        let connections = case.sandbox.connections();
        let mut values = changed.clone();
        if values.get("3").is_none() {
            values["3"] = text(case.sandbox.password());
        }
        case.set(values).await;
        let message = fails(&case, 400, false).await;
        assert!(message.contains(said), "{said}: {message}");
        assert_eq!(case.sandbox.connections(), connections, "{changed}");
    }
    let fresh = app.create_system("Nothing set").await;
    let path = format!("{SYSTEMS}/{fresh}/import-schema");
    app.admin().send("POST", &path, None).await.expect_error(400, "BAD_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_bind_is_the_fault_of_the_settings() {
    let app = TestApp::start().await;
    let case = declared(&app, &[("thing", "STRUCTURAL")], &[]).await;
    for valid in [false, true] {
        for (code, status) in [(49, 400), (48, 400), (34, 400), (7, 400), (8, 400), (13, 400), (53, 500), (1, 500)] {
            case.sandbox.set_faults(Faults { bind: Some(Answer::new(code, "")), ..Faults::default() });
            let message = fails(&case, status, true).await;
            assert!(message.contains(&format!("bind at {}: ", case.sandbox.addr())), "{message}");
            assert_eq!(detail(&case).await["settingValuesValid"], valid, "{code}");
        }
        case.sandbox.set_faults(Faults::default());
        imported(&case).await;
    }
}

/// The types are part of the system: they go with it, and the list counts those that are selected.
#[tokio::test(flavor = "multi_thread")]
async fn types_belong_to_their_system() {
    let app = TestApp::start().await;
    let classes = [("thing", "STRUCTURAL"), ("tool", "STRUCTURAL")];
    let (case, other) = (declared(&app, &classes, &[]).await, declared(&app, &classes, &[]).await);
    imported(&case).await;
    imported(&other).await;
    put_type(&case, "tool", json!({ "selected": true })).await;
    let systems = app.admin().get(SYSTEMS).await.expect_status(200);
    let selected = |id| list_of(&systems["items"]).find(|s| s["id"] == id).map(|s| s["connectorsCount"].clone());
    assert_eq!((selected(case.id), selected(other.id)), (Some(json!(1)), Some(json!(0))));
    let kept = stored(&other).await;
    let foreign = format!("{}/object-types/{}", path(&case), named(&kept, "tool")["id"]);
    app.admin().put(&foreign, &json!({ "selected": true })).await.expect_error(404, "NOT_FOUND");
    app.admin().delete(&path(&case)).await.expect_status(200);
    app.admin().get(&format!("{}/object-types", path(&case))).await.expect_error(404, "NOT_FOUND");
    assert_eq!(stored(&other).await, kept);
    app.is_sound();
    // An import of the hierarchy does not touch them.
    app.import(other.id, "").await.expect_status(200);
    assert_eq!(stored(&other).await, kept);
    send(&other).await.expect_status(200);
    assert_eq!(app.partitions(other.id).await[0]["name"], "dc=x", "nor the other way about");
    let empty = Case::new(&app, Tree::new()).await;
    imported(&empty).await;
    assert!(stored(&empty).await.as_array().is_some_and(|l| l.len() > 20), "without any naming context, too");
}
