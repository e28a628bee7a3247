//! The records themselves: what there is room for, and who makes way.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{IssuedToken, NoRoom};
use crate::model::{EntryId, Timestamp};

/// One user's share of what there is room for: an eighth. Whoever has a password could otherwise push out all others'.
const SHARES: usize = 8;

pub(super) struct Records {
    /// In tokens of usual size, as is every weight.
    pub(super) capacity: usize,
    pub(super) weight: usize,
    pub(super) most_cancelled: usize,
    pub(super) by_id: HashMap<Arc<str>, Kept>,
    /// In the order in which they end.
    pub(super) by_end: BTreeMap<Turn, Arc<str>>,
    pub(super) by_subject: HashMap<EntryId, Held>,
    pub(super) turns: u64,
    pub(super) cancelled: HashMap<Arc<str>, Timestamp>,
    /// Those of them that other replicas do not know of.
    pub(super) unshared: HashSet<Arc<str>>,
    /// Whose cancellations they are, where that is counted.
    pub(super) cancelled_by_end: BTreeSet<(Timestamp, Arc<str>, Option<EntryId>)>,
    pub(super) cancelled_by_subject: HashMap<EntryId, usize>,
}

/// When a token is forgotten; the number tells those apart that end together.
pub(super) type Turn = (Timestamp, u64);

pub(super) struct Kept {
    pub(super) token: Arc<IssuedToken>,
    pub(super) weight: usize,
    turn: Turn,
}

/// One subject's tokens.
#[derive(Default)]
pub(super) struct Held {
    pub(super) turns: BTreeSet<Turn>,
    pub(super) weight: usize,
}

impl Records {
    pub(super) fn insert(&mut self, token: IssuedToken, weight: usize) {
        self.turns += 1;
        let turn = (token.kept_until, self.turns);
        let id: Arc<str> = token.assertion.id.as_str().into();
        self.by_end.insert(turn, id.clone());
        let held = self.by_subject.entry(token.subject.clone()).or_default();
        held.turns.insert(turn);
        held.weight += weight;
        self.weight += weight;
        self.by_id.insert(id, Kept { token: Arc::new(token), weight, turn });
    }

    pub(super) fn forget(&mut self, id: &str) -> bool {
        let Some(Kept { token, weight, turn }) = self.by_id.remove(id) else { return false };
        self.weight -= weight;
        self.by_end.remove(&turn);
        if let Some(held) = self.by_subject.get_mut(&token.subject) {
            held.weight -= weight;
            held.turns.remove(&turn);
            if held.turns.is_empty() {
                self.by_subject.remove(&token.subject);
            }
        }
        true
    }

    fn forget_turn(&mut self, turn: Turn) -> bool {
        let id = self.by_end.get(&turn).cloned();
        id.is_some_and(|id| self.forget(&id))
    }

    /// Forgets the tokens that end first until there is room for `more` of `subject`'s, first of all their own if they would
    /// have more than their share; how many.
    pub(super) fn make_room(&mut self, subject: Option<&EntryId>, more: usize) -> usize {
        let mut forgotten = 0;
        while self.weight + more > self.capacity {
            let share = (self.capacity / SHARES).max(1);
            let own =
                subject.and_then(|subject| self.by_subject.get(subject)).filter(|held| held.weight + more > share);
            let first = own.and_then(|held| held.turns.first()).or_else(|| self.by_end.keys().next()).copied();
            if !first.is_some_and(|turn| self.forget_turn(turn)) {
                break;
            }
            forgotten += 1;
        }
        forgotten
    }

    pub(super) fn cancel(&mut self, id: &str, until: Timestamp, counted: Option<&EntryId>) -> Result<(), NoRoom> {
        if self.cancelled.contains_key(id) {
            return Ok(());
        }
        let share = (self.most_cancelled / SHARES).max(1);
        let own = counted.and_then(|subject| self.cancelled_by_subject.get(subject)).copied().unwrap_or_default();
        if self.cancelled.len() >= self.most_cancelled || own >= share {
            return Err(NoRoom);
        }
        let id: Arc<str> = id.into();
        self.cancelled.insert(id.clone(), until);
        self.cancelled_by_end.insert((until, id, counted.cloned()));
        if let Some(subject) = counted {
            *self.cancelled_by_subject.entry(subject.clone()).or_default() += 1;
        }
        Ok(())
    }

    /// Drops what is over; how many tokens that were.
    pub(super) fn tidy(&mut self, now: Timestamp) -> usize {
        let mut expired = 0;
        while let Some(turn) = self.by_end.keys().next().copied().filter(|(until, _)| *until <= now) {
            if !self.forget_turn(turn) {
                break;
            }
            expired += 1;
        }
        while let Some((_, id, subject)) = self.first_cancelled_until(now) {
            self.cancelled.remove(&id);
            self.unshared.remove(&id);
            if let Some(subject) = subject
                && let Some(count) = self.cancelled_by_subject.get_mut(&subject)
            {
                *count -= 1;
                if *count == 0 {
                    self.cancelled_by_subject.remove(&subject);
                }
            }
        }
        expired
    }

    /// Takes out the cancellation that is over first, if it is over.
    fn first_cancelled_until(&mut self, now: Timestamp) -> Option<(Timestamp, Arc<str>, Option<EntryId>)> {
        if self.cancelled_by_end.first().is_some_and(|(until, ..)| *until <= now) {
            self.cancelled_by_end.pop_first()
        } else {
            None
        }
    }
}
