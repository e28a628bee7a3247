//! XML Encryption for one recipient, known by an RSA certificate: an element's content under a fresh AES key, and that key,
//! or a token's own, under RSA-OAEP (XML Encryption 1.1, 5.2 and 5.5.2).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::encrypt::Encrypter;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Padding;
use openssl::symm::{Cipher, encrypt as encrypt_cbc, encrypt_aead};
use openssl::x509::X509Ref;
use zeroize::Zeroizing;

use super::DS;
use crate::model::ContentEncryption;
use crate::xml::{Ns, Writer};

/// XML Encryption's namespace.
pub static XENC: Ns = Ns { prefix: "xenc", uri: "http://www.w3.org/2001/04/xmlenc#" };

const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const RSA_OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const GCM_IV: usize = 12;
const GCM_TAG: usize = 16;
const CBC_IV: usize = 16;
const LONGEST_KEY: usize = 32;

static WSSE: Ns =
    Ns { prefix: "o", uri: "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" };
const THUMBPRINT: &str = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1";
const BASE64_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// Whom something is encrypted for.
#[derive(Clone)]
pub struct Recipient {
    key: PKey<Public>,
    certificate: Arc<str>,
    thumbprint: Arc<str>,
}

/// A certificate that nothing can be encrypted for.
#[derive(Debug, thiserror::Error)]
pub enum RecipientError {
    /// Not RSA.
    #[error("the certificate's key is not RSA")]
    NotRsa,
    /// OpenSSL failed.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

impl Recipient {
    /// The holder of the certificate's private key.
    ///
    /// # Errors
    /// If the key is not RSA.
    pub fn new(certificate: &X509Ref) -> Result<Self, RecipientError> {
        let key = certificate.public_key()?;
        if key.id() != Id::RSA {
            return Err(RecipientError::NotRsa);
        }
        let thumbprint = STANDARD.encode(certificate.digest(MessageDigest::sha1())?).into();
        Ok(Self { key, certificate: STANDARD.encode(certificate.to_der()?).into(), thumbprint })
    }
}

/// Fresh random octets for one encryption, wiped when dropped: the key and the initialisation vector. Good once, for under
/// AES-GCM a second use with the same octets gives both texts away; so it is consumed.
pub struct FreshKey(Zeroizing<Vec<u8>>);

impl FreshKey {
    /// Of what `draw`, a cryptographic generator, fills the octets with.
    ///
    /// # Errors
    /// Its own.
    pub fn drawn<E>(draw: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut octets = Zeroizing::new(vec![0; LONGEST_KEY + CBC_IV]);
        draw(&mut octets)?;
        Ok(Self(octets))
    }
}

/// A symmetric key, encrypted for a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedKey {
    cipher_value: String,
    certificate: Arc<str>,
    thumbprint: Arc<str>,
}

/// `element`, canonical or not, as an `xenc:EncryptedData` of type Element that declares all that it uses, with the
/// encrypted key in its `ds:KeyInfo`.
///
/// # Errors
/// If OpenSSL fails.
pub fn encrypt(
    element: &str,
    recipient: &Recipient,
    with: ContentEncryption,
    fresh: FreshKey,
) -> Result<String, ErrorStack> {
    let method = Method::of(with);
    let (key, iv) = fresh.0.split_at(LONGEST_KEY);
    let key = key.get(..method.cipher.key_len()).unwrap_or(key);
    let encrypted_key = encrypt_key(key, recipient)?;
    let cipher_text = STANDARD.encode(method.apply(element.as_bytes(), key, iv)?);
    let mut w = Writer::with_capacity(4096 + cipher_text.len() + recipient.certificate.len());
    w.start(&XENC, "EncryptedData", &[("Type", ELEMENT)]);
    algorithm(&mut w, &XENC, "EncryptionMethod", method.uri);
    w.start(&DS, "KeyInfo", &[]);
    encrypted_key.write(&mut w);
    w.end();
    cipher_data(&mut w, &cipher_text);
    Ok(w.finish())
}

