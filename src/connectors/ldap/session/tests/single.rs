//! Reads of single entries, several at a time.

use super::*;

fn absent(id: u32) -> Step {
    send(message(id, &[result(0x65, 32, "")]))
}

fn here(id: u32) -> Step {
    send(message(id, &[result(0x65, 0, "")]))
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_questions() {
    let mut held = Vec::new();
    let fake = Fake::start(move |request| match request.op {
        // The answers to the first eight come in the reverse order, once all of them are asked.
        0x63 if request.number <= 8 => {
            held.push(request.id);
            let mut steps = Vec::new();
            if held.len() == 8 {
                for (i, id) in held.iter().enumerate().rev() {
                    if i % 2 == 0 {
                        steps.push(person(*id, &format!("ou={i}")));
                    }
                    steps.push(if i % 2 == 0 { here(*id) } else { absent(*id) });
                }
            }
            steps
        }
        0x63 => vec![absent(request.id)],
        _ => ask(request),
    })
    .await;
    let mut session = open(&fake).await;
    let names: Vec<String> = (0..20).map(|i| format!("ou={i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answers = session.read_each(&names, Question::Presence).await;
    for (i, answer) in answers.iter().enumerate() {
        let answer = answer.as_ref().expect("a result");
        let expected = (i < 8 && i % 2 == 0).then(|| format!("ou={i}"));
        assert_eq!(answer.entry.as_ref().map(|e| e.dn.clone()), expected, "{i}");
        assert_eq!(answer.code, if expected.is_some() { 0 } else { 32 }, "{i}");
    }
    assert_eq!(answers.len(), 20);
}

#[tokio::test]
async fn the_access_list_is_asked_for_without_owner_and_audit_rules() {
    let fake = Fake::start(|request| match request.op {
        0x63 => {
            let holds = |part: &[u8]| request.frame.windows(part.len()).any(|w| w == part);
            assert!(holds(b"1.2.840.113556.1.4.801") && holds(&[0x04, 0x05, 0x30, 0x03, 0x02, 0x01, 0x04]));
            assert!(holds(b"nTSecurityDescriptor"));
            let entry = entry("ou=a", &[("nTSecurityDescriptor", &["raw"])]);
            vec![send(message(request.id, &[entry])), here(request.id)]
        }
        _ => ask(request),
    })
    .await;
    let mut session = open(&fake).await;
    let answers = session.read_each(&["ou=a"], Question::AccessList).await;
    let entry = answers[0].as_ref().expect("a result").entry.as_ref().expect("an entry");
    assert_eq!(entry.first("ntsecuritydescriptor"), Some(b"raw".as_slice()));
}

#[tokio::test]
async fn silence_and_a_lost_connection_are_reported_for_each() {
    for (close_it, expected) in [(false, End::Idle(1)), (true, End::Lost)] {
        let fake = Fake::start(move |request| match (request.op, request.number) {
            (0x63, 1) => vec![absent(request.id)],
            (0x63, 2) if close_it => vec![close()],
            (0x63, _) => vec![],
            _ => ask(request),
        })
        .await;
        let mut session = open_with(&fake, &Limits { idle: Duration::from_secs(1), ..limits() }).await;
        let answers = session.read_each(&["ou=a", "ou=b", "ou=c"], Question::Presence).await;
        assert!(answers[0].as_ref().is_ok_and(|a| a.code == 32));
        assert_eq!(answers[1..], [Err(expected.clone()), Err(expected.clone())]);
        let after = session.read_each(&["ou=a"], Question::Presence).await;
        assert!(after[0].is_err(), "a session that was lost stays so");
    }
}
