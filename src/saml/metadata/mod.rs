//! SAML 2.0 metadata (`saml-metadata-2.0-os`): service providers' read, our own written.

mod acs;
mod idp;
mod sp;

pub use acs::Acs;
pub use idp::{IdentityProvider, entity_descriptor};
pub use sp::{MetadataError, ServiceProvider};
