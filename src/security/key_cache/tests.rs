//! Tests of the cache: time to live, capacity, uses, single flights and permits of verifications.

use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use super::*;
use crate::domain::role::{ADMINISTRATOR, READER};

const SECOND: Duration = Duration::from_secs(1);
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn record(n: u128) -> Record {
    let (id, name) = (Uuid::from_u128(n), format!("key {n}"));
    Record { id, name, roles: vec![READER], enabled: true, expires_at: None, exempt: false }
}

fn digest(n: u32) -> Digest {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&n.to_be_bytes());
    digest
}

/// Name of the verified key of a digest.
fn verified(cache: &KeyCache, digest: Digest) -> Option<String> {
    match cache.get(&digest) {
        Cached::Verified(record) => Some(record.name.clone()),
        Cached::Refused(_) | Cached::Miss => None,
    }
}

fn refused(cache: &KeyCache, digest: Digest) -> Option<RefusalReason> {
    match cache.get(&digest) {
        Cached::Refused(cause) => Some(cause.reason),
        Cached::Verified(_) | Cached::Miss => None,
    }
}

#[test]
fn a_disabled_or_expired_key_is_refused() {
    let end = OffsetDateTime::UNIX_EPOCH + SECOND;
    let why = |record: Record, now| record.refusal(now).map(|cause| (cause.key, cause.reason));
    let ends = || Record { expires_at: Some(end), ..record(1) };
    let id = Some(record(1).id);
    assert_eq!(why(record(1), end), None);
    assert_eq!(why(ends(), OffsetDateTime::UNIX_EPOCH), None);
    assert_eq!(why(ends(), end), Some((id, RefusalReason::Expired)));
    assert_eq!(why(ends(), end + SECOND), Some((id, RefusalReason::Expired)));
    assert_eq!(why(Record { enabled: false, ..ends() }, end), Some((id, RefusalReason::Disabled)));
}

#[test]
fn an_administrator_may_read_and_a_reader_only_that() {
    let may = |roles: &[i64]| {
        let record = Record { roles: roles.to_vec(), ..record(1) };
        (record.is_administrator(), record.may_read())
    };
    assert_eq!([may(&[]), may(&[READER]), may(&[ADMINISTRATOR])], [(false, false), (false, true), (true, true)]);
}

#[test]
fn a_key_is_cached_by_a_digest_that_only_this_process_can_compute() {
    let cache = KeyCache::default();
    let key = cache.digest("jim_a");
    assert_ne!(key, cache.digest("jim_b"));
    assert_ne!(key, KeyCache::default().digest("jim_a"));
    assert_eq!(verified(&cache, key), None);
    assert_eq!(cache.insert(key, record(1)).name, "key 1");
    assert_eq!((verified(&cache, key).as_deref(), verified(&cache, cache.digest("jim_b"))), (Some("key 1"), None));
}

#[test]
fn a_verification_lasts_five_minutes_unused_and_fifteen_in_all() {
    let minutes = |n: u32| 60 * n * SECOND;
    for (since, last, lasts) in [
        (minutes(15) - 10 * SECOND, minutes(5) - 10 * SECOND, true),
        (minutes(15), Duration::ZERO, false),
        (minutes(5), minutes(5), false),
    ] {
        let cache = KeyCache::default();
        cache.insert(digest(1), record(1));
        let begun = Instant::now();
        if let Some(entry) = cache.state.lock().verified.get_mut(&digest(1)) {
            (entry.since, entry.last) = (begun - since, begun - last);
        }
        assert_eq!(verified(&cache, digest(1)).is_some(), lasts, "{since:?} {last:?}");
        let state = cache.state.lock();
        assert_eq!(state.verified.len(), usize::from(lasts), "what ended is forgotten");
        assert!(state.verified.values().all(|entry| entry.last >= begun), "a use counts from now");
    }
}

