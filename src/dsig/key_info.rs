//! `ds:KeyInfo` where it is data, not advice: the key that a token is bound to, and the key that a client asks to be bound to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::bn::{BigNum, BigNumRef};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, PKeyRef, Public};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Ref};
use serde::{Deserialize, Serialize};

use super::fitness::is_fit_if_rsa;
use super::profile::octets;
use super::{DS, EncryptedKey};
use crate::xml::{Element, Writer};

/// Octets of a certificate. It is in each token, and in the record of tokens.
const LONGEST_CERTIFICATE: usize = 8192;

/// A key by one of its descriptions. Base64 is on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyInfo {
    /// `ds:X509Data/ds:X509Certificate`: base64 of the DER.
    Certificate(String),
    /// `ds:KeyValue/ds:RSAKeyValue`.
    RsaKeyValue {
        /// Base64 of the number, big-endian, without leading zeros.
        modulus: String,
        /// The same.
        exponent: String,
    },
    /// A symmetric key that only its recipient can read.
    EncryptedKey(EncryptedKey),
}

/// A `ds:KeyInfo` that tells no public key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyInfoError {
    /// It is in neither form.
    #[error("a KeyInfo with neither one X509Certificate nor an RSAKeyValue")]
    Form,
    /// The certificate cannot be read.
    #[error("a certificate that cannot be read")]
    Certificate,
    /// The numbers are no RSA key.
    #[error("an RSAKeyValue that is no RSA key")]
    RsaKeyValue,
    /// An RSA key shorter or longer than is sensible.
    #[error("an RSA key of less than 2048 or more than 8192 bits, or with an exponent of more than 32")]
    Length,
}

impl KeyInfo {
    /// The certificate's.
    ///
    /// # Errors
    /// If OpenSSL fails.
    pub fn of_certificate(certificate: &X509Ref) -> Result<Self, ErrorStack> {
        Ok(Self::Certificate(STANDARD.encode(certificate.to_der()?)))
    }

    /// An RSA key's numbers; `None` for any other.
    pub fn of_key(key: &PKeyRef<Public>) -> Option<Self> {
        let rsa = key.rsa().ok()?;
        let base64 = |number: &BigNumRef| STANDARD.encode(number.to_vec());
        Some(Self::RsaKeyValue { modulus: base64(rsa.n()), exponent: base64(rsa.e()) })
    }

    /// Reads the public key in a `ds:KeyInfo`: exactly one certificate, or an RSAKeyValue. A name for a key tells none.
    ///
    /// # Errors
    /// If it is in neither form, or no key that can be used.
    pub fn read(key_info: &Element) -> Result<Self, KeyInfoError> {
        let described: Vec<&Element> = key_info.elements().collect();
        let [described] = described.as_slice() else { return Err(KeyInfoError::Form) };
        if described.is(DS.uri, "X509Data") {
            let certificate = described.only_child(DS.uri, "X509Certificate").map_err(|_| KeyInfoError::Form)?;
            let der = octets(certificate.ok_or(KeyInfoError::Form)?).map_err(|_| KeyInfoError::Certificate)?;
            return Self::of_der(&der);
        }
        let value = Some(*described).filter(|described| described.is(DS.uri, "KeyValue"));
        let rsa = value.and_then(|value| value.only_child(DS.uri, "RSAKeyValue").ok().flatten());
        let rsa = rsa.ok_or(KeyInfoError::Form)?;
        let number = |name| {
            let digits = rsa.only_child(DS.uri, name).ok().flatten().and_then(|number| octets(number).ok());
            digits.and_then(|digits| BigNum::from_slice(&digits).ok()).ok_or(KeyInfoError::RsaKeyValue)
        };
        let (modulus, exponent) = (number("Modulus")?, number("Exponent")?);
        let base64 = |number: &BigNum| STANDARD.encode(number.to_vec());
        let read = Self::RsaKeyValue { modulus: base64(&modulus), exponent: base64(&exponent) };
        let sound = modulus.is_bit_set(0) && exponent.is_bit_set(0) && exponent.num_bits() > 1 && exponent < modulus;
        if !sound {
            return Err(KeyInfoError::RsaKeyValue);
        }
        fits(&*read.public_key().ok_or(KeyInfoError::RsaKeyValue)?)?;
        Ok(read)
    }

    /// Of a certificate's DER.
    ///
    /// # Errors
    /// If it is none, or its RSA key has an unfit length.
    pub fn of_der(der: &[u8]) -> Result<Self, KeyInfoError> {
        let certificate = Some(der).filter(|der| der.len() <= LONGEST_CERTIFICATE).map(X509::from_der);
        let certificate = certificate.and_then(Result::ok).ok_or(KeyInfoError::Certificate)?;
        fits(&*certificate.public_key().map_err(|_| KeyInfoError::Certificate)?)?;
        Self::of_certificate(&certificate).map_err(|_| KeyInfoError::Certificate)
    }

    /// The public key; `None` for a symmetric one.
    pub fn public_key(&self) -> Option<PKey<Public>> {
        let decoded = |base64: &str| STANDARD.decode(base64).ok();
        match self {
            Self::Certificate(base64) => X509::from_der(&decoded(base64)?).ok()?.public_key().ok(),
            Self::RsaKeyValue { modulus, exponent } => {
                let number = |base64| BigNum::from_slice(&decoded(base64)?).ok();
                let rsa = Rsa::from_public_components(number(modulus)?, number(exponent)?).ok()?;
                PKey::from_rsa(rsa).ok()
            }
            Self::EncryptedKey(_) => None,
        }
    }