/// A key under RSA-OAEP with MGF1 and SHA-1: what WIF, WSS4J and xmlsec1 all understand, and SHA-1's collisions are no
/// matter to it.
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
    })
}

impl EncryptedKey {
    /// About how many characters tell it.
    pub fn length(&self) -> usize {
        self.cipher_value.len() + self.certificate.len() + self.thumbprint.len()
    }

    /// Writes `xenc:EncryptedKey`. Whose key it is under is said twice: by a reference, which is all that WSS4J 1.x (Rampart,
    /// WSO2) looks at, and by the certificate itself, for everybody else; WIF takes the first of them that it can resolve.
    pub fn write(&self, w: &mut Writer) {
        w.start(&XENC, "EncryptedKey", &[]);
        w.start(&XENC, "EncryptionMethod", &[("Algorithm", RSA_OAEP)]);
        algorithm(w, &DS, "DigestMethod", SHA1);
        w.end();
        w.start(&DS, "KeyInfo", &[]);
        w.start(&WSSE, "SecurityTokenReference", &[]);
        w.start(&WSSE, "KeyIdentifier", &[("EncodingType", BASE64_BINARY), ("ValueType", THUMBPRINT)]);
        w.text(&self.thumbprint);
        w.end();
        w.end();
        w.start(&DS, "X509Data", &[]);
        w.leaf(&DS, "X509Certificate", &self.certificate);
        w.end();
        w.end();
        cipher_data(w, &self.cipher_value);
        w.end();
    }
}

struct Method {
    uri: &'static str,
    cipher: Cipher,
    authenticated: bool,
}

impl Method {
    fn of(with: ContentEncryption) -> Self {
        let (uri, cipher, authenticated) = match with {
            ContentEncryption::Aes256Gcm => ("http://www.w3.org/2009/xmlenc11#aes256-gcm", Cipher::aes_256_gcm(), true),
            ContentEncryption::Aes128Gcm => ("http://www.w3.org/2009/xmlenc11#aes128-gcm", Cipher::aes_128_gcm(), true),
            ContentEncryption::Aes256Cbc => {
                ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", Cipher::aes_256_cbc(), false)
            }
            ContentEncryption::Aes128Cbc => {
                ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", Cipher::aes_128_cbc(), false)
            }
        };
        Self { uri, cipher, authenticated }
    }

    /// Initialisation vector, cipher text and, for GCM, tag, one after the other. CBC is padded as PKCS #7 has it, which is
    /// one of the paddings that XML Encryption allows (5.2.1: only the last octet counts).
    fn apply(&self, text: &[u8], key: &[u8], iv: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let length = if self.authenticated { GCM_IV } else { CBC_IV };
        let iv = iv.get(..length).unwrap_or(iv);
        let mut out = iv.to_vec();
        if self.authenticated {
            let mut tag = [0; GCM_TAG];
            out.extend(encrypt_aead(self.cipher, key, Some(iv), &[], text, &mut tag)?);
            out.extend(tag);
        } else {
            out.extend(encrypt_cbc(self.cipher, key, Some(iv), text)?);
        }
        Ok(out)
    }
}

fn cipher_data(w: &mut Writer, value: &str) {
    w.start(&XENC, "CipherData", &[]);
    w.leaf(&XENC, "CipherValue", value);
    w.end();
}

fn algorithm(w: &mut Writer, ns: &'static Ns, name: &'static str, uri: &str) {
    w.start(ns, name, &[("Algorithm", uri)]);
    w.end();
}

#[cfg(test)]
mod tests {
    use openssl::encrypt::Decrypter;
    use openssl::nid::Nid;
    use openssl::pkey::Private;
    use openssl::rsa::Rsa;
    use openssl::symm::{decrypt, decrypt_aead};

    use super::*;
    use crate::dsig::testing::certificate;
    use crate::xml::{Canonicalization, Element, Limits, canonicalize, parse};

    const TEXT: &str = "<a xmlns=\"urn:a\">é &amp; whatever is longer than one block</a>";

