//! Enveloped signatures over elements that a `Writer` wrote: canonical already, so that signing is a digest, an RSA
//! operation and one insertion.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::hash::hash;
use openssl::sign::Signer;

use super::{DS, ENVELOPED_SIGNATURE, EXCLUSIVE_C14N, SigningKey, algorithm};
use crate::model::SignatureAlgorithm;
use crate::xml::Writer;

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
}

/// Signs an element: digest of its canonical bytes, RSA over the canonical `SignedInfo`, certificate in `KeyInfo`
/// (Entra wants it there).
///
/// # Errors
/// If OpenSSL fails.
pub fn sign<T>(unsigned: Unsigned<T>, key: &SigningKey, with: SignatureAlgorithm) -> Result<Signed<T>, SignError> {
    let digest = hash(algorithm::digest(with), unsigned.xml.as_bytes())?;
    let signed_info = signed_info(&unsigned.id, with, &STANDARD.encode(digest));
    let mut signer = Signer::new(algorithm::digest(with), key.private())?;
    let signature = signer.sign_oneshot_to_vec(signed_info.as_bytes())?;
    let signature = signature_element(&signed_info, &STANDARD.encode(signature), key);

    let mut xml = unsigned.xml;
    if !xml.is_char_boundary(unsigned.signature_at) {
        return Err(SignError::Position);
    }
    xml.insert_str(unsigned.signature_at, &signature);
    Ok(Signed { value: unsigned.value, xml })
}

/// `ds:SignedInfo`, canonical: with its own namespace declaration, as its canonical form outside the document has.
fn signed_info(id: &str, with: SignatureAlgorithm, digest: &str) -> String {
    let mut w = Writer::with_capacity(1024);
    w.start(&DS, "SignedInfo", &[]);
    method(&mut w, "CanonicalizationMethod", EXCLUSIVE_C14N);
    method(&mut w, "SignatureMethod", algorithm::signature_uri(with));
    w.start(&DS, "Reference", &[("URI", &format!("#{id}"))]);
    w.start(&DS, "Transforms", &[]);
    method(&mut w, "Transform", ENVELOPED_SIGNATURE);
    method(&mut w, "Transform", EXCLUSIVE_C14N);
    w.end();
    method(&mut w, "DigestMethod", algorithm::digest_uri(with));
    w.leaf(&DS, "DigestValue", digest);
    w.finish()
}

fn signature_element(signed_info: &str, signature: &str, key: &SigningKey) -> String {
    let mut w = Writer::with_capacity(1024 + signed_info.len() + key.certificate_base64().len());
    w.start(&DS, "Signature", &[]);
    w.fragment(signed_info);
    w.leaf(&DS, "SignatureValue", signature);
    w.start(&DS, "KeyInfo", &[]);
    w.start(&DS, "X509Data", &[]);
    w.leaf(&DS, "X509Certificate", key.certificate_base64());
    w.finish()
}

fn method(w: &mut Writer, name: &'static str, algorithm: &str) {
    w.start(&DS, name, &[("Algorithm", algorithm)]);
    w.end();
}