    /// About how many characters tell it.
    pub fn length(&self) -> usize {
        match self {
            Self::Certificate(base64) => base64.len(),
            Self::RsaKeyValue { modulus, exponent } => modulus.len() + exponent.len(),
            Self::EncryptedKey(key) => key.length(),
        }
    }

    /// Whether it tells this key.
    pub fn tells(&self, key: &PKeyRef<Public>) -> bool {
        self.public_key().is_some_and(|own| own.public_eq(key))
    }

    /// Writes `ds:KeyInfo`.
    pub fn write(&self, w: &mut Writer) {
        w.start(&DS, "KeyInfo", &[]);
        match self {
            Self::Certificate(base64) => {
                w.start(&DS, "X509Data", &[]);
                w.leaf(&DS, "X509Certificate", base64);
                w.end();
            }
            Self::RsaKeyValue { modulus, exponent } => {
                w.start(&DS, "KeyValue", &[]);
                w.start(&DS, "RSAKeyValue", &[]);
                w.leaf(&DS, "Modulus", modulus);
                w.leaf(&DS, "Exponent", exponent);
                w.end();
                w.end();
            }
            Self::EncryptedKey(key) => key.write(w),
        }
        w.end();
    }
}

/// Other kinds than RSA are for the relying party to judge, which the key is proved to.
fn fits(key: &PKeyRef<Public>) -> Result<(), KeyInfoError> {
    if is_fit_if_rsa(key) { Ok(()) } else { Err(KeyInfoError::Length) }
}

#[cfg(test)]
mod tests {
    use openssl::pkey::Private;

    use super::*;
    use crate::dsig::testing::certificate;
    use crate::xml::{Canonicalization, Limits, canonicalize, parse};

    fn rsa(bits: u32) -> PKey<Private> {
        PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
    }

    fn public(key: &PKey<Private>) -> PKey<Public> {
        PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap()
    }

    fn value(modulus: &str, exponent: &str) -> String {
        format!(
            "<KeyInfo xmlns='{}'><KeyValue><RSAKeyValue><Modulus>{modulus}</Modulus><Exponent>{exponent}</Exponent>\
             </RSAKeyValue></KeyValue></KeyInfo>",
            DS.uri
        )
    }

    fn read(xml: &str) -> Result<KeyInfo, KeyInfoError> {
        KeyInfo::read(&parse(xml.as_bytes(), &Limits::message(65536)).unwrap().root)
    }

    fn modulus(key: &PKey<Private>) -> String {
        STANDARD.encode(key.rsa().unwrap().n().to_vec())
    }

    #[test]
    fn what_is_written_is_canonical_and_reads_back() {
        let key = rsa(2048);
        assert!(KeyInfo::of_key(&public(&key)).unwrap().tells(&public(&key)));
        let of_value = read(&value(&format!("\n {}\n", modulus(&key)), "AAEAAQ==")).unwrap();
        for written in [KeyInfo::of_certificate(&certificate(&key)).unwrap(), of_value] {
            let mut w = Writer::default();
            written.write(&mut w);
            let xml = w.finish();
            let tree = parse(xml.as_bytes(), &Limits::message(65536)).unwrap();
            assert_eq!(canonicalize(&tree.root, &Canonicalization::default()), xml.as_bytes());
            assert_eq!(KeyInfo::read(&tree.root), Ok(written.clone()));
            assert!(written.tells(&public(&key)) && !written.tells(&public(&rsa(2048))));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let (key, short) = (rsa(2048), rsa(1024));
        let data = |inner: &str| format!("<KeyInfo xmlns='{}'><X509Data>{inner}</X509Data></KeyInfo>", DS.uri);
        let base64 = |key| STANDARD.encode(certificate(key).to_der().unwrap());
        let one = format!("<X509Certificate>{}</X509Certificate>", base64(&key));
        for (xml, expected) in [
            (value(&modulus(&short), "AQAB"), KeyInfoError::Length),
            (value(&modulus(&key), "AQAAAAE="), KeyInfoError::Length),
            (value(&modulus(&key), "AQ=="), KeyInfoError::RsaKeyValue),
            (value(&modulus(&key), "AAAA"), KeyInfoError::RsaKeyValue),
            (value(&modulus(&key), "BA=="), KeyInfoError::RsaKeyValue),
            (value("", "AQAB"), KeyInfoError::RsaKeyValue),
            (value("!", "AQAB"), KeyInfoError::RsaKeyValue),
            (data(&format!("<X509Certificate>{}</X509Certificate>", base64(&short))), KeyInfoError::Length),
            (data("<X509Certificate>AAAA</X509Certificate>"), KeyInfoError::Certificate),
            (data("<X509SKI>AAAA</X509SKI>"), KeyInfoError::Form),
            (data(&format!("{one}{one}")), KeyInfoError::Form),
            (format!("<KeyInfo xmlns='{}'><KeyName>admin</KeyName></KeyInfo>", DS.uri), KeyInfoError::Form),
            (format!("<KeyInfo xmlns='{}'/>", DS.uri), KeyInfoError::Form),
        ] {
            assert_eq!(read(&xml), Err(expected), "{xml}");
        }
    }
}
