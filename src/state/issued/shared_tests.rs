//! What replicas know of each other's tokens.

use std::sync::atomic::Ordering;

use super::tests::{at, entry, token};
use super::*;
use crate::model::Password;
use crate::state::shared::testing::Kept;

fn replica(shared: &Arc<Kept>, secret: &str) -> Issued {
    let issued = Issued::with_room_for(10, 10, Some(shared.clone()), Arc::new(Metrics::new().unwrap()));
    issued.seal_by(Seals::given(&Password::new(secret)));
    issued
}

#[tokio::test]
async fn a_token_is_known_and_cancelled_at_every_replica() {
    let shared = Arc::new(Kept::default());
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
    let shared = Arc::new(Kept::default());
    let (one, two) = (replica(&shared, "s"), replica(&shared, "s"));
    one.remember(token("_1", "alice", 60), at(0)).await;
    one.remember(token("_2", "bob", 60), at(0)).await;
    {
        let mut values = shared.values.lock().unwrap();
        let bobs = values[&token_key("_2")].clone();
        values.insert(token_key("_1"), bobs);
        values.insert(token_key("_3"), b"{}".to_vec());
    }
    assert!(two.find("_1", at(1)).await.is_none() && two.find("_3", at(1)).await.is_none());
    assert!(two.find("_2", at(1)).await.is_some());
}

#[tokio::test]
async fn a_cancellation_made_while_state_was_away_is_shared_when_it_is_back() {
    let shared = Arc::new(Kept::default());
    let (one, two) = (replica(&shared, "s"), replica(&shared, "s"));
    one.remember(token("_1", "alice", 60), at(0)).await;
    shared.away.store(true, Ordering::Relaxed);
    one.cancel("_1", at(60), Some(&entry("alice")), at(1)).await.unwrap();
    one.cancel("_short", at(5), None, at(1)).await.unwrap();
    one.observe(at(2)).await;
    assert!(one.is_cancelled("_1", at(2)).await && !two.is_cancelled("_1", at(2)).await);
    shared.away.store(false, Ordering::Relaxed);
    one.observe(at(6)).await;
    assert!(two.is_cancelled("_1", at(6)).await && !two.is_cancelled("_short", at(6)).await);
    assert!(one.with(|records| records.unshared.is_empty()));
}

#[tokio::test]
async fn keys_and_values_name_nobody() {
    let shared = Arc::new(Kept::default());
    let one = replica(&shared, "s");
    one.remember(token("_1", "alice", 60), at(0)).await;
    one.cancel("alice", at(60), None, at(0)).await.unwrap();
    for (key, value) in &*shared.values.lock().unwrap() {
        assert!(!key.contains("alice") && !String::from_utf8_lossy(value).contains("alice"), "{key}");
    }
}
