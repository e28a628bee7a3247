//! Tokens that were issued, each until it can no longer be renewed, and those that were cancelled, each until its end.
//! The one record may forget under pressure, for a token that it does not know counts for nothing; the other may not, for a
//! token that was cancelled would count again: it refuses what it has no room for.
//!
//! Where state is shared, what this process does not know is looked for there, and what it learns is put there; while that is
//! away, it answers by what it knows itself.

mod records;
mod seals;
mod written;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use openssl::sha::sha256;
use tracing::info;

use super::{Away, Current, Shared, Sharing};
use crate::model::{EntryId, Timestamp, Username, hex};
use crate::saml::Assertion;
use crate::telemetry::Metrics;
use crate::wstrust::{Renewing, TokenType};
use records::Records;

pub use seals::Seals;

/// How many cancellations there may be at a time: some 20 MB.
const MOST_CANCELLED: usize = 100_000;
/// Attributes and a key that a token has beside what every token has: so many bytes of them count for a token more.
const BYTES_A_TOKEN: usize = 2048;

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
    /// The name that they bind as, which tells apart those whose failures are counted together under one [`EntryId`].
    pub bind_name: Arc<str>,
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
    shared: Current,
    /// Under which tokens are shared; until there is one, they are not.
    seals: ArcSwapOption<Seals>,
    metrics: Arc<Metrics>,
}

impl Issued {
    /// None yet; shared with other replicas through `shared`.
    pub fn new(capacity: usize, shared: Option<Arc<dyn Shared>>, metrics: Arc<Metrics>) -> Self {
        Self::with_room_for(capacity, MOST_CANCELLED, shared, metrics)
    }

    fn with_room_for(
        capacity: usize,
        most_cancelled: usize,
        shared: Option<Arc<dyn Shared>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let records = Records {
            capacity,
            weight: 0,
            most_cancelled,
            by_id: HashMap::new(),
            by_end: BTreeMap::new(),
            by_subject: HashMap::new(),
            turns: 0,
            cancelled: HashMap::new(),
            unshared: HashSet::new(),
            cancelled_by_end: BTreeSet::new(),
            cancelled_by_subject: HashMap::new(),
        };
        Self { records: Mutex::new(records), shared: Current::new(shared), seals: ArcSwapOption::empty(), metrics }
    }

    /// Has room for that many from now on.
    pub fn heed(&self, capacity: usize) {
        let forgotten = self.with(|records| {
            records.capacity = capacity;
            records.make_room(None, 0)
        });
        self.forgot("size", forgotten);
    }

    /// Seals by these from now on what is shared; without any, no token is shared.
    pub fn seal_by(&self, seals: Option<Seals>) {
        self.seals.store(seals.map(Arc::new));
    }

    /// Shares them there from now on. Tokens of before stay known here; that they were cancelled, all are told anew.
    pub fn share(&self, sharing: &Sharing) {
        self.with(|records| {
            match sharing {
                Sharing::Still(_) => {}
                Sharing::Elsewhere(_) => records.unshared = records.cancelled.keys().cloned().collect(),
                Sharing::Nowhere => records.unshared.clear(),
            }
            self.shared.switch(sharing);
        });
    }

    /// Remembers a token. One with very many attributes counts for several.
    pub async fn remember(&self, token: IssuedToken, now: Timestamp) {
        let weight = 1 + (token.assertion.attribute_bytes() + token.assertion.key_bytes()) / BYTES_A_TOKEN;
        if token.kept_until <= now {
            return;
        }
        let sealed = self.sealed(&token, now);
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
        if let (Some(shared), Some(Sealed { key, value, until })) = (self.shared.store(), sealed) {
            // While that is away, it is known here.
            let _ = shared.swap(&key, None, Some((&value, until.since(now)))).await;
        }
    }

    /// A token as it is shared, if it is.
    fn sealed(&self, token: &IssuedToken, now: Timestamp) -> Option<Sealed> {
        self.shared.store()?;
        let key = token_key(&token.assertion.id);
        let value = self.seals.load_full()?.seal(&key, &written::write(token)?, now)?;
        Some(Sealed { key, value, until: token.kept_until })
    }

