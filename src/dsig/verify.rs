//! Verification of an enveloped signature. What it returns is what was signed, read again from the very bytes that were
//! digested: whoever reads on from there cannot see anything else.

use std::sync::Arc;

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::hash;
use openssl::pkey::{Id, PKey, Public};
use openssl::sign::Verifier;

use super::Accepted;
use super::algorithm::{self, VerificationMethod};
use super::fitness::RSA_BITS;
use super::profile::{EnvelopedSignature, Exclusive};
use crate::xml::{Canonicalization, Document, Element, Limits, ParseError, canonicalize_within, parse};

/// Bytes of what is canonicalised for a stranger: each of them makes us work before anybody is known.
pub(super) const MOST_CANONICAL: usize = 256 * 1024;

/// A signed element as its signer saw it. Made only by [`verify`] and
/// [`MessageSignature::verify`](super::MessageSignature::verify).
#[derive(Debug)]
pub struct Verified {
    document: Document,
    canonical: Vec<u8>,
}

impl Verified {
    /// Reads canonical bytes whose digest was compared.
    pub(super) fn reread(canonical: Vec<u8>) -> Result<Self, Reason> {
        let document = parse(&canonical, &ALREADY_WITHIN_LIMITS)?;
        Ok(Self { document, canonical })
    }

    /// The signed element as a document of its own, read from the canonical bytes: without its signature and without
    /// comments.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The bytes that were digested.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }
}

/// The signature does not hold. The reason is for logs; a client is only told that it does not.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct VerifyError(#[from] pub(super) Reason);

impl VerifyError {
    /// Whether there is no signature where one must be.
    pub fn is_missing(&self) -> bool {
        matches!(self.0, Reason::NoId | Reason::Unsigned | Reason::NotFirst)
    }

    /// Whether it is about an algorithm that is not accepted, SHA-1 among them, and not about what was signed.
    pub fn is_unsupported_algorithm(&self) -> bool {
        use Reason::{Algorithm, Canonicalization, StrTransform, Transforms};
        matches!(self.0, Algorithm | Canonicalization | StrTransform | Transforms)
    }
}

