//! A signature as it is written, and whether it holds.

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

use crate::dsig::{Accepted, DS, Verified, verify};
use crate::xml::{Document, Element};

/// An enveloped signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// `ds:SignatureMethod/@Algorithm`.
    pub algorithm: String,
    /// `ds:DigestMethod/@Algorithm`.
    pub digest: String,
    /// `ds:CanonicalizationMethod/@Algorithm`.
    pub canonicalization: String,
    /// The certificate in its `ds:KeyInfo`, if there is one that can be read.
    pub certificate: Option<X509>,
    /// Whether it holds.
    pub verification: Verification,
}

/// Whether a signature holds.
#[derive(Clone, Debug)]
pub enum Verification {
    /// By the key of this certificate: one that was given, before the one inside.
    Holds(X509),
    /// By none. Why, in words.
    Fails(String),
    /// There is no certificate to verify it by: none given, none inside.
    NoKey,
}

impl Signature {
    /// The signature that stands in `element`, and what was signed where it holds. The keys of `known` are tried before the one
    /// inside.
    pub(super) fn of(
        document: &Document,
        element: &Element,
        id_attribute: &str,
        known: &[X509],
    ) -> Option<(Self, Option<Verified>)> {
        let signature = element.child(DS.uri, "Signature")?;
        let info = signature.child(DS.uri, "SignedInfo");
        let algorithm = |element: Option<&Element>| {
            element.and_then(|element| element.attribute("Algorithm")).unwrap_or_default().to_owned()
        };
        let part = |name: &str| info.and_then(|info| info.child(DS.uri, name));
        let certificate = enclosed(signature);
        let (verification, verified) =
            examine(document, element, id_attribute, known.iter().chain(certificate.as_ref()));
        let read = Self {
            algorithm: algorithm(part("SignatureMethod")),
            digest: algorithm(part("Reference").and_then(|reference| reference.child(DS.uri, "DigestMethod"))),
            canonicalization: algorithm(part("CanonicalizationMethod")),
            certificate,
            verification,
        };
        Some((read, verified))
    }

    /// Whether it holds, by whatever key.
    pub fn holds(&self) -> bool {
        matches!(self.verification, Verification::Holds(_))
    }

    /// Whether a SHA-1 is in it.
    pub fn has_sha1(&self) -> bool {
        [&self.algorithm, &self.digest].into_iter().any(|uri| uri.ends_with("sha1"))
    }
}

fn enclosed(signature: &Element) -> Option<X509> {
    let key_info = signature.child(DS.uri, "KeyInfo")?;
    let certificate = key_info.descendants().find(|element| element.is(DS.uri, "X509Certificate"))?;
    X509::from_der(&certificate.octets()?).ok()
}

fn examine<'c>(
    document: &Document,
    element: &Element,
    id_attribute: &str,
    certificates: impl Iterator<Item = &'c X509>,
) -> (Verification, Option<Verified>) {
    let mut failed = Verification::NoKey;
    for certificate in certificates {
        let Ok(key) = certificate.public_key() else { continue };
        match by(document, element, id_attribute, key) {
            Ok(verified) => return (Verification::Holds(certificate.clone()), Some(verified)),
            Err(why) => failed = Verification::Fails(why),
        }
    }
    (failed, None)
}

/// SHA-1 is taken here: who reads the answer says what is to be thought of it.
fn by(document: &Document, element: &Element, id_attribute: &str, key: PKey<Public>) -> Result<Verified, String> {
    verify(document, element, id_attribute, &[key], Accepted::Sha1Too).map_err(|error| error.to_string())
}
