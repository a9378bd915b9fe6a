//! A directory that fails while its schema is read: nothing that is stored changes, and what was valid stays valid.

use std::time::Duration;

use jim::connectors::ldap::Limits;
use serde_json::json;

use super::declared::{
    SUBSCHEMA, TEXT, closed, declared, detail, fails, fails_under, import, imported, names, put, put_type, send, shown,
    stored,
};
use crate::support::case::Case;
use crate::support::directory::{
    Answer, Broken, Certificate, Cut, CutAt, Ending, Faults, Hang, Mischief, Options, Pace, Place, Sandbox,
    SearchFault, Tls, Tree,
};
use crate::support::rogue::Rogue;
use crate::support::{Setup, TestApp};

const THINGS: [(&str, &str); 2] = [("thing", "STRUCTURAL MUST colour MAY size"), ("tool", "STRUCTURAL MAY colour")];
const ATTRIBUTES: [(&str, &str); 2] = [("colour", TEXT), ("size", TEXT)];

/// An imported schema with choices, and nothing tried twice.
async fn case(app: &TestApp) -> Case<'_> {
    let case = declared(app, &THINGS, &ATTRIBUTES).await;
    case.set(json!({ "11": { "intValue": 0 } })).await;
    imported(&case).await;
    put_type(&case, "thing", json!({ "selected": true })).await;
    put(&case, "thing", "size", json!({ "isExternalId": true })).await;
    // What a reader that believed a part of an answer would take away.
    case.sandbox.set_schema(vec!["( 1.2.3 NAME 'other' STRUCTURAL )".to_owned()], Vec::new(), Vec::new());
    case
}

fn reading(what: Mischief) -> Faults {
    Faults { searches: vec![SearchFault::new(what).reading(SUBSCHEMA)], ..Faults::default() }
}

