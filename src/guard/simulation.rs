//! Random attempts, places, outcomes and clocks against one record, held to its promises at every step. A failure names its
//! seed. What several replicas and their store do is simulated where they are kept.

use super::counts::Reserved;
use super::random::{Random, for_each_seed};
use super::*;

const SEEDS: u64 = 256;
const STEPS: usize = 3000;

/// A record, and what happened to it, told without its words.
struct World {
    policy: Policy,
    counts: Counts,
    now: i64,
    next: u64,
    under_way: Vec<(Reserved, Place)>,
    /// The failures that count now: when, and whether the directory had called the password wrong.
    total: Vec<(i64, bool)>,
    unknown: Vec<(i64, bool)>,
}

impl World {
    fn new(random: &mut Random) -> Self {
        let window = Duration::from_millis(1 + random.below(200_000));
        let threshold = 1 + random.below(8) as u32;
        let unknown_threshold = 1 + random.below(u64::from(threshold)) as u32;
        let policy = Policy { threshold, unknown_threshold, window, enforced: true };
        let (counts, under_way, total, unknown) = Default::default();
        Self { policy, counts, now: 1_000_000_000, next: 0, under_way, total, unknown }
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(100) {
            0..50 => self.attempt(random),
            50..85 => self.settle(random),
            85..97 => self.now += random.below(20_000) as i64,
            97 => self.now += random.below(400_000) as i64,
            _ => self.set_the_clock_back(random.below(400_000) as i64),
        }
        self.forget_what_is_over();
        self.hold_to_the_promises();
    }

    fn attempt(&mut self, random: &mut Random) {
        let place = [Place::Familiar, Place::Unknown, Place::First][random.below(3) as usize];
        self.next += 1;
        let before = self.counts.clone();
        let held = self.counts.admit(&self.policy, &Asking { place, theirs: None }, self.next, self.time());
        assert_eq!(held.map(|held| held.verdict), self.expected(place));
        match held {
            None => {
                let until = self.time().plus(RESERVED_FOR);
                let strange = place != Place::Familiar;
                self.under_way.push((Reserved { id: self.next, until, strange }, place));
            }
            Some(_) => assert_eq!(before, self.counts, "a refusal changed the record"),
        }
    }

    fn expected(&self, place: Place) -> Option<Verdict> {
        let (all, strange) = (self.under_way.len(), self.under_way.iter().filter(|(try_, _)| try_.strange).count());
        let limited = place == Place::Unknown;
        if let Some(verdict) = refusal(&self.total, self.policy.threshold) {
            return Some(verdict);
        }
        if let Some(verdict) = refusal(&self.unknown, self.policy.unknown_threshold).filter(|_| limited) {
            return Some(verdict);
        }
        let full = self.total.len() + all >= self.policy.threshold as usize;
        let strangers = limited && self.unknown.len() + strange >= self.policy.unknown_threshold as usize;
        (full || strangers).then_some(Verdict::Busy)
    }

    fn settle(&mut self, random: &mut Random) {
        if self.under_way.is_empty() {
            return;
        }
        let (reserved, place) = self.under_way.swap_remove(random.below(self.under_way.len() as u64) as usize);
        let outcome = match random.below(10) {
            0 => Outcome::Success,
            1..3 => Outcome::NotCounted,
            3..6 => Outcome::Unanswered,
            _ => Outcome::WrongPassword,
        };
        self.counts.settle(&self.policy, reserved.id, place, outcome, self.time());
        if matches!(outcome, Outcome::WrongPassword | Outcome::Unanswered) {
            self.end_windows(reserved.began().unix_millis());
        }
        match outcome {
            Outcome::Success => {
                self.total.clear();
                if reserved.strange {
                    self.unknown.clear();
                }
            }
            Outcome::WrongPassword => self.count(self.now, reserved.strange, true),
            Outcome::Unanswered => self.count(self.now, reserved.strange, false),
            Outcome::NotCounted => {}
        }
    }

    fn count(&mut self, at: i64, strange: bool, wrong: bool) {
        self.total.push((at, wrong));
        if strange {
            self.unknown.push((at, wrong));
        }
    }

    /// The record is asked before and after, and takes what it has for as young as can be.
    fn set_the_clock_back(&mut self, by: i64) {
        self.forget_what_is_over();
        self.counts.refresh(&self.policy, self.time());
        self.now -= by;
        self.counts.refresh(&self.policy, self.time());
        let latest = self.time().plus(RESERVED_FOR);
        self.total.iter_mut().chain(&mut self.unknown).for_each(|(at, _)| *at = self.now.min(*at));
        self.under_way.iter_mut().for_each(|(reserved, _)| reserved.until = reserved.until.min(latest));
    }

    fn forget_what_is_over(&mut self) {
        let mut over: Vec<_> =
            self.under_way.extract_if(.., |(reserved, _)| reserved.until.unix_millis() <= self.now).collect();
        over.sort_by_key(|(reserved, _)| reserved.until);
        for (reserved, _) in over {
            self.end_windows(reserved.began().unix_millis());
            self.count(reserved.until.unix_millis(), reserved.strange, false);
        }
        self.end_windows(self.now);
        self.counts.refresh(&self.policy, self.time());
    }

    fn end_windows(&mut self, now: i64) {
        let window = self.policy.window.as_millis() as i64;
        for (failures, all) in [(&mut self.total, true), (&mut self.unknown, false)] {
            let Some(last) = failures.iter().map(|(at, _)| *at).max() else { continue };
            let within = |open: &Reserved| (all || open.strange) && open.began().unix_millis() - last < window;
            if now - last >= window && !self.under_way.iter().any(|(open, _)| within(open)) {
                failures.clear();
            }
        }
    }

    fn hold_to_the_promises(&self) {
        let (threshold, now) = (self.policy.threshold as usize, self.time());
        assert!(self.total.len() + self.under_way.len() <= threshold, "more could be counted than the threshold");
        assert_eq!(self.counts.reserved.len(), self.under_way.len(), "a reservation was lost or made up");
        let summary = self.counts.summary(&self.policy, now);
        assert_eq!(summary.failures as usize, self.total.len());
        assert_eq!(summary.unknown_failures as usize, self.unknown.len());
        assert_eq!(summary.held_back, refusal(&self.total, self.policy.threshold));
        assert!(summary.until.is_none_or(|until| until.since(now) <= self.policy.window), "longer than the window");
        let idle = self.under_way.is_empty() && self.total.is_empty() && self.unknown.is_empty();
        assert_eq!(self.counts.is_idle(&self.policy, now), idle);
        let bytes = self.counts.to_bytes();
        assert_eq!(bytes.as_deref().map(Counts::from_bytes).unwrap_or_default(), self.counts);
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.now)
    }
}

/// Wrong passwords enough are a lock; with binds among them that nobody answered, an outage.
fn refusal(failures: &[(i64, bool)], threshold: u32) -> Option<Verdict> {
    let wrong = failures.iter().filter(|(_, wrong)| *wrong).count();
    match (failures.len() >= threshold as usize, wrong >= threshold as usize) {
        (false, _) => None,
        (true, true) => Some(Verdict::Locked),
        (true, false) => Some(Verdict::Unanswered),
    }
}

#[test]
fn whatever_happens_the_promises_hold() {
    for_each_seed(SEEDS, |random| {
        let mut world = World::new(random);
        (0..STEPS).for_each(|_| world.step(random));
    });
}
