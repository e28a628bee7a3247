//! What a replica does while the store that it shares with others is away, so that it can be added when it is back.

use super::counts::{Counts, Tally};
use super::{Asking, Held, Outcome, Place, Policy};
use crate::model::Timestamp;

/// What one replica has counted, reserved and forgotten of an entry by itself, beside what the store had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apart {
    counts: Counts,
    /// When the failures in each tally of `counts` began.
    begun: [Option<Timestamp>; 2],
    /// When a bind last made each tally of the store's forgotten: what others have counted since then stays.
    forgot: [Option<Timestamp>; 2],
    /// Reservations of the store's that have ended since.
    ended: Vec<u64>,
}

impl Apart {
    /// All that was counted where there was no store before: it is added to what others have counted.
    pub fn of(counts: Counts) -> Self {
        let mut apart = Self { counts, ..Self::default() };
        apart.note_beginnings();
        apart
    }

    /// Whether it has nothing to add.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As [`Counts::admit`], on what the store last had and what was done since.
    pub fn admit(&mut self, store: &Counts, policy: &Policy, asking: &Asking, id: u64, now: Timestamp) -> Option<Held> {
        let held = self.on(store, policy, now).admit(policy, asking, id, now);
        if held.is_none() || !policy.enforced {
            self.act(policy, now, |counts| counts.reserve(id, asking.place, now));
        }
        held
    }

    /// As [`Counts::settle`].
    pub fn settle(&mut self, policy: &Policy, id: u64, place: Place, outcome: Outcome, now: Timestamp) {
        if !self.counts.reserved.iter().any(|reserved| reserved.id == id) {
            self.ended.push(id);
        }
        if outcome == Outcome::Success {
            self.forget(place, now);
        }
        self.act(policy, now, |counts| counts.settle(policy, id, place, outcome, now));
    }

    /// As [`Counts::unlock`].
    pub fn unlock(&mut self, policy: &Policy, now: Timestamp) {
        self.forget(Place::Unknown, now);
        self.act(policy, now, Counts::unlock);
    }

    /// What holds, if the store has `store`.
    pub fn on(&self, store: &Counts, policy: &Policy, now: Timestamp) -> Counts {
        let mut all = store.clone();
        if self.is_empty() {
            return all;
        }
        for (tally, forgot) in [&mut all.total, &mut all.unknown].into_iter().zip(self.forgot) {
            if tally.last <= forgot {
                *tally = Tally::default();
            }
        }
        all.reserved.retain(|reserved| !self.ended.contains(&reserved.id));
        let mut own = self.counts.clone();
        own.refresh(policy, now);
        let [total, unknown] = self.begun;
        add(&mut all.total, &own.total, total, policy);
        add(&mut all.unknown, &own.unknown, unknown, policy);
        for reserved in own.reserved {
            if !all.reserved.iter().any(|other| other.id == reserved.id) {
                all.reserved.push(reserved);
            }
        }
        all
    }

    fn forget(&mut self, place: Place, now: Timestamp) {
        let [total, unknown] = &mut self.forgot;
        *total = Some(now);
        if place.is_strange() {
            *unknown = Some(now);
        }
    }

    fn act(&mut self, policy: &Policy, now: Timestamp, act: impl FnOnce(&mut Counts)) {
        self.forgot.iter_mut().flatten().for_each(|at| *at = now.min(*at));
        self.counts.refresh(policy, now);
        self.note_beginnings();
        act(&mut self.counts);
        self.note_beginnings();
    }

    fn note_beginnings(&mut self) {
        for (begun, tally) in self.begun.iter_mut().zip([&self.counts.total, &self.counts.unknown]) {
            *begun = tally.last.and(begun.or(tally.last));
        }
    }
}

