//! The guard's records, one for each directory entry that had a failure: in this process, each step under a lock; where
//! replicas share a store, each step as a compare-and-swap on it.

mod handed_over;
mod kept;
#[cfg(test)]
mod moved_tests;
mod reservation;
#[cfg(test)]
mod simulation;
mod store;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, timeout};

pub use self::handed_over::{News, Settled};
use self::kept::{Kept, Records};
pub use self::reservation::Reservation;
use super::{Current, Shared, Sharing};
use crate::guard::{Apart, Asking, Counts, Held, PasswordDigest, Place, Policy, Summary, Verdict};
use crate::model::{EntryId, Timestamp};
use crate::telemetry::Metrics;

/// How many there may be: some 100 MB with names of usual length. Where a larger directory is sprayed all over, entries
/// with the fewest and oldest failures are forgotten; who is to gain two guesses by that must first spend one on each of
/// so many other users.
const MOST: usize = 250_000;

/// How soon another replica's tries are looked at again by who waits for one of them to end.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a lock is believed without asking the store again: so long a flood at a locked entry costs it one question, and
/// an operator who unlocks it elsewhere waits.
const BELIEVED: Duration = Duration::from_secs(1);

/// The records. Only entries that a directory has get one, so a stranger's invented names cost no memory.
pub struct GuardRecords(Arc<Inner>);

struct Inner {
    records: Records,
    /// Changes under the lock of the records alone.
    shared: Current,
    /// How often it was another place. What was begun with the one before says nothing of this one.
    moves: AtomicU64,
    /// The next reservation's id: drawn at the beginning, so that those of two replicas are different.
    next: AtomicU64,
}

/// Whether a password may be tried.
pub enum Admission {
    /// It may, at the price of one reserved failure; and why it would not have been, where nothing is enforced.
    Try(Reservation, Option<Held>),
    /// It may not. Never [`Verdict::Busy`].
    Held(Held),
}

/// How far an admission came without asking anybody.
enum Begun {
    Held(Held),
    Wait(OwnedNotified),
    /// A failure is reserved.
    Reserved(Option<Held>),
    /// The password is noted as being tried, and the store is to be asked.
    Ask(Option<Held>),
}

/// Of how many entries no password may be tried now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Locked {
    /// From anywhere.
    pub entirely: usize,
    /// From an unknown place, but from a familiar one.
    pub to_unknown: usize,
}

impl GuardRecords {
    /// None yet. What replicas share is kept in `shared`, if they do.
    pub fn new(policy: Policy, metrics: &Metrics, shared: Option<Arc<dyn Shared>>) -> Self {
        Self::with_room_for(MOST, policy, metrics, shared)
    }

    fn with_room_for(most: usize, policy: Policy, metrics: &Metrics, shared: Option<Arc<dyn Shared>>) -> Self {
        let evicted = metrics.cache_evictions.with_label_values(&["guard", "size"]);
        let next = AtomicU64::new(RandomState::new().hash_one("reservations"));
        let (shared, moves) = (Current::new(shared), AtomicU64::new(0));
        Self(Arc::new(Inner { records: Records::new(most, policy, evicted), shared, moves, next }))
    }

    /// Judges what is recorded by another policy from now on.
    pub fn heed(&self, policy: Policy) {
        self.0.records.with(|inside| {
            inside.policy = policy;
            // Who waits for a place may have one now, or be locked.
            inside.by_entry.values_mut().for_each(Kept::tell);
        });
    }

    /// Shares them there from now on. What was counted where nothing was shared is added to what others have counted; what a
    /// store had stays in it, and is known here where nothing takes its place. Tries under way are settled where they end.
    pub fn share(&self, sharing: &Sharing, now: Timestamp) {
        self.0.records.with(|inside| {
            let (policy, before) = (inside.policy, self.0.shared.is_some());
            for kept in inside.by_entry.values_mut() {
                match sharing {
                    Sharing::Still(_) => continue,
                    Sharing::Elsewhere(_) if !before => {
                        let apart = Apart::of(std::mem::take(&mut kept.counts));
                        kept.apart = Some(Box::new(apart)).filter(|apart| !apart.is_empty());
                    }
                    Sharing::Elsewhere(_) => {}
                    Sharing::Nowhere => (kept.counts, kept.apart) = (kept.all(&policy, now), None),
                }
                kept.seen = None;
                // Who waits for a place asks elsewhere now.
                kept.tell();
            }
            if !matches!(sharing, Sharing::Still(_)) {
                self.0.moves.fetch_add(1, Ordering::Relaxed);
            }
            self.0.shared.switch(sharing);
        });
    }

