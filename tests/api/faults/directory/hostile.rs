//! Against the program as a process of its own: whatever a directory sends, it lives on, holds little
//! memory and removes nothing.

use std::sync::Mutex;

use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::support::directory::{
    Answer, Broken, Cut, CutAt, Ending, Faults, Hang, Mischief, Options, Order, Pace, PagingFault, Place, Sandbox,
    SearchFault, Tree, referral_to,
};
use crate::support::outside::Outside;
use crate::support::program::Dice;
use crate::support::rogue::{Rogue, Step};
use crate::tier;

/// Budgets of an import and, in KiB, of the memory of many at once.
const ENDED_WITHIN: Duration = Duration::from_secs(20);
const MEMORY: u64 = 32 * 1024;

const MIB: u64 = 1 << 20;
/// Imports at the same time, each of a system and a directory of its own.
const AT_ONCE: usize = 8;
/// Seconds that a directory may keep an import waiting here.
const SECONDS: u64 = 1;

fn tree() -> Tree {
    ["ou=A,dc=x", "ou=B,dc=x", "ou=C,ou=B,dc=x", "ou=D,dc=x", "ou=E,ou=D,dc=x"]
        .into_iter()
        .fold(Tree::new().suffix("dc=x"), Tree::ou)
}

/// A directory, the system that is connected to it, and what is stored of it.
struct Subject<'a> {
    outside: &'a Outside,
    sandbox: Sandbox,
    id: i64,
    stored: Vec<String>,
    /// Whether its entries have ids that never change.
    ids: bool,
}

