//! A metadata query service (draft-young-md-query-saml), which is asked for each entity when somebody names it.
//!
//! Whoever sends an AuthnRequest chooses the entityID in it, before anybody has proved who they are. So each of them asks
//! for one at most at a time, those that nobody knew before share a [budget](limit), what the service does not know is not
//! asked for again for a while, and whatever is remembered has bounds. Who uses a service provider that is known waits for
//! none of that.

mod entity;
mod flight;
mod limit;
mod memory;
mod query;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::FutureExt;
use openssl::sha::sha256;
use reqwest::Client;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use self::flight::{Answered, Flight, Outcome};
use self::memory::{Key, Memory, Recent};
use self::query::query_url;
use super::kept::{Kept, copy_by};
use super::remote::noted;
use super::{Failure, NO_COPY, Works};
use crate::federation::{Fault, Objection};
use crate::model::{Timestamp, quoted};
use crate::saml::metadata::ServiceProvider;

/// How long a request waits for the service.
const PATIENCE: Duration = Duration::from_secs(4);
/// Between two looks at the entities that are wanted before anybody names them.
const LOOK: Duration = Duration::from_secs(60);

/// A metadata query service, and what is known from it. A clone is the same.
#[derive(Clone)]
pub(super) struct Mdq(Arc<Service>);

struct Service {
    name: String,
    base: String,
    client: Client,
    kept: Option<Kept>,
    works: Works,
    memory: ArcSwap<Memory>,
}

impl Mdq {
    pub fn new(name: &str, base: String, client: Client, kept: Option<Kept>, works: Works) -> Self {
        let memory = ArcSwap::from_pointee(Memory::default());
        Self(Arc::new(Service { name: name.to_owned(), base, client, kept, works, memory }))
    }

    pub fn works(&self) -> &Works {
        &self.0.works
    }

    /// See [`Source::begin`](super::Source::begin).
    pub fn begin(&self, earlier: Option<&Self>) {
        match earlier.filter(|earlier| earlier.works().trust.is_same(&self.works().trust)) {
            Some(earlier) => self.0.memory.store(earlier.0.memory.load_full()),
            None => {
                if let Some(kept) = &self.0.kept {
                    let source = self.0.name.as_str();
                    match kept.all() {
                        Ok(copies) => {
                            for key in self.0.memory.load().has_copies(copies, self.works().clock.now()) {
                                noted(kept.forget(&copy_by(&key)));
                            }
                        }
                        Err(error) => warn!(source, %error, "the copies of its metadata cannot be read"),
                    }
                }
            }
        }
    }

    /// See [`Source::follow`](super::Source::follow).
    pub async fn follow(&self, wanted: &[String]) {
        loop {
            for entity_id in wanted {
                if let Some(url) = query_url(&self.0.base, entity_id) {
                    // What came of it has been told.
                    drop(self.look_up(entity_id, url, true).await);
                }
            }
            self.works().metrics.holds(self.0.memory.load().len(), None);
            sleep(LOOK).await;
        }
    }

    /// See [`Source::provider`](super::Source::provider).
    pub async fn provider(&self, entity_id: &str, now: Timestamp) -> Result<Option<Arc<ServiceProvider>>, String> {
        let Some(url) = query_url(&self.0.base, entity_id) else { return Ok(None) };
        let found = self.look_up(entity_id, url, false).await?;
        Ok(found.and_then(|entity| entity.provider(now)))
    }

    /// Asks the service, whatever is remembered, and remembers nothing. What it says may have ended.
    pub async fn try_out(&self, entity_id: &str) -> Result<Option<Arc<ServiceProvider>>, Objection> {
        let Some(url) = query_url(&self.0.base, entity_id) else { return Ok(None) };
        match self.0.ask(entity_id, &url, None).await? {
            Answered::Entity(entity, _) => Ok(entity.as_it_is()),
            Answered::Absent | Answered::Unchanged => Ok(None),
        }
    }

    /// See [`Source::rehearse`](super::Source::rehearse).
    pub async fn rehearse(&self, entity_id: &str, online: bool) {
        let Some(url) = query_url(&self.0.base, entity_id) else { return };
        let (memory, key) = (self.0.memory.load_full(), sha256(entity_id.as_bytes()));
        let asked =
            if online { self.0.ask(entity_id, &url, None).await.map_err(Objection::from) } else { Err(no_copy()) };
        let learned = match asked {
            Ok(Answered::Entity(entity, _)) => Ok(Some(Arc::from(entity))),
            Ok(Answered::Absent | Answered::Unchanged) => Ok(None),
            Err(why) => self.0.read_copy(key, entity_id).await.map(Some).ok_or(why),
        };
        let now = self.works().clock.now();
        match learned {
            Ok(Some(entity)) if entity.is_valid(now) => {
                // However old the copy is, nobody is to ask for it anew.
                entity.confirm(self.works().pace, now);
                memory.remember(key, entity);
            }
            Ok(_) => memory.is_absent(key, now),
            Err(why) => memory.failed(key, why.what, now),
        }
    }