    /// Whether a password may be tried on the entry. Where only tries under way stand in between, waits until they have
    /// ended: the right password must not be refused because others are being tried.
    pub async fn admit(
        &self,
        entry: &EntryId,
        password: &PasswordDigest,
        asking: Asking,
        now: impl Fn() -> Timestamp,
    ) -> Admission {
        loop {
            let now = now();
            let id = self.0.next.fetch_add(1, Ordering::Relaxed);
            let mut reservation = Reservation::new(&self.0, entry, password, asking.place, id, now);
            let begun = self.0.begin(entry, password, &asking, id, now);
            let told = match begun {
                Begun::Held(held) => {
                    reservation.forgo();
                    return Admission::Held(held);
                }
                Begun::Wait(settled) => {
                    reservation.forgo();
                    self.0.wait(settled).await;
                    continue;
                }
                Begun::Reserved(told) => told,
                Begun::Ask(told) => match reservation.ask(asking).await {
                    Ok((reserved, observed)) => {
                        reservation = reserved;
                        observed.or(told)
                    }
                    Err(Held { verdict: Verdict::Busy, .. }) => {
                        self.0.wait(self.0.settled(entry, now)).await;
                        continue;
                    }
                    Err(held) => return Admission::Held(held),
                },
            };
            reservation.hand_out();
            return Admission::Try(reservation, told);
        }
    }

    /// Why no password may be tried on the entry from there now, other than that others are being tried.
    pub async fn held_back(&self, entry: &EntryId, place: Place, now: Timestamp) -> Option<Held> {
        let Inner { records, shared, .. } = &*self.0;
        if let Some(store) = shared.store() {
            let believed = |kept: &Kept| kept.seen.is_some_and(|seen| seen.elapsed() < BELIEVED);
            if !records.of(entry, |kept, _| believed(kept)).unwrap_or_default()
                && let Ok(counts) = store::look(&*store, entry).await
            {
                let policy = records.with(|inside| inside.policy);
                let all = records.of(entry, |kept, _| kept.on(&counts, &policy, now));
                return all.unwrap_or(counts).held_back(&policy, place, now);
            }
        }
        records.of(entry, |kept, policy| kept.all(policy, now).held_back(policy, place, now)).flatten()
    }

    /// Of how many entries no password may be tried now, as far as this process knows.
    pub async fn locked(&self, now: Timestamp) -> Locked {
        self.0.records.with(|inside| {
            let mut locked = Locked::default();
            for kept in inside.by_entry.values() {
                let summary = kept.all(&inside.policy, now).summary(&inside.policy, now);
                locked.entirely += usize::from(summary.held_back.is_some());
                locked.to_unknown += usize::from(summary.held_back.is_none() && summary.unknown_held_back.is_some());
            }
            locked
        })
    }

    /// Every entry that has failures which count, as far as this process knows, for an operator.
    pub async fn summaries(&self, now: Timestamp) -> Vec<(EntryId, Summary)> {
        self.0.records.with(|inside| {
            let policy = inside.policy;
            let summary = |(entry, kept): (&EntryId, &Kept)| {
                let summary = kept.all(&policy, now).summary(&policy, now);
                summary.last_failure.map(|_| (entry.clone(), summary))
            };
            inside.by_entry.iter().filter_map(summary).collect()
        })
    }

    /// The failures of one entry, as the store has them, for an operator; and whether it was asked, or there is none. While it
    /// is away they are those that this process knows of.
    pub async fn summary(&self, entry: &EntryId, now: Timestamp) -> (Summary, bool) {
        let Inner { records, shared, .. } = &*self.0;
        let known = |counts: Option<Counts>| {
            records.with(|inside| {
                let (policy, kept) = (inside.policy, inside.by_entry.get(entry));
                let all = match (kept, counts) {
                    (Some(kept), Some(counts)) => kept.on(&counts, &policy, now),
                    (Some(kept), None) => kept.all(&policy, now),
                    (None, counts) => counts.unwrap_or_default(),
                };
                all.summary(&policy, now)
            })
        };
        let Some(store) = shared.store() else { return (known(None), true) };
        match store::look(&*store, entry).await {
            Ok(counts) => (known(Some(counts)), true),
            Err(_) => (known(None), false),
        }
    }

    /// Whether a store has what is counted, and this process knows only a part of it.
    pub fn is_shared(&self) -> bool {
        self.0.shared.is_some()
    }

    /// The entries that this process knows something of.
    pub fn entries(&self) -> Vec<EntryId> {
        self.0.records.with(|inside| inside.by_entry.keys().cloned().collect())
    }

    /// Forgets which passwords of an entry, or of every one, were wrong a moment ago: they may be tried again at once, at the
    /// price of a failure.
    pub fn forget_passwords(&self, entry: Option<&EntryId>, now: Timestamp) {
        match entry {
            Some(entry) => self.0.records.step(entry, now, |kept, _| kept.passwords.forget_known()),
            None => self.0.records.with(|inside| {
                inside.by_entry.values_mut().for_each(|kept| kept.passwords.forget_known());
            }),
        }
    }

