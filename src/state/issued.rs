//! Tokens that were issued, each until it can no longer be renewed, and those that were cancelled, each until its end.
//! The one record may forget under pressure, for a token that it does not know counts for nothing; the other may not, for a
//! token that was cancelled would count again: it refuses what it has no room for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{EntryId, Timestamp, Username};
use crate::saml::Assertion;
use crate::telemetry::Metrics;
use crate::wstrust::{Renewing, TokenType};

/// How many cancellations there may be at a time: some 20 MB.
const MOST_CANCELLED: usize = 100_000;
/// Attributes and a key that a token has beside what every token has: so many bytes of them count for a token more.
const BYTES_A_TOKEN: usize = 2048;
/// One user's share of what there is room for: an eighth. Whoever has a password could otherwise push out all others'.
const SHARES: usize = 8;

/// A token as it was issued.
pub struct IssuedToken {
    /// What it says.
    pub assertion: Assertion,
    /// Which token it is.
    pub token_type: TokenType,
    /// The name in the configuration of whom it is for.
    pub party: String,
    /// The AppliesTo that it was issued for.
    pub applies_to: String,
    /// Whose it is.
    pub subject: EntryId,
    /// The name that found them.
    pub username: Username,
    /// Whether it may be renewed, by the client's own words; what the party allows is looked up when it is.
    pub renewing: Renewing,
    /// The token in whose place it was issued by Validate, with whose cancellation it ends.
    pub made_of: Option<String>,
    /// The end of the token that it was issued upon, where that bounds it: no token that follows by renewal ends later.
    pub until: Option<Timestamp>,
    /// Until when it is remembered: its end, and as long after as it can be renewed.
    pub kept_until: Timestamp,
}

/// There is no room for another cancellation, and none may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many cancelled tokens are remembered as there is room for")]
pub struct NoRoom;

/// The records.
pub struct Issued {
    records: Mutex<Records>,
    metrics: Arc<Metrics>,
}

struct Records {
    /// In tokens of usual size, as is every weight.
    capacity: usize,
    weight: usize,
    most_cancelled: usize,
    by_id: HashMap<Arc<str>, Kept>,
    /// In the order in which they end.
    by_end: BTreeMap<Turn, Arc<str>>,
    by_subject: HashMap<EntryId, Held>,
    turns: u64,
    cancelled: HashMap<Arc<str>, Timestamp>,
    /// Whose cancellations they are, where that is counted.
    cancelled_by_end: BTreeSet<(Timestamp, Arc<str>, Option<EntryId>)>,
    cancelled_by_subject: HashMap<EntryId, usize>,
}

/// When a token is forgotten; the number tells those apart that end together.
type Turn = (Timestamp, u64);

struct Kept {
    token: Arc<IssuedToken>,
    weight: usize,
    turn: Turn,
}

/// One subject's tokens.
#[derive(Default)]
struct Held {
    turns: BTreeSet<Turn>,
    weight: usize,
}

impl Issued {
    /// None yet.
    pub fn new(capacity: usize, metrics: Arc<Metrics>) -> Self {
        Self::with_room_for(capacity, MOST_CANCELLED, metrics)
    }

    fn with_room_for(capacity: usize, most_cancelled: usize, metrics: Arc<Metrics>) -> Self {
        let records = Records {
            capacity,
            weight: 0,
            most_cancelled,
            by_id: HashMap::new(),
            by_end: BTreeMap::new(),
            by_subject: HashMap::new(),
            turns: 0,
            cancelled: HashMap::new(),
            cancelled_by_end: BTreeSet::new(),
            cancelled_by_subject: HashMap::new(),
        };
        Self { records: Mutex::new(records), metrics }
    }

    /// Has room for that many from now on.
    pub fn heed(&self, capacity: usize) {
        let forgotten = self.with(|records| {
            records.capacity = capacity;
            records.make_room(None, 0)
        });
        self.forgot("size", forgotten);
    }

    /// Remembers a token. One with very many attributes counts for several.
    pub async fn remember(&self, token: IssuedToken, now: Timestamp) {
        let weight = 1 + (token.assertion.attribute_bytes() + token.assertion.key_bytes()) / BYTES_A_TOKEN;
        if token.kept_until <= now {
            return;
        }
        let (expired, forgotten) = self.with(|records| {
            let expired = records.tidy(now);
            if weight > records.capacity {
                return (expired, 1);
            }
            let forgotten = records.make_room(Some(&token.subject), weight);
            records.insert(token, weight);
            (expired, forgotten)
        });
        self.forgot("expired", expired);
        self.forgot("size", forgotten);
    }

    /// The token with that ID, if it is remembered.
    pub async fn find(&self, id: &str, now: Timestamp) -> Option<Arc<IssuedToken>> {
        self.with(|records| {
            let kept = records.by_id.get(id).filter(|kept| kept.token.kept_until > now)?;
            Some(kept.token.clone())
        })
    }

    /// Whether the token with that ID was cancelled.
    pub async fn is_cancelled(&self, id: &str, now: Timestamp) -> bool {
        self.with(|records| records.cancelled.get(id).is_some_and(|until| *until > now))
    }

    /// Remembers until `until` that the token with that ID was cancelled. `counted` is whose share of the room it takes;
    /// `None` for an asker whom the configuration names.
    ///
    /// # Errors
    /// If there is no room.
    pub async fn cancel(
        &self,
        id: &str,
        until: Timestamp,
        counted: Option<&EntryId>,
        now: Timestamp,
    ) -> Result<(), NoRoom> {
        let (expired, forgotten) = self.with(|records| {
            let expired = records.tidy(now);
            records.cancel(id, until, counted)?;
            Ok((expired, usize::from(records.forget(id))))
        })?;
        self.forgot("expired", expired);
        self.forgot("invalidated", forgotten);
        Ok(())
    }

    /// Drops what is over, and brings the gauges up to date.
    pub async fn observe(&self, now: Timestamp) {
        let (expired, tokens, cancelled) =
            self.with(|records| (records.tidy(now), records.by_id.len(), records.cancelled.len()));
        self.forgot("expired", expired);
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.metrics.cache_entries.with_label_values(&["tokens"]).set(gauge(tokens));
        self.metrics.cache_entries.with_label_values(&["cancelled"]).set(gauge(cancelled));
    }

    fn forgot(&self, reason: &str, tokens: usize) {
        if tokens > 0 {
            self.metrics.cache_evictions.with_label_values(&["tokens", reason]).inc_by(tokens as u64);
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Records) -> T) -> T {
        work(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Records {
    fn insert(&mut self, token: IssuedToken, weight: usize) {
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

    fn forget(&mut self, id: &str) -> bool {
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
    fn make_room(&mut self, subject: Option<&EntryId>, more: usize) -> usize {
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

    fn cancel(&mut self, id: &str, until: Timestamp, counted: Option<&EntryId>) -> Result<(), NoRoom> {
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
    fn tidy(&mut self, now: Timestamp) -> usize {
        let mut expired = 0;
        while let Some(turn) = self.by_end.keys().next().copied().filter(|(until, _)| *until <= now) {
            if !self.forget_turn(turn) {
                break;
            }
            expired += 1;
        }
        while let Some((_, id, subject)) = self.first_cancelled_until(now) {
            self.cancelled.remove(&id);
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

#[cfg(test)]
mod tests;
