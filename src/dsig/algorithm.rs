//! Algorithm URIs and the OpenSSL digests that they mean.

use openssl::hash::MessageDigest;
use openssl::pkey::Id;

use super::Accepted;
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

/// Digests with it, without looking the algorithm up by its name, as a `MessageDigest` does for each use.
pub(super) fn digested(algorithm: SignatureAlgorithm, bytes: &[u8]) -> Vec<u8> {
    match algorithm {
        SignatureAlgorithm::RsaSha256 => openssl::sha::sha256(bytes).to_vec(),
        SignatureAlgorithm::RsaSha1 => openssl::sha::sha1(bytes).to_vec(),
    }
}

/// What a `ds:SignatureMethod` that we verify means.
pub(super) struct VerificationMethod {
    /// The digest of `ds:SignedInfo`.
    pub(super) digest: MessageDigest,
    /// The only type of key that may verify it: an HMAC keyed with a public key has been taken for a signature
    /// (CVE-2018-7644).
    pub(super) key: Id,
}

/// The signature method behind a URI, if it is one that we verify at all.
pub(super) fn accepted_signature(uri: &str, accepted: Accepted) -> Option<VerificationMethod> {
    let (digest, key) = match uri {
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => (MessageDigest::sha256(), Id::RSA),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => (MessageDigest::sha384(), Id::RSA),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => (MessageDigest::sha512(), Id::RSA),
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1" if accepted == Accepted::Sha1Too => {
            (MessageDigest::sha1(), Id::RSA)
        }
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => (MessageDigest::sha256(), Id::EC),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => (MessageDigest::sha384(), Id::EC),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512" => (MessageDigest::sha512(), Id::EC),
        _ => return None,
    };
    Some(VerificationMethod { digest, key })
}

/// The digest method behind a URI, likewise.
pub(super) fn accepted_digest(uri: &str, accepted: Accepted) -> Option<MessageDigest> {
    match uri {
        "http://www.w3.org/2000/09/xmldsig#sha1" if accepted == Accepted::Sha1Too => Some(MessageDigest::sha1()),
        "http://www.w3.org/2001/04/xmlenc#sha256" => Some(MessageDigest::sha256()),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Some(MessageDigest::sha384()),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Some(MessageDigest::sha512()),
        _ => None,
    }
}
