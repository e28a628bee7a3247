//! Verification of a signature over parts of a SOAP message (WSS SOAP Message Security 1.0, 8): several references, each to
//! an element by its ID. What comes back is which elements of the tree were signed, so that whoever reads on compares
//! identities and never names: a second Timestamp, a To outside the Header and a moved Body are other elements.

use openssl::hash::hash;
use openssl::pkey::{PKey, Public};

use super::algorithm::{self, VerificationMethod};
use super::profile::{Exclusive, bare_algorithm, children, exclusive, octets};
use super::verify::{MOST_CANONICAL, Reason, Verified, VerifyError, canonical, check_signature, keys_for};
use super::{Accepted, DS, STR_TRANSFORM};
use crate::xml::{Document, Element};

const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// The namespace of SAML 1.1's assertions, which are tokens of a message.
pub(crate) const SAML11: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
/// That of SAML 2.0's.
pub(crate) const SAML20: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

/// More parts than anybody signs: each costs a canonicalisation.
const MAX_REFERENCES: usize = 16;

/// A `ds:Signature` of a message that has the form. Nothing in it is verified yet.
pub struct MessageSignature<'d> {
    document: &'d Document,
    signed_info: &'d Element,
    canonicalization: Exclusive<'d>,
    method: VerificationMethod,
    references: Vec<Reference<'d>>,
    value: Vec<u8>,
    key: KeyReference<'d>,
}

/// One `ds:Reference`.
struct Reference<'d> {
    element: &'d Element,
    transform: Exclusive<'d>,
    digest: openssl::hash::MessageDigest,
    value: Vec<u8>,
}

/// Which token `ds:KeyInfo` says the key is in. Whether to believe that token is the caller's to decide.
#[derive(Clone, Copy, Debug)]
pub enum KeyReference<'d> {
    /// `wsse:SecurityTokenReference/wsse:Reference`: an element of this document.
    Token(&'d Element),
    /// `wsse:SecurityTokenReference/wsse:KeyIdentifier`, whose text tells the token by what its ValueType says.
    Identifier {
        /// Its ValueType; empty if it has none.
        value_type: &'d str,
        /// Its text.
        value: &'d str,
    },
    /// No token of the message; how it is named instead.
    Unavailable(&'static str),
}

/// What a signature covers. Made only by [`MessageSignature::verify`].
#[derive(Debug)]
pub struct SignedParts<'d> {
    parts: Vec<SignedPart<'d>>,
    signed_info: Vec<u8>,
}

/// One signed element.
#[derive(Debug)]
pub struct SignedPart<'d> {
    element: &'d Element,
    verified: Verified,
}

impl<'d> MessageSignature<'d> {
    /// Reads `signature`, an element of `document`: references to elements of the document by `wsu:Id` (`ID` and
    /// `AssertionID` for assertions, `Id` for XML Signature's own elements), exclusive canonicalisation as the only
    /// transform, SHA-2. That an ID is unique in the document is the parser's to see.
    ///
    /// # Errors
    /// If it is anything else; see [`VerifyError::is_unsupported_algorithm`].
    pub fn read(document: &'d Document, signature: &'d Element) -> Result<Self, VerifyError> {
        if !signature.is(DS.uri, "Signature") {
            return Err(Reason::Form("message").into());
        }
        let (signed_info, value, key) = match children(signature, ["SignedInfo", "SignatureValue", "KeyInfo"]) {
            Ok([signed_info, value, key_info]) => (signed_info, value, key_reference(document, key_info)),
            Err(_) => {
                let [signed_info, value] = children(signature, ["SignedInfo", "SignatureValue"])?;
                (signed_info, value, KeyReference::Unavailable("no KeyInfo"))
            }
        };
        let mut parts = signed_info.elements();
        let (Some(canonicalization), Some(method)) = (parts.next(), parts.next()) else {
            return Err(Reason::Form("signature").into());
        };
        if !canonicalization.is(DS.uri, "CanonicalizationMethod") || !method.is(DS.uri, "SignatureMethod") {
            return Err(Reason::Form("signature").into());
        }
        Ok(Self {
            document,
            signed_info,
            canonicalization: exclusive(canonicalization).ok_or(Reason::Canonicalization)?,
            method: algorithm::accepted_signature(bare_algorithm(method)?, Accepted::Modern)
                .ok_or(Reason::Algorithm)?,
            references: references(document, parts)?,
            value: octets(value)?,
            key,
        })
    }

    /// The token that the signature says its key is in.
    pub fn key(&self) -> KeyReference<'d> {
        self.key
    }

    /// Whether one of the references is to `element`, whatever may come of verifying it.
    pub fn refers_to(&self, element: &Element) -> bool {
        self.references.iter().any(|reference| std::ptr::eq(reference.element, element))
    }

    /// Verifies the signature and every digest against `key`.
    ///
    /// # Errors
    /// If any of them does not hold.
    pub fn verify(&self, key: &PKey<Public>) -> Result<SignedParts<'d>, VerifyError> {
        let keys = keys_for(&self.method, std::slice::from_ref(key))?;
        let signed_info = canonical(self.document, self.signed_info, &self.canonicalization, None, MOST_CANONICAL)?;
        check_signature(&signed_info, &self.value, &self.method, &keys)?;
        // Of all parts together: one may stand in another.
        let mut left = MOST_CANONICAL;
        let part = |part: &Reference<'d>| part.verify(self.document, &mut left);
        let parts: Result<Vec<_>, Reason> = self.references.iter().map(part).collect();
        Ok(SignedParts { parts: parts?, signed_info })
    }
}

