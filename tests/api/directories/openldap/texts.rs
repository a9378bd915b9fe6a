//! Names made to be read as something else: each stays one value of a DN and one node of a filter.

use serde_json::json;

use super::{settings, system};
use crate::support::case::{import, told};
use crate::support::slapd::{SUFFIX, Slapd};
use crate::support::{TestApp, containers};
use crate::tier;

const PIECES: [&str; 25] = [
    ")(objectClass=*",
    "*",
    "*)(uid=*))(|(uid=*",
    "(|(a=b))",
    "\\2a",
    "\\00",
    "\\",
    "\\\\,",
    ",dc=example,dc=com",
    ",ou=",
    "+cn=x",
    "=",
    "\"quoted, text\"",
    "#04024869",
    "#",
    "<GUID=00>",
    ";dc=x",
    "\n",
    "\r\nX: y",
    "\t",
    "\u{1b}[31m",
    "\u{202e}",
    "é",
    "e\u{301}",
    "\u{1f600}",
];

/// As many texts as are asked for, no two of them equal to a directory that ignores case and runs of blanks.
fn texts(count: usize) -> Vec<String> {
    let piece = |n: usize| PIECES[n % PIECES.len()];
    let text = |n: usize| match n % 4 {
        0 => format!("{}{n}", piece(n / 4)),
        1 => format!("{n}{}", piece(n / 4)),
        2 => format!("{}{n}{}", piece(n / 4), piece(n / 4 + 7)),
        _ => format!(" {n}{}{} ", piece(n / 4), piece(n / 4 + 11)),
    };
    (0..count).map(text).collect()
}

/// Every byte that is no letter or digit as its number: how the test writes a name must not depend on what is tested.
fn escaped(value: &str) -> String {
    let byte = |b: u8| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("\\{b:02X}") };
    value.bytes().map(byte).collect()
}

/// The searches in slapd's log: base, scope and filter. A name may hold a line break, so lines do not count.
fn searches(log: &str) -> Vec<(&str, &str, &str)> {
    let parts = |text: &'_ str| -> Option<(usize, usize, usize)> {
        let scope = text.find("\" scope=")?;
        let filter = scope + text.get(scope..)?.find(" filter=\"")?;
        let end = filter + 9 + text.get(filter + 9..)?.find("\"\n")?;
        Some((scope, filter, end))
    };
    let read = |text: &str| parts(text).unwrap_or_else(|| panic!("a search in another form: {text}"));
    let searches = log.split(" SRCH base=\"").skip(1);
    searches
        .map(|text| {
            let (scope, filter, end) = read(text);
            (&text[..scope], &text[scope + 8..scope + 9], &text[filter + 9..end])
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn names_stay_names() {
    let (app, slapd) = (TestApp::start().await, Slapd::start());
    let names = texts(500);
    let dn = |name: &str| format!("ou={},{SUFFIX}", escaped(name));
    for name in &names {
        slapd.add(&dn(name), &[("objectClass", &["organizationalUnit"]), ("ou", &[name])]).await;
        // One below, so that the hostile name is a parent too.
        let child = format!("ou=below,{}", dn(name));
        slapd.add(&child, &[("objectClass", &["organizationalUnit"]), ("ou", &["below"])]).await;
    }
    let id = system(&app, &slapd).await;
    import(&app, id, "").await;
    let partitions = app.partitions(id).await;
    let mut shown: Vec<&str> = containers(&partitions).iter().map(|c| c["name"].as_str().expect("a name")).collect();
    shown.retain(|name| *name != "below");
    shown.sort();
    let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
    expected.sort();
    assert_eq!(shown, expected);
    // Each hangs at the root with exactly its own child.
    let roots = partitions[0]["containers"].as_array().expect("containers");
    assert_eq!(roots.len(), 500);
    assert!(roots.iter().all(|c| c["childContainers"].as_array().is_some_and(|below| below.len() == 1)));

    let (gone, stays) = names.split_at(200);
    for name in gone {
        slapd.delete(&format!("ou=below,{}", dn(name))).await;
        slapd.delete(&dn(name)).await;
    }
    let before = slapd.log().len();
    let result = app.import(id, "").await.expect_status(200);
    assert_eq!(result["summary"], "0 added, 400 removed, 0 updated", "{}", result["warnings"]);
    assert_eq!(app.partitions(id).await[0]["containers"].as_array().map(Vec::len), Some(stays.len()));
    let log = slapd.log();
    let (mut base_reads, mut subtree) = (0, 0);
    for (base, scope, filter) in searches(&log[before..]) {
        match scope {
            "0" => base_reads += 1,
            _ => {
                subtree += 1;
                assert!(base == SUFFIX || base == "o=partners", "a search of {base}");
                let ours = filter.starts_with("(|(objectClass=organizationalUnit)");
                let ids = filter.starts_with("(|(entryUUID=") && !filter.contains(['*', '!', '&']);
                assert!(ours || ids, "a filter of another kind: {filter}");
            }
        }
    }
    // The root entry, two partitions, 200 topmost rows, one probe for their parent.
    assert_eq!(base_reads, 1 + 2 + 200 + 1);
    assert_eq!(subtree, 3 + 8, "600 containers in two pages, one in one, and 400 ids in searches of 50");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn bind_names_stay_bind_names() {
    let (app, slapd) = (TestApp::start().await, Slapd::start());
    let id = system(&app, &slapd).await;
    let count = tier::size(100, 500);
    for name in texts(count) {
        // Settings are trimmed; a name of blanks only would be none.
        let mut values = settings(&slapd.url());
        values["2"] = json!({ "stringValue": format!("cn={name},dc=example,dc=com") });
        values["11"] = json!({ "intValue": 0 });
        app.set(id, &values).await.expect_status(200);
        let message = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
        assert!(message.contains("bind at"), "{name:?}: {message}");
    }
    let log = slapd.log();
    assert_eq!(log.matches("BIND dn=\"cn=svc").count(), 0, "a name became another one");
    // A bind name is sent as it was stored, so that each is one request, of a name that slapd reads or cannot read.
    let read = log.matches("\" method=128").count() - log.matches("BIND dn=\"\" method=128").count();
    let unread = log.matches("do_bind: invalid dn (").count();
    assert_eq!(read + unread, count, "{read} and {unread}");
    assert!(log.contains("do_bind: invalid dn (cn=(|(a=b))14+cn=x,dc=example,dc=com)"), "it is sent as it is");
    tier::figure(format!("{count} bind names, each sent once and as it is: slapd reads {read} of them"));
    assert_eq!(told(&import(&app, system(&app, &slapd).await, "").await).len(), 2);
}
