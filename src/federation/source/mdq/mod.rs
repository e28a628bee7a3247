//! A metadata query service (draft-young-md-query-saml), which is asked for each entity when somebody names it.
//!
//! Whoever sends an AuthnRequest chooses the entityID in it, before anybody has proved who they are. So one question at most
//! is under way for an entity, each client has a [share](limit) of those that nobody knew before, what the service does not
//! know is not asked for again for a while, and whatever is remembered has bounds, with a place of its own for what
//! somebody has signed in to. Who uses a service provider that is known waits for none of that.

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
use self::memory::{Asker, Key, Memory, Recent};
use self::query::query_url;
use super::kept::{Kept, copy_by};
use super::remote::noted;
use super::{Failure, NO_COPY, SourceStanding, Works};
use crate::federation::{Fault, Objection};
use crate::model::{ClientAddress, Timestamp, quoted};
use crate::saml::metadata::ServiceProvider;

pub(super) use self::flight::NOBODY;

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
                    if let Ok(Some(_)) = self.look_up(entity_id, url, Asker::Operator).await {
                        self.is_used(entity_id);
                    }
                }
            }
            self.works().metrics.holds(self.0.memory.load().len(), None);
            sleep(LOOK).await;
        }
    }

    /// See [`Source::provider`](super::Source::provider).
    pub async fn provider(
        &self,
        entity_id: &str,
        client: ClientAddress,
        now: Timestamp,
    ) -> Result<Option<Arc<ServiceProvider>>, String> {
        let Some(url) = query_url(&self.0.base, entity_id) else { return Ok(None) };
        let found = self.look_up(entity_id, url, Asker::Client(client)).await?;
        Ok(found.and_then(|entity| entity.provider(now)))
    }

    /// See [`Source::has`](super::Source::has).
    pub fn has(&self, entity_id: &str, now: Timestamp) -> bool {
        let known = self.0.memory.load().entity(&sha256(entity_id.as_bytes()));
        known.is_some_and(|entity| entity.provider(now).is_some())
    }

    /// See [`Source::standing`](super::Source::standing).
    pub fn standing(&self) -> SourceStanding {
        let memory = self.0.memory.load();
        SourceStanding { providers: memory.len(), believed: true, until: None, failing: !memory.is_reached() }
    }

    /// See [`Source::is_used`](super::Source::is_used). The disk is written to by and by.
    pub fn is_used(&self, entity_id: &str) {
        let (service, memory, key) = (self.0.clone(), self.0.memory.load_full(), sha256(entity_id.as_bytes()));
        let proven = memory.prove(key, self.works().clock.now());
        if let Some((document, had)) = proven.and_then(|entity| entity.document()) {
            tokio::spawn(async move { service.keep(&memory, key, document, had).await });
        }
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

    /// What is remembered, or what the service says now.
    async fn look_up(&self, entity_id: &str, url: String, asker: Asker) -> Outcome {
        let (memory, now, pace) = (self.0.memory.load_full(), self.works().clock.now(), self.works().pace);
        let key = sha256(entity_id.as_bytes());
        let remembered = memory.entity(&key);
        let never_read = remembered.is_none() && memory.has_copy(&key);
        let known = remembered.filter(|entity| entity.is_valid(now));
        if known.as_ref().is_some_and(|entity| !entity.is_due(now, pace) || !memory.may_ask(now)) {
            return Ok(known);
        }
        if known.is_none() && !never_read {
            match memory.recent(&key, now) {
                Some(Recent::Absent) => return Ok(None),
                Some(Recent::Failed(why)) => return Err(why),
                None => {}
            }
            if !memory.may_ask(now) {
                return Err("it does not answer, and is tried again by and by".to_owned());
            }
        }
        let flight = self.fly(&memory, key, known.is_some() || never_read, entity_id, url, asker);
        // A little old: it will be newer for whoever comes next.
        if known.as_ref().is_some_and(|entity| entity.age(now) <= pace.longest) {
            return Ok(known);
        }
        let landed = match flight {
            Ok(flight) => timeout(PATIENCE, flight).await.unwrap_or_else(|_| Err("no answer in time".to_owned())),
            Err(why) => Err(why),
        };
        // A copy is read before the service is asked, which may take longer than anybody waits.
        let usable = || known.or_else(|| memory.entity(&key).filter(|entity| entity.is_valid(now)));
        landed.or_else(|why| usable().map(Some).ok_or(why))
    }

    /// The one request for an entity that is under way, or a new one. It goes on when whoever began it does not wait.
    fn fly(
        &self,
        memory: &Arc<Memory>,
        key: Key,
        known: bool,
        entity_id: &str,
        url: String,
        asker: Asker,
    ) -> Result<Flight, String> {
        let flight = memory.flight(key, known, |landing, ticket| {
            let (service, memory, entity_id) = (self.0.clone(), memory.clone(), entity_id.to_owned());
            let learning = async move {
                let _landing = landing;
                let outcome = service.learn(&memory, key, &entity_id, &url, asker).await;
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
    async fn learn(&self, memory: &Memory, key: Key, entity_id: &str, url: &str, asker: Asker) -> Outcome {
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
        let now = self.works.clock.now();
        let known = known.filter(|known| known.is_valid(now));
        if !memory.spend(asker, known.is_some(), now) {
            let why = "too many entities are asked for that nobody knew before";
            return known.map(Some).ok_or_else(|| why.to_owned());
        }
        let (asked, answers) = match memory.turn(known.is_some()).await {
            Some(_turn) => {
                let asked = self.ask(entity_id, url, known.as_deref()).await;
                let answers = self.answers(asked.as_ref().map(drop)).await;
                (asked, answers)
            }
            None => return Err("fedfront ends".to_owned()),
        };
        let now = self.works.clock.now();
        self.tell_reachability(memory, answers, asked.as_ref().err(), now);
        let usable = known.filter(|known| known.is_valid(now));
        match asked {
            Ok(Answered::Entity(entity, bytes)) => {
                self.works.metrics.refreshed("success", now);
                let entity = Arc::new(*entity);
                if self.kept.is_some() {
                    entity.holds(bytes);
                }
                if memory.remember(key, entity.clone())
                    && let Some((document, had)) = entity.document()
                {
                    self.keep(memory, key, document, had).await;
                }
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
                // What the service has not for one entity, whoever named it, is no outage of the service.
                let label =
                    if answers && !matches!(failure, Failure::Invalid(_)) { "refused" } else { failure.label() };
                self.works.metrics.refreshed(label, now);
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
    fn tell_reachability(&self, memory: &Memory, answers: bool, failure: Option<&Failure>, now: Timestamp) {
        let source = self.name.as_str();
        match (memory.reached(answers, now), answers, failure) {
            (true, false, Some(why)) => {
                warn!(source, %why, "the metadata query service does not answer; what was had before is used");
            }
            (true, true, _) => info!(source, "the metadata query service answers"),
            _ => {}
        }
    }
}

fn no_copy() -> Objection {
    Objection::new(Fault::File, NO_COPY)
}

#[cfg(test)]
mod tests;
