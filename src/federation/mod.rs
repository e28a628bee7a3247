//! Whom we deal with: relying parties with what their metadata says of them, and the identity provider's own documents.

mod fetch;
mod follow;
mod forwarded;
mod lifetime;
mod merged;
mod objection;
mod own_party;
mod parties;
mod source;
mod sources;
#[cfg(test)]
mod testing;

pub use fetch::{Fetched, UpstreamClient};
pub use follow::{KeptDocument, MetadataSource};
pub use forwarded::ForwardedMetadata;
pub use merged::{BelievedMetadata, MetadataCopy, MetadataVerifier};
pub use objection::{Fault, Objection};
pub use parties::{EcpParty, Parties, PartyFinding};
pub use source::{Source, SourceError, SourceStanding, Trial};
pub use sources::Sources;

/// The most that somebody's metadata may be, in bytes.
pub(crate) const METADATA_BYTES: usize = 4 * 1024 * 1024;