impl<'a> Subject<'a> {
    async fn new(outside: &'a Outside, ids: bool) -> Subject<'a> {
        let faults = Faults { page_size: Some(3), ..Faults::default() };
        let sandbox =
            Sandbox::start(Options { faults, ..Options::with_tree(tree()) }).await.expect("the sandbox starts");
        sandbox.without_ids(!ids);
        let selected = ["ou=A,dc=x", "ou=C,ou=B,dc=x"];
        let id = outside.imported(&sandbox, 300, &selected).await;
        let limit = json!({ "intValue": SECONDS });
        outside.set(id, json!({ "7": limit, "9": limit })).await;
        let stored = outside.tree(id).await;
        Subject { outside, sandbox, id, stored, ids }
    }

    async fn many(outside: &'a Outside) -> Vec<Subject<'a>> {
        join_all((0..AT_ONCE).map(|n| Subject::new(outside, n % 2 == 0))).await
    }

    /// An import under these faults, which must end in one of the ways that an import may end, and remove nothing:
    /// only where an id was turned into another one, as one that spoils does, the same entry is put in its place.
    /// Whether it was applied.
    async fn meets(&self, faults: Faults, what: &str, spoils: bool) -> bool {
        self.sandbox.set_faults(Faults { page_size: Some(3), ..faults });
        let answer = self.outside.import(self.id, "").await;
        match answer.status {
            200 => {
                let result = answer.body;
                let applied = result["success"] == true;
                let (mut gone, come) = (places(&result, "removed"), places(&result, "added"));
                // What a directory invented before is really gone.
                gone.retain(|dn| self.stored.iter().any(|line| line.trim_matches([' ', '*']) == dn));
                let replaced = spoils && self.ids && gone.iter().all(|dn| come.contains(dn));
                assert!(!applied || gone.is_empty() || replaced, "{what}: {result}");
                applied
            }
            400 => answer.expect_error(400, "BAD_REQUEST").is_empty(),
            // A disk that is slow: the writer was not free in time.
            503 => answer.expect_error(503, "SERVICE_UNAVAILABLE").is_empty(),
            _ => answer.expect_error(500, "INTERNAL_ERROR").is_empty(),
        }
    }

    /// A good import, after which everything is as it was at the beginning; whether selections are, too.
    async fn recovers(&self, what: &str) -> bool {
        self.sandbox.set_faults(Faults { page_size: Some(3), ..Faults::default() });
        let bare = |lines: &[String]| lines.iter().map(|l| l.trim_end_matches(" *").to_owned()).collect::<Vec<_>>();
        let begun = Instant::now();
        loop {
            // What was invented before may be most of what is stored.
            let answer = self.outside.import(self.id, "?acceptRemovals=true").await;
            let now = self.outside.tree(self.id).await;
            if answer.status == 200 && bare(&now) == bare(&self.stored) {
                assert_eq!(answer.body["success"], true, "{what}");
                return now == self.stored;
            }
            // On a machine that is busy even a good import may take the second it has, for all or a part of its view.
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {} {} {now:?}", answer.status, answer.body);
        }
    }

    /// Everything that was stored is there, and selected as it was.
    async fn holds(&self, what: &str) {
        let now = self.outside.tree(self.id).await;
        let lost: Vec<&String> = self.stored.iter().filter(|line| !now.contains(line)).collect();
        assert!(lost.is_empty(), "{what}: {lost:?} of {now:?}");
    }
}

fn places(result: &Value, verb: &str) -> Vec<String> {
    let all = ["Containers", "Partitions"].into_iter().flat_map(|kind| result[format!("{verb}{kind}")].as_array());
    all.flatten().map(|element| element["externalId"].as_str().expect("a DN").to_owned()).collect()
}

/// Every fault of the sandbox, at the beginning and in the middle of a search, and garbage.
fn hostile_set(dice: &mut Dice) -> Vec<(String, Faults)> {
    let mut broken = vec![
        Broken::LengthClaim { claim: 0x7fff_ffff, then: 4 * MIB },
        Broken::LengthClaim { claim: u32::MAX, then: 64 },
        Broken::EntryOfSize(MIB),
        Broken::EntryOfSize(4 * MIB + 1),
        Broken::LongDn(9_000),
        Broken::LongDn(MIB as usize),
        Broken::EmptySequence,
        Broken::IndefiniteLength,
        Broken::InnerOverrun,
        Broken::WrongOperation,
        Broken::WrongId,
        Broken::ShortEntry,
        Broken::NoticeOfDisconnection,
    ];
    broken.extend([16, 17, 2_000, 8_000, 200_000].map(Broken::Nested));
    let places = [Place::Dn, Place::AttributeName, Place::AttributeValue, Place::Diagnostic, Place::Reference];
    broken.extend(places.into_iter().chain([Place::Referral]).map(Broken::BadUtf8));
    let mut mischief: Vec<Mischief> = broken.into_iter().map(Mischief::Broken).collect();
    mischief.extend([Ending::Close, Ending::HalfClose, Ending::Reset, Ending::Silence].map(Mischief::End));
    mischief.extend([Mischief::Hang, Mischief::HangInEntry, Mischief::Flood(1_000)]);
    mischief.extend([Mischief::Trickle(Duration::from_millis(100)), Mischief::Pause(Duration::from_millis(50))]);
    mischief.extend([1, 3, 4, 10, 11, 32, 50, 51, 52, 53, 80, 9_999].map(|c| Mischief::Answer(Answer::new(c, "\0"))));
    mischief.push(Mischief::Answer(referral_to("ldap://127.0.0.1:1/")));
    mischief.push(Mischief::References(vec!["ldap://127.0.0.1:1/".to_owned(); 50]));
    for dn in ["", "not a dn", "ou=stray,dc=y", "dc=x", "ou=A,dc=x", "ou=below,ou=missing,dc=x", "ou=\\zz,dc=x"] {
        mischief.push(Mischief::Entry(dn.to_owned()));
    }
    for length in [1, 2, 7, 100, 70_000] {
        mischief.push(Mischief::Raw((0..length).map(|_| dice.below(256) as u8).collect()));
    }
    let mut set = Vec::new();
    for what in mischief {
        for after in [0, 2, 5] {
            let searches = vec![SearchFault::new(what.clone()).after(after)];
            let name = format!("{what:?} after {after}").chars().take(120).collect();
            set.push((name, Faults { searches, ..Faults::default() }));
        }
    }
    let mut more = |name: &str, faults: Faults| set.push((name.to_owned(), faults));
    for hang in [Hang::Connect, Hang::Bind] {
        more(&format!("{hang:?}"), Faults { hang: Some(hang), ..Faults::default() });
    }
    for paging in [PagingFault::SameCookie, PagingFault::SamePage, PagingFault::NeverEnds] {
        more(&format!("{paging:?}"), Faults { paging: Some(paging), ..Faults::default() });
    }
    for order in [Order::Created, Order::Reversed, Order::Shuffled(3)] {
        more(&format!("{order:?}"), Faults { order, duplicates: true, ..Faults::default() });
    }
    for code in [1, 10, 32, 49, 51, 80] {
        let answer = || Answer::new(code, &"x".repeat(100_000));
        more(&format!("bind {code}"), Faults { bind: Some(answer()), ..Faults::default() });
        for dn in ["", "dc=x", "ou=A,dc=x"] {
            more(&format!("{dn} {code}"), Faults { base_reads: vec![(dn.to_owned(), answer())], ..Faults::default() });
        }
    }
    more("slices", Faults { pace: Some(Pace::slices()), ..Faults::default() });
    more("drip", Faults { pace: Some(Pace::drip(Duration::from_millis(20))), ..Faults::default() });
    more("no paging", Faults { no_paging: true, ..Faults::default() });
    set
}

/// Runs all of them, several at a time, and returns the longest run and how many were applied.
async fn run_all(subjects: &[Subject<'_>], set: Vec<(String, Faults)>, spoils: bool) -> (Duration, usize) {
    let open = Mutex::new(set.into_iter());
    let tally = Mutex::new((Duration::ZERO, 0));
    let (open, told) = (&open, &tally);
    let runs = subjects.iter().map(|subject| async move {
        loop {
            let next = open.lock().expect("a list").next();
            let Some((what, faults)) = next else { return };
            let begun = Instant::now();
            let applied = subject.meets(faults, &what, spoils).await;
            let took = begun.elapsed();
            if spoils {
                // An id that was read as another one was put in the place of the right one, and lost its selection.
                if !subject.recovers(&what).await {
                    let selected = ["ou=A,dc=x", "ou=C,ou=B,dc=x"];
                    subject.outside.select(subject.id, &selected).await;
                }
            } else {
                subject.holds(&what).await;
            }
            let mut tally = told.lock().expect("a tally");
            *tally = (tally.0.max(took), tally.1 + usize::from(applied));
        }
    });
    join_all(runs).await;
    tally.into_inner().expect("a tally")
}

/// The length in bytes of a good session.
async fn length(subject: &Subject<'_>) -> u64 {
    let cut = |bytes| Faults {
        cut: Some(Cut { at: CutAt::Bytes(bytes), how: Ending::Close }),
        page_size: Some(3),
        ..Faults::default()
    };
    let (mut short, mut long) = (0, 1 << 16);
    while long - short > 1 {
        let middle = (short + long) / 2;
        subject.sandbox.set_faults(cut(middle));
        let answer = subject.outside.import(subject.id, "").await;
        let whole = answer.status == 200 && answer.body["warnings"] == json!([]);
        *(if whole { &mut long } else { &mut short }) = middle;
    }
    long
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_directories() {
    let (every, mutations) = tier::size((17, 60_usize), (1, 10_000));
    let outside = Outside::start();
    let subjects = Subject::many(&outside).await;
    let mut dice = Dice::new("HOSTILE_SEED");
    let memory = outside.watch();

    let set = hostile_set(&mut dice);
    let count = set.len();
    let (slowest, applied) = run_all(&subjects, set, false).await;
    let judged = |slowest, told: String| tier::budget(slowest <= ENDED_WITHIN, told);
    judged(slowest, format!("{count} hostile directories: {applied} imports applied, slowest {slowest:.1?}"));

    for subject in &subjects {
        assert!(subject.recovers("after the hostile set").await);
    }
    let length = length(&subjects[0]).await;
    let cuts = (0..length).step_by(every).map(|at| {
        let cut = Some(Cut { at: CutAt::Bytes(at), how: Ending::Close });
        (format!("cut after {at}"), Faults { cut, ..Faults::default() })
    });
    let cuts: Vec<_> = cuts.collect();
    let count = cuts.len();
    let (slowest, applied) = run_all(&subjects, cuts, false).await;
    judged(slowest, format!("{count} cuts in {length} bytes: {applied} imports applied, slowest {slowest:.1?}"));

    for subject in &subjects {
        assert!(subject.recovers("after the cuts").await);
    }
    let spoiled = (0..mutations).map(|n| {
        // One byte, and in every fourth session several.
        let bytes = if n.is_multiple_of(4) { 2 + dice.below(4) } else { 1 };
        let spoiled: Vec<_> = (0..bytes).map(|_| (dice.below(length), 1 + dice.below(255) as u8)).collect();
        (format!("{spoiled:?}"), Faults { spoiled, ..Faults::default() })
    });
    let spoiled: Vec<_> = spoiled.collect();
    let (slowest, applied) = run_all(&subjects, spoiled, true).await;
    let told = format!("{mutations} sessions with turned bytes: {applied} imports applied, slowest {slowest:.1?}");
    judged(slowest, told);

    for garbage in
        [&b"\x16\x03\x01\x02\x00"[..], b"\x30\x80\x00\x00", b"\x00", &[0x30; 4096], b"HTTP/1.1 200 OK\r\n\r\n"]
    {
        let rogue = Rogue::start(vec![Step::Say(garbage.to_vec()), Step::Hear, Step::Say(garbage.to_vec())]).await;
        let subject = &subjects[0];
        let mut values = json!({ "3": { "stringValue": "some password" } });
        values["1"] = json!({ "stringValue": rogue.address().to_string() });
        subject.outside.set(subject.id, values).await;
        subject.outside.import(subject.id, "").await.expect_error(500, "INTERNAL_ERROR");
    }
    let growth = memory.growth();
    tier::budget(growth <= MEMORY, format!("memory: +{growth} KiB with {AT_ONCE} imports at once"));
    // Each of them may hold a message of 4 MiB.
    assert!(growth <= 64 * 1024, "{growth} KiB");
    outside.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_costs_no_memory() {
    let outside = Outside::start();
    let subject = Subject::new(&outside, true).await;
    outside.set(subject.id, json!({ "7": { "intValue": 10 }, "9": { "intValue": 60 } })).await;
    let mut most = 0;
    for broken in [
        Broken::Nested(17),
        Broken::Nested(8_000),
        Broken::Nested(200_000),
        Broken::EntryOfSize(4 * MIB + 1),
        Broken::LengthClaim { claim: 0x7fff_ffff, then: 1 << 30 },
    ] {
        assert!(subject.recovers("before").await);
        let searches = vec![SearchFault::new(Mischief::Broken(broken)).after(1)];
        subject.sandbox.set_faults(Faults { searches, ..Faults::default() });
        let (dump, memory) = (outside.dump(), outside.watch());
        let message = outside.import(subject.id, "").await.expect_error(500, "INTERNAL_ERROR");
        let growth = memory.growth();
        println!("{broken:?}: memory +{growth} KiB: {message}");
        most = most.max(growth);
        assert!(message.contains("answer not understood") || message.contains("answer exceeds the limit"), "{message}");
        crate::support::case::same(&outside.dump(), &dump, &format!("{broken:?}"));
        assert!(growth <= 8 * 1024, "{broken:?}: {growth} KiB");
    }
    tier::figure(format!("five ways refused, memory +{most} KiB at most"));
    outside.is_unharmed();
}
