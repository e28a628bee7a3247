//! The guard's records, one for each directory entry that had a failure, each step under a lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::guard::{Importance, Outcome, PasswordDigest, Policy, Record, Summary, Verdict};
use crate::model::{EntryId, Timestamp};
use crate::telemetry::{IntCounter, Metrics};

/// How many records there are before those that say nothing any more are looked for.
const SWEEP_AT: usize = 1024;
/// How many there may be: some 100 MB with names of usual length. Where a larger directory is sprayed all over, entries
/// with the fewest and oldest failures are forgotten; who is to gain two guesses by that must first spend one on each of
/// so many other users.
const MOST: usize = 250_000;

/// The records. Only entries that a directory has get one, so a stranger's invented names cost no memory.
pub struct GuardRecords {
    most: usize,
    evicted: IntCounter,
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
    /// Told whenever a try ends, for those who wait for a place; made when the first one waits.
    settled: Option<Arc<Notify>>,
}

/// Whether a password may be tried.
pub enum Admission<'a> {
    /// It may, at the price of one reserved failure.
    Try(Reservation<'a>),
    /// Too many failures.
    Locked,
    /// This password was wrong a moment ago.
    KnownWrong,
    /// Nobody knows: binds that were not answered may have been failures.
    Unanswered,
}

/// A failure reserved for one try. Dropped without a word (a panic), the bind may have been sent, and counts as unanswered.
pub struct Reservation<'a> {
    records: &'a GuardRecords,
    /// Whose, and the password, until it is settled.
    tried: Option<(EntryId, PasswordDigest)>,
    admitted: Timestamp,
}

impl GuardRecords {
    /// None yet.
    pub fn new(policy: Policy, metrics: &Metrics) -> Self {
        Self::with_room_for(MOST, policy, metrics)
    }

    fn with_room_for(most: usize, policy: Policy, metrics: &Metrics) -> Self {
        let evicted = metrics.cache_evictions.with_label_values(&["guard", "size"]);
        Self { most, evicted, records: Mutex::new(Records { policy, by_entry: HashMap::new(), sweep_at: 0 }) }
    }

