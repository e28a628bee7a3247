//! Lockout protection as a step function: an entry's record, an event and the time give a verdict and change the record.
//! Whoever keeps the records runs each step under a lock.
//!
//! A failure is reserved before the bind and given back when the bind succeeds or was never sent, so that parallel guesses
//! cannot slip past the threshold. Who finds every failure left reserved, or the same password being tried, waits for those
//! tries to end. The count goes back to nothing only after the window has passed without a counted failure, or with a bind
//! that succeeds; a refusal extends nothing. A wrong password tried again within a minute is not bound again and not counted
//! again: devices resend a stale one for hours.
//!
//! A bind that was sent and not answered may have been counted by the directory, so it counts here as a wrong password does:
//! once for each try, for as long, and its password is not sent again within the minute. The directory so never sees more
//! than `threshold` binds that it may count until the window has passed or one of them has succeeded. It differs only in
//! what is told: nobody knows that the password was wrong, so who is held back because of it is told of an outage, as long
//! as the wrong passwords alone do not reach the threshold.

use std::time::Duration;

use crate::model::Timestamp;

/// How long the same wrong password is known, and one whose bind was not answered.
const KNOWN: Duration = Duration::from_secs(60);
/// How many such passwords are known of one entry. With a threshold beyond it the oldest is forgotten sooner.
const KNOWN_MAX: usize = 32;

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
    /// Those that count, unanswered binds among them.
    failures: u32,
    unanswered: u32,
    last_failure: Option<Timestamp>,
    /// Passwords being tried, at the price of one failure each.
    reserved: Vec<PasswordDigest>,
    known: Vec<Known>,
}

/// A password that is not to be sent again for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    password: PasswordDigest,
    at: Timestamp,
    /// Whether the directory said that it is wrong, and did not leave us without an answer.
    wrong: bool,
}

/// Whether a password may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may; one failure is reserved, and [`Record::settle`] must follow.
    Try,
    /// Not now: the failures that are left are reserved by tries under way, or one of these tries the same password.
    Busy,
    /// Too many failures.
    Locked,
    /// This password was wrong a moment ago.
    KnownWrong,
    /// Too many failures with the binds that were not answered, or this password's was not a moment ago.
    Unanswered,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The directory bound: the count is forgotten.
    Success,
    /// The password was wrong: the reserved failure counts.
    WrongPassword,
    /// The bind was sent and not answered: the reserved failure counts, since the directory may have counted it.
    Unanswered,
    /// The bind was not sent, or the directory said something else than that the password is wrong: the reserved failure is
    /// given back.
    NotCounted,
}

/// A record, for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Failures that count, unanswered binds among them.
    pub failures: u32,
    /// Binds that were sent and not answered.
    pub unanswered: u32,
    /// When the last of them was counted.
    pub last_failure: Option<Timestamp>,
    /// Why no password may be tried now: [`Verdict::Locked`] or [`Verdict::Unanswered`].
    pub held_back: Option<Verdict>,
}

/// What would be lost with a record, the least first: nothing that matters, few failures, failures of long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Importance {
    in_use: bool,
    failures: u32,
    last_failure: Option<Timestamp>,
}

impl Importance {
    /// Whether tries are under way that will be settled: such a record must not be dropped.
    pub fn is_in_use(&self) -> bool {
        self.in_use
    }
}

impl Record {
    /// Whether a password may be tried now; reserves a failure if so.
    pub fn admit(&mut self, policy: &Policy, password: &PasswordDigest, now: Timestamp) -> Verdict {
        self.forget(policy, now);
        if self.failures >= policy.threshold {
            return self.refusal(policy);
        }
        if let Some(known) = self.known.iter().find(|known| openssl::memcmp::eq(&known.password, password)) {
            return if known.wrong { Verdict::KnownWrong } else { Verdict::Unanswered };
        }
        let reserved = u32::try_from(self.reserved.len()).unwrap_or(u32::MAX);
        if self.failures.saturating_add(reserved) >= policy.threshold || self.is_trying(password).is_some() {
            return Verdict::Busy;
        }
        self.reserved.reserve_exact(1);
        self.reserved.push(*password);
        Verdict::Try
    }

