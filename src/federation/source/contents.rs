//! What a source's documents say: service providers by their entityIDs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use super::AGGREGATE_BYTES;
use super::trust::Trust;
use crate::model::{Timestamp, quoted};
use crate::saml::metadata::{MetadataLimits, MetadataReader, MetadataTrust, ServiceProvider};

/// Bytes that are read at a time.
const PIECE: usize = 64 * 1024;

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
    pub notes: Vec<String>,
}

/// A document that is not believed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejected(pub String);

/// Whether a document that was made then may take the place of one that was made `before`, where both say when. Whoever is
/// between could send an old one again as long as it is valid.
///
/// # Errors
/// It is older.
pub(super) fn not_older(created: Option<Timestamp>, before: Option<Timestamp>) -> Result<(), Rejected> {
    match (created, before) {
        (Some(created), Some(before)) if created < before => {
            let why = format!("its creationInstant, {created}, is before {before}, that of what was had before");
            Err(Rejected(why))
        }
        _ => Ok(()),
    }
}

impl Contents {
    /// The service provider with that entityID, while what is said of it may be believed.
    pub fn get(&self, entity_id: &str, now: Timestamp) -> Option<&Arc<ServiceProvider>> {
        self.providers.get(entity_id).filter(|provider| provider.valid_until.is_none_or(|until| now < until))
    }

    /// Whether it may be believed still.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| now < until)
    }

    /// How many service providers there are.
    pub fn len(&self) -> usize {
        self.providers.len()
    }

    /// All of them, in no order.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<ServiceProvider>> {
        self.providers.values()
    }

    /// Reads one document to its end.
    ///
    /// # Errors
    /// It cannot be read, or is not believed.
    pub fn read_from(mut file: impl Read, trust: &Trust, now: Timestamp) -> Result<Self, Rejected> {
        let mut reader = Reader::new(trust, AGGREGATE_BYTES);
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece).map_err(|error| Rejected(error.to_string()))? {
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
            self.notes.push(format!("{twice} of its entityIDs are in another file before it, which counts"));
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
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Rejected> {
        self.0.push(piece).map_err(|error| Rejected(error.to_string()))
    }

    /// The document is whole: what it says, if it is believed.
    ///
    /// # Errors
    /// It is not.
    pub fn finish(self, trust: &Trust, now: Timestamp) -> Result<Contents, Rejected> {
        let read = self.0.finish().map_err(|error| Rejected(error.to_string()))?;
        trust.judge(read.valid_until, now).map_err(Rejected)?;
        let mut notes: Vec<String> =
            read.left_out.iter().map(|one| format!("{} is left out: {}", quoted(&one.name), one.why)).collect();
        if let Some(more) = read.left_out_count.checked_sub(notes.len()).filter(|more| *more > 0) {
            notes.push(format!("{more} more are left out"));
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
