//! SAML 2.0 metadata (`saml-metadata-2.0-os`): service providers' and identity providers' read, our own written.

mod acs;
mod document;
mod idp;
mod sp;

pub use acs::Acs;
pub use document::{Endpoint, IdpDescriptor, MetadataDocument};
pub use idp::{IdentityProvider, entity_descriptor};
pub use sp::{EncryptionKey, EntityAttribute, MetadataError, RequestedAttribute, ServiceProvider};
