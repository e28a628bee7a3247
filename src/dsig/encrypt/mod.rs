//! XML Encryption for one recipient, known by an RSA certificate: an element's content under a fresh AES key, and that key,
//! or a token's own, under RSA-OAEP (XML Encryption 1.1, 5.2 and 5.5.2).

mod recipient;

pub use recipient::{EncryptedKey, KeyTransport, Recipient, RecipientError, encrypt_key};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::symm::{Cipher, encrypt as encrypt_cbc, encrypt_aead};
use zeroize::Zeroizing;

use super::DS;
use crate::model::ContentEncryption;
use crate::xml::{Ns, Writer};

/// XML Encryption's namespace.
pub static XENC: Ns = Ns { prefix: "xenc", uri: "http://www.w3.org/2001/04/xmlenc#" };

const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const GCM_IV: usize = 12;
const GCM_TAG: usize = 16;
const CBC_IV: usize = 16;
const LONGEST_KEY: usize = 32;

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
    let mut w = Writer::with_capacity(4096 + cipher_text.len() + recipient.length());
    w.start(&XENC, "EncryptedData", &[("Type", ELEMENT)]);
    algorithm(&mut w, &XENC, "EncryptionMethod", method.uri);
    w.start(&DS, "KeyInfo", &[]);
    encrypted_key.write(&mut w);
    w.end();
    cipher_data(&mut w, &cipher_text);
    Ok(w.finish())
}

/// `xenc:EncryptionMethod`'s URI.
pub const fn content_encryption_uri(with: ContentEncryption) -> &'static str {
    match with {
        ContentEncryption::Aes256Gcm => "http://www.w3.org/2009/xmlenc11#aes256-gcm",
        ContentEncryption::Aes128Gcm => "http://www.w3.org/2009/xmlenc11#aes128-gcm",
        ContentEncryption::Aes256Cbc => "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
        ContentEncryption::Aes128Cbc => "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    }
}

struct Method {
    uri: &'static str,
    cipher: Cipher,
    authenticated: bool,
}

impl Method {
    fn of(with: ContentEncryption) -> Self {
        let (cipher, authenticated) = match with {
            ContentEncryption::Aes256Gcm => (Cipher::aes_256_gcm(), true),
            ContentEncryption::Aes128Gcm => (Cipher::aes_128_gcm(), true),
            ContentEncryption::Aes256Cbc => (Cipher::aes_256_cbc(), false),
            ContentEncryption::Aes128Cbc => (Cipher::aes_128_cbc(), false),
        };
        Self { uri: content_encryption_uri(with), cipher, authenticated }
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
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    use openssl::symm::{decrypt, decrypt_aead};

    use super::*;
    use crate::dsig::testing::{certificate, unwrap};
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
}
