//! Whom something is encrypted for, and the symmetric key that is encrypted for them, by RSA-OAEP (XML Encryption 1.1, 5.5.2).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::encrypt::Encrypter;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Padding;
use openssl::x509::X509Ref;
use serde::{Deserialize, Serialize};

use super::{XENC, algorithm, cipher_data};
use crate::dsig::DS;
use crate::xml::{Ns, Writer};

static WSSE: Ns =
    Ns { prefix: "o", uri: "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" };
const THUMBPRINT: &str = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1";
const BASE64_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// How a symmetric key is encrypted: RSA-OAEP with SHA-1, whose collisions are no matter here, in one of its two spellings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyTransport {
    /// `…xmlenc#rsa-oaep-mgf1p`: what WIF, WSS4J, OpenSAML, Lasso and every xmlsec1 understand.
    #[default]
    RsaOaepMgf1p,
    /// `…xmlenc11#rsa-oaep`: the same where no mask generation function is named.
    RsaOaep,
}

/// Old service providers' keys have so many.
const LEAST_BITS: u32 = 1024;

/// Whom something is encrypted for.
#[derive(Clone)]
pub struct Recipient {
    key: PKey<Public>,
    certificate: Arc<str>,
    /// What WS-Security refers to the certificate by; `None`: nobody looks for that.
    thumbprint: Option<Arc<str>>,
    transport: KeyTransport,
}

/// A certificate that nothing can be encrypted for.
#[derive(Debug, thiserror::Error)]
pub enum RecipientError {
    /// Not RSA.
    #[error("the certificate's key is not RSA")]
    NotRsa,
    /// Too short for a key under RSA-OAEP to be worth anything, or to fit at all.
    #[error("the certificate's key has fewer than {LEAST_BITS} bits")]
    TooShort,
    /// OpenSSL failed.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

/// A symmetric key, encrypted for a recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncryptedKey {
    cipher_value: String,
    certificate: Arc<str>,
    thumbprint: Option<Arc<str>>,
    transport: KeyTransport,
}

impl Recipient {
    /// The holder of the certificate's private key, who reads WS-Security.
    ///
    /// # Errors
    /// If the key is not RSA, or too short.
    pub fn new(certificate: &X509Ref) -> Result<Self, RecipientError> {
        let thumbprint = STANDARD.encode(certificate.digest(MessageDigest::sha1())?).into();
        Ok(Self { thumbprint: Some(thumbprint), ..Self::by_certificate(certificate, KeyTransport::default())? })
    }

    /// The holder of the certificate's private key, told by nothing but the certificate, as SAML has it.
    ///
    /// # Errors
    /// If the key is not RSA, or too short.
    pub fn by_certificate(certificate: &X509Ref, transport: KeyTransport) -> Result<Self, RecipientError> {
        let key = certificate.public_key()?;
        if key.id() != Id::RSA {
            return Err(RecipientError::NotRsa);
        }
        if key.bits() < LEAST_BITS {
            return Err(RecipientError::TooShort);
        }
        Ok(Self { key, certificate: STANDARD.encode(certificate.to_der()?).into(), thumbprint: None, transport })
    }

    /// How a key is encrypted for it.
    pub fn transport(&self) -> KeyTransport {
        self.transport
    }

    /// How long the certificate is, in base64.
    pub(super) fn length(&self) -> usize {
        self.certificate.len()
    }
}

/// A key under RSA-OAEP.
///
/// # Errors
/// If OpenSSL fails; a key that is too long for the recipient's.
pub fn encrypt_key(key: &[u8], recipient: &Recipient) -> Result<EncryptedKey, ErrorStack> {
    let mut encrypter = Encrypter::new(&recipient.key)?;
    encrypter.set_rsa_padding(Padding::PKCS1_OAEP)?;
    let mut encrypted = vec![0; encrypter.encrypt_len(key)?];
    let length = encrypter.encrypt(key, &mut encrypted)?;
    encrypted.truncate(length);
    Ok(EncryptedKey {
        cipher_value: STANDARD.encode(encrypted),
        certificate: recipient.certificate.clone(),
        thumbprint: recipient.thumbprint.clone(),
        transport: recipient.transport,
    })
}

