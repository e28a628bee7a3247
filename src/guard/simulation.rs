//! Random attempts, outcomes and clocks against one record, held to its promises at every step. A failure names its seed.

use std::collections::HashMap;

use super::*;

const SEEDS: u64 = 300;
const STEPS: usize = 3000;
/// Few, so that the same is tried again and again.
const PASSWORDS: u64 = KNOWN_MAX as u64;

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A record, and what happened to it, told without its words.
struct World {
    policy: Policy,
    record: Record,
    now: i64,
    under_way: Vec<PasswordDigest>,
    /// When the failures that count now were counted, and whether the directory had called the password wrong.
    counted: Vec<(i64, bool)>,
    known_at: HashMap<PasswordDigest, (i64, bool)>,
}

impl World {
    fn new(random: &mut Random) -> Self {
        let window = Duration::from_millis(1 + random.below(200_000));
        let policy = Policy { threshold: 1 + random.below(8) as u32, window };
        let (under_way, counted, known_at) = Default::default();
        Self { policy, record: Record::default(), now: 1_000_000_000, under_way, counted, known_at }
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(100) {
            0..50 => self.attempt([random.below(PASSWORDS) as u8; 32]),
            50..85 => self.settle(random),
            85..97 => self.now += random.below(20_000) as i64,
            97 => self.now += random.below(400_000) as i64,
            _ => self.set_the_clock_back(random.below(400_000) as i64),
        }
        self.forget_what_is_over();
        self.hold_to_the_promises();
    }

    fn attempt(&mut self, password: PasswordDigest) {
        let now = self.time();
        self.forget_what_is_over();
        let before = (self.record.failures, self.record.last_failure);
        let verdict = self.record.admit(&self.policy, &password, now);
        let known = self.known_at.get(&password).map(|(_, wrong)| *wrong);
        let full = self.counted.len() + self.under_way.len() >= self.threshold();
        let expected = match (self.held_back(), known, full || self.under_way.contains(&password)) {
            (Some(verdict), ..) => verdict,
            (_, Some(true), _) => Verdict::KnownWrong,
            (_, Some(false), _) => Verdict::Unanswered,
            (.., true) => Verdict::Busy,
            _ => Verdict::Try,
        };
        assert_eq!(verdict, expected);
        if verdict == Verdict::Try {
            self.under_way.push(password);
        } else if self.record.failures > 0 {
            assert_eq!((self.record.failures, self.record.last_failure), before, "a refusal changed the count");
        }
    }

    fn settle(&mut self, random: &mut Random) {
        if self.under_way.is_empty() {
            return;
        }
        let password = self.under_way.swap_remove(random.below(self.under_way.len() as u64) as usize);
        let outcome = match random.below(10) {
            0 => Outcome::Success,
            1..3 => Outcome::NotCounted,
            3..6 => Outcome::Unanswered,
            _ => Outcome::WrongPassword,
        };
        self.forget_what_is_over();
        self.record.settle(&self.policy, &password, outcome, self.time());
        match outcome {
            Outcome::Success => self.counted.clear(),
            Outcome::WrongPassword | Outcome::Unanswered => {
                let failure = (self.now, outcome == Outcome::WrongPassword);
                self.counted.push(failure);
                self.known_at.insert(password, failure);
            }
            Outcome::NotCounted => {}
        }
    }

    /// The record is asked before and after, and takes what it has for as young as can be.
    fn set_the_clock_back(&mut self, by: i64) {
        self.forget_what_is_over();
        self.record.forget(&self.policy, self.time());
        self.now -= by;
        self.record.forget(&self.policy, self.time());
        self.counted.iter_mut().for_each(|(at, _)| *at = self.now.min(*at));
        self.known_at.values_mut().for_each(|(at, _)| *at = self.now.min(*at));
    }

    fn forget_what_is_over(&mut self) {
        if self.counted.last().is_some_and(|(last, _)| self.now - last >= self.policy.window.as_millis() as i64) {
            self.counted.clear();
        }
        self.known_at.retain(|_, (at, _)| self.now - *at < KNOWN.as_millis() as i64);
    }

    fn hold_to_the_promises(&self) {
        let now = self.time();
        assert!(self.counted.len() <= self.threshold(), "more binds than the threshold that may have been counted");
        assert!(self.counted.len() + self.under_way.len() <= self.threshold(), "more could be counted");
        assert_eq!(self.record.reserved.len(), self.under_way.len(), "a reservation was lost or made up");
        assert_eq!(self.record.counted(&self.policy, now) as usize, self.counted.len());
        assert_eq!(self.record.held_back(&self.policy, now), self.held_back());
        let idle = self.under_way.is_empty() && self.counted.is_empty() && self.known_at.is_empty();
        assert_eq!(self.record.is_idle(&self.policy, now), idle);
    }

    /// Wrong passwords enough are a lock; with binds among them that nobody answered, an outage.
    fn held_back(&self) -> Option<Verdict> {
        let wrong = self.counted.iter().filter(|(_, wrong)| *wrong).count();
        match (self.counted.len() >= self.threshold(), wrong >= self.threshold()) {
            (false, _) => None,
            (true, true) => Some(Verdict::Locked),
            (true, false) => Some(Verdict::Unanswered),
        }
    }

    fn threshold(&self) -> usize {
        self.policy.threshold as usize
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.now)
    }
}

#[test]
fn whatever_happens_the_promises_hold() {
    for seed in 0..SEEDS {
        let lived = std::panic::catch_unwind(|| {
            let mut random = Random(seed);
            let mut world = World::new(&mut random);
            (0..STEPS).for_each(|_| world.step(&mut random));
        });
        assert!(lived.is_ok(), "seed {seed}");
    }
}
