//! Chapter 6 against a real OpenLDAP.

mod certificates;
mod changes;
mod copies;
mod limits;
mod password_policy;
mod roots;
mod shown;
mod texts;
mod tls;
mod whole;

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::case::{import, told, tree};
use crate::support::slapd::{SERVICE_DN, SERVICE_PASSWORD, Slapd};

/// Settings of the service account for this Host.
fn settings(host: &str) -> Value {
    json!({
        "1": { "stringValue": host },
        "2": { "stringValue": SERVICE_DN },
        "3": { "stringValue": SERVICE_PASSWORD },
    })
}

/// A system at this slapd, with the service account.
async fn system(app: &TestApp, slapd: &Slapd) -> i64 {
    let id = app.create_system("OpenLDAP").await;
    app.set(id, &settings(&slapd.url())).await.expect_status(200);
    id
}

/// Adds organizational units, parents first.
async fn add(slapd: &Slapd, dns: &[&str]) {
    for dn in dns {
        slapd.add_ou(dn).await;
    }
}

/// What an import changes, in short; a second one must change nothing.
async fn changes(app: &TestApp, id: i64, query: &str) -> Vec<String> {
    let result = import(app, id, query).await;
    assert_eq!(result["success"], true, "{result}");
    assert_eq!(told(&import(app, id, query).await), [""; 0], "a second import");
    told(&result)
}

async fn stored(app: &TestApp, id: i64) -> Vec<String> {
    tree(&app.partitions(id).await)
}
