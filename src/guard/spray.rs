//! Password spraying: one or two guesses at each of many names, which no count by entry notices.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::Timestamp;

/// How many names are told apart; of more, it is only known that there are so many. Some 3 MB for both kinds.
pub const NAMES_MAX: usize = 50_000;

/// How finely the window slides.
const SLICES: i64 = 10;

/// It is no spray as long as ten times as many names signed in: people mistype.
const USUAL: usize = 10;

/// When failures are a spray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SprayPolicy {
    /// With more names than this that failed.
    pub names: usize,
    /// Within this time.
    pub window: Duration,
}

/// A spray that has begun or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SprayReport {
    /// Whether it has begun; else it has ended.
    pub begun: bool,
    /// Names that failed within the window.
    pub failed: usize,
    /// Names that signed in.
    pub succeeded: usize,
}

/// The names that failed and that signed in, and whether that is a spray. Names are keyed digests: what they are is nobody's
/// business here.
#[derive(Default)]
pub struct Spray {
    failed: Names,
    succeeded: Names,
    active: bool,
}

#[derive(Default)]
struct Names {
    /// In which slice of time each was last seen.
    by_digest: HashMap<u64, i64>,
    slice: i64,
    width: i64,
}

impl Spray {
    /// A sign-in by this name failed.
    pub fn failed(&mut self, name: u64, policy: &SprayPolicy, now: Timestamp) {
        self.failed.see(name, policy, now);
    }

    /// Somebody signed in by this name.
    pub fn succeeded(&mut self, name: u64, policy: &SprayPolicy, now: Timestamp) {
        self.succeeded.see(name, policy, now);
    }

    /// What is to be told, if a spray has begun or ended. It ends with half of the names that it takes to begin, so that it is
    /// not told again and again.
    pub fn turn(&mut self, policy: Option<&SprayPolicy>, now: Timestamp) -> Option<SprayReport> {
        let Some(policy) = policy else {
            let report = SprayReport { begun: false, failed: 0, succeeded: 0 };
            return std::mem::take(self).active.then_some(report);
        };
        let (failed, succeeded) = (self.failed.within(policy, now), self.succeeded.within(policy, now));
        let share = if self.active { 2 } else { 1 };
        let active = failed * share > policy.names && failed * share * USUAL > succeeded;
        let turned = active != self.active;
        self.active = active;
        turned.then_some(SprayReport { begun: active, failed, succeeded })
    }

    /// Whether one is going on.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// How many names are remembered.
    pub fn len(&self) -> usize {
        self.failed.by_digest.len() + self.succeeded.by_digest.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Names {
    fn see(&mut self, name: u64, policy: &SprayPolicy, now: Timestamp) {
        self.slide(policy, now);
        if self.by_digest.len() < NAMES_MAX || self.by_digest.contains_key(&name) {
            self.by_digest.insert(name, self.slice);
        }
    }

    fn within(&mut self, policy: &SprayPolicy, now: Timestamp) -> usize {
        self.slide(policy, now);
        self.by_digest.len()
    }

    /// Looks at the names once a slice.
    fn slide(&mut self, policy: &SprayPolicy, now: Timestamp) {
        let width = i64::try_from(policy.window.as_millis()).unwrap_or(i64::MAX).saturating_div(SLICES).max(1);
        let slice = now.unix_millis() / width;
        if width != self.width {
            // Another window: all of them were seen just now.
            self.by_digest.values_mut().for_each(|seen| *seen = slice);
        } else if slice < self.slice {
            // A clock that was set back.
            self.by_digest.values_mut().for_each(|seen| *seen = slice.min(*seen));
        } else if slice > self.slice {
            self.by_digest.retain(|_, seen| slice - *seen < SLICES);
            self.by_digest.shrink_to(self.by_digest.len() * 2);
        }
        (self.slice, self.width) = (slice, width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: SprayPolicy = SprayPolicy { names: 100, window: Duration::from_secs(600) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + seconds * 1000)
    }

    fn begun(spray: &mut Spray, seconds: i64) -> Option<bool> {
        spray.turn(Some(&POLICY), at(seconds)).map(|report| report.begun)
    }

    #[test]
    fn many_names_that_fail_are_a_spray_until_the_window_is_over() {
        let mut spray = Spray::default();
        for name in 0..100 {
            spray.failed(name, &POLICY, at(0));
            spray.failed(name, &POLICY, at(1));
        }
        assert_eq!(begun(&mut spray, 1), None, "as often as each likes");
        spray.failed(100, &POLICY, at(2));
        let report = SprayReport { begun: true, failed: 101, succeeded: 0 };
        assert_eq!(spray.turn(Some(&POLICY), at(3)), Some(report));
        assert!(spray.is_active());
        assert_eq!(begun(&mut spray, 4), None, "told once");
        assert_eq!(begun(&mut spray, 539), None);
        assert_eq!(begun(&mut spray, 660), Some(false));
        assert!(!spray.is_active() && spray.is_empty());
    }

    #[test]
    fn a_morning_of_typos_is_no_spray() {
        let mut spray = Spray::default();
        (0..5000).for_each(|name| spray.succeeded(name, &POLICY, at(0)));
        (0..500).for_each(|name| spray.failed(name, &POLICY, at(0)));
        assert_eq!(begun(&mut spray, 1), None);
        spray.failed(500, &POLICY, at(1));
        assert_eq!(begun(&mut spray, 1), Some(true));
        (5000..9000).for_each(|name| spray.succeeded(name, &POLICY, at(2)));
        assert_eq!(begun(&mut spray, 2), None, "it does not end as soon as it no longer would begin");
        (9000..11_000).for_each(|name| spray.succeeded(name, &POLICY, at(2)));
        assert_eq!(begun(&mut spray, 2), Some(false));
    }

    #[test]
    fn no_more_names_are_remembered_than_there_is_room_for() {
        let mut spray = Spray::default();
        for name in 0..3 * NAMES_MAX as u64 {
            spray.failed(name, &POLICY, at(0));
            spray.succeeded(name, &POLICY, at(0));
        }
        assert_eq!(spray.len(), 2 * NAMES_MAX);
        assert_eq!(begun(&mut spray, 0), Some(true));
        assert_eq!(spray.turn(None, at(1)).map(|report| report.begun), Some(false), "switched off");
        assert!(spray.is_empty());
    }

    #[test]
    fn clocks_and_configurations_that_change_keep_no_name_for_longer() {
        let mut spray = Spray::default();
        spray.failed(1, &POLICY, at(90_000));
        spray.failed(2, &POLICY, at(0));
        assert_eq!((spray.len(), begun(&mut spray, 660)), (2, None));
        assert!(spray.is_empty());
        spray.failed(1, &POLICY, at(0));
        let short = SprayPolicy { window: Duration::from_secs(10), ..POLICY };
        assert_eq!((spray.turn(Some(&short), at(0)), spray.len()), (None, 1));
        assert_eq!((spray.turn(Some(&short), at(11)), spray.len()), (None, 0));
    }
}
