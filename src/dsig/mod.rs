//! XML signatures: our own, over bytes that are canonical by construction, and others', by a strict profile, of trees and of
//! what goes by. XML encryption for the holder of a certificate.

mod accepted;
mod algorithm;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod costs;
mod encrypt;
mod fitness;
#[cfg(test)]
mod forgery;
mod key;
mod key_info;
mod mac;
mod message;
#[cfg(test)]
mod message_attacks;
mod passing;
mod profile;
mod sign;
mod sign_parts;
mod signing_keys;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
mod verify;

pub use accepted::Accepted;
pub use algorithm::KeyKind;
pub use encrypt::{
    EncryptedKey, FreshKey, KeyTransport, Recipient, RecipientError, XENC, content_encryption_uri, encrypt, encrypt_key,
};
pub use fitness::{RSA_BITS, is_fit};
pub use key::{DeviceError, SigningDevice, SigningKey, SigningKeyError, derived_secret, trial};
pub use key_info::{KeyInfo, KeyInfoError};
pub use mac::Mac;
pub use message::{KeyReference, MessageSignature, SignedPart, SignedParts};
pub(crate) use message::{SAML11, SAML20};
pub use passing::{Content, PassingElement, Trusted};
pub use sign::{SignError, Signed, Unsigned, sign, sign_written};
pub use sign_parts::{Part, sign_parts};
pub use signing_keys::{NextKey, SigningKeys};
pub use stream::SignedStream;
pub use verify::{Verified, VerifyError, verify};

use crate::xml::Ns;

/// XML Signature's namespace, with the prefix that every SAML toolkit expects.
pub static DS: Ns = Ns { prefix: "ds", uri: "http://www.w3.org/2000/09/xmldsig#" };

/// Exclusive Canonical XML 1.0 without comments.
pub const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// Exclusive Canonical XML 1.0 with comments.
pub const EXCLUSIVE_C14N_WITH_COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
/// The transform that leaves the signature itself out.
pub const ENVELOPED_SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// WSS SOAP Message Security's transform that puts a token where a reference to it stands (8.3).
const STR_TRANSFORM: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform";
