//! The guard's records, one for each directory entry that had a failure, each step under a lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::guard::{Outcome, PasswordDigest, Policy, Record, Verdict};
use crate::model::{EntryId, Timestamp};

/// How many records there are before those that say nothing any more are looked for.
const SWEEP_AT: usize = 1024;

/// The records. Only entries that a directory has get one, so a stranger's invented names cost no memory.
pub struct GuardRecords {
    records: Mutex<Records>,
}

struct Records {
    policy: Policy,
    by_entry: HashMap<EntryId, Kept>,
    sweep_at: usize,
}

#[derive(Default)]
struct Kept {
    record: Record,
    /// Told whenever a try ends, for those who wait for a place.
    settled: Arc<Notify>,
}

/// Whether a password may be tried.
pub enum Admission<'a> {
    /// It may, at the price of one reserved failure.
    Try(Reservation<'a>),
    /// Too many failures.
    Locked,
    /// This password was wrong a moment ago.
    KnownWrong,
}

/// A failure reserved for one try. Dropped without a word (a panic, a cancelled task), it is given back.
pub struct Reservation<'a> {
    records: &'a GuardRecords,
    entry: Option<EntryId>,
    admitted: Timestamp,
}

impl GuardRecords {
    /// None yet.
    pub fn new(policy: Policy) -> Self {
        Self { records: Mutex::new(Records { policy, by_entry: HashMap::new(), sweep_at: 0 }) }
    }

    /// Judges what is recorded by another policy from now on.
    pub fn heed(&self, policy: Policy) {
        self.with(|records| {
            records.policy = policy;
            // Who waits for a place may have one now, or be locked.
            records.by_entry.values().for_each(|kept| kept.settled.notify_waiters());
        });
    }

    /// Whether a password may be tried on the entry. Where only tries under way stand in between, waits until they have
    /// ended: the right password must not be refused because others are being tried.
    pub async fn admit(
        &self,
        entry: &EntryId,
        password: &PasswordDigest,
        now: impl Fn() -> Timestamp,
    ) -> Admission<'_> {
        loop {
            let now = now();
            let (verdict, settled) = self.step(entry, now, |kept, policy| {
                let verdict = kept.record.admit(policy, password, now);
                // Registered while the lock is held, so that no end of a try is missed.
                (verdict, (verdict == Verdict::Busy).then(|| kept.settled.clone().notified_owned()))
            });
            match (verdict, settled) {
                (Verdict::Try, _) => {
                    let entry = Some(entry.clone());
                    return Admission::Try(Reservation { records: self, entry, admitted: now });
                }
                (Verdict::Busy, Some(settled)) => settled.await,
                (Verdict::KnownWrong, _) => return Admission::KnownWrong,
                (Verdict::Locked | Verdict::Busy, _) => return Admission::Locked,
            }
        }
    }

    /// Whether the entry is locked now.
    pub async fn is_locked(&self, entry: &EntryId, now: Timestamp) -> bool {
        self.with(|records| {
            let kept = records.by_entry.get(entry);
            kept.is_some_and(|kept| kept.record.is_locked(&records.policy, now))
        })
    }

    /// How many entries are locked now.
    pub async fn locked(&self, now: Timestamp) -> usize {
        self.with(|records| {
            records.by_entry.values().filter(|kept| kept.record.is_locked(&records.policy, now)).count()
        })
    }

    fn settle(&self, entry: &EntryId, outcome: Outcome, now: Timestamp) {
        self.step(entry, now, |kept, policy| {
            kept.record.settle(policy, outcome, now);
            kept.settled.notify_waiters();
        });
    }

    fn step<T>(&self, entry: &EntryId, now: Timestamp, step: impl FnOnce(&mut Kept, &Policy) -> T) -> T {
        self.with(|records| {
            let policy = records.policy;
            if records.by_entry.len() >= records.sweep_at.max(SWEEP_AT) {
                records.by_entry.retain(|_, kept| !kept.record.is_idle(&policy, now));
                records.sweep_at = records.by_entry.len() * 2;
            }
            let kept = records.by_entry.entry(entry.clone()).or_default();
            let result = step(kept, &policy);
            if kept.record.is_idle(&policy, now) {
                records.by_entry.remove(entry);
            }
            result
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Records) -> T) -> T {
        work(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reservation<'_> {
    /// Records how the try ended.
    pub async fn settle(mut self, outcome: Outcome, now: Timestamp) {
        if let Some(entry) = self.entry.take() {
            self.records.settle(&entry, outcome, now);
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.records.settle(&entry, Outcome::NotCounted, self.admitted);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn entry(name: &str) -> EntryId {
        EntryId { directory: "d".into(), entry: name.into() }
    }

    async fn reserve<'a>(records: &'a GuardRecords, name: &str, password: u8, seconds: i64) -> Reservation<'a> {
        match records.admit(&entry(name), &[password; 32], || at(seconds)).await {
            Admission::Try(reservation) => reservation,
            Admission::Locked | Admission::KnownWrong => panic!("not admitted"),
        }
    }

    #[tokio::test]
    async fn keeps_only_what_says_something() {
        let records = GuardRecords::new(Policy { threshold: 2, window: Duration::from_secs(60) });
        for number in 0..3000 {
            let wrong = reserve(&records, &number.to_string(), 1, number).await;
            wrong.settle(Outcome::WrongPassword([1; 32]), at(number)).await;
            reserve(&records, "good", 2, number).await.settle(Outcome::Success, at(number)).await;
        }
        assert!(records.with(|records| records.by_entry.len()) <= SWEEP_AT);
    }

    #[tokio::test]
    async fn the_right_password_waits_for_others_under_way() {
        let records = GuardRecords::new(Policy { threshold: 2, window: Duration::from_secs(60) });
        let (first, second) = (reserve(&records, "alice", 1, 0).await, reserve(&records, "alice", 2, 0).await);
        let mut third = Box::pin(reserve(&records, "alice", 3, 0));
        assert!(third.as_mut().now_or_never().is_none());
        first.settle(Outcome::Success, at(0)).await;
        third.await.settle(Outcome::Success, at(0)).await;
        second.settle(Outcome::Success, at(0)).await;
    }

    #[tokio::test]
    async fn another_policy_judges_what_was_recorded_before() {
        let policy = |threshold| Policy { threshold, window: Duration::from_secs(60) };
        let records = GuardRecords::new(policy(2));
        reserve(&records, "alice", 1, 0).await.settle(Outcome::WrongPassword([1; 32]), at(0)).await;
        let (alice, _under_way) = (entry("alice"), reserve(&records, "alice", 2, 0).await);
        let mut waits = Box::pin(records.admit(&alice, &[3; 32], || at(0)));
        assert!(waits.as_mut().now_or_never().is_none());
        records.heed(policy(1));
        assert!(matches!(waits.now_or_never(), Some(Admission::Locked)));
        assert!(records.is_locked(&alice, at(0)).await);
        records.heed(policy(3));
        assert!(matches!(records.admit(&alice, &[3; 32], || at(0)).await, Admission::Try(_)));
    }

    #[tokio::test]
    async fn a_try_that_is_dropped_gives_its_reservation_back() {
        let records = GuardRecords::new(Policy { threshold: 1, window: Duration::from_secs(60) });
        for _ in 0..5 {
            drop(reserve(&records, "alice", 1, 0).await);
        }
        assert!(records.with(|records| records.by_entry.is_empty()));
    }
}
