//! Messages that a token was issued for, so that each is good once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openssl::sha::sha256;

use crate::model::{MAX_AGE, MAX_SKEW, Timestamp};

/// As long as any message is accepted: from the most future to the oldest.
const KEEP: Duration = MAX_AGE.saturating_add(MAX_SKEW).saturating_add(MAX_SKEW);

/// The messages used within that time, and some before. What is recorded was signed in for, so a stranger cannot
/// fill it.
#[derive(Default)]
pub struct Replay(Mutex<Generations>);

/// Two sets, the older one dropped whole: nothing is searched for what is out of date.
#[derive(Default)]
struct Generations {
    current: HashSet<[u8; 32]>,
    previous: HashSet<[u8; 32]>,
    since: Option<Timestamp>,
}

impl Replay {
    /// Records a message by what makes it unique to its sender; `false` if it has been recorded before.
    pub async fn first_use(&self, parts: &[&str], now: Timestamp) -> bool {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&part.len().to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        let key = sha256(&bytes);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.turn(now);
        !seen.previous.contains(&key) && seen.current.insert(key)
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
}
