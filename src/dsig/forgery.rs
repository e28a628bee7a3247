//! Signed documents for tests, put together by hand so that any part of them can be wrong.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;

use super::{DS, ENVELOPED_SIGNATURE, EXCLUSIVE_C14N};

pub(super) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub(super) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// The identity provider's key.
pub(super) static KEY: LazyLock<PKey<Private>> =
    LazyLock::new(|| PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap());

/// An assertion about `name`; `more` stands where a signature would.
pub(super) fn assertion(id: &str, name: &str, more: &str) -> String {
    format!(
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{id}\"><saml:Issuer>idp</saml:Issuer>\
         {more}<saml:NameID>{name}</saml:NameID></saml:Assertion>"
    )
}

/// A response around anything.
pub(super) fn response(id: &str, more: &str) -> String {
    format!("<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"{id}\">{more}</samlp:Response>")
}

/// A well-formed `ds:SignedInfo` over canonical bytes.
pub(super) fn signed_info(id: &str, canonical: &str) -> String {
    let digest = STANDARD.encode(hash(MessageDigest::sha256(), canonical.as_bytes()).unwrap());
    let empty = |name: &str, algorithm: &str| format!("<ds:{name} Algorithm=\"{algorithm}\"></ds:{name}>");
    format!(
        "<ds:SignedInfo xmlns:ds=\"{}\">{}{}<ds:Reference URI=\"#{id}\"><ds:Transforms>{}{}</ds:Transforms>{}<ds:DigestValue>\
         {digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
        DS.uri,
        empty("CanonicalizationMethod", EXCLUSIVE_C14N),
        empty("SignatureMethod", RSA_SHA256),
        empty("Transform", ENVELOPED_SIGNATURE),
        empty("Transform", EXCLUSIVE_C14N),
        empty("DigestMethod", SHA256),
    )
}

pub(super) fn rsa_sha256(data: &str) -> Vec<u8> {
    Signer::new(MessageDigest::sha256(), &KEY).unwrap().sign_oneshot_to_vec(data.as_bytes()).unwrap()
}

/// `ds:Signature` with `more` after its value.
pub(super) fn signature(signed_info: &str, value: &[u8], more: &str) -> String {
    let value = STANDARD.encode(value);
    format!(
        "<ds:Signature xmlns:ds=\"{}\">{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue>{more}</ds:Signature>",
        DS.uri
    )
}

/// The signature of Alice's assertion `_a`.
pub(super) fn alice_signature() -> String {
    let info = signed_info("_a", &assertion("_a", "alice", ""));
    signature(&info, &rsa_sha256(&info), "")
}

/// Alice's assertion, its SignedInfo changed before the identity provider's own key signs it: all that is wrong with it
/// is the change.
pub(super) fn signed_with(from: &str, to: &str) -> String {
    let info = signed_info("_a", &assertion("_a", "alice", ""));
    let changed = info.replace(from, to);
    assert_ne!(info, changed, "nothing to change");
    assertion("_a", "alice", &signature(&changed, &rsa_sha256(&changed), ""))
}

/// Alice's assertion, changed after it was signed.
pub(super) fn changed(from: &str, to: &str) -> String {
    let signed = assertion("_a", "alice", &alice_signature());
    let changed = signed.replacen(from, to, 1);
    assert_ne!(signed, changed, "nothing to change");
    changed
}
