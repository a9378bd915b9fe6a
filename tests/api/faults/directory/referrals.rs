//! A directory that points elsewhere. Nothing is ever opened because of what it says.

use serde_json::json;

use crate::support::TestApp;
use crate::support::case::Case;
use crate::support::directory::{Answer, Faults, Mischief, Options, Sandbox, SearchFault, Tree};
use crate::support::rogue::Rogue;
use crate::tier;

fn tree() -> Tree {
    Tree::new().suffix("dc=x").ou("ou=A,dc=x").ou("ou=B,dc=x").suffix("o=y").ou("ou=S,o=y")
}

/// The ways in which an answer can point to these addresses.
fn ways(urls: &[String]) -> Vec<(String, Faults)> {
    let to = |code| Answer { code, referrals: urls.to_vec(), ..Answer::default() };
    let searches = |what: Mischief, after| vec![SearchFault::new(what).after(after)];
    let mut ways = Vec::new();
    for code in [10, 0, 9, 32, 49] {
        let bind = Faults { bind: Some(to(code)), ..Faults::default() };
        // Success has to be followed by something.
        ways.push((format!("bind {code}"), if code == 0 { Faults::default() } else { bind }));
        for dn in ["", "dc=x", "o=y", "ou=A,dc=x"] {
            let base_reads = vec![(dn.to_owned(), to(code))];
            ways.push((format!("read of {dn:?} {code}"), Faults { base_reads, ..Faults::default() }));
        }
        for after in [0, 2] {
            let searches = searches(Mischief::Answer(to(code)), after);
            ways.push((format!("search {code} after {after}"), Faults { searches, ..Faults::default() }));
        }
    }
    for after in [0, 1, 3] {
        let one = searches(Mischief::References(urls.to_vec()), after);
        ways.push((format!("references after {after}"), Faults { searches: one, ..Faults::default() }));
        let many = std::iter::repeat_n(SearchFault::new(Mischief::References(urls.to_vec())).after(after), 300);
        ways.push((format!("many after {after}"), Faults { searches: many.collect(), ..Faults::default() }));
    }
    ways
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_server_is_ever_asked() {
    let app = TestApp::start().await;
    let trap = Rogue::start(Vec::new()).await;
    let another = Sandbox::start(Options::with_tree(tree())).await.expect("the sandbox starts");
    let case = Case::imported(&app, tree(), &["ou=A,dc=x", "ou=S,o=y"]).await;
    case.set(json!({ "11": { "intValue": 0 } })).await;
    let (stored, own) = (case.tree().await, case.sandbox.addr());
    let at = trap.address();
    let groups: [Vec<String>; 5] = [
        vec![format!("ldap://{at}/dc=x??sub?(objectClass=*)")],
        vec![format!("ldap://{}/dc=x", another.addr()), format!("ldaps://{at}"), format!("LDAP://{at}/")],
        // Back to where it came from: a loop, if it were followed.
        vec![format!("ldap://{own}/dc=x??sub"), format!("ldap://{own}/o=y"), format!("ldap://{own}")],
        vec![
            format!("ldap://cn=admin:secret@{at}/"),
            format!("http://{at}/latest/meta-data/"),
            format!("ldapi://%2ftmp%2fx/{at}"),
            format!("//{at}\r\nHost: x"),
            format!("ldap://[::ffff:127.0.0.1]:{}/", at.port()),
            "ldap://169.254.169.254/".to_owned(),
        ],
        vec![String::new(), "\0".to_owned(), "ldap:///".to_owned(), format!("ldap://{at}/{}", "ü".repeat(4_000))],
    ];
    let mut imports = 0;
    for (number, urls) in groups.iter().enumerate() {
        for (what, faults) in ways(urls) {
            case.sandbox.set_faults(faults);
            let connections = case.sandbox.connections();
            let answer = app.import(case.id, "?acceptRemovals=true").await;
            imports += 1;
            let text = answer.body.to_string();
            if answer.status == 200 {
                assert_eq!(answer.body["removedContainers"], json!([]), "{what}: {text}");
                assert_eq!(answer.body["removedPartitions"], json!([]), "{what}: {text}");
            } else {
                assert!(matches!(answer.status, 400 | 500), "{what}: {text}");
            }
            // One for each naming context.
            assert!(case.sandbox.connections() - connections <= 2, "{number} {what}: followed to itself");
            assert!(!text.contains(&at.to_string()), "{what}: the address of another server is told: {text}");
            assert_eq!(case.tree().await, stored, "{what}");
        }
    }
    tier::figure(format!(
        "{imports} imports: {} connections elsewhere",
        trap.connections() as u64 + another.connections()
    ));
    assert_eq!((trap.connections(), another.connections()), (0, 0));
    case.sandbox.set_faults(Faults::default());
    assert_eq!(case.changes("").await, [""; 0]);
    app.is_sound();
}
