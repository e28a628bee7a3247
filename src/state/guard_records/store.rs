//! Steps on the store that replicas share.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::Inner;
use crate::guard::{Counts, Policy, RESERVED_FOR};
use crate::model::{EntryId, Timestamp};
use crate::state::entry_key::entry_key;
use crate::state::{Away, Shared};

/// How often a step is tried again because another replica was faster.
const TRIES: usize = 100;

/// What the store has of an entry.
pub(super) async fn look(store: &dyn Shared, entry: &EntryId) -> Result<Counts, Away> {
    Ok(counts_of(store.get(&key_of(store, entry)).await?.as_deref()))
}

fn key_of(store: &dyn Shared, entry: &EntryId) -> String {
    entry_key(Some(store), "guard:", entry)
}

fn counts_of(bytes: Option<&[u8]>) -> Counts {
    bytes.map(Counts::from_bytes).unwrap_or_default()
}

impl Inner {
    /// Does the work while nobody else of this process asks the store about the entry: else all who guess at one would only
    /// be in each other's way.
    pub(super) async fn in_turn<T>(&self, entry: &EntryId, now: Timestamp, work: impl Future<Output = T>) -> T {
        let turn = self.records.step(entry, now, |kept, _| {
            kept.turns += 1;
            kept.turn.get_or_insert_default().clone()
        });
        let _waiting = Waiting { inner: self, entry, now };
        let _turn = turn.lock().await;
        work.await
    }

    /// Does a step on what the store has, with what was done here while it was away. To be called in turn.
    ///
    /// What the store last had is tried first: if it still has that, the step is one round trip.
    pub(super) async fn on_store<T>(
        &self,
        store: &Arc<dyn Shared>,
        entry: &EntryId,
        now: Timestamp,
        step: impl Fn(&mut Counts, &Policy) -> T,
    ) -> Result<T, Away> {
        let key = key_of(&**store, entry);
        let moves = || self.moves.load(Ordering::Relaxed);
        let take =
            |kept: &mut super::Kept, policy: &Policy| (kept.counts.clone(), kept.apart.clone(), *policy, moves());
        let (seen, apart, policy, place) = self.records.step(entry, now, take);
        let (mut old, mut certain) = (seen.to_bytes(), false);
        for _ in 0..TRIES {
            let mut counts = counts_of(old.as_deref());
            if let Some(apart) = &apart {
                counts = apart.on(&counts, &policy, now);
            }
            let result = step(&mut counts, &policy);
            let new = counts.to_bytes();
            let done = match (new == old, certain) {
                (true, certain) => certain,
                (false, _) => {
                    let new = new.as_deref().map(|new| (new, policy.window + RESERVED_FOR));
                    store.swap(&key, old.as_deref(), new).await?
                }
            };
            if done {
                self.records.step(entry, now, |kept, _| {
                    if moves() == place {
                        (kept.counts, kept.apart, kept.seen) = (counts, None, Some(Instant::now()));
                    }
                });
                return Ok(result);
            }
            (old, certain) = (store.get(&key).await?, true);
        }
        Err(Away)
    }
}

/// Who waits for a turn or has it, until they are done or give it up: a record that is waited for is not dropped.
struct Waiting<'a> {
    inner: &'a Inner,
    entry: &'a EntryId,
    now: Timestamp,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.inner.records.step(self.entry, self.now, |kept, _| kept.turns = kept.turns.saturating_sub(1));
    }
}
