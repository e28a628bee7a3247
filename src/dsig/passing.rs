//! The enveloped signature of an element that goes by, too long for a tree. The signature comes first in it, as in all that
//! SAML's metadata lets be signed: SignedInfo is verified before the rest is looked at, and the digest of the rest is
//! compared with what SignedInfo says when the element ends.

use std::sync::Arc;

use openssl::hash::Hasher;
use openssl::pkey::{PKey, Public};

use super::profile::EnvelopedSignature;
use super::verify::{MOST_CANONICAL, Reason, VerifyError, canonical_below, check_signature, keys_for};
use super::{Accepted, DS, algorithm};
use crate::xml::{CanonicalStream, Element, Events, ParseError, TreeBuilder};

/// Bytes of a `ds:Signature` with the certificates in it, and of the text before it.
const MOST_HELD: usize = 256 * 1024;

/// Canonical bytes that are gathered before they are digested.
const BLOCK: usize = 16 * 1024;

/// A namespace declaration: prefix and URI.
type Declaration = (Arc<str>, Arc<str>);

/// Whose signatures are believed, and which.
pub struct Trusted {
    /// All the keys there are: `ds:KeyInfo` is ignored.
    pub keys: Vec<PKey<Public>>,
    /// Which algorithms.
    pub accepted: Accepted,
    /// What the element's vocabulary calls its ID: `ID` in SAML 2.0.
    pub id_attribute: &'static str,
}

/// Takes the canonical bytes of a signed element as they are digested: without its signature and without comments. Nothing of
/// them is proved yet.
pub trait Content {
    /// What can go wrong: the content's own, and what is wrong with the document or its signature.
    type Error: From<VerifyError> + From<ParseError>;

    /// The next bytes, cut anywhere.
    ///
    /// # Errors
    /// The content's own; reading ends there.
    fn take(&mut self, canonical: &[u8]) -> Result<(), Self::Error>;
}

/// For those who only want to know whether the signature holds.
impl Content for () {
    type Error = VerifyError;

    fn take(&mut self, _: &[u8]) -> Result<(), VerifyError> {
        Ok(())
    }
}

/// An element that goes by, and its own signature, by the profile of [`super::verify`]; but the signature must be the first
/// element in it.
pub struct PassingElement<C> {
    trusted: Arc<Trusted>,
    content: C,
    /// How many elements are open, the element itself among them.
    depth: usize,
    /// In scope where the signature stands, nearest last.
    scope: Vec<Declaration>,
    /// The element without what is in it, once it has begun.
    element: Option<Element>,
    /// What stands before the signature.
    text: String,
    /// The signature, while it goes by, and how much there is of it.
    signature: Option<(TreeBuilder, usize)>,
    /// The signature holds; what is digested here must be what it says.
    digesting: Option<Digesting>,
    /// Another element stands where the signature would.
    unsigned: bool,
    /// The element has ended, and is what was signed.
    verified: bool,
}

struct Digesting {
    canonical: CanonicalStream,
    hasher: Hasher,
    expected: Vec<u8>,
}

impl<C: Content> PassingElement<C> {
    /// Nothing has gone by. `scope_above`: namespaces in scope above the element, nearest last.
    pub fn new(trusted: Arc<Trusted>, scope_above: Vec<Declaration>, content: C) -> Self {
        Self {
            trusted,
            content,
            depth: 0,
            scope: scope_above,
            element: None,
            text: String::new(),
            signature: None,
            digesting: None,
            unsigned: false,
            verified: false,
        }
    }

    /// Whether the element has no signature where it would be.
    pub fn is_unsigned(&self) -> bool {
        self.unsigned
    }

