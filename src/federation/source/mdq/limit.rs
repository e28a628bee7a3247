//! What strangers may cost a metadata query service and those who wait for it: step functions, with the time as argument.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::model::{ClientAddress, Timestamp};

/// Entities that nobody knew before, for all clients together.
const ALL: Rate = Rate { burst: 200, refill: Duration::from_millis(100) };
/// The same for one client.
const EACH: Rate = Rate { burst: 20, refill: Duration::from_secs(1) };
/// Shares that there are; clients of which there are more have some in common.
const SHARES: usize = 4096;
/// Of an IPv6 address, the bits that one site may choose by itself.
const OWN_BITS: u32 = 80;
/// Entities that are known, and may have changed.
const KNOWN: Rate = Rate { burst: 200, refill: Duration::from_millis(100) };

/// Failures to reach the service in a row, until it is believed to be down.
const PATIENCE: u32 = 3;
/// It is then tried again after this, doubled with each failure more,
const FIRST_REST: Duration = Duration::from_secs(1);
/// and at the latest after this.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// How many questions there may be in a row, and how often one more from then on.
#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: u32,
    refill: Duration,
}

/// Questions that fill up again by and by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    rate: Rate,
    /// From when on all of it is there again.
    full_at: Timestamp,
}

impl Budget {
    /// For entities that are known: many have the same end, and each is asked for by whoever names it next.
    pub fn of_known() -> Self {
        Self::full(KNOWN)
    }

    fn full(rate: Rate) -> Self {
        Self { rate, full_at: Timestamp::from_unix_millis(0) }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let there = self.is_there(now);
        if there {
            self.full_at = self.full_at.max(now).plus(self.rate.refill);
        }
        there
    }

    fn is_there(&mut self, now: Timestamp) -> bool {
        let most = self.rate.refill * self.rate.burst;
        // A clock that was set back must not leave it empty for hours.
        self.full_at = self.full_at.min(now.plus(most));
        self.full_at.since(now) <= most.saturating_sub(self.rate.refill)
    }
}

/// What clients may ask for that nobody knew before, all together and each of them. Whoever writes a request chooses the
/// entityID in it, before anybody has proved who they are: each new one would be a question of ours.
pub(super) struct Shares {
    all: Budget,
    each: Vec<Budget>,
    /// Nobody can tell with whom they have a share in common.
    places: RandomState,
}

impl Shares {
    /// Full ones.
    pub fn new() -> Self {
        Self { all: Budget::full(ALL), each: vec![Budget::full(EACH); SHARES], places: RandomState::new() }
    }

    /// Takes one of the client's, if there is one for it and for all.
    pub fn take(&mut self, client: ClientAddress, now: Timestamp) -> bool {
        let place = self.place(client);
        let share = self.each.get_mut(place);
        share.is_some_and(|share| share.is_there(now) && self.all.take(now) && share.take(now))
    }

    fn place(&self, client: ClientAddress) -> usize {
        usize::try_from(self.places.hash_one(site(client)) % SHARES as u64).unwrap_or_default()
    }
}

/// Whoever has an IPv6 address has a whole network of them.
fn site(client: ClientAddress) -> IpAddr {
    match client.0.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << OWN_BITS)).into(),
        address @ IpAddr::V4(_) => address,
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

    fn client(address: &str) -> ClientAddress {
        ClientAddress(address.parse().unwrap())
    }

    #[test]
    fn strangers_spend_a_budget_that_fills_up_again() {
        let mut budget = Budget::full(ALL);
        assert_eq!((0..1000).filter(|_| budget.take(at(0))).count(), 200);
        for (millis, there) in [(50, 0), (100, 1), (100, 0), (350, 2), (60_000, 200), (59_000, 0), (-3_600_000, 0)] {
            let taken = (0..1000).filter(|_| budget.take(at(millis))).count();
            assert_eq!(taken, there, "{millis}");
        }
        // The clock was set back by an hour: no longer than it takes from nothing.
        assert_eq!((0..1000).filter(|_| budget.take(at(-3_600_000 + 20_000))).count(), 200);
    }

    #[test]
    fn one_stranger_leaves_the_others_their_shares() {
        let mut shares = Shares::new();
        let first = shares.place(client("192.0.2.1"));
        let others = (1..9).map(|number| format!("2001:db8:{number}:"));
        // By chance the first may have its share in common with one of them.
        let other = others.into_iter().find(|other| shares.place(client(&format!("{other}:1"))) != first).unwrap();
        let mut taken = |address: &str, millis| (0..1000).filter(|_| shares.take(client(address), at(millis))).count();
        assert_eq!(taken("192.0.2.1", 0), 20);
        assert_eq!(taken("::ffff:192.0.2.1", 0), 0, "written otherwise it is the same");
        // Within the same site, and in another one.
        assert_eq!((taken(&format!("{other}:1"), 0), taken(&format!("{other}ffff::2"), 0)), (20, 0));
        assert_eq!(taken("192.0.2.1", 2000), 2);
        let all: usize = (0..100).map(|number| taken(&format!("2001:db8:1{number:02}::1"), 100_000)).sum();
        assert_eq!(all, 200, "all together have no more than there is");
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
