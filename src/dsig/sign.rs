//! Enveloped signatures over elements that a `Writer` wrote: canonical already, so that signing is a digest, an RSA
//! operation and one insertion.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::sign::Signer;

use super::{DS, ENVELOPED_SIGNATURE, EXCLUSIVE_C14N, SigningKey, algorithm};
use crate::model::SignatureAlgorithm;
use crate::xml::{Canonicalization, Limits, ParseError, Writer, canonicalize, parse};

/// An element in canonical form, not signed yet.
pub struct Unsigned<T> {
    /// What it says.
    pub value: T,
    /// Its canonical bytes, every namespace declared inside.
    pub xml: String,
    /// The value of its ID attribute.
    pub id: String,
    /// Where the signature goes: the byte position among its children.
    pub signature_at: usize,
}

/// An element with its signature in it. Made only by [`sign`].
pub struct Signed<T> {
    value: T,
    xml: String,
}

impl<T> Signed<T> {
    /// What it says.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Its bytes: not one of them may change.
    pub fn xml(&self) -> &str {
        &self.xml
    }

    /// What it says, for whoever has done with its bytes.
    pub fn into_value(self) -> T {
        self.value
    }
}

/// A signature could not be made. Ours.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// OpenSSL failed.
    #[error("signing: {0}")]
    OpenSsl(#[from] ErrorStack),
    /// The signature's place is not in the element.
    #[error("signing: the signature has no place in the element")]
    Position,
    /// The element was not written as XML.
    #[error("signing: {0}")]
    Form(ParseError),
}

/// Signs an element: digest of its canonical bytes, RSA over the canonical `SignedInfo`, certificate in `KeyInfo`
/// (Entra wants it there).
///
/// # Errors
/// If OpenSSL fails.
pub fn sign<T>(unsigned: Unsigned<T>, key: &SigningKey, with: SignatureAlgorithm) -> Result<Signed<T>, SignError> {
    let digest = algorithm::digested(with, unsigned.xml.as_bytes());
    sign_digest(unsigned, &digest, key, with)
}

/// Signs an element that declares namespaces which only values in it need. Its canonical form has them not: that is what is
/// digested.
///
/// # Errors
/// If OpenSSL fails, or the element is none.
pub fn sign_written<T>(
    unsigned: Unsigned<T>,
    key: &SigningKey,
    with: SignatureAlgorithm,
) -> Result<Signed<T>, SignError> {
    let document = parse(unsigned.xml.as_bytes(), &Limits::metadata(usize::MAX)).map_err(SignError::Form)?;
    let digest = algorithm::digested(with, &canonicalize(&document.root, &Canonicalization::default()));
    sign_digest(unsigned, &digest, key, with)
}

fn sign_digest<T>(
    unsigned: Unsigned<T>,
    digest: &[u8],
    key: &SigningKey,
    with: SignatureAlgorithm,
) -> Result<Signed<T>, SignError> {
    let info = SignedInfo { id: &unsigned.id, digest: &STANDARD.encode(digest), with };
    let mut signer = Signer::new(algorithm::digest(with), key.private())?;
    let signature = signer.sign_oneshot_to_vec(canonical_signed_info(&info).as_bytes())?;
    let signature = signature_element(&info, &STANDARD.encode(signature), key);

    let mut xml = unsigned.xml;
    if !xml.is_char_boundary(unsigned.signature_at) {
        return Err(SignError::Position);
    }
    xml.insert_str(unsigned.signature_at, &signature);
    Ok(Signed { value: unsigned.value, xml })
}

/// `ds:SignedInfo` as it is digested: with the namespace declaration that its canonical form has outside its parent.
fn canonical_signed_info(info: &SignedInfo<'_>) -> String {
    let mut w = Writer::with_capacity(1024);
    info.write(&mut w);
    w.finish()
}

fn signature_element(info: &SignedInfo<'_>, signature: &str, key: &SigningKey) -> String {
    let mut w = Writer::with_capacity(2048 + key.certificate_base64().len());
    w.start(&DS, "Signature", &[]);
    info.write(&mut w);
    w.leaf(&DS, "SignatureValue", signature);
    w.start(&DS, "KeyInfo", &[]);
    w.start(&DS, "X509Data", &[]);
    w.leaf(&DS, "X509Certificate", key.certificate_base64());
    w.finish()
}

struct SignedInfo<'a> {
    id: &'a str,
    digest: &'a str,
    with: SignatureAlgorithm,
}

impl SignedInfo<'_> {
    fn write(&self, w: &mut Writer) {
        w.start(&DS, "SignedInfo", &[]);
        method(w, "CanonicalizationMethod", EXCLUSIVE_C14N);
        method(w, "SignatureMethod", algorithm::signature_uri(self.with));
        w.start(&DS, "Reference", &[("URI", &format!("#{}", self.id))]);
        w.start(&DS, "Transforms", &[]);
        method(w, "Transform", ENVELOPED_SIGNATURE);
        method(w, "Transform", EXCLUSIVE_C14N);
        w.end();
        method(w, "DigestMethod", algorithm::digest_uri(self.with));
        w.leaf(&DS, "DigestValue", self.digest);
        w.end();
        w.end();
    }
}

pub(super) fn method(w: &mut Writer, name: &'static str, algorithm: &str) {
    w.start(&DS, name, &[("Algorithm", algorithm)]);
    w.end();
}