impl<'d> Reference<'d> {
    fn read(document: &'d Document, reference: &'d Element) -> Result<Self, Reason> {
        if !reference.is(DS.uri, "Reference") {
            return Err(Reason::Form("signature"));
        }
        let [transforms, digest_method, value] = children(reference, ["Transforms", "DigestMethod", "DigestValue"])?;
        let id = reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')).filter(|id| !id.is_empty());
        let digest =
            algorithm::accepted_digest(bare_algorithm(digest_method)?, Accepted::Modern).ok_or(Reason::Algorithm)?;
        Ok(Self {
            transform: transform(transforms)?,
            element: id.and_then(|id| by_id(document, id)).ok_or(Reason::NoPart)?,
            digest,
            value: octets(value)?,
        })
    }

    /// `left` is how many bytes may still be written.
    fn verify(&self, document: &Document, left: &mut usize) -> Result<SignedPart<'d>, Reason> {
        // A reference by ID leaves comments out, whatever canonicalisation follows (XML Signature, 4.4.3.3).
        let without_comments = Exclusive { with_comments: false, prefixes: self.transform.prefixes.clone() };
        let canonical = canonical(document, self.element, &without_comments, None, *left)?;
        *left -= canonical.len();
        if *hash(self.digest, &canonical)? != *self.value {
            return Err(Reason::Digest);
        }
        Ok(SignedPart { element: self.element, verified: Verified::reread(canonical)? })
    }
}

impl<'d> SignedParts<'d> {
    /// What was signed of `element`: this very one, not one that looks like it nor one that it stands in.
    pub fn part(&self, element: &Element) -> Option<&SignedPart<'d>> {
        self.parts.iter().find(|part| std::ptr::eq(part.element, element))
    }

    /// Whether `element` itself was signed.
    pub fn covers(&self, element: &Element) -> bool {
        self.part(element).is_some()
    }

    /// Every part, in the order of the references.
    pub fn iter(&self) -> impl Iterator<Item = &SignedPart<'d>> {
        self.parts.iter()
    }

    /// The canonical `ds:SignedInfo`: what a message is known by, should it come again. The signature's value is not enough,
    /// for anybody can change one of ECDSA's into another that holds as well.
    pub fn signed_info(&self) -> &[u8] {
        &self.signed_info
    }
}

impl<'d> SignedPart<'d> {
    /// The element of the message that was signed.
    pub fn element(&self) -> &'d Element {
        self.element
    }

    /// The same, read again from the bytes that were digested.
    pub fn document(&self) -> &Document {
        self.verified.document()
    }
}

fn references<'d>(
    document: &'d Document,
    elements: impl Iterator<Item = &'d Element>,
) -> Result<Vec<Reference<'d>>, Reason> {
    let elements: Vec<&Element> = elements.take(MAX_REFERENCES + 1).collect();
    if elements.is_empty() || elements.len() > MAX_REFERENCES {
        return Err(Reason::References(MAX_REFERENCES));
    }
    let mut references: Vec<Reference<'_>> = Vec::with_capacity(elements.len());
    for element in elements {
        let reference = Reference::read(document, element)?;
        if references.iter().any(|other| std::ptr::eq(other.element, reference.element)) {
            return Err(Reason::NoPart);
        }
        references.push(reference);
    }
    Ok(references)
}

fn transform(transforms: &Element) -> Result<Exclusive<'_>, Reason> {
    if transforms.elements().any(|transform| transform.attribute("Algorithm") == Some(STR_TRANSFORM)) {
        return Err(Reason::StrTransform);
    }
    let [only] = children(transforms, ["Transform"]).map_err(|_| Reason::Transforms)?;
    exclusive(only).ok_or(Reason::Transforms)
}

/// The element that an ID names: only by the attribute that its own vocabulary calls its ID.
fn by_id<'d>(document: &'d Document, id: &str) -> Option<&'d Element> {
    document.root.descendants().find(|element| {
        let own = match (&*element.name.namespace, element.name.local.as_str()) {
            (SAML11, "Assertion") => element.attribute("AssertionID"),
            (SAML20, "Assertion") => element.attribute("ID"),
            (namespace, _) if namespace == DS.uri => element.attribute("Id"),
            _ => None,
        };
        own == Some(id) || element.attribute_ns(WSU, "Id") == Some(id)
    })
}

fn key_reference<'d>(document: &'d Document, key_info: &'d Element) -> KeyReference<'d> {
    let mut parts = key_info.elements();
    let reference = match (parts.next(), parts.next()) {
        (Some(reference), None) if reference.is(WSSE, "SecurityTokenReference") => reference,
        _ => return KeyReference::Unavailable("a KeyInfo that is not one SecurityTokenReference"),
    };
    let mut parts = reference.elements();
    let (Some(named), None) = (parts.next(), parts.next()) else {
        return KeyReference::Unavailable("a SecurityTokenReference that is not one reference");
    };
    if named.is(WSSE, "Reference") {
        let id = named.attribute("URI").and_then(|uri| uri.strip_prefix('#')).filter(|id| !id.is_empty());
        return id
            .and_then(|id| by_id(document, id))
            .map_or(KeyReference::Unavailable("a Reference to nothing in the message"), KeyReference::Token);
    }
    match named.trimmed_text().filter(|value| named.is(WSSE, "KeyIdentifier") && !value.is_empty()) {
        Some(value) => KeyReference::Identifier { value_type: named.attribute("ValueType").unwrap_or_default(), value },
        None => KeyReference::Unavailable("a SecurityTokenReference without Reference or KeyIdentifier"),
    }
}