    /// Records how the try of a password that was admitted ended.
    pub fn settle(&mut self, policy: &Policy, password: &PasswordDigest, outcome: Outcome, now: Timestamp) {
        self.forget(policy, now);
        if let Some(at) = self.is_trying(password) {
            self.reserved.swap_remove(at);
        }
        if self.reserved.is_empty() {
            self.reserved = Vec::new();
        }
        match outcome {
            Outcome::Success => self.forget_failures(),
            Outcome::WrongPassword | Outcome::Unanswered => {
                let wrong = outcome == Outcome::WrongPassword;
                self.failures = self.failures.saturating_add(1);
                self.unanswered = self.unanswered.saturating_add(u32::from(!wrong));
                self.last_failure = Some(now);
                if self.known.len() >= KNOWN_MAX {
                    self.known.remove(0);
                }
                self.known.reserve_exact(1);
                self.known.push(Known { password: *password, at: now, wrong });
            }
            Outcome::NotCounted => {}
        }
    }

    /// Forgets the failures, as an operator wants it, but not which passwords were wrong a moment ago.
    pub fn unlock(&mut self) {
        self.forget_failures();
    }

    /// Why no further password may be tried now, whatever it is: [`Verdict::Locked`] or [`Verdict::Unanswered`].
    pub fn held_back(&self, policy: &Policy, now: Timestamp) -> Option<Verdict> {
        (self.counted(policy, now) >= policy.threshold).then(|| self.refusal(policy))
    }

    /// What an operator is told of it.
    pub fn summary(&self, policy: &Policy, now: Timestamp) -> Summary {
        let failures = self.counted(policy, now);
        let counts = failures > 0;
        Summary {
            failures,
            unanswered: if counts { self.unanswered } else { 0 },
            last_failure: self.last_failure.filter(|_| counts),
            held_back: self.held_back(policy, now),
        }
    }

    /// Whether nothing would be lost with this record.
    pub fn is_idle(&self, policy: &Policy, now: Timestamp) -> bool {
        self.reserved.is_empty()
            && self.counted(policy, now) == 0
            && !self.known.iter().any(|known| now.since(known.at) < KNOWN)
    }

    /// What would be lost with it.
    pub fn importance(&self, policy: &Policy, now: Timestamp) -> Importance {
        let failures = self.counted(policy, now);
        Importance { in_use: !self.reserved.is_empty(), failures, last_failure: self.last_failure }
    }

    /// Failures that count now, those reserved not among them.
    fn counted(&self, policy: &Policy, now: Timestamp) -> u32 {
        let over = self.last_failure.is_none_or(|last| now.since(last) >= policy.window);
        if over { 0 } else { self.failures }
    }

    /// What is told once the failures have reached the threshold.
    fn refusal(&self, policy: &Policy) -> Verdict {
        let wrong = self.failures.saturating_sub(self.unanswered);
        if wrong >= policy.threshold { Verdict::Locked } else { Verdict::Unanswered }
    }

    fn is_trying(&self, password: &PasswordDigest) -> Option<usize> {
        self.reserved.iter().position(|digest| openssl::memcmp::eq(digest, password))
    }

    fn forget(&mut self, policy: &Policy, now: Timestamp) {
        // A clock that was set back must not lock anybody out for longer than the window.
        self.last_failure = self.last_failure.map(|last| last.min(now));
        self.known.iter_mut().for_each(|known| known.at = now.min(known.at));
        if self.counted(policy, now) == 0 {
            self.forget_failures();
        }
        self.known.retain(|known| now.since(known.at) < KNOWN);
        if self.known.is_empty() {
            self.known = Vec::new();
        }
    }

    fn forget_failures(&mut self) {
        self.failures = 0;
        self.unanswered = 0;
        self.last_failure = None;
    }
}

