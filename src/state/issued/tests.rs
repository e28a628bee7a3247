//! What is remembered, for how long, and whose is forgotten when there is no room.

use std::time::Duration;

use super::*;
use crate::saml::testing::{alice, attribute};

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

pub fn entry(name: &str) -> EntryId {
    EntryId { directory: "d".into(), entry: name.into() }
}

pub fn token(id: &str, subject: &str, until: i64) -> IssuedToken {
    let text = || "x".to_owned();
    let assertion = Assertion {
        id: id.to_owned(),
        not_before: at(0),
        not_on_or_after: at(until),
        attributes: Vec::new(),
        ..alice()
    };
    IssuedToken {
        assertion,
        token_type: TokenType::Saml11,
        party: text(),
        applies_to: text(),
        subject: entry(subject),
        bind_name: subject.into(),
        username: Username::new(subject),
        renewing: Renewing { allowed: true, after_end: true },
        made_of: None,
        until: None,
        kept_until: at(until),
    }
}

fn issued(capacity: usize, most_cancelled: usize) -> (Issued, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new().unwrap());
    (Issued::with_room_for(capacity, most_cancelled, None, metrics.clone()), metrics)
}

fn evicted(metrics: &Metrics) -> [u64; 3] {
    ["expired", "size", "invalidated"]
        .map(|reason| metrics.cache_evictions.with_label_values(&["tokens", reason]).get())
}

async fn knows(issued: &Issued, id: &str, now: i64) -> bool {
    issued.find(id, at(now)).await.is_some()
}

/// Every index speaks of the same tokens.
fn count(issued: &Issued) -> usize {
    issued.with(|records| {
        let by_subject: usize = records.by_subject.values().map(|held| held.turns.len()).sum();
        assert_eq!((records.by_id.len(), records.by_id.len()), (records.by_end.len(), by_subject));
        assert!(records.by_subject.values().all(|held| !held.turns.is_empty()));
        let weights: [usize; 2] =
            [records.by_id.values().map(|kept| kept.weight).sum(), records.by_subject.values().map(|h| h.weight).sum()];
        assert_eq!(weights, [records.weight; 2]);
        assert!(records.weight <= records.capacity);
        assert_eq!(records.cancelled.len(), records.cancelled_by_end.len());
        let counted = records.cancelled_by_end.iter().filter(|(.., subject)| subject.is_some()).count();
        assert_eq!(records.cancelled_by_subject.values().sum::<usize>(), counted);
        records.by_id.len()
    })
}

#[tokio::test]
async fn a_token_is_known_until_it_is_over() {
    let (issued, metrics) = issued(10, 10);
    issued.remember(token("_1", "alice", 60), at(0)).await;
    issued.remember(token("_2", "alice", 90), at(0)).await;
    issued.remember(token("_over", "alice", 0), at(0)).await;
    assert!(knows(&issued, "_1", 59).await && !knows(&issued, "_1", 60).await);
    assert!(!knows(&issued, "_over", 0).await && !knows(&issued, "_3", 0).await);
    assert_eq!(count(&issued), 2);
    issued.observe(at(60)).await;
    assert_eq!((count(&issued), evicted(&metrics)), (1, [1, 0, 0]));
    assert_eq!(metrics.cache_entries.with_label_values(&["tokens"]).get(), 1);
    assert!(knows(&issued, "_2", 60).await);
}

#[tokio::test]
async fn of_too_many_those_that_end_first_are_forgotten() {
    let (issued, metrics) = issued(3, 10);
    for (id, until) in [("_b", 20), ("_a", 10), ("_d", 40), ("_c", 30)] {
        issued.remember(token(id, id, until), at(0)).await;
    }
    assert_eq!((count(&issued), evicted(&metrics)), (3, [0, 1, 0]));
    assert!(!knows(&issued, "_a", 0).await);
    issued.heed(1);
    assert_eq!((count(&issued), evicted(&metrics)), (1, [0, 3, 0]));
    assert!(knows(&issued, "_d", 0).await);
}

