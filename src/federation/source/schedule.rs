//! When a document is asked for again: a step function of what came of the last time.

use std::time::Duration;

use crate::model::Timestamp;

/// Between two fetches of a document that is about to end, or that was never had.
const LEAST_PAUSE: Duration = Duration::from_secs(30);
/// The first pause after a failure that leaves nothing to go on with, doubled with each one more.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// How often a source may be asked, and must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The least time between two looks at it.
    pub shortest: Duration,
    /// The most.
    pub longest: Duration,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A document that may be believed.
    Good {
        /// Its `validUntil`.
        valid_until: Option<Timestamp>,
        /// Its `cacheDuration`.
        cache_duration: Option<Duration>,
    },
    /// None; until when what was had before may be believed, if there is anything.
    Failed {
        /// The end of what is held.
        held_until: Option<Timestamp>,
        /// Whether anything is.
        holds: bool,
    },
}

/// When a document is due, and how often it failed in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    due: Timestamp,
    failures: u32,
}

impl Schedule {
    /// Of what was never asked for.
    pub fn new() -> Self {
        Self { due: Timestamp::from_unix_millis(0), failures: 0 }
    }

    /// From when on it is to be asked for.
    pub fn due(self) -> Timestamp {
        self.due
    }

    /// Whether that is now, or was before; or further away than any pause, because the clock was set back.
    pub fn is_due(self, now: Timestamp, pace: Pace) -> bool {
        self.due <= now || self.due.since(now) > pace.longest.max(pace.shortest)
    }

    /// After it was asked for: as Shibboleth does, at three quarters of the shortest of what is left of its validity, its
    /// `cacheDuration` and the longest pause, but not before the shortest, unless it ends before that. What failed and has
    /// an older copy is asked for after the shortest pause; without one, soon, and then ever less often.
    pub fn step(self, outcome: Outcome, pace: Pace, now: Timestamp) -> Self {
        match outcome {
            Outcome::Good { valid_until, cache_duration } => {
                let left = valid_until.map(|until| until.since(now));
                let life =
                    [left, cache_duration, Some(pace.longest)].into_iter().flatten().min().unwrap_or(pace.longest);
                let pause = three_quarters(life).clamp(pace.shortest.min(pace.longest), pace.longest);
                Self { due: now.plus(before_the_end(pause, left, pace)), failures: 0 }
            }
            Outcome::Failed { held_until, holds } => {
                let failures = self.failures.saturating_add(1);
                let doubled = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(pace.shortest);
                let left = held_until.map(|until| until.since(now));
                let lasts = holds && left.is_none_or(|left| !left.is_zero());
                let pause = if lasts { before_the_end(pace.shortest, left, pace) } else { doubled };
                Self { due: now.plus(pause), failures }
            }
        }
    }
}

/// A pause, cut so that what is held does not end within it.
fn before_the_end(pause: Duration, left: Option<Duration>, pace: Pace) -> Duration {
    match left {
        Some(left) if left <= pause => three_quarters(left).max(LEAST_PAUSE.min(pace.shortest)),
        _ => pause,
    }
}

fn three_quarters(whole: Duration) -> Duration {
    whole / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;
    const DAY: u64 = 86_400;
    const PACE: Pace = Pace { shortest: Duration::from_secs(5 * MINUTE), longest: Duration::from_secs(4 * HOUR) };

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000)
    }

    #[test]
    fn a_document_is_asked_for_ahead_of_its_end() {
        for (valid_for, cache_duration, expected) in [
            (None, None, 3 * HOUR),
            (Some(14 * DAY), None, 3 * HOUR),
            (Some(14 * DAY), Some(6 * HOUR), 3 * HOUR),
            (Some(14 * DAY), Some(HOUR), 45 * MINUTE),
            (Some(2 * HOUR), None, 90 * MINUTE),
            (Some(2 * HOUR), Some(HOUR), 45 * MINUTE),
            // Not more often than the shortest pause,
            (None, Some(0), 5 * MINUTE),
            (None, Some(1), 5 * MINUTE),
            (Some(14 * DAY), Some(6 * MINUTE), 5 * MINUTE),
            // unless it would be over by then.
            (Some(6 * MINUTE), None, 5 * MINUTE),
            (Some(5 * MINUTE), None, 3 * MINUTE + 45),
            (Some(4 * MINUTE), Some(DAY), 3 * MINUTE),
            (Some(4 * MINUTE), Some(1), 3 * MINUTE),
            // Whoever publishes what is over at once is not asked all the time.
            (Some(2), None, 30),
            (Some(0), None, 30),
        ] {
            let outcome = Outcome::Good {
                valid_until: valid_for.map(|seconds| now().plus(Duration::from_secs(seconds))),
                cache_duration: cache_duration.map(Duration::from_secs),
            };
            let before = Schedule { failures: 3, ..Schedule::new() };
            let after = before.step(outcome, PACE, now());
            assert_eq!(after.due().since(now()).as_secs(), expected, "{valid_for:?} {cache_duration:?}");
            assert_eq!(after.failures, 0);
        }
    }

    #[test]
    fn what_fails_is_asked_for_again_soon_only_if_nothing_else_is_there() {
        for (failures, holds, left, expected) in [
            (0, false, None, 1),
            (1, false, None, 2),
            (5, false, None, 32),
            (12, false, None, 5 * MINUTE),
            (u32::MAX, false, None, 5 * MINUTE),
            (0, true, None, 5 * MINUTE),
            (9, true, Some(DAY), 5 * MINUTE),
            (0, true, Some(4 * MINUTE), 3 * MINUTE),
            (0, true, Some(10), 30),
            // It is over: as if nothing were there.
            (0, true, Some(0), 1),
        ] {
            let outcome =
                Outcome::Failed { holds, held_until: left.map(|seconds| now().plus(Duration::from_secs(seconds))) };
            let after = Schedule { failures, ..Schedule::new() }.step(outcome, PACE, now());
            assert_eq!(after.due().since(now()).as_secs(), expected, "{failures} {holds} {left:?}");
            assert_eq!(after.failures, failures.saturating_add(1));
        }
    }

    #[test]
    fn what_was_never_asked_for_is_due() {
        assert!(Schedule::new().is_due(now(), PACE));
        let asked = Schedule::new().step(Outcome::Failed { held_until: None, holds: false }, PACE, now());
        assert!(!asked.is_due(now(), PACE) && asked.is_due(now().plus(Duration::from_secs(1)), PACE));
        assert!(asked.is_due(now().minus(Duration::from_secs(DAY)), PACE), "the clock was set back");
    }

    /// A configuration in which the two are the wrong way round must not end a thread.
    #[test]
    fn paces_may_be_absurd() {
        let pace = Pace { shortest: PACE.longest, longest: PACE.shortest };
        let good = Outcome::Good { valid_until: None, cache_duration: None };
        assert_eq!(Schedule::new().step(good, pace, now()).due().since(now()), PACE.shortest);
    }
}
