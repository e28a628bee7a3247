//! Algorithm URIs and the OpenSSL digests that they mean.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKeyRef};

use super::Accepted;
use crate::model::SignatureAlgorithm;

/// What a key can sign by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSASSA-PKCS1-v1_5.
    Rsa,
    /// ECDSA on NIST's P-256.
    P256,
    /// On P-384.
    P384,
    /// On P-521.
    P521,
}

impl KeyKind {
    /// The kind of a key; `None` for one that signs nothing of ours.
    pub fn of<T: HasPublic>(key: &PKeyRef<T>) -> Option<Self> {
        match key.id() {
            Id::RSA => Some(Self::Rsa),
            Id::EC => match key.ec_key().ok()?.group().curve_name()? {
                Nid::X9_62_PRIME256V1 => Some(Self::P256),
                Nid::SECP384R1 => Some(Self::P384),
                Nid::SECP521R1 => Some(Self::P521),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is one of the curves.
    pub fn is_elliptic(self) -> bool {
        self != Self::Rsa
    }
}

/// How a signature of ours is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    RsaSha256,
    RsaSha1,
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
}

impl Method {
    /// What a key of this kind makes of what is asked for: an elliptic curve with the digest that is as strong as it, and
    /// `None` for SHA-1, which only RSA was ever paired with.
    pub(super) fn of(key: KeyKind, asked: SignatureAlgorithm) -> Option<Self> {
        match (asked, key) {
            (SignatureAlgorithm::RsaSha256, KeyKind::Rsa) => Some(Self::RsaSha256),
            (SignatureAlgorithm::RsaSha1, KeyKind::Rsa) => Some(Self::RsaSha1),
            (SignatureAlgorithm::RsaSha256, KeyKind::P256) => Some(Self::EcdsaSha256),
            (SignatureAlgorithm::RsaSha256, KeyKind::P384) => Some(Self::EcdsaSha384),
            (SignatureAlgorithm::RsaSha256, KeyKind::P521) => Some(Self::EcdsaSha512),
            (SignatureAlgorithm::RsaSha1, KeyKind::P256 | KeyKind::P384 | KeyKind::P521) => None,
        }
    }

    /// `ds:SignatureMethod/@Algorithm`.
    pub(super) const fn signature_uri(self) -> &'static str {
        match self {
            Self::RsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            Self::EcdsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::EcdsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
            Self::EcdsaSha512 => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
        }
    }

    /// `ds:DigestMethod/@Algorithm` that goes with it.
    pub(super) const fn digest_uri(self) -> &'static str {
        match self {
            Self::RsaSha256 | Self::EcdsaSha256 => "http://www.w3.org/2001/04/xmlenc#sha256",
            Self::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#sha1",
            Self::EcdsaSha384 => "http://www.w3.org/2001/04/xmldsig-more#sha384",
            Self::EcdsaSha512 => "http://www.w3.org/2001/04/xmlenc#sha512",
        }
    }

    /// The digest of both.
    pub(super) fn digest(self) -> MessageDigest {
        match self {
            Self::RsaSha256 | Self::EcdsaSha256 => MessageDigest::sha256(),
            Self::RsaSha1 => MessageDigest::sha1(),
            Self::EcdsaSha384 => MessageDigest::sha384(),
            Self::EcdsaSha512 => MessageDigest::sha512(),
        }
    }

    /// Digests with it, without looking the algorithm up by its name, as a `MessageDigest` does for each use.
    pub(super) fn digested(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::RsaSha256 | Self::EcdsaSha256 => openssl::sha::sha256(bytes).to_vec(),
            Self::RsaSha1 => openssl::sha::sha1(bytes).to_vec(),
            Self::EcdsaSha384 => openssl::sha::sha384(bytes).to_vec(),
            Self::EcdsaSha512 => openssl::sha::sha512(bytes).to_vec(),
        }
    }

    /// What comes before the digest in the DER of a DigestInfo, which is what RSA pads and signs (RFC 8017, 9.2); nothing for
    /// ECDSA, which signs the digest itself.
    pub(super) const fn digest_info(self) -> &'static [u8] {
        match self {
            Self::RsaSha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
            Self::RsaSha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
            Self::EcdsaSha256 | Self::EcdsaSha384 | Self::EcdsaSha512 => b"",
        }
    }

    /// What a device is given to sign of these bytes.
    pub(super) fn for_device(self, bytes: &[u8]) -> Vec<u8> {
        [self.digest_info(), &self.digested(bytes)].concat()
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