#[cfg(test)]
mod simulation;

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

    fn admit(record: &mut Record, number: u8, seconds: i64) -> Verdict {
        record.admit(&POLICY, &password(number), at(seconds))
    }

    fn settle(record: &mut Record, number: u8, outcome: Outcome, seconds: i64) {
        record.settle(&POLICY, &password(number), outcome, at(seconds));
    }

    fn fail(record: &mut Record, number: u8, seconds: i64) {
        assert_eq!(admit(record, number, seconds), Verdict::Try);
        settle(record, number, Outcome::WrongPassword, seconds);
    }

    #[test]
    fn locks_at_the_threshold_and_opens_after_the_window() {
        let mut record = Record::default();
        (0..3).for_each(|number| fail(&mut record, number, i64::from(number)));
        assert_eq!(record.held_back(&POLICY, at(3)), Some(Verdict::Locked));
        for second in 3..1802 {
            assert_eq!(admit(&mut record, 9, second), Verdict::Locked);
        }
        assert_eq!(record.held_back(&POLICY, at(1802)), None, "a refusal extends nothing");
        assert_eq!(admit(&mut record, 9, 1802), Verdict::Try);
    }

    #[test]
    fn every_counted_failure_begins_the_window_anew() {
        let mut record = Record::default();
        fail(&mut record, 1, 0);
        fail(&mut record, 2, 1799);
        fail(&mut record, 3, 1799 + 1799);
        assert_eq!(admit(&mut record, 4, 1799 + 1799 + 1799), Verdict::Locked);
        assert_eq!(admit(&mut record, 4, 1799 + 1799 + 1800), Verdict::Try);
    }

    #[test]
    fn parallel_guesses_cannot_slip_past() {
        let mut record = Record::default();
        let verdicts: Vec<Verdict> = (0..1000).map(|n| admit(&mut record, (n % 250) as u8, 0)).collect();
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Try).count(), 3);
        assert!(verdicts.iter().all(|verdict| [Verdict::Try, Verdict::Busy].contains(verdict)));
    }

    fn lose(record: &mut Record, number: u8, seconds: i64) {
        assert_eq!(admit(record, number, seconds), Verdict::Try);
        settle(record, number, Outcome::Unanswered, seconds);
    }

    #[test]
    fn what_was_not_answered_counts_and_is_told_as_an_outage() {
        let mut record = Record::default();
        lose(&mut record, 1, 0);
        assert_eq!(admit(&mut record, 1, 59), Verdict::Unanswered, "its password waits out the minute");
        lose(&mut record, 1, 60);
        fail(&mut record, 2, 61);
        for second in 61..61 + 1800 {
            assert_eq!(admit(&mut record, 3, second), Verdict::Unanswered, "two wrong passwords would be no lock");
            assert_eq!(record.held_back(&POLICY, at(second)), Some(Verdict::Unanswered));
        }
        lose(&mut record, 3, 61 + 1800);
    }

    #[test]
    fn a_bind_forgets_what_was_not_answered() {
        let mut record = Record::default();
        lose(&mut record, 1, 0);
        lose(&mut record, 2, 0);
        assert_eq!(admit(&mut record, 3, 0), Verdict::Try);
        settle(&mut record, 3, Outcome::Success, 0);
        (4..7).for_each(|number| fail(&mut record, number, 1));
        assert_eq!(admit(&mut record, 7, 1), Verdict::Locked);
    }

    #[test]
    fn a_lower_threshold_makes_a_lock_of_wrong_passwords_alone() {
        let mut record = Record::default();
        fail(&mut record, 1, 0);
        lose(&mut record, 2, 0);
        for (threshold, expected) in [(3, None), (2, Some(Verdict::Unanswered)), (1, Some(Verdict::Locked))] {
            assert_eq!(record.held_back(&Policy { threshold, ..POLICY }, at(1)), expected, "{threshold}");
        }
    }

    #[test]
    fn what_was_not_sent_gives_the_reserved_failure_back() {
        let mut record = Record::default();
        for second in 0..100 {
            assert_eq!(admit(&mut record, 1, second), Verdict::Try);
            settle(&mut record, 1, Outcome::NotCounted, second);
        }
        assert_eq!(record, Record::default());
        fail(&mut record, 1, 100);
        fail(&mut record, 2, 100);
        assert_eq!(admit(&mut record, 3, 100), Verdict::Try, "the whole threshold is there");
    }

    #[test]
    fn the_same_wrong_password_is_bound_once_a_minute() {
        let mut record = Record::default();
        fail(&mut record, 1, 0);
        assert_eq!(admit(&mut record, 1, 59), Verdict::KnownWrong);
        fail(&mut record, 1, 60);
        fail(&mut record, 1, 120);
        assert_eq!(admit(&mut record, 2, 121), Verdict::Locked);
    }

    #[test]
    fn the_same_password_is_not_tried_twice_at_a_time() {
        let mut record = Record::default();
        assert_eq!(admit(&mut record, 1, 0), Verdict::Try);
        assert_eq!(admit(&mut record, 1, 0), Verdict::Busy);
        assert_eq!(admit(&mut record, 2, 0), Verdict::Try, "another is");
        settle(&mut record, 1, Outcome::WrongPassword, 0);
        assert_eq!(admit(&mut record, 1, 0), Verdict::KnownWrong);
        settle(&mut record, 2, Outcome::Success, 0);
        assert_eq!(admit(&mut record, 2, 0), Verdict::Try, "a right one may be tried again");
    }

    #[test]
    fn a_bind_forgets_the_count_but_not_which_password_was_wrong() {
        let mut record = Record::default();
        fail(&mut record, 1, 0);
        fail(&mut record, 2, 0);
        assert_eq!(admit(&mut record, 3, 1), Verdict::Try);
        settle(&mut record, 3, Outcome::Success, 1);
        assert_eq!(admit(&mut record, 1, 2), Verdict::KnownWrong);
        (4..7).for_each(|number| fail(&mut record, number, 2));
        assert_eq!(admit(&mut record, 7, 2), Verdict::Locked);
    }

    #[test]
    fn what_is_idle_says_nothing_any_more() {
        let short = Policy { window: Duration::from_secs(5), ..POLICY };
        let mut record = Record::default();
        assert_eq!(record.admit(&short, &password(1), at(0)), Verdict::Try);
        assert!(!record.is_idle(&short, at(100)), "a try is under way");
        record.settle(&short, &password(1), Outcome::WrongPassword, at(100));
        assert!(!record.is_idle(&short, at(159)), "a wrong password is known for longer than the window");
        assert!(record.is_idle(&short, at(160)));
        assert_eq!(record.admit(&short, &password(1), at(160)), Verdict::Try);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out_for_longer() {
        let mut record = Record::default();
        (0..3).for_each(|number| fail(&mut record, number, 100_000));
        assert_eq!(admit(&mut record, 9, 0), Verdict::Locked);
        assert_eq!(admit(&mut record, 9, 1799), Verdict::Locked);
        assert_eq!(admit(&mut record, 9, 1800), Verdict::Try);
    }

    #[test]
    fn the_least_important_is_what_has_the_fewest_and_oldest_failures() {
        let failed = |times: u8, seconds: i64| {
            let mut record = Record::default();
            (0..times).for_each(|number| fail(&mut record, number, seconds));
            record
        };
        let mut trying = Record::default();
        admit(&mut trying, 1, 0);
        let in_order = [failed(0, 0), failed(1, 3), failed(1, 4), failed(2, 1), failed(3, 0), failed(3, 2), trying];
        assert!(in_order.iter().map(|record| record.importance(&POLICY, at(5))).is_sorted());
        assert_eq!(
            in_order.map(|record| record.importance(&POLICY, at(5)).is_in_use()).iter().filter(|u| **u).count(),
            1
        );
    }
}