    /// Judges what is recorded by another policy from now on.
    pub fn heed(&self, policy: Policy) {
        self.with(|records| {
            records.policy = policy;
            // Who waits for a place may have one now, or be locked.
            for settled in records.by_entry.values_mut().filter_map(|kept| kept.settled.take()) {
                settled.notify_waiters();
            }
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
                let settled = || kept.settled.get_or_insert_default().clone().notified_owned();
                (verdict, (verdict == Verdict::Busy).then(settled))
            });
            match (verdict, settled) {
                (Verdict::Try, _) => {
                    let tried = Some((entry.clone(), *password));
                    return Admission::Try(Reservation { records: self, tried, admitted: now });
                }
                (Verdict::Busy, Some(settled)) => settled.await,
                (Verdict::KnownWrong, _) => return Admission::KnownWrong,
                (Verdict::Unanswered, _) => return Admission::Unanswered,
                (Verdict::Locked | Verdict::Busy, _) => return Admission::Locked,
            }
        }
    }

    /// Why no password may be tried on the entry now: [`Verdict::Locked`] or [`Verdict::Unanswered`].
    pub async fn held_back(&self, entry: &EntryId, now: Timestamp) -> Option<Verdict> {
        self.with(|records| records.by_entry.get(entry)?.record.held_back(&records.policy, now))
    }

    /// Of how many entries no password may be tried now.
    pub async fn locked(&self, now: Timestamp) -> usize {
        self.with(|records| {
            let held_back = |kept: &&Kept| kept.record.held_back(&records.policy, now).is_some();
            records.by_entry.values().filter(held_back).count()
        })
    }

    /// Every entry that has failures which count, for an operator.
    pub async fn summaries(&self, now: Timestamp) -> Vec<(EntryId, Summary)> {
        self.with(|records| {
            let summary = |(entry, kept): (&EntryId, &Kept)| {
                let summary = kept.record.summary(&records.policy, now);
                (summary.failures > 0).then(|| (entry.clone(), summary))
            };
            records.by_entry.iter().filter_map(summary).collect()
        })
    }

    /// Forgets the failures of an entry, as an operator wants it; what they were, if there were any.
    pub async fn unlock(&self, entry: &EntryId, now: Timestamp) -> Option<Summary> {
        self.with(|records| records.by_entry.get(entry).map(|kept| kept.record.summary(&records.policy, now)))?;
        self.step(entry, now, |kept, policy| {
            let summary = kept.record.summary(policy, now);
            kept.record.unlock();
            if let Some(settled) = kept.settled.take() {
                settled.notify_waiters();
            }
            (summary.failures > 0).then_some(summary)
        })
    }

    /// Drops what says nothing any more; how many entries have a record then.
    pub async fn tidy(&self, now: Timestamp) -> usize {
        self.with(|records| {
            let policy = records.policy;
            records.by_entry.retain(|_, kept| !kept.record.is_idle(&policy, now));
            records.by_entry.len()
        })
    }

    fn settle(&self, entry: &EntryId, password: &PasswordDigest, outcome: Outcome, now: Timestamp) {
        self.step(entry, now, |kept, policy| {
            kept.record.settle(policy, password, outcome, now);
            if let Some(settled) = kept.settled.take() {
                settled.notify_waiters();
            }
        });
    }

    fn step<T>(&self, entry: &EntryId, now: Timestamp, step: impl FnOnce(&mut Kept, &Policy) -> T) -> T {
        self.with(|records| {
            let policy = records.policy;
            if records.by_entry.len() >= records.sweep_at.max(SWEEP_AT.min(self.most)) {
                self.sweep(records, now);
            }
            let known = records.by_entry.contains_key(entry);
            let mut new = Kept::default();
            let kept = if known { records.by_entry.get_mut(entry).unwrap_or(&mut new) } else { &mut new };
            let result = step(kept, &policy);
            match (known, kept.record.is_idle(&policy, now)) {
                (true, true) => drop(records.by_entry.remove(entry)),
                (false, false) => drop(records.by_entry.insert(entry.clone(), new)),
                _ => {}
            }
            result
        })
    }

    /// Drops what says nothing any more, and a quarter besides where there is no room left: each record that comes pays for
    /// looking at a few others.
    fn sweep(&self, records: &mut Records, now: Timestamp) {
        let (policy, by_entry) = (records.policy, &mut records.by_entry);
        by_entry.retain(|_, kept| !kept.record.is_idle(&policy, now));
        let enough = self.most - self.most / 4;
        if by_entry.len() > enough {
            let importance = |kept: &Kept| kept.record.importance(&policy, now);
            let mut all: Vec<Importance> = by_entry.values().map(importance).collect();
            let mut surplus = by_entry.len() - enough;
            let (_, limit, _) = all.select_nth_unstable(surplus - 1);
            by_entry.retain(|_, kept| {
                let importance = importance(kept);
                let drop = surplus > 0 && importance <= *limit && !importance.is_in_use();
                surplus -= usize::from(drop);
                if drop {
                    self.evicted.inc();
                }
                !drop
            });
        }
        by_entry.shrink_to(by_entry.len() * 2);
        records.sweep_at = (by_entry.len() * 2).min(self.most);
    }

    fn with<T>(&self, work: impl FnOnce(&mut Records) -> T) -> T {
        work(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reservation<'_> {
    /// Records how the try ended.
    pub async fn settle(mut self, outcome: Outcome, now: Timestamp) {
        if let Some((entry, password)) = self.tried.take() {
            self.records.settle(&entry, &password, outcome, now);
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some((entry, password)) = self.tried.take() {
            self.records.settle(&entry, &password, Outcome::Unanswered, self.admitted);
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

    fn records(most: usize) -> (GuardRecords, Metrics) {
        let metrics = Metrics::new().unwrap();
        let policy = Policy { threshold: 2, window: Duration::from_secs(1800) };
        (GuardRecords::with_room_for(most, policy, &metrics), metrics)
    }

    fn evicted(metrics: &Metrics) -> u64 {
        metrics.cache_evictions.with_label_values(&["guard", "size"]).get()
    }

    fn count(records: &GuardRecords) -> usize {
        records.with(|records| records.by_entry.len())
    }

    async fn reserve<'a>(records: &'a GuardRecords, name: &str, password: u8, seconds: i64) -> Reservation<'a> {
        match records.admit(&entry(name), &[password; 32], || at(seconds)).await {
            Admission::Try(reservation) => reservation,
            _ => panic!("not admitted"),
        }
    }

    async fn fail(records: &GuardRecords, name: &str, password: u8, seconds: i64) {
        reserve(records, name, password, seconds).await.settle(Outcome::WrongPassword, at(seconds)).await;
    }

    #[tokio::test]
    async fn keeps_only_what_says_something() {
        let (records, metrics) = records(MOST);
        for number in 0..5000 {
            fail(&records, &number.to_string(), 1, number).await;
            reserve(&records, "good", 2, number).await.settle(Outcome::Success, at(number)).await;
        }
        assert!(count(&records) <= 2 * 1800, "the window holds 1800 of them");
        assert!(records.with(|records| records.by_entry.capacity()) < 2 * 5000);
        assert_eq!(records.tidy(at(4999)).await, 1800);
        assert_eq!(records.tidy(at(4999 + 1800)).await, 0);
        assert_eq!(evicted(&metrics), 0);
    }

    /// One wrong guess at each entry of a directory that has four times as many as there is room for.
    #[tokio::test]
    async fn a_spray_over_a_large_directory_takes_bounded_memory_and_unlocks_nobody() {
        const ROOM: usize = 20_000;
        let (records, metrics) = records(ROOM);
        for number in 0..100 {
            let name = format!("cn=locked {number},dc=example,dc=com");
            fail(&records, &name, 1, 0).await;
            fail(&records, &name, 2, 0).await;
        }
        let _under_way = reserve(&records, "cn=under way", 1, 0).await;
        for number in 0..4 * ROOM {
            fail(&records, &format!("cn=user {number},dc=example,dc=com"), 1, 1).await;
        }
        let kept = count(&records);
        assert!((ROOM - ROOM / 4..=ROOM).contains(&kept), "{kept}");
        assert_eq!(evicted(&metrics) as usize, 4 * ROOM + 101 - kept);
        assert_eq!(records.locked(at(2)).await, 100);
        assert!(records.with(|records| records.by_entry.contains_key(&entry("cn=under way"))));
    }

    #[tokio::test]
    async fn where_all_are_locked_the_oldest_lock_ends_first() {
        let (records, _) = records(80);
        for number in 0..100 {
            fail(&records, &number.to_string(), 1, number).await;
            fail(&records, &number.to_string(), 2, number).await;
        }
        assert!(count(&records) <= 80);
        assert_eq!(records.held_back(&entry("0"), at(100)).await, None);
        for number in 50..100 {
            let held_back = records.held_back(&entry(&number.to_string()), at(100)).await;
            assert_eq!(held_back, Some(Verdict::Locked), "{number}");
        }
    }

    #[tokio::test]
    async fn tries_under_way_are_never_dropped() {
        let (records, _) = records(8);
        let mut under_way = Vec::new();
        for number in 0..20 {
            under_way.push(reserve(&records, &number.to_string(), 1, 0).await);
        }
        assert_eq!(count(&records), 20);
        for reservation in under_way {
            reservation.settle(Outcome::NotCounted, at(0)).await;
        }
        assert_eq!(count(&records), 0);
    }

    #[tokio::test]
    async fn looking_at_an_entry_leaves_no_record() {
        let (records, _) = records(MOST);
        for number in 0..10_000 {
            assert_eq!(records.held_back(&entry(&number.to_string()), at(0)).await, None);
            reserve(&records, &number.to_string(), 1, 0).await.settle(Outcome::NotCounted, at(0)).await;
        }
        assert_eq!(count(&records), 0);
    }

    #[tokio::test]
    async fn the_right_password_waits_for_others_under_way() {
        let (records, _) = records(MOST);
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
        let records = GuardRecords::new(policy(2), &Metrics::new().unwrap());
        reserve(&records, "alice", 1, 0).await.settle(Outcome::WrongPassword, at(0)).await;
        let (alice, _under_way) = (entry("alice"), reserve(&records, "alice", 2, 0).await);
        let mut waits = Box::pin(records.admit(&alice, &[3; 32], || at(0)));
        assert!(waits.as_mut().now_or_never().is_none());
        records.heed(policy(1));
        assert!(matches!(waits.now_or_never(), Some(Admission::Locked)));
        assert_eq!(records.held_back(&alice, at(0)).await, Some(Verdict::Locked));
        records.heed(policy(3));
        assert!(matches!(records.admit(&alice, &[3; 32], || at(0)).await, Admission::Try(_)));
    }

    #[tokio::test]
    async fn who_tries_the_same_wrong_password_at_the_same_time_learns_from_the_first() {
        let (records, _) = records(MOST);
        let first = reserve(&records, "alice", 1, 0).await;
        let mut others: Vec<_> =
            (0..100).map(|_| Box::pin(async { records.admit(&entry("alice"), &[1; 32], || at(0)).await })).collect();
        assert!(others.iter_mut().all(|other| other.as_mut().now_or_never().is_none()));
        first.settle(Outcome::WrongPassword, at(0)).await;
        for other in others {
            assert!(matches!(other.await, Admission::KnownWrong));
        }
    }

    #[tokio::test]
    async fn an_operator_sees_who_is_locked_and_unlocks_them() {
        let (records, _) = records(MOST);
        fail(&records, "bob", 1, 0).await;
        fail(&records, "alice", 1, 0).await;
        fail(&records, "alice", 2, 1).await;
        let mut summaries = records.summaries(at(2)).await;
        summaries.sort_by_key(|(entry, _)| entry.clone());
        let told = Summary { failures: 2, unanswered: 0, last_failure: Some(at(1)), held_back: Some(Verdict::Locked) };
        assert_eq!((summaries.len(), summaries[0].1), (2, told));
        assert_eq!(records.unlock(&entry("alice"), at(2)).await, Some(told));
        assert_eq!(records.unlock(&entry("alice"), at(2)).await, None);
        assert_eq!(records.unlock(&entry("nobody"), at(2)).await, None);
        assert!(matches!(records.admit(&entry("alice"), &[3; 32], || at(2)).await, Admission::Try(_)));
        assert!(matches!(records.admit(&entry("alice"), &[1; 32], || at(2)).await, Admission::KnownWrong));
    }

    #[tokio::test]
    async fn a_try_that_is_dropped_may_have_been_counted() {
        let (records, _) = records(MOST);
        for password in 1..3 {
            drop(reserve(&records, "alice", password, 0).await);
        }
        assert!(matches!(records.admit(&entry("alice"), &[3; 32], || at(0)).await, Admission::Unanswered));
        assert_eq!(records.locked(at(0)).await, 1);
    }
}