    /// Whether it has a signature there, whatever may come of it.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some() || self.digesting.is_some()
    }

    /// The content, which is proved now.
    ///
    /// # Errors
    /// If the element has no signature, or has not ended.
    pub fn finish(self) -> Result<C, VerifyError> {
        match (self.verified, self.digesting) {
            (true, _) => Ok(self.content),
            (false, Some(_)) => Err(Reason::Unfinished.into()),
            (false, None) => Err(Reason::Unsigned.into()),
        }
    }

    /// Verifies SignedInfo, and begins to digest the element as it says.
    fn digest(&self, signature: &Element) -> Result<Digesting, Reason> {
        let element = self.element.as_ref().ok_or(Reason::Unsigned)?;
        let id = element.attribute(self.trusted.id_attribute).filter(|id| !id.is_empty()).ok_or(Reason::NoId)?;
        let scope: Vec<_> = self.scope.iter().chain(&element.declarations).cloned().collect();
        let within: Vec<_> = scope.iter().chain(&signature.declarations).cloned().collect();

        let signature = EnvelopedSignature::read(signature, id)?;
        let accepted = self.trusted.accepted;
        let method = algorithm::accepted_signature(signature.signature_method, accepted).ok_or(Reason::Algorithm)?;
        let digest = algorithm::accepted_digest(signature.digest_method, accepted).ok_or(Reason::Algorithm)?;
        let keys = keys_for(&method, &self.trusted.keys)?;
        let signed_info =
            canonical_below(&within, signature.signed_info, &signature.canonicalization, None, MOST_CANONICAL)?;
        check_signature(&signed_info, &signature.value, &method, &keys)?;

        let mut canonical = CanonicalStream::new(&signature.transform.prefixes, self.scope.clone());
        canonical.start(element);
        canonical.text(&self.text);
        Ok(Digesting { canonical, hasher: Hasher::new(digest)?, expected: signature.digest })
    }

    /// Digests what is written, if it is `enough`, and hands it on.
    fn settle(&mut self, enough: usize) -> Result<(), C::Error> {
        let Some(digesting) = &mut self.digesting else { return Ok(()) };
        let written = digesting.canonical.written().as_bytes();
        if written.len() >= enough {
            digesting.hasher.update(written).map_err(refused)?;
            self.content.take(written)?;
            digesting.canonical.clear();
        }
        Ok(())
    }

    /// The element has ended.
    fn compare(&mut self) -> Result<(), C::Error> {
        self.settle(0)?;
        let Some(digesting) = &mut self.digesting else { return Ok(()) };
        if *digesting.hasher.finish().map_err(refused)? != *digesting.expected {
            return Err(refused(Reason::Digest).into());
        }
        self.verified = true;
        Ok(())
    }
}

impl<C: Content> Events for PassingElement<C> {
    type Error = C::Error;

    fn start(&mut self, element: Element) -> Result<(), C::Error> {
        self.depth += 1;
        let signature = self.depth == 2 && element.is(DS.uri, "Signature");
        if let Some((tree, size)) = &mut self.signature {
            *size = held(*size + weight(&element))?;
            tree.start(element)?;
        } else if let Some(digesting) = &mut self.digesting {
            if signature {
                return Err(refused(Reason::Form("element")).into());
            }
            digesting.canonical.start(&element);
        } else if self.depth == 1 {
            self.element = Some(element);
        } else if signature && self.unsigned {
            return Err(refused(Reason::NotFirst).into());
        } else if signature {
            let (mut tree, size) = (TreeBuilder::default(), weight(&element));
            tree.start(element)?;
            self.signature = Some((tree, held(size)?));
        } else {
            self.unsigned = true;
        }
        self.settle(BLOCK)
    }

    fn end(&mut self) -> Result<(), C::Error> {
        self.depth = self.depth.saturating_sub(1);
        if let Some((tree, _)) = &mut self.signature {
            tree.end()?;
            if self.depth == 1
                && let Some(signature) = self.signature.take().and_then(|(tree, _)| tree.into_root())
            {
                self.digesting = Some(self.digest(&signature).map_err(refused)?);
            }
            return Ok(());
        }
        if let Some(digesting) = &mut self.digesting {
            digesting.canonical.end();
        }
        if self.depth == 0 { self.compare() } else { self.settle(BLOCK) }
    }

    fn text(&mut self, text: &str) -> Result<(), C::Error> {
        if let Some((tree, size)) = &mut self.signature {
            *size = held(*size + text.len())?;
            tree.text(text)?;
        } else if let Some(digesting) = &mut self.digesting {
            digesting.canonical.text(text);
        } else if !self.unsigned {
            self.text.push_str(text);
            held(self.text.len())?;
        }
        self.settle(BLOCK)
    }

    /// Left out, as a reference by ID does (XML Signature, 4.4.3.3); but a signature with one in a value is not read.
    fn comment(&mut self, text: &str) -> Result<(), C::Error> {
        if let Some((tree, size)) = &mut self.signature {
            *size = held(*size + text.len())?;
            tree.comment(text)?;
        }
        Ok(())
    }
}

/// About the bytes that an element without what is in it takes.
fn weight(element: &Element) -> usize {
    let attributes = element.attributes.iter().map(|attribute| 64 + attribute.value.len());
    128 + attributes.sum::<usize>()
}

fn held(size: usize) -> Result<usize, VerifyError> {
    if size > MOST_HELD { Err(refused(Reason::TooLong)) } else { Ok(size) }
}

fn refused(reason: impl Into<Reason>) -> VerifyError {
    VerifyError(reason.into())
}
