//! A real password policy: slapd's overlay `ppolicy`, which speaks of the account in the answer to its bind.

use serde_json::{Value, json};

use super::{settings, system};
use crate::support::case::{activities, warnings};
use crate::support::slapd::{SERVICE_DN, SERVICE_PASSWORD, SUFFIX, Setup as Directory, Slapd};
use crate::support::{SYSTEMS, TestApp};

const POLICY: &str = "cn=policy,dc=example,dc=com";
const RESTRICTED: &str = "insufficientAccessRights (50): \"Operations are restricted to bind/unbind/abandon/StartTLS/\
                          modify password\"; the account must change its password";
const EXEMPT: &str = "exempt";

/// A directory with this policy for the accounts of its first naming context.
async fn directory(rules: &[(&str, &str)]) -> Slapd {
    let slapd = Slapd::start_with(Directory {
        global: "moduleload ppolicy".to_owned(),
        database: format!("overlay ppolicy\nppolicy_default {POLICY}\nppolicy_use_lockout"),
        ..Directory::default()
    });
    let values: Vec<[&str; 1]> = rules.iter().map(|(_, value)| [*value]).collect();
    let mut attributes: Vec<(&str, &[&str])> =
        vec![("objectClass", &["device", "pwdPolicy"]), ("cn", &["policy"]), ("pwdAttribute", &["userPassword"])];
    attributes.extend(rules.iter().zip(&values).map(|((name, _), value)| (*name, value.as_slice())));
    slapd.add(POLICY, &attributes).await;
    // From now on the policy knows how old it is.
    slapd.set(SERVICE_DN, "userPassword", &[SERVICE_PASSWORD]).await;
    slapd.set(SERVICE_DN, "pwdReset", &[]).await;
    slapd
}

async fn tested(app: &TestApp, id: i64) -> Value {
    app.admin().send("POST", &format!("{SYSTEMS}/{id}/test-connection"), None).await.expect_status(200)
}

/// The last activity: its status and warning.
fn last(app: &TestApp, id: i64) -> (String, String) {
    let (status, _, warning, _) = activities(app, id).pop().expect("an activity");
    (status, warning.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn an_account_that_must_change_its_password_gets_the_directory_s_words() {
    let slapd = directory(&[("pwdMustChange", "TRUE")]).await;
    slapd.add_ou("ou=A,dc=example,dc=com").await;
    let app = TestApp::start().await;
    let id = system(&app, &slapd).await;
    app.import(id, "").await.expect_status(200);
    slapd.set(SERVICE_DN, "pwdReset", &["TRUE"]).await;
    let before = app.dump();

    // The other naming context has no such policy, and is read.
    for query in ["?preview=true", ""] {
        let result = app.import(id, query).await.expect_status(200);
        let text = warnings(&result);
        assert!(text.contains(RESTRICTED) && text.contains(EXEMPT), "{query}: {text}");
        assert!(!text.contains(SERVICE_PASSWORD), "{text}");
        if query == "?preview=true" {
            assert_eq!(app.dump(), before);
        }
    }
    let (status, warning) = last(&app, id);
    assert!(status == "CompleteWithWarning" && warning.contains(RESTRICTED), "{status}: {warning}");

    let answer = tested(&app, id).await;
    let bind = &answer["stages"][3];
    assert_eq!((&bind["outcome"], &bind["code"]), (&json!("warning"), &json!("mustChangePassword")), "{answer}");
    assert!(bind["remedy"].as_str().is_some_and(|remedy| remedy.contains(EXEMPT)), "{bind}");
    let contexts = answer["directory"]["namingContexts"].as_array().expect("contexts");
    let ours = contexts.iter().find(|context| context["name"] == SUFFIX).expect("ours");
    assert_eq!((&ours["readable"], &ours["reason"]), (&json!(false), &json!(RESTRICTED)));

    // Exempt again, all is as before.
    slapd.set(SERVICE_DN, "pwdReset", &[]).await;
    assert_eq!(app.import(id, "").await.expect_status(200)["warnings"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn where_nothing_else_is_readable_the_error_says_what_to_do() {
    let slapd = directory(&[("pwdMustChange", "TRUE")]).await;
    slapd.set(SERVICE_DN, "pwdReset", &["TRUE"]).await;
    slapd.delete("o=partners").await;
    let app = TestApp::start().await;
    let id = system(&app, &slapd).await;
    for query in ["?preview=true", ""] {
        let message = app.import(id, query).await.expect_error(500, "INTERNAL_ERROR");
        assert!(message.contains(RESTRICTED) && message.contains(EXEMPT), "{query}: {message}");
    }
    let answer = tested(&app, id).await;
    let partitions = &answer["stages"][6];
    assert_eq!((&partitions["outcome"], &partitions["code"]), (&json!("failed"), &json!("noPartitionReadable")));
    assert!(partitions["message"].as_str().is_some_and(|text| text.contains(RESTRICTED)), "{answer}");
    assert!(partitions["remedy"].as_str().is_some_and(|text| text.contains(EXEMPT)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_password_near_its_end_is_warned_of() {
    let app = TestApp::start().await;
    let slapd = directory(&[("pwdMaxAge", "259200"), ("pwdExpireWarning", "259200")]).await;
    let id = system(&app, &slapd).await;
    // It warns once some of the time is over.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let said = "the password of the account expires in 2 days";
    for query in ["?preview=true", ""] {
        let text = warnings(&app.import(id, query).await.expect_status(200));
        assert!(text.contains(said), "{query}: {text}");
    }
    let (status, warning) = last(&app, id);
    assert!(status == "CompleteWithWarning" && warning.contains(said), "{status}: {warning}");
    app.import_schema(id).await.expect_status(200);
    assert!(last(&app, id).1.contains(said));
    let answer = tested(&app, id).await;
    assert_eq!(
        (&answer["success"], &answer["stages"][3]["code"]),
        (&json!(true), &json!("passwordExpires")),
        "{answer}"
    );

    // Two binds are left after the end, and then none.
    let slapd = directory(&[("pwdMaxAge", "1"), ("pwdGraceAuthNLimit", "2")]).await;
    app.set(id, &settings(&slapd.url())).await.expect_status(200);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let answer = tested(&app, id).await;
    let bind = &answer["stages"][3];
    assert_eq!((&bind["outcome"], &bind["code"]), (&json!("warning"), &json!("passwordExpired")), "{answer}");
    assert!(bind["message"].as_str().is_some_and(|text| text.ends_with("allows 1 more bind")), "{bind}");
    tested(&app, id).await;
    let message = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
    assert!(message.contains("invalidCredentials (49): password expired"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_locked_account_is_named_as_locked() {
    let app = TestApp::start().await;
    let slapd = directory(&[("pwdLockout", "TRUE"), ("pwdMaxFailure", "1")]).await;
    let id = system(&app, &slapd).await;
    let mut wrong = settings(&slapd.url());
    wrong["3"] = json!({ "stringValue": "no password of theirs" });
    app.set(id, &wrong).await.expect_status(200);
    app.import(id, "").await.expect_error(400, "BAD_REQUEST");
    app.set(id, &settings(&slapd.url())).await.expect_status(200);
    let message = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
    assert!(message.contains("invalidCredentials (49): locked. Unlock the account"), "{message}");
}
