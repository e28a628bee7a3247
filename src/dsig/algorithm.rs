//! Algorithm URIs and the OpenSSL digests that they mean.

use openssl::hash::MessageDigest;

use crate::model::SignatureAlgorithm;

/// `ds:SignatureMethod/@Algorithm`.
pub(super) const fn signature_uri(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::RsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        SignatureAlgorithm::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
    }
}

/// `ds:DigestMethod/@Algorithm` that goes with it.
pub(super) const fn digest_uri(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::RsaSha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
        SignatureAlgorithm::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
    }
}

/// The digest of both.
pub(super) fn digest(algorithm: SignatureAlgorithm) -> MessageDigest {
    match algorithm {
        SignatureAlgorithm::RsaSha256 => MessageDigest::sha256(),
        SignatureAlgorithm::RsaSha1 => MessageDigest::sha1(),
    }
}
