//! The half of an entry's record that replicas share: failures, counted and reserved.

use super::{Asking, Held, Importance, Outcome, Place, Policy, RESERVED_FOR, Rule, Summary, Verdict};
use crate::model::{FailureCount, Timestamp};

/// Tries under way that are told apart, more than any threshold, so that a flood while the guard only observes does not make
/// a record larger than a store takes.
const RESERVED_MAX: usize = 1000;

/// Failures of one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// What the directory may have counted.
    pub(super) total: Tally,
    /// What came from places that are not familiar; it outlives a sign-in from a familiar one.
    pub(super) unknown: Tally,
    /// Tries under way, each at the price of one failure.
    pub(super) reserved: Vec<Reserved>,
}

/// Failures that count together: until the window has passed since the last of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Those that count, unanswered binds among them.
    pub failures: u32,
    pub unanswered: u32,
    /// Absent without failures.
    pub last: Option<Timestamp>,
}

/// A try under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reserved {
    pub id: u64,
    /// When it counts as unanswered: whoever should settle it is gone.
    pub until: Timestamp,
    pub strange: bool,
}

impl Reserved {
    /// Since when the directory may have counted it.
    pub fn began(&self) -> Timestamp {
        self.until.minus(RESERVED_FOR)
    }
}

impl Tally {
    pub fn count(&mut self, failures: u32, unanswered: u32, at: Option<Timestamp>) {
        self.failures = self.failures.saturating_add(failures);
        self.unanswered = self.unanswered.saturating_add(unanswered);
        self.last = self.last.max(at);
    }

    fn is_over(&self, policy: &Policy, now: Timestamp) -> bool {
        self.last.is_none_or(|last| now.since(last) >= policy.window)
    }

    pub fn forget_if_over(&mut self, policy: &Policy, now: Timestamp) {
        if self.is_over(policy, now) {
            *self = Self::default();
        }
    }

    /// What is told once the failures have reached the threshold.
    fn refusal(&self, threshold: u32) -> Option<Verdict> {
        let wrong = self.failures.saturating_sub(self.unanswered);
        let told = if wrong >= threshold { Verdict::Locked } else { Verdict::Unanswered };
        (self.failures >= threshold).then_some(told)
    }
}

impl Counts {
    /// Why no password may be tried now, other than that others are being tried.
    pub fn held_back(&self, policy: &Policy, place: Place, now: Timestamp) -> Option<Held> {
        let mut counts = self.clone();
        counts.refresh(policy, now);
        counts.refused(policy, &Asking { place, theirs: None })
    }

    /// Why no password may be tried now, that others are being tried among it.
    pub fn held(&self, policy: &Policy, asking: &Asking, now: Timestamp) -> Option<Held> {
        let mut counts = self.clone();
        counts.refresh(policy, now);
        let asking = asking.within(policy, now);
        counts.refused(policy, &asking).or_else(|| counts.busy(policy, &asking))
    }

    /// Why no password may be tried now. If it may, or nothing is enforced, a failure is reserved under `id`, and
    /// [`Counts::settle`] must follow.
    pub fn admit(&mut self, policy: &Policy, asking: &Asking, id: u64, now: Timestamp) -> Option<Held> {
        self.refresh(policy, now);
        let asking = asking.within(policy, now);
        let held = self.refused(policy, &asking).or_else(|| self.busy(policy, &asking));
        if held.is_none() || !policy.enforced {
            self.adopt(asking.theirs, now);
            self.reserve(id, asking.place, now);
        }
        held
    }

    /// Reserves a failure whatever was counted.
    pub(super) fn reserve(&mut self, id: u64, place: Place, now: Timestamp) {
        // Only where nothing is enforced may there be so many. They count when they are settled all the same.
        if self.reserved.len() >= RESERVED_MAX {
            return;
        }
        self.reserved.reserve_exact(1);
        self.reserved.push(Reserved { id, until: now.plus(RESERVED_FOR), strange: place.is_strange() });
    }

    /// Records how the try that has reserved a failure under `id` ended. One whose reservation is gone (it had ended, or the
    /// store was emptied) counts as any other: better once too often than not at all.
    pub fn settle(&mut self, policy: &Policy, id: u64, place: Place, outcome: Outcome, now: Timestamp) {
        self.heed_the_clock(now);
        let own = self.reserved.extract_if(.., |reserved| reserved.id == id).next();
        if matches!(outcome, Outcome::WrongPassword | Outcome::Unanswered) {
            self.end_windows(policy, own.map_or(now, |own| own.began()));
            self.count(place.is_strange(), outcome == Outcome::Unanswered, now);
        }
        self.refresh(policy, now);
        if outcome == Outcome::Success {
            self.forget(place);
        }
        if self.reserved.is_empty() {
            self.reserved = Vec::new();
        }
    }

    /// Forgets every failure, as an operator wants it.
    pub fn unlock(&mut self) {
        self.forget(Place::Unknown);
    }

