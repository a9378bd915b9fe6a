//! What the account may not see is never taken for removed.

use serde_json::json;

use super::{add, changes, settings, stored, system};
use crate::support::TestApp;
use crate::support::case::{import, told, warnings};
use crate::support::slapd::{LIMITED_DN, LIMITED_PASSWORD, SUFFIX, Setup, Slapd};
use crate::tier;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn what_is_hidden_is_kept() {
    let (app, mut slapd) = (TestApp::start().await, Slapd::start());
    let dn = |rdns: &str| format!("{rdns},{SUFFIX}");
    let tree = ["ou=A", "ou=A1,ou=A", "ou=deep,ou=A1,ou=A", "ou=B"].map(dn);
    add(&slapd, &tree.each_ref().map(String::as_str)).await;
    let id = system(&app, &slapd).await;
    changes(&app, id, "").await;
    for row in [&tree[1], &tree[2]] {
        app.select(id, row).await;
    }
    let before = stored(&app, id).await;
    for (hidden, topmost, accepted) in [
        (vec![&tree[2]], &tree[2], vec![format!("- {} *", tree[2])]),
        // The entry alone: what is below it still shows.
        (vec![&tree[1]], &tree[1], vec![format!("- {} *", tree[1])]),
        (
            vec![&tree[0], &tree[1], &tree[2]],
            &tree[0],
            vec![format!("- {}", tree[0]), format!("- {} *", tree[1]), format!("- {} *", tree[2])],
        ),
    ] {
        slapd.restart_hiding(&hidden.iter().map(|dn| dn.as_str()).collect::<Vec<_>>());
        let result = import(&app, id, "").await;
        assert_eq!(told(&result), [""; 0], "{hidden:?}");
        assert_eq!(stored(&app, id).await, before, "{hidden:?}");
        let text = warnings(&result);
        assert!(text.contains(topmost.as_str()) && text.contains("acceptRemovals=true"), "{text}");
        // The administrator vouches for it: only looked at, so that the next row begins as this one.
        let preview = app.import(id, "?preview=true&acceptRemovals=true").await.expect_status(200);
        assert_eq!(told(&preview), accepted, "{hidden:?}");
    }
    assert_eq!(changes(&app, id, "?acceptRemovals=true").await.len(), 3);
    slapd.restart_hiding(&[]);
    assert_eq!(changes(&app, id, "").await.len(), 3);
}

/// OpenLDAP's size limit holds over all pages of a search.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_limited_account_never_removes() {
    for limits in [None, Some("size.soft=50 size.hard=50"), Some("size.pr=100 size.prtotal=unlimited")] {
        let setup = Setup { limits: limits.map(str::to_owned), ..Setup::default() };
        let (app, slapd) = (TestApp::start().await, Slapd::start_with(setup));
        let dns: Vec<String> = (0..620).map(|i| format!("ou=n{i:03},{SUFFIX}")).collect();
        let id = system(&app, &slapd).await;
        add(&slapd, &dns.iter().map(String::as_str).collect::<Vec<_>>()).await;
        changes(&app, id, "").await;
        app.select(id, &dns[619]).await;
        let before = stored(&app, id).await;
        slapd.delete(&dns[7]).await;
        let mut values = settings(&slapd.url());
        values["2"] = json!({ "stringValue": LIMITED_DN });
        values["3"] = json!({ "stringValue": LIMITED_PASSWORD });
        app.set(id, &values).await.expect_status(200);
        let result = import(&app, id, "").await;
        if limits.is_some_and(|l| l.contains("prtotal")) {
            // Only the size of a page is limited: smaller pages see everything.
            assert_eq!(told(&result), [format!("- {}", dns[7])], "{limits:?}");
            continue;
        }
        for query in ["", "?acceptRemovals=true"] {
            let result = import(&app, id, query).await;
            assert_eq!(told(&result), [""; 0], "{limits:?} {query}");
            let text = warnings(&result);
            assert!(text.contains("sizeLimitExceeded (4)") && text.contains("raise the size limit"), "{text}");
        }
        assert_eq!(stored(&app, id).await, before, "{limits:?}");
        app.set(id, &settings(&slapd.url())).await.expect_status(200);
        assert_eq!(changes(&app, id, "").await, [format!("- {}", dns[7])], "{limits:?}");
    }
    tier::figure("size limits of 500 and 50 over all pages, and of 100 a page: 0 removals but the one");
}

/// The five-setting sample of the user's page, with host and port of this server.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn the_five_setting_sample_works() {
    let (app, mut slapd) = (TestApp::start().await, Slapd::start());
    let id = app.create_system("Corporate LDAP").await;
    let mut values = settings(&slapd.url());
    values["4"] = json!({ "intValue": 389 });
    values["5"] = json!({ "checkboxValue": true });
    app.set(id, &values).await.expect_status(200);
    assert_eq!(changes(&app, id, "").await.len(), 2);

    let wrong = json!({ "3": { "stringValue": "no password of theirs" } });
    app.set(id, &wrong).await.expect_status(200);
    let message = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
    let said = format!("bind at {}:{}: invalidCredentials (49)", slapd.host(), slapd.port());
    assert!(message.contains(&said), "{message}");
    app.set(id, &json!({ "3": { "stringValue": "" } })).await.expect_status(200);
    let asked = slapd.log().matches(" BIND ").count();
    assert!(asked > 0, "the log has binds");
    app.import(id, "").await.expect_error(400, "BAD_REQUEST");
    assert_eq!(slapd.log().matches(" BIND ").count(), asked, "an empty password is not sent");

    app.set(id, &settings(&slapd.url())).await.expect_status(200);
    slapd.stop();
    let message = app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
    assert!(message.contains("connection refused"), "{message}");
    slapd.resume();
    assert_eq!(changes(&app, id, "").await, [""; 0]);
}
