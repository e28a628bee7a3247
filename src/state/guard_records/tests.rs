//! Records without a store, and with one.

use futures::FutureExt;

use super::super::fake::FakeStore;
use super::*;
use crate::guard::Outcome;

const ASKING: Asking = Asking { place: Place::First, theirs: None };

fn policy(threshold: u32) -> Policy {
    let unknown_threshold = (threshold - 1).max(1);
    Policy { threshold, unknown_threshold, window: Duration::from_secs(1800), enforced: true }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

fn entry(name: &str) -> EntryId {
    EntryId { directory: "d".into(), entry: name.into() }
}

fn records(most: usize) -> (GuardRecords, Metrics) {
    let metrics = Metrics::new().unwrap();
    (GuardRecords::with_room_for(most, policy(2), &metrics, None), metrics)
}

fn replicas<const NUMBER: usize>(store: &Arc<FakeStore>, threshold: u32) -> [GuardRecords; NUMBER] {
    let metrics = Metrics::new().unwrap();
    [(); NUMBER].map(|()| GuardRecords::new(policy(threshold), &metrics, Some(store.clone())))
}

fn evicted(metrics: &Metrics) -> u64 {
    metrics.cache_evictions.with_label_values(&["guard", "size"]).get()
}

fn count(records: &GuardRecords) -> usize {
    records.0.records.with(|inside| inside.by_entry.len())
}

async fn verdict(records: &GuardRecords, name: &str, password: u8, seconds: i64) -> Option<Verdict> {
    match records.admit(&entry(name), &[password; 32], ASKING, || at(seconds)).await {
        Admission::Try(reservation, _) => {
            reservation.settle(Outcome::NotCounted, at(seconds)).await;
            None
        }
        Admission::Held(held) => Some(held.verdict),
    }
}

async fn held_back(records: &GuardRecords, name: &str, seconds: i64) -> Option<Verdict> {
    records.held_back(&entry(name), Place::First, at(seconds)).await.map(|held| held.verdict)
}

async fn reserve(records: &GuardRecords, name: &str, password: u8, seconds: i64) -> Reservation {
    match records.admit(&entry(name), &[password; 32], ASKING, || at(seconds)).await {
        Admission::Try(reservation, _) => reservation,
        Admission::Held(held) => panic!("not admitted: {held:?}"),
    }
}

async fn fail(records: &GuardRecords, name: &str, password: u8, seconds: i64) {
    reserve(records, name, password, seconds).await.settle(Outcome::WrongPassword, at(seconds)).await;
}

#[tokio::test]
async fn keeps_only_what_says_something() {
    let (records, metrics) = records(MOST);
    for number in 0..5000 {
        fail(&records, &number.to_string(), 1, number).await;
        reserve(&records, "good", 2, number).await.settle(Outcome::Success, at(number)).await;
    }
    assert!(count(&records) <= 2 * 1800, "the window holds 1800 of them");
    assert!(records.0.records.with(|inside| inside.by_entry.capacity()) < 2 * 5000);
    assert_eq!(records.tidy(at(4999)).await, 1800);
    assert_eq!(records.tidy(at(4999 + 1800)).await, 0);
    assert_eq!(evicted(&metrics), 0);
}

/// One wrong guess at each entry of a directory that has four times as many as there is room for.
#[tokio::test]
async fn a_spray_over_a_large_directory_takes_bounded_memory_and_unlocks_nobody() {
    const ROOM: usize = 20_000;
    let (records, metrics) = records(ROOM);
    for number in 0..100 {
        let name = format!("cn=locked {number},dc=example,dc=com");
        fail(&records, &name, 1, 0).await;
        fail(&records, &name, 2, 0).await;
    }
    let _under_way = reserve(&records, "cn=under way", 1, 0).await;
    for number in 0..4 * ROOM {
        fail(&records, &format!("cn=user {number},dc=example,dc=com"), 1, 1).await;
        assert!(count(&records) <= ROOM);
    }
    let kept = count(&records);
    assert!(kept >= ROOM - ROOM / 4, "{kept}");
    assert_eq!(evicted(&metrics) as usize, 4 * ROOM + 101 - kept);
    assert_eq!(records.locked(at(2)).await, Locked { entirely: 100, to_unknown: kept - 101 });
    assert!(records.0.records.of(&entry("cn=under way"), |_, _| ()).is_some());
}

#[tokio::test]
async fn where_all_are_locked_the_oldest_lock_ends_first() {
    let (records, _) = records(80);
    for number in 0..100 {
        fail(&records, &number.to_string(), 1, number).await;
        fail(&records, &number.to_string(), 2, number).await;
    }
    assert!(count(&records) <= 80);
    assert_eq!(held_back(&records, "0", 100).await, None);
    for number in 50..100 {
        assert_eq!(held_back(&records, &number.to_string(), 100).await, Some(Verdict::Locked), "{number}");
    }
}

#[tokio::test]
async fn tries_under_way_are_never_dropped() {
    let (records, _) = records(8);
    let mut under_way = Vec::new();
    for number in 0..20 {
        under_way.push(reserve(&records, &number.to_string(), 1, 0).await);
    }
    assert_eq!(count(&records), 20);
    for reservation in under_way {
        reservation.settle(Outcome::NotCounted, at(0)).await;
    }
    assert_eq!(count(&records), 0);
}

#[tokio::test]
async fn looking_at_an_entry_leaves_no_record() {
    let (records, _) = records(MOST);
    for number in 0..10_000 {
        assert_eq!(held_back(&records, &number.to_string(), 0).await, None);
        reserve(&records, &number.to_string(), 1, 0).await.settle(Outcome::NotCounted, at(0)).await;
    }
    assert_eq!(count(&records), 0);
}

#[tokio::test]
async fn the_right_password_waits_for_others_under_way() {
    let (records, _) = records(MOST);
    let (first, second) = (reserve(&records, "alice", 1, 0).await, reserve(&records, "alice", 2, 0).await);
    let mut third = Box::pin(reserve(&records, "alice", 3, 0));
    assert!(third.as_mut().now_or_never().is_none());
    first.settle(Outcome::Success, at(0)).await;
    third.await.settle(Outcome::Success, at(0)).await;
    second.settle(Outcome::Success, at(0)).await;
}

#[tokio::test]
async fn another_policy_judges_what_was_recorded_before() {
    let (records, _) = records(MOST);
    reserve(&records, "alice", 1, 0).await.settle(Outcome::WrongPassword, at(0)).await;
    let _under_way = reserve(&records, "alice", 2, 0).await;
    let mut waits = Box::pin(verdict(&records, "alice", 3, 0));
    assert!(waits.as_mut().now_or_never().is_none());
    records.heed(policy(1));
    assert_eq!(waits.now_or_never(), Some(Some(Verdict::Locked)));
    assert_eq!(held_back(&records, "alice", 0).await, Some(Verdict::Locked));
    records.heed(policy(3));
    assert_eq!(verdict(&records, "alice", 3, 0).await, None);
}

#[tokio::test]
async fn who_tries_the_same_wrong_password_at_the_same_time_learns_from_the_first() {
    let (records, _) = records(MOST);
    let first = reserve(&records, "alice", 1, 0).await;
    let mut others: Vec<_> = (0..100).map(|_| Box::pin(verdict(&records, "alice", 1, 0))).collect();
    assert!(others.iter_mut().all(|other| other.as_mut().now_or_never().is_none()));
    first.settle(Outcome::WrongPassword, at(0)).await;
    for other in others {
        assert_eq!(other.await, Some(Verdict::KnownWrong));
    }
    fail(&records, "alice", 2, 1).await;
    assert_eq!(verdict(&records, "alice", 1, 2).await, Some(Verdict::Locked), "that it is locked is told first");
}

#[tokio::test]
async fn an_operator_sees_who_is_locked_and_unlocks_them() {
    let (records, _) = records(MOST);
    fail(&records, "bob", 1, 0).await;
    fail(&records, "alice", 1, 0).await;
    fail(&records, "alice", 2, 1).await;
    let mut summaries = records.summaries(at(2)).await;
    summaries.sort_by_key(|(entry, _)| entry.clone());
    let told = Summary {
        failures: 2,
        unanswered: 0,
        unknown_failures: 2,
        last_failure: Some(at(1)),
        until: Some(at(1801)),
        held_back: Some(Verdict::Locked),
        unknown_held_back: Some(Verdict::Locked),
    };
    assert_eq!((summaries.len(), summaries[0].1), (2, told));
    assert_eq!(records.unlock(&entry("alice"), at(2)).await, Some(told));
    assert_eq!(records.unlock(&entry("alice"), at(2)).await, None);
    assert_eq!(records.unlock(&entry("nobody"), at(2)).await, None);
    assert_eq!(verdict(&records, "alice", 3, 2).await, None);
    assert_eq!(verdict(&records, "alice", 1, 2).await, None, "nor is it known to be wrong");
    assert_eq!(count(&records), 1);
}

#[tokio::test]
async fn a_try_that_is_dropped_may_have_been_counted() {
    let (records, _) = records(MOST);
    for password in 1..3 {
        drop(reserve(&records, "alice", password, 0).await);
    }
    assert_eq!(verdict(&records, "alice", 3, 0).await, Some(Verdict::Unanswered));
    assert_eq!(records.locked(at(0)).await.entirely, 1);
}

#[tokio::test]
async fn where_nothing_is_enforced_it_is_told_and_tried() {
    for store in [None, Some(FakeStore::new() as Arc<dyn Shared>)] {
        let observe = Policy { enforced: false, ..policy(2) };
        let records = GuardRecords::new(observe, &Metrics::new().unwrap(), store);
        let expected = [None, Some(Verdict::KnownWrong), Some(Verdict::Locked), Some(Verdict::Locked)];
        for (number, expected) in expected.into_iter().enumerate() {
            let admission = records.admit(&entry("alice"), &[1; 32], ASKING, || at(0)).await;
            let Admission::Try(reservation, told) = admission else { panic!("held") };
            assert_eq!(told.map(|held| held.verdict), expected, "{number}");
            reservation.settle(Outcome::WrongPassword, at(0)).await;
        }
        let _first = reserve(&records, "bob", 1, 0).await;
        let _second = reserve(&records, "bob", 1, 0).await;
        let _third = reserve(&records, "bob", 1, 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn replicas_together_let_no_more_through_than_one() {
    let store = FakeStore::new();
    let replicas: [_; 3] = replicas(&store, 3);
    let mut tried = Vec::new();
    for number in 0..60 {
        let records = &replicas[number % 3];
        let (alice, password) = (entry("alice"), [number as u8; 32]);
        let asked = records.admit(&alice, &password, ASKING, || at(0));
        if let Ok(Admission::Try(reservation, _)) = timeout(Duration::from_millis(10), asked).await {
            tried.push(reservation);
        }
    }
    assert_eq!(tried.len(), 3);
    for reservation in tried {
        reservation.settle(Outcome::WrongPassword, at(1)).await;
    }
    for records in &replicas {
        assert_eq!(verdict(records, "alice", 99, 2).await, Some(Verdict::Locked));
        assert_eq!(held_back(records, "alice", 2).await, Some(Verdict::Locked));
    }
    assert!(store.keys().iter().all(|key| key.starts_with("guard:") && !key.contains("alice")));
}

#[tokio::test(start_paused = true)]
async fn a_usual_sign_in_costs_two_round_trips_and_leaves_nothing() {
    let store = FakeStore::new();
    let [records] = replicas(&store, 3);
    for round in 1..4 {
        reserve(&records, "alice", 1, 0).await.settle(Outcome::Success, at(0)).await;
        assert_eq!((store.trips(), store.keys().len(), count(&records)), (2 * round, 0, 0));
    }
    fail(&records, "alice", 1, 0).await;
    reserve(&records, "alice", 2, 0).await.settle(Outcome::Success, at(0)).await;
    assert_eq!(store.trips(), 10, "nor does one after a failure cost more");
}

#[tokio::test(start_paused = true)]
async fn a_flood_at_a_locked_entry_costs_the_store_little() {
    let store = FakeStore::new();
    let [records] = replicas(&store, 3);
    for password in 0..3 {
        fail(&records, "alice", password, 0).await;
    }
    let trips = store.trips();
    for password in 3..200 {
        assert_eq!(verdict(&records, "alice", password, 0).await, Some(Verdict::Locked));
    }
    assert_eq!(store.trips(), trips);
    tokio::time::advance(BELIEVED).await;
    assert_eq!(verdict(&records, "alice", 9, 1).await, Some(Verdict::Locked));
    assert_eq!(store.trips(), trips + 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_another_replicas_try_sees_it_end() {
    let store = FakeStore::new();
    let [one, other] = replicas(&store, 1);
    let under_way = reserve(&one, "alice", 1, 0).await;
    let waits = tokio::spawn(async move { verdict(&other, "alice", 2, 0).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waits.is_finished());
    under_way.settle(Outcome::Success, at(0)).await;
    assert_eq!(timeout(2 * LOOK_AGAIN, waits).await.unwrap().unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_while_the_store_is_slow_leaves_no_reservation() {
    let store = FakeStore::new();
    let [records] = replicas(&store, 1);
    store.answer_after(Duration::from_millis(40));
    let asks = async || drop(timeout(Duration::from_millis(10), reserve(&records, "alice", 1, 0)).await);
    asks().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((store.keys().len(), count(&records)), (0, 0));
    assert_eq!(verdict(&records, "alice", 1, 0).await, None);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_the_budget_goes_on_and_is_joined_later() {
    let store = FakeStore::new();
    let [one, other] = replicas(&store, 4);
    fail(&one, "alice", 1, 0).await;
    fail(&other, "alice", 2, 0).await;
    let before = reserve(&one, "alice", 3, 0).await;
    store.go(true);
    fail(&one, "alice", 4, 1).await;
    let busy = timeout(Duration::from_secs(1), verdict(&one, "alice", 5, 1)).await;
    assert!(busy.is_err(), "two in the store, one under way and one since");
    before.settle(Outcome::WrongPassword, at(2)).await;
    assert_eq!(verdict(&one, "alice", 5, 2).await, Some(Verdict::Locked));
    fail(&other, "alice", 6, 2).await;
    assert_eq!(held_back(&other, "alice", 2).await, None, "it does not know what the first has counted");
    store.go(false);
    one.tidy(at(3)).await;
    assert_eq!(held_back(&other, "alice", 3).await, Some(Verdict::Locked));
    other.tidy(at(3)).await;
    let summary = one.unlock(&entry("alice"), at(4)).await.unwrap();
    assert_eq!((summary.failures, summary.unanswered), (5, 0));
    tokio::time::advance(BELIEVED).await;
    assert_eq!(verdict(&other, "alice", 7, 5).await, None, "unlocked for both");
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_dies_leaves_no_reservation_for_ever() {
    let store = FakeStore::new();
    let [dies, lives] = replicas(&store, 1);
    std::mem::forget(reserve(&dies, "alice", 1, 0).await);
    drop(dies);
    let patient = timeout(Duration::from_secs(10), verdict(&lives, "alice", 2, 59)).await;
    assert!(patient.is_err(), "it may still be under way");
    assert_eq!(verdict(&lives, "alice", 2, 60).await, Some(Verdict::Unanswered));
    assert_eq!(verdict(&lives, "alice", 2, 60 + 1800).await, None);
}

#[tokio::test(start_paused = true)]
async fn whether_it_was_written_or_not_a_reservation_counts_once() {
    let store = FakeStore::new();
    let [records] = replicas(&store, 2);
    store.lose_an_answer();
    let reservation = reserve(&records, "alice", 1, 0).await;
    records.tidy(at(0)).await;
    reservation.settle(Outcome::WrongPassword, at(0)).await;
    assert_eq!(records.summaries(at(0)).await[0].1.failures, 1);
    assert_eq!(verdict(&records, "alice", 2, 0).await, None);
}

/// Such as a reload while what was counted apart is told.
#[tokio::test(start_paused = true)]
async fn a_turn_that_is_given_up_keeps_no_record_for_ever() {
    let store = FakeStore::new();
    let [records] = replicas(&store, 3);
    store.go(true);
    fail(&records, "alice", 1, 0).await;
    store.go(false);
    store.answer_after(Duration::from_secs(1));
    let mut telling = Box::pin(records.tidy(at(1)));
    assert!(telling.as_mut().now_or_never().is_none());
    assert_eq!(records.0.records.of(&entry("alice"), |kept, _| kept.turns), Some(1));
    drop(telling);
    assert_eq!(records.0.records.of(&entry("alice"), |kept, _| kept.turns), Some(0));
    records.tidy(at(2)).await;
    assert_eq!(records.tidy(at(3600)).await, 0);
}

#[tokio::test]
async fn a_replica_that_has_seen_nothing_of_an_entry_tells_what_the_store_has() {
    let store = FakeStore::new();
    let [one, other] = replicas(&store, 2);
    for password in 0..2 {
        fail(&one, "a", password, 0).await;
    }
    assert!(other.summaries(at(1)).await.is_empty() && other.is_shared(), "it lists what it has seen");
    let (summary, whole) = other.summary(&entry("a"), at(1)).await;
    assert_eq!((summary.failures, summary.is_locked(), whole), (2, true, true));
    store.go(true);
    let told = [&one, &other].map(|replica| replica.summary(&entry("a"), at(1)).now_or_never().unwrap());
    assert_eq!(told.map(|(summary, whole)| (summary.failures, whole)), [(2, false), (0, false)]);
    store.go(false);
    assert_eq!(other.unlock(&entry("a"), at(1)).await.map(|was| was.failures), Some(2));
    assert_eq!(one.summary(&entry("a"), at(1)).await.0.failures, 0);
}