impl EncryptedKey {
    /// About how many characters tell it.
    pub fn length(&self) -> usize {
        self.cipher_value.len() + self.certificate.len() + self.thumbprint.as_ref().map_or(0, |print| print.len())
    }

    /// Writes `xenc:EncryptedKey`. In WS-Security, whose key it is under is said twice: by a reference, which is all that
    /// WSS4J 1.x (Rampart, WSO2) looks at, and by the certificate itself, for everybody else; WIF takes the first of them that
    /// it can resolve.
    pub fn write(&self, w: &mut Writer) {
        w.start(&XENC, "EncryptedKey", &[]);
        self.transport.write(w);
        w.start(&DS, "KeyInfo", &[]);
        if let Some(thumbprint) = &self.thumbprint {
            w.start(&WSSE, "SecurityTokenReference", &[]);
            w.start(&WSSE, "KeyIdentifier", &[("EncodingType", BASE64_BINARY), ("ValueType", THUMBPRINT)]);
            w.text(thumbprint);
            w.end();
            w.end();
        }
        w.start(&DS, "X509Data", &[]);
        w.leaf(&DS, "X509Certificate", &self.certificate);
        w.end();
        w.end();
        cipher_data(w, &self.cipher_value);
        w.end();
    }
}

impl KeyTransport {
    /// The algorithm's URI.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::RsaOaepMgf1p => "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
            Self::RsaOaep => "http://www.w3.org/2009/xmlenc11#rsa-oaep",
        }
    }

    fn write(self, w: &mut Writer) {
        w.start(&XENC, "EncryptionMethod", &[("Algorithm", self.uri())]);
        algorithm(w, &DS, "DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1");
        w.end();
    }
}

#[cfg(test)]
mod tests {
    use openssl::nid::Nid;
    use openssl::rsa::Rsa;

    use super::*;
    use crate::dsig::testing::{certificate, unwrap};
    use crate::xml::{Canonicalization, Document, Limits, canonicalize, parse};

    fn written(key: &EncryptedKey) -> Document {
        let mut w = Writer::default();
        key.write(&mut w);
        let xml = w.finish();
        let document = parse(xml.as_bytes(), &Limits::message(65536)).unwrap();
        assert_eq!(String::from_utf8(canonicalize(&document.root, &Canonicalization::default())).unwrap(), xml);
        document
    }

    fn octets(document: &Document, name: &str) -> Vec<u8> {
        document.root.descendants().find(|element| element.name.local == name).unwrap().octets().unwrap()
    }

    #[test]
    fn an_encrypted_key_names_its_certificate_both_ways() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let certificate = certificate(&key);
        let document = written(&encrypt_key(&[7; 64], &Recipient::new(&certificate).unwrap()).unwrap());
        assert_eq!(octets(&document, "X509Certificate"), certificate.to_der().unwrap());
        assert_eq!(octets(&document, "KeyIdentifier"), certificate.digest(MessageDigest::sha1()).unwrap().to_vec());
        assert_eq!(unwrap(&key, &octets(&document, "CipherValue")), [7; 64]);
    }

    #[test]
    fn each_transport_says_how_to_undo_it() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let certificate = certificate(&key);
        for transport in [KeyTransport::RsaOaepMgf1p, KeyTransport::RsaOaep] {
            let recipient = Recipient::by_certificate(&certificate, transport).unwrap();
            let document = written(&encrypt_key(&[7; 32], &recipient).unwrap());
            let method = document.root.child(XENC.uri, "EncryptionMethod").unwrap();
            assert_eq!(method.attribute("Algorithm"), Some(transport.uri()));
            assert_eq!(method.elements().map(|told| told.name.local.as_str()).collect::<Vec<_>>(), ["DigestMethod"]);
            assert_eq!(unwrap(&key, &octets(&document, "CipherValue")), [7; 32]);
            assert!(document.root.descendants().all(|element| &*element.name.namespace != WSSE.uri));
        }
    }

    #[test]
    fn only_rsa_certificates_of_some_length_can_be_encrypted_for() {
        let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
        assert!(matches!(Recipient::new(&certificate(&key)), Err(RecipientError::NotRsa)));
        let short = PKey::from_rsa(Rsa::generate(768).unwrap()).unwrap();
        assert!(matches!(Recipient::new(&certificate(&short)), Err(RecipientError::TooShort)));
    }
}
