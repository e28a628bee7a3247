//! The identity provider's own metadata, to be published in our name: fetched, and believed only by its signature, or where
//! the operator said so, by its connection.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tracing::warn;

use super::follow::{KeptDocument, not_over};
use super::lifetime::{Lifetime, refresh_in};
use super::source::{Kept, copy_of};
use super::{Fetched, METADATA_BYTES, Objection};
use crate::model::Timestamp;
use crate::saml::metadata::{DocumentTrust, ReceivedMetadata};

/// What is believed of whom.
#[derive(Clone)]
pub struct MetadataVerifier {
    /// Whose metadata it is to be.
    pub entity_id: String,
    /// What makes it believable.
    pub trust: DocumentTrust,
}

/// The last good document on disk, for a start while the identity provider is down.
#[derive(Clone, Debug)]
pub struct MetadataCopy {
    folder: Kept,
    name: String,
}

impl MetadataCopy {
    /// Below `folder`, the copy of the document that is had at `place`: whatever tells it from others.
    pub fn new(folder: &Path, place: &str) -> Self {
        Self { folder: Kept::new(folder.join("idp")), name: copy_of(place) }
    }

    /// What is there, which is believed no more than what comes over the network.
    pub fn read(&self) -> Option<Bytes> {
        let read = self.folder.read(&self.name, METADATA_BYTES);
        let read = read.inspect_err(|error| warn!(%error, file = %self.file(), "a copy of metadata cannot be read"));
        read.ok().flatten().map(|(bytes, _)| bytes.into())
    }

    /// Puts a document in its place.
    pub fn write(&self, document: &[u8], now: Timestamp) {
        if let Err(error) = self.folder.write(&self.name, document, now) {
            warn!(%error, file = %self.file(), "no copy of metadata can be kept");
        }
    }

    fn file(&self) -> String {
        self.folder.path(&self.name).display().to_string()
    }
}

/// A document that was believed.
#[derive(Clone)]
pub struct BelievedMetadata {
    /// What it says.
    pub metadata: Arc<ReceivedMetadata>,
    /// Its bytes, to be looked at anew by whoever believes by other rules.
    pub body: Bytes,
}

impl KeptDocument for BelievedMetadata {
    const WITHOUT: &'static str = "nothing is published";
    const IS_OPTIONAL: bool = false;

    fn is_valid(&self, now: Timestamp) -> bool {
        self.metadata.valid_until.is_none_or(|until| now < until)
    }
}

impl MetadataVerifier {
    /// Looks at a document, wherever it was had.
    ///
    /// # Errors
    /// It is no metadata, not believed, not of that entity, or has ended.
    pub fn read(&self, body: Bytes, now: Timestamp) -> Result<BelievedMetadata, Objection> {
        let metadata = ReceivedMetadata::read(&body, METADATA_BYTES, &self.entity_id, &self.trust)?;
        not_over(metadata.valid_until, now)?;
        Ok(BelievedMetadata { metadata: Arc::new(metadata), body })
    }

    /// What to show of an answer, and when to fetch it anew.
    ///
    /// # Errors
    /// As [`MetadataVerifier::read`].
    pub fn judge(&self, answer: &Fetched, now: Timestamp) -> Result<(BelievedMetadata, Duration), Objection> {
        let believed = self.read(answer.body.clone(), now)?;
        let ReceivedMetadata { valid_until, cache_duration, .. } = *believed.metadata;
        let pause = refresh_in(Lifetime { valid_until, cache_duration }, &answer.headers, now);
        Ok((believed, pause))
    }
}
