//! One entity as the service last said it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::federation::source::contents::Contents;
use crate::federation::source::remote::Validators;
use crate::federation::source::schedule::{Outcome, Pace, Schedule};
use crate::model::Timestamp;
use crate::saml::metadata::ServiceProvider;

/// One entity as the service last said it.
pub(super) struct Entity {
    provider: Option<Arc<ServiceProvider>>,
    valid_until: Option<Timestamp>,
    /// When its document was made, if it says.
    pub created: Option<Timestamp>,
    cache_duration: Option<Duration>,
    pub validators: Validators,
    /// How long its document is.
    pub bytes: u32,
    life: Mutex<Life>,
}

struct Life {
    had: Timestamp,
    schedule: Schedule,
    /// Its document, to be kept on disk once somebody has signed in there.
    document: Option<Bytes>,
}

impl Entity {
    /// Takes it out of a document that was had then. Not the entity that was asked for, or no service provider: `None` in
    /// the former case, an entity without a provider in the latter.
    pub fn of(
        contents: &Contents,
        entity_id: &str,
        validators: Validators,
        bytes: usize,
        pace: Pace,
        had: Timestamp,
    ) -> Option<Self> {
        let provider = contents.providers().find(|provider| provider.entity_id == entity_id).cloned();
        if provider.is_none() && contents.len() > 0 {
            return None;
        }
        let until = provider.as_ref().and_then(|provider| provider.valid_until);
        let entity = Self {
            provider,
            valid_until: [contents.valid_until, until].into_iter().flatten().min(),
            created: contents.created,
            cache_duration: contents.cache_duration,
            validators,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            life: Mutex::new(Life { had, schedule: Schedule::new(), document: None }),
        };
        entity.confirm(pace, had);
        Some(entity)
    }

    /// The service provider that it is, whether it may be believed still or not.
    pub fn as_it_is(&self) -> Option<Arc<ServiceProvider>> {
        self.provider.clone()
    }

    /// It is a service provider, and may be believed.
    pub fn provider(&self, now: Timestamp) -> Option<Arc<ServiceProvider>> {
        self.provider.clone().filter(|_| self.is_valid(now))
    }

    /// Whether what is known may be believed still.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| now < until)
    }

    /// Whether the service is to be asked again.
    pub fn is_due(&self, now: Timestamp, pace: Pace) -> bool {
        self.life().schedule.is_due(now, pace)
    }

    /// How long ago the service last said so.
    pub fn age(&self, now: Timestamp) -> Duration {
        now.since(self.life().had)
    }

    /// The service says that it is as it was.
    pub fn confirm(&self, pace: Pace, now: Timestamp) {
        let outcome = Outcome::Good { valid_until: self.valid_until, cache_duration: self.cache_duration };
        let mut life = self.life();
        life.had = now;
        life.schedule = life.schedule.step(outcome, pace, now);
    }

    /// The service said nothing.
    pub fn failed(&self, pace: Pace, now: Timestamp) {
        let mut life = self.life();
        life.schedule = life.schedule.step(Outcome::Failed { held_until: self.valid_until, holds: true }, pace, now);
    }

    /// Has its document at hand until it is known whether to keep it.
    pub fn holds(&self, document: Bytes) {
        self.life().document = Some(document);
    }

    /// The document, once, and when the service last said so.
    pub fn document(&self) -> Option<(Bytes, Timestamp)> {
        let mut life = self.life();
        let had = life.had;
        life.document.take().map(|document| (document, had))
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
