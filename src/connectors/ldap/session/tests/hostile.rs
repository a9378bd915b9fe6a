//! Directories that try to break the reader.

use super::*;

/// What a search ends in when the directory answers it with these bytes.
async fn answered_with(limits: &Limits, bytes: impl Fn(u32) -> Vec<u8> + Send + 'static) -> SearchEnd {
    let fake = Fake::start(move |request| match request.op {
        0x63 => vec![send(bytes(request.id))],
        _ => ask(request),
    })
    .await;
    search(&mut open_with(&fake, limits).await).await.0
}

#[tokio::test]
async fn what_would_end_the_process_ends_the_session() {
    let bad: [fn(u32) -> Vec<u8>; 9] = [
        |_| nested(17),
        |_| nested(8_000),
        |_| nested(200_000),
        |_| vec![0x30, 0],
        |_| vec![0x30, 0x80, 0, 0],
        |_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        |id| message(id, &[result(0x61, 0, "")]),
        |id| message(id + 1, &[result(0x65, 0, "")]),
        |id| message(id, &[seq(0x65, &[])]),
    ];
    for bytes in bad {
        let end = answered_with(&limits(), bytes).await;
        assert_eq!(end.outcome, End::Guard("answer not understood"), "{:x?}", &bytes(2)[..2]);
    }
    for length in [4 * 1024 * 1024, 0x7fff_ffff_u32] {
        let claim = move |_| [&[0x30, 0x84][..], &length.to_be_bytes()].concat();
        assert_eq!(answered_with(&limits(), claim).await.outcome, End::Guard("answer exceeds the limit"));
    }
}

#[tokio::test]
async fn a_message_of_the_greatest_size_passes() {
    let end = answered_with(&limits(), |id| {
        let big = "x".repeat(4 * 1024 * 1024 - 200);
        [message(id, &[entry("ou=a", &[("description", &[&big])])]), message(id, &[result(0x65, 0, "")])].concat()
    })
    .await;
    assert_eq!((end.outcome, end.entries), (success(), 1));
}

#[tokio::test]
async fn an_import_has_a_budget() {
    let few = Limits { entries: 3, ..limits() };
    let four = |id| {
        let one = message(id, &[entry("ou=a", &[])]);
        [one.repeat(4), message(id, &[result(0x65, 0, "")])].concat()
    };
    assert_eq!(answered_with(&few, four).await.outcome, End::Guard("answer exceeds the limit"));
    assert_eq!(answered_with(&Limits { entries: 4, ..limits() }, four).await.outcome, success());
    let little = Limits { bytes: 50, ..limits() };
    assert_eq!(answered_with(&little, four).await.outcome, End::Guard("answer exceeds the limit"));
}

#[tokio::test]
async fn endless_cookies_end() {
    let same = Fake::start(|request| match request.op {
        0x63 => vec![done(request.id, 0, b"same")],
        _ => ask(request),
    })
    .await;
    let (end, _) = search(&mut open(&same).await).await;
    assert_eq!((end.outcome, end.pages), (End::Guard("answer exceeds the limit"), 2));

    let fresh = Fake::start(|request| match request.op {
        0x63 => vec![person(request.id, "ou=a"), done(request.id, 0, &request.number.to_be_bytes())],
        _ => ask(request),
    })
    .await;
    let (end, _) = search(&mut open_with(&fresh, &Limits { pages: 7, ..limits() }).await).await;
    assert_eq!((end.outcome, end.pages), (End::Guard("answer exceeds the limit"), 7));
}

#[tokio::test]
async fn a_drip_is_not_silence_but_a_time_limit_ends_it() {
    let fake = Fake::start(|request| match request.op {
        0x63 => (0..40).flat_map(|_| [person(request.id, "ou=a"), Step::Wait(Duration::from_millis(100))]).collect(),
        _ => ask(request),
    })
    .await;
    let mut session = open_with(&fake, &Limits { idle: Duration::from_millis(400), ..limits() }).await;
    timeout(Duration::from_secs(1), search(&mut session)).await.expect_err("still dripping");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_waits_for_a_slow_reader() {
    const COUNT: usize = 30_000;
    let fake = Fake::start(|request| match request.op {
        0x63 => {
            let one = message(request.id, &[entry("ou=a", &[("description", &["0123456789"; 10])])]);
            vec![send(one.repeat(COUNT)), send(message(request.id, &[result(0x65, 0, "")]))]
        }
        _ => ask(request),
    })
    .await;
    let mut session = open_with(&fake, &Limits { ahead: 1_000, ..limits() }).await;
    let flow = session.flow.clone();
    let mut most = 0;
    let mut taken = 0;
    let end = session
        .search_paged("dc=x", Scope::Subtree, "(objectClass=*)", &["ou"], None, &mut |_| {
            most = most.max(flow.ahead());
            taken += 1;
            if taken % 1_000 == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        })
        .await;
    assert_eq!((end.outcome, end.entries), (success(), COUNT as u64));
    // One read may come on top: 64 KiB of entries of some 160 bytes.
    assert!(most <= 1_000 + 64 * 1024 / 150, "{most}");
    assert!(most > 500, "{most}: the reader was never behind, so nothing was shown");
}