#[test]
fn a_refusal_lasts_a_minute() {
    let cache = KeyCache::default();
    let begun = Instant::now();
    cache.insert_refusal(digest(1), RefusalCause::unknown(RefusalReason::Unknown));
    assert_eq!(refused(&cache, digest(1)), Some(RefusalReason::Unknown));
    assert_eq!(refused(&cache, digest(2)), None);
    let until = cache.state.lock().refused[&digest(1)].0;
    assert!(until >= begun + 60 * SECOND && until <= Instant::now() + 60 * SECOND);
    cache.state.lock().refused.insert(digest(1), (begun, RefusalCause::unknown(RefusalReason::Unknown)));
    assert_eq!(refused(&cache, digest(1)), None);
}

#[test]
fn memory_is_bounded() {
    let cache = KeyCache::default();
    for n in 0..MAX_VERIFIED as u32 {
        cache.insert(digest(n), record(1));
    }
    if let Some(entry) = cache.state.lock().verified.get_mut(&digest(7)) {
        entry.last -= SECOND;
    }
    cache.insert(digest(9_999), record(1));
    assert_eq!(cache.state.lock().verified.len(), MAX_VERIFIED);
    assert_eq!(verified(&cache, digest(7)), None, "the one that was longest not used goes");
    assert!([0, 6, 8, 9_999].iter().all(|n| verified(&cache, digest(*n)).is_some()));

    let cause = RefusalCause::unknown(RefusalReason::Unknown);
    for n in 0..MAX_REFUSED as u32 {
        cache.insert_refusal(digest(n), cause);
    }
    for n in 0..10 {
        cache.state.lock().refused.insert(digest(n), (Instant::now(), cause));
    }
    cache.insert_refusal(digest(9_998), cause);
    assert_eq!(cache.state.lock().refused.len(), MAX_REFUSED - 9, "those that are over go first");
    for n in 0..9 {
        cache.insert_refusal(digest(10_000 + n), cause);
    }
    assert_eq!(cache.state.lock().refused.len(), MAX_REFUSED);
    cache.insert_refusal(digest(9_999), cause);
    assert_eq!(cache.state.lock().refused.len(), 1, "all are asked again before memory grows");
}

#[test]
fn a_change_acts_on_cached_keys_at_once() {
    let cache = KeyCache::default();
    cache.insert(digest(1), record(1));
    cache.insert(digest(2), record(2));
    let renamed = |n| Some(Record { name: "renamed".to_owned(), ..record(n) });
    cache.replace(record(1).id, renamed(1));
    assert_eq!(verified(&cache, digest(1)).as_deref(), Some("renamed"));
    cache.replace(record(3).id, renamed(3));
    assert!(!cache.state.lock().records.contains_key(&record(3).id), "an unused key is not cached");
    for n in [1, 2] {
        cache.note_use(record(n).id, OffsetDateTime::UNIX_EPOCH, HERE);
    }
    cache.replace(record(1).id, None);
    assert_eq!((verified(&cache, digest(1)), verified(&cache, digest(2)).as_deref()), (None, Some("key 2")));
    assert_eq!(cache.state.lock().verified.len(), 1);
    assert_eq!(cache.take_uses().into_keys().collect::<Vec<_>>(), [record(2).id], "no use of a key that is gone");
}

#[test]
fn uses_are_taken_once_and_restored_unless_there_are_later_ones() {
    let cache = KeyCache::default();
    let at = |n: u32| OffsetDateTime::UNIX_EPOCH + n * SECOND;
    let [a, b] = [1, 2].map(Uuid::from_u128);
    cache.note_use(a, at(1), HERE);
    cache.note_use(b, at(2), HERE);
    let taken = cache.take_uses();
    assert_eq!((taken.len(), cache.take_uses().len()), (2, 0));
    cache.note_use(a, at(3), HERE);
    cache.return_uses(taken);
    assert_eq!(cache.take_uses(), HashMap::from([(a, (at(3), HERE)), (b, (at(2), HERE))]));
}

