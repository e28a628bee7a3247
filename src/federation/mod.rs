//! Whom we deal with: relying parties with what their metadata says of them, and the identity provider's own documents.

mod fetch;
mod follow;
mod forwarded;
mod lifetime;
mod merged;
mod parties;

pub use fetch::{ClientError, Fetched, UpstreamClient};
pub use follow::{KeptDocument, MetadataSource};
pub use forwarded::ForwardedMetadata;
pub use merged::{BelievedMetadata, MetadataVerifier};
pub use parties::{EcpParty, Parties, PartyFinding};

/// The most that somebody's metadata may be, in bytes.
pub(crate) const METADATA_BYTES: usize = 4 * 1024 * 1024;
