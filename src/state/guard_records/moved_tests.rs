//! Records whose store becomes another, comes or goes while they are in use.

use super::super::fake::FakeStore;
use super::*;
use crate::guard::Outcome;

const THRESHOLD: u32 = 3;
const ASKING: Asking = Asking { place: Place::First, theirs: None };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

fn alice() -> EntryId {
    EntryId { directory: "d".into(), entry: "alice".into() }
}

fn replica(store: Option<&Arc<FakeStore>>) -> GuardRecords {
    let window = Duration::from_secs(1800);
    let policy = Policy { threshold: THRESHOLD, unknown_threshold: THRESHOLD, window, enforced: true };
    let shared = store.map(|store| store.clone() as Arc<dyn Shared>);
    GuardRecords::new(policy, &Metrics::new().unwrap(), shared)
}

async fn reserve(records: &GuardRecords, password: u8) -> Option<Reservation> {
    match records.admit(&alice(), &[password; 32], ASKING, || at(0)).await {
        Admission::Try(reservation, _) => Some(reservation),
        Admission::Held(_) => None,
    }
}

/// A wrong guess; whether it was let.
async fn guess(records: &GuardRecords, password: u8) -> bool {
    let Some(reservation) = reserve(records, password).await else { return false };
    reservation.settle(Outcome::WrongPassword, at(0)).await;
    true
}

async fn failures(records: &GuardRecords) -> u32 {
    records.summaries(at(0)).await.first().map_or(0, |(_, summary)| summary.failures)
}

#[tokio::test]
async fn what_each_counted_alone_counts_for_all_once_it_is_shared() {
    let store = FakeStore::new();
    let [one, two] = [(); 2].map(|()| replica(None));
    assert!(guess(&one, 1).await && guess(&two, 2).await);
    for records in [&one, &two] {
        records.share(&Sharing::Elsewhere(store.clone()), at(0));
        assert_eq!(failures(records).await, 1);
        records.tidy(at(0)).await;
    }
    assert!(guess(&one, 3).await);
    assert!(!guess(&two, 4).await && !guess(&one, 5).await, "three guesses in all");
    assert_eq!(failures(&two).await, 3);
}

#[tokio::test]
async fn what_was_shared_counts_on_where_it_no_longer_is() {
    let store = FakeStore::new();
    let [one, two] = [(); 2].map(|()| replica(Some(&store)));
    assert!(guess(&one, 1).await && guess(&two, 2).await && guess(&one, 3).await);
    for records in [&one, &two] {
        records.share(&Sharing::Nowhere, at(0));
    }
    assert!(!guess(&one, 4).await);
    assert_eq!(failures(&one).await, 3);
    assert_eq!(failures(&two).await, 2, "as far as it has seen");
    // Nor does what was done while the store was away get lost.
    let three = replica(Some(&store));
    store.go(true);
    assert!(guess(&three, 5).await);
    three.share(&Sharing::Nowhere, at(0));
    assert_eq!(failures(&three).await, 1);
    assert!(guess(&three, 6).await && guess(&three, 7).await && !guess(&three, 8).await);
}

#[tokio::test]
async fn another_store_begins_with_what_it_has_and_another_connection_loses_nothing() {
    let (first, second) = (FakeStore::new(), FakeStore::new());
    let [one, two] = [(); 2].map(|()| replica(Some(&first)));
    assert!(guess(&one, 1).await && guess(&one, 2).await);
    one.share(&Sharing::Still(first.clone()), at(0));
    assert!(guess(&two, 3).await);
    assert!(!guess(&one, 4).await);
    for records in [&one, &two] {
        records.share(&Sharing::Elsewhere(second.clone()), at(0));
    }
    // The other password is not known as wrong there.
    assert!(guess(&one, 5).await && guess(&two, 6).await && guess(&one, 7).await);
    assert!(!guess(&two, 8).await && !guess(&one, 9).await);
    one.unlock(&alice(), at(0)).await;
    assert!(guess(&one, 10).await);
    // While the new one is away, what was seen of the one before counts.
    let three = replica(Some(&first));
    assert!(!guess(&three, 1).await, "{THRESHOLD} failures are in the first");
    second.go(true);
    three.share(&Sharing::Elsewhere(second.clone()), at(0));
    assert!(!guess(&three, 2).await);
}

#[tokio::test]
async fn a_try_under_way_is_settled_where_it_ends() {
    for outcome in [Outcome::WrongPassword, Outcome::Success, Outcome::NotCounted, Outcome::Unanswered] {
        let counted = u32::from(matches!(outcome, Outcome::WrongPassword | Outcome::Unanswered));
        let (first, second) = (FakeStore::new(), FakeStore::new());
        let moves: [(Option<&Arc<FakeStore>>, Sharing); 4] = [
            (None, Sharing::Elsewhere(first.clone())),
            (Some(&first), Sharing::Nowhere),
            (Some(&first), Sharing::Elsewhere(second.clone())),
            (Some(&first), Sharing::Still(first.clone())),
        ];
        for (number, (begins, sharing)) in moves.iter().enumerate() {
            first.wipe();
            second.wipe();
            let records = replica(*begins);
            let reservation = reserve(&records, 1).await.expect("a try");
            records.share(sharing, at(0));
            reservation.settle(outcome, at(0)).await;
            assert_eq!(failures(&records).await, counted, "{outcome:?}, move {number}");
            let left = THRESHOLD - counted;
            for password in 0..left {
                assert!(guess(&records, 10 + password as u8).await, "{outcome:?}, move {number}: {left} are left");
            }
            assert!(!guess(&records, 99).await, "{outcome:?}, move {number}");
        }
    }
}

/// Who waits for the only place that is left must not wait for ever.
#[tokio::test]
async fn who_waits_for_a_try_to_end_waits_on_elsewhere() {
    let store = FakeStore::new();
    let records = Arc::new(replica(None));
    let mut under_way = Vec::new();
    for password in 0..THRESHOLD {
        under_way.push(reserve(&records, password as u8).await.expect("a place"));
    }
    let waiting = tokio::spawn({
        let records = records.clone();
        async move { guess(&records, 50).await }
    });
    tokio::task::yield_now().await;
    records.share(&Sharing::Elsewhere(store.clone()), at(0));
    for reservation in under_way {
        reservation.settle(Outcome::NotCounted, at(0)).await;
    }
    let ended = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(ended.expect("an end").unwrap());
}
