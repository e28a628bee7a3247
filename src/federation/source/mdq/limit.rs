//! What strangers may cost a metadata query service and those who wait for it: step functions, with the time as argument.

use std::time::Duration;

use crate::model::Timestamp;

/// Entities that nobody asked for before: how many may be asked for in a row,
const BURST: u32 = 200;
/// and how often one more from then on.
const REFILL: Duration = Duration::from_millis(100);

/// Failures to reach the service in a row, until it is believed to be down.
const PATIENCE: u32 = 3;
/// It is then tried again after this, doubled with each failure more,
const FIRST_REST: Duration = Duration::from_secs(1);
/// and at the latest after this.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// A budget that fills up again by and by. Whoever writes a request chooses the entityID in it, before anybody has proved who
/// they are: each new one would be a request of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// From when on all of it is there again.
    full_at: Timestamp,
}

impl Budget {
    /// A full one.
    pub fn new() -> Self {
        Self { full_at: Timestamp::from_unix_millis(0) }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let owed = self.full_at.since(now);
        // A clock that was set back must not leave it empty for hours.
        let most = REFILL * BURST;
        if owed > most {
            self.full_at = now.plus(most);
            return false;
        }
        if owed > most - REFILL {
            return false;
        }
        self.full_at = self.full_at.max(now).plus(REFILL);
        true
    }
}

/// Whether the service is believed to be down, so that nobody waits for it in vain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reachability {
    failures: u32,
    rests_until: Timestamp,
}

impl Reachability {
    /// Believed to be there.
    pub fn new() -> Self {
        Self { failures: 0, rests_until: Timestamp::from_unix_millis(0) }
    }

    /// Whether it may be asked.
    pub fn may_ask(self, now: Timestamp) -> bool {
        self.failures < PATIENCE || self.rests_until <= now || self.rests_until.since(now) > LONGEST_REST
    }

    /// It answered, whatever it was.
    pub fn answered(&mut self) {
        *self = Self::new();
    }

    /// It did not answer.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= PATIENCE {
            let rest = FIRST_REST.saturating_mul(1 << (self.failures - PATIENCE).min(16));
            self.rests_until = now.plus(rest.min(LONGEST_REST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + millis)
    }

    #[test]
    fn strangers_spend_a_budget_that_fills_up_again() {
        let mut budget = Budget::new();
        assert_eq!((0..1000).filter(|_| budget.take(at(0))).count(), 200);
        for (millis, there) in [(50, 0), (100, 1), (100, 0), (350, 2), (60_000, 200), (59_000, 0), (-3_600_000, 0)] {
            let taken = (0..1000).filter(|_| budget.take(at(millis))).count();
            assert_eq!(taken, there, "{millis}");
        }
        // The clock was set back by an hour: no longer than it takes from nothing.
        assert_eq!((0..1000).filter(|_| budget.take(at(-3_600_000 + 20_000))).count(), 200);
    }

    #[test]
    fn a_service_that_is_down_is_asked_ever_less_often() {
        let mut service = Reachability::new();
        for failures in 1..PATIENCE {
            service.failed(at(0));
            assert!(service.may_ask(at(0)), "{failures}");
        }
        for rest in [1, 2, 4, 8, 16, 32, 60, 60] {
            service.failed(at(0));
            let end = i64::from(rest) * 1000;
            assert_eq!((service.may_ask(at(end - 1)), service.may_ask(at(end))), (false, true), "{rest}");
        }
        assert!(service.may_ask(at(-3_600_000)), "the clock was set back");
        service.answered();
        assert!(service.may_ask(at(0)));
    }
}
