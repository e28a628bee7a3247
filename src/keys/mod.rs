//! Keys and certificates from the operator's files: what tokens are signed with, what TLS is served with, whom we trust.
//! Every way in which a file can be the wrong one has an error that names the file and what to do.

mod anchors;
mod authorities;
mod chain;
mod client_trust;
mod der;
mod description;
mod device;
mod error;
mod extension;
mod inspection;
mod loaded;
mod no_tls;
mod party;
mod pem;
mod pkcs11;
mod pkcs12;
mod promotion;
mod regular;
mod revocation;
#[cfg(test)]
mod testing;
mod tls;
mod user_name;
mod validity;

pub use anchors::{Anchorage, anchorage, in_common};
pub use authorities::{authorities, system_authorities};
pub use chain::{Doubt, Service};
pub use client_trust::{ClientTrust, ShownCertificate};
pub use description::{Description, hosts};
pub use error::{KeyError, KeyField};
pub use inspection::{Condition, Inspection};
pub use loaded::{LoadedKey, certificates, load};
pub use no_tls::tls_failure;
pub use party::PartyCertificate;
pub use promotion::Promotion;
pub use regular::open_regular;
pub use revocation::{Revocation, revocation};
pub use tls::{TlsKey, covers, load_tls};
pub use validity::ending;
