//! What replicas know of each other's tokens.

use super::tests::{at, entry, token};
use super::*;
use crate::model::Password;
use crate::state::fake::FakeStore;

fn replica(shared: &Arc<FakeStore>, secret: &str) -> Issued {
    let issued = Issued::with_room_for(10, 10, Some(shared.clone()), Arc::new(Metrics::new().unwrap()));
    issued.seal_by(Seals::given(&Password::new(secret)));
    issued
}

#[tokio::test]
async fn a_token_is_known_and_cancelled_at_every_replica() {
    let shared = FakeStore::new();
    let (one, two, stranger) = (replica(&shared, "s"), replica(&shared, "s"), replica(&shared, "another"));
    one.remember(token("_1", "alice", 60), at(0)).await;
    let found = two.find("_1", at(1)).await.unwrap();
    assert_eq!((found.assertion.id.as_str(), &found.subject), ("_1", &entry("alice")));
    assert!(two.find("_1", at(60)).await.is_none(), "over");
    assert!(two.find("_2", at(1)).await.is_none());
    assert!(stranger.find("_1", at(1)).await.is_none());
    two.cancel("_1", at(60), None, at(2)).await.unwrap();
    assert!(two.find("_1", at(3)).await.is_none(), "nothing is known of what was cancelled here");
    for replica in [&one, &two, &stranger] {
        assert!(replica.is_cancelled("_1", at(3)).await);
        assert!(!replica.is_cancelled("_2", at(3)).await);
    }
}

#[tokio::test]
async fn what_somebody_else_wrote_is_no_token() {
    let shared = FakeStore::new();
    let (one, two) = (replica(&shared, "s"), replica(&shared, "s"));
    one.remember(token("_1", "alice", 60), at(0)).await;
    one.remember(token("_2", "bob", 60), at(0)).await;
    let bobs = shared.get(&token_key("_2")).await.unwrap().unwrap();
    shared.put(&token_key("_1"), &bobs);
    shared.put(&token_key("_3"), b"{}");
    assert!(two.find("_1", at(1)).await.is_none() && two.find("_3", at(1)).await.is_none());
    assert!(two.find("_2", at(1)).await.is_some());
}

#[tokio::test]
async fn a_cancellation_made_while_state_was_away_is_shared_when_it_is_back() {
    let shared = FakeStore::new();
    let (one, two) = (replica(&shared, "s"), replica(&shared, "s"));
    one.remember(token("_1", "alice", 60), at(0)).await;
    shared.go(true);
    one.cancel("_1", at(60), Some(&entry("alice")), at(1)).await.unwrap();
    one.cancel("_short", at(5), None, at(1)).await.unwrap();
    one.observe(at(2)).await;
    assert!(one.is_cancelled("_1", at(2)).await && !two.is_cancelled("_1", at(2)).await);
    shared.go(false);
    one.observe(at(6)).await;
    assert!(two.is_cancelled("_1", at(6)).await && !two.is_cancelled("_short", at(6)).await);
    assert!(one.with(|records| records.unshared.is_empty()));
}

#[tokio::test]
async fn keys_and_values_name_nobody() {
    let shared = FakeStore::new();
    let one = replica(&shared, "s");
    one.remember(token("_1", "alice", 60), at(0)).await;
    one.cancel("alice", at(60), None, at(0)).await.unwrap();
    let keys = shared.keys();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let value = shared.get(&key).await.unwrap().unwrap();
        assert!(!key.contains("alice") && !String::from_utf8_lossy(&value).contains("alice"), "{key}");
    }
}

#[tokio::test]
async fn what_is_known_here_is_known_wherever_it_is_shared_and_cancellations_are_told_anew() {
    let (first, second) = (FakeStore::new(), FakeStore::new());
    let (one, two) = (replica(&first, "s"), replica(&first, "s"));
    one.remember(token("_1", "alice", 60), at(0)).await;
    one.remember(token("_2", "alice", 60), at(0)).await;
    one.cancel("_2", at(60), Some(&entry("alice")), at(1)).await.unwrap();
    for replica in [&one, &two] {
        replica.share(&Sharing::Elsewhere(second.clone()));
    }
    assert!(one.find("_1", at(2)).await.is_some());
    assert!(two.find("_1", at(2)).await.is_none(), "it stayed where it was");
    assert!(one.is_cancelled("_2", at(2)).await && !two.is_cancelled("_2", at(2)).await);
    one.observe(at(3)).await;
    assert!(two.is_cancelled("_2", at(3)).await);
    one.remember(token("_3", "bob", 60), at(3)).await;
    assert!(two.find("_3", at(4)).await.is_some());
    // Another connection to the same: nothing is told twice.
    let trips = second.trips();
    one.share(&Sharing::Still(second.clone()));
    one.observe(at(5)).await;
    assert_eq!(second.trips(), trips);
    assert!(two.find("_3", at(5)).await.is_some());
    one.share(&Sharing::Nowhere);
    one.cancel("_3", at(60), Some(&entry("bob")), at(6)).await.unwrap();
    assert!(one.is_cancelled("_3", at(7)).await && !two.is_cancelled("_3", at(7)).await);
    // What was cancelled alone is told when it is shared again.
    one.share(&Sharing::Elsewhere(first.clone()));
    two.share(&Sharing::Elsewhere(first));
    one.observe(at(8)).await;
    assert!(two.is_cancelled("_3", at(9)).await);
}
