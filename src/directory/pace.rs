//! How long a directory takes lately, so that whoever is denied without a bind waits as long as whoever is denied by one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::Unavailable;

/// How many durations of a kind are remembered.
const KEPT: usize = 32;

/// What binds and searches for groups took lately, and whether binds fail.
#[derive(Default)]
pub(super) struct Pace(Mutex<Lately>);

#[derive(Default)]
struct Lately {
    /// Apart from those that succeed: Active Directory asks another server before it refuses, others write a counter.
    refused: Durations,
    bound: Durations,
    groups: Durations,
    /// The last bind's outage and how long it took, until one is answered.
    outage: Option<(Duration, Unavailable)>,
    /// How the last search for a name failed: no bind comes after it.
    lost: Option<Unavailable>,
}

impl Pace {
    /// A name was searched, and this outage came of it.
    pub(super) fn searched(&self, outage: Option<&Unavailable>) {
        self.with(|lately| lately.lost = outage.cloned());
    }

    /// A bind was refused.
    pub(super) fn refused(&self, took: Duration) {
        self.with(|lately| {
            lately.refused.add(took);
            lately.outage = None;
        });
    }

    /// A bind succeeded.
    pub(super) fn bound(&self, took: Duration) {
        self.with(|lately| {
            lately.bound.add(took);
            lately.outage = None;
        });
    }

    /// A bind ended in an outage.
    pub(super) fn failed(&self, took: Duration, outage: Unavailable) {
        self.with(|lately| lately.outage = Some((took, outage)));
    }

    /// A user's groups were searched.
    pub(super) fn searched_groups(&self, took: Duration) {
        self.with(|lately| lately.groups.add(took));
    }

    /// How long a search for groups takes.
    pub(super) fn of_groups(&self) -> Duration {
        self.with(|lately| lately.groups.draw().unwrap_or_default())
    }

    /// How long a bind that is refused takes, and how it ends while all of them end in an outage.
    pub(super) fn of_a_denial(&self) -> (Duration, Result<(), Unavailable>) {
        self.with(|lately| match (&lately.lost, &lately.outage) {
            (Some(outage), _) => (Duration::ZERO, Err(outage.clone())),
            (None, Some((took, outage))) => (*took, Err(outage.clone())),
            (None, None) => {
                let bind = lately.refused.draw().or_else(|| lately.bound.draw()).unwrap_or_default();
                (bind + lately.groups.draw().unwrap_or_default(), Ok(()))
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Lately) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The last few of a kind, handed out in turn: as often fast and as often slow as they were.
#[derive(Default)]
struct Durations {
    kept: VecDeque<Duration>,
    next: usize,
}

impl Durations {
    fn add(&mut self, took: Duration) {
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(took);
    }

    fn draw(&mut self) -> Option<Duration> {
        self.next = self.next.wrapping_add(1);
        self.kept.get(self.next.checked_rem(self.kept.len())?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn denials(pace: &Pace, number: usize) -> Vec<Duration> {
        let mut waits: Vec<_> = (0..number).map(|_| pace.of_a_denial().0).collect();
        waits.sort();
        waits
    }

    #[test]
    fn a_denial_takes_what_the_last_refusals_took_each_as_often() {
        let pace = Pace::default();
        assert_eq!(pace.of_a_denial(), (Duration::ZERO, Ok(())));
        pace.bound(ms(7));
        assert_eq!(denials(&pace, 2), [ms(7); 2]);
        pace.refused(ms(1000));
        (0..32).for_each(|took| pace.refused(ms(took)));
        pace.bound(ms(7));
        assert_eq!(denials(&pace, 32), (0..32).map(ms).collect::<Vec<_>>(), "and the oldest is forgotten");
    }

    #[test]
    fn a_denial_takes_the_search_for_groups_too() {
        let pace = Pace::default();
        pace.refused(ms(10));
        assert_eq!(pace.of_groups(), Duration::ZERO);
        pace.searched_groups(ms(200));
        assert_eq!((pace.of_groups(), pace.of_a_denial()), (ms(200), (ms(210), Ok(()))));
    }

    #[test]
    fn where_names_cannot_be_searched_no_bind_is_waited_for() {
        let (pace, outage) = (Pace::default(), Unavailable::new("people", "connection refused"));
        pace.refused(ms(10));
        pace.searched(Some(&outage));
        assert_eq!(pace.of_a_denial(), (Duration::ZERO, Err(outage)));
        pace.searched(None);
        assert_eq!(pace.of_a_denial(), (ms(10), Ok(())));
    }

    #[test]
    fn while_binds_fail_so_does_what_stands_for_them() {
        let outage = || Unavailable::new("people", "timeout");
        for answered in [Pace::refused, Pace::bound] {
            let pace = Pace::default();
            pace.refused(ms(10));
            pace.failed(ms(2000), outage());
            assert_eq!(pace.of_a_denial(), (ms(2000), Err(outage())));
            answered(&pace, ms(10));
            assert_eq!(pace.of_a_denial(), (ms(10), Ok(())));
        }
    }
}