impl From<ParseError> for VerifyError {
    fn from(error: ParseError) -> Self {
        Self(Reason::Parse(error))
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error("the element is not in the document")]
    Foreign,
    #[error("the element has no ID")]
    NoId,
    #[error("the element has no signature of its own")]
    Unsigned,
    #[error("the element's signature is not the first in it")]
    NotFirst,
    #[error("the document ends before the signed element does")]
    Unfinished,
    #[error("the {0} has more or less in it than one enveloped signature needs")]
    Form(&'static str),
    #[error("the signature's reference is not to the element it stands in")]
    Reference,
    #[error("the signature's transforms are not enveloped-signature and exclusive canonicalization")]
    Transforms,
    #[error("the signature's canonicalization is not exclusive")]
    Canonicalization,
    #[error("a digest or signature value that is not base64 in one text")]
    Base64,
    #[error("a digest or signature algorithm that is not accepted")]
    Algorithm,
    #[error("a reference to no element of the message, or to one that another reference names")]
    NoPart,
    #[error("the STR-Transform, which is not supported: let the signature name the token itself")]
    StrTransform,
    #[error("no reference, or more than {0}")]
    References(usize),
    #[error("more in canonical form than anybody signs")]
    TooLong,
    #[error("no key of the type that the signature algorithm needs")]
    KeyType,
    #[error("no key verifies the signature")]
    Signature,
    #[error("the element is not what was signed")]
    Digest,
    #[error("the signed bytes: {0}")]
    Parse(#[from] ParseError),
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// Verifies the signature that stands in `element` against `keys`, which are all the keys there are: `ds:KeyInfo` is
/// ignored. `id_attribute` is what the element's vocabulary calls its ID: `ID` in SAML 2.0, `AssertionID` in SAML 1.1.
///
/// The profile is that of SAML Core 5.4, made stricter: one signature, a child of the element; one reference, to the
/// element by its ID; the transforms enveloped-signature and exclusive canonicalisation, in that order. That the ID is
/// unique in the document is the parser's to see. Of algorithms those are taken that are `accepted`.
///
/// # Errors
/// If anything at all is not as it should be.
pub fn verify(
    document: &Document,
    element: &Element,
    id_attribute: &str,
    keys: &[PKey<Public>],
    accepted: Accepted,
) -> Result<Verified, VerifyError> {
    let id = element.attribute(id_attribute).filter(|id| !id.is_empty()).ok_or(Reason::NoId)?;
    let signature = EnvelopedSignature::of(element, id)?;
    let method = algorithm::accepted_signature(signature.signature_method, accepted).ok_or(Reason::Algorithm)?;
    let digest = algorithm::accepted_digest(signature.digest_method, accepted).ok_or(Reason::Algorithm)?;

    let keys = keys_for(&method, keys)?;
    let signed_info = canonical(document, signature.signed_info, &signature.canonicalization, None, MOST_CANONICAL)?;
    check_signature(&signed_info, &signature.value, &method, &keys)?;

    // A reference by ID leaves comments out, whatever canonicalisation follows (XML Signature, 4.4.3.3).
    let without_comments = Exclusive { with_comments: false, ..signature.transform };
    let canonical = canonical(document, element, &without_comments, Some(signature.element), most_canonical(document))?;
    if *hash(digest, &canonical).map_err(Reason::from)? != *signature.digest {
        return Err(Reason::Digest.into());
    }
    Ok(Verified::reread(canonical)?)
}

/// The same of an element whose SignedInfo is an honest signer's, which says nothing of the rest: anybody can see one, and
/// send it with other content. An honest canonical form is little longer than the document. One made to be long is many times
/// as long, for it has each element declare the same long namespaces again.
const fn most_canonical(document: &Document) -> usize {
    document.bytes.saturating_mul(4).saturating_add(4096)
}

/// The tree that the canonical bytes were written from has been through a parser's limits.
const ALREADY_WITHIN_LIMITS: Limits =
    Limits { bytes: usize::MAX, depth: usize::MAX, attributes: usize::MAX, namespaces: usize::MAX, nodes: usize::MAX };

pub(super) fn canonical(
    document: &Document,
    element: &Element,
    how: &Exclusive<'_>,
    without: Option<&Element>,
    most: usize,
) -> Result<Vec<u8>, Reason> {
    let scope_above = document.scope_above(element).ok_or(Reason::Foreign)?;
    canonical_below(&scope_above, element, how, without, most)
}

/// The same, where the namespaces in scope above the element are known.
pub(super) fn canonical_below(
    scope_above: &[(Arc<str>, Arc<str>)],
    element: &Element,
    how: &Exclusive<'_>,
    without: Option<&Element>,
    most: usize,
) -> Result<Vec<u8>, Reason> {
    let (with_comments, inclusive_prefixes) = (how.with_comments, how.prefixes.as_slice());
    let how = Canonicalization { with_comments, inclusive_prefixes, scope_above, without };
    canonicalize_within(element, &how, most).ok_or(Reason::TooLong)
}

/// Bits of the largest RSA key that is tried: with OpenSSL's own limit of 16384 a verification takes a millisecond, and
/// metadata is written by many.
const LARGEST_RSA: u32 = *RSA_BITS.end();

/// The keys that may verify at all: looked for before anything is canonicalised for a stranger.
pub(super) fn keys_for<'k>(
    method: &VerificationMethod,
    keys: &'k [PKey<Public>],
) -> Result<Vec<&'k PKey<Public>>, Reason> {
    let keys: Vec<&PKey<Public>> =
        keys.iter().filter(|key| key.id() == method.key && key.bits() <= LARGEST_RSA).collect();
    if keys.is_empty() { Err(Reason::KeyType) } else { Ok(keys) }
}

pub(super) fn check_signature(
    signed: &[u8],
    signature: &[u8],
    method: &VerificationMethod,
    keys: &[&PKey<Public>],
) -> Result<(), Reason> {
    // An error of OpenSSL's is a signature that does not hold.
    let verified = keys.iter().any(|key| verifies(signed, signature, method, key).unwrap_or(false));
    if verified { Ok(()) } else { Err(Reason::Signature) }
}

fn verifies(
    signed: &[u8],
    signature: &[u8],
    method: &VerificationMethod,
    key: &PKey<Public>,
) -> Result<bool, ErrorStack> {
    let mut verifier = Verifier::new(method.digest, key)?;
    if method.key != Id::EC {
        return verifier.verify_oneshot(signature, signed);
    }
    match ecdsa_der(signature, key)? {
        Some(der) => verifier.verify_oneshot(&der, signed),
        None => Ok(false),
    }
}

/// XML Signature writes the two numbers one after the other, each as long as the order of the curve (RFC 6931, 2.3.6);
/// OpenSSL wants them in DER. `None` if the length is another.
fn ecdsa_der(signature: &[u8], key: &PKey<Public>) -> Result<Option<Vec<u8>>, ErrorStack> {
    let bytes = key.ec_key()?.group().order_bits().div_ceil(8) as usize;
    if signature.len() != 2 * bytes {
        return Ok(None);
    }
    let (r, s) = signature.split_at(bytes);
    EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?.to_der().map(Some)
}
