//! Keys and certificates for tests.

use openssl::asn1::Asn1Time;
use openssl::encrypt::Decrypter;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::x509::X509;

/// A key of 2048 bits.
pub fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// A certificate that names nobody, signed by its own key.
pub fn certificate(key: &PKey<Private>) -> X509 {
    let mut builder = X509::builder().unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

/// What RSA-OAEP wrapped for the holder of `key`.
pub fn unwrap(key: &PKey<Private>, wrapped: &[u8]) -> Vec<u8> {
    let mut decrypter = Decrypter::new(key).unwrap();
    decrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    let mut out = vec![0; decrypter.decrypt_len(wrapped).unwrap()];
    let length = decrypter.decrypt(wrapped, &mut out).unwrap();
    out.truncate(length);
    out
}
