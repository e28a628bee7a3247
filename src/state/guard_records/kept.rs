//! The records of this process: a map within its bounds, each step under its lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::News;
use crate::guard::{Apart, Counts, Importance, Passwords, Policy, keep_most};
use crate::model::{EntryId, Timestamp};
use crate::telemetry::IntCounter;

/// How many records there are before those that say nothing any more are looked for.
const SWEEP_AT: usize = 1024;

/// Records by entry.
pub(super) struct Records {
    most: usize,
    evicted: IntCounter,
    inside: Mutex<Inside>,
}

pub(super) struct Inside {
    pub policy: Policy,
    pub by_entry: HashMap<EntryId, Kept>,
    /// Who goes on with these records, and hears what happens here.
    pub follower: Option<mpsc::UnboundedSender<News>>,
    sweep_at: usize,
}

/// What is kept of one entry.
#[derive(Default)]
pub(super) struct Kept {
    /// All that counts; where there is a store, what it last had.
    pub counts: Counts,
    /// What was done since then without the store.
    pub apart: Option<Box<Apart>>,
    pub passwords: Passwords,
    /// Told whenever a try ends, for those who wait for a place; made when the first one waits.
    pub settled: Option<Arc<Notify>>,
    /// Whoever asks the store about the entry takes a turn.
    pub turn: Option<Arc<tokio::sync::Mutex<()>>>,
    /// Who waits for one or has it.
    pub turns: u32,
    /// When the store had `counts`.
    pub seen: Option<Instant>,
}

impl Kept {
    /// What counts, as far as it is known here.
    pub fn all(&self, policy: &Policy, now: Timestamp) -> Counts {
        self.on(&self.counts, policy, now)
    }

    /// What counts, if the store has this.
    pub fn on(&self, store: &Counts, policy: &Policy, now: Timestamp) -> Counts {
        match &self.apart {
            Some(apart) => apart.on(store, policy, now),
            None => store.clone(),
        }
    }

    /// A try has ended.
    pub fn tell(&mut self) {
        if let Some(settled) = self.settled.take() {
            settled.notify_waiters();
        }
    }

    fn is_idle(&self, policy: &Policy, now: Timestamp) -> bool {
        self.turns == 0 && self.apart.is_none() && self.passwords.is_idle(now) && self.counts.is_idle(policy, now)
    }

    fn importance(&self, policy: &Policy, now: Timestamp) -> Importance {
        self.all(policy, now).importance(policy, now).or_in_use(self.turns > 0 || self.passwords.is_in_use())
    }
}

impl Records {
    pub fn new(most: usize, policy: Policy, evicted: IntCounter) -> Self {
        Self {
            most,
            evicted,
            inside: Mutex::new(Inside { policy, by_entry: HashMap::new(), follower: None, sweep_at: 0 }),
        }
    }

    /// Looks at all of them.
    pub fn with<T>(&self, work: impl FnOnce(&mut Inside) -> T) -> T {
        work(&mut self.inside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at one, if there is one.
    pub fn of<T>(&self, entry: &EntryId, look: impl FnOnce(&Kept, &Policy) -> T) -> Option<T> {
        self.with(|inside| inside.by_entry.get(entry).map(|kept| look(kept, &inside.policy)))
    }

    /// Does one step with one.
    pub fn step<T>(&self, entry: &EntryId, now: Timestamp, step: impl FnOnce(&mut Kept, &Policy) -> T) -> T {
        self.with(|inside| self.step_inside(inside, entry, now, step))
    }

    /// Does one step with that of which there is `news`, and tells who goes on with the records: nobody sees the one without
    /// the other.
    pub fn step_and_tell<T>(&self, news: News, step: impl FnOnce(&mut Kept, &Policy, &News) -> T) -> T {
        self.with(|inside| {
            let (entry, at) = news.of();
            let done = self.step_inside(inside, entry, at, |kept, policy| step(kept, policy, &news));
            if let Some(follower) = &inside.follower {
                // Whoever has gone is told nothing.
                let _ = follower.send(news);
            }
            done
        })
    }

    fn step_inside<T>(
        &self,
        inside: &mut Inside,
        entry: &EntryId,
        now: Timestamp,
        step: impl FnOnce(&mut Kept, &Policy) -> T,
    ) -> T {
        let policy = inside.policy;
        if inside.by_entry.len() >= inside.sweep_at.max(SWEEP_AT.min(self.most)) {
            self.sweep(inside, now);
        }
        let known = inside.by_entry.contains_key(entry);
        let mut new = Kept::default();
        let kept = if known { inside.by_entry.get_mut(entry).unwrap_or(&mut new) } else { &mut new };
        let result = step(kept, &policy);
        match (known, kept.is_idle(&policy, now)) {
            (true, true) => drop(inside.by_entry.remove(entry)),
            (false, false) => drop(inside.by_entry.insert(entry.clone(), new)),
            _ => {}
        }
        result
    }

    /// Drops what says nothing any more; how many are left.
    pub fn tidy(&self, now: Timestamp) -> usize {
        self.with(|inside| {
            let policy = inside.policy;
            inside.by_entry.retain(|_, kept| !kept.is_idle(&policy, now));
            inside.by_entry.len()
        })
    }

    /// Drops what says nothing any more, and a quarter besides where there is no room left: each record that comes pays for
    /// looking at a few others.
    fn sweep(&self, inside: &mut Inside, now: Timestamp) {
        let (policy, by_entry) = (inside.policy, &mut inside.by_entry);
        by_entry.retain(|_, kept| !kept.is_idle(&policy, now));
        let dropped = keep_most(by_entry, self.most - self.most / 4, |kept| {
            let importance = kept.importance(&policy, now);
            (!importance.is_in_use()).then_some(importance)
        });
        self.evicted.inc_by(dropped as u64);
        by_entry.shrink_to(by_entry.len() * 2);
        inside.sweep_at = (by_entry.len() * 2).min(self.most);
    }
}
