//! Records that go over to the process which takes this one's place. Where replicas share a store, nothing does: that has them.

use tokio::sync::mpsc;

use super::GuardRecords;
use crate::guard::{Counts, Outcome, Place};
use crate::model::{EntryId, Timestamp};

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whose password was tried.
    pub entry: EntryId,
    /// What the failure was reserved under.
    pub id: u64,
    /// Where it came from.
    pub place: Place,
    /// What came of it.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

/// What a process hears that goes on with the records of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A try has ended.
    Settled(Settled),
    /// An operator has an entry's failures forgotten.
    Unlocked {
        /// Which.
        entry: EntryId,
        /// When.
        at: Timestamp,
    },
}

impl News {
    /// Of whom, and of when.
    pub(super) fn of(&self) -> (&EntryId, Timestamp) {
        match self {
            Self::Settled(Settled { entry, at, .. }) | Self::Unlocked { entry, at } => (entry, *at),
        }
    }
}

impl GuardRecords {
    /// What is counted and reserved now, for another process to go on with; how tries end here from now on, and what is
    /// unlocked, goes to `follower`, in the place of any before. No passwords, nor digests of them, are in it.
    pub fn hand_over(&self, follower: mpsc::UnboundedSender<News>) -> Vec<(EntryId, Vec<u8>)> {
        if self.0.shared.is_some() {
            return Vec::new();
        }
        self.0.records.with(|inside| {
            inside.follower = Some(follower);
            let counts = |(entry, kept): (&EntryId, &super::Kept)| Some((entry.clone(), kept.counts.to_bytes()?));
            inside.by_entry.iter().filter_map(counts).collect()
        })
    }

    /// Nobody follows any more.
    pub fn keep(&self) {
        self.0.records.with(|inside| inside.follower = None);
    }

    /// Goes on with what another process had of an entry.
    pub fn take_over(&self, entry: &EntryId, counts: &[u8], now: Timestamp) {
        if !self.0.shared.is_some() {
            self.0.records.step(entry, now, |kept, _| kept.counts = Counts::from_bytes(counts));
        }
    }

    /// Something has happened in that process; who goes on with these records hears of it, too.
    pub fn follow(&self, news: News) {
        if self.0.shared.is_some() {
            return;
        }
        self.0.records.step_and_tell(news, |kept, policy, news| {
            match *news {
                News::Settled(Settled { id, place, outcome, at, .. }) => {
                    kept.counts.settle(policy, id, place, outcome, at);
                }
                News::Unlocked { .. } => {
                    kept.counts.unlock();
                    kept.passwords.forget_known();
                }
            }
            kept.tell();
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Admission;
    use super::*;
    use crate::guard::{Asking, Policy, Verdict};
    use crate::telemetry::Metrics;

    const POLICY: Policy =
        Policy { threshold: 3, unknown_threshold: 3, window: Duration::from_secs(1800), enforced: true };

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000)
    }

    fn records() -> GuardRecords {
        GuardRecords::new(POLICY, &Metrics::new().unwrap(), None)
    }

    fn alice() -> EntryId {
        EntryId { directory: "d".into(), entry: "alice".into() }
    }

    async fn guess(records: &GuardRecords, number: u8) -> Admission {
        let asking = Asking { place: Place::First, theirs: None };
        records.admit(&alice(), &[number; 32], asking, now).await
    }

    async fn tried(records: &GuardRecords, number: u8) -> super::super::Reservation {
        match guess(records, number).await {
            Admission::Try(reservation, _) => reservation,
            Admission::Held(held) => panic!("{held:?}"),
        }
    }

    fn successor(before: &GuardRecords) -> (GuardRecords, mpsc::UnboundedReceiver<News>) {
        let (follower, follows) = mpsc::unbounded_channel();
        let next = records();
        for (entry, counts) in before.hand_over(follower) {
            next.take_over(&entry, &counts, now());
        }
        (next, follows)
    }

    fn follow(next: &GuardRecords, follows: &mut mpsc::UnboundedReceiver<News>) {
        while let Ok(news) = follows.try_recv() {
            next.follow(news);
        }
    }

    #[tokio::test]
    async fn an_upgrade_gives_nobody_another_guess() {
        let before = records();
        tried(&before, 1).await.settle(Outcome::WrongPassword, now()).await;
        let under_way = tried(&before, 2).await;
        let (next, mut follows) = successor(&before);
        let last = tried(&next, 3).await;
        under_way.settle(Outcome::WrongPassword, now()).await;
        follow(&next, &mut follows);
        last.settle(Outcome::WrongPassword, now()).await;
        let Admission::Held(held) = guess(&next, 4).await else { panic!("a fourth guess") };
        assert_eq!(held.verdict, Verdict::Locked);
    }

    #[tokio::test]
    async fn a_second_upgrade_before_the_first_has_heard_all() {
        let before = records();
        let under_way = tried(&before, 1).await;
        let (next, mut follows) = successor(&before);
        let (last, mut follows_last) = successor(&next);
        under_way.settle(Outcome::WrongPassword, now()).await;
        follow(&next, &mut follows);
        follow(&last, &mut follows_last);
        assert_eq!(last.summaries(now()).await[0].1.failures, 1);
    }

    #[tokio::test]
    async fn an_unlock_while_a_successor_started_was_undone_by_it() {
        let before = records();
        for number in 1..=3 {
            tried(&before, number).await.settle(Outcome::WrongPassword, now()).await;
        }
        let (next, mut follows) = successor(&before);
        let (last, mut follows_last) = successor(&next);
        assert_eq!(before.unlock(&alice(), now()).await.unwrap().failures, 3);
        follow(&next, &mut follows);
        follow(&last, &mut follows_last);
        for records in [before, next, last] {
            assert!(records.summaries(now()).await.is_empty());
            tried(&records, 1).await;
        }
    }

    #[tokio::test]
    async fn who_signs_in_where_they_began_is_forgiven_where_they_go_on() {
        let before = records();
        for number in 1..=2 {
            tried(&before, number).await.settle(Outcome::WrongPassword, now()).await;
        }
        let under_way = tried(&before, 3).await;
        let (next, mut follows) = successor(&before);
        under_way.settle(Outcome::Success, now()).await;
        follow(&next, &mut follows);
        assert!(next.summaries(now()).await.is_empty());
        // An upgrade that comes to nothing is over.
        before.keep();
        tried(&before, 4).await.settle(Outcome::WrongPassword, now()).await;
        assert!(follows.recv().await.is_none());
        assert!(next.summaries(now()).await.is_empty());
    }
}
