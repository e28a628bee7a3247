//! A signature over parts of a message of ours, each named by its ID.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::algorithm::Method;
use super::sign::{SignError, method};
use super::{DS, EXCLUSIVE_C14N, SigningKey};
use crate::model::SignatureAlgorithm;
use crate::xml::{Canonicalization, Element, Writer, canonicalize};

/// A part to sign: the ID that it has, and the element as it will be sent.
pub struct Part<'a> {
    /// Its `wsu:Id`.
    pub id: &'a str,
    /// It.
    pub element: &'a Element,
}

/// `ds:Signature` over the parts by SHA-2, with what `key_info` writes in its `ds:KeyInfo`.
///
/// # Errors
/// If OpenSSL or the key's device fails.
pub fn sign_parts(
    parts: &[Part<'_>],
    key: &SigningKey,
    key_info: impl FnOnce(&mut Writer),
) -> Result<String, SignError> {
    let method = key.method(SignatureAlgorithm::RsaSha256)?;
    let digests: Vec<(&str, String)> = parts
        .iter()
        .map(|part| {
            let canonical = canonicalize(part.element, &Canonicalization::default());
            (part.id, STANDARD.encode(method.digested(&canonical)))
        })
        .collect();
    let mut canonical = Writer::with_capacity(1024);
    write_signed_info(&mut canonical, &digests, method);
    let signature = key.sign(method, canonical.finish().as_bytes())?;

    let mut w = Writer::with_capacity(2048);
    w.start(&DS, "Signature", &[]);
    write_signed_info(&mut w, &digests, method);
    w.leaf(&DS, "SignatureValue", &STANDARD.encode(signature));
    w.start(&DS, "KeyInfo", &[]);
    key_info(&mut w);
    Ok(w.finish())
}

fn write_signed_info(w: &mut Writer, digests: &[(&str, String)], signed_by: Method) {
    w.start(&DS, "SignedInfo", &[]);
    method(w, "CanonicalizationMethod", EXCLUSIVE_C14N);
    method(w, "SignatureMethod", signed_by.signature_uri());
    for (id, digest) in digests {
        w.start(&DS, "Reference", &[("URI", &format!("#{id}"))]);
        w.start(&DS, "Transforms", &[]);
        method(w, "Transform", EXCLUSIVE_C14N);
        w.end();
        method(w, "DigestMethod", signed_by.digest_uri());
        w.leaf(&DS, "DigestValue", digest);
        w.end();
    }
    w.end();
}
