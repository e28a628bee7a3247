//! What a source's documents say: service providers by their entityIDs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use super::AGGREGATE_BYTES;
use super::trust::Trust;
use crate::federation::{Fault, Objection};
use crate::model::{MAX_SKEW, Timestamp, quoted};
use crate::saml::metadata::{LeftOut, MetadataLimits, MetadataReader, MetadataTrust, ServiceProvider};

/// Bytes that are read at a time.
const PIECE: usize = 64 * 1024;
/// Service providers that have ended, named one by one.
const ENDED_SHOWN: usize = 5;

/// The service providers of documents that are believed.
#[derive(Debug, Default)]
pub(super) struct Contents {
    providers: HashMap<String, Arc<ServiceProvider>>,
    /// From when on nothing in it is believed.
    pub valid_until: Option<Timestamp>,
    /// When it was made, if it says.
    pub created: Option<Timestamp>,
    /// How long a copy is good, if it says.
    pub cache_duration: Option<Duration>,
    /// What an operator should know about it.
    pub notes: Vec<Objection>,
}

/// Whether a document that was made then may take the place of one that was made `before`, where both say when. Whoever is
/// between could send an old one again as long as it is valid. An instant that is to come is a publisher's mistake, and must not
/// keep later documents out.
///
/// # Errors
/// It is older.
pub(super) fn not_older(
    created: Option<Timestamp>,
    before: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Objection> {
    match (created, before) {
        (Some(created), Some(before)) if created < before && before <= now.plus(MAX_SKEW) => {
            let why = format!("its creationInstant, {created}, is before {before}, that of what was had before");
            Err(Objection::new(Fault::Older, why))
        }
        _ => Ok(()),
    }
}

impl Contents {
    /// The service provider with that entityID, while what is said of it may be believed.
    pub fn get(&self, entity_id: &str, now: Timestamp) -> Option<&Arc<ServiceProvider>> {
        self.providers.get(entity_id).filter(|provider| !provider.has_ended(now))
    }

    /// Whether it may be believed still.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| now < until)
    }

    /// How many service providers there are, those that have ended among them.
    pub fn len(&self) -> usize {
        self.providers.len()
    }

    /// Those that can be signed in at now, in no order.
    pub fn present(&self, now: Timestamp) -> impl Iterator<Item = &Arc<ServiceProvider>> {
        self.providers().filter(move |provider| !provider.has_ended(now))
    }

    /// What an operator should know about it now: its notes, and of those whose own `validUntil` is over how many there are,
    /// and the first names.
    pub fn told(&self, now: Timestamp) -> Vec<Objection> {
        let ended = self.providers().filter(|provider| provider.has_ended(now));
        let mut names: Vec<&str> = ended.map(|provider| provider.entity_id.as_str()).collect();
        names.sort_unstable();
        let mut told = self.notes.clone();
        if !names.is_empty() {
            let shown: Vec<String> = names.iter().take(ENDED_SHOWN).map(|name| quoted(name)).collect();
            let more = if names.len() > shown.len() { ", …" } else { "" };
            let (count, shown) = (names.len(), shown.join(", "));
            let what = format!("nobody can sign in at {count} that have ended by their own validUntil: {shown}{more}");
            told.push(Objection::new(Fault::EndedEntity, what));
        }
        told
    }

    /// All of them, in no order.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<ServiceProvider>> {
        self.providers.values()
    }

    /// Reads one document to its end.
    ///
    /// # Errors
    /// It cannot be read, or is not believed.
    pub fn read_from(mut file: impl Read, trust: &Trust, now: Timestamp) -> Result<Self, Objection> {
        let mut reader = Reader::new(trust, AGGREGATE_BYTES);
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece).map_err(|error| Objection::new(Fault::File, error.to_string()))? {
                0 => return reader.finish(trust, now),
                read => reader.push(piece.get(..read).unwrap_or_default())?,
            }
        }
    }

    /// Each provider with the end of the document that it is of, in which nothing else ends.
    pub fn ending_each(mut self) -> Self {
        let Some(until) = self.valid_until.take() else { return self };
        for provider in self.providers.values_mut() {
            if provider.valid_until.is_none_or(|own| until < own) {
                Arc::make_mut(provider).valid_until = Some(until);
            }
        }
        self
    }

    /// Adds those of another document; of several with one entityID the first counts.
    pub fn add(&mut self, other: Self) {
        let mut twice = 0;
        for (entity_id, provider) in other.providers {
            match self.providers.entry(entity_id) {
                Entry::Occupied(_) => twice += 1,
                Entry::Vacant(place) => drop(place.insert(provider)),
            }
        }
        self.valid_until = [self.valid_until, other.valid_until].into_iter().flatten().min();
        self.cache_duration = [self.cache_duration, other.cache_duration].into_iter().flatten().min();
        self.notes.extend(other.notes);
        if twice > 0 {
            let what = format!("{twice} of its entityIDs are in another file before it, which counts");
            self.notes.push(Objection::new(Fault::Twice, what));
        }
    }
}

/// Reads one document as its bytes come. Nothing of it counts until [`Reader::finish`] has said so.
pub(super) struct Reader(MetadataReader);

impl Reader {
    /// For a document of at most so many bytes.
    pub fn new(trust: &Trust, most: usize) -> Self {
        let by = match &trust.signers {
            None => MetadataTrust::Operator,
            Some(signers) => MetadataTrust::SignedBy { keys: signers.keys.clone(), accepted: trust.accepted },
        };
        Self(MetadataReader::new(by, MetadataLimits::document(most)))
    }

    /// Takes more of it.
    ///
    /// # Errors
    /// It is nothing that could be believed, whatever else comes.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Objection> {
        Ok(self.0.push(piece)?)
    }

    /// The document is whole: what it says, if it is believed.
    ///
    /// # Errors
    /// It is not.
    pub fn finish(self, trust: &Trust, now: Timestamp) -> Result<Contents, Objection> {
        let read = self.0.finish()?;
        trust.judge(read.valid_until, now)?;
        let left_out = |one: &LeftOut| {
            Objection::new(Fault::of_left_out(one), format!("{} is left out: {}", quoted(&one.name), one.why))
        };
        let mut notes: Vec<Objection> = read.left_out.iter().map(left_out).collect();
        if let Some(more) = read.left_out_count.checked_sub(notes.len()).filter(|more| *more > 0) {
            notes.push(Objection::new(Fault::Entity, format!("{more} more are left out")));
        }
        Ok(Contents {
            providers: read.providers.into_iter().map(|one| (one.entity_id.clone(), one)).collect(),
            valid_until: read.valid_until,
            created: read.created,
            cache_duration: read.cache_duration,
            notes,
        })
    }
}
