//! The guard's records, one for each directory entry that had a failure, each step under a lock.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::guard::{Outcome, PasswordDigest, Policy, Record, Verdict};
use crate::model::{EntryId, Timestamp};

/// How many records there are before those that say nothing any more are looked for.
const SWEEP_AT: usize = 1024;

/// The records. Only entries that a directory has get one, so a stranger's invented names cost no memory.
pub struct GuardRecords {
    policy: Policy,
    records: Mutex<Records>,
}

#[derive(Default)]
struct Records {
    by_entry: HashMap<EntryId, Record>,
    sweep_at: usize,
}

impl GuardRecords {
    /// None yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy, records: Mutex::default() }
    }

    /// Whether a password may be tried on the entry now; reserves a failure if so, which [`GuardRecords::settle`] ends.
    pub async fn admit(&self, entry: &EntryId, password: &PasswordDigest, now: Timestamp) -> Verdict {
        self.step(entry, now, |record, policy| record.admit(policy, password, now))
    }

    /// Records how a try that was admitted ended.
    pub async fn settle(&self, entry: &EntryId, outcome: Outcome, now: Timestamp) {
        self.step(entry, now, |record, policy| record.settle(policy, outcome, now));
    }

    /// Whether the entry is locked now.
    pub async fn is_locked(&self, entry: &EntryId, now: Timestamp) -> bool {
        self.with(|records| records.by_entry.get(entry).is_some_and(|record| record.is_locked(&self.policy, now)))
    }

    /// How many entries are locked now.
    pub async fn locked(&self, now: Timestamp) -> usize {
        self.with(|records| records.by_entry.values().filter(|record| record.is_locked(&self.policy, now)).count())
    }

    fn step<T>(&self, entry: &EntryId, now: Timestamp, step: impl FnOnce(&mut Record, &Policy) -> T) -> T {
        self.with(|records| {
            if records.by_entry.len() >= records.sweep_at.max(SWEEP_AT) {
                records.by_entry.retain(|_, record| !record.is_idle(&self.policy, now));
                records.sweep_at = records.by_entry.len() * 2;
            }
            let record = records.by_entry.entry(entry.clone()).or_default();
            let result = step(record, &self.policy);
            if record.is_idle(&self.policy, now) {
                records.by_entry.remove(entry);
            }
            result
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Records) -> T) -> T {
        work(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn keeps_only_what_says_something() {
        let records = GuardRecords::new(Policy { threshold: 2, window: Duration::from_secs(60) });
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        for number in 0..3000 {
            let entry = EntryId { directory: "d".into(), entry: number.to_string().into() };
            assert_eq!(records.admit(&entry, &[1; 32], at(number)).await, Verdict::Try);
            records.settle(&entry, Outcome::WrongPassword([1; 32]), at(number)).await;
            let good = EntryId { directory: "d".into(), entry: "good".into() };
            assert_eq!(records.admit(&good, &[2; 32], at(number)).await, Verdict::Try);
            records.settle(&good, Outcome::Success, at(number)).await;
        }
        assert!(records.with(|records| records.by_entry.len()) <= SWEEP_AT);
    }
}
