//! XML signatures: our own, over bytes that are canonical by construction.

mod algorithm;
mod key;
mod sign;

pub use key::{SigningKey, SigningKeyError};
pub use sign::{SignError, Signed, Unsigned, sign};

use crate::xml::Ns;

/// XML Signature's namespace, with the prefix that every SAML toolkit expects.
pub static DS: Ns = Ns { prefix: "ds", uri: "http://www.w3.org/2000/09/xmldsig#" };

/// Exclusive Canonical XML 1.0 without comments.
pub const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// The transform that leaves the signature itself out.
pub const ENVELOPED_SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
