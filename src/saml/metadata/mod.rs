//! SAML 2.0 metadata (`saml-metadata-2.0-os`): service providers' and identity providers' read, our own written.

mod acs;
mod aggregate;
mod aws;
mod document;
mod encryption;
mod entity;
mod id;
mod idp;
mod merge;
mod reader;
mod received;
mod sp;
mod splitter;
mod wsfed;

pub use acs::Acs;
pub use aggregate::{Aggregate, LeftOut, LeftOutReason, MOST_TOLD, MetadataLimits, MetadataTrust};
pub use document::{Endpoint, IdpDescriptor, MetadataDocument};
pub use encryption::CannotEncrypt;
pub use id::id_of;
pub use idp::{IdentityProvider, entity_descriptor};
pub use merge::{Additions, MergeError, MergedMetadata, Move, Moves, is_uri, merge};
pub use reader::MetadataReader;
pub use received::{DocumentTrust, PinnedKeys, ReceivedError, ReceivedMetadata};
pub use sp::{EncryptionKey, EntityAttribute, MetadataError, RequestedAttribute, ServiceProvider};
pub use wsfed::{Claim, SecurityTokenService, federation_metadata};