    /// Forgets the failures of an entry, as an operator wants it, for every replica, and in this process which passwords were
    /// wrong; what the failures were, if there were any.
    pub async fn unlock(&self, entry: &EntryId, now: Timestamp) -> Option<Summary> {
        let summary = self.0.clone().unlock(entry, now).await;
        summary.last_failure.map(|_| summary)
    }

    /// Drops what says nothing any more, and tells the store what was done while it was away; how many entries have a record
    /// then.
    pub async fn tidy(&self, now: Timestamp) -> usize {
        if let Some(store) = self.0.shared.store() {
            let apart = |(entry, kept): (&EntryId, &Kept)| kept.apart.is_some().then(|| entry.clone());
            let behind: Vec<_> = self.0.records.with(|inside| inside.by_entry.iter().filter_map(apart).collect());
            for entry in behind {
                let joining = self.0.on_store(&store, &entry, now, |_, _| ());
                if self.0.in_turn(&entry, now, joining).await.is_err() {
                    break;
                }
            }
        }
        self.0.records.tidy(now)
    }
}

impl Inner {
    /// All that can be said without waiting. Passwords are judged here, and what has failed where no store is asked.
    fn begin(&self, entry: &EntryId, password: &PasswordDigest, asking: &Asking, id: u64, now: Timestamp) -> Begun {
        self.records.step(entry, now, |kept, policy| {
            // Registered while the lock is held, so that no end of a try is missed.
            let wait = |kept: &mut Kept| Begun::Wait(kept.settled.get_or_insert_default().clone().notified_owned());
            let mut told = kept.passwords.held(password, now);
            if let Some(known) = told.filter(|_| policy.enforced) {
                return match kept.all(policy, now).held_back(policy, asking.place, now) {
                    Some(held) => Begun::Held(held),
                    None if known.verdict == Verdict::Busy => wait(kept),
                    None => Begun::Held(known),
                };
            }
            let shares = self.shared.is_some();
            let held =
                if shares { kept.believed(policy, asking, now) } else { kept.counts.admit(policy, asking, id, now) };
            match held {
                Some(Held { verdict: Verdict::Busy, .. }) if policy.enforced => return wait(kept),
                Some(held) if policy.enforced => return Begun::Held(held),
                held => told = held.or(told),
            }
            kept.passwords.begin(password);
            let told = told.filter(|held| held.verdict != Verdict::Busy);
            if shares { Begun::Ask(told) } else { Begun::Reserved(told) }
        })
    }

    fn settled(&self, entry: &EntryId, now: Timestamp) -> OwnedNotified {
        self.records.step(entry, now, |kept, _| kept.settled.get_or_insert_default().clone().notified_owned())
    }

    /// Until a try has ended here, or may have elsewhere.
    async fn wait(&self, settled: OwnedNotified) {
        if self.shared.is_some() {
            // Which of both it was is seen by looking.
            drop(timeout(LOOK_AGAIN, settled).await);
        } else {
            settled.await;
        }
    }

    async fn unlock(self: Arc<Self>, entry: &EntryId, now: Timestamp) -> Summary {
        let step = |counts: &mut Counts, policy: &Policy| {
            let summary = counts.summary(policy, now);
            counts.unlock();
            summary
        };
        let summary = match self.shared.store() {
            None => {
                let news = News::Unlocked { entry: entry.clone(), at: now };
                self.records.step_and_tell(news, |kept, policy, _| step(&mut kept.counts, policy))
            }
            Some(store) => {
                let apart = |kept: &mut Kept, policy: &Policy| {
                    let summary = kept.all(policy, now).summary(policy, now);
                    kept.apart.get_or_insert_default().unlock(policy, now);
                    summary
                };
                let unlocking = async {
                    let unlocked = self.on_store(&store, entry, now, step).await;
                    unlocked.unwrap_or_else(|_| self.records.step(entry, now, apart))
                };
                self.in_turn(entry, now, unlocking).await
            }
        };
        self.records.step(entry, now, |kept, _| {
            kept.passwords.forget_known();
            kept.tell();
        });
        summary
    }
}

impl Kept {
    /// What was seen of the store so lately that it need not be asked.
    fn believed(&self, policy: &Policy, asking: &Asking, now: Timestamp) -> Option<Held> {
        let seen = self.seen.as_ref().map(Instant::elapsed)?;
        let held = self.all(policy, now).held(policy, asking, now)?;
        let long = if held.verdict == Verdict::Busy { LOOK_AGAIN } else { BELIEVED };
        (seen < long && policy.enforced).then_some(held)
    }
}