fn answers(answer: Answer) -> Faults {
    Faults { base_reads: vec![(SUBSCHEMA.to_owned(), answer)], ..Faults::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_cannot_be_read() {
    let app = TestApp::start().await;
    let case = case(&app).await;
    for (code, name) in [
        (1, "operationsError"),
        (2, "protocolError"),
        (3, "timeLimitExceeded"),
        (4, "sizeLimitExceeded"),
        (10, "referral"),
        (11, "adminLimitExceeded"),
        (32, "noSuchObject"),
        (34, "invalidDNSyntax"),
        (49, "invalidCredentials"),
        (50, "insufficientAccessRights"),
        (51, "busy"),
        (52, "unavailable"),
        (53, "unwillingToPerform"),
        (80, "other"),
        (9_999, "result"),
    ] {
        let reason = format!("{name} ({code})");
        fails_under(&case, answers(Answer::new(code, "")), &reason).await;
        // The same result behind the entry: what came before it is not the whole.
        let late = SearchFault::new(Mischief::Answer(Answer::new(code, "told \u{7}why"))).reading(SUBSCHEMA).after(1);
        fails_under(&case, Faults { searches: vec![late], ..Faults::default() }, &reason).await;
    }
    fails_under(&case, answers(Answer::new(0, "")), "no entry").await;
    // What never was valid does not become so.
    let fresh = declared(&app, &THINGS, &ATTRIBUTES).await;
    fails_under(&fresh, answers(Answer::new(32, "")), "noSuchObject (32)").await;
    assert_eq!((stored(&fresh).await, detail(&fresh).await["settingValuesValid"].clone()), (json!([]), json!(false)));
    assert_eq!(detail(&case).await["settingValuesValid"], true);
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_classes() {
    let app = TestApp::start().await;
    let case = case(&app).await;
    let attribute = || vec!["( 1.3.9.2.1 NAME 'colour' SYNTAX 1.2 )".to_owned()];
    for (classes, attributes) in [
        (Vec::new(), Vec::new()),
        (Vec::new(), attribute()),
        (vec![String::new()], attribute()),
        (vec!["( broken".to_owned(), "not at all".to_owned()], attribute()),
    ] {
        let what = format!("{classes:?}");
        case.sandbox.set_schema(classes, attributes, Vec::new());
        let message = fails(&case, 500, true).await;
        assert!(message.contains(&format!("schema at {}: ", case.sandbox.addr())), "{what}: {message}");
    }
    case.sandbox.restore_schema();
    send(&case).await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_anywhere() {
    let app = TestApp::start().await;
    let case = case(&app).await;
    case.sandbox.restore_schema();
    let whole = Options { tree: Tree::new().suffix("dc=x"), ..Options::sample() };
    let other = Case::with(&app, whole).await;
    import(&other).await;
    let cut = |bytes, how| Faults { cut: Some(Cut { at: CutAt::Bytes(bytes), how }), ..Faults::default() };
    // How long a good session is: the first cut that does no harm.
    let (mut short, mut long) = (0, 1 << 20);
    while long - short > 1 {
        let middle = (short + long) / 2;
        other.sandbox.set_faults(cut(middle, Ending::Close));
        *(if send(&other).await.status == 200 { &mut long } else { &mut short }) = middle;
    }
    assert!(long > 20_000, "{long}");
    for how in [Ending::Close, Ending::HalfClose, Ending::Reset] {
        for step in 0..25 {
            // Most of it in the schema, and the last bytes too.
            let at = if step < 20 { step * long / 20 } else { long - (step - 19) };
            case.sandbox.set_faults(cut(at, how));
            let message = fails(&case, 500, true).await;
            assert!(message.contains("connection lost") || message.contains("connection refused"), "{at}: {message}");
        }
    }
    other.sandbox.set_faults(Faults { pace: Some(Pace { bytes: 100, every: Duration::ZERO }), ..Faults::default() });
    import(&other).await;
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_ends_with_the_time_of_a_whole_import() {
    let app = TestApp::start().await;
    let hangs = [
        reading(Mischief::Hang),
        reading(Mischief::HangInEntry),
        reading(Mischief::End(Ending::Silence)),
        reading(Mischief::Trickle(Duration::from_millis(100))),
        Faults { searches: vec![SearchFault::new(Mischief::Hang).reading(SUBSCHEMA).after(1)], ..Faults::default() },
    ];
    for faults in hangs {
        let case = case(&app).await;
        case.set(json!({ "9": { "intValue": 1 } })).await;
        let said = format!("schema at {}: timed out after 1 s", case.sandbox.addr());
        case.sandbox.set_faults(faults.clone());
        let message = fails(&case, 500, true).await;
        // A directory that invents entries may be given up sooner.
        let trickles = format!("{faults:?}").contains("Trickle");
        assert!(message.contains(&said) || trickles, "{said}: {message}");
    }
    // Before the schema is reached, the limits of an import of the hierarchy hold.
    let certificate = Certificate::for_names(&["localhost"]).expect("a certificate");
    let options = Options { tls: Some(Tls::Ldaps(certificate.config())), ..Options::with_tree(Tree::new()) };
    let case = Case::with(&app, options).await;
    case.set(json!({
        "1": { "stringValue": case.sandbox.addr().to_string() },
        "3": { "stringValue": case.sandbox.password() },
        "6": { "stringValue": "Skip Validation (Not Recommended)" },
        "7": { "intValue": 1 },
        "21": { "checkboxValue": true },
    }))
    .await;
    let (_, warning) = import(&case).await;
    assert_eq!(warning, None, "remarks on the way it came are no warning");
    case.sandbox.set_faults(Faults { hang: Some(Hang::Tls), ..Faults::default() });
    let message = fails(&case, 500, true).await;
    assert!(message.contains(&format!("tls at {}: timed out after 1 s", case.sandbox.addr())), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_given_up_sooner_than_the_whole() {
    let idle = Limits { idle: Duration::from_secs(1), ..Limits::default() };
    let app = TestApp::start_with(Setup { ldap_limits: Some(idle), ..Setup::default() }).await;
    let case = case(&app).await;
    fails_under(&case, reading(Mischief::HangInEntry), "timed out after 1 s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_answers() {
    let app = TestApp::start().await;
    let case = case(&app).await;
    for broken in [
        Broken::Nested(17),
        Broken::Nested(100_000),
        Broken::EntryOfSize(4 * 1024 * 1024 + 1),
        Broken::LengthClaim { claim: 0x7fff_ffff, then: 1 << 20 },
        Broken::EmptySequence,
        Broken::IndefiniteLength,
        Broken::InnerOverrun,
        Broken::WrongOperation,
        Broken::WrongId,
        Broken::NoticeOfDisconnection,
        Broken::BadUtf8(Place::Diagnostic),
    ] {
        for after in [0, 1] {
            let fault = SearchFault::new(Mischief::Broken(broken)).reading(SUBSCHEMA).after(after);
            case.sandbox.set_faults(Faults { searches: vec![fault], ..Faults::default() });
            let message = fails(&case, 500, true).await;
            assert!(message.contains(&format!("schema at {}: ", case.sandbox.addr())), "{broken:?}: {message}");
        }
    }
    // Beside an entry that is whole, one that is not is nothing; by itself it is no entry.
    for broken in [Broken::ShortEntry, Broken::BadUtf8(Place::Dn), Broken::BadUtf8(Place::AttributeName)] {
        let alone = [Mischief::Broken(broken), Mischief::Answer(Answer::new(0, ""))];
        let searches = alone.map(|what| SearchFault::new(what).reading(SUBSCHEMA)).to_vec();
        case.sandbox.set_faults(Faults { searches, ..Faults::default() });
        let message = fails(&case, 500, true).await;
        assert!(message.contains(&format!("schema at {}: ", case.sandbox.addr())), "{broken:?}: {message}");
        let other = declared(&app, &THINGS, &ATTRIBUTES).await;
        other.sandbox.set_faults(reading(Mischief::Broken(broken)));
        assert_eq!(names(&import(&other).await.0), ["thing", "tool"], "{broken:?}");
    }
    app.is_sound();
}

/// Nothing is ever asked elsewhere, whatever the directory says.
#[tokio::test(flavor = "multi_thread")]
async fn referrals_are_not_followed() {
    let app = TestApp::start().await;
    let trap = Rogue::start(Vec::new()).await;
    let another = Sandbox::start(Options::sample()).await.expect("the sandbox starts");
    let case = case(&app).await;
    let urls = vec![format!("ldap://{}/cn=Subschema", another.addr()), format!("ldap://{}/", trap.address())];
    for code in [10, 0, 9, 32] {
        let to = || Answer { code, referrals: urls.clone(), ..Answer::default() };
        case.sandbox.set_faults(answers(to()));
        let message = fails(&case, 500, true).await;
        assert!(!message.contains(&trap.address().to_string()), "{message}");
    }
    for count in [1, 300] {
        let reference = SearchFault::new(Mischief::References(urls.clone())).reading(SUBSCHEMA);
        case.sandbox.set_faults(Faults { searches: vec![reference; count], ..Faults::default() });
        let before = (app.dump(), shown(&stored(&case).await));
        // The entry came with them: it may be taken or not, but not half.
        let answer = send(&case).await;
        match answer.status {
            200 => assert_eq!(answer.body["objectTypes"], stored(&case).await),
            _ => {
                answer.expect_error(500, "INTERNAL_ERROR");
                assert_eq!((app.dump(), shown(&stored(&case).await)), before);
            }
        }
    }
    assert_eq!((trap.connections(), another.connections()), (0, 0));
}

/// A directory that cannot be reached, and one that refuses to be asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_not_there() {
    let app = TestApp::start().await;
    let case = case(&app).await;
    let (address, types) = (case.sandbox.addr(), stored(&case).await);
    let Case { app, sandbox, id } = case;
    sandbox.stop().await;
    let dump = app.dump();
    let message = app.import_schema(id).await.expect_error(500, "INTERNAL_ERROR");
    assert!(message.contains(&format!("connect at {address}: connection refused")), "{message}");
    crate::support::case::same(&app.dump(), &dump, "nothing changes");
    assert_eq!(app.object_types(id).await, types);
}

/// Busy and dropped connections are tried again as often as the settings say, at the bind and at the root entry.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_busy_is_tried_again() {
    let app = TestApp::start().await;
    let case = declared(&app, &THINGS, &ATTRIBUTES).await;
    case.set(json!({ "11": { "intValue": 2 }, "12": { "intValue": 1 } })).await;
    let busy = |connections| Faults {
        connections: Some(0..connections),
        bind: Some(Answer::new(51, "")),
        ..Faults::default()
    };
    case.sandbox.set_faults(busy(2));
    imported(&case).await;
    case.sandbox.set_faults(busy(3));
    assert!(fails(&case, 500, true).await.contains("busy (51)"));
    assert_eq!(closed(&case).iter().map(|a| a.0.as_str()).collect::<Vec<_>>(), ["Complete", "FailedWithError"]);
}
