//! What is remembered of a metadata query service, each part of it bounded; it outlives a reload of the configuration.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::entity::Entity;
use super::flight::Flight;
use super::limit::{Budget, Reachability, Shares};
use crate::model::{ClientAddress, Timestamp};

/// Bytes of the documents of entities that somebody has signed in to,
const MOST_PROVEN: u64 = 48 * 1024 * 1024;
/// and of those that somebody has but named.
const MOST_NAMED: u64 = 16 * 1024 * 1024;
/// Copies on disk.
const MOST_COPIES: usize = 4096;
/// Entities of which it is remembered that there is nothing to be had.
const MOST_RECENT: u64 = 16_384;
/// An entity that nobody asks for is forgotten.
const IDLE: Duration = Duration::from_secs(8 * 3600);
/// How long it is believed that the service does not know an entity (Shibboleth's default).
const ABSENT: Duration = Duration::from_secs(600);
/// How long nobody tries again to have what could not be had.
const FAILED: Duration = Duration::from_secs(10);
/// Copies of what nobody asked for in so long are of no use: most are valid for two weeks.
const OLD_COPY: Duration = Duration::from_secs(30 * 86_400);
/// Questions that are answered at a time: of entities that are known, and of others.
const AT_A_TIME: usize = 8;
/// Questions that wait for that.
const WAITING: usize = 64;

/// The SHA-256 of an entityID: as long as any other, whoever wrote it.
pub(super) type Key = [u8; 32];

/// Who has the service asked.
#[derive(Clone, Copy)]
pub(super) enum Asker {
    /// The configuration names the entity.
    Operator,
    /// A request does, of this client.
    Client(ClientAddress),
}

/// What became of asking for an entity that is not remembered.
#[derive(Clone)]
pub(super) enum Recent {
    /// The service knows none.
    Absent,
    /// It could not be had.
    Failed(String),
}

/// What is remembered. Anybody can name an entity, so that those which somebody has signed in to, or which the configuration
/// names, have a place of their own, where what was not used for the longest time makes room.
pub(super) struct Memory {
    proven: Cache<Key, Arc<Entity>>,
    named: Cache<Key, Arc<Entity>>,
    recent: Cache<Key, (Recent, Timestamp)>,
    /// Of those that are proven, each with when it was last used.
    copies: Mutex<HashMap<Key, Timestamp>>,
    flights: Arc<Mutex<HashMap<Key, Flight>>>,
    tickets: Arc<Semaphore>,
    known: Semaphore,
    unknown: Semaphore,
    limits: Mutex<Limits>,
}

struct Limits {
    strangers: Shares,
    refreshes: Budget,
    service: Reachability,
    reached: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            proven: entities(MOST_PROVEN),
            named: entities(MOST_NAMED),
            recent: Cache::builder().max_capacity(MOST_RECENT).time_to_live(ABSENT).build(),
            copies: Mutex::default(),
            flights: Arc::default(),
            tickets: Arc::new(Semaphore::new(WAITING)),
            known: Semaphore::new(AT_A_TIME),
            unknown: Semaphore::new(AT_A_TIME),
            limits: Mutex::new(Limits {
                strangers: Shares::new(),
                refreshes: Budget::of_known(),
                service: Reachability::new(),
                reached: true,
            }),
        }
    }
}

fn entities(most_bytes: u64) -> Cache<Key, Arc<Entity>> {
    Cache::builder()
        .weigher(|_, entity: &Arc<Entity>| entity.bytes)
        .max_capacity(most_bytes)
        .eviction_policy(EvictionPolicy::lru())
        .time_to_idle(IDLE)
        .build()
}

/// Ends a flight when it is dropped, however it ended.
pub(super) struct Landing {
    flights: Arc<Mutex<HashMap<Key, Flight>>>,
    key: Key,
}

impl Drop for Landing {
    fn drop(&mut self) {
        lock(&self.flights).remove(&self.key);
    }
}

impl Memory {
    /// How many entities are remembered, about.
    pub fn len(&self) -> usize {
        usize::try_from(self.proven.entry_count() + self.named.entry_count()).unwrap_or(usize::MAX)
    }

    /// The same once what has no room is gone.
    #[cfg(test)]
    pub fn settled_len(&self) -> usize {
        self.proven.run_pending_tasks();
        self.named.run_pending_tasks();
        self.len()
    }

    pub fn entity(&self, key: &Key) -> Option<Arc<Entity>> {
        self.proven.get(key).or_else(|| self.named.get(key))
    }

    /// Remembers an entity; whether it is one of the proven ones.
    pub fn remember(&self, key: Key, entity: Arc<Entity>) -> bool {
        self.recent.invalidate(&key);
        let proven = self.proven.contains_key(&key) || self.has_copy(&key);
        if proven { &self.proven } else { &self.named }.insert(key, entity);
        proven
    }

