//! Lockout protection as a step function: an entry's record, an event and the time give a verdict and change the record.
//! Whoever keeps the records runs each step under a lock.
//!
//! A failure is reserved before the bind and given back when the bind succeeds or the directory was not there, so that
//! parallel guesses cannot slip past the threshold. Who finds every failure left reserved waits for those tries to end. The count goes back to nothing only after the window has passed without
//! a counted failure, or with a bind that succeeds; a refusal extends nothing. A wrong password tried again within a
//! minute is not bound again and not counted again: devices resend a stale one for hours.

use std::time::Duration;

use crate::model::Timestamp;

/// How long the same wrong password is known.
const KNOWN_WRONG: Duration = Duration::from_secs(60);
/// How many wrong passwords are known of one entry.
const KNOWN_WRONG_MAX: usize = 8;

/// A keyed digest of a password: comparable, and worth nothing outside this process.
pub type PasswordDigest = [u8; 32];

/// How many failures within how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Failures, counted and reserved, after which an entry is refused. Below the directory's own threshold.
    pub threshold: u32,
    /// How long after the last counted failure the count is forgotten.
    pub window: Duration,
}

/// What is remembered of one directory entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    failures: u32,
    reserved: u32,
    last_failure: Option<Timestamp>,
    wrong: Vec<(PasswordDigest, Timestamp)>,
}

/// Whether a password may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may; one failure is reserved, and [`Record::settle`] must follow.
    Try,
    /// Not now: the failures that are left are reserved by tries under way.
    Busy,
    /// Too many failures.
    Locked,
    /// This password was wrong a moment ago.
    KnownWrong,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The directory bound: the count is forgotten.
    Success,
    /// The password was wrong: the reserved failure counts.
    WrongPassword(PasswordDigest),
    /// The directory was not there, or refused for another reason than the password: the reserved failure is given back.
    NotCounted,
}

impl Record {
    /// Whether a password may be tried now; reserves a failure if so.
    pub fn admit(&mut self, policy: &Policy, password: &PasswordDigest, now: Timestamp) -> Verdict {
        self.forget(policy, now);
        if self.failures >= policy.threshold {
            return Verdict::Locked;
        }
        if self.wrong.iter().any(|(digest, _)| openssl::memcmp::eq(digest, password)) {
            return Verdict::KnownWrong;
        }
        if self.failures.saturating_add(self.reserved) >= policy.threshold {
            return Verdict::Busy;
        }
        self.reserved += 1;
        Verdict::Try
    }

    /// Records how a try that was admitted ended.
    pub fn settle(&mut self, policy: &Policy, outcome: Outcome, now: Timestamp) {
        self.forget(policy, now);
        self.reserved = self.reserved.saturating_sub(1);
        match outcome {
            Outcome::Success => {
                self.failures = 0;
                self.last_failure = None;
                self.wrong.clear();
            }
            Outcome::WrongPassword(digest) => {
                self.failures = self.failures.saturating_add(1);
                self.last_failure = Some(now);
                if self.wrong.len() >= KNOWN_WRONG_MAX {
                    self.wrong.remove(0);
                }
                self.wrong.push((digest, now));
            }
            Outcome::NotCounted => {}
        }
    }

    /// Whether no further password may be tried now, whatever it is.
    pub fn is_locked(&self, policy: &Policy, now: Timestamp) -> bool {
        self.counted(policy, now) >= policy.threshold
    }

    /// Whether nothing would be lost with this record.
    pub fn is_idle(&self, policy: &Policy, now: Timestamp) -> bool {
        self.reserved == 0 && self.counted(policy, now) == 0
    }

    /// Failures that count now, those reserved not among them.
    fn counted(&self, policy: &Policy, now: Timestamp) -> u32 {
        let over = self.last_failure.is_none_or(|last| now.since(last) >= policy.window);
        if over { 0 } else { self.failures }
    }

    fn forget(&mut self, policy: &Policy, now: Timestamp) {
        self.failures = self.counted(policy, now);
        if self.failures == 0 {
            self.last_failure = None;
        }
        self.wrong.retain(|(_, at)| now.since(*at) < KNOWN_WRONG);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { threshold: 3, window: Duration::from_secs(1800) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    fn password(number: u8) -> PasswordDigest {
        [number; 32]
    }

    fn fail(record: &mut Record, number: u8, seconds: i64) {
        assert_eq!(record.admit(&POLICY, &password(number), at(seconds)), Verdict::Try);
        record.settle(&POLICY, Outcome::WrongPassword(password(number)), at(seconds));
    }

    #[test]
    fn locks_at_the_threshold_and_opens_after_the_window() {
        let mut record = Record::default();
        (0..3).for_each(|number| fail(&mut record, number, i64::from(number)));
        assert!(record.is_locked(&POLICY, at(3)));
        assert_eq!(record.admit(&POLICY, &password(9), at(1801)), Verdict::Locked);
        assert_eq!(record.admit(&POLICY, &password(9), at(1802)), Verdict::Try, "a refusal extends nothing");
    }

    #[test]
    fn parallel_guesses_cannot_slip_past() {
        let mut record = Record::default();
        let verdicts: Vec<Verdict> =
            (0..1000).map(|n| record.admit(&POLICY, &password((n % 250) as u8), at(0))).collect();
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Try).count(), 3);
    }

    #[test]
    fn an_outage_gives_the_reserved_failure_back() {
        let mut record = Record::default();
        for second in 0..100 {
            assert_eq!(record.admit(&POLICY, &password(1), at(second)), Verdict::Try);
            record.settle(&POLICY, Outcome::NotCounted, at(second));
        }
        assert!(record.is_idle(&POLICY, at(100)));
    }

    #[test]
    fn the_same_wrong_password_is_bound_once_a_minute() {
        let mut record = Record::default();
        fail(&mut record, 1, 0);
        assert_eq!(record.admit(&POLICY, &password(1), at(59)), Verdict::KnownWrong);
        fail(&mut record, 1, 60);
        fail(&mut record, 1, 120);
        assert_eq!(record.admit(&POLICY, &password(2), at(121)), Verdict::Locked);
    }

    #[test]
    fn a_bind_forgets_all() {
        let mut record = Record::default();
        fail(&mut record, 1, 0);
        fail(&mut record, 2, 0);
        assert_eq!(record.admit(&POLICY, &password(3), at(1)), Verdict::Try);
        record.settle(&POLICY, Outcome::Success, at(1));
        assert_eq!(record, Record::default());
    }
}
