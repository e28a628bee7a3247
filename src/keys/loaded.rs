//! What makes a key and a certificate fit to sign with.

use std::path::Path;

use openssl::error::ErrorStack;
use openssl::pkey::{HasPublic, Id, PKey, PKeyRef, Private};
use openssl::x509::{X509, X509Ref};

use super::error::{KeyError, KeyField, Source};
use super::validity::{Term, Validity};
use super::{pem, pkcs12};
use crate::config::SigningFiles;
use crate::model::Timestamp;

/// An RSA key of 2048 bits or more and the certificate that belongs to it.
#[derive(Clone)]
pub struct LoadedKey {
    /// The private key.
    pub key: PKey<Private>,
    /// Its certificate.
    pub certificate: X509,
    /// The other certificates of the file, in its order.
    pub chain: Vec<X509>,
    certificate_pem: String,
    validity: Validity,
}

/// Reads the signing key, and holds it against what signing needs.
///
/// # Errors
/// The first thing that is wrong: an unreadable file, another format, a wrong password, a key that is not RSA or shorter
/// than 2048 bits, a certificate of another key. An expired certificate is no error but a [warning](LoadedKey::warnings).
pub fn load(files: &SigningFiles) -> Result<LoadedKey, KeyError> {
    match files {
        SigningFiles::Pem { certificate_file, private_key_file } => {
            let certificate_source = Source { file: certificate_file, field: KeyField::Certificate };
            let key_source = Source { file: private_key_file, field: KeyField::PrivateKey };
            let certificates = pem::certificates(certificate_source)?;
            let key = pem::private_key(key_source)?;
            join(key, certificates, key_source, certificate_source)
        }
        SigningFiles::Pkcs12 { file, password } => {
            let source = Source { file, field: KeyField::Pkcs12 };
            let (key, certificates) = pkcs12::read(source, password)?;
            join(key, certificates, source, source)
        }
    }
}

/// The certificates of a PEM file, in its order; at least one.
///
/// # Errors
/// A file that cannot be read, holds none, or a damaged one.
pub fn certificates(file: &Path) -> Result<Vec<X509>, KeyError> {
    pem::certificates(Source { file, field: KeyField::Certificate })
}

impl LoadedKey {
    /// When the certificate ends, Unix seconds.
    pub fn not_after_unix(&self) -> i64 {
        self.validity.not_after_unix()
    }

    /// The certificate in PEM, without its chain: what `/oamfed/idp/cert` answers.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// What an operator should know at `now`, though signing works.
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let term = self.validity.at(now);
        let consequence = match term {
            Term::Ended(_) => "; Entra and most service providers refuse its tokens",
            _ => "",
        };
        term.doubt().map(|doubt| format!("the signing certificate {doubt}{consequence}")).into_iter().collect()
    }
}

/// Bits of an RSA key: fewer can be broken.
pub const LEAST_BITS: u32 = 2048;
const MAKE_A_KEY: &str = "make a new one: openssl req -x509 -newkey rsa:2048 -nodes -days 1095 -subj /CN=signing -keyout signing.key -out signing.crt";

fn join(
    key: PKey<Private>,
    mut certificates: Vec<X509>,
    key_source: Source<'_>,
    certificate_source: Source<'_>,
) -> Result<LoadedKey, KeyError> {
    if key.id() != Id::RSA {
        let message = format!("is {}, and WS-Trust and SAML clients verify RSA signatures only", algorithm(&key));
        return Err(key_source.error(message, MAKE_A_KEY));
    }
    if key.bits() < LEAST_BITS {
        return Err(
            key_source.error(format!("is an RSA key of {} bits; {LEAST_BITS} is the least", key.bits()), MAKE_A_KEY)
        );
    }
    let own = certificates
        .iter()
        .position(|certificate| belongs(certificate, &key))
        .ok_or_else(|| key_source.strangers(certificate_source))?;
    let certificate = certificates.remove(own);
    let unreadable = |errors: ErrorStack| {
        certificate_source.openssl("holds a damaged certificate", &errors, "write the file again from its source")
    };
    Ok(LoadedKey {
        certificate_pem: String::from_utf8_lossy(&certificate.to_pem().map_err(unreadable)?).into_owned(),
        validity: Validity::of(&certificate).map_err(unreadable)?,
        key,
        certificate,
        chain: certificates,
    })
}