    /// What an operator is told of it.
    pub fn summary(&self, policy: &Policy, now: Timestamp) -> Summary {
        let mut counts = self.clone();
        counts.refresh(policy, now);
        let Self { total, unknown, .. } = &counts;
        let last_failure = total.last.max(unknown.last);
        Summary {
            failures: total.failures,
            unanswered: total.unanswered,
            unknown_failures: unknown.failures,
            last_failure,
            until: last_failure.map(|last| last.plus(policy.window)),
            held_back: total.refusal(policy.threshold),
            unknown_held_back: unknown.refusal(policy.unknown_threshold),
        }
    }

    /// Whether nothing would be lost with it.
    pub fn is_idle(&self, policy: &Policy, now: Timestamp) -> bool {
        self.reserved.is_empty() && self.total.is_over(policy, now) && self.unknown.is_over(policy, now)
    }

    /// What would be lost with it.
    pub fn importance(&self, policy: &Policy, now: Timestamp) -> Importance {
        let counted = |tally: &Tally| if tally.is_over(policy, now) { Tally::default() } else { *tally };
        let (total, unknown) = (counted(&self.total), counted(&self.unknown));
        Importance {
            in_use: !self.reserved.is_empty(),
            failures: total.failures.max(unknown.failures),
            last_failure: total.last.max(unknown.last),
        }
    }

    /// Why nothing may be tried, whatever becomes of tries under way.
    fn refused(&self, policy: &Policy, asking: &Asking) -> Option<Held> {
        let held = |verdict, rule| Some(Held { verdict, rule });
        if let Some(verdict) = self.total.refusal(policy.threshold) {
            return held(verdict, Rule::Threshold);
        }
        if asking.theirs.is_some_and(|theirs| theirs.failures >= policy.threshold) {
            return held(Verdict::Locked, Rule::DirectoryCount);
        }
        match asking.place {
            Place::Unknown => held(self.unknown.refusal(policy.unknown_threshold)?, Rule::UnknownThreshold),
            Place::Familiar | Place::First => None,
        }
    }

    /// Why nothing may be tried until tries under way have ended.
    fn busy(&self, policy: &Policy, asking: &Asking) -> Option<Held> {
        let number = |strangers: bool| {
            let under_way = self.reserved.iter().filter(|reserved| reserved.strange || !strangers);
            u32::try_from(under_way.count()).unwrap_or(u32::MAX)
        };
        let full = |failures: u32, under_way: u32, threshold: u32| failures.saturating_add(under_way) >= threshold;
        let theirs = asking.theirs.map_or(0, |theirs| theirs.failures);
        let rule = if full(self.total.failures.max(theirs), number(false), policy.threshold) {
            Rule::Threshold
        } else if asking.place == Place::Unknown && full(self.unknown.failures, number(true), policy.unknown_threshold)
        {
            Rule::UnknownThreshold
        } else {
            return None;
        };
        Some(Held { verdict: Verdict::Busy, rule })
    }

    /// Takes over what the directory has counted beyond what is known here, so that who asked it before this try ends does not
    /// begin from less. What it has counted of tries under way is counted when they end.
    fn adopt(&mut self, theirs: Option<FailureCount>, now: Timestamp) {
        let Some(theirs) = theirs else { return };
        let settled = theirs.failures.saturating_sub(u32::try_from(self.reserved.len()).unwrap_or(u32::MAX));
        if settled > self.total.failures {
            self.total.failures = settled;
            self.total.last = self.total.last.max(Some(theirs.last.min(now)));
        }
    }

    fn count(&mut self, strange: bool, unanswered: bool, at: Timestamp) {
        self.total.count(1, u32::from(unanswered), Some(at));
        if strange {
            self.unknown.count(1, u32::from(unanswered), Some(at));
        }
    }

    /// A bind succeeded, and the directory has forgotten.
    pub(super) fn forget(&mut self, place: Place) {
        self.total = Tally::default();
        if place.is_strange() {
            self.unknown = Tally::default();
        }
    }

    /// Forgets what is over, and counts the tries that nobody settled in time.
    pub(super) fn refresh(&mut self, policy: &Policy, now: Timestamp) {
        self.heed_the_clock(now);
        let mut over: Vec<_> = self.reserved.extract_if(.., |reserved| reserved.until <= now).collect();
        over.sort_by_key(|reserved| reserved.until);
        for reserved in over {
            self.end_windows(policy, reserved.began());
            self.count(reserved.strange, true, reserved.until);
        }
        self.end_windows(policy, now);
    }

    /// A clock that was set back must not lock anybody out for longer than the window, nor reserve for longer.
    fn heed_the_clock(&mut self, now: Timestamp) {
        for tally in [&mut self.total, &mut self.unknown] {
            tally.last = tally.last.map(|last| last.min(now));
        }
        let latest = now.plus(RESERVED_FOR);
        self.reserved.iter_mut().for_each(|reserved| reserved.until = reserved.until.min(latest));
    }

    /// A window does not end while a try is under way that began within it: the directory may have counted it already.
    fn end_windows(&mut self, policy: &Policy, now: Timestamp) {
        for (tally, all) in [(&mut self.total, true), (&mut self.unknown, false)] {
            let holds = |reserved: &Reserved| (all || reserved.strange) && !tally.is_over(policy, reserved.began());
            if !self.reserved.iter().any(holds) {
                tally.forget_if_over(policy, now);
            }
        }
    }
}

#[cfg(test)]
#[path = "counts_tests.rs"]
mod tests;
