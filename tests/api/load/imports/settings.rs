//! Settings that are edited while an import runs. It ends with those it read, and no password goes to a target
//! it was not stored for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::case::Case;
use crate::support::directory::{Answer, Faults, Options, Sandbox, Tree};
use crate::support::program::Dice;
use crate::support::rogue::{Rogue, Step};
use crate::support::{SYSTEMS, TestApp};
use crate::tier;

fn tree() -> Tree {
    Tree::new().suffix("dc=x").ou("ou=A,dc=x").ou("ou=B,dc=x")
}

fn text(value: &str) -> Value {
    json!({ "stringValue": value })
}

async fn is_valid(case: &Case<'_>) -> bool {
    case.app.admin().get(&format!("{SYSTEMS}/{}", case.id)).await.expect_status(200)["settingValuesValid"] == true
}

/// Where an import stands when its settings are edited.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Before it tries a busy server again.
    Retry,
    /// In the middle of its search.
    Search,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_ends_with_the_settings_it_read() {
    let app = TestApp::start().await;
    let mut runs = Vec::new();
    for stage in [Stage::Retry, Stage::Search] {
        for with_password in [false, true] {
            for what in ["Host", "Username", "Password", "Port", "StartTLS", "LDAPS", "Validation"] {
                runs.push(edited(&app, stage, what, with_password));
            }
        }
    }
    join_all(runs).await;
    app.is_sound();
}

async fn edited(app: &TestApp, stage: Stage, what: &str, with_password: bool) {
    let said = format!("{what} edited at {stage:?}, password sent: {with_password}");
    let case = Case::new(app, tree()).await;
    let (address, own) = (case.sandbox.addr(), text(case.sandbox.password()));
    // Host without a port, so that the port can be edited by itself.
    let values = json!({ "1": text(&address.ip().to_string()), "4": { "intValue": address.port() }, "3": own });
    case.set(values).await;
    case.set(json!({ "11": { "intValue": 2 }, "12": { "intValue": 1_000 } })).await;
    app.import(case.id, "").await.expect_status(200);
    assert!(is_valid(&case).await, "{said}");

    let rogue = Rogue::start(vec![Step::Hear, Step::Close]).await;
    let on = json!({ "checkboxValue": true });
    let mut edit = match what {
        "Host" => json!({ "1": text(&format!("localhost:{}", rogue.address().port())), "4": { "intValue": 389 } }),
        "Username" => json!({ "2": text("cn=somebody else,dc=x") }),
        "Password" => json!({}),
        "Port" => json!({ "4": { "intValue": rogue.address().port() } }),
        "StartTLS" => json!({ "15": on }),
        "LDAPS" => json!({ "21": on }),
        _ => json!({ "6": text("Skip Validation (Not Recommended)") }),
    };
    let fresh = "Another-Password-7";
    if with_password || what == "Password" {
        edit["3"] = text(fresh);
    }
    let (connections, binds) = (case.sandbox.connections(), case.sandbox.binds());
    let gate = Arc::new(Semaphore::new(0));
    let busy = Faults { connections: Some(0..1), bind: Some(Answer::new(51, "")), ..Faults::default() };
    case.sandbox.set_faults(match stage {
        Stage::Retry => busy,
        Stage::Search => Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() },
    });
    let meanwhile = async {
        let stands = || match stage {
            Stage::Retry => case.sandbox.connections() > connections,
            Stage::Search => case.sandbox.waiting() > 0,
        };
        while !stands() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        case.set(edit).await;
        gate.close();
    };
    let (answer, ()) = tokio::join!(app.import(case.id, ""), meanwhile);
    answer.expect_status(200);
    assert!(case.sandbox.binds() > binds, "{said}: it ended at the old target");
    assert_eq!(rogue.connections(), 0, "{said}");
    assert!(!is_valid(&case).await, "{said}: what it read is not what is stored");

    // The next import reads the new ones.
    case.sandbox.set_faults(Faults::default());
    let (attempts, binds) = (case.sandbox.bind_attempts(), case.sandbox.binds());
    let next = app.import(case.id, "").await;
    let old = case.sandbox.password().as_bytes();
    if !with_password && what != "Password" {
        let message = next.expect_error(400, "BAD_REQUEST");
        assert!(message.contains("re-entered"), "{said}: {message}");
        assert_eq!((rogue.connections(), case.sandbox.bind_attempts()), (0, attempts), "{said}");
        return;
    }
    assert!(matches!(next.status, 400 | 500), "{said}: {}", next.body);
    assert_eq!(case.sandbox.binds(), binds, "{said}: the old password is not used any more");
    assert!(!rogue.has_heard(old), "{said}: the old password went to another target");
    if matches!(what, "Host" | "Port") {
        assert!(rogue.has_heard(fresh.as_bytes()), "{said}");
        assert_eq!(case.sandbox.bind_attempts(), attempts, "{said}");
    }
}

/// Two directories with different passwords, imports without a pause, and edits that go from one to the other. A bind
/// with the other's password would fail, and would be counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_password_goes_astray() {
    const EDITS: usize = 150;
    let app = TestApp::start().await;
    let start = async || Sandbox::start(Options::with_tree(tree())).await.expect("the sandbox starts");
    let directories = [start().await, start().await];
    let systems = join_all((0..3).map(|_| app.connected_to(&directories[0]))).await;
    let mut dice = Dice::new("SETTINGS_SEED");
    let mut plan: Vec<Vec<(usize, bool, u64)>> = Vec::new();
    for _ in &systems {
        plan.push((0..EDITS).map(|_| (dice.below(2) as usize, dice.below(3) > 0, dice.below(4_000))).collect());
    }
    let (app, directories) = (&app, &directories);
    let runs = systems.into_iter().zip(plan).map(|(id, plan)| async move {
        let over = std::sync::atomic::AtomicBool::new(false);
        let edits = async {
            for (to, with_password, pause) in plan {
                let mut values = json!({ "1": text(&format!("ldap://{}", directories[to].addr())) });
                if with_password {
                    values["3"] = text(directories[to].password());
                }
                app.set(id, &values).await.expect_status(200);
                tokio::time::sleep(Duration::from_micros(pause)).await;
            }
            over.store(true, std::sync::atomic::Ordering::SeqCst);
        };
        let imports = async {
            let mut answers = [0, 0];
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                let answer = app.import(id, "").await;
                match answer.status {
                    200 => answers[0] += 1,
                    _ => {
                        let message = answer.expect_error(400, "BAD_REQUEST");
                        assert!(message.contains("re-entered"), "{message}");
                        answers[1] += 1;
                    }
                }
            }
            answers
        };
        tokio::join!(edits, imports).1
    });
    let answers = join_all(runs).await;
    let [ran, refused] = [0, 1].map(|i| answers.iter().map(|a: &[usize; 2]| a[i]).sum::<usize>());
    let told = format!("{} edits beside imports, {ran} ran and {refused} were refused; 0 passwords astray", 3 * EDITS);
    tier::figure(told);
    assert!(answers.iter().all(|[ran, _]| *ran > 0), "{answers:?}");
    for directory in directories {
        assert_eq!(directory.bind_attempts(), directory.binds(), "a password that is not its own");
    }
    app.is_sound();
}