fn belongs(certificate: &X509Ref, key: &PKeyRef<Private>) -> bool {
    certificate.public_key().is_ok_and(|public| public.public_eq(key))
}

pub(super) fn algorithm<T: HasPublic>(key: &PKeyRef<T>) -> &'static str {
    match key.id() {
        Id::EC => "an elliptic curve key",
        Id::ED25519 | Id::ED448 => "an EdDSA key",
        Id::RSA_PSS => "an RSA key for PSS signatures only",
        Id::DSA => "a DSA key",
        _ => "not an RSA key",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::keys::testing::{Scratch, archive, certificate, elliptic, rsa};
    use crate::model::Password;

    fn load_pem(key: &PKey<Private>, certificates: &[&X509]) -> Result<LoadedKey, KeyError> {
        let scratch = Scratch::new();
        let pem: Vec<u8> = certificates.iter().flat_map(|certificate| certificate.to_pem().unwrap()).collect();
        load(&SigningFiles::Pem {
            certificate_file: scratch.write("signing.crt", &pem),
            private_key_file: scratch.write("signing.key", &key.private_key_to_pem_pkcs8().unwrap()),
        })
    }

    fn refused(result: Result<LoadedKey, KeyError>) -> KeyError {
        result.err().expect("refused")
    }

    #[test]
    fn a_pair_is_loaded_and_its_certificate_found_in_any_order() {
        let (key, other) = (rsa(2048), rsa(2048));
        let (own, ca) = (certificate(&key, 365), certificate(&other, 365));
        for order in [[&own, &ca], [&ca, &own]] {
            let loaded = load_pem(&key, &order).unwrap();
            assert_eq!(loaded.certificate_pem().as_bytes(), own.to_pem().unwrap());
            assert_eq!(loaded.chain.len(), 1);
            assert!(loaded.key.public_eq(&key));
        }
    }

    #[test]
    fn pkcs12_is_loaded() {
        let key = rsa(2048);
        let scratch = Scratch::new();
        let file = scratch.write("signing.p12", &archive(&key, &certificate(&key, 365), "changeit"));
        let loaded = load(&SigningFiles::Pkcs12 { file, password: Password::new("changeit") }).unwrap();
        assert!(loaded.key.public_eq(&key) && loaded.chain.is_empty());
    }

    #[test]
    fn unfit_keys_are_refused() {
        let (good, short, curve) = (rsa(2048), rsa(1024), elliptic());
        for (key, certified, field, message) in [
            (&curve, &curve, KeyField::PrivateKey, "is an elliptic curve key"),
            (&short, &short, KeyField::PrivateKey, "is an RSA key of 1024 bits"),
            (&good, &short, KeyField::PrivateKey, "/signing.crt"),
        ] {
            let error = refused(load_pem(key, &[&certificate(certified, 365)]));
            assert_eq!(error.field, field, "{error}");
            assert!(error.message.contains(message) && error.help.contains("openssl"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let scratch = Scratch::new();
        let missing = scratch.path("missing.crt");
        let error =
            refused(load(&SigningFiles::Pem { certificate_file: missing.clone(), private_key_file: missing.clone() }));
        assert_eq!((error.field, &error.file), (KeyField::Certificate, &missing));
        assert!(error.to_string().starts_with(missing.to_str().unwrap()), "{error}");
    }

    #[test]
    fn an_expired_certificate_is_a_warning() {
        let key = rsa(2048);
        let loaded = load_pem(&key, &[&certificate(&key, 365)]).unwrap();
        let end = Timestamp::from_unix_millis(loaded.not_after_unix() * 1000);
        let days = |count: u64| Duration::from_secs(count * 86_400);
        for (now, expected) in [
            (end, Some("ended at")),
            (end.minus(days(10)), Some("in 10 days")),
            (end.minus(days(31)), None),
            (end.minus(days(400)), Some("not valid before")),
        ] {
            let warnings = loaded.warnings(now);
            assert_eq!(warnings.len(), usize::from(expected.is_some()), "{warnings:?}");
            assert!(warnings.iter().zip(expected).all(|(text, part)| text.contains(part)), "{warnings:?}");
        }
    }
}