    /// What is remembered, or what the service says now. `wanted`: not by a stranger.
    async fn look_up(&self, entity_id: &str, url: String, wanted: bool) -> Outcome {
        let (memory, now, pace) = (self.0.memory.load_full(), self.works().clock.now(), self.works().pace);
        let key = sha256(entity_id.as_bytes());
        let remembered = memory.entity(&key);
        let never_read = remembered.is_none() && memory.has_copy(&key);
        let never_known = remembered.is_none() && !never_read;
        let known = remembered.filter(|entity| entity.is_valid(now));
        if let Some(entity) = &known {
            // A little old: it will be newer for whoever comes next.
            let due = entity.is_due(now, pace);
            if due && entity.age(now) <= pace.longest {
                drop(self.fly(&memory, key, entity_id, url));
                return Ok(known);
            }
            if !due || !memory.may_ask(now) {
                return Ok(known);
            }
        } else if !never_read {
            match memory.recent(&key, now) {
                Some(Recent::Absent) => return Ok(None),
                Some(Recent::Failed(why)) => return Err(why),
                None => {}
            }
            if !memory.may_ask(now) {
                return Err("it does not answer, and is tried again by and by".to_owned());
            }
            if never_known && !wanted && !memory.spend(now) {
                return Err("too many entities are asked for that nobody knew before".to_owned());
            }
        }
        let landed = match self.fly(&memory, key, entity_id, url) {
            Ok(flight) => timeout(PATIENCE, flight).await.unwrap_or_else(|_| Err("no answer in time".to_owned())),
            Err(why) => Err(why),
        };
        // A copy is read before the service is asked, which may take longer than anybody waits.
        let usable = || known.or_else(|| memory.entity(&key).filter(|entity| entity.is_valid(now)));
        landed.or_else(|why| usable().map(Some).ok_or(why))
    }

    /// The one request for an entity that is under way, or a new one. It goes on when whoever began it does not wait.
    fn fly(&self, memory: &Arc<Memory>, key: Key, entity_id: &str, url: String) -> Result<Flight, String> {
        let flight = memory.flight(key, |landing, ticket| {
            let (service, memory, entity_id) = (self.0.clone(), memory.clone(), entity_id.to_owned());
            let learning = async move {
                let _landing = landing;
                let outcome = service.learn(&memory, key, &entity_id, &url).await;
                drop(ticket);
                outcome
            };
            let flight = async { tokio::spawn(learning).await };
            flight.map(|ended| ended.unwrap_or_else(|_| Err("asking for it broke off".to_owned()))).boxed().shared()
        })?;
        // Begun here, for perhaps nobody waits for it, and not under the lock that its landing takes: while the process ends,
        // it lands at once.
        drop(flight.clone().now_or_never());
        Ok(flight)
    }
}

impl Service {
    /// Reads the copy of an entity, or asks the service for it; remembers what comes of it.
    async fn learn(&self, memory: &Memory, key: Key, entity_id: &str, url: &str) -> Outcome {
        let mut known = memory.entity(&key);
        if known.is_none() && memory.has_copy(&key) {
            known = self.read_copy(key, entity_id).await;
            let (now, pace) = (self.works.clock.now(), self.works.pace);
            match &known {
                None => memory.forget_copy(&key),
                Some(entity) => {
                    memory.remember(key, entity.clone());
                    if !entity.is_due(now, pace) || entity.age(now) <= pace.longest {
                        return Ok(known);
                    }
                }
            }
        }
        let known = known.filter(|known| known.is_valid(self.works.clock.now()));
        let asked = match memory.turn(known.is_some()).await {
            Some(_turn) => self.ask(entity_id, url, known.as_deref()).await,
            None => return Err("fedfront ends".to_owned()),
        };
        let now = self.works.clock.now();
        self.tell_reachability(memory, asked.as_ref().err(), now);
        let usable = known.filter(|known| known.is_valid(now));
        match asked {
            Ok(Answered::Entity(entity, bytes)) => {
                self.works.metrics.refreshed("success", now);
                let entity = Arc::new(*entity);
                memory.remember(key, entity.clone());
                self.keep(memory, key, bytes, now).await;
                Ok(Some(entity))
            }
            Ok(Answered::Unchanged) => {
                self.works.metrics.refreshed("unchanged", now);
                let Some(entity) = usable else { return Err("it has ended, and is as it was".to_owned()) };
                entity.confirm(self.works.pace, now);
                self.confirm_copy(key, now).await;
                Ok(Some(entity))
            }
            Ok(Answered::Absent) => {
                self.works.metrics.refreshed("success", now);
                memory.is_absent(key, now);
                self.forget_copy(memory, key).await;
                Ok(None)
            }
            Err(failure) => {
                self.works.metrics.refreshed(failure.label(), now);
                if let Failure::Invalid(why) = &failure {
                    let (source, entity) = (self.name.as_str(), quoted(entity_id));
                    if why.fault.is_lasting() {
                        error!(source, entity, %why, "metadata of an entity came, and is not believed");
                    } else {
                        warn!(source, entity, %why, "metadata of an entity came, and cannot be used");
                    }
                }
                match usable {
                    Some(entity) => {
                        entity.failed(self.works.pace, now);
                        Ok(Some(entity))
                    }
                    None => {
                        memory.failed(key, failure.to_string(), now);
                        Err(failure.to_string())
                    }
                }
            }
        }
    }

    /// Only a change is told.
    fn tell_reachability(&self, memory: &Memory, failure: Option<&Failure>, now: Timestamp) {
        let reached = !matches!(failure, Some(Failure::Unreachable(_) | Failure::Broken(_)));
        let source = self.name.as_str();
        match (memory.reached(reached, now), failure) {
            (true, Some(why)) => {
                warn!(source, %why, "the metadata query service does not answer; what was had before is used");
            }
            (true, None) => info!(source, "the metadata query service answers"),
            (false, _) => {}
        }
    }
}

fn no_copy() -> Objection {
    Objection::new(Fault::File, NO_COPY)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
