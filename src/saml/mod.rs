//! SAML: assertions 1.1 and 2.0, the ECP profile's messages, and metadata read and written. Pure: instants and ids are
//! arguments.

mod advice;
mod assertion;
pub mod ecp;
pub mod metadata;
pub mod names;
mod read;
mod saml11;
mod saml20;

pub use advice::{Advice, GeneratedKey};
#[cfg(test)]
pub(crate) use assertion::tests as testing;
pub use assertion::{Assertion, AttributeOut, AuthnContextClass, Confirmation, NameIdentifier, NameQualifiers};
pub use read::{
    AuthenticationStatement, Conditions, ConfirmationMethod, HeldKey, Period, ReadError, ReceivedAssertion,
    ReceivedName, SamlVersion, SubjectConfirmation, saml_id, saml_issuer,
};
pub use saml11::saml11;
pub use saml20::{Saml20Prefix, encrypted20, saml20};
