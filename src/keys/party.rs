//! A relying party's certificate: whom tokens and their keys are encrypted for.

use std::path::Path;

use openssl::pkey::Id;
use openssl::x509::X509;

use super::error::{KeyError, KeyField, Source};
use super::loaded::{LEAST_BITS, algorithm};
use super::pem;
use super::validity::Validity;
use crate::model::Timestamp;

/// A certificate with an RSA key of 2048 bits or more.
pub struct PartyCertificate {
    /// The certificate: the first of its file.
    pub certificate: X509,
    validity: Validity,
}

const ANOTHER: &str = "ask the party for a certificate with an RSA key of 2048 bits or more, whose private key it has";

impl PartyCertificate {
    /// Reads it.
    ///
    /// # Errors
    /// An unreadable file, another format, a key that is not RSA or is shorter. An expired certificate is no error, but a
    /// [doubt](Self::doubt).
    pub fn load(file: &Path) -> Result<Self, KeyError> {
        let source = Source { file, field: KeyField::Certificate };
        let damaged =
            |errors| source.openssl("holds a damaged certificate", &errors, "write the file again from its source");
        let mut certificates = pem::certificates(source)?;
        let certificate = certificates.swap_remove(0);
        let key = certificate.public_key().map_err(damaged)?;
        if key.id() != Id::RSA {
            let message =
                format!("is the certificate of {}, and tokens are encrypted for RSA keys only", algorithm(&key));
            return Err(source.error(message, ANOTHER));
        }
        if key.bits() < LEAST_BITS {
            let message = format!("is the certificate of an RSA key of {} bits; {LEAST_BITS} is the least", key.bits());
            return Err(source.error(message, ANOTHER));
        }
        Ok(Self { validity: Validity::of(&certificate).map_err(damaged)?, certificate })
    }

    /// What an operator should know at `now`, though encryption works.
    pub fn doubt(&self, now: Timestamp) -> Option<String> {
        self.validity.at(now).doubt().map(|doubt| format!("the party's certificate {doubt}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::{Scratch, certificate, elliptic, rsa};

    fn load(pem: &[u8]) -> Result<PartyCertificate, KeyError> {
        let scratch = Scratch::new();
        PartyCertificate::load(&scratch.write("app.crt", pem))
    }

    #[test]
    fn a_certificate_is_loaded_and_its_end_told() {
        let key = rsa(2048);
        let own = certificate(&key, 10);
        let (now, pem) = (Timestamp::from_unix_millis(0), own.to_pem().unwrap());
        let loaded = load(&pem).unwrap();
        assert_eq!(loaded.certificate, own);
        assert!(loaded.doubt(now).is_some_and(|doubt| doubt.contains("is not valid before")));
        let end = loaded.validity.not_after();
        assert!(loaded.doubt(end).is_some_and(|doubt| doubt.contains("ended at")));
    }

    #[test]
    fn unfit_certificates_are_refused() {
        for (key, message) in [(elliptic(), "elliptic curve key"), (rsa(1024), "1024 bits")] {
            let error = load(&certificate(&key, 365).to_pem().unwrap()).err().unwrap();
            assert_eq!(error.field, KeyField::Certificate);
            assert!(error.message.contains(message) && error.help == ANOTHER, "{error}");
        }
        let error = load(b"not PEM").err().unwrap();
        assert!(error.message.contains("holds no certificate"), "{error}");
    }
}
