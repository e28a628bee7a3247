//! How to encrypt for a service provider, by what its metadata says (`saml-metadata-2.0-os`, 2.4.1.1).

use openssl::x509::X509;

use super::{EncryptionKey, ServiceProvider};
use crate::dsig::{KeyTransport, Recipient, content_encryption_uri};
use crate::model::{ContentEncryption, EcpSwitches, EncryptAssertions};

/// The strongest first; what nothing authenticates only where nothing better is listed.
const CONTENT: [ContentEncryption; 4] = [
    ContentEncryption::Aes256Gcm,
    ContentEncryption::Aes128Gcm,
    ContentEncryption::Aes256Cbc,
    ContentEncryption::Aes128Cbc,
];

/// The one that everybody has first.
const TRANSPORT: [KeyTransport; 2] = [KeyTransport::RsaOaepMgf1p, KeyTransport::RsaOaep];

/// Why nothing can be encrypted for a service provider, for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotEncrypt {
    /// It must be, and there is no key to decrypt with.
    #[error("no key in its metadata to encrypt for")]
    NoKey,
    /// There are such keys, and none that we can encrypt for.
    #[error("no key in its metadata that can be encrypted for: {0}")]
    NoneFits(String),
}

impl ServiceProvider {
    /// For whom and how its assertions are encrypted, if they are. One that is to be and cannot be is not issued at all.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn sealing(&self, switches: &EcpSwitches) -> Result<Option<(Recipient, ContentEncryption)>, CannotEncrypt> {
        if switches.encrypt == EncryptAssertions::Off {
            return Ok(None);
        }
        match self.encryption(switches.content_encryption)? {
            None if switches.encrypt == EncryptAssertions::Required => Err(CannotEncrypt::NoKey),
            found => Ok(found),
        }
    }

    /// By whose key and how to encrypt for it: the first key that fits, and of the algorithms that are listed with it the
    /// best; AES-256-GCM and RSA-OAEP where none is. `configured` is the operator's word on the content, whatever is listed.
    /// `None` if it has no key.
    ///
    /// # Errors
    /// No key fits: none is RSA, or it is listed with nothing that we have.
    pub fn encryption(
        &self,
        configured: Option<ContentEncryption>,
    ) -> Result<Option<(Recipient, ContentEncryption)>, CannotEncrypt> {
        let mut objection = None;
        for key in &self.encryption_keys {
            match key.recipient(configured) {
                Ok(found) => return Ok(Some(found)),
                Err(why) => objection = objection.or(Some(why)),
            }
        }
        objection.map_or(Ok(None), |why| Err(CannotEncrypt::NoneFits(why)))
    }
}

impl EncryptionKey {
    fn recipient(&self, configured: Option<ContentEncryption>) -> Result<(Recipient, ContentEncryption), String> {
        let is_content = |uri: &str| uri.ends_with("-gcm") || uri.ends_with("-cbc");
        let is_transport = |uri: &str| uri.contains("#rsa-");
        let content = match configured {
            Some(configured) => Some(configured),
            None => self.best(&CONTENT, |with| content_encryption_uri(*with), is_content),
        };
        let content = content.ok_or("no EncryptionMethod with AES of 256 or 128 bits")?;
        let transport = self.best(&TRANSPORT, |transport| transport.uri(), is_transport);
        let transport = transport.ok_or("no EncryptionMethod with RSA-OAEP")?;
        let certificate = X509::from_der(&self.certificate).map_err(|_| "a certificate that cannot be read")?;
        let recipient = Recipient::by_certificate(&certificate, transport).map_err(|error| error.to_string())?;
        Ok((recipient, content))
    }

    /// The first of `ours` that is listed; the first of all if none of that kind is listed at all.
    fn best<T: Copy>(&self, ours: &[T], uri: impl Fn(&T) -> &'static str, is_kind: impl Fn(&str) -> bool) -> Option<T> {
        let listed = |algorithm: &&T| self.methods.iter().any(|method| method.trim() == uri(algorithm));
        if self.methods.iter().any(|method| is_kind(method.trim())) {
            return ours.iter().find(listed).copied();
        }
        ours.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;

    use super::*;
    use crate::dsig::testing::certificate;
    use crate::saml::names::MICROSOFT_ONLINE;

    const GCM256: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
    const GCM128: &str = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
    const CBC256: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
    const CBC128: &str = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
    const DES: &str = "http://www.w3.org/2001/04/xmlenc#tripledes-cbc";
    const MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
    const OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
    const RSA15: &str = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";

    fn sp(keys: Vec<EncryptionKey>) -> ServiceProvider {
        ServiceProvider { encryption_keys: keys, ..ServiceProvider::office365(MICROSOFT_ONLINE) }
    }

    fn key(certificate: &[u8], methods: &[&str]) -> EncryptionKey {
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        EncryptionKey { certificate: certificate.to_vec(), methods }
    }

    #[test]
    fn the_metadata_says_how_and_never_weaker_than_it_must_be() {
        use ContentEncryption::{Aes128Cbc, Aes128Gcm, Aes256Cbc, Aes256Gcm};
        use KeyTransport::{RsaOaep, RsaOaepMgf1p};
        let rsa = certificate(&PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()).to_der().unwrap();
        for (methods, configured, expected) in [
            (&[][..], None, Some((Aes256Gcm, RsaOaepMgf1p))),
            (&[], Some(Aes128Cbc), Some((Aes128Cbc, RsaOaepMgf1p))),
            (&[MGF1P], None, Some((Aes256Gcm, RsaOaepMgf1p))),
            (&[OAEP], None, Some((Aes256Gcm, RsaOaep))),
            (&[OAEP, MGF1P, RSA15], None, Some((Aes256Gcm, RsaOaepMgf1p))),
            (&[CBC128, GCM128, CBC256], None, Some((Aes128Gcm, RsaOaepMgf1p))),
            (&[GCM128, GCM256, DES], None, Some((Aes256Gcm, RsaOaepMgf1p))),
            (&[" http://www.w3.org/2001/04/xmlenc#aes256-cbc "], None, Some((Aes256Cbc, RsaOaepMgf1p))),
            (&[CBC128, DES], None, Some((Aes128Cbc, RsaOaepMgf1p))),
            (&[CBC128, DES], Some(Aes256Gcm), Some((Aes256Gcm, RsaOaepMgf1p))),
            (&["urn:unheard-of"], None, Some((Aes256Gcm, RsaOaepMgf1p))),
            (&[DES], None, None),
            (&[RSA15, GCM256], None, None),
            (&[RSA15], Some(Aes256Gcm), None),
        ] {
            let found = sp(vec![key(&rsa, methods)]).encryption(configured);
            let found = found.map(|found| found.map(|(recipient, content)| (content, recipient.transport())));
            assert_eq!(found.ok(), expected.map(Some), "{methods:?} {configured:?}");
        }
    }

    #[test]
    fn the_first_key_that_fits_is_taken() {
        let rsa = certificate(&PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()).to_der().unwrap();
        let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let curve = PKey::from_ec_key(openssl::ec::EcKey::generate(&group).unwrap()).unwrap();
        let curve = certificate(&curve).to_der().unwrap();
        assert!(sp(Vec::new()).encryption(None).unwrap().is_none());
        assert!(sp(vec![key(&curve, &[]), key(b"junk", &[]), key(&rsa, &[])]).encryption(None).unwrap().is_some());
        let refused = sp(vec![key(&curve, &[]), key(b"junk", &[])]).encryption(None).err().unwrap();
        assert!(refused.to_string().ends_with("not RSA"), "{refused}");
    }
}
