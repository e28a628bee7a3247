//! Messages that a token was issued for, so that each is good once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openssl::sha::sha256;

use super::{Current, Shared, Sharing};
use crate::model::{EntryId, MAX_AGE, MAX_SKEW, Timestamp, hex};

/// As long as any message is accepted: from the most future to the oldest.
const KEEP: Duration = MAX_AGE.saturating_add(MAX_SKEW).saturating_add(MAX_SKEW);

/// Messages remembered at a time, some 50 bytes each: far more than are answered in an hour. A stranger cannot fill it, for
/// what is recorded was signed in for.
const MOST: usize = 4_000_000;
/// One user's share of them: an eighth, so that nobody with a password fills it for all others.
const SHARES: usize = 8;

/// The messages used within that time, and some before. Where state is shared, a message is good if it is new here and there;
/// while that is away, if it is new here.
pub struct Replay {
    generations: Mutex<Generations>,
    shared: Current,
    most: usize,
}

/// Two sets, the older one dropped whole: nothing is searched for what is out of date.
#[derive(Default)]
struct Generations {
    current: Generation,
    previous: Generation,
    since: Option<Timestamp>,
}

#[derive(Default)]
struct Generation {
    keys: HashSet<[u8; 32]>,
    by_user: HashMap<EntryId, usize>,
}

impl Replay {
    /// None yet; shared with other replicas through `shared`.
    pub fn new(shared: Option<Arc<dyn Shared>>) -> Self {
        Self { generations: Mutex::default(), shared: Current::new(shared), most: MOST }
    }

    /// Shares them there from now on. Those of before stay used here.
    pub fn share(&self, sharing: &Sharing) {
        self.shared.switch(sharing);
    }

    /// Records a message that `user` sent by what makes it unique to its sender; `false` if it has been recorded before, or
    /// cannot be.
    pub async fn first_use(&self, parts: &[&str], user: &EntryId, now: Timestamp) -> bool {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&part.len().to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        let key = sha256(&bytes);
        // Here first: who sends it twice at once finds it used, whatever the other store answers, and when.
        if !self.is_new_here(key, user, now) {
            return false;
        }
        match self.shared.store() {
            Some(shared) => {
                let used = shared.swap(&format!("used:{}", hex(&key)), None, Some((USED, KEEP))).await;
                // Where nobody answers it may have been recorded, by us: the first use is still this one.
                used.unwrap_or(true)
            }
            None => true,
        }
    }

    fn is_new_here(&self, key: [u8; 32], user: &EntryId, now: Timestamp) -> bool {
        let mut seen = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        seen.turn(now);
        let (all, own) = seen.count(user);
        let room = all < self.most && own < (self.most / SHARES).max(1);
        let new = room && !seen.previous.keys.contains(&key) && seen.current.keys.insert(key);
        if new {
            *seen.current.by_user.entry(user.clone()).or_default() += 1;
        }
        new
    }
}

/// What is kept of a used message: that there is something.
const USED: &[u8] = b"1";

impl Generations {
    fn turn(&mut self, now: Timestamp) {
        let since = *self.since.get_or_insert(now);
        if now.since(since) >= KEEP {
            let idle = now.since(since) >= KEEP * 2;
            self.previous = std::mem::take(&mut self.current);
            if idle {
                self.previous = Generation::default();
            }
            self.since = Some(now);
        }
    }

    /// How many there are of everybody, and of one user.
    fn count(&self, user: &EntryId) -> (usize, usize) {
        let both = [&self.current, &self.previous];
        let own = |generation: &Generation| generation.by_user.get(user).copied().unwrap_or_default();
        (both.iter().map(|generation| generation.keys.len()).sum(), both.into_iter().map(own).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::fake::FakeStore;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_unix_millis(minutes * 60_000)
    }

    fn user(name: &str) -> EntryId {
        EntryId { directory: "d".into(), entry: name.into() }
    }

    #[tokio::test]
    async fn a_message_is_good_once_for_as_long_as_it_could_be_accepted() {
        let (replay, alice) = (Replay::new(None), user("alice"));
        assert!(replay.first_use(&["sp", "_1"], &alice, at(0)).await);
        assert!(replay.first_use(&["sp_", "1"], &alice, at(0)).await, "parts do not run together");
        assert!(!replay.first_use(&["sp", "_1"], &alice, at(24)).await);
        assert!(!replay.first_use(&["sp", "_1"], &user("bob"), at(26)).await);
        assert!(!replay.first_use(&["sp", "_1"], &alice, at(49)).await);
        assert!(replay.first_use(&["sp", "_1"], &alice, at(92)).await);
    }

    /// What cannot be remembered could come again.
    #[tokio::test]
    async fn what_there_is_no_room_for_is_not_taken() {
        let replay = Replay { most: 2, ..Replay::new(None) };
        for (id, minute, taken) in
            [("a", 0, true), ("b", 26, true), ("c", 27, false), ("c", 61, true), ("d", 61, false)]
        {
            assert_eq!(replay.first_use(&[id], &user(id), at(minute)).await, taken, "{id} {minute}");
        }
    }

    #[tokio::test]
    async fn nobody_takes_more_than_their_share_of_the_room() {
        let replay = Replay { most: 16, ..Replay::new(None) };
        let (mallory, alice) = (user("mallory"), user("alice"));
        for (id, minute, taken) in [("1", 0, true), ("2", 26, true), ("3", 27, false), ("4", 52, true)] {
            assert_eq!(replay.first_use(&[id], &mallory, at(minute)).await, taken, "{id}");
        }
        assert!(replay.first_use(&["5"], &alice, at(52)).await);
    }

    #[tokio::test]
    async fn a_message_is_good_at_one_replica_only_unless_state_is_away() {
        let shared = FakeStore::new();
        let [one, two] = [(); 2].map(|()| Replay::new(Some(shared.clone())));
        let alice = user("alice");
        assert!(one.first_use(&["1"], &alice, at(0)).await);
        assert!(!two.first_use(&["1"], &alice, at(1)).await);
        shared.go(true);
        assert!(one.first_use(&["2"], &alice, at(1)).await && two.first_use(&["2"], &alice, at(1)).await);
        assert!(!one.first_use(&["2"], &alice, at(1)).await && !two.first_use(&["1"], &alice, at(1)).await);
        shared.go(false);
        assert!(!one.first_use(&["2"], &alice, at(2)).await && !two.first_use(&["2"], &alice, at(2)).await);
        assert!(shared.keys().iter().all(|key| key.len() == "used:".len() + 64));
    }

    #[tokio::test]
    async fn what_was_used_here_stays_so_wherever_it_is_shared() {
        let (first, second, alice) = (FakeStore::new(), FakeStore::new(), user("alice"));
        let replay = Replay::new(None);
        let moves =
            [Sharing::Elsewhere(first.clone()), Sharing::Elsewhere(second), Sharing::Nowhere, Sharing::Still(first)];
        assert!(replay.first_use(&["0"], &alice, at(0)).await);
        for (number, sharing) in moves.iter().enumerate() {
            replay.share(sharing);
            assert!(replay.first_use(&[&(number + 1).to_string()], &alice, at(0)).await);
            for used in 0..=number + 1 {
                assert!(!replay.first_use(&[&used.to_string()], &alice, at(0)).await, "{used} after move {number}");
            }
        }
    }
}