/// Adds failures to those of the store, if these still counted when the others began.
fn add(to: &mut Tally, own: &Tally, begun: Option<Timestamp>, policy: &Policy) {
    if let Some(last) = own.last {
        to.forget_if_over(policy, begun.unwrap_or(last).min(last));
        to.count(own.failures, own.unanswered, own.last);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Verdict;
    use super::*;

    const POLICY: Policy =
        Policy { threshold: 5, unknown_threshold: 3, window: Duration::from_secs(100), enforced: true };
    const STRANGER: Asking = Asking { place: Place::Unknown, theirs: None };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    /// With failures of strangers, counted when it is told.
    fn failed(times: &[i64]) -> Counts {
        let mut counts = Counts::default();
        for time in times {
            counts.settle(&POLICY, 0, Place::Unknown, Outcome::WrongPassword, at(*time));
        }
        counts
    }

    #[test]
    fn the_budget_goes_on_from_what_the_store_last_had() {
        let (store, mut apart) = (failed(&[0, 1]), Apart::default());
        assert_eq!(apart.admit(&store, &POLICY, &STRANGER, 7, at(2)), None);
        let held = apart.admit(&store, &POLICY, &STRANGER, 8, at(2)).unwrap();
        assert_eq!(held.verdict, Verdict::Busy);
        apart.settle(&POLICY, 7, Place::Unknown, Outcome::WrongPassword, at(3));
        let held = apart.admit(&store, &POLICY, &STRANGER, 8, at(3)).unwrap();
        assert_eq!(held.verdict, Verdict::Locked);
        assert_eq!(apart.on(&failed(&[0, 1]), &POLICY, at(3)), failed(&[0, 1, 3]), "and is what the store then gets");
    }

    #[test]
    fn what_others_counted_meanwhile_is_added_to() {
        let (store, mut apart) = (failed(&[0]), Apart::default());
        assert_eq!(apart.admit(&store, &POLICY, &STRANGER, 7, at(2)), None);
        apart.settle(&POLICY, 7, Place::Unknown, Outcome::Unanswered, at(3));
        let summary = apart.on(&failed(&[0, 1, 2]), &POLICY, at(4)).summary(&POLICY, at(4));
        assert_eq!((summary.failures, summary.unanswered, summary.unknown_failures), (4, 1, 4));
    }

    #[test]
    fn what_was_over_when_it_began_is_not_brought_back() {
        let (store, mut apart) = (failed(&[0, 1]), Apart::default());
        assert_eq!(apart.admit(&store, &POLICY, &STRANGER, 7, at(150)), None);
        apart.settle(&POLICY, 7, Place::Unknown, Outcome::WrongPassword, at(150));
        assert_eq!(apart.on(&store, &POLICY, at(151)), failed(&[150]));
        let mut earlier = Apart::default();
        earlier.settle(&POLICY, 7, Place::Unknown, Outcome::WrongPassword, at(90));
        assert_eq!(earlier.on(&store, &POLICY, at(151)), failed(&[0, 1, 90]), "and what was not still counts");
    }

    #[test]
    fn a_bind_forgets_what_the_store_had_and_not_what_came_after_it() {
        let (store, mut apart) = (failed(&[0, 1]), Apart::default());
        apart.settle(&POLICY, 7, Place::Familiar, Outcome::Success, at(2));
        let summary = apart.on(&store, &POLICY, at(2)).summary(&POLICY, at(2));
        assert_eq!((summary.failures, summary.unknown_failures), (0, 2), "strangers gain nothing by it");
        apart.settle(&POLICY, 8, Place::Unknown, Outcome::WrongPassword, at(3));
        apart.settle(&POLICY, 9, Place::Unknown, Outcome::Success, at(4));
        apart.settle(&POLICY, 10, Place::Familiar, Outcome::Success, at(5));
        apart.settle(&POLICY, 11, Place::Unknown, Outcome::WrongPassword, at(6));
        assert_eq!(apart.on(&store, &POLICY, at(7)), failed(&[6]));
        let since = apart.on(&failed(&[0, 1, 5]), &POLICY, at(7)).summary(&POLICY, at(7));
        assert_eq!((since.failures, since.unknown_failures), (1, 4), "what others counted after it stays");
        apart.unlock(&POLICY, at(8));
        assert_eq!(apart.on(&store, &POLICY, at(8)), Counts::default());
    }

    #[test]
    fn reservations_are_those_of_the_store_and_of_the_replica_once_each() {
        let mut store = Counts::default();
        assert_eq!(store.admit(&POLICY, &STRANGER, 1, at(0)), None);
        assert_eq!(store.admit(&POLICY, &STRANGER, 2, at(0)), None);
        let mut apart = Apart::default();
        apart.settle(&POLICY, 1, Place::Unknown, Outcome::NotCounted, at(1));
        assert_eq!(apart.admit(&store, &POLICY, &STRANGER, 3, at(1)), None);
        let joined = apart.on(&store, &POLICY, at(1));
        let ids = |counts: &Counts| counts.reserved.iter().map(|reserved| reserved.id).collect::<Vec<_>>();
        assert_eq!(ids(&joined), [2, 3]);
        assert_eq!(ids(&apart.on(&joined, &POLICY, at(1))), [2, 3], "though nobody knows whether it was written");
    }
}
