//! From when until when a token is valid.

use std::time::Duration;

use crate::model::{MAX_SKEW, Refusal, RefusalKind, Timestamp};
use crate::wstrust::RequestedLifetime;

/// From when until when a token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From.
    pub from: Timestamp,
    /// Until, exclusive.
    pub until: Timestamp,
}

impl Validity {
    /// From `now` for `lifetime`.
    pub fn starting(now: Timestamp, lifetime: Duration) -> Self {
        Self { from: now, until: now.plus(lifetime) }
    }

    /// What is asked for within a party's bounds: from `now`, for `usual` where no end is asked for, and never for longer than
    /// `longest`, for a client that asks for too much is better served with less than with nothing.
    ///
    /// # Errors
    /// [`RefusalKind::InvalidTimeRange`] for a range that is over, that has nothing in it, or that begins at another time than
    /// about now.
    pub fn asked(
        asked: &RequestedLifetime,
        now: Timestamp,
        usual: Duration,
        longest: Duration,
    ) -> Result<Self, Refusal> {
        let refused = |why: String| Err(Refusal::new(RefusalKind::InvalidTimeRange, why));
        if let Some(created) = asked.created {
            if created < now.minus(MAX_SKEW) || created > now.plus(MAX_SKEW) {
                return refused(format!("a Lifetime from {created}; our clock says {now}"));
            }
            if let Some(expires) = asked.expires.filter(|expires| *expires <= created) {
                return refused(format!("a Lifetime that begins at {created} and ends at {expires}"));
            }
        }
        match asked.expires {
            Some(expires) if expires <= now => refused(format!("a Lifetime until {expires}; our clock says {now}")),
            Some(expires) => Ok(Self { from: now, until: expires.min(now.plus(longest)) }),
            None => Ok(Self::starting(now, usual)),
        }
    }

    /// The same, over at `end` at the latest.
    #[must_use]
    pub fn until_at_most(self, end: Timestamp) -> Self {
        Self { until: self.until.min(end), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    /// Asked at 0 of a party with 1 h as usual and 8 h at most: until when, in seconds.
    fn until(created: Option<i64>, expires: Option<i64>) -> Option<i64> {
        let asked = RequestedLifetime { created: created.map(at), expires: expires.map(at) };
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        match Validity::asked(&asked, at(0), hours(1), hours(8)) {
            Ok(validity) => {
                assert_eq!(validity.from, at(0));
                Some(validity.until.unix_millis() / 1000)
            }
            Err(refusal) => {
                assert_eq!(refusal.kind, RefusalKind::InvalidTimeRange);
                None
            }
        }
    }

    #[test]
    fn a_lifetime_is_had_within_bounds_and_never_refused_for_being_long() {
        for (created, expires, expected) in [
            (None, None, Some(3600)),
            (Some(0), None, Some(3600)),
            (None, Some(300), Some(300)),
            (Some(0), Some(300), Some(300)),
            (Some(-4 * MINUTE), Some(1), Some(1)),
            (Some(4 * MINUTE), Some(10 * MINUTE), Some(600)),
            (None, Some(7 * 3600), Some(7 * 3600)),
            (None, Some(9 * 3600), Some(8 * 3600)),
            (None, Some(253_402_300_799), Some(8 * 3600)),
            (Some(-5 * MINUTE - 1), Some(300), None),
            (Some(5 * MINUTE + 1), Some(3600), None),
            (Some(0), Some(0), None),
            (Some(60), Some(30), None),
            (Some(-60), Some(0), None),
            (None, Some(-1), None),
        ] {
            assert_eq!(until(created, expires), expected, "{created:?} to {expires:?}");
        }
    }

    #[test]
    fn an_end_is_only_moved_forward() {
        let validity = Validity::starting(at(0), Duration::from_secs(60));
        assert_eq!(validity.until_at_most(at(90)).until, at(60));
        assert_eq!(validity.until_at_most(at(30)).until, at(30));
    }
}