#[tokio::test]
async fn nobody_pushes_out_others_tokens_beyond_their_own_share() {
    let (issued, _) = issued(80, 10);
    for number in 0..80 {
        issued.remember(token(&format!("_{number}"), &format!("user {number}"), 10), at(0)).await;
    }
    for number in 0..1000 {
        issued.remember(token(&format!("_m{number}"), "mallory", 3600), at(0)).await;
    }
    let others =
        issued.with(|records| records.by_id.values().filter(|kept| *kept.token.subject.entry != *"mallory").count());
    assert_eq!((count(&issued), others), (80, 70));
    assert!(knows(&issued, "_m999", 0).await);
}

#[tokio::test]
async fn a_cancelled_token_stays_cancelled_until_its_end_whatever_there_is_room_for() {
    let (issued, metrics) = issued(1, 10);
    issued.remember(token("_1", "alice", 60), at(0)).await;
    issued.cancel("_1", at(60), Some(&entry("alice")), at(0)).await.unwrap();
    issued.cancel("_1", at(60), Some(&entry("alice")), at(1)).await.unwrap();
    assert_eq!((count(&issued), evicted(&metrics)), (0, [0, 0, 1]));
    for number in 0..100 {
        issued.remember(token(&format!("_{number}x"), "bob", 120), at(1)).await;
    }
    assert!(issued.is_cancelled("_1", at(59)).await);
    assert!(!issued.is_cancelled("_1", at(60)).await);
    assert!(!issued.is_cancelled("_2", at(0)).await);
    issued.observe(at(60)).await;
    assert_eq!(metrics.cache_entries.with_label_values(&["cancelled"]).get(), 0);
    count(&issued);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_not_cancelled() {
    let (issued, _) = issued(10, 16);
    let (alice, bob) = (entry("alice"), entry("bob"));
    for number in 0..2 {
        issued.cancel(&format!("_a{number}"), at(60), Some(&alice), at(0)).await.unwrap();
    }
    assert_eq!(issued.cancel("_a2", at(60), Some(&alice), at(0)).await, Err(NoRoom), "her share");
    assert_eq!(issued.cancel("_a0", at(60), Some(&alice), at(0)).await, Ok(()), "again");
    issued.cancel("_b0", at(60), Some(&bob), at(0)).await.unwrap();
    for number in 0..13 {
        issued.cancel(&format!("_n{number}"), at(60), None, at(0)).await.unwrap();
    }
    assert_eq!(issued.cancel("_n13", at(60), None, at(0)).await, Err(NoRoom), "all");
    assert!(issued.is_cancelled("_a0", at(1)).await && !issued.is_cancelled("_a2", at(1)).await);
    count(&issued);
    issued.cancel("_a2", at(120), Some(&alice), at(60)).await.unwrap();
    assert_eq!(issued.with(|records| records.cancelled.len()), 1);
    count(&issued);
}

#[tokio::test]
async fn a_long_day_leaves_nothing_behind() {
    let (issued, _) = issued(1000, 1000);
    for second in 0..5000 {
        let (id, subject) = (format!("_{second}"), format!("user {}", second % 7));
        issued.remember(token(&id, &subject, second + 60 + second % 30), at(second)).await;
        if second % 3 == 0 {
            issued.cancel(&id, at(second + 90), Some(&entry(&subject)), at(second)).await.unwrap();
        }
    }
    assert!(count(&issued) <= 90);
    issued.observe(Timestamp::from_unix_millis(0).plus(Duration::from_secs(6000))).await;
    assert_eq!(count(&issued), 0);
    issued.with(|records| assert!(records.by_subject.is_empty() && records.cancelled_by_subject.is_empty()));
}

#[tokio::test]
async fn a_token_of_unusual_size_counts_for_several() {
    let (issued, metrics) = issued(16, 10);
    let large = |id: &str, bytes: usize| {
        let mut token = token(id, "alice", 60);
        let groups = attribute("groups", &[&"g".repeat(bytes)]);
        token.assertion.attributes.push(groups);
        token
    };
    issued.remember(large("_1", 7 * 2048), at(0)).await;
    issued.remember(token("_2", "bob", 60), at(0)).await;
    assert_eq!(count(&issued), 2);
    issued.remember(large("_3", 10 * 2048), at(0)).await;
    assert!(knows(&issued, "_3", 0).await && !knows(&issued, "_1", 0).await && knows(&issued, "_2", 0).await);
    issued.remember(large("_4", 16 * 2048), at(0)).await;
    assert!(!knows(&issued, "_4", 0).await);
    assert_eq!((count(&issued), evicted(&metrics)), (2, [0, 2, 0]));
}