    /// Somebody has signed in there, or the configuration names it. The entity, if it was not among these before.
    pub fn prove(&self, key: Key, now: Timestamp) -> Option<Arc<Entity>> {
        if let Some(used) = lock(&self.copies).get_mut(&key) {
            *used = now;
        }
        let entity = self.named.get(&key)?;
        self.proven.insert(key, entity.clone());
        self.named.invalidate(&key);
        Some(entity)
    }

    /// What came of asking a short while ago.
    pub fn recent(&self, key: &Key, now: Timestamp) -> Option<Recent> {
        let (recent, until) = self.recent.get(key)?;
        // A clock that was set back does not make it last.
        (now < until && until.since(now) <= ABSENT).then_some(recent)
    }

    pub fn is_absent(&self, key: Key, now: Timestamp) {
        self.proven.invalidate(&key);
        self.named.invalidate(&key);
        self.recent.insert(key, (Recent::Absent, now.plus(ABSENT)));
    }

    pub fn failed(&self, key: Key, why: String, now: Timestamp) {
        self.recent.insert(key, (Recent::Failed(why), now.plus(FAILED)));
    }

    /// There are copies from before, each with when it was had; returns those that are of no use.
    pub fn has_copies(&self, mut all: Vec<(Key, Timestamp)>, now: Timestamp) -> Vec<Key> {
        all.sort_unstable_by_key(|(_, had)| std::cmp::Reverse(*had));
        let useful = all.iter().take(MOST_COPIES).take_while(|(_, had)| now.since(*had) <= OLD_COPY).count();
        let useless = all.split_off(useful);
        lock(&self.copies).extend(all);
        useless.into_iter().map(|(key, _)| key).collect()
    }

    pub fn has_copy(&self, key: &Key) -> bool {
        lock(&self.copies).contains_key(key)
    }

    /// There is a copy from now on; returns the one that makes room for it, if one must: the one that was not used for the
    /// longest time.
    pub fn takes_copy(&self, key: Key, now: Timestamp) -> Option<Key> {
        let mut copies = lock(&self.copies);
        copies.insert(key, now);
        if copies.len() <= MOST_COPIES {
            return None;
        }
        let oldest = copies.iter().filter(|(other, _)| **other != key).min_by_key(|(_, used)| **used);
        let oldest = oldest.map(|(key, _)| *key)?;
        copies.remove(&oldest);
        Some(oldest)
    }

    pub fn forget_copy(&self, key: &Key) {
        lock(&self.copies).remove(key);
    }

    /// Whether the service is believed to answer.
    pub fn may_ask(&self, now: Timestamp) -> bool {
        lock(&self.limits).service.may_ask(now)
    }

    /// Takes one question from those that may be asked; `known`: what is known of the entity may still be used.
    pub fn spend(&self, asker: Asker, known: bool, now: Timestamp) -> bool {
        let Limits { strangers, refreshes, .. } = &mut *lock(&self.limits);
        match asker {
            Asker::Operator => true,
            Asker::Client(_) if known => refreshes.take(now),
            Asker::Client(client) => strangers.take(client, now),
        }
    }

    /// Whether it answered when it was last asked, or was not asked yet.
    pub fn is_reached(&self) -> bool {
        lock(&self.limits).reached
    }

    /// Whether it answered; whether that is another than before.
    pub fn reached(&self, answered: bool, now: Timestamp) -> bool {
        let Limits { service, reached, .. } = &mut *lock(&self.limits);
        if answered {
            service.answered();
        } else {
            service.failed(now);
        }
        std::mem::replace(reached, answered) != answered
    }

    /// The question for an entity that is under way, or the one that `begin` makes. That one keeps the landing and the
    /// ticket until it ends. `known`: there is something to go on with, perhaps on disk.
    pub fn flight(
        &self,
        key: Key,
        known: bool,
        begin: impl FnOnce(Landing, Option<OwnedSemaphorePermit>) -> Flight,
    ) -> Result<Flight, String> {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(&key) {
            return Ok(flight.clone());
        }
        let ticket = if known {
            None
        } else {
            let ticket = self.tickets.clone().try_acquire_owned();
            Some(ticket.map_err(|_| "too many entities are being asked for".to_owned())?)
        };
        let flight = begin(Landing { flights: self.flights.clone(), key }, ticket);
        flights.insert(key, flight.clone());
        Ok(flight)
    }

    /// Whether anything is being asked for.
    #[cfg(test)]
    pub fn is_asking(&self) -> bool {
        !lock(&self.flights).is_empty()
    }

    /// Waits for a turn to ask. Those of entities that are known do not wait for others.
    pub async fn turn(&self, known: bool) -> Option<SemaphorePermit<'_>> {
        if known { &self.known } else { &self.unknown }.acquire().await.ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
