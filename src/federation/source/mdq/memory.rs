//! What is remembered of a metadata query service, each part of it bounded; it outlives a reload of the configuration.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::entity::Entity;
use super::flight::Flight;
use super::limit::{Budget, Reachability};
use crate::model::Timestamp;

/// Bytes of the documents of entities that are remembered.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
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

/// What became of asking for an entity that is not remembered.
#[derive(Clone)]
pub(super) enum Recent {
    /// The service knows none.
    Absent,
    /// It could not be had.
    Failed(String),
}

/// What is remembered.
pub(super) struct Memory {
    entities: Cache<Key, Arc<Entity>>,
    recent: Cache<Key, (Recent, Timestamp)>,
    copies: Mutex<HashSet<Key>>,
    flights: Arc<Mutex<HashMap<Key, Flight>>>,
    tickets: Arc<Semaphore>,
    known: Semaphore,
    unknown: Semaphore,
    limits: Mutex<(Budget, Reachability, bool)>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            entities: Cache::builder()
                .weigher(|_, entity: &Arc<Entity>| entity.bytes)
                .max_capacity(MOST_BYTES)
                .time_to_idle(IDLE)
                .build(),
            recent: Cache::builder().max_capacity(MOST_RECENT).time_to_live(ABSENT).build(),
            copies: Mutex::default(),
            flights: Arc::default(),
            tickets: Arc::new(Semaphore::new(WAITING)),
            known: Semaphore::new(AT_A_TIME),
            unknown: Semaphore::new(AT_A_TIME),
            limits: Mutex::new((Budget::new(), Reachability::new(), true)),
        }
    }
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
        usize::try_from(self.entities.entry_count()).unwrap_or(usize::MAX)
    }

    pub fn entity(&self, key: &Key) -> Option<Arc<Entity>> {
        self.entities.get(key)
    }

    pub fn remember(&self, key: Key, entity: Arc<Entity>) {
        self.recent.invalidate(&key);
        self.entities.insert(key, entity);
    }

    /// What came of asking a short while ago.
    pub fn recent(&self, key: &Key, now: Timestamp) -> Option<Recent> {
        let (recent, until) = self.recent.get(key)?;
        // A clock that was set back does not make it last.
        (now < until && until.since(now) <= ABSENT).then_some(recent)
    }

    pub fn is_absent(&self, key: Key, now: Timestamp) {
        self.entities.invalidate(&key);
        self.recent.insert(key, (Recent::Absent, now.plus(ABSENT)));
    }

    pub fn failed(&self, key: Key, why: String, now: Timestamp) {
        self.recent.insert(key, (Recent::Failed(why), now.plus(FAILED)));
    }

    /// There are copies from before, each with when it was had; returns those that are of no use.
    pub fn has_copies(&self, all: Vec<(Key, Timestamp)>, now: Timestamp) -> Vec<Key> {
        let mut copies = lock(&self.copies);
        let mut useless = Vec::new();
        for (key, had) in all {
            if now.since(had) <= OLD_COPY && copies.len() < MOST_COPIES {
                copies.insert(key);
            } else {
                useless.push(key);
            }
        }
        useless
    }

    pub fn has_copy(&self, key: &Key) -> bool {
        lock(&self.copies).contains(key)
    }

    /// Makes room for a copy, if there is some.
    pub fn takes_copy(&self, key: &Key) -> bool {
        let mut copies = lock(&self.copies);
        copies.contains(key) || (copies.len() < MOST_COPIES && copies.insert(*key))
    }

    pub fn forget_copy(&self, key: &Key) {
        lock(&self.copies).remove(key);
    }

    /// Whether the service is believed to answer.
    pub fn may_ask(&self, now: Timestamp) -> bool {
        lock(&self.limits).1.may_ask(now)
    }

    /// Whether another entity may be asked for that nobody knew before.
    pub fn spend(&self, now: Timestamp) -> bool {
        lock(&self.limits).0.take(now)
    }

    /// Whether it answered; whether that is another than before.
    pub fn reached(&self, reached: bool, now: Timestamp) -> bool {
        let (_, service, before) = &mut *lock(&self.limits);
        if reached {
            service.answered();
        } else {
            service.failed(now);
        }
        std::mem::replace(before, reached) != reached
    }

    /// The question for an entity that is under way, or the one that `begin` makes. That one keeps the landing and the
    /// ticket until it ends.
    pub fn flight(
        &self,
        key: Key,
        begin: impl FnOnce(Landing, Option<OwnedSemaphorePermit>) -> Flight,
    ) -> Result<Flight, String> {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(&key) {
            return Ok(flight.clone());
        }
        let ticket = if self.entities.contains_key(&key) || self.has_copy(&key) {
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
