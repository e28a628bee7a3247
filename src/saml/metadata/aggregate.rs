//! What a metadata document says once it is read: the service providers in it, and how long it holds.

use std::sync::Arc;
use std::time::Duration;

use openssl::pkey::{PKey, Public};

use super::{MetadataError, MetadataReader, ServiceProvider};
use crate::dsig::Accepted;
use crate::model::Timestamp;

/// Why a document may be believed.
pub enum MetadataTrust {
    /// The operator vouches for it, as for a file of theirs: no signature in it is looked at.
    Operator,
    /// Its document element is signed with one of these keys. What is signed again within must be signed with one of them
    /// too, or is left out.
    SignedBy {
        /// All the keys there are; `ds:KeyInfo` is ignored.
        keys: Vec<PKey<Public>>,
        /// Which algorithms the signatures may be of.
        accepted: Accepted,
    },
}

/// What a document may not go beyond: it is refused then. Only an entity over `entity_bytes` is left out, and the rest read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataLimits {
    /// Bytes of the whole document.
    pub bytes: usize,
    /// Entities in it, of whatever role.
    pub entities: usize,
    /// About how many bytes an entity may hold of what is needed of a service provider. An identity provider's logos and
    /// extensions are not counted.
    pub entity_bytes: usize,
    /// `md:EntitiesDescriptor` within each other.
    pub nesting: usize,
}

impl MetadataLimits {
    /// For a document of at most `bytes`, with room for the largest federations there are (2026: 11,000 entities, 100 MB).
    pub const fn document(bytes: usize) -> Self {
        Self { bytes, entities: 100_000, entity_bytes: 1 << 20, nesting: 8 }
    }
}

/// A document that was read to its end, and whose signature holds where one is asked for.
#[derive(Clone, Debug, Default)]
pub struct Aggregate {
    /// `validUntil` of the document element: from then on nothing of it may be believed.
    pub valid_until: Option<Timestamp>,
    /// `creationInstant` of the document element's `mdrpi:PublicationInfo` (`saml-metadata-rpi-v1.0`, 2.2).
    pub created: Option<Timestamp>,
    /// The shortest `cacheDuration` in it; one that cannot be read is as none.
    pub cache_duration: Option<Duration>,
    /// The SAML 2.0 service providers, in the document's order, each entityID once; each with the earliest `validUntil` of
    /// itself and of all that it stands in.
    pub providers: Vec<Arc<ServiceProvider>>,
    /// How many entities there are, of whatever role.
    pub entities: usize,
    /// Entities that were left out, the first [`MOST_TOLD`] of them: something for the operator to see.
    pub left_out: Vec<LeftOut>,
    /// How many were left out.
    pub left_out_count: usize,
}

impl Aggregate {
    /// Reads a document that is there whole.
    ///
    /// # Errors
    /// As [`MetadataReader`].
    pub fn read(bytes: &[u8], trust: MetadataTrust, limits: MetadataLimits) -> Result<Self, MetadataError> {
        let mut reader = MetadataReader::new(trust, limits);
        reader.push(bytes)?;
        reader.finish()
    }
}

/// How many of those that were left out are told by name.
pub const MOST_TOLD: usize = 32;

/// An entity, or a group of them, that is not among the providers although it might be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its entityID, or the `Name` of a group; cut where it is very long.
    pub name: String,
    /// Why.
    pub why: LeftOutReason,
}

/// Why an entity is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeftOutReason {
    /// An earlier service provider has the same entityID.
    #[error("an earlier one has the same entityID")]
    Duplicate,
    /// It says more than is kept of one entity.
    #[error("it says more than is kept of one entity")]
    TooLarge,
    /// A `validUntil` that cannot be read.
    #[error("its validUntil cannot be read")]
    ValidUntil,
    /// It is signed, and the signature does not hold against the keys of the source; why.
    #[error("its own signature does not hold: {0}")]
    Signature(String),
}