    fn fresh() -> FreshKey {
        let count = |octets: &mut [u8]| {
            octets.iter_mut().zip(0..).for_each(|(octet, number)| *octet = number);
            Ok::<_, ()>(())
        };
        FreshKey::drawn(count).unwrap()
    }

    fn octets(element: &Element) -> Vec<u8> {
        let value = element.child(XENC.uri, "CipherData").and_then(|data| data.child(XENC.uri, "CipherValue")).unwrap();
        STANDARD.decode(value.text().unwrap()).unwrap()
    }

    fn unwrap(key: &PKey<Private>, wrapped: &[u8]) -> Vec<u8> {
        let mut decrypter = Decrypter::new(key).unwrap();
        decrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
        let mut out = vec![0; decrypter.decrypt_len(wrapped).unwrap()];
        let length = decrypter.decrypt(wrapped, &mut out).unwrap();
        out.truncate(length);
        out
    }

    #[test]
    fn each_algorithm_gives_the_element_back() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let recipient = Recipient::new(&certificate(&key)).unwrap();
        for (with, uri, key_length, iv_length) in [
            (ContentEncryption::Aes256Gcm, "http://www.w3.org/2009/xmlenc11#aes256-gcm", 32, 12),
            (ContentEncryption::Aes128Gcm, "http://www.w3.org/2009/xmlenc11#aes128-gcm", 16, 12),
            (ContentEncryption::Aes256Cbc, "http://www.w3.org/2001/04/xmlenc#aes256-cbc", 32, 16),
            (ContentEncryption::Aes128Cbc, "http://www.w3.org/2001/04/xmlenc#aes128-cbc", 16, 16),
        ] {
            let xml = encrypt(TEXT, &recipient, with, fresh()).unwrap();
            let document = parse(xml.as_bytes(), &Limits::message(65536)).unwrap();
            let canonical = canonicalize(&document.root, &Canonicalization::default());
            assert_eq!(String::from_utf8(canonical).unwrap(), xml);
            let method = document.root.child(XENC.uri, "EncryptionMethod").unwrap();
            assert_eq!(method.attribute("Algorithm"), Some(uri));

            let wrapped = document.root.descendants().find(|element| element.is(XENC.uri, "EncryptedKey")).unwrap();
            let content_key = unwrap(&key, &octets(wrapped));
            assert_eq!(content_key, (0..key_length).collect::<Vec<u8>>(), "{uri}");
            let cipher_text = octets(&document.root);
            let (iv, rest) = cipher_text.split_at(iv_length);
            let cipher = Method::of(with).cipher;
            let text = if iv_length == GCM_IV {
                let (text, tag) = rest.split_at(rest.len() - GCM_TAG);
                decrypt_aead(cipher, &content_key, Some(iv), &[], text, tag).unwrap()
            } else {
                decrypt(cipher, &content_key, Some(iv), rest).unwrap()
            };
            assert_eq!(String::from_utf8(text).unwrap(), TEXT, "{uri}");
        }
    }

    #[test]
    fn an_encrypted_key_names_its_certificate_both_ways() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let certificate = certificate(&key);
        let encrypted = encrypt_key(&[7; 64], &Recipient::new(&certificate).unwrap()).unwrap();
        let mut w = Writer::default();
        encrypted.write(&mut w);
        let document = parse(w.finish().as_bytes(), &Limits::message(65536)).unwrap();
        let text = |name: &str| {
            let found = document.root.descendants().find(|element| element.name.local == name).unwrap();
            STANDARD.decode(found.text().unwrap()).unwrap()
        };
        assert_eq!(text("X509Certificate"), certificate.to_der().unwrap());
        assert_eq!(text("KeyIdentifier"), certificate.digest(MessageDigest::sha1()).unwrap().to_vec());
        assert_eq!(unwrap(&key, &octets(&document.root)), [7; 64]);
    }

    #[test]
    fn only_rsa_certificates_can_be_encrypted_for() {
        let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
        assert!(matches!(Recipient::new(&certificate(&key)), Err(RecipientError::NotRsa)));
    }
}
