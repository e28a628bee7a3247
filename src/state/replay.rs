//! Messages that a token was issued for, so that each is good once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openssl::sha::sha256;

use crate::model::{MAX_AGE, MAX_SKEW, Timestamp};

/// As long as any message is accepted: from the most future to the oldest.
const KEEP: Duration = MAX_AGE.saturating_add(MAX_SKEW).saturating_add(MAX_SKEW);

/// Messages remembered at a time, some 50 bytes each: far more than are answered in an hour. A stranger cannot fill it, for
/// what is recorded was signed in for; but somebody with a password might.
const MOST: usize = 4_000_000;

/// The messages used within that time, and some before.
pub struct Replay {
    generations: Mutex<Generations>,
    most: usize,
}

impl Default for Replay {
    fn default() -> Self {
        Self { generations: Mutex::default(), most: MOST }
    }
}

/// Two sets, the older one dropped whole: nothing is searched for what is out of date.
#[derive(Default)]
struct Generations {
    current: HashSet<[u8; 32]>,
    previous: HashSet<[u8; 32]>,
    since: Option<Timestamp>,
}

impl Replay {
    /// Records a message by what makes it unique to its sender; `false` if it has been recorded before, or cannot be.
    pub async fn first_use(&self, parts: &[&str], now: Timestamp) -> bool {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&part.len().to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        let key = sha256(&bytes);
        let mut seen = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        seen.turn(now);
        let room = seen.current.len() + seen.previous.len() < self.most;
        room && !seen.previous.contains(&key) && seen.current.insert(key)
    }
}

impl Generations {
    fn turn(&mut self, now: Timestamp) {
        let since = *self.since.get_or_insert(now);
        if now.since(since) >= KEEP {
            let idle = now.since(since) >= KEEP * 2;
            self.previous = std::mem::take(&mut self.current);
            if idle {
                self.previous.clear();
            }
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_is_good_once_for_as_long_as_it_could_be_accepted() {
        let replay = Replay::default();
        let at = |minutes: i64| Timestamp::from_unix_millis(minutes * 60_000);
        assert!(replay.first_use(&["sp", "_1"], at(0)).await);
        assert!(replay.first_use(&["sp_", "1"], at(0)).await, "parts do not run together");
        assert!(!replay.first_use(&["sp", "_1"], at(24)).await);
        assert!(!replay.first_use(&["sp", "_1"], at(26)).await);
        assert!(!replay.first_use(&["sp", "_1"], at(49)).await);
        assert!(replay.first_use(&["sp", "_1"], at(92)).await);
    }

    /// What cannot be remembered could come again.
    #[tokio::test]
    async fn what_there_is_no_room_for_is_not_taken() {
        let replay = Replay { most: 2, ..Replay::default() };
        let at = |minutes: i64| Timestamp::from_unix_millis(minutes * 60_000);
        for (id, minute, taken) in
            [("a", 0, true), ("b", 26, true), ("c", 27, false), ("c", 61, true), ("d", 61, false)]
        {
            assert_eq!(replay.first_use(&[id], at(minute)).await, taken, "{id} {minute}");
        }
    }
}