    /// The token with that ID, if it is remembered.
    pub async fn find(&self, id: &str, now: Timestamp) -> Option<Arc<IssuedToken>> {
        let (known, cancelled) = self.with(|records| {
            let kept = records.by_id.get(id).map(|kept| kept.token.clone());
            (kept, records.cancelled.contains_key(id))
        });
        let found = match known {
            None if !cancelled => self.find_shared(id).await?,
            known => known?,
        };
        Some(found).filter(|token| token.kept_until > now)
    }

    async fn find_shared(&self, id: &str) -> Option<Arc<IssuedToken>> {
        let key = token_key(id);
        let value = self.shared.store()?.get(&key).await.ok()??;
        let token = written::read(&self.seals.load_full()?.open(&key, &value)?)?;
        (token.assertion.id == id).then(|| Arc::new(token))
    }

    /// Whether the token with that ID was cancelled.
    pub async fn is_cancelled(&self, id: &str, now: Timestamp) -> bool {
        if self.with(|records| records.cancelled.get(id).is_some_and(|until| *until > now)) {
            return true;
        }
        match self.shared.store() {
            Some(shared) => matches!(shared.get(&cancelled_key(id)).await, Ok(Some(_))),
            None => false,
        }
    }

    /// Remembers until `until` that the token with that ID was cancelled. `counted` is whose share of the room it takes;
    /// `None` for an asker whom the configuration names. While shared state is away, other replicas learn of it when it is
    /// back.
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
            if self.shared.is_some() {
                records.unshared.insert(id.into());
            }
            Ok((expired, usize::from(records.forget(id))))
        })?;
        self.forgot("expired", expired);
        self.forgot("invalidated", forgotten);
        // If not, it is tried again.
        let _ = self.share_cancelled(id, until, now).await;
        Ok(())
    }

    async fn share_cancelled(&self, id: &str, until: Timestamp, now: Timestamp) -> Result<(), Away> {
        if let Some(shared) = self.shared.store() {
            shared.swap(&cancelled_key(id), None, Some((CANCELLED, until.since(now)))).await?;
            self.with(|records| {
                // Another may have taken its place, which has not been told.
                let told = self.shared.store().is_none_or(|current| Arc::ptr_eq(&current, &shared));
                told && records.unshared.remove(id)
            });
        }
        Ok(())
    }

    /// Shares the cancellations that could not be shared when they were made.
    async fn share_the_rest(&self, now: Timestamp) {
        let rest: Vec<_> = self.with(|records| {
            let until = |id: &Arc<str>| records.cancelled.get(id).map(|until| (id.clone(), *until));
            records.unshared.iter().filter_map(until).collect()
        });
        let mut count = 0;
        for (id, until) in rest {
            if self.share_cancelled(&id, until, now).await.is_err() {
                break;
            }
            count += 1;
        }
        if count > 0 {
            info!(count, "cancellations that this replica alone knew of are shared");
        }
    }

    /// Drops what is over, brings the gauges up to date, and shares what could not be shared.
    pub async fn observe(&self, now: Timestamp) {
        let (expired, tokens, cancelled) =
            self.with(|records| (records.tidy(now), records.by_id.len(), records.cancelled.len()));
        self.forgot("expired", expired);
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.metrics.cache_entries.with_label_values(&["tokens"]).set(gauge(tokens));
        self.metrics.cache_entries.with_label_values(&["cancelled"]).set(gauge(cancelled));
        self.share_the_rest(now).await;
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

/// A token as it is shared.
struct Sealed {
    key: String,
    value: Vec<u8>,
    until: Timestamp,
}

/// What is kept of a cancelled token: that there is something.
const CANCELLED: &[u8] = b"1";

/// A client may have named it: whatever it is, the key is of one length.
fn token_key(id: &str) -> String {
    format!("token:{}", hex(&sha256(id.as_bytes())))
}

fn cancelled_key(id: &str) -> String {
    format!("cancelled:{}", hex(&sha256(id.as_bytes())))
}

#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;