#[tokio::test(start_paused = true)]
async fn verifications_wait_for_a_permit_in_a_bounded_queue() {
    let cache = KeyCache::default();
    assert_eq!(cache.with_permit(|| Ok(7)).await.expect("a permit"), 7);
    assert_eq!((cache.argon2_runs(), cache.is_idle()), (1, true));
    let all = cache.permits.available_permits() as u32;
    let held = cache.permits.acquire_many(all).await.expect("all permits");
    let begun = tokio::time::Instant::now();
    let mut context = Context::from_waker(Waker::noop());
    let mut line: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(cache.with_permit(|| Ok(())))).collect();
    assert!(line.iter_mut().all(|one| one.as_mut().poll(&mut context).is_pending()) && !cache.is_idle());
    let busy = cache.with_permit(|| Ok(())).await;
    assert!(
        matches!(busy, Err(Error::Unavailable { .. })) && begun.elapsed().is_zero(),
        "a full queue refuses at once"
    );
    drop(held);
    for one in line {
        one.await.expect("a permit");
    }
    assert_eq!((cache.argon2_runs(), cache.is_idle()), (1 + MAX_WAITING as u64, true));

    let _held = cache.permits.acquire_many(all).await.expect("all permits");
    let begun = tokio::time::Instant::now();
    assert!(matches!(cache.with_permit(|| Ok(())).await, Err(Error::Unavailable { .. })));
    assert!(begun.elapsed() >= WAIT_TIMEOUT && cache.is_idle());
}

#[tokio::test]
async fn a_failed_verification_is_retried() {
    let cache = KeyCache::default();
    let fails = || async { Err(Error::internal("no argon2", "for a test")) };
    assert!(cache.single_flight(digest(1), fails).await.is_err());
    assert!(cache.state.lock().flights.is_empty());
    let lands = || async { Ok(Some(cache.insert(digest(1), record(1)))) };
    let landed = cache.single_flight(digest(1), lands).await.expect("a verdict");
    assert_eq!(landed.map(|record| record.id), Some(record(1).id));
    assert!(cache.state.lock().flights.is_empty());
    // A late caller takes the cached result.
    let known = cache.single_flight(digest(1), fails).await.expect("no second run");
    assert_eq!(known.map(|record| record.id), Some(record(1).id));
    cache.insert_refusal(digest(2), RefusalCause::unknown(RefusalReason::WrongSecret));
    assert!(cache.single_flight(digest(2), fails).await.expect("no second run").is_none());
}

#[test]
fn a_late_caller_does_not_remove_the_next_flight() {
    let (cache, digest) = (KeyCache::default(), [7; 32]);
    let mut context = Context::from_waker(Waker::noop());
    let begun = AtomicUsize::new(0);
    let fly = |gate: oneshot::Receiver<()>| {
        cache.single_flight(digest, || {
            begun.fetch_add(1, Ordering::Relaxed);
            async {
                let _ = gate.await;
                // Nothing is remembered, as of a key that was deleted meanwhile.
                Ok(None)
            }
        })
    };
    let gates: [_; 4] = std::array::from_fn(|_| oneshot::channel());
    let [(first_gate, first), (_second_gate, second), (third_gate, third), (_fourth_gate, fourth)] = gates;
    let (mut first, mut late) = (pin!(fly(first)), pin!(fly(second)));
    assert!(first.as_mut().poll(&mut context).is_pending() && late.as_mut().poll(&mut context).is_pending());
    first_gate.send(()).expect("it waits");
    assert!(matches!(first.as_mut().poll(&mut context), Poll::Ready(Ok(None))));
    let (mut next, mut joins) = (pin!(fly(third)), pin!(fly(fourth)));
    assert!(next.as_mut().poll(&mut context).is_pending());
    assert!(matches!(late.as_mut().poll(&mut context), Poll::Ready(Ok(None))));
    assert!(joins.as_mut().poll(&mut context).is_pending());
    assert_eq!(begun.load(Ordering::Relaxed), 2, "the last one waits for the flight before it");
    third_gate.send(()).expect("it waits");
    assert!(next.as_mut().poll(&mut context).is_ready() && joins.as_mut().poll(&mut context).is_ready());
    assert!(cache.state.lock().flights.is_empty());
}
