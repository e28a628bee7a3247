//! What a source's documents say: service providers by their entityIDs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use super::AGGREGATE_BYTES;
use super::trust::Trust;
use crate::dsig::verify;
use crate::model::Timestamp;
use crate::saml::metadata::ServiceProvider;
use crate::xml::{Limits, duration, parse};

/// Bytes that are read at a time.
const PIECE: usize = 64 * 1024;

/// The service providers of documents that are believed.
#[derive(Debug, Default)]
pub(super) struct Contents {
    providers: HashMap<String, Arc<ServiceProvider>>,
    /// From when on nothing in it is believed.
    pub valid_until: Option<Timestamp>,
    /// How long a copy is good, if it says.
    pub cache_duration: Option<Duration>,
    /// What an operator should know about it.
    pub notes: Vec<String>,
}

/// A document that is not believed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejected(pub String);

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
        let mut reader = Reader::new(AGGREGATE_BYTES);
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece).map_err(|error| Rejected(error.to_string()))? {
                0 => return reader.finish(trust, now),
                read => reader.push(piece.get(..read).unwrap_or_default())?,
            }
        }
    }

    /// Each provider with the end of the document that it is of.
    pub fn ending_each(mut self) -> Self {
        let Some(until) = self.valid_until else { return self };
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
pub(super) struct Reader {
    bytes: Vec<u8>,
    most: usize,
}

impl Reader {
    /// For a document of at most so many bytes.
    pub fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most }
    }

    /// Takes more of it.
    ///
    /// # Errors
    /// It is too large, or nothing that is read on.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Rejected> {
        if self.bytes.len() + piece.len() > self.most {
            return Err(Rejected(format!("more than {} bytes", self.most)));
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// The document is whole: what it says, if it is believed.
    ///
    /// # Errors
    /// It is not.
    pub fn finish(self, trust: &Trust, now: Timestamp) -> Result<Contents, Rejected> {
        let wrong = |error: &dyn std::fmt::Display| Rejected(error.to_string());
        let document = parse(&self.bytes, &Limits::metadata(self.most)).map_err(|error| wrong(&error))?;
        let verified;
        let (root, bytes) = match &trust.signers {
            None => (&document.root, &self.bytes[..]),
            Some(signers) => {
                verified = verify(&document, &document.root, "ID", &signers.keys, trust.accepted)
                    .map_err(|error| Rejected(format!("its signature: {error}")))?;
                (&verified.document().root, verified.canonical())
            }
        };
        let valid_until = root.attribute("validUntil").map(Timestamp::parse).transpose().map_err(|e| wrong(&e))?;
        trust.judge(valid_until, now).map_err(Rejected)?;
        let all = ServiceProvider::all(bytes, usize::MAX).map_err(|error| wrong(&error))?;
        Ok(Contents {
            providers: all.into_iter().map(|one| (one.entity_id.clone(), Arc::new(one))).collect(),
            valid_until,
            cache_duration: root.attribute("cacheDuration").and_then(duration),
            notes: Vec::new(),
        })
    }
}
